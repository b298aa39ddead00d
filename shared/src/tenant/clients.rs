//! The tenants' clients for PeopleSoft, kept from one invocation to the next: they hold connections and tokens. And whether
//! PeopleSoft refused a tenant's credentials, so that it isn't asked with them again at once.

use super::{Tenant, TenantId};
use crate::clock::Clock;
use crate::peoplesoft::{Client, Error, Roads};
use crate::stamp;
use crate::timing::CREDENTIALS_PAUSE;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One client for each tenant, kept while its document stays the same.
#[derive(Default)]
pub struct Clients(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// Made with the first client, if nobody brought them: for every tenant anew they would take seconds and hundreds of megabytes.
    roads: Option<Roads>,
    of: HashMap<TenantId, Kept>,
}

struct Kept {
    /// The document that the client was made from.
    tenant: Arc<Tenant>,
    client: Client,
    refused_at: Option<Timestamp>,
}

impl Clients {
    /// No clients yet, but the roads that they will share.
    pub fn sharing(roads: Roads) -> Self {
        Self(Mutex::new(Known { roads: Some(roads), of: HashMap::new() }))
    }

    /// The tenant's client: a new one if there is none, or if its document has changed. An error is the document's or the program's
    /// own; nothing is asked of PeopleSoft.
    pub fn of(&self, tenant: &Arc<Tenant>, clock: &Clock) -> Result<Client, Error> {
        let mut known = self.lock();
        if let Some(kept) = known.of.get(&tenant.id)
            && Arc::ptr_eq(&kept.tenant, tenant)
        {
            return Ok(kept.client.clone());
        }
        let roads = match &known.roads {
            Some(roads) => roads.clone(),
            None => known.roads.insert(Roads::new()?).clone(),
        };
        let client = Client::sharing(&roads, tenant.peoplesoft.clone(), clock.clone())?;
        let kept = Kept { tenant: Arc::clone(tenant), client: client.clone(), refused_at: None };
        known.of.insert(tenant.id.clone(), kept);
        Ok(client)
    }

    /// Remembers that PeopleSoft refused the credentials of the document that the tenant's client was made from.
    pub fn note_refusal(&self, id: &TenantId, now: Timestamp) {
        if let Some(kept) = self.lock().of.get_mut(id) {
            kept.refused_at = Some(now);
        }
    }

    /// Whether PeopleSoft refused the credentials of this very document so lately that they must not be tried again.
    pub fn is_refused(&self, tenant: &Arc<Tenant>, now: Timestamp) -> bool {
        let known = self.lock();
        let same = known.of.get(&tenant.id).filter(|kept| Arc::ptr_eq(&kept.tenant, tenant));
        same.and_then(|kept| kept.refused_at).is_some_and(|at| stamp::between(at, now) < CREDENTIALS_PAUSE)
    }

    /// Forgets the clients of all tenants but those that `stays` knows.
    pub fn retain(&self, stays: impl Fn(&TenantId) -> bool) {
        self.lock().of.retain(|id, _| stays(id));
    }

    /// What a panic elsewhere left behind is still good: every change is one step.
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
