//! One attempt at one notification: guard, claim, ask Twilio once, write down what is known.

use crate::request::{self, Request};
use crate::{Deps, Invocation};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rand::RngExt;
use shared::ledger::consent::Said;
use shared::ledger::read::Consistency;
use shared::ledger::{self, attempt::Claim};
use shared::notification::{Closed, ClosedReason, Created, Detail, Fact, NotificationId, Outcome, State, Story};
use shared::pause;
use shared::phone::PhoneNumber;
use shared::stamp;
use shared::tenant::{Mode, Tenant, TenantId, store};
use shared::twilio::codes::Class;
use shared::twilio::status::CANCELED;
use shared::twilio::{Reply, Resource};
use std::time::Duration;

/// What came of starting an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// It was made here, and what is known of it is on the ledger.
    Here,
    /// Somebody else has it.
    ByAnother,
    /// It must not be made, and the ledger says why.
    Closed,
    /// The invocation is too short for it; nothing was claimed.
    NoTime,
    /// The tenant has no usable document; the sweep comes back to it.
    NoTenant,
    /// The fact starts nothing, or nothing any more: the notification was closed, or turned out to be accepted.
    NotOurs,
}

/// Something of ours can't be reached, and nothing was claimed: hand the record over again.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The table.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// The secrets.
    #[error(transparent)]
    Tenants(store::Error),
}

/// Everything about one attempt before it is claimed.
struct Due<'a> {
    tenant: &'a Tenant,
    id: &'a NotificationId,
    created: &'a Created,
    to: &'a PhoneNumber,
    body: &'a str,
    attempt: u32,
    expires_at: Timestamp,
    /// Whether an operator released it: then it may have been closed before.
    again: bool,
    /// How many attempts Twilio has put off so far.
    setbacks: u32,
}

/// Starts the attempt that `fact` allows. Safe to call again with the same fact: only the first caller gets to send.
pub async fn start(
    deps: &Deps,
    tenant: &TenantId,
    id: &NotificationId,
    fact: Fact,
    invocation: &Invocation,
) -> Result<Started, Broken> {
    let Some(attempt) = fact.start_attempt else { return Ok(Started::NotOurs) };
    if !has_time(deps, invocation) {
        return Ok(Started::NoTime);
    }
    let tenant = match deps.tenants.get(tenant).await {
        Ok(Some(tenant)) => tenant,
        Ok(None) => {
            tracing::error!(tenant = %tenant, notification = %id, "tenant has no secret; the notification waits for one");
            return Ok(Started::NoTenant);
        }
        Err(error @ store::Error::Invalid(..)) => {
            tracing::error!(tenant = %tenant, notification = %id, error = %error, "tenant document unusable; the notification waits for a better one");
            return Ok(Started::NoTenant);
        }
        Err(error) => return Err(Broken::Tenants(error)),
    };
    // Held for as long as the request lasts, so that a tenant never has more under way than its pace allows. Taken before
    // anything is read: waiting for it may take so long that a callback settles what we would send again.
    let _place = deps.pace.place(&tenant.id).await;
    let story = if matches!(fact.detail, Detail::Created(_)) {
        // Whoever rules out the first attempt takes it, so it needs no look at what else is known.
        Story::new(id.clone(), vec![fact])
    } else {
        let story = deps.ledger.story(&tenant.id, id, Consistency::Strong).await?;
        let state = story.standing(deps.clock.now()).state;
        if state != State::Pending {
            tracing::info!(tenant = %tenant.id, notification = %id, attempt, state = %state, "released, and no longer to be started");
            return Ok(Started::NotOurs);
        }
        story
    };
    let Some(created) = story.created() else {
        tracing::error!(tenant = %tenant.id, notification = %id, "released, but never created");
        return Ok(Started::NotOurs);
    };
    let (Some(to), Some(body)) = (&created.to, &created.body) else { return Ok(Started::NotOurs) };
    let due = Due {
        tenant: &tenant,
        id,
        created,
        to,
        body,
        attempt,
        expires_at: story.expires_at().unwrap_or(created.expires_at),
        again: story.released_by_operator(),
        setbacks: setbacks(&story),
    };
    make(deps, &due, invocation).await
}

