//! Carries out a plan on one notification, after looking once more: what was shown may be minutes old. Every step can be
//! taken twice; whoever comes second is told.

use super::plan::{self, Plan, Verb};
use crate::audit::story::CLAIMANT;
use jiff::Timestamp;
use rand::RngExt as _;
use shared::ledger::read::Consistency;
use shared::ledger::{self, Append, Ledger};
use shared::notification::{Closed, ClosedReason, Detail, Fact, NotificationId, Outcome, Release};
use shared::stamp;
use shared::tenant::Tenant;
use shared::timing::Timing;

/// Who does what to whose notifications, and why.
pub struct Errand<'a> {
    /// Where.
    pub ledger: &'a Ledger,
    /// Whose.
    pub tenant: &'a Tenant,
    /// What.
    pub verb: Verb,
    /// Who.
    pub by: &'a str,
    /// Why.
    pub why: &'a str,
}

/// Why nothing, or not all, was done.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    /// The notification doesn't allow it, or somebody was faster.
    #[error("{0}")]
    Refused(String),
    /// The table can't be used. It may be tried again.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
}

impl Errand<'_> {
    /// Does it to one notification, and answers what was done.
    pub async fn carry_out(&self, id: &NotificationId, now: Timestamp) -> Result<Plan, NotDone> {
        let story = self.ledger.story(&self.tenant.id, id, Consistency::Strong).await?;
        let plan = plan::plan(self.verb, self.tenant, &story, now).map_err(NotDone::Refused)?;
        match &plan {
            Plan::Release { take, attempt, expires_at, .. } => {
                if let Some(never_started) = take {
                    self.take(id, *never_started, now, "it started just now").await?;
                    let outcome = Outcome::Deferred { code: "not_started".to_owned(), retry_at: now };
                    self.ledger.append_outcome(self.tenant, id, *never_started, outcome, now, None).await?;
                }
                self.release(id, *attempt, *expires_at, now).await?;
            }
            Plan::Cancel { attempt, taken } => {
                if !taken {
                    self.take(id, *attempt, now, "too late: it started just now").await?;
                }
                self.cancel(id, *attempt, story.released_by_operator(), now).await?;
            }
        }
        Ok(plan)
    }

    /// Takes an attempt, so that nobody else can start it.
    async fn take(&self, id: &NotificationId, attempt: u32, now: Timestamp, too_late: &str) -> Result<(), NotDone> {
        let claimant = format!("{CLAIMANT}{} {:016x}", self.by, rand::rng().random::<u64>());
        let deadline = stamp::after(now, Timing::default().attempt_deadline);
        match self.ledger.claim(self.tenant, id, attempt, &claimant, now, deadline).await? {
            Some(_claim) => Ok(()), // never spent: nothing is asked of Twilio
            None => Err(NotDone::Refused(format!("{too_late}, attempt {attempt} is taken"))),
        }
    }

    async fn release(
        &self,
        id: &NotificationId,
        attempt: u32,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), NotDone> {
        let release = Release {
            attempt,
            why: self.why.to_owned(),
            by: Some(self.by.to_owned()),
            expires_at: Some(stamp::whole_millis(expires_at)),
        };
        let look = stamp::after(now, Timing::default().first_look);
        let fact = Fact::new(now, Detail::Release(release)).starting(attempt).due(look);
        match self.ledger.append(self.tenant, id, &fact).await? {
            Append::Appended => Ok(()),
            Append::Exists(old) if old == fact => Ok(()), // ours: the SDK asked twice
            Append::Exists(_) => Err(NotDone::Refused(format!("somebody else has just released attempt {attempt}"))),
        }
    }

    async fn cancel(&self, id: &NotificationId, attempt: u32, again: bool, now: Timestamp) -> Result<(), NotDone> {
        let closed = Closed {
            closed: ClosedReason::Cancelled,
            attempt,
            again,
            why: Some(self.why.to_owned()),
            by: Some(self.by.to_owned()),
        };
        let fact = Fact::new(now, Detail::Closed(closed));
        match self.ledger.append(self.tenant, id, &fact).await? {
            Append::Appended => Ok(()),
            Append::Exists(old) if old == fact => Ok(()),
            Append::Exists(_) => Err(NotDone::Refused("somebody else has just closed it".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests;
