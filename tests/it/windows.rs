//! Windows: what is asked for, that nothing between two polls is lost, and that nothing old is told.

use crate::polling::{Clinic, QUERY, event, events, query};
use local::peoplesoft::{Fault, Filter, Gate, Kind, Order, Prompt, Query, Quirk, Row, Rule, Settings};
use poll::pages::Error;
use poll::source::Polled;
use serde_json::{Value as Json, json};

/// 16:00 in Chicago.
pub const NOW: &str = "2026-03-17T21:00:00Z";

/// A window that begins an hour before [`NOW`].
pub fn an_hour(_: &mut Settings, document: &mut Json) {
    document["poll"]["start_at"] = json!("2026-03-17T20:00:00Z");
}

/// The query with a prompt "employee id greater than".
pub fn paged_query() -> Query {
    let mut query = query();
    query.prompts.push(Prompt::optional("AFTER", Kind::Character, Filter::After("A.EMPLID".to_owned())));
    query
}

pub fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| format!("{number:07}")).collect()
}

#[tokio::test]
async fn nothing_older_than_the_first_look_is_ever_told() {
    let query = query().with_rows([
        event("2025-03-17T15:59:00", "1", "last year"),
        event("2026-03-17T15:59:59", "2", "just before"),
        event("2026-03-17T16:00:00", "3", "just then"),
    ]);
    let clinic = Clinic::open(NOW, query, |_, _| ()).await;
    assert_eq!(clinic.read().await.created, 1);
    // The overlap reaches back to what the first look left out.
    clinic.later(120);
    clinic.add(event("2026-03-17T16:01:00", "4", "after"));
    clinic.add(event("2026-03-17T15:58:00", "5", "before, committed late"));
    assert_eq!(clinic.read().await.created, 1);
    assert_eq!(clinic.told().await, ["after", "just then"]);
}

#[tokio::test]
async fn a_source_may_begin_before_it_was_first_seen_or_later() {
    let query = query().with_rows([
        event("2026-03-17T14:59:59", "1", "before"),
        event("2026-03-17T15:00:00", "2", "then"),
        event("2026-03-17T15:59:00", "3", "after"),
    ]);
    let clinic = Clinic::open(NOW, query.clone(), an_hour).await;
    clinic.read().await;
    assert_eq!(clinic.told().await, ["after", "then"]);

    let later = |_: &mut Settings, document: &mut Json| {
        document["poll"]["start_at"] = json!("2026-03-17 16:10:00"); // the database's own time
    };
    let clinic = Clinic::open(NOW, query, later).await;
    clinic.read().await;
    assert_eq!(clinic.asked(), 0, "its time has not come");
    clinic.add(event("2026-03-17T16:09:59", "4", "too early"));
    clinic.add(event("2026-03-17T16:10:00", "5", "in time"));
    clinic.later(1200);
    clinic.read().await;
    assert_eq!(clinic.told().await, ["in time"]);
}

#[tokio::test]
async fn rows_that_commit_late_are_told_and_repeated_ones_once() {
    let clinic = Clinic::open(NOW, query(), |_, _| ()).await;
    clinic.read().await;
    clinic.add(event("2026-03-17T16:00:30", "1", "early"));
    let commit = "2026-03-17T21:05:30Z".parse().unwrap();
    clinic.add(event("2026-03-17T16:00:31", "2", "late").visible_from(commit));
    for minute in 1..=9 {
        clinic.later(60);
        let added = clinic.read().await;
        let expect = u64::from(minute == 1 || minute == 6);
        assert_eq!(added.created, expect, "minute {minute}");
    }
    assert_eq!(clinic.told().await, ["early", "late"]);
}

#[tokio::test]
async fn a_new_process_appends_nothing_twice_and_an_old_one_does_not_even_try() {
    let query = query().with_rows(events("2026-03-17T15:58:00", 0..40));
    let mut clinic = Clinic::open(NOW, query, an_hour).await;
    assert_eq!(clinic.read().await.created, 40);
    let (written, _) = clinic.office.deps.ledger.used_units();
    clinic.later(60);
    let added = clinic.read().await;
    assert_eq!((added.created, added.known), (0, 40));
    let (after, _) = clinic.office.deps.ledger.used_units();
    assert!(after - written < 5.0, "known events were written again: {written} {after}");
    clinic.office.forget();
    clinic.later(60);
    let added = clinic.read().await;
    assert_eq!((added.created, added.known), (0, 40));
}

#[tokio::test]
async fn the_same_row_twice_in_one_answer_is_told_once() {
    let row = || event("2026-03-17T15:50:00", "1", "again");
    let clinic = Clinic::open(NOW, query().with_rows([row(), row(), row()]), an_hour).await;
    assert_eq!(clinic.read().await.created, 1);
}

