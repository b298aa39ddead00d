//! Redaction: a whole run with everything logged, and not one number, text or secret in it.

use crate::log::Log;
use crate::world::World;
use local::demo::Moods;
use std::time::Duration;

#[tokio::test]
async fn no_log_line_at_any_level_holds_a_number_a_text_or_a_secret() {
    let log = Log::listen();

    let world = World::start(Moods { staff: 30, chaos: true, latency: Duration::ZERO, seed: 3 }).await;
    let progress = world.settle().await;

    let log = log.text();
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
