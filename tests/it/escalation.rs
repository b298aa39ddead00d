//! Escalation: one call for a text that didn't arrive, in time, by day, and only if it is still needed.

use crate::stage::{Stage, phone};
use jiff::{SignedDuration, Timestamp};
use local::twilio::{Fault, Kind, Operation, Rule, Trouble, When};
use serde_json::json;
use shared::notification::{Created, Detail, NotificationId, State, Story};
use shared::phone::Channel;
use shared::tenant::TenantId;
use std::time::Duration;

fn after(minutes: u32) -> impl FnOnce(&mut Created) {
    move |created| created.escalate_after_minutes = Some(minutes)
}

/// The call that follows a text, if there is one.
async fn call(stage: &Stage, tenant: &TenantId, text: &NotificationId) -> Option<Story> {
    let mut calls = stage.stories(tenant).await;
    calls.retain(|story| story.created().is_some_and(|created| created.escalates.as_ref() == Some(text)));
    assert!(calls.len() <= 1, "{calls:#?}");
    calls.pop()
}

fn calls(stage: &Stage) -> usize {
    stage.twilio.accepted().iter().filter(|accepted| accepted.kind == Kind::Call).count()
}

/// Texts stay where they are, as if the phone were off.
fn nothing_moves(stage: &Stage) {
    stage.twilio.change(|settings| settings.steps = Duration::from_hours(99)..=Duration::from_hours(99));
}

