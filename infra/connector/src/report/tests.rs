//! The whole report over hand-made exports: what it adds up to, what it finds, and what people read.

use crate::samples::{
    accepted, at, attempt, began, began_with, callback, claim, closed, deferred, id, refused, tenant_id,
};
use crate::terminal::{Look, Terminal};
use crate::{cli::Cli, samples};
use aws_sdk_dynamodb::types::AttributeValue;
use clap::Parser as _;
use jiff::Timestamp;
use local::export::Export;
use serde_json::Value;
use shared::ledger::{Item, table};
use shared::notification::{ClosedReason, Created, Detail, Fact, NotificationId, Revealed, Suppressed};
use shared::phone::Channel;
use std::path::Path;
use tempfile::TempDir;

const TABLE: &str = "ledger";

fn employee(number: &str) -> NotificationId {
    NotificationId::of(&tenant_id(), number, "payroll", &["2026-03-15".to_owned()], Channel::Sms)
}

fn created(number: &str, change: impl FnOnce(&mut Created)) -> Fact {
    let fact = began_with(|created| {
        created.employee_id = number.to_owned();
        change(created);
    });
    if matches!(&fact.detail, shared::notification::Detail::Created(created) if created.suppressed.is_none()) {
        return fact.starting(1);
    }
    fact
}

fn item(id: &NotificationId, fact: &Fact) -> Item {
    kept_until(id, fact, 1_800_000_000)
}

fn kept_until(id: &NotificationId, fact: &Fact, until: i64) -> Item {
    let mut item: Item = serde_dynamo::to_item(fact).unwrap();
    item.insert(table::PK.to_owned(), AttributeValue::S(table::employee_pk(&tenant_id(), id.employee())));
    item.insert(table::SK.to_owned(), AttributeValue::S(format!("{}#{}", id.event(), fact.key())));
    item.insert(table::RETAIN_UNTIL.to_owned(), AttributeValue::N(until.to_string()));
    item
}

fn write_full(directory: &Path, at: Timestamp, items: &[Item]) {
    let mut export = Export::full(directory, TABLE, at).unwrap();
    for item in items {
        export.item(item).unwrap();
    }
    export.finish().unwrap();
}

/// Six notifications, each ended otherwise, and what lies beside them.
fn sound() -> Vec<Item> {
    let stories = [
        (
            "1",
            vec![
                created("1", |_| {}),
                attempt(1, "21:42:08"),
                accepted(1, "21:42:09"),
                callback(1, "21:42:19", "delivered", None),
            ],
        ),
        ("2", vec![created("2", |created| created.suppressed = Some(Suppressed::NoPhone))]),
        ("3", vec![created("3", |_| {}), attempt(1, "21:42:08"), refused(1, "21:42:09")]),
        ("4", vec![created("4", |_| {}), attempt(1, "21:42:08"), deferred(1, "21:42:09", "20429", "21:52:09")]),
        ("5", vec![created("5", |_| {}), closed(ClosedReason::OptedOut, 1, "21:42:10")]),
        ("6", vec![created("6", |created| "shift_changed".clone_into(&mut created.kind)), attempt(1, "21:42:08")]),
    ];
    let items = stories.into_iter().flat_map(|(number, facts)| facts.into_iter().map(move |fact| (number, fact)));
    let mut items: Vec<Item> = items.map(|(number, fact)| item(&employee(number), &fact)).collect();
    for (pk, sk) in [
        ("st-lukes#cursor", "payroll"),
        ("st-lukes#phone#+13125550142", "consent#2026-03-17T21:42:07.000Z#SM1"),
        ("st-lukes#verify#74efmocyyirrc", "asked#001"),
    ] {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        items.push([("pk".to_owned(), text(pk)), ("sk".to_owned(), text(sk))].into());
    }
    items
}

struct Ran {
    code: u8,
    data: String,
    talk: String,
}

async fn run(words: &[&str]) -> Ran {
    let cli = Cli::try_parse_from([&["connector"], words].concat()).unwrap();
    let (mut data, mut talk, mut answers) = (Vec::new(), Vec::new(), b"".as_slice());
    let mut terminal =
        Terminal { data: &mut data, talk: &mut talk, answers: &mut answers, look: Look::default(), watched: false };
    let code = crate::run(cli, &mut terminal).await;
    Ran { code, data: String::from_utf8(data).unwrap(), talk: String::from_utf8(talk).unwrap() }
}

async fn report(directory: &Path) -> (Ran, Value) {
    let ran = run(&["--format", "json", "audit", "report", "--export", directory.to_str().unwrap()]).await;
    let value = serde_json::from_str(&ran.data).unwrap_or_else(|_| panic!("{}", ran.talk));
    (ran, value)
}

