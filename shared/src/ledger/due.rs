//! What the sweep must look at: notifications whose time has come, shard by shard, in order of time.

use super::{Error, Item, Ledger, item, table};
use crate::notification::NotificationId;
use crate::stamp;
use crate::tenant::TenantId;
use jiff::Timestamp;

/// A notification that is due.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Due {
    /// Which.
    pub id: NotificationId,
    /// Since when.
    pub at: Timestamp,
    /// The sort key of the fact that says so.
    pub sk: String,
}

/// A page of what is due, and where the next one begins.
pub struct Page {
    /// In order of time.
    pub due: Vec<Due>,
    /// Where to go on, if there is more.
    pub next: Option<Item>,
}

impl Ledger {
    /// One page of what is due in a shard from `after` to `until`, both inclusive.
    pub async fn due(
        &self,
        tenant: &TenantId,
        shard: u8,
        after: Timestamp,
        until: Timestamp,
        from: Option<Item>,
    ) -> Result<Page, Error> {
        let pk = table::due_pk(tenant, shard);
        let (items, next) = self.due_page(&pk, &stamp::format(after), &stamp::format(until), from).await?;
        let text =
            |item: &Item, name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
        let mut due = Vec::with_capacity(items.len());
        for item in items {
            let sk = text(&item, table::SK);
            let Some((_, id)) = item::whose(&text(&item, table::PK), &sk) else { continue };
            let Ok(at) = text(&item, table::DUE_AT).parse() else { continue };
            due.push(Due { id, at, sk });
        }
        Ok(Page { due, next })
    }
}
