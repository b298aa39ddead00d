//! Sending, scenario by scenario, with a clock that the test moves: records that come late, answers that come late, documents
//! that are broken for a while, and everything that must not be sent.

use crate::stage::{Stage, phone};
use jiff::SignedDuration;
use local::twilio::{Fault, Kind, Operation, Rule, Trouble, When};
use serde_json::json;
use shared::notification::{Closed, ClosedReason, Detail, NotificationId, Outcome, Report, State};
use shared::phone::Channel;
use shared::tenant::TenantId;
use std::time::Duration;

const SID: &str = "SM0123456789abcdef0123456789abcdef";

fn fault(stage: &Stage, rule: Rule) {
    stage.twilio.change(|settings| settings.faults.rules = vec![rule]);
}

fn on_create(when: When, fault: Fault) -> Rule {
    Rule::on_create(when, fault)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_closed_is_never_sent_however_late_a_record_turns_up() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("late", |_| ());
    let number = phone(900);
    stage.texts(&tenant, &number, "Stop").await;
    let id = stage.create(&tenant, |created| created.to = Some(number.clone())).await;
    stage.send().await;
    let standing = stage.standing(&tenant, &id).await;
    assert_eq!((standing.state, standing.reason.as_deref()), (State::Suppressed, Some("opted_out")));
    assert_eq!(standing.attempts, 0, "nothing was asked of Twilio");
    // They opt in again, and the stream hands the record over once more.
    stage.texts(&tenant, &number, "START").await;
    assert_eq!(stage.hand_over(&stage.another_send(), &stage.all_records(&tenant)).await, 0);
    stage.minutes(&tenant, 45).await;
    assert_eq!((stage.state(&tenant, &id).await, stage.twilio.requests()), (State::Suppressed, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_an_operator_overtook_starts_nothing() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("overtaken", |_| ());
    let id = stage.create(&tenant, |_| ()).await;
    fault(&stage, on_create(When::Next(4), Fault::before(Trouble::TooManyRequests(None))));
    stage.send().await;
    assert_eq!(stage.state(&tenant, &id).await, State::Deferred);
    stage.time.pass(Duration::from_secs(40));
    stage.sweep(&tenant).await;
    assert_eq!(stage.state(&tenant, &id).await, State::Pending);
    let closed =
        Closed { closed: ClosedReason::Cancelled, attempt: 2, again: false, why: None, by: Some("hr".to_owned()) };
    stage.append(&tenant, &id, Detail::Closed(closed)).await;
    stage.minutes(&tenant, 30).await;
    assert_eq!((stage.state(&tenant, &id).await, stage.accepted(&id)), (State::Cancelled, 0));
}

/// Twilio takes a text, its answer is lost, its list lags for longer than anybody is patient, and its callbacks come at last.
async fn presumed_lost(stage: &Stage, tenant: &TenantId) -> NotificationId {
    let id = stage.create(tenant, |_| ()).await;
    stage.twilio.change(|settings| settings.list_lag = Duration::from_hours(5));
    stage.callbacks.switch(false);
    fault(stage, on_create(When::Next(1), Fault::after_accepting(Trouble::Reset)));
    stage.send().await;
    stage.twilio.idle().await;
    stage.callbacks.switch(true);
    for _ in 0..35 {
        stage.time.pass(Duration::from_mins(1));
        stage.sweep(tenant).await;
    }
    let story = stage.story(tenant, &id).await;
    assert_eq!(story.tried()[&1].outcome, Some(&Outcome::PresumedLost));
    assert_eq!(story.releases().len(), 1);
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_that_comes_after_an_attempt_was_presumed_lost_stops_the_next() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("found", |_| ());
    let id = presumed_lost(&stage, &tenant).await;
    let sid = stage.twilio.accepted()[0].sid.clone();
    assert_eq!(stage.report(&tenant, &id, 1, (&sid, "sent"), &[]).await, 204);
    stage.send().await;
    assert_eq!((stage.state(&tenant, &id).await, stage.accepted(&id)), (State::Accepted, 1));
    // Its end was never told; the sweep asks for it.
    stage.minutes(&tenant, 70).await;
    assert_eq!((stage.state(&tenant, &id).await, stage.accepted(&id)), (State::Delivered, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_that_comes_while_the_next_attempt_waits_for_a_place_stops_it() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("waits", |_| ());
    let id = presumed_lost(&stage, &tenant).await;
    let sid = stage.twilio.accepted()[0].sid.clone();
    let mut places = Vec::new();
    for _ in 0..send::pace::AT_ONCE {
        places.push(stage.send.pace.place(&tenant).await);
    }
    let records = stage.new_records();
    let mut sending = Box::pin(stage.hand_over(&stage.send, &records));
    let meanwhile = async {
        for _ in 0..50 {
            stage.story(&tenant, &id).await; // meanwhile it has come to wait
        }
        assert_eq!(stage.report(&tenant, &id, 1, (&sid, "sent"), &[]).await, 204);
    };
    tokio::select! {
        _ = &mut sending => panic!("there was no place"),
        () = meanwhile => {}
    }
    drop(places);
    assert_eq!(sending.await, 0);
    assert_eq!((stage.state(&tenant, &id).await, stage.accepted(&id)), (State::Accepted, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_that_comes_after_the_text_was_sent_again_is_kept_and_changes_nothing() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("again", |_| ());
    let id = presumed_lost(&stage, &tenant).await;
    let sid = stage.twilio.accepted()[0].sid.clone();
    stage.minutes(&tenant, 1).await;
    assert_eq!(stage.accepted(&id), 2, "patience has its price, and the ledger shows it");
    assert_eq!(stage.report(&tenant, &id, 1, (&sid, "undelivered"), &[("ErrorCode", "30003")]).await, 204);
    assert_eq!(stage.state(&tenant, &id).await, State::Delivered);
    let story = stage.story(&tenant, &id).await;
    assert_eq!((story.tried()[&1].sids(), story.tried()[&2].sids().len()), (vec![sid.as_str()], 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_who_replays_a_presumed_loss_that_turns_out_delivered_sends_nothing() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("hold", |document| document["on_doubt"] = json!({"sms": "hold"}));
    let id = stage.create(&tenant, |_| ()).await;
    stage.callbacks.switch(false);
    stage.twilio.change(|settings| settings.list_lag = Duration::from_hours(5));
    fault(&stage, on_create(When::Next(1), Fault::after_accepting(Trouble::Status(500))));
    stage.minutes(&tenant, 35).await;
    stage.callbacks.switch(true);
    assert_eq!(stage.state(&tenant, &id).await, State::Unconfirmed);
    let release = shared::notification::Release {
        attempt: 2,
        why: "asked".to_owned(),
        by: Some("hr".to_owned()),
        expires_at: None,
    };
    let fact = shared::notification::Fact::new(stage.time.now(), Detail::Release(release)).starting(2);
    stage.ledger.append(&*stage.document(&tenant).await, &id, &fact).await.unwrap();
    let sid = stage.twilio.accepted()[0].sid.clone();
    stage.report(&tenant, &id, 1, (&sid, "delivered"), &[]).await;
    stage.minutes(&tenant, 15).await;
    assert_eq!((stage.state(&tenant, &id).await, stage.accepted(&id)), (State::Delivered, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn twilios_wish_for_a_pause_is_kept_and_pauses_grow() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("busy", |_| ());
    let retry_at = |story: &shared::notification::Story, attempt| match story.tried()[&attempt].outcome {
        Some(Outcome::Deferred { code, retry_at }) => {
            assert_eq!(code, "20429");
            *retry_at
        }
        other => panic!("{other:?}"),
    };
    fault(&stage, on_create(When::Always, Fault::before(Trouble::TooManyRequests(Some(120)))));
    let id = stage.create(&tenant, |_| ()).await;
    stage.send().await;
    let story = stage.story(&tenant, &id).await;
    let wait = retry_at(&story, 1).duration_since(stage.time.now());
    assert!(wait >= SignedDuration::from_secs(120), "{wait}");
    assert_eq!(stage.twilio.requests(), 1, "within the invocation there was no time to wait");

    fault(&stage, on_create(When::Always, Fault::before(Trouble::TooManyRequests(None))));
    let mut longest = SignedDuration::ZERO;
    for attempt in 2..9 {
        while stage.story(&tenant, &id).await.tried().len() < attempt as usize {
            stage.time.pass(Duration::from_mins(1));
            stage.sweep(&tenant).await;
            stage.send().await;
        }
        let story = stage.story(&tenant, &id).await;
        let wait = retry_at(&story, attempt).duration_since(stage.time.now());
        assert!(wait <= SignedDuration::from_secs((30 << (attempt - 1)).min(900)), "attempt {attempt}: {wait}");
        longest = longest.max(wait);
    }
    assert!(longest > SignedDuration::from_secs(30), "{longest}");
    stage.twilio.change(|settings| settings.faults.rules.clear());
    stage.minutes(&tenant, 16).await;
    assert_eq!((stage.state(&tenant, &id).await, stage.accepted(&id)), (State::Delivered, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invocation_that_is_too_short_takes_no_attempt() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("short", |_| ());
    let id = stage.create(&tenant, |_| ()).await;
    let records = stage.all_records(&tenant);
    for (seconds, expect) in [(0, 1), (16, 1), (18, 0)] {
        let until = stage.time.now().checked_add(SignedDuration::from_secs(seconds)).unwrap();
        let invocation = send::Invocation { request_id: "short".to_owned(), until };
        let event = serde_json::from_value(records.clone()).unwrap();
        let failed = send::batch(&stage.send, event, &invocation).await.batch_item_failures.len();
        assert_eq!(failed, expect, "{seconds} s");
        assert_eq!(stage.story(&tenant, &id).await.tried().is_empty(), expect == 1, "{seconds} s");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_whose_document_is_broken_for_an_hour_loses_nothing_and_sends_nothing_twice() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("broken", |_| ());
    let mut ids = Vec::new();
    // Some are sent before, with callbacks that nobody can verify while the document is broken.
    for _ in 0..5 {
        ids.push(stage.create(&tenant, |_| ()).await);
    }
    stage.callbacks.switch(false);
    stage.send().await;
    stage.twilio.idle().await;
    for _ in 0..5 {
        ids.push(stage.create(&tenant, |_| ()).await);
    }
    stage.write_document("broken", "{\"events\": 7}");
    stage.callbacks.switch(true);
    assert_eq!(stage.send().await, 5);
    let until = stage.time.now().checked_add(SignedDuration::from_mins(2)).unwrap();
    for _ in 0..60 {
        stage.time.pass(Duration::from_mins(1));
        let report =
            poll::run(&stage.poll, "broken", until.max(stage.time.now() + SignedDuration::from_mins(2))).await.unwrap();
        assert!(report.swept.is_empty() && report.unusable.len() == 1);
    }
    stage.tenant("broken", |_| ());
    stage.minutes(&tenant, 15).await;
    for id in ids {
        assert_eq!((stage.state(&tenant, &id).await, stage.accepted(&id)), (State::Delivered, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_dry_run_everything_is_done_but_the_request() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("dry", |document| document["mode"] = json!("dry_run"));
    let (text, stopped) = (stage.create(&tenant, |_| ()).await, phone(901));
    stage.texts(&tenant, &stopped, "STOP").await;
    let opted_out = stage.create(&tenant, |created| created.to = Some(stopped.clone())).await;
    let call = stage.create(&tenant, |created| created.channel = Channel::Voice).await;
    stage.minutes(&tenant, 45).await;
    assert_eq!(stage.state(&tenant, &text).await, State::DryRun);
    assert_eq!(stage.state(&tenant, &call).await, State::DryRun);
    assert_eq!(stage.state(&tenant, &opted_out).await, State::Suppressed);
    // Going live sends nothing of before.
    stage.tenant("dry", |_| ());
    stage.minutes(&tenant, 45).await;
    assert_eq!((stage.state(&tenant, &text).await, stage.twilio.requests()), (State::DryRun, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_numbers_in_only_to_are_contacted_even_if_the_list_came_later() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("staging", |_| ());
    let friend = phone(902);
    let friends = stage.create(&tenant, |created| created.to = Some(friend.clone())).await;
    let other = stage.create(&tenant, |_| ()).await;
    stage.tenant("staging", |document| document["only_to"] = json!([friend.e164()]));
    stage.minutes(&tenant, 12).await;
    assert_eq!((stage.state(&tenant, &friends).await, stage.accepted(&friends)), (State::Delivered, 1));
    let standing = stage.standing(&tenant, &other).await;
    assert_eq!((standing.state, stage.accepted(&other)), (State::Cancelled, 0));
    assert!(standing.reason.unwrap().starts_with("not_allowed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_speaks_its_language_records_who_answered_and_is_never_repeated_in_doubt() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("voice", |_| ());
    let voicemail = phone(903);
    stage.twilio.change(|settings| {
        settings.call_ends.insert(voicemail.e164().to_owned(), local::twilio::CallEnd::Voicemail);
        settings.call_ends.insert(phone(904).e164().to_owned(), local::twilio::CallEnd::Busy);
    });
    let call = |to, body: &'static str| {
        stage.create(&tenant, move |created| {
            created.channel = Channel::Voice;
            created.to = Some(to);
            created.language = Some("es".to_owned());
            created.body = Some(body.to_owned());
        })
    };
    let answered = call(voicemail, "Su turno <cambió> & más").await;
    let busy = call(phone(904), "Hola").await;
    stage.minutes(&tenant, 1).await;
    assert_eq!(stage.state(&tenant, &answered).await, State::Delivered);
    let standing = stage.standing(&tenant, &busy).await;
    assert_eq!((standing.state, standing.reason.as_deref()), (State::Undelivered, Some("busy")));
    let spoken = stage
        .twilio
        .accepted()
        .into_iter()
        .find(|call| call.kind == Kind::Call && call.body.contains("turno"))
        .unwrap()
        .body;
    assert!(spoken.contains("<Say language=\"es-MX\">Su turno &lt;cambió&gt; &amp; más</Say>"), "{spoken}");
    let story = stage.story(&tenant, &answered).await;
    let reports = &story.tried()[&1].reports;
    assert!(
        reports.iter().any(|report| report.fields.get("AnsweredBy") == Some(&json!("machine_start"))),
        "{reports:?}"
    );
    assert_eq!(reports.iter().map(|report| report.status.as_str()).collect::<std::collections::BTreeSet<_>>().len(), 4);

    stage.callbacks.switch(false);
    stage.twilio.change(|settings| settings.list_lag = Duration::from_hours(5));
    fault(&stage, Rule::on(Operation::CallCreate, When::Always, Fault::before(Trouble::Status(503))));
    let doubtful = call(phone(905), "Hola").await;
    stage.minutes(&tenant, 60).await;
    assert_eq!((stage.state(&tenant, &doubtful).await, stage.accepted(&doubtful)), (State::Unconfirmed, 0));
    assert_eq!(stage.story(&tenant, &doubtful).await.releases().len(), 0);
    assert_eq!(stage.counted()["Unconfirmed"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn words_that_nobody_knows_are_kept_and_rank_below_everything() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("words", |_| ());
    let id = stage.create(&tenant, |_| ()).await;
    stage.callbacks.switch(false);
    stage.send().await;
    stage.twilio.idle().await; // every try of its own callbacks is over
    stage.callbacks.switch(true);
    let sid = stage.twilio.accepted()[0].sid.clone();
    assert_eq!(stage.report(&tenant, &id, 1, (&sid, "teleported"), &[]).await, 204);
    assert_eq!(stage.state(&tenant, &id).await, State::Accepted);
    assert_eq!(stage.report(&tenant, &id, 1, (&sid, "delivered"), &[]).await, 204);
    assert_eq!(stage.report(&tenant, &id, 1, (&sid, "beamed_up"), &[]).await, 204);
    assert_eq!(stage.state(&tenant, &id).await, State::Delivered);
    let unknown: NotificationId = NotificationId::of(&tenant, "nobody", "stage", &[], Channel::Sms);
    assert_eq!(stage.report(&tenant, &unknown, 7, (SID, "beamed_up"), &[]).await, 204);
    let kept: Vec<Report> =
        stage.story(&tenant, &unknown).await.tried()[&7].reports.iter().map(|report| (*report).clone()).collect();
    assert_eq!(kept.len(), 1);
}
