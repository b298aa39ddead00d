//! Not one code in any log, fact or answer, neither a right one nor a wrong one; and no number, and no token.

use super::portal::Portal;
use local::demo::PORTAL_TOKEN;
use local::twilio::{Fault, Operation, Rule, Trouble, When};
use std::io;
use std::sync::{Arc, Mutex};
use tracing_subscriber::layer::SubscriberExt;

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

// One thread, so that the subscriber of this test hears everything that this test does.
#[tokio::test]
async fn a_code_passes_through_and_leaves_no_trace() {
    let captured = Captured::default();
    let writer = captured.clone();
    let lines = tracing_subscriber::fmt::layer().json().with_writer(move || writer.clone());
    let subscriber = tracing_subscriber::registry().with(shared::telemetry::filter(Some("trace"))).with(lines);
    let _guard = tracing::subscriber::set_default(subscriber);

    let portal = Portal::open().await;
    let sink = format!("{}/twilio/{}/events", portal.stack.callback_base_url(), local::demo::TENANT);
    portal.demo.twilio.subscribe_events("AC00000000000000000000000000000001", &sink);
    let (id, number) = portal.reachable(0);
    // Letters, so that no time, sid or length can hold them by chance.
    let (wrong, late, lost) = ("WRoNgC0dE", "TooLaTeC0d", "LoStC0dE");
    let mut answers = vec![portal.start(id).await, portal.start("9999999").await];
    let (right, _) = portal.codes(number);
    answers.push(portal.check(id, wrong).await);
    let reset = Rule::on(Operation::VerificationCheck, When::Next(1), Fault::before(Trouble::Reset));
    portal.demo.twilio.change(|settings| settings.faults.rules = vec![reset]);
    answers.push(portal.check(id, lost).await);
    answers.push(portal.check(id, &right).await);
    answers.push(portal.check(id, late).await);
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [202, 404, 200, 503, 200, 404]);
    portal.demo.twilio.idle().await;

    let log = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("code sent") && log.contains("code checked"), "nothing was logged: {log}");
    let items = portal.all_items().await;
    let facts: Vec<String> =
        items.iter().map(|item| format!("{item:?}")).filter(|item| item.contains("#verif")).collect();
    assert!(facts.len() >= 10, "{facts:?}");
    let told = format!("{answers:?}");
    for secret in [wrong, late, lost, &number[1..], PORTAL_TOKEN, "demo-auth-token"] {
        assert!(!log.contains(secret), "{secret} is in a log");
        assert!(!facts.iter().any(|fact| fact.contains(secret)), "{secret} is on the ledger");
        assert!(!told.contains(secret), "{secret} was answered");
    }
    // Six digits may stand in a longer number by chance; as a word they stand for themselves.
    let has_word = |text: &str| text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == right);
    let fraction = |text: &str| text.replace(&format!(".{right}"), ""); // of a second, in a log line's time
    assert!(!has_word(&fraction(&log)), "the right code is in a log");
    assert!(!facts.iter().any(|fact| has_word(fact)), "the right code is on the ledger");
    assert!(!has_word(&told), "the right code was answered");
}
