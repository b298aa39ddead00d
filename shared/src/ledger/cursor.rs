//! Cursors: how far a source has been read, and who is reading it. The one mutable item of the table.

use super::table::{PK, SK, cursor_pk};
use super::{Error, Item, Ledger, Unit, unreachable};
use crate::stamp;
use crate::tenant::TenantId;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure,
};
use jiff::Timestamp;

/// The sweep's own cursor; no source's name can hold the sign.
pub const SWEEP: &str = "#sweep";

/// A source's cursor, taken for one reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The source.
    pub source: String,
    /// Up to where everything was read; `None` at the first reading.
    pub watermark: Option<Timestamp>,
    /// Where the very first reading began: nothing older is ever told.
    pub floor: Timestamp,
    /// How many readings in a row have failed.
    pub failures: u32,
    /// Our name in the lease.
    pub holder: String,
}

/// What became of taking a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It is ours until the lease ends.
    Ours(Cursor),
    /// Somebody else is reading, or it isn't time yet.
    NotNow,
}

impl Ledger {
    /// Takes a source's cursor for one reading, if nobody has it and its next reading is due. One request tells the watermark
    /// and leases it; `floor` becomes the source's floor if it is new.
    pub async fn take_cursor(
        &self,
        tenant: &TenantId,
        source: &str,
        holder: &str,
        now: Timestamp,
        lease_until: Timestamp,
        floor: Timestamp,
    ) -> Result<Taken, Error> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(PK, AttributeValue::S(cursor_pk(tenant)))
            .key(SK, AttributeValue::S(source.to_owned()))
            .update_expression("SET lease_until = :lease, lease_holder = :holder, floor_at = if_not_exists(floor_at, :floor), fact = :fact")
            .condition_expression("(attribute_not_exists(lease_until) OR lease_until <= :now) AND (attribute_not_exists(next_at) OR next_at <= :now)")
            .expression_attribute_values(":lease", text(stamp::format(lease_until)))
            .expression_attribute_values(":holder", text(holder.to_owned()))
            .expression_attribute_values(":floor", text(stamp::format(floor)))
            .expression_attribute_values(":fact", text("cursor".to_owned()))
            .expression_attribute_values(":now", text(stamp::format(now)))
            .return_values(ReturnValue::AllNew)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match update.send().await {
            Ok(output) => {
                self.count(Unit::Write, output.consumed_capacity.as_ref());
                let item = output.attributes.unwrap_or_default();
                Ok(Taken::Ours(Cursor {
                    source: source.to_owned(),
                    watermark: instant(&item, "watermark"),
                    floor: instant(&item, "floor_at").unwrap_or(floor),
                    failures: number(&item, "failures"),
                    holder: holder.to_owned(),
                }))
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(Taken::NotNow),
                _ => Err(unreachable(&error)),
            },
        }
    }

    /// Gives a cursor back. `watermark` is moved there if it is still where we found it; `next_at` is when it may be taken again.
    /// Answers whether it was still ours.
    pub async fn give_cursor(
        &self,
        tenant: &TenantId,
        cursor: &Cursor,
        watermark: Option<Timestamp>,
        failures: u32,
        next_at: Timestamp,
    ) -> Result<bool, Error> {
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(PK, AttributeValue::S(cursor_pk(tenant)))
            .key(SK, AttributeValue::S(cursor.source.clone()))
            .expression_attribute_values(":holder", text(cursor.holder.clone()))
            .expression_attribute_values(":next", text(stamp::format(next_at)))
            .expression_attribute_values(":failures", AttributeValue::N(failures.to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::None)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let was = cursor.watermark.map(stamp::format);
        update = match (watermark, was) {
            (None, _) => update
                .update_expression("SET next_at = :next, failures = :failures REMOVE lease_until, lease_holder")
                .condition_expression("lease_holder = :holder"),
            (Some(watermark), None) => update
                .update_expression("SET watermark = :watermark, next_at = :next, failures = :failures REMOVE lease_until, lease_holder")
                .condition_expression("lease_holder = :holder AND attribute_not_exists(watermark)")
                .expression_attribute_values(":watermark", text(stamp::format(watermark))),
            (Some(watermark), Some(was)) => update
                .update_expression("SET watermark = :watermark, next_at = :next, failures = :failures REMOVE lease_until, lease_holder")
                .condition_expression("lease_holder = :holder AND watermark = :was")
                .expression_attribute_values(":watermark", text(stamp::format(watermark)))
                .expression_attribute_values(":was", text(was)),
        };
        match update.send().await {
            Ok(output) => {
                self.count(Unit::Write, output.consumed_capacity.as_ref());
                Ok(true)
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(unreachable(&error)),
            },
        }
    }

    /// Up to where a tenant was swept, for certain.
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
            .map_err(|error| unreachable(&error))?;
        self.count(Unit::Read, output.consumed_capacity.as_ref());
        Ok(output.item.as_ref().and_then(|item| instant(item, "watermark")))
    }

    /// Writes down up to where a tenant was swept. It never goes back: of two sweeps at once the later one counts.
    pub async fn store_swept(&self, tenant: &TenantId, until: Timestamp) -> Result<(), Error> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(PK, text(cursor_pk(tenant)))
            .key(SK, text(SWEEP.to_owned()))
            .update_expression("SET watermark = :until, fact = :fact")
            .condition_expression("attribute_not_exists(watermark) OR watermark < :until")
            .expression_attribute_values(":until", text(stamp::format(until)))
            .expression_attribute_values(":fact", text("cursor".to_owned()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match update.send().await {
            Ok(output) => {
                self.count(Unit::Write, output.consumed_capacity.as_ref());
                Ok(())
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(unreachable(&error)),
            },
        }
    }
}

fn text(text: String) -> AttributeValue {
    AttributeValue::S(text)
}

fn instant(item: &Item, name: &str) -> Option<Timestamp> {
    item.get(name)?.as_s().ok()?.parse().ok()
}

fn number(item: &Item, name: &str) -> u32 {
    item.get(name).and_then(|value| value.as_n().ok()).and_then(|number| number.parse().ok()).unwrap_or_default()
}
