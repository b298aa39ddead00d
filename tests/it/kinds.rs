//! Kinds of events: what each takes for granted, what tells one event from the next, and what must never be said.

use crate::log::Log;
use crate::polling::{Clinic, QUERY, event, query};
use local::peoplesoft::{Alias, Column, Database, Fault, Kind, Prompt, Query, Row, Rule, Scheduler, Settings, Value};
use serde_json::{Value as Json, json};
use shared::notification::Suppressed;

/// 16:00 in Chicago.
const NOW: &str = "2026-03-17T21:00:00Z";
const PHONE: &str = "312-555-0142";

fn since_morning(_: &mut Settings, document: &mut Json) {
    document["poll"]["start_at"] = json!("2026-03-17");
}

/// A query of these columns and one row, stamped two minutes ago. `None` is the row's own time.
fn one_row(columns: &[(&str, Kind, Option<&str>)]) -> Query {
    let values: Vec<Value> = columns.iter().map(|(.., value)| value.map_or(Value::RowTime, Value::from)).collect();
    let columns: Vec<Column> = columns.iter().map(|(name, kind, _)| Column::new(name, *kind)).collect();
    Query::new(columns, Prompt::window()).with_rows([Row::new("2026-03-17T15:58:00".parse().unwrap(), values)])
}

/// A source of which the document says nothing but its kind, and contacts with a name and a language.
fn kind_alone(kind: &str, document: &mut Json) {
    document["poll"]["start_at"] = json!("2026-03-17");
    document["contacts"] = json!({"query": "ML_CONTACTS", "columns":
        {"employee_id": "A.EMPLID", "name": "B.NAME_DISPLAY", "phone": "C.PHONE", "language": "D.LANG_CD"}});
    document["events"] = json!([{"source": "events", "kind": kind, "query": QUERY}]);
}

fn contacts(language: &str) -> Query {
    let columns = ["A.EMPLID", "B.NAME_DISPLAY", "C.PHONE", "D.LANG_CD"].map(|name| Column::new(name, Kind::Character));
    let prompt = Prompt::optional("EMPLID", Kind::Character, local::peoplesoft::Filter::Equals("A.EMPLID".to_owned()));
    let row = ["0042317", "Ada Quill", PHONE, language].map(Value::from).to_vec();
    Query::new(columns, [prompt]).with_rows([Row::new("2020-01-01T00:00:00".parse().unwrap(), row)])
}

#[tokio::test]
async fn a_kind_alone_says_what_to_read_and_what_to_say() {
    let employee = ("A.EMPLID", Kind::Character, Some("0042317"));
    let updated = ("A.LASTUPDDTTM", Kind::Datetime, None);
    let check =
        async |kind: &str, columns: &[(&str, Kind, Option<&str>)], key: &[&str], english: &str, spanish: &str| {
            for (language, expect) in [("ENG", english), ("ESP", spanish), ("XYZ", english)] {
                let database =
                    Database::default().with(QUERY, one_row(columns)).with("ML_CONTACTS", contacts(language));
                let clinic = Clinic::with(NOW, database, |_, document| kind_alone(kind, document)).await;
                clinic.read().await;
                let created = clinic.created().await.remove(0);
                assert_eq!((created.suppressed, created.body.as_deref()), (None, Some(expect)), "{kind} {language}");
                assert_eq!((created.kind.as_str(), created.employee_id.as_str()), (kind, "0042317"));
                assert_eq!(created.key, key);
            }
        };
    check(
        "payroll_posted",
        &[
            employee,
            ("A.PAY_END_DT", Kind::Date, Some("2026-03-15")),
            ("A.CHECK_DT", Kind::Date, Some("2026-03-20")),
            updated,
        ],
        &["2026-03-15"],
        "Hi Ada, your pay dated Mar 20, 2026 has posted.",
        "Hola Ada, su pago con fecha 20/03/2026 ya fue registrado.",
    )
    .await;
    check(
        "shift_changed",
        &[
            employee,
            ("A.DUR", Kind::Date, Some("2026-03-19")),
            ("A.SHIFT_ID", Kind::Character, Some("NIGHT12")),
            ("A.START_TIME", Kind::Time, Some("19.00.00.000000")),
            updated,
        ],
        &["2026-03-19", "NIGHT12", "19.00.00.000000"],
        "Hi Ada, your shift on Mar 19, 2026 now starts at 7:00 PM.",
        "Hola Ada, su turno del 19/03/2026 ahora empieza a las 19:00.",
    )
    .await;
    check(
        "onboarding_due",
        &[
            ("A.PTAI_ITEM_ID", Kind::Character, Some("PTAI1")),
            ("A.PTAI_LABEL", Kind::Character, Some("Sign the handbook")),
            ("A.PTAI_DUE_DATE", Kind::Date, Some("2026-03-24")),
            ("EXPR1_1", Kind::Datetime, None),
            ("B.EMPLID", Kind::Character, Some("0042317")),
        ],
        &["PTAI1", "2026-03-24"],
        "Hi Ada, \"Sign the handbook\" is due on Mar 24, 2026.",
        "Hola Ada, \"Sign the handbook\" vence el 24/03/2026.",
    )
    .await;
    check(
        "benefits_deadline",
        &[
            ("A.SCHED_ID", Kind::Character, Some("OE2026")),
            employee,
            ("A.EVENT_ID", Kind::Number, Some("1")),
            ("EXPR2_2", Kind::Date, Some("2026-03-31")),
            ("EXPR3_3", Kind::Datetime, None),
        ],
        &["OE2026", "1", "2026-03-31"],
        "Hi Ada, please choose your benefits by Mar 31, 2026.",
        "Hola Ada, por favor elija sus beneficios antes del 31/03/2026.",
    )
    .await;
}

