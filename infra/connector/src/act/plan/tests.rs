use super::*;
use crate::samples::*;
use shared::notification::{ClosedReason, Fact};

fn planned(verb: Verb, facts: Vec<Fact>, now: &str) -> Result<Plan, String> {
    plan(verb, &tenant(), &story(facts), at(now))
}

#[test]
fn what_can_be_replayed_and_by_which_attempt() {
    let check = |facts: Vec<Fact>, expect: Result<(Option<u32>, u32, bool), &str>| {
        let plan = planned(Verb::Replay, facts.clone(), "22:00:00");
        let got = plan.map(|plan| match plan {
            Plan::Release { take, attempt, expires_at, may_repeat } => {
                // A day from now, as it had a day at first.
                assert_eq!(expires_at, "2026-03-18T22:00:00Z".parse().unwrap());
                (take, attempt, may_repeat)
            }
            Plan::Cancel { .. } => panic!("{facts:?}"),
        });
        match (got, expect) {
            (Err(got), Err(expect)) => assert!(got.contains(expect), "{got}"),
            (got, expect) => assert_eq!(got, expect.map_err(str::to_owned), "{facts:?}"),
        }
    };
    let tried = |more: Vec<Fact>| [vec![began(), attempt(1, "21:42:08")], more].concat();

    check(tried(vec![refused(1, "21:42:09")]), Ok((None, 2, false)));
    check(tried(vec![accepted(1, "21:42:09"), callback(1, "21:42:10", "undelivered", None)]), Ok((None, 2, false)));
    check(tried(vec![outcome(1, "21:42:09", Outcome::DryRun)]), Ok((None, 2, false)));
    check(tried(vec![closed(ClosedReason::Unconfirmed, 2, "21:55:00")]), Ok((None, 2, true)));
    // Its first attempt is presumed lost, so it may have arrived, whatever became of the second.
    let lost = vec![
        outcome(1, "21:50:00", Outcome::PresumedLost),
        release(2, "21:50:00", "presumed lost", None),
        attempt(2, "21:50:01"),
        refused(2, "21:50:02"),
    ];
    check(tried(lost), Ok((None, 3, true)));
    // Expired before it was ever claimed, at once, and after a release that nobody started.
    check(vec![began(), closed(ClosedReason::Expired, 1, "21:45:00")], Ok((None, 1, false)));
    let expired = vec![
        deferred(1, "21:42:09", "20429", "21:43:00"),
        release(2, "21:43:00", "its pause is over", None),
        closed(ClosedReason::Expired, 2, "21:45:00"),
    ];
    check(tried(expired), Ok((Some(2), 3, false)));
    // Expired by the sweep instead of being released.
    let expired = vec![deferred(1, "21:42:09", "20429", "21:43:00"), closed(ClosedReason::Expired, 2, "21:45:00")];
    check(tried(expired), Ok((None, 2, false)));
    // A replay that was taken back by hand, as it were: the attempt taken for it asked Twilio for nothing.
    let taken = vec![
        deferred(1, "21:42:09", "20429", "21:43:00"),
        release(2, "21:43:00", "its pause is over", None),
        closed(ClosedReason::Expired, 2, "21:45:00"),
        claim(2, "21:46:00", "connector ada 00ff"),
    ];
    check(tried(taken), Ok((None, 3, false)));

    check(vec![], Err("nothing is known of it"));
    check(vec![began()], Err("is pending and not settled yet"));
    check(tried(vec![]), Err("is in_doubt and not settled yet"));
    check(tried(vec![accepted(1, "21:42:09")]), Err("is accepted and not settled yet"));
    check(tried(vec![accepted(1, "21:42:09"), callback(1, "21:42:10", "delivered", None)]), Err("is delivered"));
    check(vec![began(), closed(ClosedReason::Cancelled, 1, "21:45:00")], Err("is cancelled, which is final"));
    check(vec![began(), closed(ClosedReason::OptedOut, 1, "21:45:00")], Err("is suppressed, which is final"));
    check(vec![began_with(|created| created.held = true)], Err("connector release-held lets go all of payroll"));
}

