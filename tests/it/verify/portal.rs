//! A portal of the demo hospital, whose clock can be put forward. No events: nothing is texted but codes.

use super::contract::Contract;
use crate::world::start_stack;
use http::HeaderMap;
use local::demo::{Demo, Moods, PORTAL_TOKEN, TENANT};
use local::peoplesoft::demo::{Expected, hospital};
use local::stack::Stack;
use serde_json::{Value, json};
use shared::clock::Clock;
use shared::ledger::Item;
use shared::ledger::verification::{CheckResult, Detail, Fact};
use shared::notification::EmployeeKey;
use shared::tenant::TenantId;
use shared::timing::Timing;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// As many as it takes for one of every sort to be among them.
const STAFF: usize = 120;

/// A portal, and the world behind it.
pub struct Portal {
    pub demo: Demo,
    pub stack: Stack,
    clock: Clock,
    ahead: Arc<AtomicI64>,
    http: reqwest::Client,
    contract: Contract,
    /// Employees and what PeopleSoft has of them.
    pub people: Vec<(String, Expected)>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Portal {
    pub async fn open() -> Self {
        Self::open_with(|_| ()).await
    }

    /// Opens a portal of a tenant whose document is changed first.
    pub async fn open_with(change: impl FnOnce(&mut Value)) -> Self {
        let ahead = Arc::new(AtomicI64::new(0));
        let (system, moved) = (Clock::system(), Arc::clone(&ahead));
        let clock = Clock::from_fn(move || {
            system.now().checked_add(jiff::SignedDuration::from_secs(moved.load(Ordering::SeqCst))).unwrap()
        });
        let moods = Moods { staff: STAFF, latency: Duration::ZERO, ..Moods::default() };
        let demo = Demo::start(&moods, clock.clone(), None).await.unwrap();
        write(&demo, |document| {
            document["events"] = json!([]);
            change(document);
        });
        let timing = Timing::with_patience(Duration::from_secs(2));
        let stack = start_stack(demo.tenants(), &timing, &clock).await;
        let zone = jiff::tz::TimeZone::get("America/Chicago").unwrap();
        let expectations = hospital(moods.seed, STAFF, clock.now(), &zone).expectations;
        let payroll = expectations.into_iter().filter(|one| one.source == "payroll");
        let people = payroll.map(|one| (one.employee_id, one.outcome)).collect();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { demo, stack, clock, ahead, http, contract: Contract::read(), people }
    }

    /// The `index`th employee who can be reached, and the number.
    pub fn reachable(&self, index: usize) -> (&str, &str) {
        let reachable = |(id, outcome)| match outcome {
            &Expected::Reaches { language: "en", ref to, .. } if self.is_one_persons(to) => Some((id, to)),
            _ => None,
        };
        let all = self.people.iter().map(|(id, outcome)| (id.as_str(), outcome));
        let (id, to) = all.filter_map(reachable).nth(index).unwrap();
        (id, to)
    }

    /// Somebody whom a notification would not reach, for this reason.
    pub fn suppressed(&self, reason: &str) -> &str {
        let found =
            self.people.iter().find(|(_, outcome)| matches!(outcome, Expected::Suppressed(why) if *why == reason));
        &found.unwrap().0
    }

    fn is_one_persons(&self, number: &str) -> bool {
        let has = |outcome: &Expected| matches!(outcome, Expected::Reaches { to, .. } if to == number);
        self.people.iter().filter(|(_, outcome)| has(outcome)).count() == 1
    }

    /// Asks for a code by text.
    pub async fn start(&self, employee_id: &str) -> Answer {
        self.ask("start", &json!({"employee_id": employee_id, "channel": "sms"})).await
    }

    /// Has a code checked.
    pub async fn check(&self, employee_id: &str, code: &str) -> Answer {
        self.ask("check", &json!({"employee_id": employee_id, "code": code})).await
    }

    /// Asks for anything, with the right token.
    pub async fn ask(&self, route: &str, body: &Value) -> Answer {
        self.ask_as(TENANT, Some(&format!("Bearer {PORTAL_TOKEN}")), route, &body.to_string()).await
    }

    /// Asks as anybody.
    pub async fn ask_as(&self, tenant: &str, authorization: Option<&str>, route: &str, body: &str) -> Answer {
        let url = format!("http://{}/verify/{tenant}/{route}", self.stack.address());
        let mut request = self.http.post(url).header("content-type", "application/json").body(body.to_owned());
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let response = request.send().await.unwrap();
        let (status, mut headers) = (response.status().as_u16(), response.headers().clone());
        headers.remove("date");
        let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        self.contract.hold(route, status, &headers, &body);
        Answer { status, headers, body }
    }

    /// The code that was sent last, and one that is wrong.
    pub fn codes(&self, number: &str) -> (String, String) {
        let right = self.demo.twilio.code_for(number).unwrap();
        let wrong = if right == "000000" { "111111" } else { "000000" };
        (right, wrong.to_owned())
    }

    /// Puts the clock forward, for us and for Twilio alike.
    pub fn advance(&self, seconds: i64) {
        self.ahead.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Changes the tenant's document, and lets the copies of it grow old.
    pub fn change(&self, change: impl FnOnce(&mut Value)) {
        write(&self.demo, change);
        self.advance(2);
    }

    pub fn tenant(&self) -> TenantId {
        TenantId::parse(TENANT).unwrap()
    }

    pub fn now(&self) -> jiff::Timestamp {
        self.clock.now()
    }

    /// What is on the ledger of an employee's checks.
    pub async fn facts(&self, employee_id: &str) -> Vec<Fact> {
        let (tenant, ledger) = (self.tenant(), self.stack.ledger());
        let (facts, odd) = ledger.verifications(&tenant, &EmployeeKey::of(&tenant, employee_id)).await.unwrap();
        assert!(odd.is_empty(), "{odd:?}");
        facts
    }

    /// What became of an employee's checks, in order of time.
    pub async fn results(&self, employee_id: &str) -> Vec<CheckResult> {
        let facts = self.facts(employee_id).await.into_iter();
        let result = |fact: Fact| match fact.detail {
            Detail::Checked(checked) => Some(checked.result),
            _ => None,
        };
        facts.filter_map(result).collect()
    }

    /// Everything on the ledger that is about two-factor checks; the schedule's own items come and go beside it.
    pub async fn items(&self) -> Vec<Item> {
        let ledger = self.stack.ledger();
        let mut pages = ledger.client().scan().table_name(ledger.table()).into_paginator().send();
        let mut items = Vec::new();
        while let Some(page) = pages.next().await {
            items.extend(page.unwrap().items.unwrap_or_default());
        }
        items.retain(|item| item["pk"].as_s().unwrap().contains("#verif"));
        items
    }
}

impl Answer {
    /// The status and the word of an error.
    pub fn refusal(&self) -> (u16, &str) {
        (self.status, self.body["error"].as_str().unwrap_or_default())
    }

    /// `Retry-After`, in seconds.
    pub fn retry_after(&self) -> u64 {
        self.headers["retry-after"].to_str().unwrap().parse().unwrap()
    }

    /// Whether a code was approved; panics if it wasn't even checked.
    pub fn approved(&self) -> bool {
        assert_eq!(self.status, 200, "{self:?}");
        self.body["approved"].as_bool().unwrap()
    }

    /// Twilio's sid of a verification.
    pub fn sid(&self) -> &str {
        self.body["verification_sid"].as_str().unwrap()
    }
}

fn write(demo: &Demo, change: impl FnOnce(&mut Value)) {
    let path = demo.tenants().join(format!("{TENANT}.json"));
    let mut document: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut document);
    std::fs::write(path, document.to_string()).unwrap();
}
