//! Made-up notifications. The same random numbers make the same ones.

use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, RngExt as _};
use serde_json::{Map, Value, json};
use shared::notification::{
    Attempt, AttemptOutcome, Closed, ClosedReason, Created, Detail, Disowned, Fact, Look, NotificationId, Outcome,
    Release, Report, Revealed, Suppressed,
};
use shared::phone::{Channel, PhoneNumber};
use shared::tenant::TenantId;

type Made = (TenantId, NotificationId, Vec<Fact>);

const KINDS: [(&str, &str); 4] = [
    ("payroll", "payroll_posted"),
    ("shifts", "shift_changed"),
    ("onboarding", "onboarding_due"),
    ("benefits", "benefits_deadline"),
];
/// Codes with and without a meaning that we know.
const CODES: [u32; 6] = [21_211, 21_610, 30_003, 30_006, 30_036, 99_999];
const SUPPRESSED: [Suppressed; 9] = [
    Suppressed::NoPhone,
    Suppressed::UnusablePhone,
    Suppressed::OptedOut,
    Suppressed::Preference,
    Suppressed::Stale,
    Suppressed::Content,
    Suppressed::NotAllowed,
    Suppressed::TooLong,
    Suppressed::Template,
];
const MESSAGE_WORDS: [&str; 13] = [
    "accepted",
    "scheduled",
    "queued",
    "sending",
    "sent",
    "partially_delivered",
    "delivered",
    "undelivered",
    "failed",
    "canceled",
    "read",
    "unheard-of",
    "another",
];
const CALL_WORDS: [&str; 10] =
    ["queued", "initiated", "ringing", "in-progress", "completed", "busy", "no-answer", "failed", "canceled", "odd"];

fn tenant(number: u64) -> TenantId {
    TenantId::parse(["st-lukes", "mercy", "county"][usize::try_from(number % 3).unwrap()]).unwrap()
}

fn before(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_sub(SignedDuration::from_secs(seconds)).unwrap()
}

fn later(at: Timestamp, millis: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_millis(millis)).unwrap()
}

fn created(number: u64, occurred_at: Timestamp, at: Timestamp) -> (TenantId, Created) {
    let (source, kind) = KINDS[usize::try_from(number % 4).unwrap()];
    let created = Created {
        employee_id: format!("{:07}", number / 4),
        source: source.to_owned(),
        kind: kind.to_owned(),
        key: vec!["2026-03-15".to_owned()],
        channel: Channel::Sms,
        occurred_at,
        to: Some(PhoneNumber::try_from(format!("+1312555{:04}", number % 10_000)).unwrap()),
        body: Some("Hi Ada, your pay dated 2026-03-20 has posted, and you can see it in the portal.".to_owned()),
        language: Some("en".to_owned()),
        time_zone: Some("America/Chicago".to_owned()),
        not_before: None,
        expires_at: later(at, 86_400_000),
        urgent: false,
        held: false,
        suppressed: None,
        escalate_after_minutes: None,
        escalates: None,
    };
    (tenant(number / 4), created)
}

fn id(tenant: &TenantId, created: &Created) -> NotificationId {
    NotificationId::of(tenant, &created.employee_id, &created.source, &created.key, created.channel)
}

fn sid(random: &mut StdRng, prefix: &str) -> String {
    format!("{prefix}{:016x}{:016x}", random.next_u64(), random.next_u64())
}

fn claim(number: u32, at: Timestamp, by: &str) -> Fact {
    let deadline = later(at, 60_000);
    Fact::new(at, Detail::Attempt(Attempt { attempt: number, deadline, request_id: by.to_owned() }))
}

fn outcome(attempt: u32, at: Timestamp, outcome: Outcome) -> Fact {
    Fact::new(at, Detail::Outcome(AttemptOutcome { attempt, outcome }))
}