#[tokio::test]
async fn two_checks_of_one_person_are_two_texts_if_the_key_tells_them_apart() {
    for (key, expect) in [(json!(["A.NO"]), 2), (json!(["A.NET"]), 1)] {
        let mut query = query();
        query.columns.push(Column::new("A.NET", Kind::Character));
        for number in ["1", "2"] {
            let mut row = event("2026-03-17T15:58:00", "0042317", number);
            row.values.push(Value::from("2026-03-15"));
            query.rows.push(row);
        }
        let clinic = Clinic::open(NOW, query, |settings, document| {
            since_morning(settings, document);
            document["events"][0]["key"] = key.clone();
        })
        .await;
        assert_eq!(clinic.read().await.created, expect, "{key}");
    }
}

#[tokio::test]
async fn a_payroll_that_is_unconfirmed_and_confirmed_again_is_told_once() {
    let rows = [event("2026-03-17T15:58:00", "1", "period"), event("2026-03-17T15:58:00", "2", "period")];
    let clinic = Clinic::open(NOW, query().with_rows(rows), since_morning).await;
    assert_eq!(clinic.read().await.created, 2);
    // Unconfirmed: the rows are gone.
    let rows = clinic.peoplesoft.database().remove(QUERY, |_| true).unwrap();
    clinic.later(3600);
    assert_eq!(clinic.read().await.created, 0);
    // Confirmed again, with another time and one person more.
    for row in rows {
        clinic.add(Row { time: "2026-03-17T17:30:00".parse().unwrap(), ..row });
    }
    clinic.add(event("2026-03-17T17:30:00", "3", "period"));
    clinic.later(3600);
    let added = clinic.read().await;
    assert_eq!((added.created, added.known), (1, 2));
}

#[tokio::test]
async fn a_long_query_runs_in_the_scheduler_and_comes_by_blocks() {
    let rows: Vec<Row> =
        (0..25).map(|n| event(&format!("2026-03-17T15:58:{n:02}"), &format!("{n:04}"), &format!("{n:04}"))).collect();
    let clinic = Clinic::open(NOW, query().with_rows(rows), |settings, document| {
        since_morning(settings, document);
        settings.scheduler = Scheduler { questions_until_done: 0, rows_per_block: 10 };
        document["events"][0]["mode"] = json!("blocks");
    })
    .await;
    assert_eq!(clinic.read().await.created, 25);
    assert_eq!(clinic.asked(), 0);
    assert!(clinic.peoplesoft.count(Alias::ExecuteQueryPoll, Some(QUERY)) > 0);
    assert!(clinic.peoplesoft.count(Alias::QueryResults, None) >= 3);
}

#[tokio::test]
async fn money_and_identity_are_stopped_and_not_even_kept() {
    let check = async |number: &str, phone: &str, expect: Result<&str, Suppressed>| {
        let mut row = event("2026-03-17T15:58:00", "1", number);
        row.values[3] = Value::from(phone);
        let clinic = Clinic::open(NOW, query().with_rows([row]), since_morning).await;
        clinic.read().await;
        let created = clinic.created().await.remove(0);
        match expect {
            Ok(body) => assert_eq!((created.suppressed, created.body.as_deref()), (None, Some(body))),
            Err(why) => assert_eq!((created.suppressed, created.body), (Some(why), None), "{number}"),
        }
    };
    check("7", PHONE, Ok("Event 7.")).await;
    check("$1,912.44", PHONE, Err(Suppressed::Content)).await;
    check("1912 USD", PHONE, Err(Suppressed::Content)).await;
    check("123-45-6789", PHONE, Err(Suppressed::Content)).await;
    // Suppressed for another reason already, and still not kept.
    check("$1,912.44", "", Err(Suppressed::NoPhone)).await;
}

