//! What should have moved and hasn't: the question that an operator asks every morning. Pure; changes nothing.

use super::Audited;
use jiff::Timestamp;
use shared::notification::{Detail, Outcome, State, Story};
use shared::stamp;
use shared::tenant::TenantId;
use std::collections::BTreeSet;
use std::time::Duration;

/// How late something may be without being stuck: the sweep comes every minute.
const GRACE: Duration = Duration::from_mins(2);
/// How long Twilio may take for its final word: our own last question to it comes after a day.
const FINAL_WORD: Duration = Duration::from_hours(24);

/// After so long nobody can do anything about it any more: Twilio's own log and console forget, too, and no command ends it.
const GIVEN_UP: Duration = Duration::from_hours(7 * 24);

/// Why a notification is stuck; `None` if it isn't.
pub fn why(audited: &Audited, now: Timestamp) -> Option<String> {
    let Audited { story, standing } = audited;
    story.created()?; // retention has removed its beginning, or it was never ours: nothing starts it
    let is_late = |due: &Timestamp| stamp::after(*due, GRACE) < now;
    match standing.state {
        State::Held => Some(format!("held since {}", stamp::format(audited.began_at()))),
        State::InDoubt => {
            let since = deadline(story).unwrap_or_else(|| audited.began_at());
            Some(format!("no clear answer from Twilio, in doubt since {}", stamp::format(since)))
        }
        State::Scheduled => {
            let due = story.created().and_then(|created| created.not_before);
            due.filter(is_late).map(|due| format!("should have been released at {}", stamp::format(due)))
        }
        State::Pending => {
            let due = due(story).unwrap_or_else(|| audited.began_at());
            is_late(&due).then(|| format!("should have started, and been looked at by {}", stamp::format(due)))
        }
        State::Deferred => {
            retry_at(story).filter(is_late).map(|due| format!("should have been tried again at {}", stamp::format(due)))
        }
        State::Accepted => {
            let since = last_attempt_at(audited);
            let is_old = stamp::between(since, now) > FINAL_WORD && !is_given_up(audited, now);
            is_old.then(|| format!("accepted at {} and no final word since", stamp::format(since)))
        }
        State::Sending
        | State::Suppressed
        | State::Delivered
        | State::Undelivered
        | State::Failed
        | State::Unconfirmed
        | State::Expired
        | State::Cancelled
        | State::DryRun => None,
    }
}

/// Whether Twilio had it long ago and never gave its final word.
pub fn is_given_up(audited: &Audited, now: Timestamp) -> bool {
    let is_accepted = audited.standing.state == State::Accepted && audited.story.created().is_some();
    is_accepted && stamp::between(last_attempt_at(audited), now) > GIVEN_UP
}

/// What can be done about them, a line for each kind of trouble.
pub fn remedies(found: &[Audited], tenant: &TenantId) -> Vec<String> {
    let states: BTreeSet<State> = found.iter().map(|audited| audited.standing.state).collect();
    let remedy = |state| {
        match state {
        State::Held => Some(format!(
            "held: look at them, then connector release-held {tenant} SOURCE, or connector cancel {tenant} NOTIFICATION"
        )),
        State::InDoubt => Some(
            "in_doubt: the sweep settles them within half an hour; if it doesn't, look at poll's log and at whether \
             Twilio's list can be read"
                .to_owned(),
        ),
        State::Scheduled | State::Deferred => {
            Some(format!("{state}: the sweep is late; look at poll's schedule and log"))
        }
        State::Pending => Some(
            "pending: nothing starts them; look at send's log, its stream mapping and the tenant's document".to_owned(),
        ),
        State::Accepted => Some(
            "accepted: Twilio has them and never said how they ended; look at callback's log, and at the sid in Twilio's \
             console"
                .to_owned(),
        ),
        _ => None,
    }
    };
    states.into_iter().filter_map(remedy).collect()
}

/// When the sweep is to look next.
fn due(story: &Story) -> Option<Timestamp> {
    story.facts.iter().filter_map(|fact| fact.due_at).max()
}

fn deadline(story: &Story) -> Option<Timestamp> {
    story.tried().values().filter_map(|one| one.claim.map(|claim| claim.deadline)).max()
}

fn retry_at(story: &Story) -> Option<Timestamp> {
    match story.tried().values().next_back()?.outcome {
        Some(Outcome::Deferred { retry_at, .. }) => Some(*retry_at),
        _ => due(story), // it expired in Twilio's queue
    }
}

fn last_attempt_at(audited: &Audited) -> Timestamp {
    let attempts = audited.story.facts.iter().filter(|fact| matches!(fact.detail, Detail::Attempt(_)));
    attempts.map(|fact| fact.at).max().unwrap_or_else(|| audited.began_at())
}

#[cfg(test)]
mod tests;
