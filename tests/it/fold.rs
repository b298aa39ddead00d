//! The fold: facts add up to the same state in every order in which they can arrive.

use jiff::Timestamp;
use shared::notification::{
    Attempt, AttemptOutcome, Closed, ClosedReason, Created, Detail, Disowned, Fact, Look, NotificationId, Outcome,
    Release, Report, State, Story, Suppressed,
};
use shared::phone::{Channel, PhoneNumber};
use std::time::Duration;

const SID: &str = "SM0123456789abcdef0123456789abcdef";
const OTHER: &str = "SMfedcba9876543210fedcba9876543210";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_770_000_000 + seconds).unwrap()
}

fn created(change: impl FnOnce(&mut Created)) -> Fact {
    let mut created = Created {
        employee_id: "0042317".to_owned(),
        source: "payroll".to_owned(),
        kind: "payroll_posted".to_owned(),
        key: vec!["2026-03-15".to_owned()],
        channel: Channel::Sms,
        occurred_at: at(-60),
        to: Some(PhoneNumber::try_from("+13125550142".to_owned()).unwrap()),
        body: Some("Hi".to_owned()),
        language: Some("en".to_owned()),
        time_zone: None,
        not_before: None,
        expires_at: at(86_400),
        urgent: false,
        held: false,
        suppressed: None,
        escalate_after_minutes: None,
        escalates: None,
    };
    change(&mut created);
    let starts = created.suppressed.is_none() && !created.held && created.not_before.is_none();
    let fact = Fact::new(at(0), Detail::Created(Box::new(created)));
    if starts { fact.starting(1) } else { fact }
}

fn attempt(number: u32) -> Fact {
    let claimed = at(100 * i64::from(number));
    let deadline = claimed.checked_add(Duration::from_mins(1)).unwrap();
    Fact::new(claimed, Detail::Attempt(Attempt { attempt: number, deadline, request_id: "r".to_owned() }))
}

fn outcome(number: u32, outcome: Outcome) -> Fact {
    Fact::new(at(100 * i64::from(number) + 1), Detail::Outcome(AttemptOutcome { attempt: number, outcome }))
}

fn accepted(number: u32, sid: &str) -> Fact {
    outcome(number, Outcome::Accepted { sid: sid.to_owned(), status: "accepted".to_owned(), evidence: None })
}

fn deferred(number: u32) -> Fact {
    outcome(number, Outcome::Deferred { code: "20429".to_owned(), retry_at: at(500) })
}

fn callback(number: u32, sid: &str, status: &str) -> Fact {
    let report = Report {
        sid: sid.to_owned(),
        status: status.to_owned(),
        attempt: number,
        error_code: None,
        fields: serde_json::Map::new(),
    };
    Fact::new(at(100 * i64::from(number) + 5), Detail::Callback(report))
}

fn release(number: u32, by: Option<&str>) -> Fact {
    Fact::new(
        at(100 * i64::from(number) - 10),
        Detail::Release(Release { attempt: number, why: "w".to_owned(), by: by.map(str::to_owned), expires_at: None }),
    )
    .starting(number)
}

fn closed(reason: ClosedReason, number: u32, again: bool) -> Fact {
    Fact::new(
        at(100 * i64::from(number) - 5),
        Detail::Closed(Closed { closed: reason, attempt: number, again, why: None, by: None }),
    )
}

/// Checks the state in every order of arrival, by the stamps that such an arrival gives. A fact's key lets it land once, so
/// nothing is on the ledger twice; but what a reader of a backup or an export may see twice must say no more than once: in
/// each order another fact is doubled.
fn check(facts: &[Fact], now: i64, expect: State) {
    fn orders(rest: &[Fact], so_far: &mut Vec<Fact>, visit: &mut impl FnMut(&[Fact])) {
        if rest.is_empty() {
            visit(so_far);
        }
        for index in 0..rest.len() {
            so_far.push(rest[index].clone());
            orders(&[&rest[..index], &rest[index + 1..]].concat(), so_far, visit);
            so_far.pop();
        }
    }
    let id = NotificationId::parse("abcdefghijklm-abcdefghijklmnop").unwrap();
    let mut seen = 0;
    orders(facts, &mut Vec::new(), &mut |order| {
        let mut order = order.to_vec();
        order.push(order[seen % order.len()].clone());
        seen += 1;
        for (second, fact) in (0..).zip(&mut order) {
            fact.at = at(second);
        }
        let story = Story::new(id.clone(), order);
        assert!(story.facts.is_sorted_by_key(|fact| fact.at));
        assert_eq!(story.standing(at(now)).state, expect, "{:#?}", story.facts);
    });
    assert_eq!(seen, (1..=facts.len()).product::<usize>());
}