#[tokio::test]
async fn what_people_read() {
    let directory = TempDir::new().unwrap();
    write_full(directory.path(), at("21:42:30"), &sound());
    let path = directory.path().to_str().unwrap();
    let (csv, html) = (directory.path().join("r.csv"), directory.path().join("r.html"));
    let words = ["audit", "report", "--export", path, "--csv", csv.to_str().unwrap(), "--html", html.to_str().unwrap()];
    let ran = run(&words).await;
    assert_eq!(ran.code, 0, "{}", ran.talk);
    insta::assert_snapshot!(ran.data);
    let csv = std::fs::read_to_string(csv).unwrap();
    assert_eq!(csv.lines().count(), 7, "{csv}");
    let html = std::fs::read_to_string(html).unwrap();
    assert!(html.contains("<b data-sum=\"all\">6</b>") && html.contains("<b data-sum=\"delivered\">1</b>"), "{html}");
    assert_eq!(html.matches("<tr data-state=").count(), 6);
    for written in [&csv, &html, &ran.data, &ran.talk] {
        assert!(!written.contains("3125550142"), "a number is not masked: {written}");
    }
    // One file, and nothing is loaded from anywhere.
    for outside in ["http:", "https:", "src=", "@import", "url("] {
        assert!(!html.contains(outside), "{outside}");
    }
}

#[tokio::test]
async fn sums_and_times_for_programs() {
    let directory = TempDir::new().unwrap();
    write_full(directory.path(), at("21:42:30"), &sound());
    let (ran, found) = report(directory.path()).await;
    assert_eq!(ran.code, 0, "{}", ran.talk);
    let states = serde_json::json!(
        {"delivered": 1, "suppressed": 2, "failed": 1, "deferred": 1, "sending": 1}
    );
    assert_eq!(found["by_state"], states);
    assert_eq!((&found["notifications"], &found["facts"]), (&6.into(), &15.into()));
    assert_eq!(found["other_items"], serde_json::json!({"consent": 1, "two-factor checks": 1}));
    let all = &found["seconds_from_event"][0];
    assert_eq!(all["delivered"]["count"], 1);
    let p50 = all["delivered"]["p50"].as_f64().unwrap();
    assert!((139.0..=139.0 * 65.0 / 64.0).contains(&p50), "{p50}"); // 21:40:00 to 21:42:19
    let reasons: Vec<&str> =
        found["sums"].as_array().unwrap().iter().filter_map(|sum| sum["reason"].as_str()).collect();
    assert!(reasons.contains(&"no_phone") && reasons.contains(&"opted_out"), "{reasons:?}");
    assert!(reasons.iter().all(|reason| !reason.contains("again at")), "{reasons:?}");
}

/// What can't be is found, each kind of it once, and is trouble.
#[tokio::test]
async fn bad_data_is_found() {
    let check = |items: Vec<Item>, expect: &'static [(&'static str, u64)]| async move {
        let directory = TempDir::new().unwrap();
        write_full(directory.path(), at("22:42:30"), &items);
        let (ran, found) = report(directory.path()).await;
        let counts: Vec<(&str, u64)> = found["checks"]
            .as_object()
            .unwrap()
            .iter()
            .filter_map(|(check, count)| Some((check.as_str(), count.as_u64().filter(|count| *count > 0)?)))
            .collect();
        assert_eq!(counts, expect, "{found}");
        assert_eq!(ran.code, u8::from(!expect.is_empty()));
    };
    let of = |facts: &[Fact]| facts.iter().map(|fact| item(&id(), fact)).collect::<Vec<_>>();
    check(of(&[began(), attempt(1, "21:42:08"), accepted(1, "21:42:09")]), &[]).await;
    check(of(&[began(), accepted(1, "21:42:09")]), &[("accepted_without_attempt", 1)]).await;
    let second = samples::outcome(
        2,
        "21:43:09",
        shared::notification::Outcome::Accepted {
            sid: "SMffffffffffffffffffffffffffffffff".to_owned(),
            status: "queued".to_owned(),
            evidence: None,
        },
    );
    let twice = [began(), attempt(1, "21:42:08"), accepted(1, "21:42:09"), attempt(2, "21:43:08"), second];
    check(of(&twice), &[("accepted_twice", 1), ("attempt_without_release", 1)]).await;
    check(of(&[callback(1, "21:42:19", "delivered", None)]), &[("unknown", 1)]).await;
    check(of(&[began(), claim(2, "21:42:08", "connector ada 1")]), &[]).await;
    let mut misplaced = of(&[began(), attempt(1, "21:42:08")]);
    misplaced[1].insert("sk".to_owned(), AttributeValue::S(format!("{}#attempt#002", id().event())));
    check(misplaced, &[("misplaced", 1)]).await;
    let mut broken = of(&[began(), attempt(1, "21:42:08")]);
    broken[1].remove("deadline");
    let stranger: Item =
        [("pk", "x"), ("sk", "y")].map(|(name, text)| (name.to_owned(), AttributeValue::S(text.to_owned()))).into();
    broken.push(stranger);
    check(broken, &[("unreadable", 2)]).await;
}