#[tokio::test]
async fn columns_that_mean_pay_or_identity_are_refused_before_anything_is_asked() {
    let check = async |path: &str, value: Json| {
        let clinic =
            Clinic::open(NOW, query(), |_, document| *document.pointer_mut(path).unwrap() = value.clone()).await;
        let report = clinic.office.run().await;
        assert!(report.sources.is_empty() && report.unusable.len() == 1, "{value}");
        assert!(report.unusable[0].1.contains("means pay or identity"), "{:?}", report.unusable);
        assert_eq!(clinic.asked(), 0);
    };
    check("/events/0/columns/fields/number", json!("A.NET_PAY")).await;
    check("/events/0/columns/phone", json!("g.national_id")).await;
    check("/events/0/key", json!(["A.NO", "ANNUAL_RT"])).await;
}

#[tokio::test]
async fn what_a_row_holds_besides_reaches_neither_log_nor_ledger() {
    let log = Log::listen();

    let mut query = query();
    query.columns.extend([Column::new("G.NATIONAL_ID", Kind::Character), Column::new("G.NOTE", Kind::Character)]);
    let mut bad = event("2026-03-17T15:58:00", "0042318", "bad");
    bad.values[2] = Value::from("private 17 Mar");
    for row in [event("2026-03-17T15:58:00", "0042317", "good"), bad] {
        let mut row = row;
        row.values[4] = Value::Number(77_123.into());
        row.values.extend([Value::from("000-12-9876"), Value::from("unread words")]);
        query.rows.push(row);
    }
    for json in [true, false] {
        let clinic = Clinic::open(NOW, query.clone(), |settings, document| {
            since_morning(settings, document);
            document["peoplesoft"]["format"] = json!(if json { "json" } else { "xmlp" });
        })
        .await;
        clinic.read().await;
        assert_eq!(clinic.told().await, ["good"]);
        // An answer that breaks off in the middle of a row.
        clinic.later(60);
        clinic.peoplesoft.faults().set(local::peoplesoft::Rule::next(1, local::peoplesoft::Fault::Unparseable));
        clinic.fail().await;
        let items = clinic.office.deps.ledger.client().scan().table_name("ledger").send().await.unwrap();
        let kept = format!("{:?}", items.items());
        for secret in ["77123", "000-12-9876", "unread words", "private 17 Mar"] {
            assert!(!kept.contains(secret), "on the ledger: {secret}");
        }
    }
    let log = log.text();
    assert!(log.contains("rows that can't be told") && log.contains("AAAAAAA 99 AAA"), "{log}");
    for secret in ["77123", "000-12-9876", "unread words", "private 17 Mar", "0042317", "312/555", "5550142"] {
        assert!(!log.contains(secret), "in a log: {secret}");
    }
}

/// A shift that starts at some time in some zone, told two hours before.
fn shift(due: &str, zone: &str) -> Query {
    one_row(&[
        ("A.EMPLID", Kind::Character, Some("1")),
        ("A.NO", Kind::Character, Some("one")),
        ("A.STAMP", Kind::Datetime, None),
        ("C.PHONE", Kind::Character, Some(PHONE)),
        ("EXPR9_9", Kind::Datetime, Some(due)),
        ("A.TIMEZONE", Kind::Character, Some(zone)),
    ])
}

#[tokio::test]
async fn a_reminder_goes_out_ahead_of_what_is_due_where_the_employee_is() {
    let check = async |due: &str, zone: &str, not_before: Option<&str>, body: &str| {
        let clinic = Clinic::open(NOW, shift(due, zone), |_, document| {
            document["poll"]["start_at"] = json!("2026-03-17");
            document["time_zones"] = json!({"WARD7": "Asia/Tokyo"});
            let source = &mut document["events"][0];
            source["remind_before_minutes"] = json!(120);
            source["columns"]["due_at"] = json!("EXPR9_9");
            source["columns"]["time_zone"] = json!("A.TIMEZONE");
            source["templates"] = json!({"en": "Due {{ event.due_at | date }} {{ event.due_at | time('%H:%M') }}"});
        })
        .await;
        assert_eq!(clinic.read().await.bad, u64::from(zone == "NOWHERE"), "a zone that nobody knows is reported");
        let created = clinic.created().await.remove(0);
        let begins = created.not_before.map(|at| at.to_string());
        assert_eq!((begins.as_deref(), created.suppressed), (not_before, None), "{due} {zone}");
        assert_eq!(created.body.as_deref(), Some(body), "{due} {zone}");
    };
    let due = "2026-03-19-07.00.00.000000";
    check(due, "", Some("2026-03-19T10:00:00Z"), "Due Mar 19, 2026 07:00").await;
    check(due, "America/New_York", Some("2026-03-19T09:00:00Z"), "Due Mar 19, 2026 07:00").await;
    check(due, "PST", Some("2026-03-19T12:00:00Z"), "Due Mar 19, 2026 07:00").await;
    check(due, "WARD7", Some("2026-03-18T20:00:00Z"), "Due Mar 19, 2026 07:00").await;
    check(due, "NOWHERE", Some("2026-03-19T10:00:00Z"), "Due Mar 19, 2026 07:00").await;
    // Too late for the reminder: at once. Over already: at once too, since the change itself is news.
    check("2026-03-17-17.00.00.000000", "", None, "Due Mar 17, 2026 17:00").await;
}

