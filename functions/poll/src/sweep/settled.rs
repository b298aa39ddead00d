//! What is settled: whether anything can still follow, what to note of it, and how long it took. Asks Twilio nothing.

use super::look::{Done, Looking};
use crate::Deps;
use jiff::Timestamp;
use shared::ledger::consent::Said;
use shared::notification::{AttemptOutcome, Detail, Fact, Outcome, Report, State, Story, Tried};
use shared::stamp;
use shared::tenant::Tenant;
use shared::twilio::Channel;
use shared::twilio::codes::OPTED_OUT;
use shared::twilio::status::{self, Verdict};

/// Whether nothing can follow: settled, and no call waits for a text that failed.
pub(super) fn is_over(story: &Story, now: Timestamp) -> bool {
    let state = story.standing(now).state;
    let escalates = story.created().is_some_and(|created| created.escalate_after_minutes.is_some());
    let failed = matches!(state, State::Failed | State::Undelivered | State::Unconfirmed);
    state == State::Delivered || state.is_settled() && !(failed && (escalates || opt_outs(story).next().is_some()))
}

/// Measures how long a delivered message took, and counts what nobody else could. The callback function, which hears of the
/// delivery, reads nothing and can't know when it was accepted, or whether it was; so the last look tells.
pub(super) fn measure(deps: &Deps, tenant: &Tenant, story: &Story, due: Timestamp, now: Timestamp) {
    let is_last = story.facts.iter().filter_map(|fact| fact.due_at).all(|other| other <= due);
    let standing = story.standing(now);
    let (true, State::Delivered, Some(sid)) = (is_last, standing.state, standing.sid) else { return };
    let channel = story.created().map(|created| created.channel);
    let reason = channel.map(shared::phone::Channel::as_str);
    let by_callback_alone =
        |one: &Tried<'_>| one.is_accepted() && !matches!(one.outcome, Some(Outcome::Accepted { .. }));
    if story.tried().values().any(by_callback_alone) {
        deps.metrics.count(&tenant.id, "Accepted", 1, reason);
    }
    // `read` comes after `delivered`, which is counted when it comes; unless that was lost.
    let is_read_alone = |fact: &Fact| match &fact.detail {
        Detail::Callback(report) | Detail::Fetched(report) => report.sid != sid || report.status != "delivered",
        _ => true,
    };
    if channel == Some(shared::phone::Channel::Sms) && story.facts.iter().all(is_read_alone) {
        deps.metrics.count(&tenant.id, "Delivered", 1, reason);
    }
    let accepted = story.facts.iter().find(|fact| match &fact.detail {
        Detail::Outcome(AttemptOutcome { outcome: Outcome::Accepted { sid: known, evidence: None, .. }, .. }) => {
            *known == sid
        }
        _ => false,
    });
    let delivered = story.facts.iter().find(|fact| match &fact.detail {
        Detail::Callback(report) => report.sid == sid && verdict(report) == Verdict::Delivered,
        _ => false,
    });
    if let (Some(accepted), Some(delivered)) = (accepted, delivered) {
        let took = stamp::between(accepted.at, delivered.at);
        deps.metrics.latency(&tenant.id, "AcceptedToDelivered", took);
    }
}

/// Notes that somebody has opted out, as Twilio reported, as of the attempt: they had by then, and a START that came since
/// must not be overruled. Can be noted twice.
pub(super) async fn note_opt_outs(looking: &Looking<'_>) -> Done {
    let Some(to) = &looking.created.to else { return Ok(()) };
    for report in opt_outs(looking.story) {
        let at = looking.story.claimed_at(report.attempt).unwrap_or(looking.now);
        looking.deps.ledger.append_consent(looking.tenant, to, Said::Blocked, at, &report.sid).await?;
    }
    Ok(())
}

/// Reports of somebody's having opted out.
fn opt_outs(story: &Story) -> impl Iterator<Item = &Report> {
    story.facts.iter().filter_map(|fact| match &fact.detail {
        Detail::Callback(report) | Detail::Fetched(report) if report.error_code == Some(OPTED_OUT) => Some(report),
        _ => None,
    })
}

fn verdict(report: &Report) -> Verdict {
    status::standing(Channel::of_sid(&report.sid).unwrap_or(Channel::Message), &report.status).verdict
}
