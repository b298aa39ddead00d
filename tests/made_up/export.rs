//! Writes exports of a made-up ledger, in AWS's format: `made-up-export DIRECTORY COUNT ordinary|odd [SEED]`. Ordinary
//! notifications go the way that most do, all in one full export; odd ones go every way that the fold can tell apart, and some
//! that never happen, and what was learnt in the last half hour is in an incremental export.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a tool of the tests

mod stories;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use local::export::Export;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use shared::ledger::{Item, table};
use shared::notification::{Detail, Fact, NotificationId};
use shared::tenant::TenantId;
use std::path::Path;

/// When the last export is taken.
const NOW: &str = "2026-03-17T22:00:00Z";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, count, way, seed @ ..] = arguments.as_slice() else {
        panic!("made-up-export DIRECTORY COUNT ordinary|odd [SEED]");
    };
    let count: u64 = count.parse().expect("how many notifications?");
    let seed = seed.first().map_or(1, |seed| seed.parse().expect("a number for a seed"));
    let now: Timestamp = NOW.parse().unwrap();
    let mut random = StdRng::seed_from_u64(seed);
    let directory = Path::new(directory);
    let cut = if way == "odd" { now.checked_sub(SignedDuration::from_mins(30)).unwrap() } else { now };
    let mut full = Export::full(directory, "ledger", cut).unwrap();
    let mut changes = (cut < now).then(|| Export::incremental(directory, "ledger", cut, now).unwrap());
    let mut made: Vec<_> = Vec::new();
    if way == "odd" {
        made = stories::more_than_once(count, now, &mut random);
    }
    let others = (0..count).map(|number| match way.as_str() {
        "ordinary" => stories::ordinary(number, now, &mut random),
        "odd" => stories::odd(number, now, &mut random),
        other => panic!("ordinary or odd, not {other}"),
    });
    for (number, (tenant, id, facts)) in others.chain(made).enumerate() {
        for fact in &facts {
            let mut item = item(&tenant, &id, fact);
            if way == "odd" {
                item.insert(table::RETAIN_UNTIL.to_owned(), kept_until(number as u64, fact, now));
            }
            match &mut changes {
                Some(changes) if fact.at >= cut => changes.change(fact.at, None, Some(&item)).unwrap(),
                _ => full.item(&item).unwrap(),
            }
        }
    }
    for export in [Some(full), changes].into_iter().flatten() {
        println!("{}", export.finish().unwrap().display());
    }
}

/// Of one notification in ten retention removes something just now, the beginning or all; the others have years left, or just weeks.
fn kept_until(number: u64, fact: &Fact, now: Timestamp) -> AttributeValue {
    const DAY: i64 = 24 * 60 * 60;
    let is_beginning = matches!(fact.detail, Detail::Created(_));
    let left = match number % 20 {
        17 if is_beginning => 0,
        17 => 600,
        18 => -DAY,
        19 => 30 * DAY,
        _ => 2555 * DAY,
    };
    AttributeValue::N((now.as_second() + left).to_string())
}

fn item(tenant: &TenantId, id: &NotificationId, fact: &Fact) -> Item {
    let mut item: Item = serde_dynamo::to_item(fact).unwrap();
    item.insert(table::PK.to_owned(), AttributeValue::S(table::employee_pk(tenant, id.employee())));
    item.insert(table::SK.to_owned(), AttributeValue::S(format!("{}#{}", id.event(), fact.key())));
    item.insert(table::RETAIN_UNTIL.to_owned(), AttributeValue::N("1999999999".to_owned()));
    item
}
