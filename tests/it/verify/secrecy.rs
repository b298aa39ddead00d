//! Not one code in any log, fact or answer, neither a right one nor a wrong one; and no number, and no token.

use super::portal::Portal;
use crate::log::Log;
use local::demo::PORTAL_TOKEN;
use local::twilio::{Fault, Operation, Rule, Trouble, When};

#[tokio::test]
async fn a_code_passes_through_and_leaves_no_trace() {
    let log = Log::listen();

    let portal = Portal::open().await;
    let sink = format!("{}/twilio/{}/events", portal.stack.callback_base_url(), local::demo::TENANT);
    portal.demo.twilio.subscribe_events("AC00000000000000000000000000000001", &sink);
    let (id, number) = portal.reachable(0);
    // Letters, so that no time, sid or length can hold them by chance.
    let (right, wrong, late, lost) = ("RiGhTC0dE", "WRoNgC0dE", "TooLaTeC0d", "LoStC0dE");
    portal.demo.twilio.change(|settings| settings.verify.code = Some(right.to_owned()));
    let mut answers = vec![portal.start(id).await, portal.start("9999999").await];
    answers.push(portal.check(id, wrong).await);
    let reset = Rule::on(Operation::VerificationCheck, When::Next(1), Fault::before(Trouble::Reset));
    portal.demo.twilio.change(|settings| settings.faults.rules = vec![reset]);
    answers.push(portal.check(id, lost).await);
    answers.push(portal.check(id, right).await);
    answers.push(portal.check(id, late).await);
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [202, 404, 200, 503, 200, 404]);
    portal.demo.twilio.idle().await;

    let log = log.text();
    assert!(log.contains("code sent") && log.contains("code checked"), "nothing was logged: {log}");
    let facts: Vec<String> = portal.items().await.iter().map(|item| format!("{item:?}")).collect();
    assert!(facts.len() >= 10, "{facts:?}");
    let told = format!("{answers:?}");
    for secret in [right, wrong, late, lost, &number[1..], PORTAL_TOKEN, local::demo::AUTH_TOKEN] {
        assert!(!log.contains(secret), "{secret} is in a log");
        assert!(!facts.iter().any(|fact| fact.contains(secret)), "{secret} is on the ledger");
        assert!(!told.contains(secret), "{secret} was answered");
    }
}
