//! Times as PeopleSoft has them: every form, dates alone, and both days of the year on which the clocks change.

use crate::polling::{Clinic, QUERY, event, query};
use local::peoplesoft::{Column, Filter, Kind, Prompt, Query, Row, TimeFormat, Value};
use poll::pages::Error;
use serde_json::json;
use shared::notification::Suppressed;

/// 16:00 in Chicago.
const NOW: &str = "2026-03-17T21:00:00Z";

#[tokio::test]
async fn every_form_of_a_datetime_is_one_instant() {
    let check = async |form: &str, expect: &str| {
        let mut row = event("2026-03-17T15:58:07.5", "1", "one");
        row.values[2] = Value::from(form);
        let clinic = Clinic::open(NOW, query().with_rows([row]), |_, document| {
            document["poll"]["start_at"] = json!("2026-03-16");
        })
        .await;
        clinic.read().await;
        assert_eq!(clinic.created().await[0].occurred_at.to_string(), expect, "{form}");
    };
    check("2026-03-17-15.58.07.500000", "2026-03-17T20:58:07.5Z").await;
    check("2026-03-17-15.58.07", "2026-03-17T20:58:07Z").await;
    check("2026-03-17 15:58:07.500000", "2026-03-17T20:58:07.5Z").await;
    check("2026-03-17T15:58:07", "2026-03-17T20:58:07Z").await;
    check("2026-03-17T22:58:07+02:00", "2026-03-17T20:58:07Z").await;
    check("2026-03-17T22:58:07+0200", "2026-03-17T20:58:07Z").await;
    check("2026-03-17T20:58:07Z", "2026-03-17T20:58:07Z").await;
    check("2026-03-17", "2026-03-17T05:00:00Z").await;
}

#[tokio::test]
async fn a_row_whose_date_can_not_be_read_holds_nothing_up() {
    let mut rows = vec![event("2026-03-17T15:58:00", "1", "good")];
    for (number, form) in ["17 Mar 2026", "03/17/2026 3:58:00PM", "", "2026-02-30"].into_iter().enumerate() {
        let mut row = event("2026-03-17T15:59:00", "2", &number.to_string());
        row.values[2] = Value::from(form);
        rows.push(row);
    }
    rows.push(event("2026-03-17T15:59:30", "3", "also good"));
    let clinic = Clinic::open(NOW, query().with_rows(rows), |_, document| {
        document["poll"]["start_at"] = json!("2026-03-17");
    })
    .await;
    clinic.read().await;
    assert_eq!(clinic.told().await, ["also good", "good"]);
    assert_eq!(clinic.watermark().await, Some(NOW.parse().unwrap()));
}

#[tokio::test]
async fn a_column_that_no_row_has_holds_everything_up_and_is_named() {
    let check = async |path: &str, columns: serde_json::Value, expect: Option<&str>| {
        let query = query().with_rows([event("2026-03-17T15:58:00", "1", "one")]);
        let clinic = Clinic::open(NOW, query, |_, document| {
            document["poll"]["start_at"] = json!("2026-03-17");
            *document.pointer_mut(path).unwrap() = columns;
        })
        .await;
        match expect {
            None => assert_eq!(clinic.read().await.created, 1),
            Some(expect) => {
                let (error, added) = clinic.fail().await;
                let Error::NoSuchColumn { column, .. } = &error else { panic!("{error}") };
                assert_eq!((column.as_str(), added.created), (expect, 0));
                assert_eq!(clinic.watermark().await, None);
            }
        }
    };
    check("/events/0/columns/occurred_at", json!("A.STAMPED"), Some("A.STAMPED")).await;
    check("/events/0/columns/phone", json!("B.PHONE"), Some("B.PHONE")).await;
    check("/events/0/columns/fields/number", json!("A.NUMBER"), Some("A.NUMBER")).await;
    check("/events/0/key", json!(["A.NO", "A.SEQ"]), Some("A.SEQ")).await;
    // With the alias or without it.
    check("/events/0/columns/phone", json!("PHONE"), None).await;
}

