//! Time: quiet hours in the employee's own zone and through changes of the clocks, what is urgent, and what is too late.

use crate::stage::{Stage, Time, phone};
use jiff::SignedDuration;
use jiff::Timestamp;
use local::twilio::{AcceptedMessage, Fault, Operation, Rule, Trouble, When};
use serde_json::{Value, json};
use shared::notification::{Created, State};
use shared::phone::Channel;
use std::time::Duration;

fn quiet(start: &str, end: &str) -> impl FnOnce(&mut Value) {
    let hours = json!({"start": start, "end": end, "time_zone": "America/Chicago"});
    move |document| document["quiet_hours"] = hours
}

async fn at(start: &str) -> Stage {
    Stage::with(Time::at(start), |_| crate::stage::Detour::default()).await
}

/// Creates a notification at `start` and answers when Twilio accepted it, in UTC, sweeping every five minutes.
async fn accepted_at(start: &str, hours: (&str, &str), change: impl FnOnce(&mut Created)) -> Option<String> {
    let stage = at(start).await;
    let tenant = stage.tenant("quiet", quiet(hours.0, hours.1));
    stage.time.pass(Duration::from_secs(58)); // the document took two
    let id = stage.create(&tenant, change).await;
    for _ in 0..14 * 12 {
        while stage.send().await > 0 {}
        if let Some(message) = stage.twilio.accepted().first() {
            return Some(message.created.strftime("%d %H:%M").to_string());
        }
        if stage.state(&tenant, &id).await.is_settled() {
            break;
        }
        // Straight on to the next thing that is due.
        let story = stage.story(&tenant, &id).await;
        let due = story.facts.iter().filter_map(|fact| fact.due_at).filter(|due| *due > stage.time.now()).min();
        let due = due.expect("something is due");
        stage.time.pass(due.duration_since(stage.time.now()).unsigned_abs());
        stage.sweep(&tenant).await;
    }
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn quiet_hours_are_kept_in_the_zone_of_whoever_is_texted() {
    let check = async |start: &str, zone: Option<&str>, urgent: bool, expect: Option<&str>| {
        let accepted = accepted_at(start, ("21:00", "08:00"), |created| {
            created.time_zone = zone.map(str::to_owned);
            created.urgent = urgent;
        });
        assert_eq!(accepted.await.as_deref(), expect, "{start} {zone:?} {urgent}");
    };
    // Chicago is five hours behind in summer time, New York four, Honolulu ten.
    check("2026-03-17T15:00:00Z", None, false, Some("17 15:01")).await;
    check("2026-03-18T01:58:00Z", None, false, Some("18 01:59")).await;
    check("2026-03-18T01:59:00Z", None, false, Some("18 13:00")).await; // it is 21:00 on the dot
    check("2026-03-18T01:59:00Z", None, true, Some("18 02:00")).await;
    check("2026-03-18T01:59:00Z", Some("America/New_York"), false, Some("18 12:00")).await;
    check("2026-03-18T01:59:00Z", Some("Pacific/Honolulu"), false, Some("18 02:00")).await;
    check("2026-03-18T12:58:00Z", None, false, Some("18 13:00")).await;
    check("2026-03-18T12:59:00Z", None, false, Some("18 13:00")).await;
    // The clocks go forward on the 8th of March: eight in the morning comes an hour earlier.
    check("2026-03-08T04:00:00Z", None, false, Some("08 13:00")).await;
    check("2026-03-07T04:00:00Z", None, false, Some("07 14:00")).await;
    // And back on the 1st of November.
    check("2026-11-01T03:00:00Z", None, false, Some("01 14:00")).await;
    check("2026-10-31T03:00:00Z", None, false, Some("31 13:00")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_ends_mean_no_quiet_hours_and_the_repeated_hour_is_quiet_to_its_second_end() {
    let check = async |start: &str, hours, expect: Option<&str>| {
        assert_eq!(accepted_at(start, hours, |_| ()).await.as_deref(), expect, "{start} {hours:?}");
    };
    check("2026-03-18T04:00:00Z", ("00:00", "00:00"), Some("18 04:01")).await;
    // 01:30 comes twice that night, at 06:30 and at 07:30.
    check("2026-11-01T05:00:00Z", ("21:00", "01:30"), Some("01 07:30")).await;
    check("2026-11-01T06:40:00Z", ("21:00", "01:30"), Some("01 07:30")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_expires_before_the_morning_is_never_sent() {
    let expires = |start: &str, minutes: i64| {
        let end = start.parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes);
        move |created: &mut Created| created.expires_at = end
    };
    let night = "2026-03-18T03:00:00Z";
    assert_eq!(accepted_at(night, ("21:00", "08:00"), expires(night, 120)).await, None);
    assert_eq!(accepted_at(night, ("21:00", "08:00"), expires(night, 601)).await.as_deref(), Some("18 13:00"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_starts_after_its_time_texts_and_calls_alike() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("late", |_| ());
    for channel in [Channel::Sms, Channel::Voice] {
        let now = stage.time.now();
        let id = stage
            .create(&tenant, |created| {
                created.channel = channel;
                created.expires_at = now + SignedDuration::from_mins(5);
            })
            .await;
        stage.time.pass(Duration::from_mins(5));
        stage.send().await;
        assert_eq!(stage.state(&tenant, &id).await, State::Expired, "{channel}");
        // The same by the sweep, if the stream stands still, and then moves on after all.
        let now = stage.time.now();
        let id = stage
            .create(&tenant, |created| {
                created.channel = channel;
                created.expires_at = now + SignedDuration::from_mins(5);
            })
            .await;
        stage.time.pass(Duration::from_mins(11));
        stage.sweep(&tenant).await;
        assert_eq!(stage.state(&tenant, &id).await, State::Expired, "{channel}");
        assert_eq!(stage.send().await, 1);
        assert_eq!((stage.state(&tenant, &id).await, stage.twilio.requests()), (State::Expired, 0), "{channel}");
    }
}

/// A text that waits in Twilio's queue until quiet hours begin is dropped there, by its validity period, and sent again in the
/// morning, unless its own time is over by then.
#[tokio::test(flavor = "multi_thread")]
async fn no_text_leaves_twilios_queue_in_quiet_hours_or_after_its_time_and_none_is_forgotten_there() {
    let evening = "2026-03-18T01:55:00Z"; // 20:55
    let stage = at(evening).await;
    let tenant = stage.tenant("queue", quiet("21:00", "08:00"));
    stage.twilio.change(|settings| settings.steps = Duration::from_hours(9)..=Duration::from_hours(9));
    let quiet = stage.create(&tenant, |_| ()).await;
    let urgent = stage.create(&tenant, |created| created.urgent = true).await;
    let end = stage.time.now() + SignedDuration::from_mins(3);
    let short = stage
        .create(&tenant, |created| {
            created.urgent = true;
            created.expires_at = end;
        })
        .await;
    stage.send().await;
    stage.time.pass(Duration::from_secs(5 * 60 + 1));
    stage.twilio.change(|settings| settings.steps = Duration::ZERO..=Duration::ZERO);
    stage.twilio.idle().await;
    let expired = Some("30036 validity period ended before it was sent");
    for (id, expect, why) in
        [(&quiet, State::Deferred, expired), (&urgent, State::Delivered, None), (&short, State::Failed, expired)]
    {
        let standing = stage.standing(&tenant, id).await;
        assert_eq!((standing.state, standing.reason.as_deref()), (expect, why));
    }
    stage.minutes(&tenant, 10 * 60 + 50).await; // 07:55
    assert_eq!((stage.state(&tenant, &quiet).await, stage.accepted(&quiet)), (State::Deferred, 1));
    stage.minutes(&tenant, 12).await;
    assert_eq!((stage.state(&tenant, &quiet).await, stage.accepted(&quiet)), (State::Delivered, 2));
    let morning = stage.twilio.accepted().last().unwrap().created;
    assert_eq!(morning.in_tz("America/Chicago").unwrap().strftime("%H:%M").to_string(), "08:00");
    assert_eq!((stage.state(&tenant, &short).await, stage.accepted(&short)), (State::Failed, 1));
    assert_eq!(stage.accepted(&urgent), 1);
    let proof = stage.prove(&tenant).await;
    assert!(proof.holds(), "{proof:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_expired_in_twilios_queue_unheard_is_found_by_asking_and_one_that_always_does_is_not_asked_for_all_day() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("unheard", |_| ());
    stage.callbacks.switch(false);
    stage.twilio.change(|settings| {
        settings.undeliverable.insert(phone(0).e164().to_owned(), 30036);
    });
    let id = stage.create(&tenant, |_| ()).await;
    stage.minutes(&tenant, 5).await;
    assert_eq!((stage.state(&tenant, &id).await, stage.accepted(&id)), (State::Accepted, 1));
    stage.minutes(&tenant, 20).await;
    assert_eq!(stage.accepted(&id), 2);
    stage.play(&tenant, Duration::from_hours(24), Duration::from_mins(5)).await;
    assert!((15..=30).contains(&stage.accepted(&id)), "{}", stage.accepted(&id));
    stage.play(&tenant, Duration::from_hours(25), Duration::from_mins(30)).await;
    assert_eq!(stage.state(&tenant, &id).await, State::Failed);
    assert!(stage.prove(&tenant).await.holds());
}

/// Queues and caps that are full are emptier later, each at its time; none of what met them was sent.
#[tokio::test(flavor = "multi_thread")]
async fn what_met_a_full_queue_or_a_cap_is_sent_again_when_that_is_over() {
    // Half past ten in the morning of the carriers' day.
    for (code, at, waits) in [
        (30001, "2026-03-17T17:30:00Z", Duration::from_mins(10)),
        (30022, "2026-03-17T17:30:00Z", Duration::from_mins(10)),
        (30450, "2026-03-17T17:30:00Z", Duration::from_mins(30)),
        (30023, "2026-03-17T17:30:00Z", Duration::from_mins(13 * 60 + 30)),
        (30027, "2026-03-17T17:30:00Z", Duration::from_mins(13 * 60 + 30)),
    ] {
        let stage = self::at(at).await;
        let tenant = stage.tenant("full", |_| ());
        stage.twilio.change(|settings| settings.undeliverable = [(phone(0).e164().to_owned(), code)].into());
        let id = stage.create(&tenant, |_| ()).await;
        stage.send().await;
        stage.twilio.idle().await;
        stage.twilio.change(|settings| settings.undeliverable.clear());
        let asked = stage.twilio.accepted()[0].created;
        let almost = waits.saturating_sub(Duration::from_mins(2));
        stage.play(&tenant, almost, almost / 8).await;
        assert_eq!((stage.state(&tenant, &id).await, stage.accepted(&id)), (State::Deferred, 1), "{code}");
        while stage.accepted(&id) < 2 {
            assert_eq!(stage.state(&tenant, &id).await, State::Deferred, "{code}");
            stage.play(&tenant, Duration::from_mins(1), Duration::from_mins(1)).await;
        }
        let waited = stage.twilio.accepted()[1].created.duration_since(asked);
        let near = waits..waits + Duration::from_mins(2);
        assert!(near.contains(&Duration::try_from(waited).unwrap()), "{code} {waited:?}");
        assert_eq!(stage.state(&tenant, &id).await, State::Delivered, "{code}");
        assert!(stage.prove(&tenant).await.holds(), "{code}");
        // Whoever has to raise a cap is told.
        assert_eq!(stage.counted().contains_key("AccountTrouble"), [30023, 30027].contains(&code), "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_have_only_seconds_before_quiet_hours_waits_for_their_end() {
    let stage = at("2026-03-18T01:59:45Z").await; // 20:59:45
    let tenant = stage.tenant("seconds", quiet("21:00", "08:00"));
    let id = stage.create(&tenant, |_| ()).await; // it is 20:59:47 now
    stage.send().await;
    assert_eq!((stage.state(&tenant, &id).await, stage.twilio.requests()), (State::Deferred, 0));
    stage.time.pass(Duration::from_mins(11 * 60 + 1));
    stage.minutes(&tenant, 1).await;
    assert_eq!(stage.accepted(&id), 1);
}

/// Twilio counts a validity period from when it takes the text, which may be a whole time-out after we ask.
#[tokio::test(flavor = "multi_thread")]
async fn a_texts_time_in_twilios_queue_ends_before_its_own_however_late_twilio_takes_it() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("late", |_| ());
    let held = Duration::from_hours(9);
    stage.twilio.change(|settings| settings.steps = held..=held);
    let end = stage.time.now() + SignedDuration::from_secs(180);
    let id = stage.create(&tenant, |created| created.expires_at = end).await;
    stage.send().await;
    stage.time.pass(Duration::from_secs(175));
    stage.twilio.change(|settings| settings.steps = Duration::ZERO..=Duration::ZERO);
    stage.twilio.idle().await;
    assert_eq!(stage.story(&tenant, &id).await.tried()[&1].error_code(), Some(30036));
    // What leaves Twilio no time is not asked for.
    let end = stage.time.now() + SignedDuration::from_secs(15);
    let id = stage.create(&tenant, |created| created.expires_at = end).await;
    stage.send().await;
    assert_eq!((stage.state(&tenant, &id).await, stage.accepted(&id)), (State::Deferred, 0));
    stage.time.pass(Duration::from_secs(15));
    stage.sweep(&tenant).await;
    assert_eq!((stage.state(&tenant, &id).await, stage.accepted(&id)), (State::Expired, 0));
}

/// Twilio starts an account's calls one after the other, and a waiting call has no period of validity.
#[tokio::test(flavor = "multi_thread")]
async fn no_call_waits_in_twilios_queue_until_quiet_hours() {
    let stage = at("2026-03-18T01:29:58Z").await; // 20:29:58, and 20:30 once the document is written
    let tenant = stage.tenant("calls", quiet("21:00", "08:00"));
    stage.twilio.change(|settings| settings.call_spacing = Duration::from_mins(5));
    for _ in 0..8 {
        stage.create(&tenant, |created| created.channel = Channel::Voice).await;
        stage.send().await;
    }
    stage.twilio.change(|settings| settings.call_spacing = Duration::ZERO);
    stage.twilio.idle().await;
    let taken_back = |call: &&AcceptedMessage| call.status == "canceled";
    assert_eq!(stage.twilio.accepted().iter().filter(taken_back).count(), 3);
    let count = async |state: State| {
        let stories = stage.stories(&tenant).await;
        stories.iter().filter(|story| story.standing(stage.time.now()).state == state).count()
    };
    assert_eq!((count(State::Delivered).await, count(State::Deferred).await), (5, 3));
    assert_eq!((stage.counted()["Accepted"], stage.counted()["Deferred"]), (5, 3));
    // In the night nobody is called, and in the morning everybody.
    stage.time.pass(Duration::from_mins(31));
    stage.minutes(&tenant, 10 * 60 + 55).await;
    assert_eq!(stage.twilio.accepted().len(), 8);
    stage.minutes(&tenant, 12).await;
    assert_eq!((count(State::Delivered).await, stage.twilio.accepted().len()), (8, 8 + 3));
    assert!(stage.prove(&tenant).await.holds());
}

/// Twilio no longer answers when a call is to be taken back: it is known to be on its way, and not asked for again.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_can_not_be_taken_back_is_not_made_again() {
    let stage = at("2026-03-18T01:58:58Z").await;
    let tenant = stage.tenant("calls", quiet("21:00", "08:00"));
    let busy = Rule::on(Operation::CallUpdate, When::Always, Fault::before(Trouble::Status(503)));
    stage.twilio.change(|settings| {
        settings.call_spacing = Duration::from_mins(20);
        settings.faults.rules = vec![busy];
    });
    for _ in 0..2 {
        stage.create(&tenant, |created| created.channel = Channel::Voice).await;
        stage.send().await;
    }
    stage.twilio.change(|settings| settings.call_spacing = Duration::ZERO);
    stage.twilio.idle().await;
    stage.minutes(&tenant, 12 * 60).await;
    let states =
        stage.stories(&tenant).await.iter().map(|story| story.standing(stage.time.now()).state).collect::<Vec<_>>();
    assert_eq!((states, stage.twilio.accepted().len()), (vec![State::Delivered; 2], 2));
}
