//! Redaction: a whole run with everything logged, and not one number, text or secret in it.

use crate::world::World;
use local::demo::Moods;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;
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
async fn no_log_line_at_any_level_holds_a_number_a_text_or_a_secret() {
    let captured = Captured::default();
    let writer = captured.clone();
    let lines = tracing_subscriber::fmt::layer().json().with_writer(move || writer.clone());
    let subscriber = tracing_subscriber::registry().with(shared::telemetry::filter(Some("trace"))).with(lines);
    // With one subscriber alone, a place in the code that another test's thread reaches first would be taken as of no interest.
    let _another = tracing::Dispatch::new(tracing_subscriber::registry());
    let _guard = tracing::subscriber::set_default(subscriber);

    let world = World::start(Moods { staff: 30, chaos: true, latency: Duration::ZERO, seed: 3 }).await;
    let progress = world.settle().await;

    let log = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("\"polled\"") && log.contains("accepted"), "nothing was logged: {log}");
    assert!(progress.stories.len() > 30);
    for (_, story) in &progress.stories {
        let created = story.created().unwrap();
        for secret in [created.to.as_ref().map(|to| to.e164().trim_start_matches('+').to_owned()), created.body.clone()]
            .into_iter()
            .flatten()
        {
            assert!(!log.contains(&secret), "in a log: {secret}");
        }
    }
    for secret in ["demo-auth-token", local::demo::PORTAL_TOKEN, local::peoplesoft::demo::PASSWORD] {
        assert!(!log.contains(secret), "in a log: {secret}");
    }
    let facts = format!("{:?}", progress.stories);
    for (_, story) in &progress.stories {
        let created = story.created().unwrap();
        assert!(
            created.to.as_ref().is_none_or(|to| !facts.contains(to.e164()))
                && created.body.as_ref().is_none_or(|body| !facts.contains(body))
        );
    }
}
