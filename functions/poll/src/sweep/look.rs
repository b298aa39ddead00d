//! One look at one notification: what its facts say, and what follows from that now.

use super::{escalation, evidence};
use crate::Deps;
use evidence::{Found, Holders};
use jiff::Timestamp;
use shared::ledger::{self, Append, read::Consistency};
use shared::notification::{
    Closed, ClosedReason, Created, Detail, Fact, Look, NotificationId, Outcome, Release, Report, State, Story, Tried,
};
use shared::stamp;
use shared::tenant::{Doubt, Tenant};
use std::time::Duration;

/// What a look at a notification calls for. Only the ledger can make it fail.
type Done = Result<(), ledger::Error>;

/// One notification, being looked at.
pub(super) struct Looking<'a> {
    pub(super) deps: &'a Deps,
    pub(super) tenant: &'a Tenant,
    pub(super) story: &'a Story,
    pub(super) created: &'a Created,
    pub(super) now: Timestamp,
}

/// Looks at a notification. One that is settled costs one read.
pub async fn look(deps: &Deps, tenant: &Tenant, id: &NotificationId, holders: &Holders) -> Done {
    let now = deps.clock.now();
    let glance = deps.ledger.story(&tenant.id, id, Consistency::Eventual).await?;
    if is_over(&glance, now) {
        return Ok(());
    }
    // What is decided on must not rest on a read that missed the last second.
    let story = deps.ledger.story(&tenant.id, id, Consistency::Strong).await?;
    let Some(created) = story.created() else { return Ok(()) };
    let looking = Looking { deps, tenant, story: &story, created, now };
    escalation::consider(&looking).await?;
    looking.act(holders).await
}

/// Whether nothing can follow: settled, and no call waits for a text that failed.
fn is_over(story: &Story, now: Timestamp) -> bool {
    let state = story.standing(now).state;
    let escalates = story.created().is_some_and(|created| created.escalate_after_minutes.is_some());
    state == State::Delivered
        || state.is_settled()
            && !(escalates && matches!(state, State::Failed | State::Undelivered | State::Unconfirmed))
}

