//! Attempts: the right to make one request to Twilio, and what became of it. Only a [`Claim`] can be settled, and only the
//! first to ask for an attempt gets one.

use super::read::Consistency;
use super::table::{PK, RETAIN_UNTIL, SK, phone_pk};
use super::{Append, Error, Item, Ledger};
use crate::notification::{Attempt, AttemptOutcome, Closed, Detail, Fact, NotificationId, Outcome, Report};
use crate::phone::PhoneNumber;
use crate::stamp;
use crate::tenant::{Tenant, TenantId};
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use rand::RngExt;

/// An attempt that is ours and nobody else's. It is spent by [`Ledger::settle`], or dropped if nothing is known.
#[derive(Debug)]
pub struct Claim {
    /// From 1.
    pub attempt: u32,
    /// Past this without an outcome, the attempt is in doubt: no request may be under way any more.
    pub deadline: Timestamp,
}

impl Ledger {
    /// Takes an attempt; `None` if somebody has it. `claimant` must be another one for every call, so that a claim whose
    /// answer was lost on the way is known as our own when the SDK asks again.
    pub async fn claim(
        &self,
        tenant: &Tenant,
        id: &NotificationId,
        attempt: u32,
        claimant: &str,
        now: Timestamp,
        deadline: Timestamp,
    ) -> Result<Option<Claim>, Error> {
        let deadline = stamp::whole_millis(deadline);
        let detail = Detail::Attempt(Attempt { attempt, deadline, request_id: claimant.to_owned() });
        let ours = match self.append(tenant, id, &Fact::new(now, detail)).await? {
            Append::Appended => true,
            Append::Exists(old) => matches!(old.detail, Detail::Attempt(old) if old.request_id == claimant),
        };
        Ok(ours.then_some(Claim { attempt, deadline }))
    }

    /// Writes down what became of an attempt; `due` says when the sweep must look because of it. If the sweep has meanwhile
    /// presumed it lost, an acceptance is kept as a report, so that it counts all the same.
    pub async fn settle(
        &self,
        tenant: &Tenant,
        id: &NotificationId,
        claim: Claim,
        outcome: Outcome,
        at: Timestamp,
        due: Option<Timestamp>,
    ) -> Result<(), Error> {
        self.append_outcome(tenant, id, claim.attempt, outcome, at, due).await.map(|_| ())
    }

    /// The same for the sweep, which settles other people's attempts on evidence. Answers whether that outcome is what the
    /// ledger says now: somebody else may have been first with another.
    pub async fn append_outcome(
        &self,
        tenant: &Tenant,
        id: &NotificationId,
        attempt: u32,
        outcome: Outcome,
        at: Timestamp,
        due: Option<Timestamp>,
    ) -> Result<bool, Error> {
        let accepted = match &outcome {
            Outcome::Accepted { sid, status, .. } => Some((sid.clone(), status.clone())),
            _ => None,
        };
        let mut fact = Fact::new(at, Detail::Outcome(AttemptOutcome { attempt, outcome: outcome.clone() }));
        fact.due_at = due.map(stamp::whole_millis);
        let Append::Exists(old) = self.append(tenant, id, &fact).await? else { return Ok(true) };
        let known = |sid: &str| matches!(&old.detail, Detail::Outcome(AttemptOutcome { outcome: Outcome::Accepted { sid: known, .. }, .. }) if known == sid);
        if let Some((sid, status)) = accepted.filter(|(sid, _)| !known(sid)) {
            let report = Report { sid, status, attempt, error_code: None, fields: serde_json::Map::new() };
            let mut report = Fact::new(at, Detail::Fetched(report));
            report.due_at = fact.due_at;
            self.append(tenant, id, &report).await?;
        }
        Ok(matches!(old.detail, Detail::Outcome(AttemptOutcome { outcome: first, .. }) if first == outcome))
    }

    /// Closes a notification whose next attempt may start at any moment: takes that attempt first, so that a record of the
    /// stream that turns up late finds it taken. Answers whether it is closed; if not, somebody else has started it.
    pub async fn close(
        &self,
        tenant: &Tenant,
        id: &NotificationId,
        closed: Closed,
        at: Timestamp,
        deadline: Timestamp,
    ) -> Result<bool, Error> {
        let claimant = format!("closing {}#{:016x}", closed.closed.as_str(), rand::rng().random::<u64>());
        if self.claim(tenant, id, closed.attempt, &claimant, at, deadline).await?.is_none() {
            return Ok(false);
        }
        self.append(tenant, id, &Fact::new(at, Detail::Closed(closed))).await?;
        Ok(true)
    }

    /// The notification and the attempt that a sid was taken for, off Twilio's list, if it was.
    pub async fn adopted_by(
        &self,
        tenant: &TenantId,
        number: &PhoneNumber,
        sid: &str,
    ) -> Result<Option<(NotificationId, u32)>, Error> {
        let found = self.partition(phone_pk(tenant, number), Some(adopted_sk(sid)), Consistency::Strong).await?;
        Ok(found.iter().find_map(|item| {
            let id = NotificationId::parse(item.get("notification_id")?.as_s().ok()?).ok()?;
            Some((id, item.get("attempt")?.as_n().ok()?.parse().ok()?))
        }))
    }

    /// Takes a sid that Twilio's list showed for an attempt in doubt; `false` if another notification took it first.
    pub async fn adopt(
        &self,
        tenant: &Tenant,
        number: &PhoneNumber,
        sid: &str,
        id: &NotificationId,
        attempt: u32,
        at: Timestamp,
    ) -> Result<bool, Error> {
        let text = |text: String| AttributeValue::S(text);
        let holder = id.to_string();
        let item: Item = [
            (PK, text(phone_pk(&tenant.id, number))),
            (SK, text(adopted_sk(sid))),
            ("fact", text("adopted".to_owned())),
            ("notification_id", text(holder.clone())),
            ("attempt", AttributeValue::N(attempt.to_string())),
            ("at", text(stamp::format(at))),
            (RETAIN_UNTIL, AttributeValue::N(stamp::after(at, tenant.retention).as_second().to_string())),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
        Ok(match self.put_new(item).await? {
            Append::Appended => true,
            Append::Exists(old) => {
                old.get("notification_id") == Some(&text(holder))
                    && old.get("attempt") == Some(&AttributeValue::N(attempt.to_string()))
            }
        })
    }
}

fn adopted_sk(sid: &str) -> String {
    format!("adopted#{sid}")
}