#[tokio::test]
async fn what_is_too_old_is_stale_unless_it_is_still_due() {
    let check = async |stamp: &str, due: &str, expect: Option<Suppressed>| {
        let mut query = shift(due, "");
        query.rows[0].time = stamp.parse().unwrap();
        let clinic = Clinic::open(NOW, query, |_, document| {
            document["poll"]["start_at"] = json!("2026-03-01");
            document["poll"]["max_event_age_hours"] = json!(24);
            document["events"][0]["columns"]["due_at"] = json!("EXPR9_9");
        })
        .await;
        clinic.read().await;
        assert_eq!(clinic.created().await[0].suppressed, expect, "{stamp} {due}");
    };
    check("2026-03-16T16:00:00", "", None).await;
    check("2026-03-16T15:59:59", "", Some(Suppressed::Stale)).await;
    check("2026-03-10T16:00:00", "2026-03-17-17.00.00.000000", None).await;
    check("2026-03-10T16:00:00", "2026-03-17-15.00.00.000000", Some(Suppressed::Stale)).await;
    // Due today is due until midnight.
    check("2026-03-10T16:00:00", "2026-03-17", None).await;
    check("2026-03-10T16:00:00", "2026-03-16", Some(Suppressed::Stale)).await;
}

#[tokio::test]
async fn a_flood_is_held_as_a_whole_and_what_was_there_before_is_none() {
    let rows = |range: std::ops::Range<usize>, second: u32| -> Vec<Row> {
        let stamp = format!("2026-03-17T15:58:{second:02}");
        range.map(|n| event(&stamp, &format!("{n:04}"), &format!("{n:04}"))).collect()
    };
    let limited = |settings: &mut Settings, document: &mut Json| {
        since_morning(settings, document);
        document["poll"]["max_notifications_per_poll"] = json!(30);
    };
    let mut clinic = Clinic::open(NOW, query().with_rows(rows(0..30, 0)), limited).await;
    assert_eq!((clinic.read().await.created, clinic.held().await), (30, 0));
    // As many again, with a process that remembers nothing: the known ones don't count.
    clinic.office.forget();
    for row in rows(30..60, 1) {
        clinic.add(row);
    }
    clinic.later(60);
    let added = clinic.read().await;
    assert_eq!((added.created, added.held, added.known), (30, 0, 30));
    // One more than allowed: all of it is held, but for what must not be sent anyway.
    clinic.office.forget();
    for row in rows(60..91, 2) {
        clinic.add(row);
    }
    clinic
        .peoplesoft
        .database()
        .change(QUERY, |row| {
            if row.values[0] == Value::from("0077") {
                row.values[3] = Value::Empty;
            }
        })
        .unwrap();
    clinic.later(60);
    let added = clinic.read().await;
    assert_eq!((added.created, added.held, added.suppressed), (31, 30, 1));
    // And it stays held.
    clinic.later(60);
    assert_eq!(clinic.read().await.created, 0);
    assert_eq!(clinic.held().await, 30);
}

#[tokio::test]
async fn what_a_broken_reading_left_of_a_flood_is_held_with_it() {
    let rows = |range: std::ops::Range<usize>, time: &str| -> Vec<Row> {
        let stamp = format!("2026-03-17T{time}");
        range.map(|n| event(&stamp, &format!("{n:04}"), &format!("{n:04}"))).collect()
    };
    let limited = |settings: &mut Settings, document: &mut Json| {
        since_morning(settings, document);
        document["poll"]["max_notifications_per_poll"] = json!(30);
    };
    let mut clinic = Clinic::open(NOW, query().with_rows(rows(0..40, "15:58:00")), limited).await;
    clinic.peoplesoft.faults().set(Rule::always(Fault::NumrowsOff(5)).for_query(QUERY));
    assert_eq!(clinic.fail().await.1.held, 40);
    clinic.peoplesoft.faults().clear();
    // The rest alone would be no flood; and another process goes on.
    clinic.office.forget();
    for row in rows(40..45, "15:58:00") {
        clinic.add(row);
    }
    clinic.later(600);
    let added = clinic.read().await;
    assert_eq!((added.known, added.created, added.held), (40, 5, 5));
    // With the reading's end the flood is over.
    for row in rows(45..50, "16:10:00") {
        clinic.add(row);
    }
    clinic.later(60);
    let added = clinic.read().await;
    assert_eq!((added.created, added.held), (5, 0));
}
