//! Contacts: whose phone it is, how it is looked up and how often, and every reason not to use it.

use crate::polling::{Clinic, QUERY, event, query};
use local::peoplesoft::{Alias, Column, Database, Fault, Filter, Kind, Prompt, Query, Row, Rule, Settings, Value};
use serde_json::{Value as Json, json};
use shared::notification::{Created, Suppressed};
use shared::tenant::event::MEANINGS;
use std::collections::BTreeMap;

const NOW: &str = "2026-03-17T21:00:00Z";
pub const CONTACTS: &str = "ML_CONTACTS";

pub fn contacts_query() -> Query {
    let columns = [
        Column::new("A.EMPLID", Kind::Character),
        Column::new("B.NAME", Kind::Character),
        Column::new("C.PHONE_TYPE", Kind::Character),
        Column::new("C.PHONE", Kind::Character),
        Column::new("C.COUNTRY_CODE", Kind::Character),
        Column::new("C.PREF_PHONE_FLAG", Kind::Character),
        Column::new("C.CHANNEL_PREF", Kind::Character),
        Column::new("C.OPT_OUT", Kind::Character),
        Column::new("D.LANG_CD", Kind::Character),
        Column::new("G.NATIONAL_ID", Kind::Character),
    ];
    Query::new(columns, [Prompt::optional("EMPLID", Kind::Character, Filter::Equals("A.EMPLID".to_owned()))])
}

/// A contact: employee, type, number, country code, preferred flag, wish, opt-out and language.
pub fn contact([employee, kind, number, country, preferred, wish, out, language]: [&str; 8]) -> Row {
    let name = format!("Quill,Ada{employee} Mary");
    let values = [employee, &name, kind, number, country, preferred, wish, out, language, "000-12-3456"];
    Row::new("2020-01-01T00:00:00".parse().unwrap(), values.map(Value::from).to_vec())
}

/// An event whose own row has no phone.
pub fn without_phone(employee: &str) -> Row {
    let mut row = event("2026-03-17T15:58:00", employee, "one");
    row.values[3] = Value::Empty;
    row
}

/// Everybody of a staff, each with a phone.
pub fn everybody(staff: usize) -> Query {
    let id = |number: usize| format!("{number:04}");
    let rows = (0..staff).map(|number| contact([&id(number), "CELL", "312-555-0142", "", "", "", "", ""]));
    contacts_query().with_rows(rows.collect::<Vec<_>>())
}

pub fn looks_up(_: &mut Settings, document: &mut Json) {
    document["poll"]["start_at"] = json!("2026-03-17");
    document["contacts"] = json!({
        "query": CONTACTS, "employee_prompt": "EMPLID",
        "columns": {"employee_id": "A.EMPLID", "name": "B.NAME", "phone_type": "C.PHONE_TYPE", "phone": "C.PHONE",
            "country_code": "C.COUNTRY_CODE", "preferred_phone": "C.PREF_PHONE_FLAG", "channel_preference": "C.CHANNEL_PREF",
            "opted_out": "C.OPT_OUT", "language": "D.LANG_CD"},
    });
    document["events"][0]["channels"] = json!(["sms", "voice"]);
    document["events"][0]["templates"] =
        json!({"en": "Hi {{ employee.first_name }}", "es": "Hola {{ employee.first_name }}"});
}

pub fn knows_no_wishes(document: &mut Json) {
    document["contacts"]["columns"]["channel_preference"] = json!(null);
    document["contacts"]["columns"]["opted_out"] = json!(null);
}

/// Tells one event to everybody who has contacts.
async fn told(contacts: Vec<Row>, change: impl FnOnce(&mut Settings, &mut Json)) -> BTreeMap<String, Created> {
    let mut employees: Vec<String> = contacts
        .iter()
        .map(|row| if let Value::Text(id) = &row.values[0] { id.clone() } else { panic!("an employee without an id") })
        .collect();
    employees.dedup();
    let rows: Vec<Row> = employees.iter().map(|employee| without_phone(employee)).collect();
    let database =
        Database::default().with(QUERY, query().with_rows(rows)).with(CONTACTS, contacts_query().with_rows(contacts));
    let clinic = Clinic::with(NOW, database, |settings, document| {
        looks_up(settings, document);
        change(settings, document);
    })
    .await;
    clinic.read().await;
    clinic.created().await.into_iter().map(|created| (created.employee_id.clone(), created)).collect()
}

