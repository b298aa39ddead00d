//! Redaction: a whole run with everything logged, and not one number, text or secret in it.

use crate::log::Log;
use crate::stage::{Stage, TOKEN, phone, wire};
use crate::world::World;
use local::demo::Moods;
use shared::twilio::signature;
use std::time::Duration;

#[tokio::test]
async fn no_log_line_at_any_level_holds_a_number_a_text_or_a_secret() {
    let log = Log::listen();

    let world = World::start(Moods { staff: 30, chaos: true, latency: Duration::ZERO, seed: 3 }).await;
    let progress = world.settle().await;

    let log = log.text();
    assert!(log.contains("\"polled\"") && log.contains("accepted"), "nothing was logged: {log}");
    assert!(progress.stories.len() > 30);
    for (_, story) in &progress.stories {
        let created = story.created().unwrap();
        for secret in [created.to.as_ref().map(|to| to.e164().trim_start_matches('+').to_owned()), created.body.clone()]
            .into_iter()
            .flatten()
        {
            assert!(!log.contains(&secret), "in a log: {secret}");
        }
    }
    for secret in ["demo-auth-token", local::demo::PORTAL_TOKEN, local::peoplesoft::demo::PASSWORD] {
        assert!(!log.contains(secret), "in a log: {secret}");
    }
    let facts = format!("{:?}", progress.stories);
    for (_, story) in &progress.stories {
        let created = story.created().unwrap();
        assert!(
            created.to.as_ref().is_none_or(|to| !facts.contains(to.e164()))
                && created.body.as_ref().is_none_or(|body| !facts.contains(body))
        );
    }
}

#[tokio::test]
async fn of_a_request_from_a_stranger_nothing_is_logged_that_they_chose() {
    let log = Log::listen();
    let stage = Stage::new().await;
    let tenant = stage.tenant("known", |_| ());
    let number = phone(42).e164().trim_start_matches('+').to_owned();
    for name in [number.clone(), format!("+{number}"), format!("x{number}"), format!("call {number}")] {
        for route in ["status", "inbound", "events", &number] {
            let url = format!("{}/twilio/{name}/{route}?n={number}", stage.callbacks.url);
            let answer = wire::client().post(url).header(&number, &number).body(number.clone()).send().await.unwrap();
            assert_eq!(answer.status().as_u16(), if route == number { 404 } else { 403 });
        }
    }
    // Of a tenant of ours it is said which route was tried, and nothing else.
    assert_eq!(forged(&stage, &format!("/twilio/{tenant}/inbound?to={number}"), &number).await, 403);
    let log = log.text();
    let refused: Vec<_> = log.lines().filter(|line| line.contains("request refused")).collect();
    assert_eq!(refused.len(), 13, "{log}");
    assert!(refused[12].contains("\"tenant\":\"known\"") && refused[12].contains("\"route\":\"inbound\""));
    assert!(refused.iter().all(|line| !line.contains(&number)), "{log}");
}

/// Posts a form of another account than the document's, signed well.
async fn forged(stage: &Stage, path: &str, body: &str) -> u16 {
    let params = [
        ("AccountSid".to_owned(), "AC00000000000000000000000000000009".to_owned()),
        ("Body".to_owned(), body.to_owned()),
    ];
    let url = format!("{}{path}", stage.callbacks.url);
    let signed = signature::sign(TOKEN, &url, &params);
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(&params).finish();
    let request = wire::client().post(url).header("content-type", "application/x-www-form-urlencoded");
    request.header(signature::HEADER, signed).body(form).send().await.unwrap().status().as_u16()
}
