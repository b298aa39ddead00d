//! Metrics: every line is CloudWatch's embedded metric format, says what happened, and holds nothing about a person.

use crate::polling::{Clinic, event, query};
use crate::stage::{Stage, phone};
use local::twilio::{Fault, Operation, Rule, Trouble, When};
use serde_json::Value;
use shared::clock::Clock;
use shared::metrics::Metrics;
use shared::notification::State;
use shared::phone::Channel;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Checks a line against AWS's specification of the format, and answers the metric's name.
fn checked(line: &str) -> String {
    let line: Value = serde_json::from_str(line).unwrap();
    let root = line.as_object().unwrap();
    let directive = &root["_aws"];
    let timestamp = directive["Timestamp"].as_i64().unwrap();
    assert!((1_700_000_000_000..2_000_000_000_000).contains(&timestamp), "milliseconds since 1970: {timestamp}");
    let [metrics] = directive["CloudWatchMetrics"].as_array().unwrap().as_slice() else { panic!("{line}") };
    assert_eq!(metrics["Namespace"], shared::metrics::NAMESPACE);
    for set in metrics["Dimensions"].as_array().unwrap() {
        let names = set.as_array().unwrap();
        assert!((1..=30).contains(&names.len()));
        for name in names {
            let value = root[name.as_str().unwrap()].as_str().unwrap();
            assert!((1..=1024).contains(&value.len()) && value.is_ascii(), "{line}");
        }
    }
    let [metric] = metrics["Metrics"].as_array().unwrap().as_slice() else { panic!("{line}") };
    let name = metric["Name"].as_str().unwrap();
    assert!(root[name].as_u64().is_some(), "{line}");
    assert!(["Count", "Milliseconds"].contains(&metric["Unit"].as_str().unwrap()));
    let expected: BTreeSet<&str> = ["_aws", "tenant", "reason", name].into();
    assert!(root.keys().all(|key| expected.contains(key.as_str())), "{line}");
    name.to_owned()
}

fn latencies(stage: &Stage, name: &str) -> Vec<u64> {
    let lines = stage.lines.lock().unwrap();
    let values = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).unwrap()[name].as_u64());
    values.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_is_a_metric_and_none_is_about_a_person() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("measured", |_| ());
    stage.twilio.change(|settings| {
        settings.undeliverable.insert(phone(1).e164().to_owned(), 30006);
        let strike = |number, fault| Rule::on_create(When::Next(4), fault).only_to(phone(number).e164());
        settings.faults.rules = vec![
            strike(2, Fault::before(Trouble::TooManyRequests(None))),
            strike(3, Fault::after_accepting(Trouble::Status(500))),
            strike(4, Fault::before(Trouble::Code(21211))),
            Rule::on(Operation::MessageCreate, When::Next(1), Fault::before(Trouble::Code(20003)))
                .only_to(phone(5).e164()),
        ];
    });
    for number in 0..6 {
        stage.create(&tenant, |created| created.escalate_after_minutes = (number == 1).then_some(15)).await;
        stage.send().await;
    }
    stage.texts(&tenant, &phone(6), "STOP").await;
    stage.create(&tenant, |_| ()).await;
    stage.minutes(&tenant, 60).await;
    stage.post(&format!("/twilio/{tenant}/status?n=x&a=1"), &[("AccountSid", "AC0")]).await;
    let names: BTreeSet<String> = stage.lines.lock().unwrap().iter().map(|line| checked(line)).collect();
    for name in [
        "Accepted",
        "Delivered",
        "Failed",
        "InDoubt",
        "Deferred",
        "Closed",
        "AccountTrouble",
        "Escalated",
        "Inbound",
        "EventToAccepted",
        "AcceptedToDelivered",
    ] {
        assert!(names.contains(name), "{name} is missing among {names:?}");
    }
    let text = stage.lines.lock().unwrap().join("\n");
    for number in 0..8 {
        assert!(!text.contains(&phone(number).e164()[1..]), "a phone number in a metric");
    }
    assert!(!text.contains("Text number") && !text.contains("E00000"), "a person in a metric");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_delivery_is_counted_and_measured_once_however_often_it_is_told_and_looked_at() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("once", |_| ());
    stage.twilio.change(|settings| {
        settings.callbacks.doubled = 1.0;
        settings.steps = Duration::from_hours(9)..=Duration::from_hours(9);
    });
    let start = stage.time.now();
    let id = stage.create(&tenant, |created| created.occurred_at = start - jiff::SignedDuration::from_secs(40)).await;
    stage.send().await;
    let sid = stage.standing(&tenant, &id).await.sid.unwrap();
    stage.time.pass(Duration::from_secs(7));
    for status in ["delivered", "sent", "delivered", "read"] {
        stage.report(&tenant, &id, 1, (&sid, status), &[]).await;
    }
    for _ in 0..30 {
        stage.time.pass(Duration::from_mins(1));
        stage.sweep(&tenant).await;
    }
    assert_eq!(stage.state(&tenant, &id).await, State::Delivered);
    assert_eq!(stage.counted()["Delivered"], 1);
    assert_eq!(latencies(&stage, "EventToAccepted"), [40_000]);
    assert_eq!(latencies(&stage, "AcceptedToDelivered"), [7_000]);
}

/// How often what happened, and for what reason.
fn counts<'a>(lines: impl IntoIterator<Item = &'a String>) -> BTreeMap<(String, String, String), u64> {
    let mut counts = BTreeMap::new();
    for line in lines {
        let name = checked(line);
        let line: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        if line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Unit"] == "Count" {
            *counts.entry((text("tenant"), name.clone(), text("reason"))).or_default() += line[&name].as_u64().unwrap();
        }
    }
    counts
}

