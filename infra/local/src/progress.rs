//! How far a run has come: how many notifications are in which state, and whether anything can still move while it lasts.

use crate::stack::Stack;
use jiff::Timestamp;
use shared::ledger::NotAFact;
use shared::ledger::scan::{self, Scanned};
use shared::notification::{Detail, Outcome, State, Story};
use shared::stamp;
use shared::tenant::TenantId;
use shared::timing::Timing;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// After so many failures in a row a source isn't waited for.
const ENOUGH_FAILURES: u64 = 3;

/// After so many attempts of this run that came to nothing a notification isn't waited for: its Twilio is down for longer than
/// the run lasts. A Twilio that loses one request in twenty-five, as the demo's does on a bad day, does that to one in ten million.
const ENOUGH_ATTEMPTS: usize = 5;

/// After so many looks that should have settled a doubt and didn't, it isn't waited for.
const ENOUGH_LOOKS: usize = 3;

/// What is due and the sweep didn't get to for so long isn't waited for: Twilio keeps the sweep busy.
const TOO_LATE: Duration = Duration::from_mins(5);

/// A look at the whole run.
#[derive(Debug, Default)]
pub struct Progress {
    /// Every notification of every tenant.
    pub stories: Vec<(TenantId, Story)>,
    /// What still moves, by why.
    pub moving: BTreeMap<String, usize>,
    /// What waits for longer than the run lasts: tenant, notification, state and why.
    pub waiting: Vec<(TenantId, Story, State, String)>,
    /// How many sources there are.
    pub sources: usize,
    /// Sources that can't be read, as `tenant/source`, with the last error.
    pub broken: Vec<(String, String)>,
    /// Tenants whose document can't be used, and why.
    pub unusable: Vec<(String, String)>,
    /// Sources with rows that can't be told: how many, and why the last can't.
    pub bad: Vec<(String, u64, String)>,
    /// Items that lie among the facts of notifications and are none.
    pub odd: Vec<NotAFact>,
    /// Sources, as `tenant/source`, that were read to their end and have no notification.
    pub silent: Vec<String>,
    /// Whether some notification is out of reach, and goes on being tried.
    gives_up: bool,
}

/// Looks at everything on the ledger.
pub async fn look(stack: &Stack, timing: &Timing, now: Timestamp) -> Result<Progress, shared::ledger::Error> {
    let mut progress = Progress::default();
    let tenants = stack.tenants().list().await.unwrap_or_default();
    let (mut unread, mut read) = (0, BTreeSet::new());
    // Before the stories: whatever a sweep came to is on them.
    let swept = stack.polls(|polls| {
        if polls.count == 0 {
            unread += 1;
        }
        for (id, document) in &tenants {
            let Ok(tenant) = document else { continue };
            for event in &tenant.events {
                let source = polls.sources.get(&(id.to_string(), event.source.clone())).cloned().unwrap_or_default();
                let name = format!("{id}/{}", event.source);
                progress.sources += 1;
                progress.bad.extend(source.last_bad.map(|why| (name.clone(), source.bad, why)));
                match source.error {
                    Some(error) if source.failed >= ENOUGH_FAILURES || source.is_refused => {
                        progress.broken.push((name, error));
                    }
                    None if source.read > 0 => {
                        read.extend(Some(name).filter(|_| source.bad == 0));
                    }
                    _ => unread += 1,
                }
            }
        }
        progress.unusable.clone_from(&polls.unusable);
        polls.swept.clone()
    });
    if unread > 0 {
        progress.moving.insert("sources to read".to_owned(), unread);
    }
    for (id, document) in tenants {
        let swept = swept.get(id.as_str()).copied().unwrap_or_default();
        let run = Run { timing, started_at: stack.started_at(), swept, now };
        let Scanned { stories, odd } = scan::tenant(stack.ledger(), &id, now, |_| ()).await?;
        progress.odd.extend(odd);
        for story in stories {
            if let Some(created) = story.created() {
                read.remove(&format!("{id}/{}", created.source));
            }
            progress.add(id.clone(), story, document.is_ok(), &run);
        }
    }
    progress.silent = read.into_iter().collect();
    // Whoever is out of reach is tried again and again, so that the stream need never be idle. What else is on it moves a
    // notification that was counted above.
    if !stack.stream_is_idle() && !progress.gives_up {
        progress.moving.insert("records on the stream".to_owned(), 1);
    }
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

    fn add(&mut self, tenant: TenantId, story: Story, is_usable: bool, run: &Run<'_>) {
        if story.created().is_some() {
            let standing = story.standing(run.now);
            let state = standing.state;
            let (moves, reason) = match moves(&story, state, run) {
                Moves::Soon if !is_usable => (Moves::Later, Some("its tenant document can't be used".to_owned())),
                Moves::Soon => match out_of_reach(&story, state, run) {
                    Some(reason) => {
                        self.gives_up = true;
                        (Moves::Later, Some(reason))
                    }
                    None => (Moves::Soon, None),
                },
                moves if state == State::Accepted => {
                    (moves, Some("Twilio has it and has not said how it ended".to_owned()))
                }
                moves => (moves, standing.reason),
            };
            match moves {
                Moves::Not => {}
                Moves::Soon => *self.moving.entry(state.to_string()).or_default() += 1,
                Moves::Later => {
                    self.waiting.push((tenant.clone(), story.clone(), state, reason.unwrap_or_default()));
                }
            }
            self.stories.push((tenant, story));
        }
    }
}

