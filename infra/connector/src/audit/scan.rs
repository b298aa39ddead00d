//! Every notification of one tenant, by reading the whole table: for an operator who can wait, not for a function.

use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata as _};
use aws_sdk_dynamodb::types::AttributeValue;
use shared::ledger::table::{PK, SK};
use shared::ledger::{Error, Item, Ledger, NotAFact, read};
use shared::notification::{EmployeeKey, Fact, NotificationId, Story};
use shared::tenant::TenantId;
use std::collections::BTreeMap;

/// What a scan found.
#[derive(Debug, Default)]
pub struct Scanned {
    /// In the order of their ids.
    pub stories: Vec<Story>,
    /// Items that lie where facts of notifications lie and can't be read as such.
    pub odd: Vec<NotAFact>,
}

/// Reads all of a tenant's notifications; `told` hears how many items of the table have been looked at so far.
pub async fn stories(ledger: &Ledger, tenant: &TenantId, told: impl Fn(u64)) -> Result<Scanned, Error> {
    let mut pages = ledger
        .client()
        .scan()
        .table_name(ledger.table())
        .filter_expression("begins_with(pk, :tenant)")
        .expression_attribute_values(":tenant", AttributeValue::S(format!("{tenant}#")))
        .into_paginator()
        .send();
    let mut facts: BTreeMap<NotificationId, Vec<Fact>> = BTreeMap::new();
    let (mut looked_at, mut odd) = (0, Vec::new());
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| {
            let code = error.as_service_error().and_then(|error| error.code()).map(str::to_owned);
            Error::Unreachable(code.unwrap_or_else(|| DisplayErrorContext(&error).to_string()))
        })?;
        looked_at += u64::try_from(page.scanned_count).unwrap_or_default();
        told(looked_at);
        for item in page.items.unwrap_or_default() {
            if !is_notification(&item) {
                continue;
            }
            match read::fact(item) {
                Ok((_, id, fact)) => facts.entry(id).or_default().push(fact),
                Err(Error::NotAFact(not)) => odd.push(not),
                Err(error) => return Err(error),
            }
        }
    }
    let stories = facts.into_iter().map(|(id, facts)| Story::new(id, facts)).collect();
    Ok(Scanned { stories, odd })
}

/// Whether an item's keys are those of a notification's fact: consent, cursors and verifications lie beside them.
fn is_notification(item: &Item) -> bool {
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str);
    let employee = text(PK).split_once('#').map(|(_, employee)| EmployeeKey::parse(employee));
    let event = text(SK).split_once('#').map(|(event, _)| event);
    match (employee, event) {
        (Some(Ok(employee)), Some(event)) => NotificationId::from_halves(employee, event).is_ok(),
        _ => false,
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
