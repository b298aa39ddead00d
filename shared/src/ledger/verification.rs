//! Two-factor checks on the ledger: codes that were asked for, sent and checked, and what Twilio tells of them later. It
//! never holds a code, not even a wrong one, and no whole phone number.
//!
//! | pk | sk | fact |
//! |---|---|---|
//! | `{tenant}#verify#{e}` | `asked#{n}` | somebody takes the right to have Twilio send one code; numbered from 1 |
//! | same | `not_sent#{n}` | why no code is known to have gone out for it |
//! | same | `{started_at}#{sid}#started` | Twilio took it |
//! | same | `{started_at}#{sid}#check#{n}` | somebody takes the right to have Twilio check one code |
//! | same | `{started_at}#{sid}#checked#{n}` | what Twilio said, or that nobody knows |
//! | `{tenant}#verification#{sid}` | `event#{id}` | what Twilio tells later ([`Event`]) |
//! | `{tenant}#verify-starts#{minute}` | `{at}#{request}` | one mark for each code asked for, for counting |
//!
//! `n` without a gap is what makes limits hold: whoever wants the next place has seen every place before it, and only one
//! gets it.

mod event;
mod fact;

pub use event::Event;
pub use fact::{Asked, Check, CheckResult, Checked, Detail, Fact, History, Masked, NotSent, Started};

use super::read::Consistency;
use super::table::{PK, RETAIN_UNTIL, SK};
use super::{Append, Error, Item, Ledger, NotAFact, Unit, trouble};
use crate::notification::EmployeeKey;
use crate::stamp;
use crate::tenant::{Tenant, TenantId};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity, Select};
use jiff::Timestamp;
use std::time::Duration;

/// How long a mark of `verify-starts` is kept: it is a count, and its minute is over long before.
const MARKS_KEPT: Duration = Duration::from_hours(24);

impl Ledger {
    /// Appends a fact of an employee's checks, unless there is one at its place.
    pub async fn append_verification(
        &self,
        tenant: &Tenant,
        employee: &EmployeeKey,
        fact: &Fact,
    ) -> Result<Append<Fact>, Error> {
        let (pk, sk) = (partition_key(&tenant.id, employee), fact.key());
        let mut item: Item = serde_dynamo::to_item(fact).map_err(|_| not_a_fact(&pk, &sk))?;
        item.insert(RETAIN_UNTIL.to_owned(), seconds(stamp::after(fact.at, tenant.retention)));
        item.insert(PK.to_owned(), AttributeValue::S(pk));
        item.insert(SK.to_owned(), AttributeValue::S(sk));
        match self.put_new(item).await? {
            Append::Appended => Ok(Append::Appended),
            Append::Exists(old) => Ok(Append::Exists(read(old)?)),
        }
    }

    /// The starts since some time, and the checks that belong to them. Sees every write that was answered.
    pub async fn verification_history(
        &self,
        tenant: &TenantId,
        employee: &EmployeeKey,
        since: Timestamp,
    ) -> Result<History, Error> {
        // Times begin with a digit and everything else with a letter; ':' follows '9'.
        let (from, to) = (stamp::format(since), ":".to_owned());
        let items = self.between(partition_key(tenant, employee), from, to, None).await?;
        Ok(History(items.into_iter().map(read).collect::<Result<_, _>>()?))
    }

    /// The latest codes that were asked for, the newest first. Sees every write that was answered.
    pub async fn latest_asked(
        &self,
        tenant: &TenantId,
        employee: &EmployeeKey,
        at_most: u8,
    ) -> Result<Vec<(Timestamp, Asked)>, Error> {
        let (from, to) = ("asked#".to_owned(), "asked#~".to_owned());
        let items = self.between(partition_key(tenant, employee), from, to, Some(at_most)).await?;
        let facts = items.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let asked = facts.into_iter().filter_map(|fact| match fact.detail {
            Detail::Asked(asked) => Some((fact.at, asked)),
            _ => None,
        });
        Ok(asked.collect())
    }

