//! What still moves, and what isn't waited for.

use super::*;
use crate::made::{at, created, id};
use shared::notification::{Attempt, AttemptOutcome, Fact, Look, Release, Report};

const TENANT: &str = "st-lukes";

fn claim(attempt: u32, seconds: i64) -> Fact {
    let claim = Attempt { attempt, deadline: at(seconds + 6), request_id: "r".to_owned() };
    Fact::new(at(seconds), Detail::Attempt(claim))
}

fn release(attempt: u32, seconds: i64) -> Fact {
    let release = Release { attempt, why: "its pause is over".to_owned(), by: None, expires_at: None };
    Fact::new(at(seconds), Detail::Release(release)).starting(attempt)
}

/// `attempts` attempts, one each second, all with the same outcome, and the release of the next.
fn fruitless(attempts: u32, outcome: &Outcome) -> Vec<Fact> {
    let mut facts = vec![created(|_| ())];
    for attempt in 1..=attempts {
        let seconds = i64::from(attempt);
        let outcome = AttemptOutcome { attempt, outcome: outcome.clone() };
        facts.push(claim(attempt, seconds));
        facts.push(Fact::new(at(seconds), Detail::Outcome(outcome)).due(at(seconds)));
        facts.push(release(attempt + 1, seconds));
    }
    facts
}

fn look(facts: Vec<Fact>, is_usable: bool, now: Timestamp) -> Progress {
    look_in_a_run_since(at(0), Timestamp::UNIX_EPOCH, facts, is_usable, now)
}

fn look_in_a_run_since(
    started_at: Timestamp,
    swept: Timestamp,
    facts: Vec<Fact>,
    is_usable: bool,
    now: Timestamp,
) -> Progress {
    let timing = Timing::with_patience(Duration::from_secs(3));
    let tenant = TenantId::parse(TENANT).unwrap();
    let mut progress = Progress::default();
    progress.add(tenant, Story::new(id(), facts), is_usable, &Run { timing: &timing, started_at, swept, now });
    progress
}

#[test]
fn a_twilio_that_takes_nothing_is_not_waited_for() {
    let check = |attempts: u32, code: &str, still: bool| {
        let outcome = Outcome::Deferred { code: code.to_owned(), retry_at: at(i64::from(attempts)) };
        let progress = look(fruitless(attempts, &outcome), true, at(i64::from(attempts) + 1));
        assert_eq!(progress.is_still(), still, "{attempts} {code}: {:?}", progress.moving);
        assert_eq!(progress.waiting.len(), usize::from(still));
    };
    check(4, "connection", false);
    check(5, "connection", true);
    check(9, "20429", true);
    check(9, "not_started", false); // that was us
    let progress = look(fruitless(5, &Outcome::PresumedLost), true, at(6));
    let (.., state, reason) = &progress.waiting[0];
    assert_eq!((*state, progress.is_still()), (State::Pending, true));
    assert!(reason.contains("presumed lost"), "{reason}");
}

#[test]
fn doubt_that_nobody_settles_is_not_waited_for() {
    let looked = |look: u32, seconds: i64| {
        Fact::new(at(seconds), Detail::Look(Look { look, why: "no list".to_owned() })).due(at(seconds + 6))
    };
    let check = |looks: u32, started: i64, still: bool| {
        let mut facts = vec![created(|_| ()), claim(1, 1)];
        facts.extend((1..=looks).map(|number| looked(number, 10 * i64::from(number))));
        let progress = look_in_a_run_since(at(started), at(started), facts, true, at(100));
        assert_eq!(progress.is_still(), still, "{looks} since {started}: {:?}", progress.moving);
    };
    check(0, 0, false);
    check(3, 0, false); // two of them while there was patience left
    check(5, 0, true);
    check(5, 60, false); // by another run: this one hasn't looked yet
}

#[test]
fn what_came_to_nothing_in_another_run_is_tried_again_in_this() {
    let facts = fruitless(5, &Outcome::Deferred { code: "connection".to_owned(), retry_at: at(5) });
    assert!(!look_in_a_run_since(at(6), at(6), facts, true, at(7)).is_still());
}

/// However long that takes on a busy machine.
#[test]
fn what_is_due_is_waited_for_until_a_sweep_has_looked() {
    let sid = "SM0123456789abcdef0123456789abcdef".to_owned();
    let accepted = Outcome::Accepted { sid, status: "queued".to_owned(), evidence: None };
    let outcome = Detail::Outcome(AttemptOutcome { attempt: 1, outcome: accepted });
    let check = |started: i64, swept: i64, still: bool| {
        let facts = vec![created(|_| ()).due(at(6)), claim(1, 1), Fact::new(at(2), outcome.clone())];
        let progress = look_in_a_run_since(at(started), at(swept), facts, true, at(200));
        assert_eq!(progress.is_still(), still, "since {started}, swept {swept}: {:?}", progress.moving);
    };
    check(0, 5, false);
    check(0, 6, true);
    check(100, 99, false); // it was due while nothing ran
    check(100, 100, true);
    check(-1000, -1000, false);
    let busy = look(vec![created(|_| ()).due(at(6)), claim(1, 1), Fact::new(at(2), outcome.clone())], true, at(400));
    assert!(busy.is_still(), "{:?}", busy.moving); // no sweep comes to its end
}

#[test]
fn what_expired_in_twilios_queue_is_waited_for_until_it_is_sent_again() {
    let report = Report {
        sid: "SM0123456789abcdef0123456789abcdef".to_owned(),
        status: "failed".to_owned(),
        attempt: 1,
        error_code: Some(30036),
        fields: serde_json::Map::new(),
    };
    let expired = Fact::new(at(20), Detail::Callback(report)).due(at(20));
    let check = |swept: i64, more: &[Fact], still: bool| {
        let facts = [&[created(|_| ()), claim(1, 1), expired.clone()], more].concat();
        let progress = look_in_a_run_since(at(0), at(swept), facts, true, at(21));
        assert_eq!(progress.is_still(), still, "swept {swept}: {:?}", progress.moving);
    };
    let looked = |next: i64| Fact::new(at(20), Detail::Look(Look { look: 1, why: "again".to_owned() })).due(at(next));
    check(19, &[], false);
    check(20, &[looked(22)], false);
    check(20, &[looked(3600)], true);
    check(20, &[release(2, 20)], false);
}

#[test]
fn nothing_moves_for_a_tenant_whose_document_is_broken() {
    let progress = look(vec![created(|_| ())], false, at(1));
    assert!(progress.is_still(), "{:?}", progress.moving);
    assert!(progress.waiting[0].3.contains("document"), "{}", progress.waiting[0].3);
    assert!(!look(vec![created(|_| ())], true, at(1)).is_still());
}
