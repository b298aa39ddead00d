//! The pages for the PeopleSoft administrator: queries built from their tables and a tenant document built from their pieces,
//! and nothing else, ping green and tell people.

use crate::ping::troubles;
use crate::polling::{Hands, Office};
use connector::ping::{Verdict, ping};
use local::demo::{Demo, Moods};
use local::peoplesoft::{Column, Database, FakePeopleSoft, Filter, Kind, Prompt, Query, Row, Settings, Value};
use serde_json::{Value as Json, json};
use shared::clock::Clock;
use shared::ledger::scan::{self, Scanned};
use shared::tenant::{TenantId, parse};
use std::path::PathBuf;
use std::time::Duration;

const NOW: &str = "2026-03-17T21:00:00Z";
/// Two minutes before, in Chicago.
const JUST_NOW: &str = "2026-03-17T15:58:00";
const KINDS: [&str; 5] = ["payroll_posted", "shift_changed", "onboarding_due", "benefits_deadline", "custom"];

fn page(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../infra/peoplesoft/{name}.md"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The README of the whole.
fn front_page() -> String {
    std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap()
}

/// The one piece of JSON of a page.
fn piece(name: &str) -> Json {
    one_piece(name, &page(name))
}

fn one_piece(name: &str, page: &str) -> Json {
    let pieces: Vec<&str> = page.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let [piece] = pieces.as_slice() else { panic!("{name} has {} pieces of JSON", pieces.len()) };
    serde_json::from_str(piece).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The cells of the first table under a heading, without its header.
fn table(name: &str, heading: &str) -> Vec<Vec<String>> {
    let page = page(name);
    let (_, under) = page.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("{name} has no {heading}"));
    let rows = under.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|')).skip(2);
    let cell = |cell: &str| cell.trim().trim_matches('`').to_owned();
    rows.map(|line| line.trim_matches('|').split('|').map(cell).collect()).collect()
}

fn kind(word: &str) -> Kind {
    match word {
        "Character" => Kind::Character,
        "Number" => Kind::Number,
        "Date" => Kind::Date,
        "Time" => Kind::Time,
        "Datetime" => Kind::Datetime,
        other => panic!("no type {other}"),
    }
}

/// The query that a page describes, with one row.
fn query(name: &str) -> Query {
    let columns: Vec<Column> = table(name, "Columns").iter().map(|row| Column::new(&row[0], kind(&row[2]))).collect();
    let employee = columns.iter().find(|column| column.field_name == "EMPLID").unwrap().unique_name.clone();
    let prompts: Vec<Prompt> = table(name, "Prompts")
        .iter()
        .map(|row| {
            let filter = match row[0].as_str() {
                "SINCE" => Filter::Since,
                "UNTIL" => Filter::Until,
                "AFTER_EMPLID" => Filter::After(employee.clone()),
                "EMPLID" => Filter::Equals(employee.clone()),
                other => panic!("{name}: what does the prompt {other} do?"),
            };
            let kind = kind(&row[1]);
            if row[2] == "yes" {
                Prompt::required(&row[0], kind, filter)
            } else {
                Prompt::optional(&row[0], kind, filter)
            }
        })
        .collect();
    let value = |column: &Column| match (column.unique_name.as_str(), column.kind) {
        (_, Kind::Datetime) => Value::RowTime,
        (_, Kind::Date) => Value::from("2026-03-20"),
        (_, Kind::Time) => Value::from("19.00.00.000000"),
        (_, Kind::Number) => Value::from(1),
        (name, _) if name == employee => Value::from("0042317"),
        ("B.NAME_DISPLAY", _) => Value::from("Ada Quill"),
        ("C.PHONE", _) => Value::from("312/555-0142"),
        ("C.COUNTRY_CODE", _) => Value::Empty,
        ("D.LANG_CD", _) => Value::from("ENG"),
        _ => Value::from("X1"),
    };
    let values: Vec<Value> = columns.iter().map(value).collect();
    Query::new(columns, prompts).with_rows([Row::new(JUST_NOW.parse().unwrap(), values)])
}

/// The pieces of all pages, put together.
fn whole() -> Json {
    let mut document = piece("README");
    document["contacts"] = piece("contacts")["contacts"].clone();
    document["events"] = KINDS.map(piece).to_vec().into();
    document
}

/// The document, with the addresses of the fakes.
fn document(peoplesoft: &FakePeopleSoft, twilio: &str) -> Json {
    let mut document = whole();
    let section = document["peoplesoft"].as_object_mut().unwrap();
    section.remove("host");
    section.remove("port");
    section.insert("base_url".to_owned(), json!(peoplesoft.listener_url()));
    section["auth"]["password"] = json!("fake-password");
    for key in ["api_base_url", "verify_base_url", "messaging_base_url"] {
        document["twilio"][key] = json!(twilio);
    }
    document["twilio"]["auth_token"] = json!(local::demo::AUTH_TOKEN);
    document
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_made_from_the_pages_alone_pings_green_and_tells_people() {
    let hands = Hands::at(NOW);
    let mut database = Database::default();
    for name in KINDS {
        database = database.with(piece(name)["query"].as_str().unwrap(), query(name));
    }
    database = database.with(piece("contacts")["contacts"]["query"].as_str().unwrap(), query("contacts"));
    let told = hands.clone();
    let mut settings = Settings::new(move || told.now());
    settings.time_zone = jiff::tz::TimeZone::get("America/Chicago").unwrap();
    let peoplesoft = FakePeopleSoft::start(database, settings).await.unwrap();
    // The demo's Twilio knows the account that the page names.
    let moods = Moods { staff: 1, latency: Duration::ZERO, ..Moods::default() };
    let demo = Demo::start(&moods, Clock::system(), None).await.unwrap();
    let mut document = document(&peoplesoft, demo.twilio.base_url());

    let tenant = parse(&TenantId::parse("st-lukes").unwrap(), &document.to_string())
        .unwrap_or_else(|invalid| panic!("{invalid}"));
    let checks = ping(&tenant, &hands.clock(), None).await;
    let sound: Vec<_> = checks.iter().filter(|check| check.check != "clock").cloned().collect(); // it is another day here
    assert_eq!(troubles(&sound), Vec::<String>::new());
    assert!(sound.iter().all(|check| check.verdict == Verdict::Ok || check.of == "callback"), "{checks:#?}");
    assert_eq!(checks.iter().filter(|check| check.check.starts_with("text ")).count(), 10, "two languages each");

    document["poll"] = json!({"start_at": "2026-03-17"});
    let office = Office::open(hands, &[("st-lukes".to_owned(), document)]).await;
    let report = office.run().await;
    assert!(report.unusable.is_empty(), "{:?}", report.unusable);
    let now = office.deps.clock.now();
    let Scanned { stories, odd } = scan::tenant(&office.deps.ledger, &tenant.id, now, |_| ()).await.unwrap();
    assert!(odd.is_empty(), "{odd:?}");
    let mut said: Vec<String> = stories.iter().map(|story| story.created().unwrap().body.clone().unwrap()).collect();
    said.sort();
    assert_eq!(
        said,
        [
            "Hi Ada, \"X1\" is due on Mar 20, 2026.",
            "Hi Ada, please choose your benefits by Mar 20, 2026.",
            "Hi Ada, your X1 is good until Mar 20, 2026.",
            "Hi Ada, your pay dated Mar 20, 2026 has posted.",
            "Hi Ada, your shift on Mar 20, 2026 now starts at 7:00 PM.",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_is_a_place_to_try_such_documents() {
    let moods = Moods { staff: 130, latency: Duration::ZERO, ..Moods::default() };
    let demo = Demo::start(&moods, Clock::system(), None).await.unwrap();
    let whole = document(&demo.peoplesoft, demo.twilio.base_url());
    let mut least = whole.clone();
    for key in ["contacts", "events"] {
        least[key] = one_piece("the README", &front_page())[key].clone();
    }
    for document in [whole, least] {
        let tenant = parse(&TenantId::parse("acme").unwrap(), &document.to_string()).unwrap();
        let checks = ping(&tenant, &Clock::system(), None).await;
        assert_eq!(troubles(&checks), Vec::<String>::new());
    }
}

#[test]
fn the_document_to_copy_is_what_the_pages_say() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../infra/peoplesoft/tenant.json");
    let copied: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(copied, whole());
    let least = one_piece("the README", &front_page()).to_string().replace("0…", "01");
    for document in [copied.to_string(), least] {
        parse(&TenantId::parse("st-lukes").unwrap(), &document).unwrap_or_else(|invalid| panic!("{invalid}"));
    }
}

#[test]
fn every_key_of_a_document_is_explained_on_some_page() {
    let known = std::fs::read_to_string(
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("shared/src/tenant/tests/complete.json"),
    );
    let pages = KINDS.map(page).join("\n") + &page("README") + &page("contacts") + &page("verify") + &front_page();
    let named = |key: &str| {
        let ends = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
        pages.match_indices(key).any(|(at, _)| pages[..at].ends_with(ends) && pages[at + key.len()..].starts_with(ends))
    };
    let mut left = vec![serde_json::from_str::<Json>(&known.unwrap()).unwrap()];
    let mut missing = Vec::new();
    while let Some(value) = left.pop() {
        match value {
            Json::Object(object) => {
                for (key, below) in object {
                    // What a customer names is not ours to explain.
                    if key.chars().all(|c| c.is_ascii_lowercase() || c == '_') && !named(&key) {
                        missing.push(key.clone());
                    }
                    left.push(below);
                }
            }
            Json::Array(values) => left.extend(values),
            _ => {}
        }
    }
    assert_eq!(missing, Vec::<String>::new(), "no page explains these");
}

#[test]
fn a_page_names_every_column_that_its_kind_takes_for_granted_and_calls_it_what_it_means() {
    for name in KINDS {
        let kind = shared::tenant::kind::WORDS.iter().find(|(word, _)| *word == name).unwrap().1;
        let (defaults, columns) = (kind.defaults(), table(name, "Columns"));
        let meaning = |column: &str| {
            let row = columns.iter().find(|row| row[0] == column);
            row.unwrap_or_else(|| panic!("{name}.md doesn't name {column}"))[3].clone()
        };
        for (wanted, column) in defaults.columns.iter().chain(defaults.fields) {
            assert!(meaning(column).contains(wanted), "{name}.md: {column} is {wanted}");
        }
        for column in defaults.key {
            assert!(meaning(column).contains("the key"), "{name}.md: {column} is in the key");
        }
        assert_eq!(piece(name)["kind"], name);
    }
}

#[test]
fn the_pages_name_every_service_that_is_called_and_every_key_of_a_source() {
    let readme = page("README");
    for alias in
        ["ExecuteQuery", "QueryFields", "QueryPrompts", "ListQuery", "ExecuteQueryPoll", "QueryStatus", "QueryResults"]
    {
        assert!(readme.contains(&format!("`{alias}.v1`")), "{alias}");
    }
    for meaning in shared::tenant::event::MEANINGS {
        assert!(readme.contains(&format!("`{meaning}`")), "{meaning}");
    }
    for page_name in KINDS.iter().chain(&["contacts"]) {
        assert!(readme.contains(&format!("({page_name}.md)")), "{page_name}");
    }
}