/// What a story is held against.
struct Run<'a> {
    timing: &'a Timing,
    started_at: Timestamp,
    /// Everything of its tenant that was due until then has been looked at.
    swept: Timestamp,
    now: Timestamp,
}

enum Moves {
    Not,
    Soon,
    Later,
}

/// Whether a notification can move while the run lasts: it waits for a look that is near, or for Twilio.
fn moves(story: &Story, state: State, run: &Run<'_>) -> Moves {
    let Run { timing, started_at, swept, now } = *run;
    let near =
        |at: Timestamp| stamp::between(now, at) <= timing.patience.max(timing.first_look) + Duration::from_secs(1);
    let next_look = story.facts.iter().filter_map(|fact| fact.due_at).filter(|at| *at > now).min();
    // What was due while nothing ran is looked at now.
    let last_due = story.facts.iter().filter_map(|fact| fact.due_at).filter(|at| *at <= now).max();
    let overdue =
        last_due.map(|at| at.max(started_at)).is_some_and(|at| at > swept && stamp::between(at, now) < TOO_LATE);
    let tried = story.tried();
    let last = tried.values().next_back();
    match state {
        State::Pending | State::Sending | State::InDoubt => Moves::Soon,
        State::Accepted if next_look.map_or(overdue, near) => Moves::Soon,
        State::Deferred if last.is_some_and(|one| one.not_sent().is_some()) && next_look.map_or(overdue, near) => {
            Moves::Soon
        }
        State::Deferred => {
            match last.and_then(|one| one.outcome) {
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
                && overdue
            {
                Moves::Soon
            } else {
                Moves::Not
            }
        }
    }
}

/// Why a notification that is not settled isn't worth waiting for, if it isn't: Twilio took none of many attempts, or can't
/// be asked about one.
fn out_of_reach(story: &Story, state: State, run: &Run<'_>) -> Option<String> {
    if !matches!(state, State::Pending | State::Sending | State::InDoubt | State::Deferred) {
        return None;
    }
    let of_this_run = || story.facts.iter().filter(|fact| fact.at >= run.started_at);
    let came_to_nothing = of_this_run().filter_map(|fact| match &fact.detail {
        Detail::Outcome(outcome) => match &outcome.outcome {
            Outcome::Deferred { code, .. } if Outcome::OUR_OWN_REASONS.contains(&code.as_str()) => None,
            Outcome::Deferred { code, .. } => Some(code.as_str()),
            Outcome::PresumedLost => Some("presumed lost"),
            Outcome::Accepted { .. } | Outcome::Refused { .. } | Outcome::DryRun => None,
        },
        _ => None,
    });
    let came_to_nothing: Vec<&str> = came_to_nothing.collect();
    if came_to_nothing.len() >= ENOUGH_ATTEMPTS {
        let last = came_to_nothing.last().copied().unwrap_or_default();
        return Some(format!("{ENOUGH_ATTEMPTS} attempts or more came to nothing, the last: {last}"));
    }
    // Past its patience the sweep decides, if Twilio's list can be read at all; each look that decides nothing is written down.
    let tried = story.tried();
    let claim = tried.values().next_back().filter(|_| state == State::InDoubt).and_then(|one| one.claim)?;
    let patient_until = stamp::after(claim.deadline, 2 * run.timing.patience.max(run.timing.first_look));
    let in_vain = of_this_run().filter(|fact| matches!(fact.detail, Detail::Look(_)) && fact.at > patient_until);
    (in_vain.count() >= ENOUGH_LOOKS)
        .then(|| "in doubt, and Twilio's list could not be read or doesn't decide it".to_owned())
}

fn waits_for_somebody(code: &str) -> bool {
    let class = code.parse().ok().and_then(shared::twilio::codes::creation);
    ["account_paused", "quiet_hours", "not_set_up"].contains(&code)
        || class.is_some_and(|class| class.raises_alarm() && !class.is_permanent())
}

#[cfg(test)]
mod tests;
