//! How far a run has come: how many notifications are in which state, and whether anything can still move while it lasts.

use crate::stack::Stack;
use jiff::Timestamp;
use shared::notification::{Outcome, State, Story};
use shared::stamp;
use shared::tenant::TenantId;
use shared::timing::Timing;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// After so many failures in a row a source isn't waited for.
const ENOUGH_FAILURES: u64 = 3;

/// A look at the whole run.
#[derive(Debug, Default)]
pub struct Progress {
    /// Every notification of every tenant.
    pub stories: Vec<(TenantId, Story)>,
    /// What still moves, by why.
    pub moving: BTreeMap<String, usize>,
    /// What waits for longer than the run lasts: tenant, notification, state and why.
    pub waiting: Vec<(TenantId, Story, State, String)>,
    /// Sources that can't be read, with the last error.
    pub broken: Vec<(String, String)>,
    /// Sources, as `tenant/source`, that were read to their end and have no notification.
    pub silent: Vec<String>,
}

/// Looks at everything on the ledger.
pub async fn look(stack: &Stack, timing: &Timing, now: Timestamp) -> Result<Progress, shared::ledger::Error> {
    let mut progress = Progress::default();
    let tenants = stack.tenants().list().await.unwrap_or_default();
    let (mut unread, mut read) = (0, BTreeSet::new());
    stack.polls(|polls| {
        if polls.count == 0 {
            unread += 1;
        }
        for (id, document) in &tenants {
            let Ok(tenant) = document else { continue };
            for event in &tenant.events {
                let source = polls.sources.get(&(id.to_string(), event.source.clone())).cloned().unwrap_or_default();
                let name = format!("{id}/{}", event.source);
                match source.error {
                    Some(error) if source.failed >= ENOUGH_FAILURES || source.is_refused => {
                        progress.broken.push((name, error));
                    }
                    None if source.read > 0 => {
                        read.insert(name);
                    }
                    _ => unread += 1,
                }
            }
        }
        progress.broken.extend(polls.unusable.iter().cloned());
    });
    if unread > 0 {
        progress.moving.insert("sources to read".to_owned(), unread);
    }
    if !stack.stream_is_idle() {
        progress.moving.insert("records on the stream".to_owned(), 1);
    }
    for (id, _) in tenants {
        for story in stack.ledger().tenant_stories(&id).await? {
            if let Some(created) = story.created() {
                read.remove(&format!("{id}/{}", created.source));
            }
            progress.add(id.clone(), story, timing, now);
        }
    }
    progress.silent = read.into_iter().collect();
    Ok(progress)
}

impl Progress {
    /// Whether nothing moves any more.
    pub fn is_still(&self) -> bool {
        self.moving.is_empty()
    }

    /// How many notifications are in each state.
    pub fn states(&self, now: Timestamp) -> BTreeMap<State, usize> {
        let mut states = BTreeMap::new();
        for (_, story) in &self.stories {
            *states.entry(story.standing(now).state).or_default() += 1;
        }
        states
    }

    fn add(&mut self, tenant: TenantId, story: Story, timing: &Timing, now: Timestamp) {
        if story.created().is_some() {
            let standing = story.standing(now);
            match moves(&story, standing.state, timing, now) {
                Moves::Not => {}
                Moves::Soon => *self.moving.entry(standing.state.to_string()).or_default() += 1,
                Moves::Later => self.waiting.push((
                    tenant.clone(),
                    story.clone(),
                    standing.state,
                    standing.reason.unwrap_or_default(),
                )),
            }
            self.stories.push((tenant, story));
        }
    }
}

enum Moves {
    Not,
    Soon,
    Later,
}

/// Whether a notification can move while the run lasts: it waits for a look that is near, or for Twilio.
fn moves(story: &Story, state: State, timing: &Timing, now: Timestamp) -> Moves {
    let near =
        |at: Timestamp| stamp::between(now, at) <= timing.patience.max(timing.first_look) + Duration::from_secs(1);
    let next_look = story.facts.iter().filter_map(|fact| fact.due_at).filter(|at| *at > now).min();
    let just_due = story
        .facts
        .iter()
        .filter_map(|fact| fact.due_at)
        .max()
        .is_some_and(|at| stamp::between(at, now) < timing.first_look + Duration::from_secs(10));
    match state {
        State::Pending | State::Sending | State::InDoubt => Moves::Soon,
        State::Accepted if next_look.map_or(just_due, near) => Moves::Soon,
        State::Deferred => {
            let tried = story.tried();
            match tried.values().next_back().and_then(|one| one.outcome) {
                // An account has to be mended by somebody first.
                Some(Outcome::Deferred { code, retry_at }) if near(*retry_at) && !waits_for_somebody(code) => {
                    Moves::Soon
                }
                _ => Moves::Later,
            }
        }
        State::Scheduled
            if story
                .created()
                .and_then(|created| created.not_before)
                .is_some_and(|at| at <= stamp::after(now, Duration::from_secs(5))) =>
        {
            Moves::Soon
        }
        State::Accepted | State::Scheduled | State::Held => Moves::Later,
        State::Suppressed
        | State::Delivered
        | State::Undelivered
        | State::Failed
        | State::Unconfirmed
        | State::Expired
        | State::Cancelled
        | State::DryRun => {
            if story.created().is_some_and(|created| created.escalate_after_minutes.is_some())
                && matches!(state, State::Failed | State::Undelivered)
                && just_due
            {
                Moves::Soon
            } else {
                Moves::Not
            }
        }
    }
}

fn waits_for_somebody(code: &str) -> bool {
    let class = code.parse().ok().and_then(shared::twilio::codes::creation);
    code == "account_paused"
        || code == "quiet_hours"
        || class.is_some_and(shared::twilio::codes::Class::is_account_trouble)
}