#[tokio::test]
async fn free_text_becomes_a_number_or_a_reason() {
    use Suppressed::{NoPhone, UnusablePhone};
    let cases: &[(&str, &str, Result<&str, Suppressed>)] = &[
        ("604/555-1234", "", Ok("+16045551234")),
        ("(312) 555.0142", "1", Ok("+13125550142")),
        ("312 555 0142", "USA", Ok("+13125550142")),
        ("+44 20 7946 0958", "", Ok("+442079460958")),
        ("020 7946 0958", "44", Ok("+442079460958")),
        ("20 7946 0958", "+44", Ok("+442079460958")),
        ("030 901820", "DE", Ok("+4930901820")),
        ("1-312-555-0142", "", Ok("+13125550142")),
        ("312-555-0142 x12", "", Err(UnusablePhone)),
        ("312-555-0142 ext. 12", "", Err(UnusablePhone)),
        ("Decline to state", "", Err(UnusablePhone)),
        ("555-0142", "", Err(UnusablePhone)),
        ("312-555-0142", "ZZZ", Err(UnusablePhone)),
        ("none", "1", Err(UnusablePhone)),
        (" ", "", Err(NoPhone)),
        ("", "1", Err(NoPhone)),
    ];
    let id = |number: usize| format!("{number:04}");
    let contacts = cases
        .iter()
        .enumerate()
        .map(|(number, (text, code, _))| contact([&id(number), "CELL", text, code, "Y", "", "N", "ENG"]));
    let told = told(contacts.collect(), |_, _| ()).await;
    for (number, (text, code, expect)) in cases.iter().enumerate() {
        let created = &told[&id(number)];
        let got = created.suppressed.map_or_else(|| Ok(created.to.as_ref().unwrap().e164()), Err);
        assert_eq!(got, *expect, "{text:?} {code:?}");
    }
}

#[tokio::test]
async fn the_preferred_phone_comes_first_then_the_wanted_types_then_any_that_works() {
    let check = async |types: Json, phones: &[(&str, &str, &str)], expect: &str| {
        let contacts =
            phones.iter().map(|(kind, number, preferred)| contact(["1", kind, number, "", preferred, "", "", ""]));
        let told = told(contacts.collect(), |_, document| {
            document["contacts"]["phone_types"] = types.clone();
        })
        .await;
        assert_eq!(told["1"].to.as_ref().unwrap().e164(), expect, "{types} {phones:?}");
    };
    let (home, cell, work) = ("312-555-0101", "312-555-0102", "312-555-0103");
    let usual = json!(null);
    check(usual.clone(), &[("HOME", home, ""), ("CELL", cell, ""), ("BUSN", work, "")], "+13125550102").await;
    check(usual.clone(), &[("HOME", home, "N"), ("CELL", cell, "N"), ("BUSN", work, "Y")], "+13125550103").await;
    check(usual.clone(), &[("HOME", home, ""), ("CELL", "call my wife", "Y"), ("BUSN", work, "")], "+13125550101")
        .await;
    check(json!(["BUSN", "HOME"]), &[("CELL", cell, ""), ("HOME", home, ""), ("BUSN", work, "")], "+13125550103").await;
    check(json!(["busn", "HOME"]), &[("CELL", cell, ""), ("HOME", home, "")], "+13125550101").await;
    check(json!(["PGR1"]), &[("HOME", home, ""), ("CELL", cell, "")], "+13125550101").await;
}

