//! What one row becomes: the words of its text, every reason not to send it, and what is counted meanwhile.

use crate::polling::{Clinic, Hands, Office, QUERY, TENANT, document, event, query};
use local::peoplesoft::{Column, Fault, Kind, Row, Rule, Value};
use poll::notify::BadRow;
use serde_json::{Value as Json, json};
use shared::ledger::Ledger;
use shared::metrics::Metrics;
use shared::notification::{Created, Suppressed};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

const NOW: &str = "2026-03-17T21:00:00Z";

/// What becomes of one event, in a document that somebody has changed.
async fn told(change: impl FnOnce(&mut Json)) -> Created {
    let query = query().with_rows([event("2026-03-17T15:58:00", "1", "one")]);
    let clinic = Clinic::open(NOW, query, |_, document| {
        document["poll"]["start_at"] = json!("2026-03-17");
        change(document);
    })
    .await;
    clinic.read().await;
    clinic.created().await.remove(0)
}

#[tokio::test]
async fn what_may_not_or_can_not_be_said_is_suppressed_with_its_reason() {
    let text = |text: String| move |document: &mut Json| document["events"][0]["templates"] = json!({"en": text});
    let only = |number: &'static str| move |document: &mut Json| document["only_to"] = json!([number]);
    assert_eq!(told(|_| ()).await.suppressed, None);
    assert_eq!(told(only("+1 312 555 0142")).await.suppressed, None);
    assert_eq!(told(only("+1 312 555 0143")).await.suppressed, Some(Suppressed::NotAllowed));
    // As many characters as Twilio takes, whatever their bytes.
    assert_eq!(told(text("é".repeat(1600))).await.suppressed, None);
    let long = told(text("é".repeat(1601))).await;
    assert_eq!((long.suppressed, long.body), (Some(Suppressed::TooLong), Some("é".repeat(1600))));
    assert_eq!(told(text("Due {{ event.number | date }}".to_owned())).await.suppressed, Some(Suppressed::Template));
    assert_eq!(
        told(text("{% if event.number == 'two' %}Two{% endif %}".to_owned())).await.suppressed,
        Some(Suppressed::Template)
    );
    let unsaid = told(text("You get ${{ event.number }}00".replace("{{ event.number }}", "9"))).await;
    assert_eq!((unsaid.suppressed, unsaid.body), (Some(Suppressed::Content), None));
}

#[tokio::test]
async fn texts_may_say_what_the_rows_say_of_the_employee_and_the_event() {
    let names = ["A.EMPLID", "B.NAME", "B.FIRST", "B.LAST", "E.DEPT", "E.TITLE", "A.STAMP", "C.PHONE", "A.NO"];
    let told = async |values: [&str; 9], without: &[&str]| {
        let columns =
            names.map(|name| Column::new(name, if name == "A.STAMP" { Kind::Datetime } else { Kind::Character }));
        let row = Row::new("2026-03-17T15:58:00".parse().unwrap(), values.map(Value::from).to_vec());
        let mut asked = query();
        asked.columns = columns.to_vec();
        let clinic = Clinic::open(NOW, asked.with_rows([row]), |_, document| {
            document["poll"]["start_at"] = json!("2026-03-17");
            let event = &mut document["events"][0];
            event["columns"] = json!({"employee_id": "A.EMPLID", "occurred_at": "A.STAMP", "phone": "C.PHONE", "name": "B.NAME",
                "first_name": "B.FIRST", "last_name": "B.LAST", "department": "E.DEPT", "job_title": "E.TITLE",
                "fields": {"number": "A.NO"}});
            for meaning in without {
                event["columns"][*meaning] = Json::Null;
            }
            event["templates"] = json!({"en": "{{ employee.id }}|{{ employee.name }}|{{ employee.first_name }}|\
                {{ employee.last_name }}|{{ employee.department }}|{{ employee.job_title }}|{{ event.kind }}|\
                {{ event.occurred_at | date }}|{{ event.occurred_at | time }}|{{ event.number }}"});
            if without.contains(&"department") {
                event["templates"] = json!({"en": "{{ employee.name }}|{{ employee.first_name }}|{{ employee.last_name }}"});
            }
        })
        .await;
        clinic.read().await;
        clinic.created().await.remove(0).body.unwrap()
    };
    let values = [
        "0042317",
        "Quill,Adelaide Mary",
        "Ada",
        "Quill-Smith",
        "Radiology",
        "Nurse",
        "2026-03-17-15.58.00",
        "312/555-0142",
        "7",
    ];
    assert_eq!(
        told(values, &[]).await,
        "0042317|Quill,Adelaide Mary|Ada|Quill-Smith|Radiology|Nurse|custom|Mar 17, 2026|3:58 PM|7"
    );
    // A first_name column wins over the name, and a blank one doesn't.
    let without = ["department", "job_title"];
    let with = |first: &'static str, last: &'static str| {
        let mut values = values;
        (values[2], values[3]) = (first, last);
        values
    };
    assert_eq!(told(with(" ", ""), &without).await, "Quill,Adelaide Mary|Adelaide|Quill");
    assert_eq!(told(values, &["department", "job_title", "name"]).await, "Ada Quill-Smith|Ada|Quill-Smith");
    assert_eq!(
        told(values, &["department", "job_title", "first_name", "last_name"]).await,
        "Quill,Adelaide Mary|Adelaide|Quill"
    );
}

