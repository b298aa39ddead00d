//! Facts as items and back. The only place that knows how a fact lies in the table.

use super::table::{DUE_PK, PK, RETAIN_UNTIL, SK, due_pk, employee_pk, shard};
use super::{Item, Retention};
use crate::notification::{EmployeeKey, Fact, NotificationId};
use crate::tenant::TenantId;
use aws_sdk_dynamodb::types::AttributeValue;

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

/// The item of a fact.
pub(super) fn of_fact(
    tenant: &TenantId,
    id: &NotificationId,
    fact: &Fact,
    retention: Retention,
) -> Result<Item, NotAFact> {
    let pk = employee_pk(tenant, id.employee());
    let sk = format!("{}#{}", id.event(), fact.key());
    let mut item: Item =
        serde_dynamo::to_item(fact).map_err(|error| NotAFact { pk: pk.clone(), sk: sk.clone(), why: kind(&error) })?;
    if fact.due_at.is_some() {
        item.insert(DUE_PK.to_owned(), AttributeValue::S(due_pk(tenant, shard(id))));
    }
    if let Some(retention) = retention {
        let until = crate::stamp::after(fact.at, retention).as_second();
        item.insert(RETAIN_UNTIL.to_owned(), AttributeValue::N(until.to_string()));
    }
    item.insert(PK.to_owned(), AttributeValue::S(pk));
    item.insert(SK.to_owned(), AttributeValue::S(sk));
    Ok(item)
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
