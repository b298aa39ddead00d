use super::*;
use crate::samples::*;
use shared::notification::{Closed, NotificationId, Revealed};

/// The sentences of a fact of each kind, side by side.
#[test]
fn every_fact_has_its_sentence() {
    let check = |fact: &Fact, expect: &str| assert_eq!(sentence(fact), expect);
    let told = |outcome_: Outcome| outcome(1, "21:43:00", outcome_);
    let text: NotificationId = id();

    check(
        &began(),
        "created: a text to +*********42 about payroll_posted; to start at once, until 2026-03-18T21:42:07.000Z",
    );
    check(
        &began_with(|created| created.not_before = Some(at("23:00:00"))),
        "created: a text to +*********42 about payroll_posted; to start at 2026-03-17T23:00:00.000Z, until 2026-03-18T21:42:07.000Z",
    );
    check(
        &began_with(|created| created.held = true),
        "created: a text to +*********42 about payroll_posted; held for an operator, since its source yielded too many at once",
    );
    check(
        &began_with(|created| {
            created.to = None;
            created.suppressed = Some(Suppressed::NoPhone);
        }),
        "created: a text to nobody about payroll_posted; suppressed, never to be sent: PeopleSoft has no phone number for the employee",
    );
    check(
        &began_with(|created| {
            created.channel = Channel::Voice;
            created.escalates = Some(text);
        }),
        "created: a call to +*********42 about payroll_posted, since the text 74efmocyyirrc-zullv4cgzorbinin did not arrive; to start \
         at once, until 2026-03-18T21:42:07.000Z",
    );
    check(&attempt(1, "21:43:00"), "attempt 1 taken by 8f3c2d1e#00a1");
    check(
        &claim(2, "21:43:00", "connector ada 00ff"),
        "attempt 2 taken by connector ada 00ff, so that nothing else starts it",
    );
    check(&accepted(1, "21:43:00"), "Twilio accepted it as SM1342fe1b2c904d1ab04f0fc7a58abca9 (queued)");
    let found = Outcome::Accepted { sid: SID.to_owned(), status: "sent".to_owned(), evidence: Some("list".to_owned()) };
    check(&told(found), "attempt 1 found on Twilio's list: accepted as SM1342fe1b2c904d1ab04f0fc7a58abca9 (sent)");
    check(&refused(1, "21:43:00"), "Twilio refused attempt 1: 21211 not a valid number (recipient)");
    check(
        &deferred(1, "21:43:00", "20429", "21:44:00"),
        "Twilio did not process attempt 1: 20429 too many requests at once; again at 2026-03-17T21:44:00.000Z",
    );
    check(
        &deferred(1, "21:43:00", "quiet_hours", "22:00:00"),
        "attempt 1 waits for the end of quiet hours, at 2026-03-17T22:00:00.000Z",
    );
    check(
        &deferred(1, "21:43:00", "connection", "21:44:00"),
        "attempt 1 did not reach Twilio; again at 2026-03-17T21:44:00.000Z",
    );
    check(
        &deferred(1, "21:43:00", "http_302", "21:44:00"),
        "attempt 1 did not reach Twilio: something in between answered 302; again at 2026-03-17T21:44:00.000Z",
    );
    check(
        &deferred(2, "21:43:00", "not_started", "21:43:00"),
        "attempt 2 was never started: nothing was asked of Twilio",
    );
    check(&told(Outcome::PresumedLost), "attempt 1 presumed lost: no sign of it turned up at Twilio");
    check(&told(Outcome::DryRun), "dry run: attempt 1 did everything but ask Twilio");
    check(&callback(1, "21:43:00", "delivered", None), "callback: delivered");
    check(
        &callback(2, "21:43:00", "undelivered", Some(30_006)),
        "callback about attempt 2: undelivered, error 30006 landline or unreachable carrier",
    );
    check(&looked("21:43:00", "in doubt", Some("21:53:00")), "looked: in doubt; next look at 2026-03-17T21:53:00.000Z");
    check(&looked("21:43:00", "Twilio says it is sent", None), "looked for the last time: Twilio says it is sent");
    check(&release(2, "21:43:00", "its pause is over", None), "released attempt 2: its pause is over");
    check(
        &release(2, "21:43:00", "the carrier was down", Some("ada")),
        "released attempt 2 by ada: the carrier was down; it may start until 2026-03-17T23:59:59.000Z",
    );
    check(&closed(ClosedReason::Expired, 2, "21:43:00"), "closed: its time was over before attempt 2");
    check(&closed(ClosedReason::OptedOut, 1, "21:43:00"), "closed: the employee had opted out before attempt 1");
    check(
        &closed(ClosedReason::Unconfirmed, 2, "21:43:00"),
        "closed: nothing is known of the last attempt, and it is not said twice",
    );
    let cancelled = Closed {
        closed: ClosedReason::Cancelled,
        attempt: 1,
        again: false,
        why: Some("wrong date".to_owned()),
        by: Some("ada".to_owned()),
    };
    check(&Fact::new(at("21:43:00"), Detail::Closed(cancelled)), "cancelled by ada before attempt 1: wrong date");
    let holder = NotificationId::parse("abcdefghijklm-abcdefghijklmnop").unwrap();
    check(
        &Fact::new(at("21:43:00"), Detail::Disowned(Disowned { attempt: 1, sid: SID.to_owned(), holder })),
        &format!(
            "{SID} is not attempt 1's: Twilio called back for abcdefghijklm-abcdefghijklmnop with it; attempt 1 is presumed lost"
        ),
    );
    let revealed = Detail::Revealed(Revealed { by: "ada".to_owned() });
    check(&Fact::new(at("21:43:00"), revealed), "the whole phone number was shown to ada");
}