/// Lines of metrics, each as its name, its count and its reason.
type Counted = Arc<Mutex<Vec<String>>>;

fn listen(office: &mut Office) -> Counted {
    let lines = Counted::default();
    let sink = Arc::clone(&lines);
    office.deps.metrics = Metrics::to(office.hands.clock(), move |line| sink.lock().unwrap().push(line));
    lines
}

/// How much of each was counted since the last time, by name and reason.
fn counted(lines: &Counted) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    for line in std::mem::take(&mut *lines.lock().unwrap()) {
        let line: Json = serde_json::from_str(&line).unwrap();
        let name = line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"].as_str().unwrap().to_owned();
        let count = line[&name].as_u64().unwrap();
        assert_eq!(line["tenant"], TENANT);
        let reason = line["reason"].as_str().map(|reason| format!(" {reason}")).unwrap_or_default();
        *all.entry(name + &reason).or_default() += count;
    }
    all
}

#[tokio::test]
async fn what_an_alarm_waits_for_is_counted() {
    let mut clinic = Clinic::open(NOW, query(), |_, document| {
        document["poll"]["max_notifications_per_poll"] = json!(3);
    })
    .await;
    clinic.read().await;
    let lines = listen(&mut clinic.office);
    let expect = |what: &[(&str, u64)]| {
        let what: BTreeMap<String, u64> = what.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        assert_eq!(counted(&lines), what);
    };
    for (number, time) in ["2026-03-17-16.00.10", "17 Mar 2026", "", "yesterday"].into_iter().enumerate() {
        let mut row = event("2026-03-17T16:00:10", &number.to_string(), &number.to_string());
        row.values[2] = Value::from(time);
        clinic.add(row);
    }
    clinic.later(60);
    clinic.read().await;
    expect(&[("BadRows", 3), ("Created custom", 1), ("Polled", 1)]);

    clinic.peoplesoft.faults().set(Rule::next(1, Fault::Html).for_query(QUERY));
    clinic.later(600);
    clinic.fail().await;
    expect(&[("PollFailed events", 1)]);

    let noon = clinic.office.hands.now();
    let local = jiff::tz::TimeZone::get("America/Chicago").unwrap().to_datetime(noon);
    for number in 10..14 {
        clinic.add(event(&local.to_string(), &number.to_string(), &number.to_string()));
    }
    clinic.later(600);
    clinic.read().await;
    // Rows that can't be told are counted as often as they are read.
    expect(&[("BadRows", 3), ("Created custom", 4), ("Flood events", 1), ("Polled", 1)]);

    clinic.office.rewrite(TENANT, &json!({"events": 7}));
    clinic.later(3600);
    assert_eq!(clinic.office.run().await.unusable.len(), 1);
    expect(&[("TenantUnusable", 1)]);
}

