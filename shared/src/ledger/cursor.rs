//! Cursors: how far each source of a tenant has been read, and the lease, by which one poll at a time reads them. The only
//! mutable items of the table.
//!
//! Whoever polls a tenant reads all its cursors and the lease in one request, and takes the lease only if nobody has had it since. So the
//! cursors are still as they were read, and a tenant of which nothing is due costs no write.

use super::read::Consistency;
use super::table::{PK, SK, cursor_pk};
use super::{Error, Item, Ledger, Unit, trouble};
use crate::stamp;
use crate::tenant::TenantId;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity, ReturnValue};
use jiff::Timestamp;
use std::collections::HashMap;
use std::str::FromStr;
use std::sync::atomic::Ordering;

/// The sweep's own cursor; no source's name can hold the sign.
pub const SWEEP: &str = "#sweep";
/// The lease on a tenant's sources.
pub const LEASE: &str = "#lease";

/// How far a source has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The source.
    pub source: String,
    /// Up to where everything was read; `None` until the first reading came to its end.
    pub watermark: Option<Timestamp>,
    /// Where the next reading begins, if readings since then broke off on their way: everything before it was read, and is on
    /// the ledger.
    pub resume_at: Option<Timestamp>,
    /// Where the very first reading began: nothing older is ever told.
    pub floor: Timestamp,
    /// How many readings in a row have failed.
    pub failures: u32,
    /// How many notifications those of them created that broke off on their way: with the next they count as one reading.
    pub created: u64,
    /// Whether a reading that has not come to its end yet brought more than may be told at once: what is left is held too.
    pub holding: bool,
    /// By which columns its notifications are told apart that are on the ledger; `None` until the first reading ended.
    pub keyed_by: Option<Vec<String>>,
    /// When it may be read again. It moves with every reading, so it also tells whether anybody else has read since.
    pub next_at: Option<Timestamp>,
}

/// What a reading came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Everything up to here was read.
    Read(Timestamp),
    /// It came to no end.
    Failed {
        /// How many in a row.
        failures: u32,
        /// Where the next one may begin, if this one came further than it began.
        resume_at: Option<Timestamp>,
        /// How many notifications count for the next one as well.
        created: u64,
    },
}

/// A tenant's cursors, as they were at one moment.
#[derive(Debug, Clone, Default)]
pub struct Cursors {
    of: HashMap<String, Cursor>,
    /// Who had the lease last, and until when if it wasn't given back.
    lease: Option<(String, Option<Timestamp>)>,
}

/// The right to read a tenant's sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Our name in it. No other poll ever has the same one.
    holder: String,
    /// When it ends by itself. Whoever holds it must have stopped asking by then, and writes no watermark any more.
    pub until: Timestamp,
}

impl Cursors {
    /// A source's cursor, if it was ever looked at.
    pub fn get(&self, source: &str) -> Option<&Cursor> {
        self.of.get(source)
    }

    /// Whether a reading came to its end of a source that began at this instant, or later.
    pub fn began_at(&self, at: Timestamp) -> bool {
        self.of.values().any(|cursor| cursor.watermark.is_some() && cursor.floor >= at)
    }

    fn read(items: Vec<Item>) -> Self {
        let mut cursors = Self::default();
        for item in items {
            let Some(source) = string(&item, SK) else { continue };
            if source == LEASE {
                cursors.lease = string(&item, "lease_holder").map(|holder| (holder, instant(&item, "lease_until")));
            } else if let Some(floor) = instant(&item, "floor_at") {
                cursors.of.insert(source.clone(), Cursor::read(source, floor, &item));
            }
        }
        cursors
    }
}

impl Cursor {
    /// Whether what is on the ledger was told apart by other columns than these, so that it can't be known again.
    pub fn is_rekeyed(&self, keyed_by: &[String]) -> bool {
        self.keyed_by.as_ref().is_some_and(|columns| columns != keyed_by)
    }

