//! Reading for people: what can't be read as a fact is passed over and told, where a function would stop. Read one
//! notification, an employee's, or all of a tenant's, which reads the whole table and is for somebody who can wait. What
//! retention is done with counts as gone: DynamoDB takes days to remove it, in no order, and half a story is a false one.

use super::read::Consistency;
use super::table::{PK, SK, employee_pk};
use super::{Error, Item, Ledger, NotAFact, item};
use crate::notification::{EmployeeKey, Fact, NotificationId, Story};
use crate::telemetry::said;
use crate::tenant::TenantId;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Items of one page of a scan. More would seldom fit into what DynamoDB gives at once (a megabyte); and an embedded database, told
/// no number, goes through all that follows for every page.
pub const PAGE: i32 = 1000;

/// What was found.
#[derive(Debug, Default)]
pub struct Scanned {
    /// In the order of their ids.
    pub stories: Vec<Story>,
    /// Items that lie where facts of notifications lie and can't be read as such.
    pub odd: Vec<NotAFact>,
}

/// Reads one notification; no story if nothing is known of it.
pub async fn notification(
    ledger: &Ledger,
    tenant: &TenantId,
    id: &NotificationId,
    now: Timestamp,
) -> Result<Scanned, Error> {
    let (pk, begins) = (employee_pk(tenant, id.employee()), format!("{}#", id.event()));
    Ok(Scanned::of(ledger.partition(pk, Some(begins), Consistency::Strong).await?, now))
}

/// Reads all of an employee's notifications.
pub async fn employee(
    ledger: &Ledger,
    tenant: &TenantId,
    employee: &EmployeeKey,
    now: Timestamp,
) -> Result<Scanned, Error> {
    Ok(Scanned::of(ledger.partition(employee_pk(tenant, employee), None, Consistency::Strong).await?, now))
}

/// Reads all of a tenant's notifications; `told` hears how many items of the table have been looked at so far.
pub async fn tenant(ledger: &Ledger, tenant: &TenantId, now: Timestamp, told: impl Fn(u64)) -> Result<Scanned, Error> {
    let mut pages = ledger
        .client()
        .scan()
        .table_name(ledger.table())
        .limit(PAGE)
        .filter_expression("begins_with(pk, :tenant)")
        .expression_attribute_values(":tenant", AttributeValue::S(format!("{tenant}#")))
        .into_paginator()
        .send();
    let (mut items, mut looked_at) = (Vec::new(), 0);
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| Error::Unreachable(said(&error)))?;
        looked_at += u64::try_from(page.scanned_count).unwrap_or_default();
        told(looked_at);
        items.extend(page.items.unwrap_or_default().into_iter().filter(is_notification));
    }
    Ok(Scanned::of(items, now))
}

/// Whether an item lies where facts of notifications lie: consent, cursors and verifications lie beside them.
pub fn is_notification(item: &Item) -> bool {
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str);
    item::whose(text(PK), text(SK)).is_some()
}

impl Scanned {
    fn of(items: Vec<Item>, now: Timestamp) -> Self {
        let mut facts: BTreeMap<NotificationId, Vec<Fact>> = BTreeMap::new();
        let mut odd = Vec::new();
        let is_over = |item: &Item| item::retain_until(item).is_some_and(|until| until <= now.as_second());
        for item in items.into_iter().filter(|item| !is_over(item)) {
            match item::to_fact(item) {
                Ok((_, id, fact)) => facts.entry(id).or_default().push(fact),
                Err(not) => odd.push(not),
            }
        }
        Self { stories: facts.into_iter().map(|(id, facts)| Story::new(id, facts)).collect(), odd }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_facts_of_notifications_are_told_apart_by_their_keys() {
        let check = |pk: &str, sk: &str, expect: bool| {
            let text = |text: &str| AttributeValue::S(text.to_owned());
            let item: Item = [(PK.to_owned(), text(pk)), (SK.to_owned(), text(sk))].into();
            assert_eq!(is_notification(&item), expect, "{pk} {sk}");
        };
        check("st-lukes#74efmocyyirrc", "zullv4cgzorbinin#created", true);
        check("st-lukes#74efmocyyirrc", "zullv4cgzorbinin#attempt#001#outcome", true);
        check("st-lukes#74efmocyyirrc", "zullv4cgzorbinin", false);
        check("st-lukes#phone#+15550100007", "consent#2026-03-17T21:42:07.000Z#SM1", false);
        check("st-lukes#verify#74efmocyyirrc", "2026-03-17T21:42:07.000Z#VE1#started", false);
        check("st-lukes#verification#VE1", "event#EV1", false);
        check("st-lukes#cursor", "payroll", false);
        check("", "", false);
    }
}