/// A row with the number of its own instant, seen from that instant on.
fn at(instant: &str, local: &str) -> Row {
    event(local, "1", instant).visible_from(instant.parse().unwrap())
}

/// Polls every minute and expects every row to be told by the first poll after its instant, and once.
async fn minute_by_minute(begin: &str, minutes: usize, rows: Vec<Row>, cap: Option<usize>) {
    let total = rows.len();
    let clinic = Clinic::open(begin, query().with_rows(rows), |settings, document| {
        settings.silent_cap = cap;
        document["poll"]["max_event_age_hours"] = json!(1);
        document["poll"]["overlap_seconds"] = json!(120);
    })
    .await;
    for _ in 0..minutes {
        clinic.read().await;
        let now = clinic.office.hands.now();
        let due = |instant: &String| instant.parse::<jiff::Timestamp>().unwrap() <= now;
        let seen: Vec<String> = clinic.told().await;
        let visible =
            clinic.peoplesoft.database().queries[QUERY].rows.iter().filter(|row| row.visible_from <= Some(now)).count();
        assert_eq!(seen.iter().filter(|instant| due(instant)).count(), visible, "at {now}");
        clinic.later(60);
    }
    assert_eq!(clinic.told().await.len(), total);
    assert!(clinic.created().await.iter().all(|created| created.suppressed != Some(Suppressed::Stale)));
}

/// Rows every 20 seconds between two instants, with the time that a clock in Chicago shows.
fn every_twenty_seconds(from: &str, until: &str) -> Vec<Row> {
    let chicago = jiff::tz::TimeZone::get("America/Chicago").unwrap();
    let (from, until): (jiff::Timestamp, jiff::Timestamp) = (from.parse().unwrap(), until.parse().unwrap());
    let seconds = (from.as_second()..until.as_second()).step_by(20);
    let instants = seconds.map(|second| jiff::Timestamp::from_second(second).unwrap());
    instants.map(|instant| at(&instant.to_string(), &chicago.to_datetime(instant).to_string())).collect()
}

#[tokio::test]
async fn no_row_of_the_hour_that_comes_twice_is_lost() {
    let rows = every_twenty_seconds("2026-11-01T06:50:00Z", "2026-11-01T07:10:00Z");
    minute_by_minute("2026-11-01T06:50:00Z", 22, rows, None).await;
    // With a cap so low that the hour takes several pages.
    let rows = every_twenty_seconds("2026-11-01T06:50:00Z", "2026-11-01T07:10:00Z");
    minute_by_minute("2026-11-01T06:50:00Z", 22, rows, Some(9)).await;
    // First seen in the second of the two hours: what is stamped in it reads like an hour ago, and is news all the same.
    let rows = every_twenty_seconds("2026-11-01T07:20:00Z", "2026-11-01T07:24:00Z");
    minute_by_minute("2026-11-01T07:20:00Z", 6, rows, None).await;
}

#[tokio::test]
async fn the_hour_that_does_not_come_costs_nothing() {
    let rows = every_twenty_seconds("2026-03-08T07:50:00Z", "2026-03-08T08:10:00Z");
    minute_by_minute("2026-03-08T07:50:00Z", 22, rows, Some(9)).await;
}

/// A query whose prompts and times are dates.
fn dated_query() -> Query {
    let columns = [
        Column::new("A.EMPLID", Kind::Character),
        Column::new("A.NO", Kind::Character),
        Column::new("A.STAMP", Kind::Date),
        Column::new("C.PHONE", Kind::Character),
    ];
    let prompts =
        [Prompt::required("SINCE", Kind::Date, Filter::Since), Prompt::required("UNTIL", Kind::Date, Filter::Until)];
    Query::new(columns, prompts)
}

fn dated(day: &str, number: &str) -> Row {
    let values = [Value::from("1"), Value::from(number), Value::from(day), Value::from("312/555-0142")];
    Row::new(format!("{day}T00:00:00").parse().unwrap(), values)
}

