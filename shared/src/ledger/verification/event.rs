//! What Twilio tells of a verification on its own account, event by event. Kept as it came but for phone numbers, which
//! whoever appends has masked.

use super::super::read::Consistency;
use super::super::table::{PK, RETAIN_UNTIL, SK};
use super::super::{Append, Error, Item, Ledger, NotAFact};
use super::{not_a_fact, seconds, sort_out};
use crate::stamp;
use crate::tenant::{Tenant, TenantId};
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// In place of a sid, for events that are about no verification.
const NO_SID: &str = "none";

/// One event (Twilio docs, Event Streams; Verify, verification status events).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When it came, in whole milliseconds.
    #[serde(with = "crate::stamp")]
    pub at: Timestamp,
    /// Twilio's id for it. The same event may come again.
    pub id: String,
    /// The verification that it is about, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// Such as `com.twilio.accountsecurity.verify.verification.approved`; empty if it says none.
    #[serde(rename = "type")]
    pub kind: String,
    /// Everything else, as JSON text: its depth and its names are Twilio's.
    pub event: String,
}

impl Ledger {
    /// Appends an event, unless it is there.
    pub async fn append_verification_event(&self, tenant: &Tenant, event: &Event) -> Result<Append<()>, Error> {
        let (pk, sk) = (partition_key(&tenant.id, event.sid.as_deref()), format!("event#{}", event.id));
        let mut item: Item = serde_dynamo::to_item(event).map_err(|_| not_a_fact(&pk, &sk))?;
        item.insert("fact".to_owned(), AttributeValue::S("verification_event".to_owned()));
        item.insert(RETAIN_UNTIL.to_owned(), seconds(stamp::after(event.at, tenant.retention)));
        item.insert(PK.to_owned(), AttributeValue::S(pk));
        item.insert(SK.to_owned(), AttributeValue::S(sk));
        Ok(match self.put_new(item).await? {
            Append::Appended => Append::Appended,
            Append::Exists(_) => Append::Exists(()),
        })
    }

    /// What Twilio told of a verification, or of none, in order of arrival, and what can't be read among it: for an audit.
    pub async fn verification_events(
        &self,
        tenant: &TenantId,
        sid: Option<&str>,
    ) -> Result<(Vec<Event>, Vec<NotAFact>), Error> {
        let pk = partition_key(tenant, sid);
        let items = self.partition(pk.clone(), Some("event#".to_owned()), Consistency::Strong).await?;
        let read = |item: Item| {
            let sk = item.get(SK).and_then(|sk| sk.as_s().ok()).cloned().unwrap_or_default();
            serde_dynamo::from_item(item).map_err(|_| not_a_fact(&pk, &sk))
        };
        let (mut events, odd): (Vec<Event>, _) = sort_out(items.into_iter().map(read));
        events.sort_by_key(|event| event.at);
        Ok((events, odd))
    }
}

/// `{tenant}#verification#{sid}`
fn partition_key(tenant: &TenantId, sid: Option<&str>) -> String {
    format!("{tenant}#verification#{}", sid.unwrap_or(NO_SID))
}
