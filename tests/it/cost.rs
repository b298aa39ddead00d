//! What it costs, in DynamoDB's own request units as it reports them. These tests fail when a change makes a text dearer.

use crate::polling::{Clinic, event, events, query};
use crate::world::until_still;
use jiff::SignedDuration;
use local::demo::{Demo, Moods};
use local::stack::{Options, Stack};
use poll::source::Polled;
use serde_json::{Value, json};
use shared::clock::Clock;
use shared::ledger::Ledger;
use shared::metrics::Metrics;
use shared::notification::{NotificationId, State};
use shared::timing::Timing;
use shared::twilio::signature;
use std::sync::Arc;
use std::time::Duration;

const HOUR: Duration = Duration::from_hours(1);

/// A hospital that is polled once, and whose texts come from a plain number.
struct Once {
    _demo: Demo,
    stack: Stack,
    clock: Clock,
    delivered: usize,
    suppressed: usize,
    /// Callbacks that Twilio sent again.
    repeats: usize,
}

async fn once(staff: usize) -> Once {
    let clock = Clock::system();
    let moods = Moods { staff, latency: Duration::ZERO, ..Moods::default() };
    let demo = Demo::start(&moods, clock.clone(), None).await.unwrap();
    let path = demo.tenants().join(format!("{}.json", local::demo::TENANT));
    let mut document: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    document["twilio"]["from_number"] = document["twilio"]["voice_from_number"].clone();
    document["twilio"]["messaging_service_sid"] = Value::Null;
    document["events"].as_array_mut().unwrap().retain(|event| event["source"] == json!("payroll"));
    std::fs::write(&path, document.to_string()).unwrap();
    let options = Options {
        tenants: demo.tenants().to_owned(),
        listen: "127.0.0.1:0".parse().unwrap(),
        callback_base_url: None,
        poll_every: HOUR,
        data: None,
        timing: Timing::default(),
        clock: clock.clone(),
        adjust: None,
        metrics: Metrics::off(clock.clone()),
    };
    let stack = Stack::start(options).await.unwrap();
    let progress = until_still(&stack, &Timing::default(), &clock).await;
    let states = progress.states(clock.now());
    let count = |state| states.get(&state).copied().unwrap_or_default();
    let (delivered, suppressed) = (count(State::Delivered), count(State::Suppressed));
    assert_eq!(delivered + suppressed, staff);
    demo.twilio.idle().await;
    let repeats = demo.twilio.callbacks().iter().map(|callback| callback.answers.len().saturating_sub(1)).sum();
    Once { _demo: demo, stack, clock, delivered, suppressed, repeats }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivered_text_costs_six_write_units_and_a_look_at_it_half_a_read_unit() {
    let (few, many) = (once(40).await, once(160).await);
    let texts = (many.delivered - few.delivered) as f64;
    assert!(texts > 100.0);
    let ((few_written, few_read), (many_written, many_read)) =
        (few.stack.ledger().used_units(), many.stack.ledger().used_units());
    // Some of the staff can't be texted: each costs one unit to say so.
    let reasons = (many.suppressed - few.suppressed) as f64;
    // Twilio repeats what a busy machine doesn't answer in time: each costs one unit to find it there.
    let repeats = many.repeats as f64 - few.repeats as f64;
    let written = (many_written - few_written - reasons - repeats) / texts;
    let read = (many_read - few_read) / texts;
    assert!(written <= 6.0, "{written} write units a text: created 2, attempt, outcome, sent, delivered");
    assert!(read <= 0.55, "{read} read units a text: consent");

    // The one look, ten minutes on, by a process that remembers nothing.
    let later = Timing::default().first_look + Duration::from_mins(1);
    let now = many.clock.now().checked_add(SignedDuration::try_from(later).unwrap()).unwrap();
    let tenants = many.stack.tenants();
    let tenant = tenants.list().await.unwrap().remove(0).1.unwrap();
    let deps = poll::Deps {
        ledger: Ledger::new(many.stack.ledger().client().clone(), many.stack.ledger().table().to_owned()),
        tenants: Arc::clone(many.stack.tenants()),
        twilio: shared::twilio::Client::new(shared::twilio::Timeouts::default()).unwrap(),
        clock: Clock::from_fn(move || now),
        timing: Timing::default(),
        metrics: Metrics::off(Clock::system()),
        memory: poll::Memory::default(),
    };
    let until = now.checked_add(SignedDuration::from_mins(5)).unwrap();
    let swept = poll::sweep::sweep(&deps, &tenant, until).await;
    assert!(swept.failed == 0 && swept.looked as usize >= many.delivered, "{swept:?}");
    let (_, looked) = deps.ledger.used_units();
    assert!(looked / many.delivered as f64 <= 0.7, "{looked} read units for {} looks", many.delivered);

    // An idle sweep of the same process, a minute later: the shards of the index, and nothing else.
    let swept = poll::sweep::sweep(&deps, &tenant, until).await;
    assert_eq!(swept.looked, 0);
    let (_, idle) = deps.ledger.used_units();
    assert!(idle - looked <= 8.0, "{} read units for an idle sweep", idle - looked);
}

/// What the ledger was asked for since `before`, in units written and read.
fn since(ledger: &Ledger, before: (f64, f64)) -> (f64, f64) {
    let (written, read) = ledger.used_units();
    (written - before.0, read - before.1)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_minute_of_a_tenant_costs_eight_read_units_at_most() {
    let clinic = Clinic::open("2026-03-17T15:00:00Z", query(), |_, _| ()).await;
    let ledger = &clinic.office.deps.ledger;
    clinic.read().await;
    for _ in 0..3 {
        clinic.later(60);
        let before = ledger.used_units();
        clinic.read().await;
        let (written, read) = since(ledger, before);
        assert!(read <= 8.0, "{read} read units: the shards of the index, and the cursors");
        assert!(
            written <= 4.0,
            "{written} write units: the lease twice, the source's cursor, and now and then the sweep's"
        );

        // Whoever comes before the source's time, or while another has the tenant, writes nothing.
        clinic.later(1);
        let before = ledger.used_units();
        assert!(matches!(clinic.poll().await, Polled::NotNow));
        let (written, read) = since(ledger, before);
        assert!(read <= 8.0 && written == 0.0, "{read} read units, {written} written");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_read_again_costs_nothing_or_in_a_new_process_one_write_unit() {
    const ROWS: usize = 40;
    let rows = events("2026-03-17T09:59:00", 0..ROWS);
    let since_morning = |_: &mut _, document: &mut Value| {
        document["poll"]["start_at"] = json!("2026-03-17");
        document["only_to"] = json!(["+13125550199"]); // nobody's here, so that the sweep has nothing to look at
    };
    let mut clinic = Clinic::open("2026-03-17T15:00:00Z", query().with_rows(rows), since_morning).await;
    assert_eq!(clinic.read().await.created as usize, ROWS);

    clinic.later(60);
    let before = clinic.office.deps.ledger.used_units();
    let added = clinic.read().await;
    assert_eq!((added.created, added.known as usize), (0, ROWS), "the overlap brings the rows again");
    let (warm, read) = since(&clinic.office.deps.ledger, before);
    assert!(warm <= 4.0 && read <= 8.0, "{warm} written, {read} read: no more than a minute without rows");

    clinic.office.forget();
    clinic.later(60);
    let before = clinic.office.deps.ledger.used_units();
    assert_eq!(clinic.read().await.known as usize, ROWS);
    let (cold, read) = since(&clinic.office.deps.ledger, before);
    assert!(cold - ROWS as f64 <= 4.0, "{cold} write units for {ROWS} rows: one failed conditional write each");
    assert!(read - ROWS as f64 / 2.0 <= 8.0, "{read} read units for {ROWS} rows: whether the other channel told it");

    // What is new since the last reading is nobody's to have told: no process looks it up.
    for forgets in [false, true] {
        clinic.later(700); // past the overlap
        clinic.read().await;
        if forgets {
            clinic.office.forget();
        }
        clinic.later(60);
        let stamp = jiff::tz::TimeZone::get("America/Chicago").unwrap().to_datetime(clinic.office.hands.now());
        for number in 0..ROWS {
            clinic.add(event(&stamp.to_string(), &number.to_string(), &format!("{forgets} {number}")));
        }
        let before = clinic.office.deps.ledger.used_units();
        assert_eq!(clinic.read().await.created as usize, ROWS);
        let (_, read) = since(&clinic.office.deps.ledger, before);
        assert!(read <= 8.0, "{read} read units for new rows");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_costs_one_write_and_no_read() {
    const CALLBACKS: u32 = 10;
    let hospital = once(5).await;
    let (stack, ledger) = (&hospital.stack, hospital.stack.ledger());
    let before = ledger.used_units();
    for number in 0..CALLBACKS {
        let id = NotificationId::parse("abcdefghijklm-abcdefghijklmnop").unwrap();
        let sid = format!("SM{number:032x}");
        let params = [("MessageSid", sid.as_str()), ("MessageStatus", "delivered")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let path = format!("/twilio/{}/status?n={id}&a=1", local::demo::TENANT);
        let signature =
            signature::sign(local::demo::AUTH_TOKEN, &format!("{}{path}", stack.callback_base_url()), &params);
        let answer = reqwest::Client::new()
            .post(format!("http://{}{path}", stack.address()))
            .header("x-twilio-signature", signature)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("MessageSid={sid}&MessageStatus=delivered"))
            .send();
        assert_eq!(answer.await.unwrap().status().as_u16(), 204);
    }
    assert_eq!(since(ledger, before), (f64::from(CALLBACKS), 0.0));
}