#[tokio::test]
async fn dates_alone_stand_for_their_whole_day() {
    let rows = [dated("2026-03-16", "yesterday"), dated("2026-03-17", "today"), dated("2026-03-18", "tomorrow")];
    let clinic = Clinic::open(NOW, dated_query().with_rows(rows), |_, document| {
        document["events"][0]["prompt_format"] = json!("%Y-%m-%d");
        document["poll"]["max_event_age_hours"] = json!(1);
    })
    .await;
    clinic.read().await;
    assert_eq!(clinic.told().await, ["today"]);
    let asked = clinic.peoplesoft.requests()[0].query_string.clone();
    assert!(asked.contains("prompt_fieldvalue=2026-03-17,2026-03-17"), "{asked}");
    // In the evening another row of the day turns up; after midnight the next day's, and one more of the old day's.
    clinic.later(6 * 3600);
    clinic.add(dated("2026-03-17", "today, later"));
    clinic.read().await;
    assert_eq!(clinic.told().await, ["today", "today, later"]);
    clinic.later(2 * 3600 + 300);
    clinic.add(dated("2026-03-17", "late"));
    clinic.read().await;
    assert_eq!(clinic.told().await, ["late", "today", "today, later", "tomorrow"]);
    // Known ones cost nothing, although a day's rows come with every poll.
    let (written, _) = clinic.office.deps.ledger.used_units();
    clinic.later(60);
    clinic.read().await;
    let (after, _) = clinic.office.deps.ledger.used_units();
    assert!(after - written < 6.0, "{written} {after}");
    assert!(clinic.created().await.iter().all(|created| created.suppressed.is_none()));
}

#[tokio::test]
async fn more_rows_in_a_day_than_a_page_are_paged_by_employee() {
    let mut query = dated_query();
    query.prompts.push(Prompt::optional("AFTER", Kind::Character, Filter::After("A.EMPLID".to_owned())));
    for number in 0..50 {
        let mut row = dated("2026-03-17", &format!("{number:03}"));
        row.values[0] = Value::from(format!("{number:07}"));
        query.rows.push(row);
    }
    let clinic = Clinic::open(NOW, query, |settings, document| {
        settings.silent_cap = Some(8);
        document["events"][0]["prompt_format"] = json!("%Y-%m-%d");
        document["events"][0]["page_prompt"] = json!("AFTER");
    })
    .await;
    assert_eq!(clinic.read().await.created, 50);
}

#[tokio::test]
async fn whole_days_tell_nothing_before_its_time() {
    let mut query = query();
    for prompt in &mut query.prompts {
        prompt.kind = Kind::Date;
    }
    let rows = [("15:59:00", "before we looked"), ("16:30:00", "soon"), ("23:59:30", "at night")];
    let rows = rows.map(|(time, number)| event(&format!("2026-03-17T{time}"), "1", number));
    let clinic = Clinic::open(NOW, query.with_rows(rows), |_, document| {
        document["events"][0]["prompt_format"] = json!("%Y-%m-%d");
    })
    .await;
    for (minutes, told) in [(0, 0), (29, 0), (1, 1), (449, 1), (1, 2), (1, 2)] {
        clinic.later(60 * minutes);
        clinic.read().await;
        assert_eq!(clinic.told().await.len(), told, "{}", clinic.office.hands.now());
    }
    assert_eq!(clinic.told().await, ["at night", "soon"]);
    // A time that isn't the one that the query asks for is nobody's promise to come again.
    let mut row = event("2026-03-17T15:58:00", "1", "planned");
    row.values[2] = Value::from("2026-03-19-08.00.00");
    let clinic = Clinic::open(NOW, crate::polling::query().with_rows([row]), |_, document| {
        document["poll"]["start_at"] = json!("2026-03-17");
    })
    .await;
    clinic.read().await;
    assert_eq!(clinic.told().await, ["planned"]);
}

