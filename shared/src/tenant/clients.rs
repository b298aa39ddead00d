//! The tenants' clients for PeopleSoft, kept from one invocation to the next: they hold connections and tokens.

use super::{Tenant, TenantId};
use crate::clock::Clock;
use crate::peoplesoft::{Client, Error, Roads};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One client for each tenant, kept while its document stays the same.
#[derive(Default)]
pub struct Clients(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// Made with the first client, if nobody brought them: for every tenant anew they would take seconds and hundreds of megabytes.
    roads: Option<Roads>,
    of: HashMap<TenantId, (Arc<Tenant>, Client)>,
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
        if let Some((same, client)) = known.of.get(&tenant.id)
            && Arc::ptr_eq(same, tenant)
        {
            return Ok(client.clone());
        }
        let roads = match &known.roads {
            Some(roads) => roads.clone(),
            None => known.roads.insert(Roads::new()?).clone(),
        };
        let client = Client::sharing(&roads, tenant.peoplesoft.clone(), clock.clone())?;
        known.of.insert(tenant.id.clone(), (Arc::clone(tenant), client.clone()));
        Ok(client)
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
