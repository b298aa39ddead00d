//! The sweep: what never started, what was never heard of again, runs that were missed, sweeps at the same time, and an item
//! that nobody can read.

use crate::stage::{Stage, phone};
use futures::future::join_all;
use local::twilio::{Fault, Rule, Trouble, When};
use serde_json::json;
use shared::ledger::table;
use shared::notification::{Attempt, Detail, NotificationId, Outcome, State, Story};
use shared::tenant::TenantId;
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);

/// Sweeps every so often for so long; nothing is handed over by the stream.
async fn sweep_for(stage: &Stage, tenant: &TenantId, minutes: u32, step: u32) {
    for _ in 0..minutes / step {
        stage.time.pass(step * MINUTE);
        assert_eq!(stage.sweep(tenant).await.failed, 0);
    }
}

/// The minutes after its creation at which the sweep wrote down a look.
fn looks(story: &Story) -> Vec<i64> {
    let created = story.created_fact().unwrap().at;
    let looks = story.facts.iter().filter(|fact| matches!(fact.detail, Detail::Look(_)));
    looks.map(|fact| fact.at.duration_since(created).as_mins()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stream_that_stands_still_never_started_is_sent_once_when_it_moves_again() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("still", |_| ());
    let id = stage.create(&tenant, |_| ()).await;
    sweep_for(&stage, &tenant, 12 * 60, 10).await;
    let story = stage.story(&tenant, &id).await;
    assert!(story.releases().len() > 3, "a lost record is made up for");
    assert!(story.facts.len() < 60, "the ledger fills up: {} facts", story.facts.len());
    assert_eq!(story.standing(stage.time.now()).attempts, 0);
    // Every record there ever was, oldest first, and again.
    let records = stage.all_records(&tenant);
    stage.hand_over(&stage.send, &records).await;
    stage.hand_over(&stage.another_send(), &records).await;
    stage.minutes(&tenant, 2).await;
    assert_eq!((stage.state(&tenant, &id).await, stage.accepted(&id)), (State::Delivered, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_nothing_is_heard_of_is_asked_for_after_ten_minutes_and_one_six_and_twenty_four_hours() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("silent", |_| ());
    stage.twilio.change(|settings| settings.steps = Duration::from_hours(9)..=Duration::from_hours(9));
    let id = stage.create(&tenant, |_| ()).await;
    stage.send().await;
    sweep_for(&stage, &tenant, 48 * 60, 5).await;
    let story = stage.story(&tenant, &id).await;
    assert_eq!(looks(&story), [10, 60, 360, 1440]);
    let numbers: Vec<u32> = story.looks().iter().map(|look| look.look).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    assert!(story.looks()[3].why.ends_with("not asked again"));
    assert_eq!(story.standing(stage.time.now()).state, State::Accepted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_whose_last_callback_was_lost_is_settled_by_asking() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("lost", |_| ());
    stage.twilio.change(|settings| {
        settings.callbacks.dropped = 1.0;
        settings.undeliverable.insert(phone(1).e164().to_owned(), 30005);
    });
    let delivered = stage.create(&tenant, |_| ()).await;
    let unknown = stage.create(&tenant, |_| ()).await;
    stage.minutes(&tenant, 11).await;
    assert_eq!(stage.state(&tenant, &delivered).await, State::Delivered);
    let standing = stage.standing(&tenant, &unknown).await;
    assert_eq!((standing.state, standing.reason.as_deref()), (State::Undelivered, Some("30005 unknown phone")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_looks_at_a_text_that_waited_for_days_are_counted_from_its_attempt() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("patient", |_| ());
    stage.twilio.change(|settings| settings.steps = Duration::from_hours(9)..=Duration::from_hours(9));
    let start = stage.time.now() + jiff::SignedDuration::from_hours(72);
    let id = stage.create(&tenant, |created| {
        created.not_before = Some(start);
        created.expires_at = start + jiff::SignedDuration::from_hours(24);
    });
    let id = id.await;
    assert_eq!(stage.state(&tenant, &id).await, State::Scheduled);
    stage.time.pass(Duration::from_hours(72));
    assert_eq!(stage.sweep(&tenant).await.failed, 0);
    stage.send().await;
    assert_eq!(stage.state(&tenant, &id).await, State::Accepted);
    sweep_for(&stage, &tenant, 30 * 60, 5).await;
    let waited: Vec<i64> = looks(&stage.story(&tenant, &id).await).iter().map(|minute| minute - 72 * 60).collect();
    assert_eq!(waited.len(), 4);
    for (waited, expect) in waited.into_iter().zip([10, 60, 360, 1440]) {
        assert!((waited - expect).abs() <= 10, "{waited} for {expect}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_five_hours_without_a_sweep_a_new_process_finds_everything_that_was_due() {
    let mut stage = Stage::new().await;
    let tenant = stage.tenant("missed", |_| ());
    let mut ids = Vec::new();
    stage.twilio.change(|settings| settings.callbacks.dropped = 1.0);
    for number in 0..20_i64 {
        let start = stage.time.now() + jiff::SignedDuration::from_mins(10 * number);
        ids.push(stage.create(&tenant, |created| created.not_before = Some(start).filter(|_| number > 0)).await);
    }
    stage.send().await;
    stage.sweep(&tenant).await; // the only one for hours
    stage.time.pass(Duration::from_hours(5));
    stage.restart();
    stage.minutes(&tenant, 12).await;
    for id in ids {
        assert_eq!((stage.state(&tenant, &id).await, stage.accepted(&id)), (State::Delivered, 1));
    }
}

/// Notifications in every state that a sweep acts on.
async fn mixed(stage: &Stage, tenant: &TenantId) -> Vec<NotificationId> {
    let mut ids = Vec::new();
    stage.callbacks.switch(false);
    let rules = [
        None,
        Some(Fault::after_accepting(Trouble::Reset)),
        Some(Fault::before(Trouble::Reset)),
        Some(Fault::before(Trouble::TooManyRequests(None))),
    ];
    for rule in rules {
        stage.twilio.change(|settings| {
            settings.faults.rules = rule.map(|fault| Rule::on_create(When::Always, fault)).into_iter().collect();
        });
        for _ in 0..4 {
            ids.push(stage.create(tenant, |created| created.escalate_after_minutes = Some(600)).await);
        }
        stage.send().await;
        stage.twilio.idle().await;
    }
    stage.twilio.change(|settings| settings.faults.rules.clear());
    for minutes in [0, 0, 0, 0, 1, 1] {
        let start = stage.time.now() + jiff::SignedDuration::from_mins(minutes);
        ids.push(stage.create(tenant, |created| created.not_before = Some(start).filter(|_| minutes > 0)).await);
    }
    stage.new_records(); // those are lost
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn three_sweeps_at_once_do_no_more_than_one() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("three", |_| ());
    let ids = mixed(&stage, &tenant).await;
    let polls = [stage.another_poll(), stage.another_poll(), stage.another_poll()];
    for _ in 0..14 {
        let swept = join_all(polls.iter().map(|poll| stage.sweep_by(poll, &tenant))).await;
        assert!(swept.iter().all(|swept| swept.failed == 0), "{swept:?}");
        while stage.send().await > 0 {}
        stage.twilio.idle().await;
        stage.time.pass(5 * MINUTE);
    }
    for id in &ids {
        let story = stage.story(&tenant, id).await;
        assert_eq!((story.standing(stage.time.now()).state, stage.accepted(id)), (State::Delivered, 1), "{story:#?}");
        let numbers: Vec<u32> = story.looks().iter().map(|look| look.look).collect();
        assert_eq!(numbers, (1..=numbers.len() as u32).collect::<Vec<_>>());
    }
    assert_eq!(stage.stories(&tenant).await.len(), ids.len(), "a call was made for a text that arrived");
    let proof = stage.prove(&tenant).await;
    assert!(proof.holds(), "{proof:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_nobody_can_read_holds_up_nobody_else() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("odd", |_| ());
    let odd = stage.create(&tenant, |_| ()).await;
    stage.send().await;
    stage.twilio.idle().await;
    let client = stage.ledger.client();
    let text = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
    let due = shared::stamp::format(stage.time.now());
    let put = client.put_item().table_name(stage.ledger.table());
    put.item(table::PK, text(&table::employee_pk(&tenant, odd.employee())))
        .item(table::SK, text(&format!("{}#look#077", odd.event())))
        .item("fact", text("something new"))
        .item(table::DUE_PK, text(&table::due_pk(&tenant, table::shard(&odd))))
        .item(table::DUE_AT, text(&due))
        .send()
        .await
        .unwrap();
    let fine = stage.create(&tenant, |_| ()).await;
    stage.new_records();
    stage.time.pass(11 * MINUTE);
    let swept = stage.sweep(&tenant).await;
    assert_eq!((swept.failed, swept.looked), (1, 3));
    stage.send().await;
    assert_eq!(stage.accepted(&fine), 1);
    // It is reported once, and not looked at for ever.
    for _ in 0..3 {
        stage.time.pass(11 * MINUTE);
        assert_eq!(stage.sweep(&tenant).await.failed, 0);
    }
    let known = stage.ledger.swept_until(&tenant).await.unwrap().unwrap();
    assert!(known > stage.time.now() - jiff::SignedDuration::from_mins(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_was_only_taken_is_known_to_have_asked_nothing() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("taken", |document| document["on_doubt"] = json!({"sms": "hold"}));
    for taker in Attempt::ASKING_NOTHING {
        let id = stage.create(&tenant, |_| ()).await;
        let deadline = stage.time.now() + jiff::SignedDuration::from_secs(60);
        stage
            .append(&tenant, &id, Detail::Attempt(Attempt { attempt: 1, deadline, request_id: format!("{taker}x") }))
            .await;
        // Whoever took it has crashed before it said why.
        stage.minutes(&tenant, 12).await;
        let story = stage.story(&tenant, &id).await;
        assert_eq!((story.standing(stage.time.now()).state, stage.accepted(&id)), (State::Delivered, 1), "{taker}");
        assert!(matches!(story.tried()[&1].outcome, Some(Outcome::Deferred { code, .. }) if code == "not_started"));
        assert_eq!(story.standing(stage.time.now()).attempts, 1, "the second was the first to ask anything");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_been_sent_is_unconfirmed_and_not_expired() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("over", |_| ());
    stage.callbacks.switch(false);
    stage.twilio.change(|settings| {
        settings.faults.rules = vec![Rule::on_create(When::Always, Fault::before(Trouble::Status(500)))];
    });
    let end = stage.time.now() + jiff::SignedDuration::from_mins(20);
    let id = stage.create(&tenant, |created| created.expires_at = end).await;
    stage.minutes(&tenant, 36).await;
    let standing = stage.standing(&tenant, &id).await;
    assert_eq!((standing.state, stage.twilio.requests()), (State::Unconfirmed, 1));
    assert_eq!(standing.reason.as_deref(), Some("its time was over before it could be sent again"));
}