#[tokio::test]
async fn prompts_have_the_names_the_order_and_the_values_of_the_document() {
    let mut query = query();
    query.time_format = TimeFormat::Spaced;
    query.prompts = vec![
        Prompt::required("BIND1", Kind::Datetime, Filter::Since),
        Prompt::required("BIND2", Kind::Datetime, Filter::Until),
        Prompt::required("WHO", Kind::Character, Filter::Equals("A.EMPLID".to_owned())),
        Prompt::optional("WHICH", Kind::Character, Filter::Equals("A.NO".to_owned())),
    ];
    query.rows = vec![event("2026-03-17T15:58:00", "1 & only", "one"), event("2026-03-17T15:58:00", "2", "two")];
    let clinic = Clinic::open(NOW, query, |_, document| {
        document["poll"]["start_at"] = json!("2026-03-17T20:50:00Z");
        let source = &mut document["events"][0];
        source["since_prompt"] = json!("BIND1");
        source["until_prompt"] = json!("BIND2");
        source["prompt_format"] = json!("%Y-%m-%d %H:%M:%S");
        source["fixed_prompts"] = json!({"WHO": "1 & only", "WHICH": ""});
    })
    .await;
    clinic.read().await;
    assert_eq!(clinic.told().await, ["one"]);
    let asked = clinic.peoplesoft.requests()[0].query_string.clone();
    assert!(asked.contains("prompt_uniquepromptname=BIND1,BIND2,"), "{asked}");
    assert!(asked.contains("2026-03-17%2015%3A50%3A00,2026-03-17%2016%3A00%3A00,"), "{asked}");
}

#[tokio::test]
async fn a_reminder_never_comes_after_what_it_reminds_of() {
    // Told an hour before, with quiet hours from nine to eight: at what time, and until when; `None`: not at all.
    let check = async |now: &str, due: &str, urgent: bool, expect: Option<[&str; 2]>| {
        let mut query = query();
        query.columns.push(Column::new("A.DUE", Kind::Datetime));
        let zone = jiff::tz::TimeZone::get("America/Chicago").unwrap();
        let mut row = event(&zone.to_datetime(now.parse().unwrap()).to_string(), "1", "one");
        row.values.push(Value::from(due));
        let clinic = Clinic::open(now, query.with_rows([row]), |_, document| {
            document["quiet_hours"] = json!({"start": "21:00", "end": "08:00"});
            let source = &mut document["events"][0];
            source["remind_before_minutes"] = json!(60);
            source["urgent"] = json!(urgent);
            source["columns"]["due_at"] = json!("A.DUE");
        })
        .await;
        clinic.read().await;
        let created = clinic.created().await.remove(0);
        let begins = created.not_before.unwrap_or(now.parse().unwrap());
        let told = [begins, created.expires_at].map(|at| at.strftime("%dT%H:%M").to_string());
        let told = created.suppressed.map_or(Ok(told), Err);
        let expect = expect.map(|expect| expect.map(str::to_owned)).ok_or(Suppressed::Stale);
        assert_eq!(told, expect, "{now} {due}");
    };
    // Chicago is five hours behind.
    let (noon, evening, night) = ("2026-03-17T17:00:00Z", "2026-03-18T01:30:00Z", "2026-03-18T03:00:00Z");
    check(noon, "2026-03-18-12.00.00", false, Some(["18T16:00", "18T17:00"])).await;
    check(noon, "2026-03-18-08.30.00", false, Some(["18T13:00", "18T13:30"])).await;
    // At six in the morning: the evening before, as long as it isn't over.
    check(noon, "2026-03-18-06.00.00", false, Some(["18T01:00", "18T11:00"])).await;
    check(evening, "2026-03-18-06.00.00", false, Some(["18T01:30", "18T11:00"])).await;
    check(night, "2026-03-18-06.00.00", false, None).await;
    check(night, "2026-03-18-06.00.00", true, Some(["18T10:00", "18T11:00"])).await;
    // A day is due until it is over.
    check(noon, "2026-03-19", false, Some(["19T13:00", "20T04:59"])).await;
}
