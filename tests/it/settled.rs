//! What a sweep costs a tenant with much behind it: what is due is paid for, and what is settled is not.

use crate::stage::Stage;
use dynoxide::{AttributeValue, ImportOptions, Item};
use jiff::SignedDuration;
use local::stack::TABLE;
use serde_json::json;
use shared::ledger::table;
use shared::notification::{Attempt, AttemptOutcome, Detail, NotificationId, Outcome, Report};
use shared::tenant::TenantId;
use std::fmt;
use std::time::{Duration, Instant};

/// How many notifications are imported in one transaction.
const AT_ONCE: usize = 10_000;

/// What two sweeps cost, one after the other.
pub struct Cost {
    /// Read units of the sweep that found something due.
    pub read: f64,
    /// Read units of the next, which found nothing.
    pub idle: f64,
    /// How long the settled ones took to write.
    pub written_in: Duration,
    /// How long the first sweep took.
    pub swept_in: Duration,
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { read, idle, written_in, swept_in } = self;
        write!(f, "{read} read units, then {idle}; written in {written_in:.1?}, swept in {swept_in:.1?}")
    }
}

/// Sweeps a tenant that has so many settled notifications, and so many that are due.
pub async fn sweep(settled: usize, due: usize) -> Cost {
    let stage = Stage::new().await;
    let tenant = stage.tenant("large", |_| ());
    let began = Instant::now();
    let pattern = delivered(&stage, &tenant, 0).await;
    copy(&stage, &tenant, &pattern, settled);
    let written_in = began.elapsed();

    // Everything so far was looked at in its time.
    stage.time.pass(Duration::from_hours(1));
    stage.ledger.store_swept(&tenant, stage.time.now()).await.unwrap();
    for number in 1..=due {
        delivered(&stage, &tenant, number).await;
    }
    stage.time.pass(stage.timing.first_look + Duration::from_mins(1));
    let process = stage.another_poll();
    let (_, before) = process.ledger.used_units();
    let began = Instant::now();
    let swept = stage.sweep_by(&process, &tenant).await;
    let swept_in = began.elapsed();
    assert_eq!((swept.looked as usize, swept.failed), (due, 0));
    let (_, after) = process.ledger.used_units();
    assert_eq!(stage.sweep_by(&process, &tenant).await.looked, 0);
    let (_, last) = process.ledger.used_units();
    Cost { read: after - before, idle: last - after, written_in, swept_in }
}

/// A text that arrived.
async fn delivered(stage: &Stage, tenant: &TenantId, number: usize) -> NotificationId {
    let id = stage.create(tenant, |_| ()).await;
    let (sid, deadline) = (format!("SM{number:032x}"), stage.time.now() + SignedDuration::from_mins(1));
    let claim = Attempt { attempt: 1, deadline, request_id: "r".to_owned() };
    stage.append(tenant, &id, Detail::Attempt(claim)).await;
    let outcome = Outcome::Accepted { sid: sid.clone(), status: "queued".to_owned(), evidence: None };
    stage.append(tenant, &id, Detail::Outcome(AttemptOutcome { attempt: 1, outcome })).await;
    let report =
        Report { sid, status: "delivered".to_owned(), attempt: 1, error_code: None, fields: serde_json::Map::new() };
    stage.append(tenant, &id, Detail::Callback(report)).await;
    id
}

/// Writes one notification's items again for so many other people, in every partition of the index alike. They go in by the
/// database's own import, which tells no stream: a million would take an hour over the wire.
fn copy(stage: &Stage, tenant: &TenantId, pattern: &NotificationId, copies: usize) {
    let database = stage.dynamodb.database();
    let query = json!({
        "TableName": TABLE,
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": table::employee_pk(tenant, pattern.employee())}},
    });
    let items = database.query(serde_json::from_value(query).unwrap()).unwrap().items.unwrap();
    assert!(!items.is_empty());
    for first in (0..copies).step_by(AT_ONCE) {
        let numbers = first..copies.min(first + AT_ONCE);
        let batch = numbers.flat_map(|number| items.iter().map(move |item| copied(tenant, item, number))).collect();
        database.import_items(TABLE, batch, ImportOptions::default()).unwrap();
    }
}

fn copied(tenant: &TenantId, item: &Item, number: usize) -> Item {
    let mut item = item.clone();
    let mut set = |name: &str, value: String| item.insert(name.to_owned(), AttributeValue::S(value));
    let AttributeValue::S(sk) = set(table::SK, String::new()).unwrap() else { panic!("a sort key is a string") };
    let (event, fact) = sk.split_once('#').unwrap();
    let event = format!("{}{}", base32(number, 1), &event[1..]);
    let id = NotificationId::parse(&format!("{}-{event}", base32(number, 13))).unwrap();
    set(table::SK, format!("{event}#{fact}"));
    set(table::PK, table::employee_pk(tenant, id.employee()));
    if item.contains_key(table::DUE_PK) {
        item.insert(table::DUE_PK.to_owned(), AttributeValue::S(table::due_pk(tenant, table::shard(&id))));
    }
    item
}

/// A number in as many characters of an id.
fn base32(mut number: usize, characters: usize) -> String {
    let digit = |_| {
        let digit = b"abcdefghijklmnopqrstuvwxyz234567"[number % 32];
        number /= 32;
        char::from(digit)
    };
    (0..characters).map(digit).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_settled_costs_a_sweep_nothing() {
    const DUE: usize = 20;
    let (few, many) = (sweep(100, DUE).await, sweep(1_000, DUE).await);
    assert!((few.read - many.read).abs() < f64::EPSILON, "{few}; {many}");
    assert!(many.read <= DUE as f64 * 0.7 + 8.0, "{many}: what is due, and the shards of the index");
    assert!(many.idle <= 8.0, "{many}: the shards of the index, and nothing else");
}