impl Looking<'_> {
    async fn act(&self, holders: &Holders) -> Done {
        let state = self.story.standing(self.now).state;
        match state {
            State::Scheduled => self.scheduled().await,
            State::Pending => self.pending().await,
            State::Sending => self.sending().await,
            State::InDoubt => self.in_doubt(holders).await,
            State::Deferred => self.deferred().await,
            State::Accepted => self.accepted().await,
            State::Suppressed
            | State::Held
            | State::Delivered
            | State::Undelivered
            | State::Failed
            | State::Unconfirmed
            | State::Expired
            | State::Cancelled
            | State::DryRun => Ok(()),
        }
    }

    /// Its time has come, unless it is over, or the text that it was to follow has arrived.
    async fn scheduled(&self) -> Done {
        if self.created.not_before.is_some_and(|not_before| not_before > self.now) {
            return Ok(()); // due again by itself
        }
        if let Some(text) = &self.created.escalates {
            let text = self.deps.ledger.story(&self.tenant.id, text, Consistency::Strong).await?;
            if text.standing(self.now).state == State::Delivered {
                return self.close(ClosedReason::Cancelled, 1, Some("its text was delivered")).await;
            }
        }
        self.release(1, "its time has come").await
    }

    /// It could have started by now, and hasn't: the stream's record was lost, or the tenant stood still.
    async fn pending(&self) -> Done {
        let released = self.story.releases().last().map(|(fact, release)| (fact.at, release.attempt));
        let tried = self.story.tried().last_key_value().map_or(0, |(attempt, _)| *attempt);
        match released.filter(|(_, attempt)| *attempt > tried) {
            None => self.release(tried + 1, "it was never started").await,
            Some((at, _)) if stamp::between(at, self.now) < self.deps.timing.first_look => {
                self.again(self.deps.timing.first_look, "released, not yet started").await
            }
            Some((_, attempt)) => {
                // Only who holds the attempt may rule it out: a record that turns up late must not start it as well.
                let deadline = stamp::after(self.now, self.deps.timing.attempt_deadline);
                let claimant = format!("sweep#{}", self.now);
                let Some(claim) =
                    self.deps.ledger.claim(self.tenant, &self.story.id, attempt, &claimant, self.now, deadline).await?
                else {
                    return Ok(());
                };
                let outcome = Outcome::Deferred { code: "not_started".to_owned(), retry_at: self.now };
                self.deps.ledger.settle(self.tenant, &self.story.id, claim, outcome, self.now, Some(self.now)).await?;
                self.release(attempt + 1, "it was released and never started").await
            }
        }
    }

    async fn sending(&self) -> Done {
        let deadline = self.story.tried().values().filter_map(|one| one.claim.map(|claim| claim.deadline)).max();
        let wait = deadline.map_or(self.deps.timing.attempt_deadline, |deadline| stamp::between(self.now, deadline));
        self.again(wait + Duration::from_millis(100), "an attempt is under way").await
    }

    /// Nothing is known of an attempt: look for it at Twilio, be patient, then decide as the tenant wishes.
    async fn in_doubt(&self, holders: &Holders) -> Done {
        let tried = self.story.tried();
        let Some((&attempt, one)) = tried.last_key_value() else { return Ok(()) };
        if one.outcome == Some(&Outcome::PresumedLost) {
            return self.give_up(attempt).await; // decided before, not carried out
        }
        let claimed_at = self
            .story
            .facts
            .iter()
            .find(|fact| matches!(&fact.detail, Detail::Attempt(one) if one.attempt == attempt))
            .map(|fact| fact.at);
        let Some(claimed_at) = claimed_at else { return Ok(()) };
        // Never at the first moment of doubt, however short the patience of a trial is.
        let timing = &self.deps.timing;
        let least = timing.attempt_deadline + timing.patience.min(timing.attempt_deadline);
        let patient_until = stamp::after(claimed_at, timing.patience.max(least));
        match evidence::find(self, attempt, claimed_at, holders).await? {
            Found::Message { sid, status } => {
                tracing::info!(tenant = %self.tenant.id, notification = %self.story.id, attempt, sid, "found at Twilio");
                let outcome = Outcome::Accepted { sid, status, evidence: Some("list".to_owned()) };
                self.deps
                    .ledger
                    .append_outcome(
                        self.tenant,
                        &self.story.id,
                        attempt,
                        outcome,
                        self.now,
                        Some(self.after(self.deps.timing.first_look)),
                    )
                    .await
                    .map(|_| ())
            }
            Found::Nothing if self.now >= patient_until => {
                // Looking took its time, and another sweep may have found what this one didn't.
                let story = self.deps.ledger.story(&self.tenant.id, &self.story.id, Consistency::Strong).await?;
                if story.tried().get(&attempt).is_some_and(Tried::is_accepted) {
                    return Ok(());
                }
                let lost = self
                    .deps
                    .ledger
                    .append_outcome(
                        self.tenant,
                        &self.story.id,
                        attempt,
                        Outcome::PresumedLost,
                        self.now,
                        Some(self.now),
                    )
                    .await?;
                if !lost {
                    return Ok(());
                }
                tracing::warn!(tenant = %self.tenant.id, notification = %self.story.id, attempt, "presumed lost");
                self.give_up(attempt).await
            }
            Found::Nothing => {
                let wait = self.deps.timing.first_look.min(stamp::between(self.now, patient_until));
                self.again(wait, "in doubt: no callback, and not on Twilio's list so far").await
            }
            Found::NoAnswer => {
                self.again(self.deps.timing.first_look, "in doubt: Twilio's list could not be read").await
            }
        }
    }

    async fn give_up(&self, attempt: u32) -> Done {
        match self.tenant.on_doubt.of(self.created.channel) {
            Doubt::Resend => self.release(attempt + 1, "the last attempt is presumed lost").await,
            Doubt::Hold => {
                self.deps.metrics.count(&self.tenant.id, "Unconfirmed", 1, None);
                self.close(ClosedReason::Unconfirmed, attempt + 1, None).await
            }
        }
    }

    async fn deferred(&self) -> Done {
        let tried = self.story.tried();
        let Some((&attempt, one)) = tried.last_key_value() else { return Ok(()) };
        match one.outcome {
            Some(Outcome::Deferred { retry_at, .. }) if *retry_at <= self.now => {
                self.release(attempt + 1, "its pause is over").await
            }
            _ => Ok(()), // due again by itself
        }
    }

    /// Twilio has it and has not said how it ended: ask.
    async fn accepted(&self) -> Done {
        let standing = self.story.standing(self.now);
        let Some(sid) = standing.sid else { return Ok(()) };
        let attempt = self
            .story
            .tried()
            .iter()
            .find(|(_, one)| one.sids().contains(&sid.as_str()))
            .map_or(1, |(attempt, _)| *attempt);
        let why = match self.deps.twilio.fetch(&self.tenant.twilio, &sid).await {
            Ok(Some(resource)) => {
                let report = Report {
                    sid: resource.sid,
                    status: resource.status,
                    attempt,
                    error_code: resource.error_code,
                    fields: resource.fields,
                };
                let channel = shared::twilio::Channel::of_sid(&sid).unwrap_or(shared::twilio::Channel::Message);
                let verdict = shared::twilio::status::standing(channel, &report.status).verdict;
                let status = report.status.clone();
                let failed = matches!(
                    verdict,
                    shared::twilio::status::Verdict::Failed | shared::twilio::status::Verdict::Undelivered
                );
                let fact = Fact::new(self.now, Detail::Fetched(report));
                self.append(&if failed { fact.due(self.now) } else { fact }).await?;
                if verdict.is_final() {
                    return Ok(());
                }
                format!("Twilio says it is {status}")
            }
            Ok(None) => "Twilio doesn't know its sid".to_owned(),
            Err(_) => "Twilio could not be asked about it".to_owned(),
        };
        let age = self.story.created_fact().map_or(Duration::ZERO, |fact| stamp::between(fact.at, self.now));
        match self.deps.timing.later_looks.iter().find(|later| **later > age) {
            Some(later) => self.again(later.saturating_sub(age), &why).await,
            None => self.last(&format!("{why}; not asked again")).await,
        }
    }

    /// Lets an attempt start, unless the notification's time is over.
    pub(super) async fn release(&self, attempt: u32, why: &str) -> Done {
        if self.story.expires_at().is_some_and(|end| end <= self.now) {
            return self.close(ClosedReason::Expired, attempt, None).await;
        }
        let release = Release { attempt, why: why.to_owned(), by: None, expires_at: None };
        let fact = Fact::new(self.now, Detail::Release(release))
            .starting(attempt)
            .due(self.after(self.deps.timing.first_look));
        self.append(&fact).await.map(|_| ())
    }

    async fn close(&self, reason: ClosedReason, attempt: u32, why: Option<&str>) -> Done {
        let again = self.story.released_by_operator();
        let closed = Closed { closed: reason, attempt, again, why: why.map(str::to_owned), by: None };
        self.deps.metrics.count(&self.tenant.id, "Closed", 1, Some(reason.as_str()));
        self.append(&Fact::new(self.now, Detail::Closed(closed))).await.map(|_| ())
    }

    /// Writes down why it isn't settled, and looks again after a while.
    pub(super) async fn again(&self, wait: Duration, why: &str) -> Done {
        // A text that a call may follow is looked at when that call is due.
        let next = escalation::due_at(self)
            .filter(|at| *at > self.now)
            .map_or(self.after(wait), |at| at.min(self.after(wait)));
        self.append(&self.looked(why).due(next)).await.map(|_| ())
    }

    async fn last(&self, why: &str) -> Done {
        self.append(&self.looked(why)).await.map(|_| ())
    }

    fn looked(&self, why: &str) -> Fact {
        let look = u32::try_from(self.story.looks().len()).unwrap_or(u32::MAX).saturating_add(1);
        Fact::new(self.now, Detail::Look(Look { look, why: why.to_owned() }))
    }

    async fn append(&self, fact: &Fact) -> Result<Append<Fact>, ledger::Error> {
        self.deps.ledger.append(self.tenant, &self.story.id, fact).await
    }

    fn after(&self, wait: Duration) -> Timestamp {
        stamp::after(self.now, wait)
    }
}