fn check(counts: &BTreeMap<(String, String, String), u64>, expect: &[(&str, &str, &str, u64)]) {
    let told: Vec<_> = counts
        .iter()
        .map(|((tenant, name, why), count)| (tenant.as_str(), name.as_str(), why.as_str(), *count))
        .collect();
    assert_eq!(told, expect);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_counted_by_tenant_and_reason() {
    let stage = Stage::new().await;
    let (one, other) = (stage.tenant("one", |_| ()), stage.tenant("other", |_| ()));
    stage.twilio.change(|settings| {
        settings.undeliverable.insert(phone(1).e164().to_owned(), 30006);
        let strike = |number, fault| Rule::on_create(When::Next(4), fault).only_to(phone(number).e164());
        settings.faults.rules = vec![
            strike(2, Fault::before(Trouble::TooManyRequests(None))),
            strike(3, Fault::before(Trouble::Status(500))),
            strike(4, Fault::before(Trouble::Code(21211))),
        ];
    });
    for _ in 0..5 {
        stage.create(&one, |_| ()).await; // delivered, undelivered, deferred, in doubt, refused
    }
    stage.create(&one, |created| created.channel = Channel::Voice).await;
    stage.texts(&other, &phone(6), "STOP").await;
    stage.create(&other, |_| ()).await; // opted out
    stage.create(&other, |_| ()).await;
    stage.send().await;
    stage.twilio.idle().await;
    check(
        &counts(&*stage.lines.lock().unwrap()),
        &[
            ("one", "Accepted", "sms", 2),
            ("one", "Accepted", "voice", 1),
            ("one", "Deferred", "20429", 1),
            ("one", "Delivered", "sms", 1),
            ("one", "Delivered", "voice", 1),
            ("one", "Failed", "21211", 1),
            ("one", "Failed", "30006", 1),
            ("one", "InDoubt", "", 1),
            ("other", "Accepted", "sms", 1),
            ("other", "Closed", "opted_out", 1),
            ("other", "Delivered", "sms", 1),
            ("other", "Inbound", "stop", 1),
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_only_callbacks_tell_of_is_counted_as_accepted_and_delivered_once() {
    for words in [["read", "read"], ["delivered", "read"], ["read", "delivered"]] {
        let stage = Stage::new().await;
        let tenant = stage.tenant("told", |_| ());
        stage.callbacks.switch(false);
        let lost = Rule::on_create(When::Always, Fault::after_accepting(Trouble::Reset));
        stage.twilio.change(|settings| settings.faults.rules = vec![lost]);
        let id = stage.create(&tenant, |_| ()).await;
        stage.send().await;
        stage.twilio.idle().await;
        stage.callbacks.switch(true);
        let sid = stage.twilio.accepted()[0].sid.clone();
        for word in words {
            assert_eq!(stage.report(&tenant, &id, 1, (&sid, word), &[]).await, 204);
        }
        for _ in 0..30 {
            stage.time.pass(Duration::from_mins(1));
            stage.sweep(&tenant).await;
        }
        check(
            &counts(&*stage.lines.lock().unwrap()),
            &[("told", "Accepted", "sms", 1), ("told", "Delivered", "sms", 1), ("told", "InDoubt", "", 1)],
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_found_on_twilios_list_is_counted_as_accepted_and_delivered_once() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("listed", |_| ());
    stage.callbacks.switch(false);
    let lost = Rule::on_create(When::Always, Fault::after_accepting(Trouble::Reset));
    stage.twilio.change(|settings| {
        settings.faults.rules = vec![lost];
        settings.list_lag = Duration::from_mins(15);
    });
    stage.create(&tenant, |_| ()).await;
    stage.send().await;
    stage.twilio.idle().await;
    for _ in 0..90 {
        stage.time.pass(Duration::from_mins(1));
        stage.sweep(&tenant).await;
    }
    check(
        &counts(&*stage.lines.lock().unwrap()),
        &[
            ("listed", "Accepted", "sms", 1),
            ("listed", "Delivered", "sms", 1),
            ("listed", "Found", "", 1),
            ("listed", "InDoubt", "", 1),
            ("listed", "InDoubt", "look", 1),
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_created_is_counted_by_kind_and_what_must_not_be_sent_by_reason() {
    let mut rows = vec![event("2026-03-17T15:58:00", "1", "good"), event("2026-03-17T15:58:00", "2", "good")];
    for (number, phone) in [("none", ""), ("short", "911")] {
        let mut row = event("2026-03-17T15:58:00", "3", number);
        row.values[3] = phone.into();
        rows.push(row);
    }
    let mut clinic = Clinic::open("2026-03-17T21:00:00Z", query().with_rows(rows), |_, document| {
        document["poll"]["start_at"] = serde_json::json!("2026-03-17");
    })
    .await;
    let lines = Arc::<Mutex<Vec<String>>>::default();
    let heard = Arc::clone(&lines);
    clinic.office.deps.metrics = Metrics::to(Clock::system(), move |line| heard.lock().unwrap().push(line));
    clinic.read().await;
    check(
        &counts(&*lines.lock().unwrap()),
        &[
            ("clinic", "Created", "custom", 4),
            ("clinic", "Polled", "", 1),
            ("clinic", "Suppressed", "no_phone", 1),
            ("clinic", "Suppressed", "unusable_phone", 1),
        ],
    );
}
