//! Looking people up where it is hard, or where they seem to need no look-up: nobody is held up for good, and nobody's wish is missed.

use crate::contacts::{CONTACTS, contact, contacts_query, crowd, knows_no_wishes, looked_up, looks_up, with_phones};
use crate::polling::{Clinic, QUERY, event, query};
use crate::windows::NOW;
use local::peoplesoft::{Column, Database, Fault, Kind, Row, Rule, Value};
use poll::notify::BadRow;
use poll::pages::Error;
use serde_json::{Value as Json, json};
use shared::notification::{Created, Suppressed};
use shared::phone::Channel;

#[tokio::test]
async fn whoever_can_not_be_looked_up_holds_their_source_back_no_longer_than_an_event_lasts() {
    let clinic = crowd(3, 3, |_, _| ()).await;
    clinic.peoplesoft.faults().set(Rule::always(Fault::broker(200, 158, 10001)).for_query(CONTACTS));
    let (_, added) = clinic.fail().await;
    assert_eq!((added.created, looked_up(&clinic)), (0, 3));
    clinic.later(25 * 3600);
    let added = clinic.read().await;
    assert_eq!((added.created, added.suppressed, looked_up(&clinic)), (3, 3, 3), "nobody is asked for any more");
    assert!(clinic.created().await.iter().all(|created| created.suppressed == Some(Suppressed::Stale)));
    assert_eq!(clinic.watermark().await, Some(clinic.office.hands.now()));
}

#[tokio::test]
async fn contacts_that_take_too_long_all_at_once_are_asked_for_one_by_one_next_time() {
    let clinic = crowd(30, 30, |_, document| document["peoplesoft"]["timeout_seconds"] = json!(3)).await;
    clinic.peoplesoft.faults().set(Rule::next(1, Fault::Hang).for_query(CONTACTS));
    let (error, _) = clinic.fail().await;
    assert!(matches!(error, Error::PeopleSoft(_)) && error.to_string().contains("within 3 s"), "{error}");
    clinic.later(1000);
    clinic.read().await;
    assert_eq!((with_phones(&clinic).await, looked_up(&clinic)), (30, 31));
}

/// One event of somebody who has one phone there and another in the contacts, with a wish and an opt-out.
async fn one([own, number, wish, out]: [&str; 4], change: impl FnOnce(&mut Json)) -> Clinic {
    let mut row: Row = event("2026-03-17T15:58:00", "1", "one");
    row.values[3] = Value::from(own);
    let contacts = contacts_query().with_rows([contact(["1", "CELL", number, "", "", wish, out, ""])]);
    let database = Database::default().with(QUERY, query().with_rows([row])).with(CONTACTS, contacts);
    Clinic::with(NOW, database, |settings, document| {
        looks_up(settings, document);
        document["events"][0]["templates"] = json!({"en": "Hi, your pay has posted"});
        change(document);
    })
    .await
}

/// What such a person is told.
async fn told(own: &str, [number, wish, out]: [&str; 3], is_asked: bool) -> Created {
    let change = |document: &mut Json| {
        if !is_asked {
            knows_no_wishes(document);
        }
    };
    let clinic = one([own, number, wish, out], change).await;
    clinic.read().await;
    assert_eq!(looked_up(&clinic), usize::from(is_asked));
    clinic.created().await.remove(0)
}

#[tokio::test]
async fn wishes_that_only_the_contacts_know_count_where_the_event_has_a_phone_too() {
    let (own, theirs) = ("312-555-0101", "312-555-0102");
    let created = told(own, [theirs, "", "Y"], true).await;
    assert_eq!(created.suppressed, Some(Suppressed::OptedOut));
    let created = told(own, [theirs, "N", ""], true).await;
    assert_eq!(created.suppressed, Some(Suppressed::Preference));
    let created = told(own, [theirs, "V", ""], true).await;
    assert_eq!((created.suppressed, created.channel), (None, Channel::Voice));
    assert_eq!(created.to.unwrap().e164(), "+13125550101", "the event's own phone");
    // Contacts that know of no wish aren't asked about whoever has a phone.
    assert_eq!(told(own, [theirs, "", "Y"], false).await.suppressed, None);
}

