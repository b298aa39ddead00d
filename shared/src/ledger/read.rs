//! Reading for functions: one story, one partition, what is due. What can't be read stops them; [`super::scan`] reads for people.

use super::table::{DUE_INDEX, PK, SK, employee_pk};
use super::{Error, Item, Ledger, Unit, item, trouble};
use crate::notification::{Fact, NotificationId, Story};
use crate::tenant::TenantId;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use std::collections::BTreeMap;

/// How sure a read must be to see what was just written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consistency {
    /// May miss the last second; half the price.
    Eventual,
    /// Sees every write that was answered.
    Strong,
}

impl Ledger {
    /// Everything known of one notification; empty if nothing is.
    pub async fn story(
        &self,
        tenant: &TenantId,
        id: &NotificationId,
        consistency: Consistency,
    ) -> Result<Story, Error> {
        let pk = employee_pk(tenant, id.employee());
        let items = self.partition(pk, Some(format!("{}#", id.event())), consistency).await?;
        let facts =
            items.into_iter().map(|item| item::to_fact(item).map(|(_, _, fact)| fact)).collect::<Result<_, _>>()?;
        Ok(Story::new(id.clone(), facts))
    }

    /// Whether a notification is on the ledger.
    pub async fn knows(&self, tenant: &TenantId, id: &NotificationId) -> Result<bool, Error> {
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(PK, AttributeValue::S(employee_pk(tenant, id.employee())))
            .key(SK, AttributeValue::S(format!("{}#created", id.event())))
            .projection_expression(PK)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| trouble(&error))?;
        self.count(Unit::Read, output.consumed_capacity.as_ref());
        Ok(output.item.is_some())
    }

    /// Every item of a partition, optionally only those whose sort key begins with something.
    pub(super) async fn partition(
        &self,
        pk: String,
        begins: Option<String>,
        consistency: Consistency,
    ) -> Result<Vec<Item>, Error> {
        let condition = if begins.is_some() { "pk = :pk AND begins_with(sk, :sk)" } else { "pk = :pk" };
        let mut values: Item = [(":pk".to_owned(), AttributeValue::S(pk))].into();
        values.extend(begins.map(|begins| (":sk".to_owned(), AttributeValue::S(begins))));
        let mut items = Vec::new();
        let mut from: Option<Item> = None;
        loop {
            let output = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression(condition)
                .set_expression_attribute_values(Some(values.clone()))
                .consistent_read(consistency == Consistency::Strong)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .set_exclusive_start_key(from)
                .send()
                .await
                .map_err(|error| trouble(&error))?;
            self.count(Unit::Read, output.consumed_capacity.as_ref());
            items.extend(output.items.unwrap_or_default());
            from = output.last_evaluated_key;
            if from.is_none() {
                return Ok(items);
            }
        }
    }

    /// The keys of what is due in one partition of the index, from `after` to `until`, both inclusive, in order of time,
    /// one page at a time: the page, and where the next begins.
    pub(super) async fn due_page(
        &self,
        due_pk: &str,
        after: &str,
        until: &str,
        from: Option<Item>,
    ) -> Result<(Vec<Item>, Option<Item>), Error> {
        let output = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(DUE_INDEX)
            .key_condition_expression("due_pk = :pk AND due_at BETWEEN :after AND :until")
            .expression_attribute_values(":pk", AttributeValue::S(due_pk.to_owned()))
            .expression_attribute_values(":after", AttributeValue::S(after.to_owned()))
            .expression_attribute_values(":until", AttributeValue::S(until.to_owned()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .set_exclusive_start_key(from)
            .send()
            .await
            .map_err(|error| trouble(&error))?;
        self.count(Unit::Read, output.consumed_capacity.as_ref());
        Ok((output.items.unwrap_or_default(), output.last_evaluated_key))
    }
}

/// Groups items of notifications by notification.
pub fn stories(items: Vec<Item>) -> Result<BTreeMap<NotificationId, Story>, Error> {
    let mut facts: BTreeMap<NotificationId, Vec<Fact>> = BTreeMap::new();
    for item in items {
        let (_, id, fact) = item::to_fact(item)?;
        facts.entry(id).or_default().push(fact);
    }
    Ok(facts.into_iter().map(|(id, facts)| (id.clone(), Story::new(id, facts))).collect())
}

/// Reads one item as a fact of a notification, as the stream hands it over.
pub fn fact(item: Item) -> Result<(TenantId, NotificationId, Fact), Error> {
    Ok(item::to_fact(item)?)
}