#[test]
fn what_can_be_cancelled_and_before_which_attempt() {
    let check = |facts: Vec<Fact>, now: &str, expect: Result<(u32, bool), &str>| {
        let got = planned(Verb::Cancel, facts.clone(), now).map(|plan| match plan {
            Plan::Cancel { attempt, taken } => (attempt, taken),
            Plan::Release { .. } => panic!("{facts:?}"),
        });
        match (got, expect) {
            (Err(got), Err(expect)) => assert!(got.contains(expect), "{got}"),
            (got, expect) => assert_eq!(got, expect.map_err(str::to_owned), "{facts:?}"),
        }
    };
    check(vec![began()], "21:42:08", Ok((1, false)));
    check(vec![began_with(|created| created.held = true)], "21:42:08", Ok((1, false)));
    check(vec![began_with(|created| created.not_before = Some(at("23:00:00")))], "21:42:08", Ok((1, false)));
    let paused = || vec![began(), attempt(1, "21:42:08"), deferred(1, "21:42:09", "20429", "21:43:00")];
    check(paused(), "21:42:10", Ok((2, false)));
    check([paused(), vec![release(2, "21:43:00", "its pause is over", None)]].concat(), "21:43:01", Ok((2, false)));
    check(
        vec![began(), attempt(1, "21:42:08"), refused(1, "21:42:09"), release(2, "21:43:00", "", Some("ada"))],
        "21:43:01",
        Ok((2, false)),
    );
    // What a broken-off command took asks Twilio for nothing, so it can be finished.
    check(vec![began(), claim(1, "21:42:08", "connector ada 00ff")], "21:42:10", Ok((1, true)));
    check(vec![began(), claim(1, "21:42:08", "connector ada 00ff")], "22:42:10", Ok((1, true)));

    check(vec![began(), attempt(1, "21:42:08")], "21:42:10", Err("is sending: too late"));
    check(vec![began(), attempt(1, "21:42:08")], "21:52:10", Err("is in_doubt: too late"));
    check(vec![began(), attempt(1, "21:42:08"), accepted(1, "21:42:09")], "21:42:10", Err("is accepted: too late"));
    check(vec![began(), attempt(1, "21:42:08"), refused(1, "21:42:09")], "21:42:10", Err("is failed: nothing is left"));
    check(vec![began(), closed(ClosedReason::Cancelled, 1, "21:42:08")], "21:42:10", Err("is cancelled already"));
    check(vec![], "21:42:10", Err("nothing is known of it"));
}

#[test]
fn what_is_released_has_as_long_as_it_had_at_first() {
    let check = |change: fn(&mut Created), expect: Result<&str, &str>| {
        let facts = vec![began_with(|created| {
            created.held = true;
            change(created);
        })];
        match (planned(Verb::ReleaseHeld, facts, "22:00:00"), expect) {
            (Ok(plan), Ok(expect)) => {
                let expires_at = expect.parse().unwrap();
                assert_eq!(plan, Plan::Release { take: None, attempt: 1, expires_at, may_repeat: false });
            }
            (Err(got), Err(expect)) => assert!(got.contains(expect), "{got}"),
            (got, expect) => panic!("{got:?} {expect:?}"),
        }
    };
    check(|_| {}, Ok("2026-03-18T22:00:00Z"));
    check(|created| created.expires_at = at("21:52:07"), Ok("2026-03-17T22:10:00Z"));
    // Over before anybody looked: it has its time all the same.
    check(|created| created.expires_at = at("21:43:07"), Ok("2026-03-17T22:01:00Z"));
    check(|created| created.held = false, Err("is pending, not held"));
    // A reminder waits for its day, and tells so; in Chicago it is afternoon, so that isn't quiet hours.
    let reminder = |created: &mut Created| created.not_before = Some("2026-03-18T15:00:00Z".parse().unwrap());
    check(reminder, Err("is a reminder for 2026-03-18T15:00:00.000Z"));
}

/// Quiet hours are kept when the attempt starts; what waits for their end may be let go in the night.
#[test]
fn what_only_waits_for_the_end_of_quiet_hours_is_released() {
    let mut fact = began_with(|created| {
        created.held = true;
        created.not_before = Some("2026-03-18T13:00:00Z".parse().unwrap()); // 08:00 in Chicago
        created.expires_at = "2026-03-19T13:00:00Z".parse().unwrap();
    });
    fact.at = "2026-03-18T04:00:00Z".parse().unwrap(); // 23:00
    let now = "2026-03-18T05:00:00Z".parse().unwrap();
    let plan = plan(Verb::ReleaseHeld, &tenant(), &story(vec![fact]), now);
    let expires_at = "2026-03-19T05:00:00Z".parse().unwrap();
    assert_eq!(plan, Ok(Plan::Release { take: None, attempt: 1, expires_at, may_repeat: false }));
}
