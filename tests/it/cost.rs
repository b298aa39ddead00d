//! What it costs, in DynamoDB's own request units as it reports them. These tests fail when a change makes a text dearer.

use crate::world::until_still;
use jiff::SignedDuration;
use local::demo::{Demo, Moods};
use local::stack::{Options, Stack};
use serde_json::{Value, json};
use shared::clock::Clock;
use shared::ledger::Ledger;
use shared::metrics::Metrics;
use shared::notification::State;
use shared::timing::Timing;
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
    Once { _demo: demo, stack, clock, delivered, suppressed }
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
    let (written, read) = ((many_written - few_written - reasons) / texts, (many_read - few_read) / texts);
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