async fn make(deps: &Deps, due: &Due<'_>, invocation: &Invocation) -> Result<Started, Broken> {
    let (tenant, id) = (due.tenant, due.id);
    if let Some((reason, why)) = obstacle(deps, due).await? {
        return close(deps, due, reason, why).await;
    }
    if !has_time(deps, invocation) {
        return Ok(Started::NoTime); // waiting for a place took what there was
    }
    let claimant = format!("{}#{:016x}", invocation.request_id, rand::rng().random::<u64>());
    let now = deps.clock.now(); // consent took its time
    let deadline = stamp::after(now, deps.timing.attempt_deadline).min(invocation.until);
    let Some(claim) = deps.ledger.claim(tenant, id, due.attempt, &claimant, now, deadline).await? else {
        return Ok(Started::ByAnother);
    };
    // From here on nothing is handed back: what we can't write down is in doubt, and the sweep finds evidence.
    if let Err(error) = claimed(deps, due, claim, now).await {
        tracing::error!(tenant = %tenant.id, notification = %id, attempt = due.attempt, error = %error, "outcome not written; the sweep will settle it");
    }
    Ok(Started::Here)
}

/// Why the attempt must not be made, if it must not. Asked right before each attempt.
async fn obstacle(deps: &Deps, due: &Due<'_>) -> Result<Option<(ClosedReason, Option<&'static str>)>, ledger::Error> {
    let (tenant, now) = (due.tenant, deps.clock.now());
    if due.expires_at <= now {
        return Ok(Some((ClosedReason::Expired, None)));
    }
    if !tenant.allows(due.to) {
        let why = "not_allowed: the number is not among the tenant's only_to";
        return Ok(Some((ClosedReason::Cancelled, Some(why))));
    }
    if let Some(text) = &due.created.escalates {
        let text = deps.ledger.story(&tenant.id, text, Consistency::Strong).await?;
        if text.standing(now).state == State::Delivered {
            return Ok(Some((ClosedReason::Cancelled, Some("its text was delivered"))));
        }
    }
    let opted_out = deps.ledger.has_opted_out(tenant, due.to).await?;
    Ok(opted_out.then_some((ClosedReason::OptedOut, None)))
}

/// Whether the invocation lasts long enough for a request to Twilio and for writing down what came of it.
fn has_time(deps: &Deps, invocation: &Invocation) -> bool {
    let longest = deps.timing.twilio_timeout + deps.timing.retry_window + shared::settings::INVOCATION_MARGIN;
    stamp::between(deps.clock.now(), invocation.until) >= longest
}

async fn claimed(deps: &Deps, due: &Due<'_>, claim: Claim, claimed_at: Timestamp) -> Result<(), ledger::Error> {
    let (tenant, id) = (due.tenant, due.id);
    let now = deps.clock.now();
    if tenant.mode == Mode::DryRun {
        return deps.ledger.settle(tenant, id, claim, Outcome::DryRun, now, None).await;
    }
    let (allowed, quiet_from) = quiet(due, now, request::least_notice(&deps.timing));
    if allowed > now {
        return defer(deps, due, claim, "quiet_hours", allowed).await;
    }
    if let Some(until) = deps.pace.paused_until(&tenant.id, now, deps.timing.attempt_deadline) {
        return defer(deps, due, claim, "account_paused", until).await;
    }
    let ends = due.expires_at.min(quiet_from.unwrap_or(Timestamp::MAX));
    let request = Request { tenant, id, created: due.created, to: due.to, body: due.body, attempt: due.attempt, ends };
    match request::ask(deps, &request, claim.deadline).await {
        Some(reply) => settle(deps, due, claim, claimed_at, reply).await,
        None => defer(deps, due, claim, "not_started", deps.clock.now()).await,
    }
}