/// With as many fields as Twilio sends.
fn report(attempt: u32, sid: &str, status: &str, error_code: Option<u32>) -> Report {
    let mut fields: Map<String, Value> = Map::new();
    for (name, value) in [
        ("AccountSid", "AC00000000000000000000000000000001"),
        ("ApiVersion", "2010-04-01"),
        ("From", "+13125550100"),
        ("MessageSid", sid),
        ("MessageStatus", status),
        ("MessagingServiceSid", "MG00000000000000000000000000000001"),
        ("SmsSid", sid),
        ("SmsStatus", status),
        ("To", "+13125550142"),
    ] {
        fields.insert(name.to_owned(), json!(value));
    }
    Report { sid: sid.to_owned(), status: status.to_owned(), attempt, error_code, fields }
}

/// As most go: five facts, three weeks of them; a few are suppressed, refused or never arrive.
pub(crate) fn ordinary(number: u64, now: Timestamp, random: &mut StdRng) -> Made {
    let occurred = before(now, random.random_range(3600..1_800_000));
    let at = later(occurred, random.random_range(1_000..90_000));
    let (tenant, mut created) = created(number, occurred, at);
    let id = id(&tenant, &created);
    let roll = random.random_range(0..100);
    if roll < 3 {
        created.suppressed = SUPPRESSED.choose(random).copied();
        return (tenant, id, vec![Fact::new(at, Detail::Created(Box::new(created)))]);
    }
    let mut facts = vec![Fact::new(at, Detail::Created(Box::new(created))).starting(1).due(later(at, 600_000))];
    let claimed = later(at, random.random_range(200..3_000));
    facts.push(claim(1, claimed, "8f3c2d1e#00a1"));
    let answered = later(claimed, random.random_range(80..900));
    if roll < 4 {
        let refused = Outcome::Refused { code: 21_211, class: "recipient".to_owned() };
        facts.push(outcome(1, answered, refused));
        return (tenant, id, facts);
    }
    let sid = sid(random, "SM");
    let accepted = Outcome::Accepted { sid: sid.clone(), status: "accepted".to_owned(), evidence: None };
    facts.push(outcome(1, answered, accepted));
    let sent = later(answered, random.random_range(300..4_000));
    facts.push(Fact::new(sent, Detail::Callback(report(1, &sid, "sent", None))));
    let (word, code) = if roll < 6 { ("undelivered", Some(30_006)) } else { ("delivered", None) };
    let last = later(sent, random.random_range(500..20_000));
    facts.push(Fact::new(last, Detail::Callback(report(1, &sid, word, code))));
    (tenant, id, facts)
}

/// Accepted more than once, each in another way: what an operator asked for, and what nobody did.
pub(crate) fn more_than_once(first: u64, now: Timestamp, random: &mut StdRng) -> Vec<Made> {
    let at = |seconds: i64| later(now, -3600 * 1000 + seconds * 1000);
    let mut made = Vec::new();
    let mut tell = |more: &dyn Fn(&mut StdRng) -> Vec<Fact>| {
        let (tenant, created) = created(first + made.len() as u64, at(-1), at(0));
        let id = id(&tenant, &created);
        let mut facts = vec![Fact::new(at(0), Detail::Created(Box::new(created))).starting(1)];
        facts.extend(tries(1, &at, random));
        facts.extend(more(random));
        made.push((tenant, id, facts));
    };
    let release = |attempt: u32, by: Option<&str>| {
        let why = "its turn".to_owned();
        let release = Release { attempt, why, by: by.map(str::to_owned), expires_at: None };
        Fact::new(at(60 * i64::from(attempt) - 30), Detail::Release(release)).starting(attempt)
    };
    let said = |attempt: u32, sid: &str, word: &str, code: Option<u32>| {
        Fact::new(at(60 * i64::from(attempt) + 9), Detail::Callback(report(attempt, sid, word, code)))
    };
    // Two messages under the attempt that an operator asked for.
    tell(&|random| {
        let second = said(2, &sid(random, "SM"), "sent", None);
        [vec![release(2, Some("ada"))], tries(2, &at, random), vec![second]].concat()
    });
    // An operator asked for it, and Twilio took it at the second try.
    tell(&|random| {
        let put_off = Outcome::Deferred { code: "20429".to_owned(), retry_at: at(140) };
        let deferred = vec![claim(2, at(120), "8f3c2d1e#00a1"), outcome(2, at(121), put_off)];
        [vec![release(2, Some("ada"))], deferred, vec![release(3, None)], tries(3, &at, random)].concat()
    });
    // An operator asked for the second, and nobody for the third.
    tell(&|random| {
        let second = [vec![release(2, Some("ada"))], tries(2, &at, random)].concat();
        [second, vec![release(3, None)], tries(3, &at, random)].concat()
    });
    // Nobody asked for the second, which expired in Twilio's queue.
    tell(&|random| {
        let (claimed, dropped) = (claim(2, at(120), "8f3c2d1e#00a1"), sid(random, "SM"));
        vec![release(2, None), claimed, said(2, &dropped, "failed", Some(30_036))]
    });
    made
}

