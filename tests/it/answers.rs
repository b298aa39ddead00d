//! Every answer that is not rows, or not all of them, against the real poll: it is named, it moves no watermark and tells nobody
//! what didn't come, and once it is over nobody was forgotten.

use crate::polling::{Clinic, QUERY, event, query};
use local::peoplesoft::{Class as Made, Fault, Rule};
use poll::pages::Error;
use serde_json::json;
use shared::peoplesoft::Class;

/// What the real client makes of a fault of this class. Of XML an `IBResponse` and missing rows look otherwise.
fn fits(made: Made, found: Class, format: &str) -> bool {
    match made {
        Made::Unavailable => found == Class::Unavailable,
        Made::Misconfigured => matches!(found, Class::Misconfigured | Class::Unavailable), // a 404 where it worked before
        Made::Credentials => found == Class::Credentials,
        Made::Permission => found == Class::Permission,
        Made::Query => found == Class::Query,
        Made::NotSuccess if format == "json" => matches!(found, Class::Query | Class::Misconfigured),
        Made::NotSuccess => matches!(found, Class::Query | Class::Misconfigured | Class::Incomplete),
        Made::Incomplete => found == Class::Incomplete,
    }
}

async fn every_answer(format: &str) {
    let clinic = Clinic::open("2026-03-17T06:00:00Z", query(), |settings, document| {
        settings.latency.fixed = std::time::Duration::ZERO;
        document["peoplesoft"]["format"] = json!(format);
        document["poll"]["max_event_age_hours"] = json!(240);
    })
    .await;
    clinic.read().await;
    let mut told = 0;
    // What takes too long is the client's own test: here it would take a real minute.
    let faults = Fault::classified().into_iter().filter(|(fault, _)| *fault != Fault::Hang);
    for (number, (fault, made)) in faults.enumerate() {
        let before = clinic.watermark().await.unwrap();
        clinic.later(60);
        let stamp = jiff::tz::TimeZone::get("America/Chicago").unwrap().to_datetime(clinic.office.hands.now());
        clinic.add(event(&stamp.to_string(), &format!("{number:07}"), &format!("{number:07}")));
        clinic.peoplesoft.faults().set(Rule::always(fault.clone()).for_query(QUERY));
        let (error, added) = clinic.fail().await;
        let Error::PeopleSoft(said) = &error else { panic!("{format} {fault:?}: {error}") };
        assert!(fits(made, said.class(), format), "{format} {fault:?}: {error}");
        assert!(error.remedy().len() > 20, "{format} {fault:?}: {}", error.remedy());
        assert_eq!(clinic.watermark().await, Some(before), "{format} {fault:?}");
        // Only rows that came whole may be told.
        let whole = said.class() == Class::Incomplete || matches!(fault, Fault::Trailing(_));
        assert!(added.created == 0 || whole, "{format} {fault:?}: {added:?}");
        told += added.created;
        clinic.peoplesoft.faults().clear();
        clinic.later(1000);
        told += clinic.read().await.created;
        assert_eq!(told, number as u64 + 1, "{format} {fault:?}: somebody is forgotten");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_that_is_no_json_rows_is_named_and_forgets_nobody() {
    every_answer("json").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_that_is_no_xml_rows_is_named_and_forgets_nobody() {
    every_answer("xmlp").await;
}
