//! An attempt in doubt: it is looked for at Twilio, patiently, and then the tenant's wish decides. Never releases an attempt
//! that may have been accepted, as far as anybody can tell: where Twilio can't be asked for a whole day, nothing is sent again.

use super::evidence::{self, Found, Holders};
use super::look::{Done, Looking};
use shared::ledger::read::Consistency;
use shared::notification::{ClosedReason, Outcome, Tried};
use shared::stamp;
use shared::tenant::Doubt;
use std::time::Duration;

/// Nothing is known of the last attempt: looks for it, is patient, then decides as the tenant wishes.
pub(super) async fn settle(looking: &Looking<'_>, holders: &Holders) -> Done {
    let tried = looking.story.tried();
    let Some((&attempt, one)) = tried.last_key_value() else { return Ok(()) };
    if one.outcome == Some(&Outcome::PresumedLost) {
        return give_up(looking, attempt).await; // decided before, not carried out
    }
    if one.claim.is_some_and(shared::notification::Attempt::asks_nothing) {
        return looking.never_made(attempt, "the attempt was taken without asking Twilio").await;
    }
    let Some(claimed_at) = looking.story.claimed_at(attempt) else { return Ok(()) };
    // Never at the first moment of doubt, however short the patience of a trial is.
    let timing = &looking.deps.timing;
    let least = timing.attempt_deadline + timing.patience.min(timing.attempt_deadline);
    let patient_until = stamp::after(claimed_at, timing.patience.max(least));
    let (tenant, id) = (looking.tenant, &looking.story.id);
    match evidence::find(looking, attempt, claimed_at, holders).await? {
        Found::Message { sid, status } => {
            tracing::info!(tenant = %tenant.id, notification = %id, attempt, sid, "found at Twilio");
            let outcome = Outcome::Accepted { sid, status, evidence: Some("list".to_owned()) };
            if looking.outcome(attempt, outcome, looking.after(timing.first_look)).await? {
                looking.deps.metrics.count(&tenant.id, "Found", 1, None);
                looking.deps.metrics.count(&tenant.id, "Accepted", 1, Some(looking.created.channel.as_str()));
                return Ok(());
            }
            looking.overtaken().await
        }
        Found::Decided => looking.overtaken().await,
        Found::Nothing if looking.now >= patient_until => {
            // Looking took its time, and another sweep may have found what this one didn't.
            let story = looking.deps.ledger.story(&tenant.id, id, Consistency::Strong).await?;
            if story.tried().get(&attempt).is_some_and(Tried::is_accepted)
                || !looking.outcome(attempt, Outcome::PresumedLost, looking.now).await?
            {
                return looking.overtaken().await;
            }
            tracing::warn!(tenant = %tenant.id, notification = %id, attempt, "presumed lost");
            looking.deps.metrics.count(&tenant.id, "PresumedLost", 1, None);
            give_up(looking, attempt).await
        }
        Found::Nothing => {
            let wait = timing.first_look.min(stamp::between(looking.now, patient_until));
            still(looking, wait, "in doubt: no callback, and not on Twilio's list so far").await
        }
        Found::NoAnswer => {
            let age = stamp::between(claimed_at, looking.now);
            let [.., longest] = timing.later_looks;
            if age >= longest {
                return unconfirmed(looking, attempt, Some("Twilio's list could not be read, or did not decide it"))
                    .await;
            }
            // Soon enough to send it again in time, and not so often that a day without an answer fills the ledger.
            let wait = (age / 2).clamp(timing.first_look, timing.patience.max(timing.first_look));
            still(looking, wait, "in doubt: Twilio's list could not be read, or does not decide it").await
        }
    }
}

/// It stays in doubt. Counted at each look, so that an alarm lasts as long as the doubt does, and hears of senders that died.
async fn still(looking: &Looking<'_>, wait: Duration, why: &str) -> Done {
    looking.deps.metrics.count(&looking.tenant.id, "InDoubt", 1, Some("look"));
    looking.again(wait, why).await
}

async fn give_up(looking: &Looking<'_>, attempt: u32) -> Done {
    let wish = looking.tenant.on_doubt.of(looking.created.channel);
    let why = match wish {
        Doubt::Resend if !looking.is_expired() => {
            return looking.release(attempt + 1, "the last attempt is presumed lost").await;
        }
        // What may have been sent is not called expired.
        Doubt::Resend => Some("its time was over before it could be sent again"),
        Doubt::Hold => None,
    };
    unconfirmed(looking, attempt, why).await
}

async fn unconfirmed(looking: &Looking<'_>, attempt: u32, why: Option<&str>) -> Done {
    looking.deps.metrics.count(&looking.tenant.id, "Unconfirmed", 1, None);
    looking.close(ClosedReason::Unconfirmed, attempt + 1, why).await
}