#[test]
fn what_was_found_on_the_list_counts_until_it_turns_out_to_be_anothers() {
    let found = |sid: &str| {
        let evidence = Some("list".to_owned());
        outcome(1, Outcome::Accepted { sid: sid.to_owned(), status: "sent".to_owned(), evidence })
    };
    let fetched = |sid: &str| {
        let Detail::Callback(report) = callback(1, sid, "delivered").detail else { unreachable!() };
        Fact::new(at(170), Detail::Fetched(report))
    };
    let disowned = |attempt| {
        let holder = NotificationId::parse("bbcdefghijklm-abcdefghijklmnop").unwrap();
        Fact::new(at(180), Detail::Disowned(Disowned { attempt, sid: SID.to_owned(), holder }))
    };
    let text = || created(|_| ());
    check(&[text(), attempt(1), found(SID)], 200, State::Accepted);
    check(&[text(), attempt(1), found(SID), fetched(SID)], 200, State::Delivered);
    check(&[text(), attempt(1), found(SID), disowned(1)], 200, State::InDoubt);
    check(&[text(), attempt(1), found(SID), fetched(SID), disowned(1)], 200, State::InDoubt);
    check(&[text(), attempt(1), found(SID), disowned(1), release(2, None)], 200, State::Pending);
    check(
        &[text(), attempt(1), found(SID), disowned(1), closed(ClosedReason::Unconfirmed, 2, false)],
        200,
        State::Unconfirmed,
    );
    // Another sid, another attempt, and what Twilio itself said of it.
    check(&[text(), attempt(1), found(OTHER), disowned(1)], 200, State::Accepted);
    check(&[text(), attempt(1), found(SID), disowned(2)], 200, State::Accepted);
    check(&[text(), attempt(1), accepted(1, SID), disowned(1)], 200, State::Accepted);
    check(&[text(), attempt(1), found(SID), callback(1, SID, "delivered"), disowned(1)], 200, State::Delivered);
}

#[test]
fn a_notification_stands_where_its_facts_say_in_every_order() {
    let text = || created(|_| ());
    check(&[text()], 1, State::Pending);
    check(&[created(|c| c.suppressed = Some(Suppressed::NoPhone))], 1, State::Suppressed);
    check(&[created(|c| c.held = true)], 1, State::Held);
    check(&[created(|c| c.not_before = Some(at(50)))], 1, State::Scheduled);
    check(&[created(|c| c.held = true), release(1, Some("hr"))], 100, State::Pending);
    check(&[text(), attempt(1)], 110, State::Sending);
    check(&[text(), attempt(1)], 161, State::InDoubt);
    check(&[text(), attempt(1), accepted(1, SID)], 200, State::Accepted);
    check(
        &[text(), attempt(1), accepted(1, SID), callback(1, SID, "sent"), callback(1, SID, "delivered")],
        200,
        State::Delivered,
    );
    check(&[text(), attempt(1), callback(1, SID, "sent")], 500, State::Accepted);
    check(&[text(), attempt(1), callback(1, SID, "delivered")], 500, State::Delivered);
    check(
        &[text(), attempt(1), accepted(1, SID), callback(1, SID, "undelivered"), callback(1, SID, "sent")],
        500,
        State::Undelivered,
    );
    check(&[text(), attempt(1), accepted(1, SID), callback(1, SID, "failed")], 500, State::Failed);
    check(
        &[text(), attempt(1), outcome(1, Outcome::Refused { code: 21211, class: "recipient".to_owned() })],
        500,
        State::Failed,
    );
    check(&[text(), attempt(1), outcome(1, Outcome::DryRun)], 500, State::DryRun);
    check(&[text(), attempt(1), deferred(1)], 300, State::Deferred);
    check(&[text(), attempt(1), deferred(1), release(2, None)], 300, State::Pending);
    check(&[text(), attempt(1), deferred(1), release(2, None), attempt(2), accepted(2, SID)], 300, State::Accepted);
    check(&[text(), closed(ClosedReason::OptedOut, 1, false)], 300, State::Suppressed);
    check(&[text(), attempt(1), deferred(1), closed(ClosedReason::Expired, 2, false)], 300, State::Expired);
    check(&[text(), attempt(1), closed(ClosedReason::Cancelled, 1, false)], 300, State::Cancelled);
    check(
        &[text(), attempt(1), outcome(1, Outcome::PresumedLost), closed(ClosedReason::Unconfirmed, 2, false)],
        300,
        State::Unconfirmed,
    );
    check(&[text(), Fact::new(at(5), Detail::Look(Look { look: 1, why: "w".to_owned() }))], 300, State::Pending);
}

