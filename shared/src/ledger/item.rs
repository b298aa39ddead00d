//! Facts as items and back. The only place that knows how a fact lies in the table.

use super::Item;
use super::table::{DUE_PK, PK, RETAIN_UNTIL, SK, due_pk, employee_pk, shard};
use crate::notification::{Detail, EmployeeKey, Fact, NotificationId};
use crate::stamp;
use crate::tenant::{Tenant, TenantId};
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use std::time::Duration;

/// An item that can't be read as a fact of a notification. It says where it lies, never what it holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the item at pk {pk:?}, sk {sk:?} is no fact of a notification: {why}")]
pub struct NotAFact {
    /// Its partition key, phone numbers masked.
    pub pk: String,
    /// Its sort key.
    pub sk: String,
    /// What is wrong with it.
    pub why: String,
}

/// How long a notification's facts are kept: the tenant's `retention_days`, counted from when it can't be acted on any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    kept: Duration,
    /// The longest that any notification of the tenant may wait for being sent. On every fact alike, so that none is removed
    /// before the one that it follows: a notification without its attempt would look as if it had never been sent.
    lifetime: Duration,
}

impl Retention {
    /// As the tenant's document says.
    pub fn of(tenant: &Tenant) -> Self {
        let lifetime = tenant.events.iter().map(|source| source.expires_after).max().unwrap_or_default();
        Self { kept: tenant.retention, lifetime }
    }

    /// When a fact may be removed.
    fn end(self, fact: &Fact) -> Timestamp {
        let (waits_until, expires_at) = match &fact.detail {
            Detail::Created(created) => (created.not_before, Some(created.expires_at)),
            // What lets an attempt start is due only in case that nothing follows from it; whatever does must not go first.
            Detail::Release(release) => (None, release.expires_at),
            _ => (fact.due_at, None),
        };
        let begins = waits_until.map_or(fact.at, |until| until.max(fact.at));
        // Later than the lifetime says only if its source has left the document since.
        let ends = stamp::after(begins, self.lifetime).max(expires_at.unwrap_or(begins));
        stamp::after(ends, self.kept)
    }
}

/// The item of a fact.
pub(super) fn of_fact(
    tenant: &TenantId,
    id: &NotificationId,
    fact: &Fact,
    retention: Option<Retention>,
) -> Result<Item, NotAFact> {
    let pk = employee_pk(tenant, id.employee());
    let sk = format!("{}#{}", id.event(), fact.key());
    let mut item: Item =
        serde_dynamo::to_item(fact).map_err(|error| NotAFact { pk: pk.clone(), sk: sk.clone(), why: kind(&error) })?;
    if fact.due_at.is_some() {
        item.insert(DUE_PK.to_owned(), AttributeValue::S(due_pk(tenant, shard(id))));
    }
    if let Some(retention) = retention {
        item.insert(RETAIN_UNTIL.to_owned(), AttributeValue::N(retention.end(fact).as_second().to_string()));
    }
    item.insert(PK.to_owned(), AttributeValue::S(pk));
    item.insert(SK.to_owned(), AttributeValue::S(sk));
    Ok(item)
}

/// When retention may remove an item, in seconds since 1970; `None` if it is kept for good.
pub fn retain_until(item: &Item) -> Option<i64> {
    item.get(RETAIN_UNTIL)?.as_n().ok()?.parse().ok()
}

/// The fact in an item, and whose it is.
pub(super) fn to_fact(item: Item) -> Result<(TenantId, NotificationId, Fact), NotAFact> {
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
    let (pk, sk) = (text(PK), text(SK));
    let wrong = |why: &str| NotAFact { pk: crate::phone::mask(&pk), sk: sk.clone(), why: why.to_owned() };
    let (tenant, id) = whose(&pk, &sk).ok_or_else(|| wrong("its keys are of another kind"))?;
    let fact = serde_dynamo::from_item(item).map_err(|error| wrong(&kind(&error)))?;
    Ok((tenant, id, fact))
}

/// Whose fact lies at these keys; `None` if it is no notification's.
pub(super) fn whose(pk: &str, sk: &str) -> Option<(TenantId, NotificationId)> {
    let (tenant, employee) = pk.split_once('#')?;
    let (event, _) = sk.split_once('#')?;
    let id = NotificationId::from_halves(EmployeeKey::parse(employee).ok()?, event).ok()?;
    Some((TenantId::parse(tenant).ok()?, id))
}

/// The first words of a serialisation error: what follows may quote a value.
fn kind(error: &serde_dynamo::Error) -> String {
    let text = error.to_string();
    text.split(['"', '`', ':']).next().unwrap_or_default().trim().to_owned()
}