#[tokio::test]
async fn wishes_opt_outs_and_languages_are_kept() {
    let number = "312-555-0142";
    let contacts = vec![
        contact(["any", "CELL", number, "", "", "", "N", "ENG"]),
        contact(["sms", "CELL", number, "", "", "S", "0", "ESP"]),
        contact(["voice", "CELL", number, "", "", "voice", "false", "es-MX"]),
        contact(["none", "CELL", number, "", "", "N", "", "CFR"]),
        contact(["out", "CELL", number, "", "", "", "Y", ""]),
        // Opted out on one row of two.
        contact(["half", "HOME", number, "", "", "", "N", ""]),
        contact(["half", "CELL", number, "", "", "", "1", ""]),
    ];
    let told = told(contacts, |_, _| ()).await;
    let check = |who: &str, channel: &str, escalates: bool, expect: Result<&str, Suppressed>| {
        let created = &told[who];
        let body = created.body.as_deref().unwrap();
        assert_eq!(created.suppressed.map_or(Ok(body), Err), expect, "{who}");
        assert_eq!((created.channel.as_str(), created.escalate_after_minutes.is_some()), (channel, escalates), "{who}");
    };
    check("any", "sms", true, Ok("Hi Adaany"));
    check("sms", "sms", false, Ok("Hola Adasms"));
    check("voice", "voice", false, Ok("Hola Adavoice"));
    check("none", "sms", false, Err(Suppressed::Preference));
    check("out", "sms", true, Err(Suppressed::OptedOut));
    check("half", "sms", true, Err(Suppressed::OptedOut));
}

/// Whose events bring a phone and no name: the name is with the contacts.
async fn nameless(staff: usize, change: impl FnOnce(&mut Json)) -> Clinic {
    let id = |number: usize| format!("{number:04}");
    let rows: Vec<Row> = (0..staff).map(|number| event("2026-03-17T15:58:00", &id(number), "one")).collect();
    let contacts = (0..staff).map(|number| {
        contact([&id(number), "CELL", "312-555-0199", "", "Y", "", if number == 3 { "Y" } else { "" }, ""])
    });
    let contacts = contacts_query().with_rows(contacts.collect::<Vec<_>>());
    let database = Database::default().with(QUERY, query().with_rows(rows)).with(CONTACTS, contacts);
    Clinic::with(NOW, database, |settings, document| {
        looks_up(settings, document);
        change(document);
    })
    .await
}

#[tokio::test]
async fn contacts_are_asked_for_what_a_text_says_too_and_the_events_own_phone_stays() {
    for (staff, expect) in [(5, 5), (30, 2)] {
        let clinic = nameless(staff, |_| ()).await;
        clinic.read().await;
        for (number, created) in clinic.created().await.iter().enumerate() {
            assert_eq!(created.body.as_deref(), Some(format!("Hi Ada{number:04}").as_str()));
            assert_eq!(created.to.as_ref().unwrap().e164(), "+13125550142", "not the one of the contacts");
            let expect = (number == 3).then_some(Suppressed::OptedOut);
            assert_eq!(created.suppressed, expect, "an opt-out that is known counts");
        }
        assert_eq!(looked_up(&clinic), expect);
    }
    // A text without a name needs nobody's, where the contacts know of no wishes.
    let clinic = nameless(5, |document| {
        document["events"][0]["templates"] = json!({"en": "Hi, your pay has posted"});
        knows_no_wishes(document);
    })
    .await;
    clinic.read().await;
    assert_eq!((clinic.created().await.len(), looked_up(&clinic)), (5, 0));
}

#[tokio::test]
async fn a_column_that_no_row_has_leaves_no_hole_in_a_text() {
    let absent = async |clinic: Clinic, asked: &str, expect: &str| {
        let (error, _) = clinic.fail().await;
        let poll::pages::Error::NoSuchColumn { query, column } = &error else { panic!("{error}") };
        assert_eq!((query.as_str(), column.as_str()), (asked, expect));
        assert!(clinic.created().await.is_empty());
    };
    let needed = ["employee_id", "occurred_at"];
    for meaning in MEANINGS.iter().filter(|meaning| !needed.contains(meaning)) {
        let meaning = *meaning;
        let clinic = nameless(3, |document| document["events"][0]["columns"][meaning] = json!("B.MISSPELT")).await;
        absent(clinic, QUERY, "B.MISSPELT").await;
        let clinic = nameless(3, |document| document["contacts"]["columns"][meaning] = json!("B.MISSPELT")).await;
        absent(clinic, CONTACTS, "B.MISSPELT").await;
    }
}

