//! Answers that are cut, and readings that break off: nobody is told on half of what is known of them, and nobody is forgotten.

use crate::polling::{Clinic, event};
use crate::windows::{NOW, an_hour, paged_query};
use local::peoplesoft::{Fault, Query, Quirk, Rule, Value};
use serde_json::json;
use std::time::Duration;

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