/// Writes down what Twilio's answer means. An answer that leaves doubt writes nothing.
async fn settle(
    deps: &Deps,
    due: &Due<'_>,
    claim: Claim,
    claimed_at: Timestamp,
    reply: Reply,
) -> Result<(), ledger::Error> {
    let (tenant, id, now) = (due.tenant, due.id, deps.clock.now());
    let attempt = claim.attempt;
    match reply {
        Reply::Accepted(Resource { sid, status, .. }) if status == CANCELED => {
            deps.pace.recovered(&tenant.id);
            deps.metrics.count(&tenant.id, "Deferred", 1, Some("call_queue"));
            tracing::info!(tenant = %tenant.id, notification = %id, attempt, sid, "taken back: it would have been dialled too late");
            deps.ledger.settle(tenant, id, claim, Outcome::Accepted { sid, status, evidence: None }, now, None).await
        }
        Reply::Accepted(Resource { sid, status, .. }) => {
            deps.pace.recovered(&tenant.id);
            deps.metrics.count(&tenant.id, "Accepted", 1, Some(due.created.channel.as_str()));
            // Waiting for its time is no delay of ours.
            let began = due.created.not_before.map_or(due.created.occurred_at, |at| at.max(due.created.occurred_at));
            deps.metrics.latency(&tenant.id, "EventToAccepted", stamp::between(began, now));
            tracing::info!(tenant = %tenant.id, notification = %id, attempt, sid, "accepted");
            deps.ledger.settle(tenant, id, claim, Outcome::Accepted { sid, status, evidence: None }, now, None).await
        }
        Reply::NotProcessed { code, why, retry_after, .. } => {
            let pause = pause::jittered(pause::doubled(deps.timing.retry_base, due.setbacks, deps.timing.retry_cap));
            let pause = pause.max(retry_after.unwrap_or_default().min(deps.timing.account_cap));
            tracing::warn!(tenant = %tenant.id, notification = %id, attempt, code, why, "not processed; deferred");
            defer(
                deps,
                due,
                claim,
                &code.map_or_else(|| "connection".to_owned(), |code| code.to_string()),
                stamp::after(now, pause),
            )
            .await
        }
        Reply::Refused { code, status, class } => {
            let reason = reason(code, status);
            // The account's own trouble is counted once for each pause.
            if class.raises_alarm() && !class.is_account_trouble() {
                deps.metrics.count(&tenant.id, "AccountTrouble", 1, Some(&reason));
                tracing::error!(tenant = %tenant.id, notification = %id, attempt, reason, class = request::word(class), "refused; somebody has to mend this");
            }
            match class {
                Class::Account => {
                    let until = pause_tenant(deps, &tenant.id, &reason, now);
                    return defer(deps, due, claim, &reason, until).await;
                }
                // One sender, or one text that a firewall takes amiss, is no reason to hold back the tenant's others.
                Class::Config | Class::NotTwilio | Class::WaitLong => {
                    let pause =
                        pause::spread(pause::doubled(deps.timing.account_base, due.setbacks, deps.timing.account_cap));
                    return defer(deps, due, claim, &reason, stamp::after(now, pause)).await;
                }
                Class::OptedOut => {
                    // As of the claim: a START that came while we asked must not be overruled.
                    let refused = format!("{id}-{attempt}");
                    deps.ledger.append_consent(tenant, due.to, Said::Blocked, claimed_at, &refused).await?;
                }
                Class::Recipient | Class::Content | Class::Bug | Class::Permission | Class::Other => {
                    tracing::warn!(tenant = %tenant.id, notification = %id, attempt, reason, "refused");
                }
                // Twilio's client says these in other words; should one turn up here, the sweep decides on evidence.
                Class::Wait | Class::Unknown => return Ok(()),
            }
            deps.metrics.count(&tenant.id, "Failed", 1, Some(&reason));
            // A call may be waiting for the text to fail.
            let look = due.created.escalate_after_minutes.map(|_| now);
            let code = code.or(status.map(u32::from)).unwrap_or_default();
            let outcome = Outcome::Refused { code, class: request::word(class).to_owned() };
            deps.ledger.settle(tenant, id, claim, outcome, now, look).await
        }
        Reply::InDoubt { status, why } => {
            deps.metrics.count(&tenant.id, "InDoubt", 1, None);
            tracing::warn!(tenant = %tenant.id, notification = %id, attempt, status, why, "no clear answer; in doubt until there is evidence");
            Ok(())
        }
    }
}