#[test]
fn what_twilio_dropped_unsent_goes_on_until_its_own_time_is_over() {
    let said = |word: &str, number: u32, sid: &str, code: u32| {
        let mut fact = callback(number, sid, word);
        let Detail::Callback(report) = &mut fact.detail else { unreachable!() };
        report.error_code = Some(code);
        fact
    };
    let coded = |number: u32, sid: &str, code: u32| said("failed", number, sid, code);
    let text = || created(|_| ());
    let expired = || vec![text(), attempt(1), accepted(1, SID), coded(1, SID, 30036)];
    let with = |more: &[Fact]| [expired(), more.to_vec()].concat();
    check(&expired(), 500, State::Deferred);
    check(&[text(), attempt(1), coded(1, SID, 30036)], 500, State::Deferred);
    check(&[created(|c| c.expires_at = at(500)), attempt(1), coded(1, SID, 30036)], 500, State::Failed);
    for (word, code, expect) in [
        ("failed", 30001, State::Deferred),
        ("undelivered", 30022, State::Deferred),
        ("undelivered", 30023, State::Deferred),
        ("undelivered", 30027, State::Deferred),
        ("failed", 30450, State::Deferred),
        ("failed", 30002, State::Failed),
        // These may have arrived.
        ("undelivered", 30003, State::Undelivered),
        ("undelivered", 30008, State::Undelivered),
        ("undelivered", 30017, State::Undelivered),
    ] {
        check(&[text(), attempt(1), accepted(1, SID), said(word, 1, SID, code)], 500, expect);
    }
    check(&[text(), attempt(1), said("sent", 1, SID, 30023)], 500, State::Accepted);
    check(&with(&[closed(ClosedReason::Unconfirmed, 2, false)]), 500, State::Failed);
    check(&with(&[release(2, None)]), 500, State::Pending);
    check(&with(&[release(2, None), attempt(2), accepted(2, OTHER)]), 500, State::Accepted);
    check(&with(&[release(2, None), attempt(2), coded(2, OTHER, 30007)]), 500, State::Failed);
}

/// What was taken so that nobody starts it is no attempt of ours: a number may be left out, too.
#[test]
fn attempts_are_those_that_were_to_ask_twilio() {
    let id = NotificationId::parse("abcdefghijklm-abcdefghijklmnop").unwrap();
    let taken = |number: u32| {
        let mut fact = attempt(number);
        let Detail::Attempt(attempt) = &mut fact.detail else { unreachable!() };
        "sweep 1".clone_into(&mut attempt.request_id);
        fact
    };
    let check = |facts: Vec<Fact>, expect: u32| {
        assert_eq!(Story::new(id.clone(), facts).standing(at(900)).attempts, expect);
    };
    check(vec![created(|_| ())], 0);
    check(vec![created(|_| ()), taken(1), release(2, None), attempt(2), accepted(2, SID)], 1);
    check(vec![created(|_| ()), attempt(1), deferred(1), release(3, Some("hr")), attempt(3), accepted(3, SID)], 2);
}

#[test]
fn what_twilio_took_counts_whatever_we_believed() {
    let text = || created(|_| ());
    let lost = || outcome(1, Outcome::PresumedLost);
    check(
        &[text(), attempt(1), lost(), callback(1, SID, "sent"), closed(ClosedReason::Unconfirmed, 2, false)],
        900,
        State::Accepted,
    );
    check(
        &[text(), attempt(1), lost(), release(2, None), attempt(2), callback(1, SID, "delivered")],
        900,
        State::Delivered,
    );
    check(
        &[
            text(),
            attempt(1),
            lost(),
            release(2, None),
            attempt(2),
            accepted(2, OTHER),
            callback(1, SID, "undelivered"),
        ],
        900,
        State::Accepted,
    );
    check(
        &[
            text(),
            attempt(1),
            callback(1, SID, "failed"),
            release(2, Some("hr")),
            attempt(2),
            callback(2, OTHER, "delivered"),
        ],
        900,
        State::Delivered,
    );
}

#[test]
fn an_operators_replay_opens_what_was_closed_and_it_can_be_closed_again() {
    let expired = || [created(|_| ()), attempt(1), deferred(1), closed(ClosedReason::Expired, 2, false)];
    let and = |more: &[Fact]| [&expired()[..], more].concat();
    check(&and(&[release(2, Some("hr"))]), 900, State::Pending);
    check(&and(&[release(2, Some("hr")), attempt(2)]), 900, State::InDoubt);
    check(&and(&[release(2, Some("hr")), closed(ClosedReason::Expired, 2, true)]), 900, State::Expired);
    // What is cancelled stays so, whoever released the same attempt at the same moment.
    let held = created(|created| created.held = true);
    check(&[held, closed(ClosedReason::Cancelled, 1, false), release(1, Some("hr"))], 900, State::Cancelled);
    let failed = [
        created(|_| ()),
        attempt(1),
        outcome(1, Outcome::Refused { code: 21211, class: "recipient".to_owned() }),
        release(2, Some("hr")),
    ];
    check(&failed, 900, State::Pending);
}
