//! Sending a code: to whom, how often, and what a portal can learn from being refused.

use super::contract::Contract;
use super::portal::{Answer, Portal};
use axum::extract::{Form, State};
use futures::future::join_all;
use http::StatusCode;
use local::demo::{PORTAL_TOKEN, TENANT};
use local::peoplesoft::demo::Expected;
use local::peoplesoft::{Alias, Fault as PeopleSoftFault, Rule as PeopleSoftRule};
use local::twilio::{Fault, Operation, Rule, Trouble, When};
use serde_json::{Value, json};
use shared::ledger::consent::Said;
use shared::ledger::verification::Detail;
use shared::notification::EmployeeKey;
use shared::phone::PhoneNumber;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

#[tokio::test(flavor = "multi_thread")]
async fn a_code_goes_to_the_phone_that_peoplesoft_knows() {
    let portal = Portal::open().await;
    let (id, number) = portal.reachable(0);
    let body = json!({"employee_id": id, "channel": "sms", "to": "+13125550199", "phone": "+13125550199"});
    let answer = portal.ask("start", &body).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(answer.body["to"], PhoneNumber::try_from(number.to_owned()).unwrap().masked());
    assert_eq!((&answer.body["channel"], &answer.body["resent"]), (&json!("sms"), &json!(false)));
    assert!(portal.demo.twilio.code_for(number).is_some() && portal.demo.twilio.code_for("+13125550199").is_none());
    let expires_at: jiff::Timestamp = answer.body["expires_at"].as_str().unwrap().parse().unwrap();
    let left = expires_at.duration_since(portal.now()).as_secs();
    assert!((599..=600).contains(&left), "{left}");
    // Again: the same code, and its time runs on.
    portal.advance(60);
    let call = portal.ask("start", &json!({"employee_id": id, "channel": "call"})).await;
    assert_eq!((call.sid(), &call.body["resent"]), (answer.sid(), &json!(true)));
    assert_eq!((&call.body["channel"], &call.body["expires_at"]), (&json!("call"), &answer.body["expires_at"]));
    let (right, _) = portal.codes(number);
    assert!(portal.check(id, &right).await.approved());
    // Who, when, by which way, where to, in how far: all of it is on the ledger.
    let facts = portal.facts(id).await;
    let kinds: Vec<&str> = facts
        .iter()
        .map(|fact| match &fact.detail {
            Detail::Asked(asked) => {
                assert_eq!((asked.employee_id.as_str(), asked.to.as_str()), (id, answer.body["to"].as_str().unwrap()));
                "asked"
            }
            Detail::Started(started) => {
                assert_eq!((started.employee_id.as_str(), started.sid.as_str()), (id, answer.sid()));
                "started"
            }
            Detail::Check(_) => "check",
            Detail::Checked(_) => "checked",
            Detail::NotSent(_) => "not_sent",
        })
        .collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "asked").count(), 2);
    assert_eq!(kinds.iter().filter(|kind| **kind == "started").count(), 2);
    assert_eq!(kinds[4..], ["check", "checked"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_opted_out_of_notifications_still_gets_the_code_they_ask_for() {
    let portal = Portal::open().await;
    assert_eq!(portal.start(portal.suppressed("opted_out")).await.status, 202);
    assert_eq!(portal.start(portal.suppressed("preference")).await.status, 202);
    let (id, number) = portal.reachable(0);
    let tenant = portal.stack.tenants().get(&portal.tenant()).await.unwrap().unwrap();
    let (number, sid) = (PhoneNumber::try_from(number.to_owned()).unwrap(), "SM0123456789abcdef0123456789abcdef");
    portal.stack.ledger().append_consent(&tenant, &number, Said::Stop, portal.now(), sid).await.unwrap();
    assert_eq!(portal.start(id).await.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_looks_like_anybody_without_a_phone() {
    let portal = Portal::open().await;
    let (id, number) = portal.reachable(0);
    let (excluded, _) = portal.reachable(1);
    portal.change(|document| document["only_to"] = json!([number]));
    assert_eq!(portal.start(id).await.status, 202);
    let mut answers: Vec<(Answer, (u64, usize))> = Vec::new();
    for nobody in ["9999999", portal.suppressed("no_phone"), portal.suppressed("unusable_phone"), excluded] {
        let work = || {
            let contacts = portal.demo.peoplesoft.count(Alias::ExecuteQuery, Some("ML_CONTACTS"));
            ((portal.stack.ledger().used_units().0 * 10.0) as u64, contacts)
        };
        let before = work();
        let answer = portal.start(nobody).await;
        let after = work();
        // The same steps take the same time, as far as it is in our hands.
        answers.push((answer, (after.0 - before.0, after.1 - before.1)));
        assert!(portal.facts(nobody).await.is_empty());
        assert_eq!(portal.check(nobody, "123456").await.refusal(), (404, "not_found"));
    }
    assert_eq!(answers[0].0.refusal(), (404, "not_found"));
    assert_eq!(answers[0].1.1, 1, "PeopleSoft is asked once");
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    // Ids that would mean something to a query are nobody's, and never get there.
    let asked = portal.demo.peoplesoft.count(Alias::ExecuteQuery, Some("ML_CONTACTS"));
    for odd in ["%", &format!("{id},{id}"), " ", &format!("{id} "), &"1".repeat(200)] {
        assert_eq!(portal.start(odd).await, answers[0].0, "{odd:?}");
    }
    assert_eq!(portal.demo.peoplesoft.count(Alias::ExecuteQuery, Some("ML_CONTACTS")), asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_tenants_portal_is_heard() {
    let portal = Portal::open_with(|document| document["next_portal_token"] = json!("the-next-portal-token")).await;
    let (id, _) = portal.reachable(0);
    let body = json!({"employee_id": id, "channel": "sms"}).to_string();
    for token in [PORTAL_TOKEN, "the-next-portal-token"] {
        assert_eq!(portal.ask_as(TENANT, Some(&format!("Bearer {token}")), "start", &body).await.status, 202);
    }
    let good = format!("Bearer {PORTAL_TOKEN}");
    let mut answers = Vec::new();
    for route in ["start", "check"] {
        for (tenant, authorization) in [
            (TENANT, None),
            (TENANT, Some("Bearer ")),
            (TENANT, Some("Bearer demo-portal-toke")),
            (TENANT, Some("Bearer demo-portal-token2")),
            (TENANT, Some("Basic demo-portal-token")),
            ("nobody", Some(good.as_str())),
            ("No-Body", Some(good.as_str())),
        ] {
            // Who isn't known isn't told either that the body is wrong.
            for body in [body.as_str(), "no json"] {
                let answer = portal.ask_as(tenant, authorization, route, body).await;
                assert_eq!(answer.refusal(), (401, "unauthorized"), "{tenant} {authorization:?}");
                answers.push(answer);
            }
        }
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(portal.facts(id).await.len(), 4, "two codes were asked for, and two were sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn five_codes_in_ten_minutes_and_no_more() {
    let portal = Portal::open().await;
    let (id, _) = portal.reachable(0);
    let answers = join_all((0..12).map(|_| portal.start(id))).await;
    let sent = answers.iter().filter(|answer| answer.status == 202).count();
    assert_eq!(sent, 5, "{answers:?}");
    for answer in answers.iter().filter(|answer| answer.status != 202) {
        assert!(answer.refusal() == (429, "too_many") && (599..=600).contains(&answer.retry_after()), "{answer:?}");
    }
    let facts = portal.facts(id).await;
    assert_eq!(facts.iter().filter(|fact| matches!(fact.detail, Detail::Asked(_))).count(), 5, "{facts:?}");
    assert!(!facts.iter().any(|fact| matches!(fact.detail, Detail::NotSent(_))), "Twilio wasn't even asked: {facts:?}");
    assert_eq!(portal.start(portal.reachable(1).0).await.status, 202, "others have their own five");
    portal.advance(answers.iter().find(|answer| answer.status == 429).unwrap().retry_after().try_into().unwrap());
    assert_eq!(portal.start(id).await.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_codes_a_day_and_no_more() {
    let portal = Portal::open().await;
    let (id, _) = portal.reachable(0);
    for round in 0..6 {
        for _ in 0..5 {
            assert_eq!(portal.start(id).await.status, 202, "{round}");
        }
        portal.advance(601);
    }
    let refused = portal.start(id).await;
    assert_eq!(refused.refusal(), (429, "too_many"));
    assert!((82_000..86_400 - 3600).contains(&refused.retry_after()), "{refused:?}");
    portal.advance(refused.retry_after().try_into().unwrap());
    assert_eq!(portal.start(id).await.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_minute_is_full_at_some_point() {
    let portal = Portal::open().await;
    let (id, _) = portal.reachable(0);
    let (tenant, now) = (portal.tenant(), portal.now());
    let marks = (1..verify::limits::STARTS_PER_TENANT_AND_MINUTE).map(|mark| format!("{mark:032x}"));
    let ledger = portal.stack.ledger();
    for mark in marks {
        ledger.mark_start(&tenant, &mark, now).await.unwrap();
    }
    assert_eq!(portal.start("9999999").await.status, 404, "a code for nobody counts too");
    let refused = portal.start(id).await;
    assert!(refused.refusal() == (429, "too_many") && (1..=60).contains(&refused.retry_after()), "{refused:?}");
    assert!(portal.facts(id).await.is_empty());
    assert_eq!(portal.counted("VerifyTrouble"), ["tenant_limit"]);
    portal.advance(60);
    assert_eq!(portal.start(id).await.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_twilio_says_has_an_answer_and_a_fact() {
    let portal = Portal::open().await;
    let (busy, unknown) = (Fault::before as fn(Trouble) -> Fault, Fault::after_accepting as fn(Trouble) -> Fault);
    for (index, (fault, expect, retry_after, why)) in [
        (busy(Trouble::TooManyRequests(Some(9))), (429, "too_many"), Some(9), "limited"),
        (busy(Trouble::TooManyRequests(None)), (429, "too_many"), Some(30), "limited"),
        (busy(Trouble::Code(60203)), (429, "too_many"), Some(600), "limited"),
        (busy(Trouble::Code(60212)), (429, "too_many"), Some(30), "limited"),
        (busy(Trouble::Code(60205)), (404, "not_found"), None, "refused"),
        (busy(Trouble::Code(60200)), (404, "not_found"), None, "refused"),
        (busy(Trouble::Code(60223)), (503, "unavailable"), None, "misconfigured"),
        (busy(Trouble::Code(20003)), (503, "unavailable"), None, "account"),
        (busy(Trouble::Status(503)), (503, "unavailable"), None, "unknown"),
        (unknown(Trouble::Reset), (503, "unavailable"), None, "unknown"),
        (busy(Trouble::Code(60410)), (404, "not_found"), None, "refused"),
    ]
    .into_iter()
    .enumerate()
    {
        let (id, number) = portal.reachable(index);
        let rules = vec![Rule::on(Operation::VerificationStart, When::Next(1), fault)];
        portal.demo.twilio.change(|settings| settings.faults.rules = rules);
        let answer = portal.start(id).await;
        assert_eq!(answer.refusal(), expect, "{fault:?}");
        assert_eq!(answer.headers.get("retry-after").map(|_| answer.retry_after()), retry_after, "{fault:?}");
        let facts = portal.facts(id).await;
        assert!(matches!(&facts[1].detail, Detail::NotSent(not_sent) if not_sent.why == why), "{fault:?}: {facts:?}");
        assert_eq!(portal.check(id, "123456").await.refusal(), (404, "not_found"), "nothing is known to be started");
        // The next one goes through, perhaps with the code that went out unheard of.
        assert_eq!(portal.start(id).await.status, 202, "{fault:?}");
        assert!(portal.check(id, &portal.codes(number).0).await.approved());
    }
    assert_eq!(portal.counted("VerifyTrouble"), ["60223", "20003", "60410"], "somebody has to look at these alone");
    // A landline takes no texts, and looks like no phone; it can be called.
    let (id, number) = portal.reachable(20);
    portal.demo.twilio.change(|settings| settings.undeliverable = [(number.to_owned(), 30006)].into());
    assert_eq!(portal.start(id).await, portal.start("9999999").await);
    assert_eq!(portal.ask("start", &json!({"employee_id": id, "channel": "call"})).await.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_from_a_twilio_that_hangs_is_not_waited_for() {
    let portal = Portal::hasty().await;
    let (id, _) = portal.reachable(0);
    let hangs = Rule::on(Operation::VerificationStart, When::Always, Fault::after_accepting(Trouble::Hang));
    portal.demo.twilio.change(|settings| settings.faults.rules = vec![hangs]);
    assert_eq!(portal.start(id).await.refusal(), (503, "unavailable"));
    let facts = portal.facts(id).await;
    assert!(matches!(&facts[1].detail, Detail::NotSent(not_sent) if not_sent.why == "unknown"), "{facts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_answer_is_given() {
    let portal = Portal::open().await;
    let (id, number) = portal.reachable(0);
    let mut seen: BTreeMap<&str, BTreeSet<u16>> = BTreeMap::new();
    let mut saw = |route: &'static str, answer: Answer, expect: (u16, &str)| {
        assert_eq!(answer.refusal(), expect, "{route}");
        seen.entry(route).or_default().insert(answer.status);
    };
    let token = format!("Bearer {PORTAL_TOKEN}");
    saw("check", portal.check(id, "123456").await, (404, "not_found"));
    saw("start", portal.start(id).await, (202, ""));
    for bad in ["", "{", "[]", r#"{"employee_id": 1, "channel": "sms", "code": 123456}"#] {
        saw("start", portal.ask_as(TENANT, Some(&token), "start", bad).await, (400, "malformed"));
        saw("check", portal.ask_as(TENANT, Some(&token), "check", bad).await, (400, "malformed"));
    }
    saw("start", portal.ask_as(TENANT, None, "start", "{}").await, (401, "unauthorized"));
    saw("check", portal.ask_as(TENANT, None, "check", "{}").await, (401, "unauthorized"));
    saw("start", portal.start("9999999").await, (404, "not_found"));
    // PeopleSoft down: nothing is asked of Twilio, and the employee loses none of her five.
    portal.demo.peoplesoft.faults().set(PeopleSoftRule::always(PeopleSoftFault::Reset));
    saw("start", portal.start(id).await, (503, "unavailable"));
    portal.demo.peoplesoft.faults().clear();
    assert_eq!(portal.facts(id).await.len(), 2);
    let refused = Rule::on(Operation::VerificationCheck, When::Next(1), Fault::before(Trouble::Status(500)));
    portal.demo.twilio.change(|settings| settings.faults.rules = vec![refused]);
    saw("check", portal.check(id, "123456").await, (503, "unavailable"));
    let (_, wrong) = portal.codes(number);
    for _ in 0..5 {
        saw("check", portal.check(id, &wrong).await, (200, ""));
    }
    saw("check", portal.check(id, &wrong).await, (429, "too_many"));
    for _ in 1..5 {
        saw("start", portal.start(id).await, (202, ""));
    }
    saw("start", portal.start(id).await, (429, "too_many"));
    let (asked, facts) = (portal.demo.peoplesoft.requests().len(), portal.items().await.len());
    portal.change(|document| document["mode"] = json!("dry_run"));
    saw("start", portal.start(portal.reachable(1).0).await, (409, "dry_run"));
    saw("check", portal.check(id, &wrong).await, (409, "dry_run"));
    assert_eq!((portal.demo.peoplesoft.requests().len(), portal.items().await.len()), (asked, facts));
    for route in ["start", "check"] {
        assert_eq!(seen[route], Contract::read().statuses(route), "{route}");
    }
}

/// What was asked of a Twilio that takes note and never minds, but for locales that it doesn't have.
type Noted = Arc<Mutex<Vec<BTreeMap<String, String>>>>;

async fn note(State(noted): State<Noted>, Form(form): Form<BTreeMap<String, String>>) -> (StatusCode, String) {
    let unknown = form.get("Locale").is_some_and(|locale| locale == "ko");
    noted.lock().unwrap().push(form);
    if unknown {
        (StatusCode::NOT_FOUND, json!({"code": 20404, "message": "not found", "status": 404}).to_string())
    } else {
        (StatusCode::CREATED, json!({"sid": format!("VE{:032x}", 7), "status": "pending"}).to_string())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twilio_is_told_the_language_and_whom_to_count_and_nothing_else() {
    let noted = Noted::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let twilio = axum::Router::new().fallback(note).with_state(Arc::clone(&noted));
    let server = tokio::spawn(async move { axum::serve(listener, twilio).await });
    let portal = Portal::open_with(|document| {
        document["twilio"]["verify_base_url"] = json!(format!("http://{address}"));
        document["verify_rate_limit"] = json!("employee");
    })
    .await;
    let of_language = |wanted: &str| {
        let speaks = |outcome: &Expected| matches!(outcome, Expected::Reaches { language, .. } if *language == wanted);
        let found = portal.people.iter().find(|(_, outcome)| speaks(outcome)).unwrap();
        let Expected::Reaches { to, .. } = &found.1 else { unreachable!() };
        (found.0.clone(), to.clone())
    };
    for language in ["en", "es"] {
        let (id, number) = of_language(language);
        assert_eq!(portal.start(&id).await.status, 202);
        let key = EmployeeKey::of(&portal.tenant(), &id);
        let expect = [
            ("To", number.as_str()),
            ("Channel", "sms"),
            ("Locale", language),
            ("RateLimits", &json!({"employee": key.as_str()}).to_string()),
        ];
        let expect: BTreeMap<String, String> = expect.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(noted.lock().unwrap().pop(), Some(expect));
    }
    // A language that this service's own template lacks: Twilio says "not found", and gets it without.
    portal.demo.peoplesoft.faults().clear();
    let (id, _) = of_language("en");
    portal.change(|document| {
        document["default_language"] = json!("ko");
        document["contacts"]["columns"]["language"] = Value::Null;
        document["verify_rate_limit"] = Value::Null;
    });
    assert_eq!(portal.start(&id).await.status, 202);
    let asked: Vec<_> = noted.lock().unwrap().drain(..).map(|form| form.get("Locale").cloned()).collect();
    assert_eq!(asked, [Some("ko".to_owned()), None]);
    server.abort();
}