fn told(facts: Vec<Fact>, now: Timestamp, reveal: bool) -> String {
    render(&Audited::new(story(facts), now), &tenant_id(), reveal, now, Look::default())
}

#[test]
fn a_text_that_went_well() {
    let facts = vec![
        began(),
        attempt(1, "21:42:07.240"),
        accepted(1, "21:42:07.390"),
        callback(1, "21:42:08.100", "sent", None),
        callback(1, "21:42:09", "delivered", None),
    ];
    insta::assert_snapshot!(told(facts, at("22:00:00"), false));
}

#[test]
fn a_text_that_was_lost_and_sent_again() {
    let facts = vec![
        began(),
        attempt(1, "21:42:07.240"),
        looked("21:52:07", "in doubt: no callback, and not on Twilio's list so far", Some("22:02:07")),
        outcome(1, "22:12:08", Outcome::PresumedLost),
        release(2, "22:12:08", "the last attempt is presumed lost", None),
        attempt(2, "22:12:08.500"),
        accepted(2, "22:12:09"),
        callback(2, "22:12:10", "undelivered", Some(30_006)),
    ];
    insta::assert_snapshot!(told(facts, at("22:30:00"), false));
}

#[test]
fn a_story_that_an_operator_had_a_hand_in_and_saw_the_number_of() {
    let facts = vec![
        began(),
        attempt(1, "21:42:07.240"),
        refused(1, "21:42:07.500"),
        release(2, "21:50:00", "the number was corrected", Some("ada")),
        claim(2, "21:50:01", "connector grace 00ff"),
        Fact::new(
            at("21:50:01"),
            Detail::Closed(Closed {
                closed: ClosedReason::Cancelled,
                attempt: 2,
                again: true,
                why: Some("still wrong".to_owned()),
                by: Some("grace".to_owned()),
            }),
        ),
    ];
    insta::assert_snapshot!(told(facts, at("22:00:00"), true));
}

#[test]
fn a_callback_for_something_never_created() {
    insta::assert_snapshot!(told(vec![callback(1, "21:43:00", "delivered", None)], at("22:00:00"), false));
}

/// What is in doubt is said as soon as it is, and only where it was.
#[test]
fn doubt_is_part_of_the_story() {
    let check = |facts: Vec<Fact>, now: &str, expect: bool| {
        let lines = lines(&story(facts), at(now));
        let doubt = lines.iter().position(|line| line.text.contains("in doubt"));
        assert_eq!(doubt.is_some(), expect, "{lines:#?}");
    };
    check(vec![began(), attempt(1, "21:43:00")], "21:43:30", false);
    check(vec![began(), attempt(1, "21:43:00")], "21:44:01", true);
    check(vec![began(), attempt(1, "21:43:00"), accepted(1, "21:43:01")], "22:00:00", false);
    check(vec![began(), attempt(1, "21:43:00"), accepted(1, "21:50:00")], "22:00:00", true);
    check(vec![began(), attempt(1, "21:43:00"), callback(1, "21:43:02", "sent", None)], "22:00:00", false);
    check(vec![began(), claim(1, "21:43:00", "connector ada 00ff")], "22:00:00", false);
}

#[test]
fn time_since_the_beginning() {
    let check = |millis: u64, expect: &str| assert_eq!(elapsed(Duration::from_millis(millis)), expect);
    check(0, "+0.0 s");
    check(1_490, "+1.4 s");
    check(59_999, "+59.9 s");
    check(60_000, "+1 min 00 s");
    check(3_725_000, "+1 h 02 min");
    check(90_000_000, "+1 d 01 h");
}
