//! The demo hospital: what is in it, and that it is the same for the same seed.

use super::demo::{Expected, Hospital, hospital, tenant_document};
use super::*;
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, HashMap, HashSet};

fn chicago() -> TimeZone {
    TimeZone::get("America/Chicago").unwrap()
}

fn st_lukes() -> Hospital {
    hospital(7, 800, noon(), &chicago())
}

fn texts(query: &Query, column: &str) -> Vec<String> {
    let text = |row: &Row| match query.value(row, column).unwrap() {
        Value::Text(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Empty => String::new(),
        Value::RowTime => query.time_format.write(row.time),
    };
    query.rows.iter().map(text).collect()
}

#[test]
fn the_queries_have_as_many_rows_as_promised_and_every_row_all_columns() {
    let hospital = st_lukes();
    let sizes: BTreeMap<&str, usize> =
        hospital.database.queries.iter().map(|(name, query)| (name.as_str(), query.rows.len())).collect();
    let expect = [
        ("ML_BENEFITS_DEADLINE", 6),
        ("ML_CONTACTS", 800),
        ("ML_LICENCE_EXPIRES", 5),
        ("ML_ONBOARDING_DUE", 5),
        ("ML_PAYROLL_POSTED", 800),
        ("ML_SHIFT_CHANGED", 25),
    ];
    assert_eq!(sizes, BTreeMap::from(expect));
    for query in hospital.database.queries.values() {
        assert!(query.rows.iter().all(|row| row.values.len() == query.columns.len()), "{}", query.description);
        let names: HashSet<&str> = query.columns.iter().map(|column| column.unique_name.as_str()).collect();
        assert_eq!(names.len(), query.columns.len(), "{}", query.description);
    }
}

#[test]
fn people_are_all_different_and_one_in_six_reads_spanish() {
    let hospital = st_lukes();
    let payroll = &hospital.database.queries["ML_PAYROLL_POSTED"];
    let distinct = |column: &str| texts(payroll, column).into_iter().collect::<HashSet<_>>().len();
    assert_eq!(distinct("A.EMPLID"), 800);
    assert_eq!(distinct("B.NAME_DISPLAY"), 800);
    assert_eq!(distinct("LOCATION"), 3);
    assert_eq!(distinct("E.DESCR"), 14);
    let spanish = texts(payroll, "D.LANG_CD").iter().filter(|language| *language == "ESP").count();
    assert!((100..=167).contains(&spanish), "{spanish}");
    assert!(texts(payroll, "A.EMPLID").iter().all(|id| id.len() == 7 && id.starts_with('0')));
}

#[test]
fn the_special_people_are_there() {
    let hospital = st_lukes();
    let payroll: Vec<_> = hospital.expectations.iter().filter(|expected| expected.source == "payroll").collect();
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    for expectation in &payroll {
        match &expectation.outcome {
            Expected::Suppressed(reason) => *reasons.entry(reason).or_default() += 1,
            Expected::Reaches { to, .. } => *numbers.entry(to).or_default() += 1,
        }
    }
    let expect = [("no_phone", 2), ("opted_out", 5), ("preference", 4), ("unusable_phone", 10)];
    assert_eq!(reasons, BTreeMap::from(expect));
    assert_eq!(numbers.values().filter(|people| **people == 2).count(), 1);
    assert_eq!(numbers.values().sum::<usize>(), 800 - 21);
    assert_eq!(numbers.keys().filter(|number| !number.starts_with("+1")).count(), 6);
    // Every number that a text can go to stands in the row, whatever signs are between its digits.
    let rows = &hospital.database.queries["ML_PAYROLL_POSTED"];
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    for (expectation, phone) in payroll.iter().zip(texts(rows, "C.PHONE")) {
        if let Expected::Reaches { to, .. } = &expectation.outcome {
            let typed = digits(&phone);
            assert!(to.ends_with(typed.trim_start_matches(['0'])), "{phone:?}");
        }
    }
    let styles: HashSet<String> = texts(rows, "C.PHONE")
        .iter()
        .map(|phone| phone.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect())
        .collect();
    assert!(styles.len() >= 25, "{}", styles.len());
}

#[test]
fn everything_happened_in_the_last_ten_minutes_of_the_base_zone() {
    let hospital = st_lukes();
    let now = chicago().to_datetime(noon());
    let early = chicago().to_datetime(noon() - jiff::SignedDuration::from_mins(10));
    for name in ["ML_PAYROLL_POSTED", "ML_SHIFT_CHANGED", "ML_ONBOARDING_DUE", "ML_BENEFITS_DEADLINE"] {
        assert!(hospital.database.queries[name].rows.iter().all(|row| (early..=now).contains(&row.time)), "{name}");
    }
    let instants: HashSet<_> = hospital.database.queries["ML_PAYROLL_POSTED"].rows.iter().map(|row| row.time).collect();
    assert_eq!(instants.len(), 4);
}

#[test]
fn a_seed_decides_everything_and_small_hospitals_work() {
    let again = st_lukes();
    assert!(st_lukes().expectations == again.expectations);
    assert!(st_lukes().database.queries["ML_CONTACTS"].rows == again.database.queries["ML_CONTACTS"].rows);
    assert!(hospital(8, 800, noon(), &chicago()).expectations != again.expectations);
    for staff in [0, 1, 3, 10, 60] {
        let small = hospital(1, staff, noon(), &TimeZone::UTC);
        assert_eq!(small.database.queries["ML_PAYROLL_POSTED"].rows.len(), staff);
        assert_eq!(small.expectations.iter().filter(|expectation| expectation.source == "payroll").count(), staff);
    }
}

#[tokio::test]
async fn the_tenant_document_names_queries_prompts_and_columns_that_exist() {
    let hospital = st_lukes();
    let settings = demo::settings(&chicago(), noon);
    let fake = FakePeopleSoft::start(hospital.database, settings).await.unwrap();
    let document = tenant_document(&fake.listener_url(), &chicago(), noon());
    assert_eq!(document["peoplesoft"]["time_zone"], "America/Chicago");
    assert_eq!(format!("{}/{}", document["peoplesoft"]["base_url"].as_str().unwrap(), demo::NODE), fake.base_url());
    let database = fake.database();
    let mut sources = document["events"].as_array().unwrap().clone();
    sources.push(document["contacts"].clone());
    assert_eq!(sources.len(), 5);
    for source in &sources {
        let query = &database.queries[source["query"].as_str().unwrap()];
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        let mut columns: Vec<String> = source["key"].as_array().into_iter().flatten().filter_map(text).collect();
        for value in source["columns"].as_object().unwrap().values() {
            columns.extend(text(value));
            columns.extend(value.as_object().into_iter().flat_map(|fields| fields.values().filter_map(text)));
        }
        assert!(columns.len() > 5);
        for column in columns {
            assert!(query.columns.iter().any(|known| known.unique_name == column), "{column} in {}", source["query"]);
        }
        let mut prompts: Vec<String> =
            ["since_prompt", "until_prompt", "employee_prompt"].iter().filter_map(|key| text(&source[key])).collect();
        prompts.extend(source["fixed_prompts"].as_object().into_iter().flat_map(|fixed| fixed.keys().cloned()));
        for prompt in &query.prompts {
            assert!(
                prompts.contains(&prompt.unique_name) || !prompt.required,
                "{} of {}",
                prompt.unique_name,
                source["query"]
            );
        }
        let exists = |name: &String| query.prompts.iter().any(|prompt| prompt.unique_name == *name);
        assert!(prompts.iter().all(exists), "{prompts:?} of {}", source["query"]);
    }
}

#[tokio::test]
async fn the_payroll_can_be_asked_for() {
    let fake = FakePeopleSoft::start(st_lukes().database, demo::settings(&chicago(), noon)).await.unwrap();
    let url = "ExecuteQuery.v1/public/ML_PAYROLL_POSTED/JSON/NONFILE?isconnectedquery=N&maxrows=10000&json_resp=true\
               &prompt_uniquepromptname=SINCE,UNTIL,COMPANY\
               &prompt_fieldvalue=2026-03-17-11.50.00.000000,2026-03-17-12.00.00.000000,SLH";
    let got = get(&fake, url).await;
    assert_eq!(got.json()["data"]["query"]["numrows"], 800);
    let times = got.column("A.LASTUPDDTTM");
    assert_eq!(times[0], "2026-03-17-11.54.00.000000");
    assert!(times.is_sorted());
    assert!(got.column("A.NET_PAY").iter().all(|amount| amount.contains('.')));
    assert_eq!(get(&fake, &url.replace(",SLH", ",OTHER")).await.json()["data"]["query"]["numrows"], 0);
    let contact = "ExecuteQuery.v1/public/ML_CONTACTS/JSON/NONFILE?isconnectedquery=N&maxrows=2&json_resp=true\
                   &prompt_uniquepromptname=EMPLID&prompt_fieldvalue=";
    let id = &got.column("A.EMPLID")[5];
    assert_eq!(get(&fake, &format!("{contact}{id}")).await.column("A.EMPLID"), std::slice::from_ref(id));
}
