//! Answers that are cut, and readings that break off: nobody is told on half of what is known of them, and nobody is forgotten.

use crate::contacts::{CONTACTS, contact, contacts_query, crowd, looked_up, with_phones, without_phone};
use crate::polling::{Clinic, QUERY, event, events, query};
use crate::windows::{NOW, an_hour, numbers, paged_query};
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use local::peoplesoft::{Fault, Query, Quirk, Row, Rule, Settings, Value};
use poll::pages::Error;
use poll::source::Polled;
use serde_json::{Value as Json, json};
use shared::clock::Clock;
use shared::stamp;
use std::time::{Duration, Instant};

/// Events of which each brings two rows, the second with the phone that can be used.
fn joined(employees: &[&str]) -> Query {
    let rows = employees.iter().flat_map(|employee| {
        let mut first = event("2026-03-17T15:30:00", employee, employee);
        first.values[3] = Value::from("call the ward");
        [first, event("2026-03-17T15:30:00", employee, employee)]
    });
    Query { rows: rows.collect(), ..paged_query() }
}

#[tokio::test]
async fn nobody_is_told_on_half_their_rows() {
    let check = async |fault: Option<Fault>, max_rows: usize, cap: Option<usize>, page_prompt: bool, least: usize| {
        let case = format!("{fault:?} {max_rows} {cap:?}");
        let clinic = Clinic::open(NOW, joined(&["1", "2", "3", "4", "5"]), |settings, document| {
            an_hour(settings, document);
            settings.silent_cap = cap;
            settings.quirks = vec![Quirk::NumrowsBeforeCap];
            document["peoplesoft"]["max_rows"] = json!(max_rows);
        })
        .await;
        clinic.peoplesoft.faults().set(Rule::next(1, fault.unwrap_or(Fault::Slow(Duration::ZERO))));
        clinic.fail().await;
        let usable = async || {
            let created = clinic.created().await;
            assert!(created.iter().all(|created| created.suppressed.is_none()), "{case}: {created:?}");
            created.len()
        };
        assert!((least..5).contains(&usable().await), "{case}: {}", usable().await);
        if page_prompt {
            clinic.change(|document| document["events"][0]["page_prompt"] = json!("AFTER"));
        }
        clinic.later(1000);
        clinic.read().await;
        assert_eq!(usable().await, 5, "{case}");
    };
    // Half of the document is two rows and a half, or four and a half.
    check(Some(Fault::CutOff), 1000, None, false, 1).await;
    check(Some(Fault::Unparseable), 1000, None, false, 1).await;
    // An instant that can't be paged, by our own limit and by another, until it can.
    check(None, 5, None, true, 2).await;
    check(None, 1000, Some(5), true, 2).await;
}

#[tokio::test]
async fn a_full_read_that_is_cut_without_a_word_leaves_nobody_without_a_phone() {
    for quirks in [vec![], vec![Quirk::NumrowsBeforeCap]] {
        let clinic = crowd(60, 60, |settings, _| {
            settings.silent_cap = Some(45);
            settings.quirks = quirks;
        })
        .await;
        // The events are capped too: 45 of them, then the rest.
        clinic
            .peoplesoft
            .database()
            .change(QUERY, |row| {
                let Value::Text(id) = &row.values[0] else { return };
                let number: u32 = id.parse().unwrap();
                row.time = format!("2026-03-17T15:58:{:02}", number % 60).parse().unwrap();
            })
            .unwrap();
        clinic.read().await;
        assert_eq!(with_phones(&clinic).await, 60);
        assert!(looked_up(&clinic) <= 17, "{}", looked_up(&clinic));
    }
}