#[tokio::test]
async fn a_row_that_the_ledger_has_no_room_for_is_reported_and_holds_nobody_up() {
    let mut clinic = Clinic::open(NOW, query(), |_, _| ()).await;
    clinic.read().await;
    let lines = listen(&mut clinic.office);
    clinic.add(event("2026-03-17T16:00:10", "1", &"x".repeat(500_000)));
    clinic.add(event("2026-03-17T16:00:20", "2", "two"));
    clinic.later(60);
    let added = clinic.read().await;
    assert_eq!((added.created, added.bad), (1, 1));
    assert_eq!(counted(&lines)["BadRows"], 1);
    assert_eq!(clinic.watermark().await, Some(clinic.office.hands.now()));
}

#[tokio::test]
async fn a_key_of_nothing_but_blanks_is_no_event_and_is_reported() {
    let clinic =
        Clinic::open(NOW, query(), |_, document| document["events"][0]["key"] = json!(["A.NO", "C.PHONE"])).await;
    clinic.read().await;
    let mut phoneless = event("2026-03-17T16:00:10", "1", "one");
    phoneless.values[3] = Value::Empty;
    let mut blank = event("2026-03-17T16:00:20", "2", "");
    blank.values[3] = Value::Empty;
    clinic.add(phoneless);
    clinic.add(blank);
    clinic.later(60);
    let added = clinic.read().await;
    assert_eq!((added.created, added.bad, added.last_bad), (1, 1, Some(BadRow::Blank("A.NO, C.PHONE".to_owned()))));
}

#[tokio::test]
async fn a_table_out_of_reach_is_counted_where_an_alarm_looks() {
    let mut clinic = Clinic::open(NOW, query(), |_, _| ()).await;
    let lines = listen(&mut clinic.office);
    let client = clinic.office.deps.ledger.client().clone();
    clinic.office.deps.ledger = Ledger::new(client, "elsewhere".to_owned());
    assert!(clinic.office.run().await.sources.is_empty());
    let expect = ["PollFailed ledger", "PollFailed sweep"].map(|name| (name.to_owned(), 1));
    assert_eq!(counted(&lines), BTreeMap::from(expect));
}

#[tokio::test]
async fn quiet_hours_left_out_are_the_usual_ones_in_peoplesofts_zone_and_null_is_none() {
    // 22:00 in Chicago, 20:00 in Los Angeles.
    let check = async |hours: Option<Json>, zone: &str, expect: Option<&str>| {
        let hands = Hands::at("2026-03-18T03:00:00Z");
        let stamp = jiff::tz::TimeZone::get(zone).unwrap().to_datetime(hands.now());
        let query = query().with_rows([event(&stamp.to_string(), "1", "one")]);
        let clinic = Clinic::open("2026-03-18T03:00:00Z", query, |settings, document| {
            settings.time_zone = jiff::tz::TimeZone::get(zone).unwrap();
            document["peoplesoft"]["time_zone"] = json!(zone);
            document.as_object_mut().unwrap().remove("quiet_hours");
            if let Some(hours) = hours {
                document["quiet_hours"] = hours;
            }
        })
        .await;
        clinic.read().await;
        let created = clinic.created().await.remove(0);
        assert_eq!(created.not_before.map(|at| at.to_string()).as_deref(), expect, "{zone}");
    };
    check(None, "America/Chicago", Some("2026-03-18T13:00:00Z")).await;
    check(None, "America/Los_Angeles", None).await;
    check(Some(Json::Null), "America/Chicago", None).await;
    check(Some(json!({"time_zone": "America/Los_Angeles"})), "America/Chicago", None).await;
    assert_eq!(document()["quiet_hours"], Json::Null, "what the other tests take for granted");
}
