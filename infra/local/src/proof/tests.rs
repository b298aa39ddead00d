//! The oracle of the tests: it must see each way in which a run can go wrong.

use super::*;
use crate::made::{at, created, id};
use crate::twilio::Kind;
use shared::notification::{Attempt, AttemptOutcome, Detail, Fact, Outcome, Release, Report, Suppressed};

const ONE: &str = "SM00000000000000000000000000000001";
const OTHER: &str = "SM00000000000000000000000000000002";
const EXPIRED_IN_QUEUE: u32 = 30036;

/// A notification that starts at once and is looked at after ten minutes.
fn story(suppressed: Option<Suppressed>, facts: &[Fact]) -> Story {
    let created = created(|created| created.suppressed = suppressed).due(at(600));
    Story::new(id(), [&[created], facts].concat())
}

fn claim(attempt: u32) -> Fact {
    let claim = Attempt { attempt, deadline: at(60), request_id: "r".to_owned() };
    Fact::new(at(1), Detail::Attempt(claim))
}

fn outcome(attempt: u32, outcome: Outcome) -> Fact {
    Fact::new(at(2), Detail::Outcome(AttemptOutcome { attempt, outcome }))
}

fn accepted(attempt: u32, sid: &str) -> Fact {
    outcome(attempt, Outcome::Accepted { sid: sid.to_owned(), status: "queued".to_owned(), evidence: None })
}

fn release(attempt: u32) -> Fact {
    let release = Release { attempt, why: "its predecessor is lost".to_owned(), by: None, expires_at: None };
    Fact::new(at(3), Detail::Release(release)).starting(attempt)
}

/// What Twilio has of a notification.
fn message(notification: &str, sid: &str) -> AcceptedMessage {
    AcceptedMessage {
        sid: sid.to_owned(),
        account_sid: "AC00000000000000000000000000000001".to_owned(),
        to: "+13125550142".to_owned(),
        body: "Hi Ada".to_owned(),
        kind: Kind::Message,
        status: "delivered".to_owned(),
        error_code: None,
        created: at(1),
        notification: Some(notification.to_owned()),
        attempt: Some("1".to_owned()),
        status_callback: None,
    }
}

/// The findings, by name, for a story and what Twilio has, so many seconds after the story began.
fn found(story: &Story, messages: &[AcceptedMessage], seconds: i64) -> Vec<&'static str> {
    let proof = prove(std::slice::from_ref(story), at(seconds), messages);
    let lists = [
        ("doubled", &proof.doubled),
        ("missing", &proof.missing),
        ("unknown", &proof.unknown),
        ("mixed_up", &proof.mixed_up),
        ("unexplained", &proof.unexplained),
    ];
    let mut found: Vec<_> = lists.iter().filter(|(_, list)| !list.is_empty()).map(|(name, _)| *name).collect();
    if proof.at_twilio != proof.on_ledger {
        found.push("counts differ");
    }
    assert_eq!(proof.holds(), found.is_empty(), "{proof:?}");
    found
}

#[test]
fn each_way_to_go_wrong_is_found_by_its_name() {
    let id = id().to_string();
    let sent = story(None, &[claim(1), accepted(1, ONE)]);
    let lost = story(None, &[claim(1), outcome(1, Outcome::PresumedLost), release(2), claim(2), accepted(2, OTHER)]);
    let check = |story: &Story, messages: &[AcceptedMessage], expect: &[&str]| {
        assert_eq!(found(story, messages, 100), expect, "{messages:?}");
    };
    check(&sent, &[message(&id, ONE)], &[]);
    check(&sent, &[], &["missing", "counts differ"]);
    check(&sent, &[message(&id, ONE), message(&id, OTHER)], &["doubled", "counts differ"]);
    check(&sent, &[message(&id, OTHER)], &["mixed_up"]);
    check(&sent, &[message(&id, ONE), message("somebody-elses", OTHER)], &["unknown", "counts differ"]);
    // What was presumed lost was not lost, and went out again.
    check(&lost, &[message(&id, OTHER)], &[]);
    check(&lost, &[message(&id, ONE), message(&id, OTHER)], &["doubled", "counts differ"]);
    // What Twilio dropped from its queue reached nobody: both sids are known, and one was sent.
    let report = Report {
        sid: ONE.to_owned(),
        status: "failed".to_owned(),
        attempt: 1,
        error_code: Some(EXPIRED_IN_QUEUE),
        fields: serde_json::Map::new(),
    };
    let dropped = Fact::new(at(3), Detail::Callback(report));
    let again = story(None, &[claim(1), accepted(1, ONE), dropped, release(2), claim(2), accepted(2, OTHER)]);
    let expired = AcceptedMessage { error_code: Some(EXPIRED_IN_QUEUE), ..message(&id, ONE) };
    check(&again, &[expired, message(&id, OTHER)], &[]);
    check(&again, &[message(&id, ONE), message(&id, OTHER)], &["doubled"]);
}

#[test]
fn what_was_not_sent_says_why_or_has_a_look_ahead_of_it() {
    let check = |story: &Story, seconds: i64, expect: &[&str]| {
        assert_eq!(found(story, &[], seconds), expect, "after {seconds} s: {:?}", story.standing(at(seconds)));
    };
    let pending = story(None, &[]);
    check(&pending, 600, &[]);
    check(&pending, 601, &["unexplained"]);
    check(&story(Some(Suppressed::NoPhone), &[]), 601, &[]);
    check(&story(None, &[claim(1)]), 59, &[]); // Twilio is being asked
    check(&story(None, &[claim(1)]), 601, &[]); // in doubt, and says so
    // Released, and taken up by nobody.
    let released = story(None, &[claim(1), outcome(1, Outcome::PresumedLost), release(2).due(at(1200))]);
    check(&released, 1200, &[]);
    check(&released, 1201, &["unexplained"]);
}
