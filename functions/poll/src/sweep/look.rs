//! One look at one notification: what its facts say, and what follows from that now.

use super::evidence::Holders;
use super::{doubt, escalation, mixup, settled};
use crate::Deps;
use jiff::Timestamp;
use shared::ledger::{self, Append, read::Consistency};
use shared::notification::{
    Closed, ClosedReason, Created, Detail, Fact, Look, NotificationId, Outcome, Release, Report, State, Story,
};
use shared::pause;
use shared::stamp;
use shared::tenant::Tenant;
use shared::twilio::codes::{self, DeliveryClass, Later};
use shared::twilio::status::{self, Verdict};
use std::time::Duration;

/// What a look at a notification calls for. Only the ledger can make it fail.
pub(super) type Done = Result<(), ledger::Error>;

/// One notification, being looked at.
pub(super) struct Looking<'a> {
    pub(super) deps: &'a Deps,
    pub(super) tenant: &'a Tenant,
    pub(super) story: &'a Story,
    pub(super) created: &'a Created,
    pub(super) now: Timestamp,
}

/// Looks at a notification because of what was due at `due`. One that is settled costs one read.
pub async fn look(deps: &Deps, tenant: &Tenant, id: &NotificationId, due: Timestamp, holders: &Holders) -> Done {
    let now = deps.clock.now();
    let glance = deps.ledger.story(&tenant.id, id, Consistency::Eventual).await?;
    if settled::is_over(&glance, now) {
        settled::measure(deps, tenant, &glance, due, now);
        if !mixup::is_possible(&glance) {
            return Ok(());
        }
    }
    // What is decided on must not rest on a read that missed the last second.
    let story = deps.ledger.story(&tenant.id, id, Consistency::Strong).await?;
    let Some(created) = story.created() else { return Ok(()) };
    let looking = Looking { deps, tenant, story: &story, created, now };
    mixup::mend(&looking).await?;
    settled::note_opt_outs(&looking).await?;
    escalation::consider(&looking).await?;
    looking.act(holders).await
}