async fn minutes(stage: &Stage, tenant: &TenantId, minutes: u32) {
    for _ in 0..minutes {
        stage.time.pass(Duration::from_mins(1));
        stage.sweep(tenant).await;
        while stage.send().await > 0 {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_has_not_arrived_in_time_is_followed_by_one_call_in_that_minute() {
    for wait in [3, 10, 25] {
        let stage = Stage::new().await;
        let tenant = stage.tenant("slow", |_| ());
        nothing_moves(&stage);
        let text = stage.create(&tenant, after(wait)).await;
        stage.send().await;
        minutes(&stage, &tenant, wait - 1).await;
        assert!(call(&stage, &tenant, &text).await.is_none(), "{wait}");
        minutes(&stage, &tenant, 2).await;
        let made = call(&stage, &tenant, &text).await.unwrap();
        assert_eq!((stage.accepted(&made.id), calls(&stage)), (1, 1), "{wait}");
        let created = made.created().unwrap();
        assert_eq!((created.channel, created.escalate_after_minutes), (Channel::Voice, None));
        assert_eq!(created.to, stage.story(&tenant, &text).await.created().unwrap().to);
        minutes(&stage, &tenant, 15).await;
        assert_eq!(calls(&stage), 1, "{wait}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_arrives_is_followed_by_no_call_and_one_that_fails_by_a_call_at_once() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("fails", |_| ());
    stage.twilio.change(|settings| {
        for (number, code) in [(1, 30003), (2, 30002)] {
            settings.undeliverable.insert(phone(number).e164().to_owned(), code);
        }
        let refused = Rule::on(Operation::MessageCreate, When::Always, Fault::before(Trouble::Code(21614)));
        settings.faults.rules = vec![refused.only_to(phone(3).e164())];
    });
    let mut texts = Vec::new();
    for _ in 0..4 {
        texts.push(stage.create(&tenant, after(15)).await);
    }
    stage.minutes(&tenant, 1).await;
    let states = [State::Delivered, State::Undelivered, State::Failed, State::Failed];
    for (text, state) in texts.iter().zip(states) {
        assert_eq!(stage.state(&tenant, text).await, state);
        assert_eq!(call(&stage, &tenant, text).await.is_some(), state != State::Delivered, "{state}");
    }
    stage.minutes(&tenant, 60).await;
    assert_eq!(stage.stories(&tenant).await.len(), 4 + 3);
    assert_eq!(stage.counted()["Escalated"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn doubt_counts_and_what_hold_leaves_unconfirmed_is_followed_by_a_call_as_well() {
    for (wait, document) in [(15, json!({"sms": "resend"})), (45, json!({"sms": "hold"}))] {
        let stage = Stage::new().await;
        let tenant = stage.tenant("doubt", |tenant| tenant["on_doubt"] = document);
        let never = Rule::on(Operation::MessageCreate, When::Always, Fault::before(Trouble::Status(503)));
        stage.twilio.change(|settings| settings.faults.rules = vec![never]);
        let text = stage.create(&tenant, after(wait)).await;
        stage.send().await;
        minutes(&stage, &tenant, wait - 1).await;
        assert!(call(&stage, &tenant, &text).await.is_none());
        minutes(&stage, &tenant, 2).await;
        assert!(call(&stage, &tenant, &text).await.is_some(), "{wait}: {:#?}", stage.story(&tenant, &text).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_twilio_puts_off_is_followed_in_time_and_one_that_was_never_asked_for_is_not() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("busy", |_| ());
    let busy = Rule::on(Operation::MessageCreate, When::Always, Fault::before(Trouble::TooManyRequests(Some(1200))));
    stage.twilio.change(|settings| settings.faults.rules = vec![busy]);
    let text = stage.create(&tenant, after(5)).await;
    stage.send().await;
    assert_eq!(stage.state(&tenant, &text).await, State::Deferred);
    minutes(&stage, &tenant, 4).await;
    assert!(call(&stage, &tenant, &text).await.is_none());
    minutes(&stage, &tenant, 2).await;
    assert!(call(&stage, &tenant, &text).await.is_some(), "the call has to wait until the text is tried again");

    let stage = Stage::new().await;
    let tenant = stage.tenant("unpaid", |_| ());
    let unpaid = Rule::on_create(When::Always, Fault::before(Trouble::Code(20003)));
    stage.twilio.change(|settings| settings.faults.rules = vec![unpaid]);
    let text = stage.create(&tenant, after(5)).await;
    minutes(&stage, &tenant, 30).await;
    assert!(call(&stage, &tenant, &text).await.is_none(), "neither can be sent");
    stage.twilio.change(|settings| settings.faults.rules.clear());
    stage.minutes(&tenant, 60).await;
    assert_eq!((stage.state(&tenant, &text).await, calls(&stage)), (State::Delivered, 0));
}

/// In Chicago.
fn local_time(at: Timestamp) -> String {
    at.in_tz("America/Chicago").unwrap().strftime("%d %H:%M").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_call_keeps_quiet_hours_unless_it_is_urgent_and_is_not_made_for_a_text_that_arrived_meanwhile() {
    let stage = Stage::new().await;
    let quiet = |document: &mut serde_json::Value| {
        document["quiet_hours"] = json!({"start": "21:00", "end": "08:00", "time_zone": "America/Chicago"});
    };
    let tenant = stage.tenant("night", quiet);
    nothing_moves(&stage);
    stage.time.pass(Duration::from_mins(10 * 60 + 55)); // 20:55
    let texts = [
        stage.create(&tenant, after(15)).await,
        stage.create(&tenant, after(15)).await,
        stage
            .create(&tenant, |created| {
                after(15)(created);
                created.urgent = true;
            })
            .await,
    ];
    while stage.send().await > 0 {}
    minutes(&stage, &tenant, 20).await;
    assert_eq!(calls(&stage), 1, "only the urgent one");
    let urgent = call(&stage, &tenant, &texts[2]).await.unwrap();
    assert_eq!(stage.accepted(&urgent.id), 1);
    for text in &texts[..2] {
        let waiting = call(&stage, &tenant, text).await.unwrap();
        assert_eq!(waiting.standing(stage.time.now()).state, State::Scheduled);
        assert_eq!(local_time(waiting.created().unwrap().not_before.unwrap()), "18 08:00");
    }
    // At night the first of them arrives after all.
    let sid = stage.story(&tenant, &texts[0]).await.standing(stage.time.now()).sid.unwrap();
    stage.report(&tenant, &texts[0], 1, (&sid, "delivered"), &[]).await;
    stage.time.pass(Duration::from_mins(10 * 60 + 40)); // 07:55
    minutes(&stage, &tenant, 7).await;
    let cancelled = call(&stage, &tenant, &texts[0]).await.unwrap().standing(stage.time.now());
    assert_eq!((cancelled.state, cancelled.reason.as_deref()), (State::Cancelled, Some("its text was delivered")));
    let made = call(&stage, &tenant, &texts[1]).await.unwrap();
    assert_eq!((stage.accepted(&made.id), calls(&stage)), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_called_who_opted_out_or_after_the_events_time() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("never", |_| ());
    nothing_moves(&stage);
    let stopped = stage.create(&tenant, after(15)).await;
    let end = stage.time.now() + SignedDuration::from_mins(12);
    let short = stage
        .create(&tenant, |created| {
            after(15)(created);
            created.expires_at = end;
        })
        .await;
    stage.send().await;
    stage.texts(&tenant, &phone(0), "STOP").await;
    minutes(&stage, &tenant, 40).await;
    assert!(call(&stage, &tenant, &stopped).await.is_none());
    assert!(call(&stage, &tenant, &short).await.is_none());

    // Refused as opted out: no call either.
    let url = format!("{}/twilio/{tenant}/inbound", stage.callbacks.url);
    stage.callbacks.switch(false);
    stage.twilio.inbound(phone(2).e164(), crate::stage::OUR_NUMBER, "STOP", &url).await.unwrap();
    stage.callbacks.switch(true);
    let refused = stage.create(&tenant, after(15)).await;
    stage.send().await;
    minutes(&stage, &tenant, 20).await;
    assert_eq!(stage.state(&tenant, &refused).await, State::Failed);
    assert_eq!((call(&stage, &tenant, &refused).await, calls(&stage)), (None, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_called_whose_text_was_blocked_at_their_wish_and_who_never_wrote_to_us() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("blocked", |_| ());
    stage.twilio.change(|settings| {
        settings.undeliverable.insert(phone(0).e164().to_owned(), 30004);
    });
    let text = stage.create(&tenant, after(15)).await;
    stage.minutes(&tenant, 60).await;
    assert_eq!(stage.state(&tenant, &text).await, State::Undelivered);
    assert_eq!((call(&stage, &tenant, &text).await, calls(&stage)), (None, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_had_to_wait_is_looked_at_early_enough_all_the_same() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("later", |_| ());
    nothing_moves(&stage);
    let start = stage.time.now() + SignedDuration::from_hours(3);
    let text = stage
        .create(&tenant, |created| {
            after(4)(created);
            created.not_before = Some(start);
        })
        .await;
    stage.time.pass(Duration::from_hours(3));
    stage.sweep(&tenant).await;
    stage.send().await;
    assert_eq!(stage.state(&tenant, &text).await, State::Accepted);
    minutes(&stage, &tenant, 5).await;
    let made = call(&stage, &tenant, &text).await.unwrap();
    assert!(made.facts.iter().any(|fact| matches!(fact.detail, Detail::Attempt(_))));
}