    /// Everything known of an employee's checks, in order of time, and what can't be read among it: for an audit.
    pub async fn verifications(
        &self,
        tenant: &TenantId,
        employee: &EmployeeKey,
    ) -> Result<(Vec<Fact>, Vec<NotAFact>), Error> {
        let items = self.partition(partition_key(tenant, employee), None, Consistency::Strong).await?;
        let (mut facts, odd) = sort_out(items.into_iter().map(read));
        facts.sort_by_key(|fact| (fact.at, fact.detail.place()));
        Ok((facts, odd))
    }

    /// Marks that a code was asked for in this minute.
    pub async fn mark_start(&self, tenant: &TenantId, request_id: &str, at: Timestamp) -> Result<(), Error> {
        let text = |text: String| AttributeValue::S(text);
        let item: Item = [
            (PK, text(minute_key(tenant, at))),
            (SK, text(format!("{}#{request_id}", stamp::format(at)))),
            ("fact", text("verify_start".to_owned())),
            (RETAIN_UNTIL, seconds(stamp::after(at, MARKS_KEPT))),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
        self.put_new(item).await.map(drop)
    }

    /// How many codes were asked for in the minute that `at` lies in. May miss those of the last second.
    pub async fn starts_in_minute(&self, tenant: &TenantId, at: Timestamp) -> Result<usize, Error> {
        let (mut count, mut from) = (0, None);
        loop {
            let output = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", AttributeValue::S(minute_key(tenant, at)))
                .select(Select::Count)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .set_exclusive_start_key(from)
                .send()
                .await
                .map_err(|error| trouble(&error))?;
            self.count(Unit::Read, output.consumed_capacity.as_ref());
            count += usize::try_from(output.count).unwrap_or_default();
            from = output.last_evaluated_key;
            if from.is_none() {
                return Ok(count);
            }
        }
    }

    /// Items of a partition by sort key, both ends included: all of them in order, or the last few in reverse.
    async fn between(&self, pk: String, from: String, to: String, last: Option<u8>) -> Result<Vec<Item>, Error> {
        let (mut items, mut next) = (Vec::new(), None);
        loop {
            let output = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
                .expression_attribute_values(":pk", AttributeValue::S(pk.clone()))
                .expression_attribute_values(":from", AttributeValue::S(from.clone()))
                .expression_attribute_values(":to", AttributeValue::S(to.clone()))
                .scan_index_forward(last.is_none())
                .set_limit(last.map(i32::from))
                .consistent_read(true)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .set_exclusive_start_key(next)
                .send()
                .await
                .map_err(|error| trouble(&error))?;
            self.count(Unit::Read, output.consumed_capacity.as_ref());
            items.extend(output.items.unwrap_or_default());
            next = output.last_evaluated_key;
            if next.is_none() || last.is_some_and(|last| items.len() >= usize::from(last)) {
                return Ok(items);
            }
        }
    }
}

/// `{tenant}#verify#{e}`
fn partition_key(tenant: &TenantId, employee: &EmployeeKey) -> String {
    format!("{tenant}#verify#{employee}")
}

/// `{tenant}#verify-starts#2026-03-17T21:42`
fn minute_key(tenant: &TenantId, at: Timestamp) -> String {
    format!("{tenant}#verify-starts#{}", at.strftime("%Y-%m-%dT%H:%M"))
}

fn seconds(at: Timestamp) -> AttributeValue {
    AttributeValue::N(at.as_second().to_string())
}

fn read(item: Item) -> Result<Fact, NotAFact> {
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
    let (pk, sk) = (text(PK), text(SK));
    serde_dynamo::from_item(item).map_err(|_| not_a_fact(&pk, &sk))
}

/// What can be read, and what can't.
fn sort_out<T>(items: impl Iterator<Item = Result<T, NotAFact>>) -> (Vec<T>, Vec<NotAFact>) {
    let (mut sound, mut odd) = (Vec::new(), Vec::new());
    for item in items {
        match item {
            Ok(one) => sound.push(one),
            Err(not) => odd.push(not),
        }
    }
    (sound, odd)
}

fn not_a_fact(pk: &str, sk: &str) -> NotAFact {
    NotAFact { pk: pk.to_owned(), sk: sk.to_owned(), why: "nor of a two-factor check".to_owned() }
}

#[cfg(test)]
mod tests;
