//! Callbacks: doubled, reordered, before the outcome was written, forged, for a tenant that doesn't exist.

use crate::stage::Stage;
use crate::world::World;
use local::demo::Demo;
use shared::gateway;
use shared::ledger::read::Consistency;
use shared::metrics::Metrics;
use shared::notification::{NotificationId, State};
use shared::twilio::signature;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// What Twilio sends when it has delivered a message.
fn delivered(sid: &str) -> Vec<(String, String)> {
    let own =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    own(&[
        ("AccountSid", "AC00000000000000000000000000000001"),
        ("MessageSid", sid),
        ("SmsSid", sid),
        ("MessageStatus", "delivered"),
        ("SmsStatus", "delivered"),
        ("ApiVersion", "2010-04-01"),
    ])
}

/// Posts a status callback; answers the status and how many facts the ledger has of the notification.
async fn post(world: &World, tenant: &str, query: &str, params: &[(String, String)], signed_with: Option<&str>) -> u16 {
    let path = format!("/twilio/{tenant}/status?{query}");
    let signature =
        signed_with.map(|token| signature::sign(token, &format!("{}{path}", world.stack.callback_base_url()), params));
    let body: String = params
        .iter()
        .map(|(name, value)| format!("{name}={}", value.replace('+', "%2B")))
        .collect::<Vec<_>>()
        .join("&");
    let mut request = reqwest::Client::new()
        .post(format!("http://{}{path}", world.stack.address()))
        .header("content-type", "application/x-www-form-urlencoded; charset=UTF-8")
        .body(body);
    if let Some(signature) = signature {
        request = request.header("x-twilio-signature", signature);
    }
    request.send().await.unwrap().status().as_u16()
}

async fn facts(world: &World, id: &NotificationId) -> usize {
    world.stack.ledger().story(&world.tenant(), id, Consistency::Strong).await.unwrap().facts.len()
}

const TOKEN: &str = local::demo::AUTH_TOKEN;
const SID: &str = "SM0123456789abcdef0123456789abcdef";