/// A clinic where so many have an event, and of them so many have contacts.
pub async fn crowd(events: usize, known: usize, change: impl FnOnce(&mut Settings, &mut Json)) -> Clinic {
    let id = |number: usize| format!("{number:04}");
    let rows: Vec<Row> = (0..events).map(|number| without_phone(&id(number))).collect();
    let database = Database::default().with(QUERY, query().with_rows(rows)).with(CONTACTS, everybody(known));
    Clinic::with(NOW, database, |settings, document| {
        looks_up(settings, document);
        change(settings, document);
    })
    .await
}

pub fn looked_up(clinic: &Clinic) -> usize {
    clinic.peoplesoft.count(Alias::ExecuteQuery, Some(CONTACTS))
}

pub async fn with_phones(clinic: &Clinic) -> usize {
    clinic.created().await.iter().filter(|created| created.suppressed.is_none()).count()
}

#[tokio::test]
async fn few_are_asked_for_one_by_one_and_many_all_at_once() {
    let check = async |events: usize, known: usize, expect: usize| {
        let clinic = crowd(events, known, |settings, _| {
            settings.latency.fixed = std::time::Duration::from_millis(20);
        })
        .await;
        clinic.read().await;
        assert_eq!(looked_up(&clinic), expect, "{events} of {known}");
        assert_eq!(with_phones(&clinic).await, events.min(known));
        assert!(clinic.peoplesoft.parallel_maximum() <= 10, "{}", clinic.peoplesoft.parallel_maximum());
        // Once told, nobody is looked up again.
        clinic.later(60);
        clinic.read().await;
        assert_eq!(looked_up(&clinic), expect);
    };
    check(1, 40, 1).await;
    check(25, 40, 25).await;
    check(26, 40, 1).await;
    // Whose rows end a full read is asked for by name, since they may have been cut.
    check(900, 900, 2).await;
    // And so is somebody whom the full read leaves out, once.
    check(30, 29, 3).await;
}

#[tokio::test]
async fn a_prompt_that_must_be_answered_is_answered_for_each() {
    let clinic = crowd(40, 40, |_, _| ()).await;
    clinic.peoplesoft.database().query_mut(CONTACTS).unwrap().prompts[0].required = true;
    clinic.read().await;
    assert_eq!((with_phones(&clinic).await, looked_up(&clinic)), (40, 41));
    assert!(clinic.peoplesoft.parallel_maximum() <= 10);
}

#[tokio::test]
async fn contacts_in_trouble_hold_up_those_who_need_them_and_nobody_is_called_phoneless() {
    let clinic = crowd(30, 30, |_, _| ()).await;
    clinic.add(event("2026-03-17T15:59:00", "9999", "has a phone"));
    clinic.peoplesoft.faults().set(Rule::next(1, Fault::status(403)).for_query(CONTACTS));
    let (error, _) = clinic.fail().await;
    assert!(error.to_string().contains("permission"), "{error}");
    assert!(clinic.created().await.iter().all(|created| created.suppressed.is_none()));
    clinic.later(60);
    clinic.read().await;
    assert_eq!(with_phones(&clinic).await, 31);

    // The same where the contacts have another shape than the document says.
    let clinic = crowd(3, 3, |_, document| document["contacts"]["columns"]["phone"] = json!("C.PHONE_NBR")).await;
    let (error, _) = clinic.fail().await;
    assert!(
        matches!(&error, poll::pages::Error::NoSuchColumn { query, column } if query == CONTACTS && column == "C.PHONE_NBR")
    );
    assert!(clinic.created().await.is_empty());
}