#[tokio::test]
async fn incremental_exports_go_on_from_the_full_one() {
    let directory = TempDir::new().unwrap();
    write_full(directory.path(), at("21:42:08"), &[item(&id(), &began())]);
    let day = at("21:42:08");
    let mut changes = Export::incremental(directory.path(), TABLE, day, at("22:42:08")).unwrap();
    for fact in [attempt(1, "21:42:08"), accepted(1, "21:42:09")] {
        changes.change(fact.at, None, Some(&item(&id(), &fact))).unwrap();
    }
    let last = kept_until(&id(), &callback(1, "21:42:19", "delivered", None), at("23:10:00").as_second());
    changes.change(at("21:42:19"), None, Some(&last)).unwrap();
    // A write that both tell of is no change.
    changes.change(began().at, None, Some(&item(&id(), &began()))).unwrap();
    changes.finish().unwrap();
    let (ran, found) = report(directory.path()).await;
    assert_eq!(ran.code, 0, "{found}");
    assert_eq!(found["by_state"], serde_json::json!({"delivered": 1}));
    assert_eq!(found["as_of"], "2026-03-17T22:42:08.000Z");

    // A fact that was changed, one that was removed before its time and one that was removed when it was over; then a gap.
    let mut changes = Export::incremental(directory.path(), TABLE, at("22:42:08"), at("23:00:00")).unwrap();
    let (before, mut after) = (item(&id(), &attempt(1, "21:42:08")), item(&id(), &attempt(1, "21:42:08")));
    after.insert("request_id".to_owned(), AttributeValue::S("another".to_owned()));
    changes.change(at("22:50:00"), Some(&before), Some(&after)).unwrap();
    changes.change(at("22:50:00"), Some(&item(&id(), &accepted(1, "21:42:09"))), None).unwrap();
    changes.finish().unwrap();
    let mut changes = Export::incremental(directory.path(), TABLE, at("23:05:00"), at("23:20:00")).unwrap();
    changes.change(at("23:15:00"), Some(&last), None).unwrap();
    changes.finish().unwrap();
    let (ran, found) = report(directory.path()).await;
    assert_eq!(ran.code, 1);
    let checks = &found["checks"];
    // The change shows itself in its own line, and again against the version of the export before.
    assert_eq!(
        (&checks["changed"], &checks["removed_early"], &checks["gap"]),
        (&2.into(), &1.into(), &1.into()),
        "{found}"
    );
    assert_eq!(found["by_state"], serde_json::json!({"in_doubt": 1}));
}

/// Retention removes the beginning first. What it leaves for a while is no trouble, and what it may remove counts as gone.
#[tokio::test]
async fn what_retention_leaves_is_no_trouble() {
    const DAY: i64 = 24 * 60 * 60;
    let now = at("22:42:30");
    let check = |facts: Vec<(Fact, Option<i64>)>, unknown: u64, facts_left: u64, states: Value| async move {
        let directory = TempDir::new().unwrap();
        let items = facts.iter().map(|(fact, left)| {
            let mut item = kept_until(&id(), fact, at("22:42:30").as_second() + left.unwrap_or_default());
            if left.is_none() {
                item.remove(table::RETAIN_UNTIL);
            }
            item
        });
        write_full(directory.path(), now, &items.collect::<Vec<_>>());
        let (ran, found) = report(directory.path()).await;
        assert_eq!((&found["checks"]["unknown"], &found["facts"]), (&unknown.into(), &facts_left.into()), "{found}");
        assert_eq!((ran.code, &found["by_state"]), (u8::from(unknown > 0), &states));
    };
    let (text, sent) = (created("0042317", |_| {}), || vec![attempt(1, "21:42:08"), accepted(1, "21:42:09")]);
    let left = |facts: Vec<Fact>, left: i64| facts.into_iter().map(|fact| (fact, Some(left))).collect::<Vec<_>>();
    let accepted = serde_json::json!({"accepted": 1});
    check(left(sent(), 600), 0, 2, accepted.clone()).await;
    check(left(sent(), 30 * DAY), 1, 2, accepted.clone()).await;
    check([left(vec![text.clone()], -1), left(sent(), 600)].concat(), 0, 2, accepted.clone()).await;
    check([left(vec![text.clone()], -600), left(sent(), -1)].concat(), 0, 0, serde_json::json!({})).await;
    check([left(vec![text], 600), left(sent(), 600)].concat(), 0, 3, accepted.clone()).await;
    let seen = Fact::new(at("21:50:00"), Detail::Revealed(Revealed { by: "ada".to_owned() }));
    check(vec![(seen.clone(), None)], 0, 1, serde_json::json!({"pending": 1})).await;
    check([left(sent(), 30 * DAY), vec![(seen, None)]].concat(), 1, 3, accepted).await;
}

