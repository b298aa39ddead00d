//! `connector ping`: against both fakes, all is well; and everything that can be wrong is found, named, and told what to do
//! about. Nothing changes, nobody is texted, nothing personal is printed.

use connector::ping::{Check, Verdict, ping};
use local::demo::{Demo, Moods};
use local::peoplesoft::{Alias, Fault, Kind, Rule};
use serde_json::{Value as Json, json};
use shared::clock::Clock;
use shared::ledger::scan;
use shared::tenant::{Tenant, TenantId, parse};
use shared::timing::Timing;
use std::time::Duration;

/// A hospital to ping, with its document.
pub struct Hospital {
    pub demo: Demo,
    pub document: Json,
}

impl Hospital {
    async fn open() -> Self {
        let moods = Moods { staff: 130, latency: Duration::ZERO, ..Moods::default() };
        let demo = Demo::start(&moods, Clock::system(), None).await.unwrap();
        let path = demo.tenants().join(format!("{}.json", local::demo::TENANT));
        let document = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        Self { demo, document }
    }

    fn tenant(&self) -> Tenant {
        tenant(&self.document)
    }

    /// Pings after a change of the document.
    async fn after(&self, path: &str, value: Json) -> Vec<Check> {
        let mut document = self.document.clone();
        *document.pointer_mut(path).unwrap_or_else(|| panic!("no {path}")) = value;
        ping(&tenant(&document), &Clock::system(), None).await
    }
}

fn tenant(document: &Json) -> Tenant {
    parse(&TenantId::parse("st-lukes").unwrap(), &document.to_string()).unwrap()
}

/// What is in trouble, one line each.
pub fn troubles(checks: &[Check]) -> Vec<String> {
    let troubles = checks.iter().filter(|check| check.verdict == Verdict::Trouble);
    troubles.map(|check| format!("{} {}: {} → {}", check.of, check.check, check.found, check.remedy)).collect()
}

