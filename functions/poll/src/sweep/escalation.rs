//! Escalation: a call for a text that didn't arrive. The call is a notification of its own that names its text.

use super::look::Looking;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use shared::ledger;
use shared::notification::{Created, Detail, Fact, NotificationId, State};
use shared::phone::Channel;
use shared::stamp;
use shared::tenant::Tenant;
use std::time::Duration;

/// Appends the call, if the text has failed or its time for arriving is over. The same text gives the same call.
pub(super) async fn consider(looking: &Looking<'_>) -> Result<(), ledger::Error> {
    let Looking { deps, tenant, story, created, now } = *looking;
    if created.escalate_after_minutes.is_none() || created.channel != Channel::Sms {
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
    if !wanted {
        return Ok(());
    }
    let (id, call) = call(tenant, &story.id, created, now);
    let not_before = call.not_before;
    let fact = Fact::new(now, Detail::Created(Box::new(call)));
    let fact = match not_before {
        Some(not_before) => fact.due(not_before),
        None => fact.starting(1).due(stamp::after(now, deps.timing.first_look)),
    };
    if deps.ledger.append(tenant, &id, &fact).await? == ledger::Append::Appended {
        deps.metrics.count(&tenant.id, "Escalated", 1, None);
        tracing::info!(tenant = %tenant.id, notification = %story.id, call = %id, "a call follows");
    }
    Ok(())
}

/// When the call follows at the latest: so many minutes after the text's first attempt. `None` if no call may follow, or
/// nothing was attempted yet.
pub(super) fn due_at(looking: &Looking<'_>) -> Option<Timestamp> {
    let minutes = looking.created.escalate_after_minutes?;
    let first = looking.story.facts.iter().find(|fact| matches!(fact.detail, Detail::Attempt(_)))?;
    Some(stamp::after(first.at, Duration::from_secs(60 * u64::from(minutes))))
}

fn call(tenant: &Tenant, text: &NotificationId, created: &Created, now: Timestamp) -> (NotificationId, Created) {
    let id = NotificationId::of(&tenant.id, &created.employee_id, &created.source, &created.key, Channel::Voice);
    let zone = created
        .time_zone
        .as_deref()
        .and_then(|name| TimeZone::get(name).ok())
        .unwrap_or_else(|| tenant.usual_zone().clone());
    let hours = tenant.quiet_hours.as_ref().filter(|_| !created.urgent);
    let start = stamp::whole_millis(hours.map_or(now, |hours| hours.next_allowed(now, &zone)));
    // A call has as long as its source gives every notification; should the source be gone, a day.
    let lasts = tenant
        .events
        .iter()
        .find(|event| event.source == created.source)
        .map_or(Duration::from_hours(24), |event| event.expires_after);
    let call = Created {
        channel: Channel::Voice,
        not_before: Some(start).filter(|start| *start > now),
        expires_at: stamp::whole_millis(stamp::after(start, lasts)),
        escalate_after_minutes: None,
        escalates: Some(text.clone()),
        held: false,
        ..created.clone()
    };
    (id, call)
}