#[tokio::test]
async fn a_full_read_of_contacts_settles_nobody_on_half_their_rows() {
    let home = |number: usize| contact([&format!("{number:04}"), "HOME", "call the ward", "", "", "", "", ""]);
    let cell = |number: usize| contact([&format!("{number:04}"), "CELL", "312-555-0142", "", "", "", "", ""]);
    let ordered: Vec<Row> = (0..30).flat_map(|number| [home(number), cell(number)]).collect();
    let unordered: Vec<Row> = (0..30).map(home).chain((0..30).map(cell)).collect();
    // The limit that cuts, whether numrows tells of it, and how many must be asked for alone.
    let cases = [
        (&ordered, None, vec![], 1),
        (&ordered, Some(45), vec![], 8),
        (&ordered, Some(45), vec![Quirk::NumrowsBeforeCap], 8),
        (&unordered, None, vec![], 0),
        (&unordered, Some(45), vec![Quirk::NumrowsBeforeCap], 30),
    ];
    for (rows, cap, quirks, alone) in cases {
        let case = format!("{cap:?} {quirks:?}");
        let clinic = crowd(30, 0, |settings, _| {
            settings.silent_cap = cap;
            settings.quirks = quirks;
        })
        .await;
        *clinic.peoplesoft.database().query_mut(CONTACTS).unwrap() = contacts_query().with_rows(rows.clone());
        clinic.read().await;
        assert_eq!((with_phones(&clinic).await, looked_up(&clinic)), (30, 1 + alone), "{case}");
    }
    // Our own limit cuts without a word, too.
    let clinic = crowd(30, 0, |_, document| document["peoplesoft"]["max_rows"] = json!(45)).await;
    *clinic.peoplesoft.database().query_mut(CONTACTS).unwrap() = contacts_query().with_rows(unordered);
    clinic.read().await;
    assert_eq!((with_phones(&clinic).await, looked_up(&clinic)), (30, 31));
}

#[tokio::test]
async fn what_was_read_to_its_end_does_not_fail_for_a_look_at_what_lies_before() {
    let rows = || events("2026-03-17T15:30:00", 0..30);
    for fault in [Fault::status(503), Fault::Reset, Fault::NumrowsOff(1)] {
        let clinic = Clinic::open(NOW, query().with_rows(rows()), an_hour).await;
        // The window, from its last instant on, what comes after that; then what lies before.
        clinic.peoplesoft.faults().set(Rule::next(3, Fault::Slow(Duration::ZERO)));
        clinic.peoplesoft.faults().set(Rule::always(fault.clone()));
        assert_eq!((clinic.read().await.created, clinic.asked()), (30, 4), "{fault:?}");
    }
}

/// Polls until a reading comes to its end, a quarter of an hour apart, and answers how many didn't.
async fn until_read(clinic: &Clinic, before: impl Fn()) -> usize {
    for failed in 0..100 {
        before();
        if matches!(clinic.poll().await, Polled::Read(_)) {
            return failed;
        }
        assert_eq!(clinic.watermark().await, None);
        clinic.later(1000);
    }
    panic!("it never comes to its end");
}

#[tokio::test]
async fn a_reading_that_always_breaks_off_comes_to_its_end_in_several() {
    // Spread over hours, and all of them younger than the overlap.
    for (hour, minute) in [("12", "%H:%M:00"), ("15", "15:59:%M")] {
        let rows = (0..60).map(|number| {
            let time = format!("2026-03-17T{}", minute.replace("%H", hour).replace("%M", &format!("{number:02}")));
            event(&time, &format!("{number:07}"), &format!("{number:07}"))
        });
        let clinic = Clinic::open(NOW, query().with_rows(rows.collect::<Vec<_>>()), |_, document| {
            document["poll"]["start_at"] = json!("2026-03-17T12:00:00Z");
            document["peoplesoft"]["max_rows"] = json!(10);
        })
        .await;
        let breaks_off = || {
            clinic.peoplesoft.faults().clear();
            clinic.peoplesoft.faults().set(Rule::next(3, Fault::Slow(Duration::ZERO)));
            clinic.peoplesoft.faults().set(Rule::always(Fault::status(503)));
        };
        assert!(until_read(&clinic, breaks_off).await > 0);
        clinic.peoplesoft.faults().clear();
        assert_eq!(clinic.told().await, numbers(0..60));
        // What commits late is told all the same, and the next reading is an ordinary one.
        clinic.later(60);
        let overlapping = clinic.office.hands.now() - SignedDuration::from_secs(300);
        let local = TimeZone::get("America/Chicago").unwrap().to_datetime(overlapping);
        clinic.add(event(&local.to_string(), "late", "late"));
        assert_eq!(clinic.read().await.created, 1);
    }
}