/// An attempt that Twilio took.
fn tries(attempt: u32, at: &dyn Fn(i64) -> Timestamp, random: &mut StdRng) -> Vec<Fact> {
    let began = 60 * i64::from(attempt);
    let accepted = Outcome::Accepted { sid: sid(random, "SM"), status: "queued".to_owned(), evidence: None };
    vec![claim(attempt, at(began), "8f3c2d1e#00a1"), outcome(attempt, at(began + 1), accepted)]
}

/// Anything: facts at random, in orders and combinations that the real thing may never bring about.
pub(crate) fn odd(number: u64, now: Timestamp, random: &mut StdRng) -> Made {
    let at = before(now, random.random_range(0..7200));
    let (tenant, mut created) = created(number, before(at, random.random_range(-600..600)), at);
    if random.random_bool(0.2) {
        created.channel = Channel::Voice;
    }
    let id = id(&tenant, &created);
    let mut facts = Vec::new();
    if random.random_bool(0.97) {
        facts.push(odd_created(created, at, random));
    }
    let any_time = |random: &mut StdRng| later(at, random.random_range(0..7_200_000));
    let attempts: u32 = *[0, 0, 1, 1, 1, 2, 3].choose(random).unwrap();
    for attempt in 1..=attempts {
        odd_attempt(attempt, &any_time, random, &mut facts);
    }
    for attempt in 1..=attempts + 1 {
        if random.random_bool(if attempt == 1 { 0.1 } else { 0.6 }) {
            let time = any_time(random);
            let by = random.random_bool(0.4).then(|| "ada".to_owned());
            let expires_at = random.random_bool(0.3).then(|| later(now, random.random_range(-600_000..600_000)));
            let release = Release { attempt, why: "its turn".to_owned(), by, expires_at };
            facts.push(Fact::new(time, Detail::Release(release)).starting(attempt));
        }
    }
    for again in [false, true] {
        if random.random_bool(0.15) {
            let reasons =
                [ClosedReason::OptedOut, ClosedReason::Expired, ClosedReason::Unconfirmed, ClosedReason::Cancelled];
            let why = random.random_bool(0.5).then(|| "asked for by HR, \"urgently\"".to_owned());
            let attempt = random.random_range(1..=attempts + 2);
            let by = why.as_ref().map(|_| "grace".to_owned());
            let closed = Closed { closed: *reasons.choose(random).unwrap(), attempt, again, why, by };
            facts.push(Fact::new(any_time(random), Detail::Closed(closed)));
        }
    }
    if random.random_bool(0.2) {
        let look = Look { look: 1, why: "no final word".to_owned() };
        facts.push(Fact::new(any_time(random), Detail::Look(look)).due(later(now, 1000)));
    }
    if random.random_bool(0.05) || facts.is_empty() {
        facts.push(Fact::new(any_time(random), Detail::Revealed(Revealed { by: "ada".to_owned() })));
    }
    (tenant, id, facts)
}

