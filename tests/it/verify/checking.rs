//! Checking a code: what approves, what never does, and how often.

use super::portal::Portal;
use futures::future::join_all;
use local::twilio::{Fault, Operation, Rule, Trouble, When};
use shared::ledger::verification::CheckResult;
use std::time::Duration;

fn on_check(portal: &Portal, when: When, fault: Fault) {
    portal
        .demo
        .twilio
        .change(|settings| settings.faults.rules = vec![Rule::on(Operation::VerificationCheck, when, fault)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_code_is_approved_once() {
    let portal = Portal::open().await;
    let (id, number) = portal.reachable(0);
    assert_eq!(portal.check(id, "123456").await.refusal(), (404, "not_found"), "nothing was started");
    let started = portal.start(id).await;
    let (right, wrong) = portal.codes(number);
    assert!(!portal.check(id, &wrong).await.approved());
    let approved = portal.check(id, &right).await;
    assert!(approved.approved());
    assert_eq!(approved.sid(), started.sid());
    // Neither the right one nor any other counts twice.
    assert_eq!(portal.check(id, &right).await.refusal(), (404, "not_found"));
    assert_eq!(portal.check(id, &wrong).await.refusal(), (404, "not_found"));
    assert_eq!(portal.results(id).await, [CheckResult::Wrong, CheckResult::Approved]);
    // The next start brings another code.
    assert_ne!(portal.start(id).await.sid(), started.sid());
    assert!(portal.check(id, &portal.codes(number).0).await.approved());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_can_be_tried_without_a_phone() {
    let portal = Portal::open().await;
    portal.demo.twilio.change(|settings| settings.verify.code = Some(local::demo::CODE.to_owned()));
    let id = &portal.demo.employee_id;
    assert_eq!(portal.start(id).await.status, 202);
    assert!(portal.check(id, local::demo::CODE).await.approved());
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_wrong_codes_open_nothing_and_close_the_door() {
    let portal = Portal::open().await;
    let (id, number) = portal.reachable(0);
    portal.start(id).await;
    let (right, _) = portal.codes(number);
    let mut statuses = Vec::new();
    for guess in (0..).map(|guess| format!("{guess:06}")).filter(|guess| *guess != right).take(20) {
        let answer = portal.check(id, &guess).await;
        if answer.status == 200 {
            assert!(!answer.approved());
        } else {
            assert!(answer.refusal() == (429, "too_many") && (1..=600).contains(&answer.retry_after()), "{answer:?}");
        }
        statuses.push(answer.status);
    }
    assert_eq!(statuses, [[200; 5].as_slice(), &[429; 15]].concat());
    assert_eq!(portal.check(id, &right).await.status, 429, "the right code comes too late");
    // Five were Twilio's to judge, five more Twilio's to refuse; the rest it never saw.
    let expect = [[CheckResult::Wrong; 5], [CheckResult::Limited; 5]].concat();
    assert_eq!(portal.results(id).await, expect);
    // Another code doesn't help, nor does it hurt anybody else.
    portal.start(id).await;
    assert_eq!(portal.check(id, &right).await.status, 429);
    let (other, their_number) = portal.reachable(1);
    portal.start(other).await;
    assert!(portal.check(other, &portal.codes(their_number).0).await.approved());
    // After the wait there is room, and a new code to be checked.
    portal.advance(601);
    assert_eq!(portal.check(id, &right).await.refusal(), (404, "not_found"));
    portal.start(id).await;
    assert!(portal.check(id, &portal.codes(number).0).await.approved());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_concurrent_checks_of_the_right_code_one_is_approved() {
    let portal = Portal::open().await;
    for (index, concurrent) in [2, 2, 2, 10].into_iter().enumerate() {
        let (id, number) = portal.reachable(index);
        portal.start(id).await;
        let (right, _) = portal.codes(number);
        let answers = join_all((0..concurrent).map(|_| portal.check(id, &right))).await;
        let approved = answers.iter().filter(|answer| answer.status == 200 && answer.approved()).count();
        assert_eq!(approved, 1, "{answers:?}");
        assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 404)), "{answers:?}");
        let results = portal.results(id).await;
        assert_eq!(results.iter().filter(|result| **result == CheckResult::Approved).count(), 1, "{results:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_approves_nothing_then_or_later() {
    let (patient, hasty) = (Portal::open().await, Portal::hasty().await);
    let lost = [Trouble::Hang, Trouble::Reset, Trouble::Status(500), Trouble::Status(504), Trouble::NotJson(200)];
    for (index, trouble) in lost.into_iter().enumerate() {
        let portal = if trouble == Trouble::Hang { &hasty } else { &patient };
        let (id, number) = portal.reachable(index);
        portal.start(id).await;
        let (right, wrong) = portal.codes(number);
        on_check(portal, When::Next(1), Fault::after_accepting(trouble));
        assert_eq!(portal.check(id, &right).await.refusal(), (503, "unavailable"), "{trouble:?}");
        assert_eq!(portal.demo.twilio.code_for(number), None, "Twilio did approve it");
        // Twilio has nothing left to check, which is no reason to believe anything.
        assert_eq!(portal.check(id, &right).await.refusal(), (404, "not_found"), "{trouble:?}");
        assert_eq!(portal.check(id, &wrong).await.refusal(), (404, "not_found"), "{trouble:?}");
        assert_eq!(portal.results(id).await, [CheckResult::Unknown, CheckResult::Gone, CheckResult::Gone]);
        // Starting again is the way out.
        portal.start(id).await;
        assert!(portal.check(id, &portal.codes(number).0).await.approved());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_never_reached_twilio_can_be_made_again() {
    let check = async |portal: &Portal, troubles: &[(Trouble, (u16, &str), Option<u64>)]| {
        let (id, number) = portal.reachable(0);
        portal.start(id).await;
        let (right, _) = portal.codes(number);
        for (trouble, expect, retry_after) in troubles {
            on_check(portal, When::Next(1), Fault::before(*trouble));
            let answer = portal.check(id, &right).await;
            assert_eq!(answer.refusal(), *expect, "{trouble:?}");
            assert_eq!(answer.headers.get("retry-after").map(|_| answer.retry_after()), *retry_after, "{trouble:?}");
        }
        assert!(portal.check(id, &right).await.approved());
    };
    check(&Portal::hasty().await, &[(Trouble::Hang, (503, "unavailable"), None)]).await;
    let troubles = [
        (Trouble::Status(503), (503, "unavailable"), None),
        (Trouble::Code(20003), (503, "unavailable"), None),
        (Trouble::NotJson(404), (503, "unavailable"), None),
        (Trouble::TooManyRequests(Some(7)), (429, "too_many"), Some(7)),
        (Trouble::TooManyRequests(None), (429, "too_many"), Some(30)),
    ];
    check(&Portal::open().await, &troubles).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_twilio_takes_for_no_code_is_a_wrong_one() {
    let portal = Portal::open().await;
    let (id, number) = portal.reachable(0);
    portal.start(id).await;
    let (right, wrong) = portal.codes(number);
    on_check(&portal, When::Next(1), Fault::before(Trouble::Code(60200)));
    assert!(!portal.check(id, &wrong).await.approved());
    assert_eq!(portal.results(id).await, [CheckResult::Refused]);
    assert!(portal.check(id, &right).await.approved());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_expires() {
    let portal = Portal::open().await;
    let (id, number) = portal.reachable(0);
    portal.start(id).await;
    let (right, _) = portal.codes(number);
    portal.advance(600);
    assert_eq!(portal.check(id, &right).await.refusal(), (404, "not_found"));
    // Twilio's own patience may be shorter than we think.
    portal.demo.twilio.change(|settings| settings.verify.code_lifetime = Duration::from_mins(2));
    portal.start(id).await;
    let (right, _) = portal.codes(number);
    portal.advance(130);
    assert_eq!(portal.check(id, &right).await.refusal(), (404, "not_found"));
    assert_eq!(portal.results(id).await, [CheckResult::Gone]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_its_employees_alone() {
    let portal = Portal::open().await;
    let ((one, number), (other, _)) = (portal.reachable(0), portal.reachable(1));
    portal.start(one).await;
    portal.start(other).await;
    let (right, _) = portal.codes(number);
    assert!(!portal.check(other, &right).await.approved());
    assert!(portal.check(one, &right).await.approved());
}