/// Reads 250 rows at five a second, in pages of some size.
async fn spread(change: impl FnOnce(&mut Settings, &mut Json)) -> Clinic {
    let rows: Vec<Row> = (0..250)
        .map(|number| {
            let stamp = format!("2026-03-17T15:{:02}:{:02}.{}", 10 + number / 50, number / 5 % 10, number % 5);
            event(&stamp, &format!("{number:07}"), &format!("{number:07}"))
        })
        .collect();
    let both = |settings: &mut Settings, document: &mut Json| {
        an_hour(settings, document);
        change(settings, document);
    };
    let clinic = Clinic::open(NOW, query().with_rows(rows), both).await;
    clinic.read().await;
    assert_eq!(clinic.told().await, numbers(0..250));
    clinic
}

#[tokio::test]
async fn pages_follow_each_other_in_time_until_one_brings_nothing_new() {
    let clinic = spread(|_, document| document["peoplesoft"]["max_rows"] = json!(20)).await;
    assert!(clinic.asked() < 20, "{} requests", clinic.asked());
    // Where the last page ended the next one begins.
    let requests = clinic.peoplesoft.requests();
    assert!(requests[0].query_string.contains("maxrows=20&"));
    assert!(requests[1].query_string.contains("2026-03-17-15.10.03.400000"), "{}", requests[1].query_string);
}

#[tokio::test]
async fn a_lower_cap_that_nobody_tells_of_loses_nothing() {
    let clinic = spread(|settings, _| settings.silent_cap = Some(7)).await;
    assert!(clinic.asked() < 60, "{} requests", clinic.asked());
}

#[tokio::test]
async fn prompts_of_whole_seconds_lose_no_fraction() {
    spread(|settings, document| {
        settings.silent_cap = Some(7);
        document["events"][0]["prompt_format"] = json!("%Y-%m-%d %H:%M:%S");
    })
    .await;
}

#[tokio::test]
async fn unordered_rows_are_read_by_halves() {
    for (max_rows, cap) in [(20, None), (1000, Some(20))] {
        let mut rows = Vec::new();
        for number in 0..100 {
            let stamp = format!("2026-03-17T15:{:02}:{:02}.5", 10 + number / 10, number % 10 * 6);
            rows.push(event(&stamp, &format!("{number:07}"), &format!("{number:07}")));
        }
        let query = Query { order: Order::Scrambled, ..query().with_rows(rows) };
        let clinic = Clinic::open(NOW, query, |settings, document| {
            an_hour(settings, document);
            settings.silent_cap = cap;
            document["peoplesoft"]["max_rows"] = json!(max_rows);
        })
        .await;
        clinic.read().await;
        assert_eq!(clinic.told().await, numbers(0..100), "{max_rows} {cap:?}");
        assert!(clinic.asked() < 60, "{} requests", clinic.asked());
    }
}

#[tokio::test]
async fn an_instant_that_holds_more_than_a_page_is_paged_by_employee() {
    for (max_rows, cap) in [(20, None), (1000, Some(20)), (20, Some(13))] {
        let mut rows = events("2026-03-17T15:30:00", 5..95);
        rows.extend(events("2026-03-17T15:10:00", 0..5));
        rows.extend(events("2026-03-17T15:40:00", 95..100));
        // Two checks of one employee, one on either side of a page's end.
        rows.push(event("2026-03-17T15:30:00", "0000024", "second check"));
        let clinic = Clinic::open(NOW, paged_query().with_rows(rows), |settings, document| {
            an_hour(settings, document);
            settings.silent_cap = cap;
            document["peoplesoft"]["max_rows"] = json!(max_rows);
            document["events"][0]["page_prompt"] = json!("AFTER");
        })
        .await;
        clinic.read().await;
        let mut expect = numbers(0..100);
        expect.push("second check".to_owned());
        assert_eq!(clinic.told().await, expect, "{max_rows} {cap:?}");
        assert!(clinic.asked() < 25, "{} requests", clinic.asked());
    }
}

/// Where nothing helps: named, what was read is appended, and the watermark stays.
async fn too_full(query: Query, change: impl FnOnce(&mut Settings, &mut Json)) {
    let both = |settings: &mut Settings, document: &mut Json| {
        an_hour(settings, document);
        change(settings, document);
    };
    let clinic = Clinic::open(NOW, query, both).await;
    let (error, added) = clinic.fail().await;
    let Error::FullInstant { query, at, .. } = &error else { panic!("{error}") };
    assert_eq!((query.as_str(), at.to_string().as_str()), (QUERY, "2026-03-17T15:30:00"));
    assert!(error.to_string().contains(QUERY) && error.remedy().contains("page_prompt"));
    assert!(added.created >= 20, "{added:?}");
    assert_eq!(clinic.told().await.len() as u64, added.created);
    assert_eq!(clinic.watermark().await, None);
}

