//! The ledger: one append-only table. Appends facts, reads them back, and keeps the few items that change: cursors, a lease and
//! the sweep's mark. Never updates or deletes a fact.
//!
//! Read in this order: [`Ledger::append`], [`attempt`], [`Ledger::story`], [`table`] for keys and definition, [`consent`],
//! [`verification`], [`cursor`], [`due`].

pub mod attempt;
pub mod consent;
pub mod cursor;
pub mod due;
mod item;
pub mod read;
pub mod scan;
pub mod table;
pub mod verification;

pub use item::{NotAFact, Retention, retain_until};

use crate::notification::{Fact, NotificationId};
use crate::telemetry::said;
use crate::tenant::{Tenant, TenantId};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{
    AttributeValue, ConsumedCapacity, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure,
};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// One item of the table, as DynamoDB has it.
pub type Item = HashMap<String, AttributeValue>;

/// The ledger. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ledger {
    client: Client,
    table: String,
    used: Arc<Used>,
}

/// What became of an append.
#[derive(Debug, Clone, PartialEq)]
pub enum Append<T> {
    /// It is ours.
    Appended,
    /// Somebody was first, with this.
    Exists(T),
}

/// Why the ledger could not be read or written. [`Error::may_pass`] says whether trying again later helps.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The table can't be reached, or refuses us.
    #[error("the ledger's table can't be used: {0}")]
    Unreachable(String),
    /// DynamoDB finds the request wrong: an item is too large, a key too long. Trying again doesn't help.
    #[error("the ledger's table refuses what it is asked for: {0}")]
    Refused(String),
    /// An item of the table is none of ours. Trying again doesn't help.
    #[error(transparent)]
    NotAFact(#[from] NotAFact),
}

impl Error {
    /// Whether the same thing may succeed later.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Refused(_) | Self::NotAFact(_) => false,
        }
    }
}

/// DynamoDB request units that this process used, in tenths.
#[derive(Debug, Default)]
struct Used {
    write: AtomicU64,
    read: AtomicU64,
}

/// What a request is counted in.
#[derive(Clone, Copy)]
enum Unit {
    Write,
    Read,
}

impl Ledger {
    /// The ledger in a table.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table, used: Arc::default() }
    }

    /// Appends a fact of a notification, unless it is there.
    pub async fn append(&self, tenant: &Tenant, id: &NotificationId, fact: &Fact) -> Result<Append<Fact>, Error> {
        self.append_keeping(&tenant.id, id, fact, Some(Retention::of(tenant))).await
    }

    /// Appends a fact where the tenant's document, and so its retention, may not be at hand: the fact is then kept for good.
    pub async fn append_keeping(
        &self,
        tenant: &TenantId,
        id: &NotificationId,
        fact: &Fact,
        retention: Option<Retention>,
    ) -> Result<Append<Fact>, Error> {
        let item = item::of_fact(tenant, id, fact, retention)?;
        match self.put_new(item).await? {
            Append::Appended => Ok(Append::Appended),
            Append::Exists(old) => Ok(Append::Exists(item::to_fact(old)?.2)),
        }
    }

    /// Request units used so far, written and read.
    #[allow(clippy::cast_precision_loss)] // tenths of units of one process stay far below 2^52
    pub fn used_units(&self) -> (f64, f64) {
        (self.used.write.load(Ordering::Relaxed) as f64 / 10.0, self.used.read.load(Ordering::Relaxed) as f64 / 10.0)
    }

    /// The table's name.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The client, for what only the local stack and the command do: creating, scanning and exporting the table.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Opens a connection to the table before it is needed. What goes wrong is found out when it is needed: a role that may only
    /// put items, as callback's, is refused this question, and has its connection all the same.
    pub async fn warm(&self) {
        let query = self.client.query().table_name(&self.table).key_condition_expression("pk = :pk").limit(1);
        let _ = query.expression_attribute_values(":pk", AttributeValue::S("-".to_owned())).send().await;
    }

    async fn put_new(&self, item: Item) -> Result<Append<Item>, Error> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match put.send().await {
            Ok(output) => {
                self.count(Unit::Write, output.consumed_capacity.as_ref());
                Ok(Append::Appended)
            }
            Err(error) => match error.as_service_error() {
                Some(aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(failed)) => {
                    self.used.write.fetch_add(10, Ordering::Relaxed);
                    Ok(Append::Exists(failed.item.clone().unwrap_or_default()))
                }
                _ => Err(trouble(&error)),
            },
        }
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // units are small, not negative and multiples of a half
    fn count(&self, unit: Unit, capacity: Option<&ConsumedCapacity>) {
        let counter = match unit {
            Unit::Write => &self.used.write,
            Unit::Read => &self.used.read,
        };
        let units = capacity.and_then(|capacity| capacity.capacity_units).unwrap_or_default();
        counter.fetch_add((units * 10.0).round() as u64, Ordering::Relaxed);
    }
}

/// What to call trouble with a request.
fn trouble<E: std::error::Error + ProvideErrorMetadata + 'static>(error: &SdkError<E>) -> Error {
    // A service error's text could quote a key; its code says enough.
    match error.as_service_error().and_then(ProvideErrorMetadata::code) {
        Some(code @ "ValidationException") => Error::Refused(code.to_owned()),
        Some(code) => Error::Unreachable(code.to_owned()),
        None => Error::Unreachable(said(error)),
    }
}