#[tokio::test(flavor = "multi_thread")]
async fn doubled_and_reordered_callbacks_come_to_the_same_end() {
    let world = World::of_with(60, |demo| {
        demo.twilio.change(|settings| {
            settings.callbacks.shuffled = true;
            settings.callbacks.doubled = 1.0;
        });
    })
    .await;
    let progress = world.settle().await;
    world.demo.twilio.idle().await;
    let mut sent: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for callback in world.demo.twilio.callbacks().into_iter().filter(|callback| callback.sid.starts_with("SM")) {
        sent.entry(callback.sid).or_default().push(callback.status);
    }
    assert!(sent.len() > 40, "{} texts", sent.len());
    for (sid, statuses) in sent {
        let rank = |status: &String| ["queued", "sent", "delivered"].iter().position(|known| known == status).unwrap();
        assert!(!statuses.is_sorted_by_key(rank), "{sid} is in order: {statuses:?}");
        for status in &statuses {
            assert_eq!(statuses.iter().filter(|other| *other == status).count(), 2, "{sid}: {statuses:?}");
        }
    }
    assert!(world.prove(&progress).holds());
    assert!(
        progress.states(world.clock.now()).keys().all(|state| matches!(state, State::Delivered | State::Suppressed))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_longer_than_anything_of_twilios_is_not_read_and_a_long_one_is_kept() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("large", |_| ());
    let id = stage.create(&tenant, |_| ()).await;
    for (length, answer) in [(500_000, 403), (66_000, 403), (60_000, 204)] {
        let large = "x".repeat(length);
        assert_eq!(stage.report(&tenant, &id, 1, (SID, "delivered"), &[("Odd", &large)]).await, answer, "{length}");
    }
    assert_eq!(stage.state(&tenant, &id).await, State::Delivered);
    assert_eq!(stage.story(&tenant, &id).await.tried()[&1].reports[0].fields["Odd"].as_str().unwrap().len(), 60_000);
    let lines = stage.lines.lock().unwrap().join("\n");
    assert_eq!(lines.matches(r#""Forged":1,"reason":"size""#).count(), 2, "{lines}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_accounts_callback_is_refused_and_counted_apart_from_forged_ones() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("wrong", |document| {
        document["twilio"]["account_sid"] = "AC00000000000000000000000000000009".into();
    });
    let id = stage.create(&tenant, |_| ()).await;
    assert_eq!(stage.report(&tenant, &id, 1, (SID, "delivered"), &[]).await, 403);
    let lines = stage.lines.lock().unwrap().join("\n");
    assert!(lines.contains(r#""Forged":1,"reason":"account_sid""#), "{lines}");
    assert!(stage.story(&tenant, &id).await.tried().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_before_the_outcome_is_evidence_enough() {
    let world = World::of(5).await;
    world.settle().await;
    // Nobody on our side has ever heard of this notification: Twilio signed our URL all the same.
    let id = NotificationId::parse("abcdefghijklm-abcdefghijklmnop").unwrap();
    assert_eq!(post(&world, local::demo::TENANT, &format!("n={id}&a=1"), &delivered(SID), Some(TOKEN)).await, 204);
    assert_eq!(post(&world, local::demo::TENANT, &format!("n={id}&a=1"), &delivered(SID), Some(TOKEN)).await, 204);
    let story = world.stack.ledger().story(&world.tenant(), &id, Consistency::Strong).await.unwrap();
    assert_eq!(story.facts.len(), 1);
    let standing = story.standing(world.clock.now());
    assert_eq!((standing.state, standing.sid.as_deref()), (State::Delivered, Some(SID)));
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_not_signed_for_us_is_refused_and_leaves_no_trace() {
    let world = World::of(5).await;
    world.settle().await;
    let id = NotificationId::parse("abcdefghijklm-abcdefghijklmnop").unwrap();
    let (good, params) = (format!("n={id}&a=1"), delivered(SID));
    let mut other_account = params.clone();
    other_account[0].1 = "AC99999999999999999999999999999999".to_owned();
    let both_accounts: Vec<_> = params.iter().chain(&other_account[..1]).cloned().collect();
    let tenant = local::demo::TENANT;
    for (what, tenant, query, params, token, expect) in [
        ("unsigned", tenant, good.as_str(), &params, None, 403),
        ("signed with another token", tenant, good.as_str(), &params, Some("somebody-elses-token"), 403),
        ("signed with nothing", tenant, good.as_str(), &params, Some(""), 403),
        ("for another account", tenant, good.as_str(), &other_account, Some(TOKEN), 403),
        ("for two accounts", tenant, good.as_str(), &both_accounts, Some(TOKEN), 403),
        ("for a tenant that isn't", "nobody", good.as_str(), &params, Some(TOKEN), 403),
        ("for a name that can't be", "No-Body", good.as_str(), &params, Some(TOKEN), 403),
        ("without n", tenant, "a=1", &params, Some(TOKEN), 400),
        ("without a", tenant, &format!("n={id}"), &params, Some(TOKEN), 400),
        ("with attempt 0", tenant, &format!("n={id}&a=0"), &params, Some(TOKEN), 400),
        ("with an n that can't be", tenant, "n=..%2F&a=1", &params, Some(TOKEN), 400),
        ("without a sid", tenant, good.as_str(), &params[3..].to_vec(), Some(TOKEN), 400),
    ] {
        assert_eq!(post(&world, tenant, query, params, token).await, expect, "{what}");
        assert_eq!(facts(&world, &id).await, 0, "{what}");
    }
    // Altered on the way.
    let path = format!("/twilio/{tenant}/status?{good}");
    let signature = signature::sign(TOKEN, &format!("{}{path}", world.stack.callback_base_url()), &params);
    let altered = "AccountSid=AC00000000000000000000000000000001&MessageSid=SM0123456789abcdef0123456789abcdef&MessageStatus=failed";
    let answer = reqwest::Client::new()
        .post(format!("http://{}{path}", world.stack.address()))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("x-twilio-signature", signature)
        .body(altered)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status().as_u16(), 403);
    assert_eq!(facts(&world, &id).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_callbacks_among_true_ones_change_nothing() {
    let all_forged = |demo: &Demo| demo.twilio.change(|settings| settings.callbacks.forged = 1.0);
    let world = World::of_with(40, all_forged).await;
    let progress = world.settle().await;
    world.demo.twilio.idle().await;
    let forged: Vec<_> = world.demo.twilio.callbacks().into_iter().filter(|callback| callback.forged).collect();
    assert!(forged.len() > 10);
    // On a busy machine one may go unanswered; what is answered is refused.
    let refused = |answer: &Option<u16>| matches!(answer, None | Some(403));
    let taken: Vec<_> = forged.iter().filter(|callback| !callback.answers.iter().all(refused)).collect();
    assert!(forged.iter().any(|callback| callback.answers.contains(&Some(403))));
    assert!(taken.is_empty(), "{taken:?}");
    // They all claim a failure.
    for (_, story) in &progress.stories {
        let statuses: Vec<_> =
            story.tried().values().flat_map(|one| &one.reports).map(|report| &report.status).collect();
        assert!(!statuses.iter().any(|status| *status == "failed"), "{story:#?}");
    }
    let states = progress.states(world.clock.now());
    assert!(states.keys().all(|state| matches!(state, State::Delivered | State::Suppressed)), "{states:?}");
}

/// What a distribution or a proxy that drops headers makes of every callback.
#[tokio::test(flavor = "multi_thread")]
async fn callbacks_that_arrive_without_their_signature_ring_and_those_of_nobody_we_know_dont() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("bare", |_| ());
    let lines = Arc::<Mutex<Vec<String>>>::default();
    let heard = Arc::clone(&lines);
    let deps = callback::Deps {
        ledger: stage.ledger.clone(),
        tenants: Arc::clone(&stage.tenants),
        clock: stage.time.clock(),
        callback_base_url: "https://callbacks.example.org".to_owned(),
        metrics: Metrics::to(stage.time.clock(), move |line| heard.lock().unwrap().push(line)),
    };
    for name in [tenant.as_str(), "nobody"] {
        let request = gateway::Request {
            method: http::Method::POST,
            path: format!("/twilio/{name}/status"),
            query: String::new(),
            headers: http::HeaderMap::new(),
            body: Vec::new(),
        };
        assert_eq!(callback::respond(&deps, request).await.status, 403, "{name}");
    }
    let lines = lines.lock().unwrap();
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert!(line.contains(r#""tenant":"bare","Forged":1,"reason":"signature""#), "{line}");
}
