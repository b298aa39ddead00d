//! Redaction: a whole run with everything logged, and not one number, text or secret in it.

use crate::aws::answering;
use crate::log::Log;
use crate::stage::{Stage, TOKEN, phone, wire};
use crate::world::World;
use http::StatusCode;
use local::demo::Moods;
use serde_json::json;
use shared::clock::Clock;
use shared::ledger::read::Consistency;
use shared::ledger::{Ledger, scan};
use shared::notification::NotificationId;
use shared::settings::TENANT_SECRET_PREFIX;
use shared::tenant::{TenantId, Tenants, store};
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
    for secret in [local::demo::AUTH_TOKEN, local::demo::PORTAL_TOKEN, local::peoplesoft::demo::PASSWORD] {
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

/// The SDK's own text of such an answer has all of it.
#[tokio::test]
async fn an_answer_of_aws_that_can_not_be_read_is_not_told() {
    let log = Log::listen();
    let url = answering(|target, _| {
        let secret = json!({"Name": "s", "SecretString": "hunter2 +13125550142", "CreatedDate": {"not": "a date"}});
        let answer = match target {
            "secretsmanager.ListSecrets" => json!({"SecretList": [{"Name": format!("{TENANT_SECRET_PREFIX}mercy")}]}),
            "secretsmanager.BatchGetSecretValue" => json!({"SecretValues": [secret]}),
            "secretsmanager.GetSecretValue" => secret,
            _ => json!({"Items": [{"pk": {"S": "mercy#phone#+13125550142"}}], "Count": "hunter2"}),
        };
        (StatusCode::OK, answer)
    });
    let config = local::stack::sdk_config(url.await).await;
    let secrets = aws_sdk_secretsmanager::Client::new(&config);
    let tenants = Tenants::new(secrets, TENANT_SECRET_PREFIX.to_owned(), Clock::system(), store::MAX_AGE);
    let ledger = Ledger::new(aws_sdk_dynamodb::Client::new(&config), "ledger".to_owned());
    let mercy = TenantId::parse("mercy").unwrap();
    let notification = NotificationId::parse("abcdefghijklm-abcdefghijklmnop").unwrap();
    let errors = [
        tenants.get(&mercy).await.err().unwrap().to_string(),
        tenants.list().await.err().unwrap().to_string(),
        tenants.signing_tokens_afresh(&mercy).await.err().unwrap().to_string(),
        ledger.story(&mercy, &notification, Consistency::Strong).await.err().unwrap().to_string(),
        scan::tenant(&ledger, &mercy, Clock::system().now(), |_| ()).await.err().unwrap().to_string(),
    ];
    for text in errors.iter().chain([&log.text()]) {
        assert!(!text.contains("hunter2") && !text.contains("3125550142"), "{text}");
    }
    for error in &errors {
        assert!(error.ends_with("its answer (HTTP 200) can't be read"), "{error}");
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