#[tokio::test]
async fn somebody_whose_look_up_fails_holds_up_nobody_else() {
    let clinic = crowd(8, 8, |_, _| ()).await;
    clinic.peoplesoft.faults().set(Rule::next(1, Fault::broker(200, 158, 10001)).for_query(CONTACTS));
    let (error, added) = clinic.fail().await;
    assert!(error.to_string().contains("(158,10001)"), "{error}");
    assert_eq!((added.created, added.suppressed), (7, 0));
    clinic.later(60);
    assert_eq!(clinic.read().await.created, 1);
    assert_eq!((with_phones(&clinic).await, looked_up(&clinic)), (8, 9));

    // Where everybody's fails it is the query's own trouble, and few are asked for.
    let clinic = crowd(25, 25, |_, _| ()).await;
    clinic.peoplesoft.faults().set(Rule::always(Fault::broker(200, 158, 10001)).for_query(CONTACTS));
    let (_, added) = clinic.fail().await;
    assert_eq!(added.created, 0);
    assert!(looked_up(&clinic) < 25, "{}", looked_up(&clinic));

    // Those who were found before PeopleSoft went away are told.
    let clinic = crowd(25, 25, |_, document| {
        document["events"][0]["templates"] = json!({"en": "Hi"});
        knows_no_wishes(document);
    })
    .await;
    clinic.add(event("2026-03-17T15:59:00", "9999", "has a phone"));
    clinic.peoplesoft.faults().set(Rule::always(Fault::status(403)).for_query(CONTACTS));
    let (_, added) = clinic.fail().await;
    assert_eq!((added.created, added.suppressed), (1, 0));
}

#[tokio::test]
async fn an_id_that_no_prompt_can_ask_for_is_nobodys_and_says_so() {
    let clinic = crowd(3, 3, |_, _| ()).await;
    clinic.add(without_phone("00,04"));
    assert_eq!(clinic.read().await.created, 4);
    let reasons: Vec<_> = clinic.created().await.iter().map(|created| created.suppressed).collect();
    assert_eq!(reasons, [Some(Suppressed::NoPhone), None, None, None]);
}

#[tokio::test]
async fn contacts_whose_numrows_is_wrong_are_used_and_none_at_all_are_not_called_phoneless() {
    for off in [2, -1] {
        let clinic = crowd(3, 3, |_, _| ()).await;
        clinic.peoplesoft.faults().set(Rule::always(Fault::NumrowsOff(off)).for_query(CONTACTS));
        clinic.read().await;
        assert_eq!(with_phones(&clinic).await, 3, "{off}");
    }
    let clinic = crowd(1, 0, |_, _| ()).await;
    clinic.peoplesoft.faults().set(Rule::always(Fault::NumrowsOff(1)).for_query(CONTACTS));
    let (error, added) = clinic.fail().await;
    assert!(error.to_string().contains("announced 1 rows and sent 0"), "{error}");
    assert_eq!(added.created, 0);
}

#[tokio::test]
async fn the_phones_of_a_join_are_weighed_together() {
    // One row for each phone of the person, as a join with PERSONAL_PHONE brings them.
    let row = |kind: &str, number: &str, preferred: &str| {
        let values = ["1", "one", "2026-03-17-15.58.00.000000", number, kind, preferred];
        Row::new("2026-03-17T15:58:00".parse().unwrap(), values.map(Value::from).to_vec())
    };
    let mut query = query();
    query.columns.truncate(4);
    query
        .columns
        .extend([Column::new("C.PHONE_TYPE", Kind::Character), Column::new("C.PREF_PHONE_FLAG", Kind::Character)]);
    query.rows =
        vec![row("HOME", "312-555-0101", "N"), row("CELL", "312-555-0102", "Y"), row("BUSN", "312-555-0103", "N")];
    let clinic = Clinic::open(NOW, query, |_, document| {
        document["poll"]["start_at"] = json!("2026-03-17");
        document["events"][0]["columns"]["phone_type"] = json!("C.PHONE_TYPE");
        document["events"][0]["columns"]["preferred_phone"] = json!("C.PREF_PHONE_FLAG");
    })
    .await;
    assert_eq!(clinic.read().await.created, 1);
    assert_eq!(clinic.created().await[0].to.as_ref().unwrap().e164(), "+13125550102");
}
