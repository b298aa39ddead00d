//! What an operator may do with a notification as it stands, and what that takes. Pure: the same story at the same time
//! gives the same plan, so what was shown is what is done, or nothing is.

use crate::audit::story::CLAIMANT;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use shared::notification::{Created, Outcome, State, Story};
use shared::stamp;
use shared::tenant::Tenant;
use std::time::Duration;

/// What the operator wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Send it again.
    Replay,
    /// Never send it.
    Cancel,
    /// Let it go.
    ReleaseHeld,
}

/// What it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Let an attempt start.
    Release {
        /// An attempt that was released and never started: taken first, so that a late record of the stream can't start it.
        take: Option<u32>,
        /// The attempt that may start.
        attempt: u32,
        /// When its time is over.
        expires_at: Timestamp,
        /// Whether an earlier attempt may have arrived after all.
        may_repeat: bool,
    },
    /// Rule out an attempt, and so all that would follow.
    Cancel {
        /// The attempt that would have been next.
        attempt: u32,
        /// Whether it was taken for this before, by a command that was broken off.
        taken: bool,
    },
}

/// What it takes to do this with a notification, or why it can't be done.
pub fn plan(verb: Verb, tenant: &Tenant, story: &Story, now: Timestamp) -> Result<Plan, String> {
    let Some((created, created_at)) = story.created().zip(story.created_fact().map(|fact| fact.at)) else {
        return Err("nothing is known of it; find it with connector audit employee or audit list".to_owned());
    };
    match verb {
        Verb::Replay => replay(story, created, created_at, now),
        Verb::Cancel => cancel(story, now),
        Verb::ReleaseHeld => release_held(tenant, story, created, created_at, now),
    }
}

fn replay(story: &Story, created: &Created, created_at: Timestamp, now: Timestamp) -> Result<Plan, String> {
    let state = story.standing(now).state;
    match state {
        State::Failed | State::Undelivered | State::Unconfirmed | State::Expired | State::DryRun => {}
        State::Held => return Err(format!("it is held: connector release-held lets go all of {}", created.source)),
        State::Delivered => return Err("it is delivered".to_owned()),
        State::Suppressed | State::Cancelled => return Err(format!("it is {state}, which is final")),
        State::Scheduled | State::Pending | State::Sending | State::InDoubt | State::Deferred | State::Accepted => {
            return Err(format!("it is {state} and not settled yet"));
        }
    }
    if created.to.is_none() || created.body.is_none() {
        return Err("it has no number or no text to send".to_owned());
    }
    let tried = story.tried();
    let known = tried.last_key_value().map_or(0, |(attempt, _)| *attempt);
    let released = story.releases().last().map_or(0, |(_, release)| release.attempt);
    let never_started = released > 0 && tried.get(&released).is_none_or(|one| one.claim.is_none());
    // A closing names the attempt that it ruled out; a replay of an earlier one would not undo it. One that came after an
    // operator's release outweighs a release of that very attempt.
    let undoes = story.closed().map_or(0, |closed| closed.attempt + u32::from(closed.again));
    let doubtful = tried.values().any(|one| {
        let asked = !one.claim.is_some_and(shared::notification::Attempt::asks_nothing);
        !one.is_accepted() && asked && matches!(one.outcome, None | Some(Outcome::PresumedLost))
    });
    Ok(Plan::Release {
        take: never_started.then_some(released),
        attempt: (known.max(released) + 1).max(undoes),
        expires_at: stamp::after(now, lifetime(created, created_at)),
        may_repeat: state == State::Unconfirmed || doubtful,
    })
}

fn cancel(story: &Story, now: Timestamp) -> Result<Plan, String> {
    let state = story.standing(now).state;
    let tried = story.tried();
    let known = tried.last_key_value().map_or(0, |(attempt, _)| *attempt);
    match state {
        State::Held | State::Scheduled | State::Pending | State::Deferred => {
            let released = story.releases().last().map_or(0, |(_, release)| release.attempt);
            Ok(Plan::Cancel { attempt: (known + 1).max(released), taken: false })
        }
        // Our own claim asks Twilio for nothing: what was broken off can be finished.
        State::Sending | State::InDoubt if is_ours(story, known) => Ok(Plan::Cancel { attempt: known, taken: true }),
        State::Sending | State::InDoubt | State::Accepted => Err(format!("it is {state}: too late")),
        State::Cancelled => Err("it is cancelled already".to_owned()),
        State::Suppressed
        | State::Delivered
        | State::Undelivered
        | State::Failed
        | State::Unconfirmed
        | State::Expired
        | State::DryRun => Err(format!("it is {state}: nothing is left to cancel")),
    }
}

fn is_ours(story: &Story, attempt: u32) -> bool {
    let tried = story.tried();
    tried.get(&attempt).is_some_and(|one| {
        let claim = one.claim.is_some_and(|claim| claim.request_id.starts_with(CLAIMANT));
        claim && one.outcome.is_none() && !one.is_accepted()
    })
}

fn release_held(
    tenant: &Tenant,
    story: &Story,
    created: &Created,
    created_at: Timestamp,
    now: Timestamp,
) -> Result<Plan, String> {
    let state = story.standing(now).state;
    if state != State::Held {
        return Err(format!("it is {state}, not held"));
    }
    if let Some(not_before) = reminder(tenant, created, created_at).filter(|not_before| *not_before > now) {
        return Err(format!("it is a reminder for {}: held until released then", stamp::format(not_before)));
    }
    let expires_at = stamp::after(now, lifetime(created, created_at));
    Ok(Plan::Release { take: None, attempt: 1, expires_at, may_repeat: false })
}

/// How long it had from its start to its end.
fn lifetime(created: &Created, created_at: Timestamp) -> Duration {
    stamp::between(created.not_before.unwrap_or(created_at), created.expires_at)
}

/// When a reminder is for. What only had to wait for the end of quiet hours is none: quiet hours are kept anyway.
fn reminder(tenant: &Tenant, created: &Created, created_at: Timestamp) -> Option<Timestamp> {
    let not_before = created.not_before?;
    let own = created.time_zone.as_deref().and_then(|name| TimeZone::get(name).ok());
    let zone = own.unwrap_or_else(|| tenant.usual_zone().clone());
    let hours = tenant.quiet_hours.as_ref().filter(|_| !created.urgent);
    let quiet_until = hours.map_or(created_at, |hours| hours.next_allowed(created_at, &zone));
    (not_before > quiet_until).then_some(not_before)
}

#[cfg(test)]
mod tests;