async fn defer(deps: &Deps, due: &Due<'_>, claim: Claim, code: &str, retry_at: Timestamp) -> Result<(), ledger::Error> {
    deps.metrics.count(&due.tenant.id, "Deferred", 1, Some(code));
    let retry_at = stamp::whole_millis(retry_at);
    let outcome = Outcome::Deferred { code: code.to_owned(), retry_at };
    deps.ledger.settle(due.tenant, due.id, claim, outcome, deps.clock.now(), Some(retry_at)).await
}

/// Why something was refused, in a word for the ledger: Twilio's code; the HTTP status of what answered in its place; or ours.
fn reason(code: Option<u32>, status: Option<u16>) -> String {
    match (code, status) {
        (Some(code), _) => code.to_string(),
        (None, Some(status)) => format!("http_{status}"),
        (None, None) => "not_set_up".to_owned(),
    }
}

/// Pauses a tenant whose account Twilio refuses, and answers until when.
fn pause_tenant(deps: &Deps, tenant: &TenantId, reason: &str, now: Timestamp) -> Timestamp {
    let (base, cap) = (deps.timing.account_base, deps.timing.account_cap);
    let paused = deps.pace.pause(tenant, now, |before| pause::spread(pause::doubled(base, before, cap)));
    // Once for each pause, so that an alarm lasts as long as the trouble does, and said once.
    if paused.failures > 0 {
        deps.metrics.count(tenant, "AccountTrouble", 1, Some(reason));
    }
    if paused.failures == 1 {
        tracing::error!(tenant = %tenant, reason, "trouble with the Twilio account; everything of this tenant is kept for later");
    }
    paused.until
}

async fn close(deps: &Deps, due: &Due<'_>, reason: ClosedReason, why: Option<&str>) -> Result<Started, Broken> {
    let closed =
        Closed { closed: reason, attempt: due.attempt, again: due.again, why: why.map(str::to_owned), by: None };
    let now = deps.clock.now();
    let deadline = stamp::after(now, deps.timing.attempt_deadline);
    if !deps.ledger.close(due.tenant, due.id, closed, now, deadline).await? {
        return Ok(Started::ByAnother);
    }
    deps.metrics.count(&due.tenant.id, "Closed", 1, Some(reason.as_str()));
    tracing::info!(tenant = %due.tenant.id, notification = %due.id, attempt = due.attempt, reason = reason.as_str(), "closed");
    Ok(Started::Closed)
}

/// How many attempts Twilio has put off; those that we put off ourselves say nothing about how busy it is.
fn setbacks(story: &Story) -> u32 {
    let tried = story.tried();
    let put_off = tried.values().filter(|one| match one.outcome {
        Some(Outcome::Deferred { code, .. }) => !Outcome::OUR_OWN_REASONS.contains(&code.as_str()),
        _ => false,
    });
    u32::try_from(put_off.count()).unwrap_or(u32::MAX)
}

/// The first instant that is not quiet, and when it gets quiet next.
fn quiet(due: &Due<'_>, now: Timestamp, least_notice: Duration) -> (Timestamp, Option<Timestamp>) {
    let Some(hours) = due.tenant.quiet_hours.as_ref().filter(|_| !due.created.urgent) else { return (now, None) };
    let own = due.created.time_zone.as_deref().and_then(|name| TimeZone::get(name).ok());
    let zone = own.unwrap_or_else(|| hours.time_zone.clone());
    let allowed = hours.next_allowed(now, &zone);
    match hours.next_start(allowed, &zone) {
        // What can't be sent in time any more waits for the end of the quiet hours that are about to begin.
        Some(start) if allowed == now && stamp::between(now, start) < least_notice => {
            (hours.next_allowed(start, &zone), None)
        }
        start => (allowed, start),
    }
}