#[tokio::test]
async fn a_reading_that_takes_longer_than_its_time_comes_to_its_end_in_several() {
    let rows: Vec<Row> = (0..120)
        .map(|number| {
            let mut row = without_phone(&format!("{number:04}"));
            row.time = format!("2026-03-17T{:02}:{:02}:00", 12 + number / 60, number % 60).parse().unwrap();
            row
        })
        .collect();
    let mut clinic = crowd(0, 120, |settings, document| {
        settings.latency.fixed = Duration::from_millis(100);
        document["poll"]["start_at"] = json!("2026-03-17T12:00:00Z");
        document["poll"]["max_event_age_hours"] = json!(240);
        document["peoplesoft"]["max_rows"] = json!(5);
    })
    .await;
    clinic.peoplesoft.database().query_mut(QUERY).unwrap().rows = rows;
    // Here time goes by. Two dozen pages and more, of a tenth of a second at least, besides the look-ups.
    let (hands, started) = (clinic.office.hands.clone(), Instant::now());
    clinic.office.deps.clock = Clock::from_fn(move || stamp::after(hands.now(), started.elapsed()));
    clinic.office.deps.timing.tenant_budget = Duration::from_secs(2);
    assert!(until_read(&clinic, || ()).await > 0);
    assert_eq!((clinic.created().await.len(), with_phones(&clinic).await), (120, 120));
}

#[tokio::test]
async fn a_full_answer_of_rows_that_can_not_be_told_hides_nobody_behind_it() {
    let good = || event("2026-03-17T15:50:00", "1", "good");
    let bad = |number: usize| event(&format!("2026-03-17T15:40:{number:02}"), "", &number.to_string());
    let five_at_once = |settings: &mut Settings, document: &mut Json| {
        an_hour(settings, document);
        document["peoplesoft"]["max_rows"] = json!(5);
    };
    let rows = || (0..5).map(bad).chain([good()]).collect::<Vec<_>>();
    let clinic = Clinic::open(NOW, query().with_rows(rows()), five_at_once).await;
    let added = clinic.read().await;
    assert_eq!((added.created, added.bad), (1, 5));
    // Nobody knows when these happened: what lies behind them is asked for by shorter windows.
    let mut undated = rows();
    for row in &mut undated[..5] {
        row.values[2] = Value::from("17 Mar 2026");
    }
    let clinic = Clinic::open(NOW, query().with_rows(undated), five_at_once).await;
    let added = clinic.read().await;
    assert_eq!((added.created, added.bad), (1, 5));
    // And in one instant nothing helps, which is said; what lies behind it is told all the same.
    let mut alike = rows();
    for row in &mut alike[..5] {
        row.time = "2026-03-17T15:40:00".parse().unwrap();
        row.values[2] = Value::from("17 Mar 2026");
    }
    let clinic = Clinic::open(NOW, query().with_rows(alike), five_at_once).await;
    let (error, added) = clinic.fail().await;
    assert!(matches!(error, Error::Outside { .. }), "{error}");
    assert_eq!((added.created, clinic.watermark().await), (1, None));
}

#[tokio::test]
async fn a_flood_that_is_read_in_several_parts_is_held_like_one() {
    let rows = (0..60).map(|number| {
        event(&format!("2026-03-17T12:{number:02}:00"), &format!("{number:07}"), &format!("{number:07}"))
    });
    let mut clinic = Clinic::open(NOW, query().with_rows(rows.collect::<Vec<_>>()), |_, document| {
        document["poll"]["start_at"] = json!("2026-03-17T12:00:00Z");
        document["poll"]["max_notifications_per_poll"] = json!(30);
        document["peoplesoft"]["max_rows"] = json!(20);
    })
    .await;
    // Each part is below the limit, and each is another process's.
    for expect in [(19, 0), (38, 19), (57, 38)] {
        clinic.peoplesoft.faults().clear();
        clinic.peoplesoft.faults().set(Rule::next(1, Fault::Slow(Duration::ZERO)));
        clinic.peoplesoft.faults().set(Rule::always(Fault::status(503)));
        clinic.fail().await;
        assert_eq!((clinic.created().await.len(), clinic.held().await), expect);
        clinic.office.forget();
        clinic.later(1000);
    }
    clinic.peoplesoft.faults().clear();
    clinic.read().await;
    assert_eq!((clinic.created().await.len(), clinic.held().await), (60, 41));
    // With the reading's end the flood is over: as many again are no news of it.
    for number in 60..90 {
        clinic.later(1);
        let local = TimeZone::get("America/Chicago").unwrap().to_datetime(clinic.office.hands.now());
        clinic.add(event(&local.to_string(), &format!("{number:07}"), &format!("{number:07}")));
    }
    clinic.later(60);
    let added = clinic.read().await;
    assert_eq!((added.created, added.held), (30, 0));
}