fn one_trouble(checks: &[Check], expect: &[&str]) {
    let troubles = troubles(checks);
    let [trouble] = troubles.as_slice() else { panic!("{expect:?}: {troubles:#?}") };
    for part in expect {
        assert!(trouble.contains(part), "{part:?} is not in {trouble}");
    }
    assert!(trouble.contains(" → "), "no remedy: {trouble}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_is_well_and_nothing_is_changed_or_told() {
    let world = crate::world::World::start(Moods { staff: 130, latency: Duration::ZERO, ..Moods::default() }).await;
    world.settle().await;
    let path = world.demo.tenants().join(format!("{}.json", local::demo::TENANT));
    let document: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let (texted, asked) = (world.demo.twilio.accepted().len(), world.demo.peoplesoft.requests().len());
    let checks = ping(&tenant(&document), &world.clock, Some(world.stack.callback_base_url())).await;
    assert_eq!(troubles(&checks), Vec::<String>::new());
    assert!(checks.iter().all(|check| check.verdict == Verdict::Ok), "{checks:#?}");
    for of in ["peoplesoft", "contacts", "payroll", "shifts", "onboarding", "benefits", "twilio", "callback"] {
        assert!(checks.iter().any(|check| check.of == of), "nothing about {of}");
    }
    let said = |of: &str, check: &str| {
        checks.iter().find(|one| one.of == of && one.check == check).map(|one| one.found.clone()).unwrap()
    };
    assert!(said("payroll", "text en").starts_with("Hi Ada, your pay dated "), "{}", said("payroll", "text en"));
    assert!(said("shifts", "text es").contains("en [site] ahora empieza a las "), "{}", said("shifts", "text es"));
    assert!(said("onboarding", "text en").contains("\"[step]\" is due on "));
    // Nobody was texted, every query was run for one row at most, and no row's words are among what is printed.
    assert_eq!(world.demo.twilio.accepted().len(), texted);
    let requests = world.demo.peoplesoft.requests();
    let runs = requests[asked..]
        .iter()
        .filter(|request| request.alias == Some(Alias::ExecuteQuery) && request.query_string.contains("maxrows=1&"));
    assert!(runs.count() >= 5);
    let printed = format!("{checks:?}");
    for row in world.demo.peoplesoft.database().queries.values().flat_map(|query| &query.rows) {
        for value in &row.values {
            let local::peoplesoft::Value::Text(text) = value else { continue };
            let personal = text.len() > 6 && !text.starts_with("20") && text.contains([',', ' ', '/', '-']);
            assert!(!personal || !printed.contains(text.as_str()), "{text:?} is printed");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_document_gets_wrong_is_named_with_what_was_meant() {
    let hospital = Hospital::open().await;
    let check =
        async |path: &str, value: Json, expect: &[&str]| one_trouble(&hospital.after(path, value).await, expect);
    check(
        "/events/0/query",
        json!("ML_PAYROL_POSTED"),
        &["payroll query: there is no public query", "did you mean ML_PAYROLL_POSTED?", "public"],
    )
    .await;
    check(
        "/events/0/since_prompt",
        json!("Since"),
        &["payroll prompts: there is no Since (since_prompt); did you mean SINCE?", "it asks for SINCE (Datetime)"],
    )
    .await;
    check("/events/0/fixed_prompts", json!({"COMPNAY": "SLH"}), &["fixed_prompts.COMPNAY", "did you mean COMPANY?"])
        .await;
    let days = json!("%Y-%m-%d");
    check(
        "/events/0/prompt_format",
        days,
        &["SINCE is a Datetime", "UNTIL is a Datetime", "→ Leave \"prompt_format\" out"],
    )
    .await;
    check(
        "/events/1/columns/fields/site",
        json!("SITES"),
        &["shifts columns: there is no SITES (column); did you mean SITE?", "unique field names"],
    )
    .await;
    check("/events/2/key", json!(["A.PTAI_ITEM", "A.PTAI_DUE_DATE"]), &["onboarding columns: there is no A.PTAI_ITEM"])
        .await;
    check(
        "/contacts/columns/phone",
        json!("C.PHNE"),
        &["contacts columns: there is no C.PHNE (column); did you mean C.PHONE?"],
    )
    .await;
    check(
        "/contacts/employee_prompt",
        json!("EMPL_ID"),
        &["contacts prompts: there is no EMPL_ID (employee_prompt); did you mean EMPLID?"],
    )
    .await;
    check("/events/0/columns/department", json!("DESCR"), &["payroll columns: DESCR could be any of E.DESCR, F.DESCR"])
        .await;
    check(
        "/events/0/columns/occurred_at",
        json!("B.NAME_DISPLAY"),
        &["payroll read: it runs, but of the row that was read", "A", "PeopleSoft writes"],
    )
    .await;
    // What the row really says must fit the texts, in every language.
    let checks = hospital.after("/events/0/columns/fields", json!({"check_date": "E.DESCR"})).await;
    assert_eq!(troubles(&checks).len(), 2, "{checks:#?}");
    assert!(troubles(&checks).iter().all(|trouble| trouble.starts_with("payroll text e")), "{checks:#?}");
    check("/twilio/auth_token", json!("wrong-token"), &["twilio account", "auth_token"]).await;
    check("/twilio/messaging_service_sid", json!("MG0"), &["there is no messaging service MG0"]).await;
    check("/twilio/verify_service_sid", json!("VA0"), &["there is no Verify service VA0"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prompts_that_take_dates_are_as_good_as_others() {
    let hospital = Hospital::open().await;
    let kinds = |kind: Kind| {
        let mut database = hospital.demo.peoplesoft.database();
        let query = database.query_mut("ML_PAYROLL_POSTED").unwrap();
        query.prompts.iter_mut().take(2).for_each(|prompt| prompt.kind = kind);
    };
    kinds(Kind::Date);
    let checks = ping(&hospital.tenant(), &Clock::system(), None).await;
    let expect =
        ["payroll prompts: SINCE is a Date, and is sent \"1970-01-01-00.", "→ Set \"prompt_format\" to \"%Y-%m-%d\""];
    one_trouble(&checks, &expect);
    assert!(!troubles(&checks)[0].contains("Rename"), "{checks:#?}");
    let checks = hospital.after("/events/0/prompt_format", json!("%Y-%m-%d")).await;
    assert_eq!(troubles(&checks), Vec::<String>::new());
    assert!(checks.iter().any(|check| check.of == "payroll" && check.found.contains("whole days")), "{checks:#?}");
    kinds(Kind::Character);
    let expect = ["SINCE is a Character", "→ Make both prompts of the window Datetimes in the query."];
    one_trouble(&ping(&hospital.tenant(), &Clock::system(), None).await, &expect);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_way_is_told_apart() {
    let hospital = Hospital::open().await;
    let check = async |fault: Fault, expect: &[&str]| {
        hospital.demo.peoplesoft.faults().set(Rule::always(fault));
        one_trouble(&ping(&hospital.tenant(), &Clock::system(), None).await, expect);
        hospital.demo.peoplesoft.faults().clear();
    };
    let asked = hospital.demo.peoplesoft.requests().len();
    check(Fault::status(401), &["peoplesoft credentials: PeopleSoft refuses the credentials", "lock"]).await;
    assert_eq!(hospital.demo.peoplesoft.requests().len(), asked + 1, "an account can lock: asked once");
    check(Fault::broker(500, 158, 45), &["peoplesoft credentials", "(158,45)"]).await;
    check(Fault::status(404), &["peoplesoft reachable", "node name"]).await;
    check(
        Fault::Redirect { status: 302, location: "https://sso.example.org/".to_owned() },
        &["peoplesoft reachable", "single sign-on"],
    )
    .await;
    check(Fault::Html, &["peoplesoft reachable", "login page"]).await;
    check(Fault::Reset, &["peoplesoft reachable", "connection broke"]).await;
    let checks = hospital.after("/peoplesoft/auth/password", json!("wrong-password")).await;
    one_trouble(&checks, &["peoplesoft credentials", "user and password"]);
    assert!(!format!("{checks:?}").contains("wrong-password"));

    // Listing isn't allowed, running is.
    hospital.demo.peoplesoft.faults().set(Rule::always(Fault::status(403)).on(Alias::ListQuery));
    assert_eq!(troubles(&ping(&hospital.tenant(), &Clock::system(), None).await), Vec::<String>::new());
    hospital.demo.peoplesoft.faults().clear();
    // One query fails, the others don't.
    hospital
        .demo
        .peoplesoft
        .faults()
        .set(Rule::always(Fault::broker(200, 158, 10001)).on(Alias::ExecuteQuery).for_query("ML_SHIFT_CHANGED"));
    one_trouble(&ping(&hospital.tenant(), &Clock::system(), None).await, &["shifts read", "Query Manager"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_read_to_its_end_and_what_peoplesoft_said_is_told() {
    let hospital = Hospital::open().await;
    let check = async |rule: Rule, expect: &[&str]| {
        hospital.demo.peoplesoft.faults().set(rule);
        one_trouble(&ping(&hospital.tenant(), &Clock::system(), None).await, expect);
        hospital.demo.peoplesoft.faults().clear();
    };
    let runs = |query: &str, fault: Fault| Rule::always(fault).on(Alias::ExecuteQuery).for_query(query);
    let trailing = Fault::Trailing("}".to_owned());
    check(runs("ML_PAYROLL_POSTED", trailing.clone()), &["payroll read", "the document can't be parsed"]).await;
    check(runs("ML_CONTACTS", trailing), &["contacts read", "the document can't be parsed"]).await;
    check(runs("ML_SHIFT_CHANGED", Fault::RowsMissing), &["shifts read", "no rows, though"]).await;
    // Contacts that answer neither for everybody nor for somebody don't only want an employee id.
    let refused = Fault::broker(200, 158, 10001);
    check(runs("ML_CONTACTS", refused.clone()), &["contacts read", "(158,10001)"]).await;
    check(runs("ML_CONTACTS", Fault::NotSuccess), &["contacts read", "a status other than success"]).await;
    check(
        Rule::always(refused).on(Alias::QueryPrompts).for_query("ML_CONTACTS"),
        &["contacts query: there is no public query ML_CONTACTS", "(158,10001)"],
    )
    .await;
    hospital.demo.peoplesoft.database().query_mut("ML_CONTACTS").unwrap().prompts[0].required = true;
    let checks = ping(&hospital.tenant(), &Clock::system(), None).await;
    assert_eq!(troubles(&checks), Vec::<String>::new());
    assert!(checks.iter().any(|check| check.of == "contacts" && check.found.contains("one by one")), "{checks:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_that_differ_are_told() {
    let hospital = Hospital::open().await;
    let ahead = Clock::from_fn(|| jiff::Timestamp::from_second(4_000_000_000).unwrap());
    let checks = ping(&hospital.tenant(), &ahead, None).await;
    let clock = checks.iter().find(|check| check.check == "clock").unwrap();
    assert!(clock.verdict == Verdict::Trouble && clock.found.ends_with("s behind ours"), "{clock:?}");
    assert!(clock.remedy.contains("time server"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_address_that_leads_elsewhere_is_found_out() {
    let hospital = Hospital::open().await;
    let check = async |base: &str, expect: &str| {
        let check = connector::ping::twilio::callback(&hospital.tenant(), Some(base)).await;
        assert!(check.verdict == Verdict::Trouble && check.found.contains(expect), "{check:?}");
    };
    check(&format!("http://{}", hospital.demo.peoplesoft.address()), "isn't there (HTTP 404)").await;
    // A mapping that isn't there, a distribution, a firewall: they say 403 by themselves.
    let forbidden = || async { (http::StatusCode::FORBIDDEN, r#"{"message":"Forbidden"}"#) };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gate = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(forbidden)).await });
    check(&gate, "something before the callback function refuses").await;
    let anybody = axum::Router::new().fallback(|| async { "welcome" });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, anybody).await });
    check(&format!("http://{address}"), "takes what says nothing").await;
    server.abort();
    // A port that is taken, and nobody listens.
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    check(&format!("http://{}", closed.local_addr().unwrap()), "doesn't answer").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_knows_another_address_or_another_token_is_found_out() {
    let (hospital, clock) = (Hospital::open().await, Clock::system());
    let mut document = hospital.document.clone();
    document["events"] = json!([]);
    let directory = tempfile::TempDir::new().unwrap();
    std::fs::write(directory.path().join("st-lukes.json"), document.to_string()).unwrap();
    let stack = crate::world::start_stack(directory.path(), &Timing::default(), &clock, crate::world::OFTEN).await;
    let base = stack.callback_base_url();
    let check =
        async |document: &Json, base: &str| connector::ping::twilio::callback(&tenant(document), Some(base)).await;
    let well = check(&document, base).await;
    assert_eq!(well.verdict, Verdict::Ok, "{well:?}");
    // It answers there as well, but Twilio would sign another address than it expects.
    let other = check(&document, &base.replace("127.0.0.1", "localhost")).await;
    assert!(other.verdict == Verdict::Trouble && other.found.contains("doesn't take its signature"), "{other:?}");
    document["twilio"]["auth_token"] = json!("another-token");
    let other = check(&document, base).await;
    assert!(other.verdict == Verdict::Trouble && other.remedy.contains("auth_token"), "{other:?}");
    let written =
        scan::tenant(stack.ledger(), &TenantId::parse("st-lukes").unwrap(), clock.now(), |_| ()).await.unwrap();
    assert!(written.stories.is_empty() && written.odd.is_empty(), "nothing is written");
}