/// An incremental export may begin before the full one, and may tell nothing of what an item was: what had been removed by the time
/// of the full one is no finding. What lies beside notifications is counted once, and not what moves.
#[tokio::test]
async fn an_incremental_export_that_overlaps_the_full_one_adds_nothing() {
    let directory = TempDir::new().unwrap();
    write_full(directory.path(), at("22:00:00"), &sound());
    let mut changes = Export::incremental(directory.path(), TABLE, at("21:30:00"), at("22:30:00")).unwrap();
    let keys = |pk: &str, sk: &str| -> Item {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        [("pk".to_owned(), text(pk)), ("sk".to_owned(), text(sk))].into()
    };
    let mut gone = item(&employee("77"), &attempt(1, "21:31:00"));
    gone.retain(|name, _| name == "pk" || name == "sk");
    changes.change(at("21:35:00"), Some(&gone), None).unwrap();
    changes.change(at("22:10:00"), None, Some(&keys("st-lukes#cursor", "payroll"))).unwrap();
    let mark = keys("st-lukes#verify-starts#2026-03-17T22:10", "2026-03-17T22:10:01.000Z#request");
    changes.change(at("22:10:00"), None, Some(&mark)).unwrap();
    let removed = keys("st-lukes#verify#74efmocyyirrc", "2019-03-17T22:10:01.000Z#VE1#started");
    changes.change(at("22:10:00"), Some(&removed), None).unwrap();
    changes.finish().unwrap();
    let (ran, found) = report(directory.path()).await;
    assert_eq!(ran.code, 0, "{found}");
    assert_eq!((&found["notifications"], &found["facts"]), (&6.into(), &15.into()));
    assert_eq!(found["other_items"], serde_json::json!({"consent": 1, "two-factor checks": 1}));
    // After the full one it can't have been.
    let mut changes = Export::incremental(directory.path(), TABLE, at("22:30:00"), at("23:00:00")).unwrap();
    changes.change(at("22:40:00"), Some(&gone), None).unwrap();
    changes.finish().unwrap();
    let (ran, found) = report(directory.path()).await;
    assert_eq!((ran.code, &found["checks"]["removed_early"]), (1, &1.into()), "{found}");
}

#[tokio::test]
async fn damage_is_told_and_the_rest_is_reported() {
    let directory = TempDir::new().unwrap();
    write_full(directory.path(), at("21:42:30"), &sound());
    let data =
        std::fs::read_dir(directory.path().join("AWSDynamoDB")).unwrap().next().unwrap().unwrap().path().join("data");
    let mut files: Vec<_> = std::fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let largest = files.iter().max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    let bytes = std::fs::read(largest).unwrap();
    std::fs::write(largest, &bytes[..bytes.len() - 10]).unwrap();
    let (ran, found) = report(directory.path()).await;
    assert_eq!((ran.code, &found["checks"]["damaged"]), (1, &1.into()), "{found}");
    std::fs::remove_file(largest).unwrap();
    let ran = run(&["audit", "report", "--export", directory.path().to_str().unwrap()]).await;
    assert_eq!(ran.code, 2);
    assert!(ran.talk.contains("copy the whole of AWSDynamoDB, data included"), "{}", ran.talk);
}

#[tokio::test]
async fn what_cannot_be_read_comes_with_what_to_do() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().to_str().unwrap();
    let check = |words: Vec<String>, code: u8, expect: &'static str| async move {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let ran = run(&words).await;
        assert_eq!(ran.code, code, "{}", ran.talk);
        assert!(ran.talk.contains(expect), "{}", ran.talk);
    };
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    check(words(&format!("audit report --export {path}")), 2, "an export that has finished").await;
    check(words("audit report --export s3://bucket/AWSDynamoDB"), 2, "aws s3 sync s3://bucket/AWSDynamoDB export")
        .await;
    check(words("audit report --export /nowhere/to/be/found"), 2, "/nowhere/to/be/found").await;
    write_full(directory.path(), at("21:42:30"), &sound());
    check(words(&format!("audit report --export {path} --csv /nowhere/x.csv")), 2, "can't write /nowhere/x.csv").await;
}