#[tokio::test]
async fn a_phone_that_can_not_be_used_gives_way_to_one_that_can() {
    let check = async |own: &str, theirs: &str, expect: Result<&str, Suppressed>| {
        let created = told(own, [theirs, "", ""], true).await;
        let got = created.suppressed.map_or_else(|| Ok(created.to.as_ref().unwrap().e164()), Err);
        assert_eq!(got, expect, "{own:?} {theirs:?}");
    };
    check("call the ward", "312-555-0102", Ok("+13125550102")).await;
    check("call the ward", "no idea", Err(Suppressed::UnusablePhone)).await;
    check("call the ward", "", Err(Suppressed::UnusablePhone)).await;
    check("", "no idea", Err(Suppressed::UnusablePhone)).await;
    check("", "", Err(Suppressed::NoPhone)).await;
    check("312-555-0101", "312-555-0102", Ok("+13125550101")).await;
}

#[tokio::test]
async fn a_wish_that_nobody_understands_is_taken_for_the_strictest_and_reported() {
    let check = async |wish: &str, out: &str, expect: Result<Channel, Suppressed>, unknown: Option<&'static str>| {
        let clinic = one(["312-555-0101", "312-555-0102", wish, out], |_| ()).await;
        let added = clinic.read().await;
        let created = clinic.created().await.remove(0);
        assert_eq!(created.suppressed.map_or(Ok(created.channel), Err), expect, "{wish:?} {out:?}");
        assert_eq!((added.bad, added.last_bad), (u64::from(unknown.is_some()), unknown.map(BadRow::Unknown)));
    };
    check("", "N", Ok(Channel::Sms), None).await;
    check("V", "no", Ok(Channel::Voice), None).await;
    check("", "false", Ok(Channel::Sms), None).await;
    check("", "true", Err(Suppressed::OptedOut), None).await;
    check("", "X", Err(Suppressed::OptedOut), Some("opted_out")).await;
    check("", "2026-01-01", Err(Suppressed::OptedOut), Some("opted_out")).await;
    check("EMAIL", "N", Err(Suppressed::Preference), Some("channel_preference")).await;
}

#[tokio::test]
async fn a_clock_and_a_language_that_only_the_contacts_know_count_where_the_event_has_a_phone_too() {
    // Ten in the morning in Chicago, five in Honolulu.
    let morning = "2026-03-17T15:00:00Z";
    let mut contacts = contacts_query();
    contacts.columns.push(Column::new("E.TIMEZONE", Kind::Character));
    for (employee, language, zone) in [("1", "ESP", "HST"), ("2", "", "")] {
        let mut row = contact([employee, "CELL", "312-555-0199", "", "", "", "", language]);
        row.values.push(Value::from(zone));
        contacts.rows.push(row);
    }
    let rows = ["1", "2"].map(|employee| event("2026-03-17T09:58:00", employee, "one"));
    let database = Database::default().with(QUERY, query().with_rows(rows)).with(CONTACTS, contacts);
    let clinic = Clinic::with(morning, database, |settings, document| {
        looks_up(settings, document);
        knows_no_wishes(document);
        document["quiet_hours"] = json!({"start": "21:00", "end": "08:00"});
        document["contacts"]["columns"]["time_zone"] = json!("E.TIMEZONE");
        document["events"][0]["templates"] = json!({"en": "Hi", "es": "Hola"});
    })
    .await;
    clinic.read().await;
    let told = clinic.created().await;
    let told: Vec<_> = told.iter().map(|one| (one.body.as_deref(), one.not_before.map(|at| at.to_string()))).collect();
    assert_eq!(told, [(Some("Hola"), Some("2026-03-17T18:00:00Z".to_owned())), (Some("Hi"), None)]);
}