#[tokio::test]
async fn an_instant_that_can_not_be_paged_is_named_and_holds_only_itself_up() {
    let around = || {
        let mut rows = events("2026-03-17T15:30:00", 5..95);
        rows.extend(events("2026-03-17T15:10:00", 0..5));
        rows
    };
    let query = || query().with_rows(around());
    too_full(query(), |_, document| document["peoplesoft"]["max_rows"] = json!(20)).await;
    too_full(query(), |settings, _| {
        settings.silent_cap = Some(20);
        settings.quirks = vec![Quirk::NumrowsBeforeCap];
    })
    .await;
    // Nothing comes after it, and the cap is silent: what comes before it gives it away.
    too_full(query(), |settings, _| settings.silent_cap = Some(20)).await;
    // What comes after it is told all the same.
    let mut rows = around();
    rows.extend(events("2026-03-17T15:40:00", 95..100));
    let clinic = Clinic::open(NOW, crate::polling::query().with_rows(rows), |settings, document| {
        an_hour(settings, document);
        settings.silent_cap = Some(20);
        document["poll"]["start_at"] = json!("2026-03-17T20:20:00Z");
    })
    .await;
    let (error, added) = clinic.fail().await;
    assert!(matches!(error, Error::FullInstant { .. }));
    assert_eq!(added.created, 25);
    assert!(clinic.told().await.contains(&"0000099".to_owned()));
    assert_eq!(clinic.watermark().await, None);
}

#[tokio::test]
async fn an_instant_that_just_fills_an_answer_is_no_trouble() {
    // Everything there is, in one instant: as many rows as there are, and a year of others before.
    let mut rows = events("2026-03-17T15:30:00", 0..30);
    rows.extend(events("2026-03-01T15:30:00", 30..35));
    let clinic = Clinic::open(NOW, query().with_rows(rows), an_hour).await;
    assert_eq!(clinic.read().await.created, 30);
    assert!(clinic.asked() <= 6, "{} requests", clinic.asked());
    // One person with two checks, and a query that could page.
    let rows = [event("2026-03-17T15:30:00", "1", "one"), event("2026-03-17T15:30:00", "1", "two")];
    let paged = |settings: &mut Settings, document: &mut Json| {
        an_hour(settings, document);
        document["events"][0]["page_prompt"] = json!("AFTER");
    };
    let clinic = Clinic::open(NOW, paged_query().with_rows(rows), paged).await;
    assert_eq!(clinic.read().await.created, 2);
}

#[tokio::test]
async fn numrows_that_disagree_once_cost_a_second_look_and_always_an_error() {
    let clinic = Clinic::open(NOW, query().with_rows(events("2026-03-17T15:30:00", 0..30)), an_hour).await;
    clinic.peoplesoft.faults().set(Rule::next(1, Fault::NumrowsOff(3)));
    assert_eq!(clinic.read().await.created, 30);

    let clinic = Clinic::open(NOW, query().with_rows(events("2026-03-17T15:30:00", 0..30)), an_hour).await;
    clinic.peoplesoft.faults().set(Rule::always(Fault::NumrowsOff(-3)));
    let (_, added) = clinic.fail().await;
    assert_eq!(added.created, 30, "what came is appended");
    assert_eq!(clinic.watermark().await, None);
}

#[tokio::test]
async fn a_capped_answer_that_says_so_is_read_by_parts() {
    let rows: Vec<Row> =
        (0..50).map(|n| event(&format!("2026-03-17T15:10:{n:02}"), &format!("{n:07}"), &format!("{n:07}"))).collect();
    let clinic = Clinic::open(NOW, query().with_rows(rows), |settings, document| {
        an_hour(settings, document);
        settings.silent_cap = Some(10);
        settings.quirks = vec![Quirk::NumrowsBeforeCap];
    })
    .await;
    assert_eq!(clinic.read().await.created, 50);
}

