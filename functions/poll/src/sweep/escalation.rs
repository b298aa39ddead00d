//! Escalation: a call for a text that didn't arrive. The call is a notification of its own that names its text.

use super::look::Looking;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use shared::ledger;
use shared::notification::{Attempt, Created, Detail, Fact, NotificationId, Outcome, State, Tried};
use shared::phone::Channel;
use shared::stamp;
use shared::twilio::codes::{self, Class, DeliveryClass};
use std::time::Duration;

/// Appends the call, if the text has failed or its time for arriving is over. The same text gives the same call.
pub(super) async fn consider(looking: &Looking<'_>) -> Result<(), ledger::Error> {
    let Looking { deps, tenant, story, created, now } = *looking;
    if patience(created).is_none() || looking.is_expired() {
        return Ok(());
    }
    let time_is_over = due_at(looking).is_some_and(|due| due <= now);
    let wanted = match story.standing(now).state {
        State::Failed | State::Undelivered => true,
        State::Sending | State::InDoubt | State::Deferred | State::Pending | State::Accepted | State::Unconfirmed => {
            time_is_over
        }
        State::Suppressed
        | State::Held
        | State::Scheduled
        | State::Delivered
        | State::Expired
        | State::Cancelled
        | State::DryRun => false,
    };
    let Some(to) = created.to.as_ref().filter(|_| wanted) else { return Ok(()) };
    // Who wants no texts wants no calls either, and some are known for it by nothing but their text's end.
    if ended_by_opt_out(looking) || deps.ledger.has_opted_out(tenant, to).await? {
        return Ok(());
    }
    let (id, call) = call(looking);
    let not_before = call.not_before;
    let fact = Fact::new(now, Detail::Created(Box::new(call)));
    let fact = match not_before {
        Some(not_before) => fact.due(not_before),
        None => fact.starting(1).due(stamp::after(now, deps.timing.first_look)),
    };
    if deps.ledger.append(tenant, &id, &fact).await? == ledger::Append::Appended {
        deps.metrics.count(&tenant.id, "Created", 1, Some(&created.kind));
        deps.metrics.count(&tenant.id, "Escalated", 1, None);
        tracing::info!(tenant = %tenant.id, notification = %story.id, call = %id, "a call follows");
    }
    Ok(())
}

fn ended_by_opt_out(looking: &Looking<'_>) -> bool {
    let tried = looking.story.tried();
    let code = tried.values().next_back().and_then(Tried::error_code);
    code.map(codes::delivery) == Some(DeliveryClass::OptedOut)
}

/// When the call follows, if it is still to come and no look is planned until then.
pub(super) fn unlooked(looking: &Looking<'_>) -> Option<Timestamp> {
    let at = due_at(looking).filter(|at| *at > looking.now)?;
    let mut planned = looking.story.facts.iter().filter_map(|fact| fact.due_at);
    (!planned.any(|due| due == stamp::whole_millis(at))).then_some(at)
}

/// When a text that is released now must be looked at for the sake of its call; the end of time if none follows it.
pub(super) fn look_after_release(looking: &Looking<'_>) -> Timestamp {
    let from_now = patience(looking.created).map(|patience| stamp::after(looking.now, patience));
    due_at(looking).filter(|at| *at > looking.now).or(from_now).unwrap_or(Timestamp::MAX)
}

/// When the call follows at the latest: so long after Twilio was first asked for the text. `None` if no call may follow, or
/// Twilio was not asked yet.
fn due_at(looking: &Looking<'_>) -> Option<Timestamp> {
    let patience = patience(looking.created)?;
    let tried = looking.story.tried();
    let (first, _) = tried.iter().find(|(_, one)| was_asked(one))?;
    Some(stamp::after(looking.story.claimed_at(*first)?, patience))
}

/// How long a text has to arrive before a call follows.
fn patience(created: &Created) -> Option<Duration> {
    let minutes = created.escalate_after_minutes.filter(|_| created.channel == Channel::Sms)?;
    Some(Duration::from_secs(60 * u64::from(minutes)))
}

/// Whether Twilio was asked under an attempt. What waits for quiet hours or for an account to be mended has not been: neither
/// could a call be made.
fn was_asked(one: &Tried<'_>) -> bool {
    let put_off = match one.outcome {
        Some(Outcome::Deferred { code, .. }) => {
            let class = code.parse().ok().and_then(codes::creation);
            Outcome::OUR_OWN_REASONS.contains(&code.as_str()) || class.is_some_and(Class::is_account_trouble)
        }
        _ => false,
    };
    one.claim.is_some_and(|claim| !Attempt::asks_nothing(claim)) && !put_off
}

fn call(looking: &Looking<'_>) -> (NotificationId, Created) {
    let Looking { tenant, story, created, now, .. } = *looking;
    let id = NotificationId::of(&tenant.id, &created.employee_id, &created.source, &created.key, Channel::Voice);
    let own = created.time_zone.as_deref().and_then(|name| TimeZone::get(name).ok());
    let zone = own.unwrap_or_else(|| tenant.usual_zone().clone());
    let hours = tenant.quiet_hours.as_ref().filter(|_| !created.urgent);
    let start = stamp::whole_millis(hours.map_or(now, |hours| hours.next_allowed(now, &zone)));
    let call = Created {
        channel: Channel::Voice,
        not_before: Some(start).filter(|start| *start > now),
        // The event is no news any longer when its text isn't.
        expires_at: story.expires_at().unwrap_or(created.expires_at),
        escalate_after_minutes: None,
        escalates: Some(story.id.clone()),
        held: false,
        ..created.clone()
    };
    (id, call)
}
