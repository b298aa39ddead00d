//! One tenant's trouble stays in that tenant.

use crate::aws::{answering, falling_silent, refused};
use crate::stage::wire::Wire;
use crate::stage::{MORNING, Stage, Time};
use crate::world::{OFTEN, start_stack, until_still};
use http::StatusCode;
use local::demo::{Demo, Moods};
use local::peoplesoft::{Fault, Rule};
use serde_json::{Value, json};
use shared::clock::Clock;
use shared::notification::State;
use shared::settings::TENANT_SECRET_PREFIX;
use shared::tenant::{TenantId, Tenants, store};
use shared::timing::Timing;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// A directory with the documents of several demo hospitals under names of their own.
fn together(hospitals: &[(&str, &Demo)]) -> TempDir {
    let directory = TempDir::new().unwrap();
    for (name, demo) in hospitals {
        let document = demo.tenants().join(format!("{}.json", local::demo::TENANT));
        std::fs::copy(document, directory.path().join(format!("{name}.json"))).unwrap();
    }
    directory
}

async fn hospital(staff: usize) -> Demo {
    Demo::start(&Moods { staff, latency: Duration::ZERO, ..Moods::default() }, Clock::system(), None).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_with_a_broken_peoplesoft_and_one_with_a_broken_document_hold_nobody_up() {
    let (clock, timing) = (Clock::system(), Timing::with_patience(Duration::from_secs(4)));
    let (healthy, broken) = (hospital(40).await, hospital(40).await);
    broken.peoplesoft.faults().set(Rule::always(Fault::Html));
    let directory = together(&[("healthy", &healthy), ("broken", &broken)]);
    std::fs::write(directory.path().join("nonsense.json"), "{\"events\": 7}").unwrap();
    let stack = start_stack(directory.path(), &timing, &clock, OFTEN).await;
    let progress = until_still(&stack, &timing, &clock).await;
    assert!(healthy.twilio.accepted().len() > 35);
    assert!(broken.twilio.accepted().is_empty());
    assert!(progress.stories.iter().all(|(tenant, _)| tenant.as_str() == "healthy"));
    assert!(progress.states(clock.now()).keys().all(|state| matches!(state, State::Delivered | State::Suppressed)));
    let named: Vec<&str> = progress.broken.iter().map(|(name, _)| name.as_str()).collect();
    assert!(!named.is_empty() && named.iter().all(|name| name.starts_with("broken/")), "{named:?}");
    let [(unusable, why)] = progress.unusable.as_slice() else { panic!("{:?}", progress.unusable) };
    assert!(unusable == "nonsense" && why.contains("peoplesoft"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_with_the_same_people_know_nothing_of_each_other() {
    let (clock, timing) = (Clock::system(), Timing::with_patience(Duration::from_secs(4)));
    let (one, other) = (hospital(30).await, hospital(30).await);
    let directory = together(&[("one", &one), ("other", &other)]);
    let stack = start_stack(directory.path(), &timing, &clock, OFTEN).await;
    until_still(&stack, &timing, &clock).await;
    assert_eq!(one.twilio.accepted().len(), other.twilio.accepted().len());
    assert!(one.twilio.doubled().is_empty() && other.twilio.doubled().is_empty());
}

#[tokio::test]
async fn a_document_that_is_fetched_again_and_says_the_same_is_the_same() {
    let hands = crate::polling::Hands::at("2026-03-17T21:00:00Z");
    let mut document = crate::polling::document();
    document["peoplesoft"]["base_url"] = serde_json::json!("http://127.0.0.1:9/PSIGW/RESTListeningConnector/N");
    let office = crate::polling::Office::open(hands, &[("clinic".to_owned(), document.clone())]).await;
    let get = async || {
        office.hands.advance(3600); // long past its age
        office.deps.tenants.list().await.unwrap().remove(0).1.unwrap()
    };
    // PeopleSoft's token and the bound on requests at once belong to the document, and outlive the fetch.
    let (first, second) = (get().await, get().await);
    assert!(std::sync::Arc::ptr_eq(&first, &second));
    document["display_name"] = serde_json::json!("Another");
    office.rewrite("clinic", &document);
    let third = get().await;
    assert!(!std::sync::Arc::ptr_eq(&first, &third) && third.display_name == "Another");
}

const DOCUMENT: &str = r#"{"peoplesoft": {"host": "hr.example.org", "node": "PSFT_HR", "time_zone": "UTC",
    "auth": {"type": "basic", "oprid": "NOTIFY", "password": "p"}},
    "twilio": {"account_sid": "AC00000000000000000000000000000001", "auth_token": "t"}, "events": []}"#;

fn name(tenant: &str) -> String {
    format!("{TENANT_SECRET_PREFIX}{tenant}")
}

fn secret(tenant: &str) -> Value {
    json!({"Name": name(tenant), "SecretString": DOCUMENT, "VersionStages": ["AWSCURRENT"]})
}

/// Secrets Manager with three tenants: one whose secret opens, one whose key was disabled, one that was marked for deletion
/// after it was listed.
fn secrets(target: &str, body: &str) -> (StatusCode, Value) {
    match target {
        "secretsmanager.ListSecrets" => {
            let names = ["deleted", "locked", "open"].map(|tenant| json!({"Name": name(tenant)}));
            (StatusCode::OK, json!({"SecretList": names}))
        }
        "secretsmanager.BatchGetSecretValue" => {
            let error = |tenant, code| json!({"SecretId": name(tenant), "ErrorCode": code});
            let errors = [error("locked", "DecryptionFailure"), error("deleted", "InvalidRequestException")];
            (StatusCode::OK, json!({"SecretValues": [secret("open")], "Errors": errors}))
        }
        _ if body.contains(&name("locked")) => refused("DecryptionFailure"),
        _ if body.contains(&name("deleted")) => refused("InvalidRequestException"),
        _ => (StatusCode::OK, secret("open")),
    }
}

async fn tenants_of(url: String, clock: Clock) -> Tenants {
    let client = aws_sdk_secretsmanager::Client::new(&local::stack::sdk_config(url).await);
    Tenants::new(client, TENANT_SECRET_PREFIX.to_owned(), clock, store::MAX_AGE)
}

#[tokio::test]
async fn secrets_that_can_not_be_read_together_are_read_one_by_one() {
    let secrets = answering(|target, body| match target {
        "secretsmanager.BatchGetSecretValue" => refused("AccessDeniedException"),
        target => secrets(target, body),
    });
    let tenants = tenants_of(secrets.await, Clock::system()).await;
    let listed = tenants.list().await.unwrap();
    let usable: Vec<_> = listed.iter().map(|(id, document)| (id.as_str(), document.is_ok())).collect();
    assert_eq!(usable, [("locked", false), ("open", true)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_does_not_open_is_its_tenants_trouble_alone() {
    let mut stage = Stage::new().await;
    let tenants = tenants_of(answering(secrets).await, stage.time.clock()).await;
    let listed = tenants.list().await.unwrap();
    let usable: Vec<_> = listed.iter().map(|(id, document)| (id.as_str(), document.is_ok())).collect();
    assert_eq!(usable, [("locked", false), ("open", true)]);
    let locked = TenantId::parse("locked").unwrap();
    let why = tenants.get(&locked).await.err().unwrap();
    assert!(matches!(why, store::Error::Invalid(..)) && why.to_string().contains("DecryptionFailure"), "{why}");

    // Their records don't go back to the stream, where they would hold up everybody behind them.
    for name in ["locked", "deleted"] {
        let tenant = stage.tenant(name, |_| ());
        stage.create(&tenant, |_| ()).await;
    }
    stage.send.tenants = std::sync::Arc::new(tenants);
    assert_eq!(stage.send().await, 2);
    assert_eq!(stage.twilio.requests(), 0);
}

#[tokio::test]
async fn a_secrets_manager_that_never_answers_leaves_all_known_tenants_as_they_are() {
    let (time, wire) = (Time::at(MORNING), Wire::new());
    let silent = Arc::new(AtomicBool::new(false));
    let answered = answering(|target, body| match target {
        "secretsmanager.ListSecrets" => {
            let names = ["a", "b", "c"].map(|tenant| json!({"Name": name(tenant)}));
            (StatusCode::OK, json!({"SecretList": names}))
        }
        "secretsmanager.BatchGetSecretValue" => {
            (StatusCode::OK, json!({"SecretValues": [secret("a"), secret("b"), secret("c")]}))
        }
        _ => panic!("{body}"),
    });
    let url = wire.in_front_of(falling_silent(answered.await, Arc::clone(&silent)).await);
    let tenants = tenants_of(url, time.clock()).await;
    assert_eq!(tenants.list().await.unwrap().len(), 3);
    silent.store(true, Ordering::SeqCst);
    time.pass(store::MAX_AGE);
    let asked = wire.passed().len();
    for _ in 0..3 {
        assert!(tenants.list().await.unwrap().iter().all(|(_, document)| document.is_ok()));
    }
    assert!(wire.passed().len() <= asked + 1, "{} requests", wire.passed().len() - asked);
}

#[tokio::test]
async fn a_secret_that_opens_no_longer_is_an_answer_and_its_copy_does_not_serve_on() {
    let (time, locked) = (Time::at(MORNING), Arc::new(AtomicBool::new(false)));
    let is_locked = Arc::clone(&locked);
    let answered = answering(move |_, _| {
        if is_locked.load(Ordering::SeqCst) { refused("DecryptionFailure") } else { (StatusCode::OK, secret("open")) }
    });
    let (tenants, id) = (tenants_of(answered.await, time.clock()).await, TenantId::parse("open").unwrap());
    assert!(tenants.get(&id).await.unwrap().is_some());
    locked.store(true, Ordering::SeqCst);
    assert!(tenants.get(&id).await.unwrap().is_some(), "not asked again while the copy is fresh");
    time.pass(store::MAX_AGE);
    assert!(matches!(tenants.get(&id).await, Err(store::Error::Invalid(..))));
    locked.store(false, Ordering::SeqCst);
    assert!(tenants.get(&id).await.unwrap().is_some());
}