#[tokio::test]
async fn a_query_that_goes_by_another_time_is_not_asked_again_and_again() {
    // What the rows tell is not what the query compares: a date of long ago, one to come, and both.
    let telling = |times: &[&str]| {
        let rows = times.iter().enumerate().map(|(number, time)| {
            let mut row = event("2026-03-17T15:58:00", &format!("{number:07}"), &number.to_string());
            row.values[2] = local::peoplesoft::Value::from(*time);
            row
        });
        query().with_rows(rows.collect::<Vec<_>>())
    };
    let cases: [(&[&str], u64); 4] = [
        (&["2026-03-17-10.00.00", "2026-03-17-11.00.00", "2026-03-17-11.00.00"], 0), // older than the floor
        (&["2026-03-17-16.00.00", "2026-03-18", "2026-03-19"], 3),
        (&["2026-03-19", "2026-03-18", "2026-03-17-16.00.00"], 3),
        (&["2026-03-17", "2026-03-17", "2026-03-17"], 3), // the day is not over
    ];
    for (times, told) in cases {
        let clinic = Clinic::open(NOW, telling(times), an_hour).await;
        assert_eq!(clinic.read().await.created, told, "{times:?}");
        assert!(clinic.asked() <= 3, "{} requests for {times:?}", clinic.asked());
    }
    // More of them than one answer holds can't be read by any window, and that is said.
    let clinic = Clinic::open(NOW, telling(cases[1].0), |settings, document| {
        an_hour(settings, document);
        document["peoplesoft"]["max_rows"] = json!(2);
    })
    .await;
    let (error, added) = clinic.fail().await;
    assert!(matches!(error, Error::Outside { .. }) && error.remedy().contains("occurred_at"), "{error}");
    assert_eq!((added.created, clinic.asked()), (2, 1));
}

#[tokio::test]
async fn a_query_that_is_a_second_off_is_read_to_its_end() {
    let rows = (0..12).map(|number| {
        let mut row =
            event(&format!("2026-03-17T15:58:{:02}", number + 1), &format!("{number:07}"), &number.to_string());
        row.values[2] = local::peoplesoft::Value::from(format!("2026-03-17-15.58.{number:02}").as_str());
        row
    });
    let clinic = Clinic::open(NOW, query().with_rows(rows.collect::<Vec<_>>()), |settings, document| {
        an_hour(settings, document);
        document["peoplesoft"]["max_rows"] = json!(6);
    })
    .await;
    assert_eq!(clinic.read().await.created, 12);
}

#[tokio::test]
async fn trouble_leaves_the_watermark_where_it_was_and_pauses() {
    let clinic = Clinic::open(NOW, query(), |_, _| ()).await;
    clinic.read().await;
    let before = clinic.watermark().await.unwrap();
    clinic.add(event("2026-03-17T16:00:30", "1", "during"));
    clinic.peoplesoft.faults().set(Rule::next(1, Fault::Html));
    clinic.later(60);
    let (error, _) = clinic.fail().await;
    assert!(error.remedy().contains("proxy"));
    assert_eq!(clinic.watermark().await, Some(before));
    // A pause of half a minute, then a minute, then two, up to a quarter of an hour.
    clinic.later(10);
    assert!(matches!(clinic.poll().await, Polled::NotNow));
    clinic.later(3600);
    assert_eq!(clinic.read().await.created, 1, "an hour of trouble loses nothing");
    assert!(clinic.watermark().await > Some(before));
}

#[tokio::test]
async fn pauses_grow_up_to_a_bound() {
    let clinic = Clinic::open(NOW, query(), |_, _| ()).await;
    clinic.peoplesoft.faults().set(Rule::always(Fault::Empty));
    let mut pauses = Vec::new();
    for _ in 0..8 {
        let Polled::Failed { next_at, .. } = clinic.poll().await else { panic!("not failed") };
        let pause = next_at.duration_since(clinic.office.hands.now()).as_secs();
        pauses.push(pause);
        clinic.later(pause);
    }
    assert_eq!(pauses, [30, 60, 120, 240, 480, 900, 900, 900]);
}

#[tokio::test]
async fn a_pause_that_is_asked_for_is_kept_up_to_an_hour() {
    let clinic = Clinic::open(NOW, query(), |_, _| ()).await;
    for (asked, expect) in [("7", 30), ("900", 900), ("3000", 3000), ("999999", 3600)] {
        clinic
            .peoplesoft
            .faults()
            .set(Rule::next(1, Fault::Status { status: 503, retry_after: Some(asked.to_owned()) }));
        let Polled::Failed { next_at, .. } = clinic.poll().await else { panic!("not failed") };
        let pause = next_at.duration_since(clinic.office.hands.now()).as_secs();
        assert_eq!(pause, expect, "{asked}");
        clinic.later(pause);
        clinic.read().await;
        clinic.later(60);
    }
}

#[tokio::test]
async fn a_lease_keeps_a_second_poll_away() {
    let (clinic, gate) = (Clinic::open(NOW, query(), |_, _| ()).await, Gate::shut());
    clinic.peoplesoft.faults().set(Rule::next(1, Fault::Behind(gate.clone())));
    let second = async {
        while clinic.asked() == 0 {
            tokio::task::yield_now().await;
        }
        let polled = clinic.poll().await;
        gate.open();
        polled
    };
    let (first, second) = tokio::join!(clinic.poll(), second);
    assert!(matches!((&first, &second), (Polled::Read(_), Polled::NotNow)), "{first:?} {second:?}");
    assert_eq!(clinic.asked(), 1);
}