fn odd_created(mut created: Created, at: Timestamp, random: &mut StdRng) -> Fact {
    match random.random_range(0..20) {
        0 | 1 => {
            created.suppressed = SUPPRESSED.choose(random).copied();
            if created.suppressed == Some(Suppressed::NoPhone) {
                created.to = None;
            }
        }
        2 => created.held = true,
        3 => created.not_before = Some(later(at, 3_600_000)),
        _ => {
            created.expires_at = later(at, random.random_range(1_000..7_200_000));
            return Fact::new(at, Detail::Created(Box::new(created))).starting(1);
        }
    }
    Fact::new(at, Detail::Created(Box::new(created)))
}

fn odd_attempt(attempt: u32, any_time: &impl Fn(&mut StdRng) -> Timestamp, random: &mut StdRng, facts: &mut Vec<Fact>) {
    if random.random_bool(0.9) {
        let by = ["8f3c2d1e#00a1", "8f3c2d1e#00a1", "connector ada 1", "sweep 1", "closing expired#1"];
        let time = any_time(random);
        facts.push(claim(attempt, time, by.choose(random).unwrap()));
    }
    let is_call = random.random_bool(0.2);
    let prefix = if is_call { "CA" } else { "SM" };
    let words: &[&str] = if is_call { &CALL_WORDS } else { &MESSAGE_WORDS };
    let mut sids = vec![sid(random, prefix)];
    if random.random_bool(0.1) {
        // Another message under the same attempt, or a sid of a kind that we don't know.
        let other = if random.random_bool(0.3) { "XX" } else { "MM" };
        sids.push(sid(random, other));
    }
    let time = any_time(random);
    match random.random_range(0..10) {
        0..=3 => {
            let status = (*words.choose(random).unwrap()).to_owned();
            let evidence = random.random_bool(0.2).then(|| "list".to_owned());
            facts.push(outcome(attempt, time, Outcome::Accepted { sid: sids[0].clone(), status, evidence }));
        }
        4 => {
            let code = *CODES.choose(random).unwrap();
            facts.push(outcome(attempt, time, Outcome::Refused { code, class: "recipient".to_owned() }));
        }
        5 => {
            let code = ["20429", "connection", "quiet_hours", "not_started"].choose(random).unwrap();
            let deferred = Outcome::Deferred { code: (*code).to_owned(), retry_at: later(time, 600_000) };
            facts.push(outcome(attempt, time, deferred));
        }
        6 => facts.push(outcome(attempt, time, Outcome::PresumedLost)),
        7 => facts.push(outcome(attempt, time, Outcome::DryRun)),
        _ => {}
    }
    let mut said: Vec<(usize, &str)> = Vec::new();
    for _ in 0..random.random_range(0..5) {
        let which = random.random_range(0..sids.len());
        let word = *words.choose(random).unwrap();
        // The same word about the same message has the same key.
        if said.contains(&(which, word)) || random.random_bool(0.4) {
            continue;
        }
        said.push((which, word));
        let code = random.random_bool(0.4).then(|| *CODES.choose(random).unwrap());
        let report = report(attempt, &sids[which], word, code);
        let time = any_time(random);
        let detail = if random.random_bool(0.2) { Detail::Fetched(report) } else { Detail::Callback(report) };
        facts.push(Fact::new(time, detail));
    }
    if random.random_bool(0.2) {
        let holder = NotificationId::parse("abcdefghijklm-abcdefghijklmnop").unwrap();
        let disowned = Disowned { attempt, sid: sids[0].clone(), holder };
        facts.push(Fact::new(any_time(random), Detail::Disowned(disowned)));
    }
}