    fn read(source: String, floor: Timestamp, item: &Item) -> Self {
        Self {
            source,
            watermark: instant(item, "watermark"),
            resume_at: instant(item, "resume_at"),
            floor,
            failures: number(item, "failures"),
            created: number(item, "created"),
            holding: item.contains_key("holding"),
            keyed_by: item
                .get("keyed_by")
                .and_then(|value| value.as_l().ok()?.iter().map(|column| Some(column.as_s().ok()?.clone())).collect()),
            next_at: instant(item, "next_at"),
        }
    }
}

impl Ledger {
    /// All cursors of a tenant, for certain.
    pub async fn cursors(&self, tenant: &TenantId) -> Result<Cursors, Error> {
        Ok(Cursors::read(self.partition(cursor_pk(tenant), None, Consistency::Strong).await?))
    }

    /// Takes the lease on a tenant's sources, if nobody has it and nobody has had it since `cursors` were read. Losing it is an
    /// answer: `None`.
    pub async fn take_lease(
        &self,
        tenant: &TenantId,
        cursors: &Cursors,
        request_id: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Lease>, Error> {
        // An invocation may be delivered twice under one request id.
        let lease = Lease { holder: format!("{request_id}/{:016x}", rand::random::<u64>()), until };
        let update = self
            .update_cursor(tenant, LEASE)
            .update_expression("SET lease_holder = :holder, lease_until = :until, fact = :fact")
            .expression_attribute_values(":holder", text(lease.holder.clone()))
            .expression_attribute_values(":until", text(stamp::format(until)))
            .expression_attribute_values(":fact", text("lease".to_owned()));
        let update = match &cursors.lease {
            Some((_, Some(until))) if *until > now => return Ok(None),
            // Ours already, if the answer to this very request was lost and the SDK makes it once more.
            Some((last, _)) => update
                .condition_expression("lease_holder IN (:last, :holder)")
                .expression_attribute_values(":last", text(last.clone())),
            None => update.condition_expression("attribute_not_exists(lease_holder) OR lease_holder = :holder"),
        };
        Ok(self.update(update).await?.map(|_| lease))
    }

    /// Gives a lease back. Its last holder's name stays, so that nobody takes it on the strength of what they read before.
    /// Answers whether it was still ours.
    pub async fn give_lease(&self, tenant: &TenantId, lease: Lease) -> Result<bool, Error> {
        let update = self
            .update_cursor(tenant, LEASE)
            .update_expression("REMOVE lease_until")
            .condition_expression("lease_holder = :holder")
            .expression_attribute_values(":holder", text(lease.holder));
        Ok(self.update(update).await?.is_some())
    }

    /// The cursor of a source that is seen for the first time: nothing older than `floor` is ever told, however often the first reading
    /// fails.
    pub async fn first_cursor(&self, tenant: &TenantId, source: &str, floor: Timestamp) -> Result<Cursor, Error> {
        let update = self
            .update_cursor(tenant, source)
            .update_expression("SET floor_at = if_not_exists(floor_at, :floor), fact = :fact")
            .expression_attribute_values(":floor", text(stamp::format(floor)))
            .expression_attribute_values(":fact", text("cursor".to_owned()))
            .return_values(ReturnValue::AllNew);
        let item = self.update(update).await?.unwrap_or_default();
        Ok(Cursor::read(source.to_owned(), instant(&item, "floor_at").unwrap_or(floor), &item))
    }

    /// Writes down that a reading brings more than may be told at once, before any of it is appended: whoever goes on with the
    /// reading must know, and the end of the reading is the end of it.
    pub async fn hold(&self, tenant: &TenantId, source: &str) -> Result<(), Error> {
        let update = self
            .update_cursor(tenant, source)
            .update_expression("SET holding = :yes")
            .expression_attribute_values(":yes", AttributeValue::Bool(true));
        self.update(update).await?;
        Ok(())
    }

    /// Writes down what a reading came to, if the cursor is still where we found it, by which columns it told notifications apart,
    /// and when the source may be read again. Answers whether it was.
    pub async fn move_cursor(
        &self,
        tenant: &TenantId,
        cursor: &Cursor,
        keyed_by: &[String],
        ended: Ended,
        next_at: Timestamp,
    ) -> Result<bool, Error> {
        let (failures, created, reached, set) = match ended {
            Ended::Read(watermark) => {
                (0, 0, Some(watermark), ", watermark = :reached, keyed_by = :keyed_by REMOVE holding, resume_at")
            }
            Ended::Failed { failures, resume_at: Some(resume_at), created } => (
                failures,
                created,
                Some(resume_at),
                ", resume_at = :reached, keyed_by = if_not_exists(keyed_by, :keyed_by)",
            ),
            Ended::Failed { failures, resume_at: None, created } => {
                (failures, created, None, ", keyed_by = if_not_exists(keyed_by, :keyed_by)")
            }
        };
        let set = format!("SET next_at = :next, failures = :failures, created = :created{set}");
        let mut update = self
            .update_cursor(tenant, &cursor.source)
            .set_expression_attribute_values(
                reached.map(|reached| [(":reached".to_owned(), text(stamp::format(reached)))].into()),
            )
            .expression_attribute_values(":next", text(stamp::format(next_at)))
            .expression_attribute_values(":failures", AttributeValue::N(failures.to_string()))
            .expression_attribute_values(":created", AttributeValue::N(created.to_string()))
            .expression_attribute_values(":keyed_by", AttributeValue::L(keyed_by.iter().cloned().map(text).collect()));
        let mut still = Vec::new();
        for (name, found) in [("watermark", cursor.watermark), ("next_at", cursor.next_at)] {
            still.push(match found {
                Some(_) => format!("{name} = :found_{name}"),
                None => format!("attribute_not_exists({name})"),
            });
            update = match found {
                Some(found) => update.expression_attribute_values(format!(":found_{name}"), text(stamp::format(found))),
                None => update,
            };
        }
        let update = update.update_expression(set).condition_expression(still.join(" AND "));
        Ok(self.update(update).await?.is_some())
    }

    /// Up to where a tenant was swept, or a moment ago was: what is looked at once more does no harm.
    pub async fn swept_until(&self, tenant: &TenantId) -> Result<Option<Timestamp>, Error> {
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(PK, text(cursor_pk(tenant)))
            .key(SK, text(SWEEP.to_owned()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| trouble(&error))?;
        self.count(Unit::Read, output.consumed_capacity.as_ref());
        Ok(output.item.as_ref().and_then(|item| instant(item, "watermark")))
    }

    /// Writes down up to where a tenant was swept. It never goes back: of two sweeps at once the later one counts.
    pub async fn store_swept(&self, tenant: &TenantId, until: Timestamp) -> Result<(), Error> {
        let update = self
            .update_cursor(tenant, SWEEP)
            .update_expression("SET watermark = :until, fact = :fact")
            .condition_expression("attribute_not_exists(watermark) OR watermark < :until")
            .expression_attribute_values(":until", text(stamp::format(until)))
            .expression_attribute_values(":fact", text("cursor".to_owned()));
        self.update(update).await?;
        Ok(())
    }

    fn update_cursor(&self, tenant: &TenantId, sk: &str) -> UpdateItemFluentBuilder {
        let update = self.client.update_item().table_name(&self.table);
        update.key(PK, text(cursor_pk(tenant))).key(SK, text(sk.to_owned()))
    }

    /// Makes an update. `None` if its condition doesn't hold; else what it returns of the item.
    async fn update(&self, update: UpdateItemFluentBuilder) -> Result<Option<Item>, Error> {
        match update.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await {
            Ok(output) => {
                self.count(Unit::Write, output.consumed_capacity.as_ref());
                Ok(Some(output.attributes.unwrap_or_default()))
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => {
                    self.used.write.fetch_add(10, Ordering::Relaxed); // it costs what it would have written
                    Ok(None)
                }
                _ => Err(trouble(&error)),
            },
        }
    }
}

fn text(text: String) -> AttributeValue {
    AttributeValue::S(text)
}

fn string(item: &Item, name: &str) -> Option<String> {
    item.get(name)?.as_s().ok().cloned()
}

fn number<T: FromStr + Default>(item: &Item, name: &str) -> T {
    item.get(name).and_then(|value| value.as_n().ok()?.parse().ok()).unwrap_or_default()
}

fn instant(item: &Item, name: &str) -> Option<Timestamp> {
    item.get(name)?.as_s().ok()?.parse().ok()
}