impl Looking<'_> {
    async fn act(&self, holders: &Holders) -> Done {
        let state = self.story.standing(self.now).state;
        match state {
            State::Scheduled => self.scheduled().await,
            State::Pending => self.pending().await,
            State::Sending => self.sending().await,
            State::InDoubt => doubt::settle(self, holders).await,
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

    async fn scheduled(&self) -> Done {
        if self.created.not_before.is_some_and(|not_before| not_before > self.now) {
            return Ok(()); // due again by itself
        }
        self.release(1, "its time has come").await
    }

    /// It could have started by now, and hasn't: the stream's record was lost, or the tenant stood still.
    async fn pending(&self) -> Done {
        let tried = self.story.tried();
        let last = tried.last_key_value().map_or(0, |(attempt, _)| *attempt);
        let released = self.story.releases().last().map(|(fact, release)| (fact.at, release.attempt));
        let Some((released_at, attempt)) = released.filter(|(_, attempt)| *attempt > last) else {
            return self.release(last + 1, "it was never started").await;
        };
        // A stream that stands still for hours must not fill the ledger.
        let wait = self.growing(tried.values().filter(|one| is_not_started(one.outcome)).count());
        let waited = stamp::between(released_at, self.now);
        if waited < wait {
            return self.again(wait.saturating_sub(waited), "released, not yet started").await;
        }
        // Only who holds the attempt may rule it out: a record that turns up late must not start it as well.
        let deadline = self.after(self.deps.timing.attempt_deadline);
        let claimant = format!("sweep {}#{:016x}", stamp::format(self.now), rand::random::<u64>());
        let claim = self.deps.ledger.claim(self.tenant, &self.story.id, attempt, &claimant, self.now, deadline).await?;
        match claim {
            Some(_) => self.never_made(attempt, "it was released and never started").await,
            None => self.overtaken().await,
        }
    }

    /// Nothing was asked of Twilio under an attempt, and nothing will be: on to the next.
    pub(super) async fn never_made(&self, attempt: u32, why: &str) -> Done {
        let outcome = Outcome::Deferred { code: "not_started".to_owned(), retry_at: stamp::whole_millis(self.now) };
        if !self.outcome(attempt, outcome, self.now).await? {
            return self.overtaken().await;
        }
        self.release(attempt + 1, why).await
    }

    /// Somebody else was faster: what comes of that is looked at later.
    pub(super) async fn overtaken(&self) -> Done {
        self.again(self.deps.timing.first_look, "something happened while we looked").await
    }

    async fn sending(&self) -> Done {
        let deadline = self.story.tried().values().filter_map(|one| one.claim.map(|claim| claim.deadline)).max();
        let wait = deadline.map_or(self.deps.timing.attempt_deadline, |deadline| stamp::between(self.now, deadline));
        self.again(wait + Duration::from_millis(100), "an attempt is under way").await
    }

    async fn deferred(&self) -> Done {
        let tried = self.story.tried();
        let Some((&attempt, one)) = tried.last_key_value() else { return Ok(()) };
        if let Some(later) = one.not_sent() {
            return self.not_sent(attempt, later).await;
        }
        match one.outcome {
            Some(Outcome::Deferred { retry_at, .. }) if *retry_at <= self.now => {
                self.release(attempt + 1, "its pause is over").await
            }
            // Due again by itself, but for a call that may have to follow earlier.
            _ => match escalation::unlooked(self) {
                Some(at) => self.again(stamp::between(self.now, at), "deferred, and a call may have to follow").await,
                None => Ok(()),
            },
        }
    }

    /// Twilio took it and dropped it, and its own time isn't over.
    async fn not_sent(&self, attempt: u32, later: Later) -> Done {
        // A Twilio that drops everything at once is not asked in vain all day.
        let before = self.story.tried().values().filter(|one| one.not_sent().is_some()).count().saturating_sub(1);
        let Some(claimed_at) = self.story.claimed_at(attempt) else {
            return self.release(attempt + 1, "it was not sent").await;
        };
        let earliest = later.earliest(claimed_at).max(stamp::after(claimed_at, self.growing(before)));
        if earliest > self.now {
            return self.again(stamp::between(self.now, earliest), "it was not sent, and is tried again").await;
        }
        self.release(attempt + 1, "it was not sent").await
    }

    /// A wait that is longer each time.
    fn growing(&self, before: usize) -> Duration {
        let timing = &self.deps.timing;
        pause::doubled(timing.first_look, u32::try_from(before).unwrap_or(u32::MAX), timing.later_looks[0])
    }

    /// Twilio has it and has not said how it ended: ask.
    async fn accepted(&self) -> Done {
        let standing = self.story.standing(self.now);
        let Some(sid) = standing.sid else { return Ok(()) };
        let tried = self.story.tried();
        let attempt =
            tried.iter().find(|(_, one)| one.sids().contains(&sid.as_str())).map_or(1, |(attempt, _)| *attempt);
        let why = match self.deps.twilio.fetch(&self.tenant.twilio, &sid).await {
            Ok(Some(resource)) if resource.status.is_empty() => "Twilio gives no status of it".to_owned(),
            Ok(Some(resource)) => {
                let (sid, status) = (resource.sid, resource.status);
                let channel = shared::twilio::Channel::of_sid(&sid).unwrap_or(shared::twilio::Channel::Message);
                let verdict = status::standing(channel, &status).verdict;
                let why = format!("Twilio says it is {status}");
                let report = Report { sid, status, attempt, error_code: resource.error_code, fields: resource.fields };
                self.fetched(report, verdict).await?;
                if verdict.is_final() {
                    return Ok(());
                }
                why
            }
            Ok(None) => "Twilio doesn't know its sid".to_owned(),
            Err(_) => "Twilio could not be asked about it".to_owned(),
        };
        // Counted from when this attempt began: the notification may have waited for days before.
        let began = self.story.claimed_at(attempt).or_else(|| self.story.created_fact().map(|fact| fact.at));
        let age = began.map_or(Duration::ZERO, |began| stamp::between(began, self.now));
        match self.deps.timing.later_looks.iter().find(|later| **later > age) {
            Some(later) => self.again(later.saturating_sub(age), &why).await,
            None => self.last(&format!("{why}; not asked again")).await,
        }
    }

    async fn fetched(&self, report: Report, verdict: Verdict) -> Done {
        let reason = report.error_code.map_or_else(|| report.status.clone(), |code| code.to_string());
        let raises_alarm = report.error_code.map(codes::delivery).is_some_and(DeliveryClass::raises_alarm);
        let fact = Fact::new(self.now, Detail::Fetched(report));
        let failed = matches!(verdict, Verdict::Failed | Verdict::Undelivered);
        if self.append(&if failed { fact.due(self.now) } else { fact }).await? == Append::Appended {
            let (metrics, tenant) = (&self.deps.metrics, &self.tenant.id);
            match verdict {
                Verdict::Delivered => metrics.count(tenant, "Delivered", 1, Some(self.created.channel.as_str())),
                Verdict::Failed | Verdict::Undelivered => metrics.count(tenant, "Failed", 1, Some(&reason)),
                Verdict::Underway => {}
            }
            if failed && raises_alarm {
                metrics.count(tenant, "AccountTrouble", 1, Some(&reason));
                tracing::error!(tenant = %tenant, notification = %self.story.id, reason, "not delivered; somebody has to look");
            }
        }
        Ok(())
    }

    /// Lets an attempt start, unless the notification's time is over.
    pub(super) async fn release(&self, attempt: u32, why: &str) -> Done {
        if self.is_expired() {
            return self.close(ClosedReason::Expired, attempt, None).await;
        }
        let release = Release { attempt, why: why.to_owned(), by: None, expires_at: None };
        let next = escalation::look_after_release(self).min(self.after(self.deps.timing.first_look));
        self.append(&Fact::new(self.now, Detail::Release(release)).starting(attempt).due(next)).await.map(|_| ())
    }

    /// Whether nothing may start any more.
    pub(super) fn is_expired(&self) -> bool {
        self.story.expires_at().is_some_and(|end| end <= self.now)
    }

    /// Closes it before an attempt. One that a record of the stream may start at any moment is taken first.
    pub(super) async fn close(&self, reason: ClosedReason, attempt: u32, why: Option<&str>) -> Done {
        let again = self.story.released_by_operator();
        let closed = Closed { closed: reason, attempt, again, why: why.map(str::to_owned), by: None };
        let may_start = self.story.facts.iter().any(|fact| fact.start_attempt == Some(attempt));
        let is_closed = if may_start {
            let deadline = self.after(self.deps.timing.attempt_deadline);
            self.deps.ledger.close(self.tenant, &self.story.id, closed, self.now, deadline).await?
        } else {
            let fact = Fact::new(self.now, Detail::Closed(closed));
            // A callback may still tell whose it was that another one took for its own.
            let [.., longest] = self.deps.timing.later_looks;
            let later = (reason == ClosedReason::Unconfirmed).then(|| self.after(longest));
            let fact = match escalation::unlooked(self).or(later) {
                Some(at) => fact.due(at),
                None => fact,
            };
            self.append(&fact).await? == Append::Appended
        };
        if is_closed {
            self.deps.metrics.count(&self.tenant.id, "Closed", 1, Some(reason.as_str()));
            return Ok(());
        }
        if may_start { self.overtaken().await } else { Ok(()) } // closed by another sweep
    }

    /// Writes down why it isn't settled, and looks again after a while.
    pub(super) async fn again(&self, wait: Duration, why: &str) -> Done {
        // A text that a call may follow is looked at when that call is due.
        let next = escalation::unlooked(self).map_or(self.after(wait), |at| at.min(self.after(wait)));
        self.append(&self.looked(why).due(next)).await.map(|_| ())
    }

    async fn last(&self, why: &str) -> Done {
        match escalation::unlooked(self) {
            Some(at) => self.again(stamp::between(self.now, at), why).await,
            None => self.append(&self.looked(why)).await.map(|_| ()),
        }
    }

    fn looked(&self, why: &str) -> Fact {
        let look = self.story.looks().iter().map(|look| look.look).max().unwrap_or(0).saturating_add(1);
        Fact::new(self.now, Detail::Look(Look { look, why: why.to_owned() }))
    }

    /// Writes down what became of an attempt, to be looked at when `due` has come. Answers whether that is what the ledger says.
    pub(super) async fn outcome(&self, attempt: u32, outcome: Outcome, due: Timestamp) -> Result<bool, ledger::Error> {
        self.deps.ledger.append_outcome(self.tenant, &self.story.id, attempt, outcome, self.now, Some(due)).await
    }

    async fn append(&self, fact: &Fact) -> Result<Append<Fact>, ledger::Error> {
        self.deps.ledger.append(self.tenant, &self.story.id, fact).await
    }

    pub(super) fn after(&self, wait: Duration) -> Timestamp {
        stamp::after(self.now, wait)
    }
}

fn is_not_started(outcome: Option<&Outcome>) -> bool {
    matches!(outcome, Some(Outcome::Deferred { code, .. }) if code == "not_started")
}
