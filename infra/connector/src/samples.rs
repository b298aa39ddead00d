//! Hand-made facts and a tenant for this crate's tests: one employee, one text, and everything that may happen to it.

use jiff::Timestamp;
use serde_json::json;
use shared::ledger::verification;
use shared::notification::{
    Attempt, AttemptOutcome, Closed, ClosedReason, Created, Detail, Fact, Look, NotificationId, Outcome, Release,
    Report, Story,
};
use shared::phone::{Channel, PhoneNumber};
use shared::tenant::{Tenant, TenantId};

pub(crate) const SID: &str = "SM1342fe1b2c904d1ab04f0fc7a58abca9";

/// A time on the day of all samples: `at("21:42:07")`.
pub(crate) fn at(time: &str) -> Timestamp {
    format!("2026-03-17T{time}Z").parse().unwrap()
}

pub(crate) fn tenant_id() -> TenantId {
    TenantId::parse("st-lukes").unwrap()
}

/// A valid tenant document.
pub(crate) fn document() -> serde_json::Value {
    json!({
        "display_name": "St. Luke's Health",
        "peoplesoft": {
            "host": "hr.example.org", "node": "PSFT_HR", "time_zone": "America/Chicago",
            "auth": {"type": "basic", "oprid": "NOTIFY", "password": "hunter2-hunter2"}
        },
        "twilio": {
            "account_sid": "AC00000000000000000000000000000001", "auth_token": "token-of-twilio",
            "messaging_service_sid": "MG00000000000000000000000000000002", "voice_from_number": "+13125550100"
        },
        "only_to": ["+13125550142"],
        "contacts": {"query": "ML_CONTACTS", "columns": {"employee_id": "A.EMPLID", "phone": "B.PHONE", "name": "C.NAME_DISPLAY"}},
        "portal_token": "portal-token-for-tests-1",
        "events": [{
            "source": "payroll", "kind": "payroll_posted", "query": "ML_PAYROLL_POSTED", "fixed_prompts": {"COMPANY": "SLH"},
            "channels": ["sms", "voice"], "escalate_after_minutes": 15
        }]
    })
}

pub(crate) fn tenant() -> Tenant {
    shared::tenant::parse(&tenant_id(), &document().to_string()).unwrap()
}

pub(crate) fn id() -> NotificationId {
    NotificationId::of(&tenant_id(), "0042317", "payroll", &["2026-03-15".to_owned()], Channel::Sms)
}

pub(crate) fn created() -> Created {
    Created {
        employee_id: "0042317".to_owned(),
        source: "payroll".to_owned(),
        kind: "payroll_posted".to_owned(),
        key: vec!["2026-03-15".to_owned()],
        channel: Channel::Sms,
        occurred_at: at("21:40:00"),
        to: Some(PhoneNumber::try_from("+13125550142".to_owned()).unwrap()),
        body: Some("Hi Ada, your pay dated 2026-03-20 has posted.".to_owned()),
        language: Some("en".to_owned()),
        time_zone: Some("America/Chicago".to_owned()),
        not_before: None,
        expires_at: "2026-03-18T21:42:07Z".parse().unwrap(),
        urgent: false,
        held: false,
        suppressed: None,
        escalate_after_minutes: None,
        escalates: None,
    }
}

/// Created at 21:42:07, and started at once.
pub(crate) fn began() -> Fact {
    Fact::new(at("21:42:07"), Detail::Created(Box::new(created()))).starting(1).due(at("21:52:07"))
}

/// Created at 21:42:07, otherwise.
pub(crate) fn began_with(change: impl FnOnce(&mut Created)) -> Fact {
    let mut created = created();
    change(&mut created);
    Fact::new(at("21:42:07"), Detail::Created(Box::new(created)))
}

/// An attempt with a minute to its deadline.
pub(crate) fn attempt(number: u32, time: &str) -> Fact {
    claim(number, time, "8f3c2d1e#00a1")
}

pub(crate) fn claim(number: u32, time: &str, by: &str) -> Fact {
    let deadline = shared::stamp::after(at(time), std::time::Duration::from_mins(1));
    Fact::new(at(time), Detail::Attempt(Attempt { attempt: number, deadline, request_id: by.to_owned() }))
}

pub(crate) fn outcome(attempt: u32, time: &str, outcome: Outcome) -> Fact {
    Fact::new(at(time), Detail::Outcome(AttemptOutcome { attempt, outcome }))
}

pub(crate) fn accepted(attempt: u32, time: &str) -> Fact {
    outcome(attempt, time, Outcome::Accepted { sid: SID.to_owned(), status: "queued".to_owned(), evidence: None })
}

pub(crate) fn refused(attempt: u32, time: &str) -> Fact {
    outcome(attempt, time, Outcome::Refused { code: 21_211, class: "recipient".to_owned() })
}

pub(crate) fn deferred(attempt: u32, time: &str, code: &str, retry_at: &str) -> Fact {
    outcome(attempt, time, Outcome::Deferred { code: code.to_owned(), retry_at: at(retry_at) })
}

pub(crate) fn callback(attempt: u32, time: &str, status: &str, error_code: Option<u32>) -> Fact {
    let fields = json!({"MessageSid": SID, "MessageStatus": status, "To": "+13125550142", "From": "+13125550100"});
    let fields = fields.as_object().unwrap().clone();
    Fact::new(
        at(time),
        Detail::Callback(Report { sid: SID.to_owned(), status: status.to_owned(), attempt, error_code, fields }),
    )
}

pub(crate) fn release(attempt: u32, time: &str, why: &str, by: Option<&str>) -> Fact {
    let expires_at = by.map(|_| at("23:59:59"));
    let release = Release { attempt, why: why.to_owned(), by: by.map(str::to_owned), expires_at };
    Fact::new(at(time), Detail::Release(release)).starting(attempt).due(at("23:00:00"))
}

pub(crate) fn closed(reason: ClosedReason, attempt: u32, time: &str) -> Fact {
    Fact::new(at(time), Detail::Closed(Closed { closed: reason, attempt, again: false, why: None, by: None }))
}

pub(crate) fn looked(time: &str, why: &str, due: Option<&str>) -> Fact {
    let fact = Fact::new(at(time), Detail::Look(Look { look: 1, why: why.to_owned() }));
    due.map_or(fact.clone(), |due| fact.due(at(due)))
}

pub(crate) fn story(facts: Vec<Fact>) -> Story {
    Story::new(id(), facts)
}

pub(crate) fn verification_sid() -> String {
    "VE0123456789abcdef0123456789abcdef".to_owned()
}

/// One code that was checked twice, wrong and right, and one that Twilio would not send.
pub(crate) fn two_factor_checks() -> Vec<verification::Fact> {
    use shared::twilio::verify::Channel;
    use verification::{Asked, Check, CheckResult, Checked, Detail, Fact, Masked, NotSent, Started};
    let sid = verification_sid;
    let to = || Masked::from(&PhoneNumber::try_from("+13125550142".to_owned()).unwrap());
    let started_at = at("21:50:00");
    let asked = |number, channel| {
        let (employee_id, request_id) = ("0042317".to_owned(), format!("request {number}"));
        Detail::Asked(Asked { number, employee_id, channel, to: to(), request_id })
    };
    let started = Started {
        sid: sid(),
        number: 1,
        employee_id: "0042317".to_owned(),
        channel: Channel::Sms,
        to: to(),
        expires_at: at("22:00:00"),
        resent: false,
    };
    let check = |number| Detail::Check(Check { started_at, sid: sid(), number, request_id: format!("check {number}") });
    let checked = |number, result| Detail::Checked(Checked { started_at, sid: sid(), number, result, code: None });
    let not_sent = NotSent { number: 2, why: "limited".to_owned(), code: Some(60203) };
    vec![
        Fact::new(started_at, asked(1, Channel::Sms)),
        Fact::new(started_at, Detail::Started(started)),
        Fact::new(at("21:50:20"), check(1)),
        Fact::new(at("21:50:21"), checked(1, CheckResult::Wrong)),
        Fact::new(at("21:50:30"), check(2)),
        Fact::new(at("21:50:30"), checked(2, CheckResult::Approved)),
        Fact::new(at("21:58:00"), asked(2, Channel::Call)),
        Fact::new(at("21:58:01"), Detail::NotSent(not_sent)),
    ]
}
