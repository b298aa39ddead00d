//! How fast each tenant may go: a bound on what is under way at once, and a pause when its account is in trouble. Lives as
//! long as the process; what must outlive it is on the ledger.

use jiff::Timestamp;
use shared::tenant::TenantId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Requests to Twilio under way at once, per tenant and process. Twilio's own bound is per account and unpublished; error
/// 20429 says that it was met.
pub const AT_ONCE: usize = 25;

/// The pace of every tenant.
#[derive(Debug)]
pub struct Pace {
    at_once: usize,
    tenants: Mutex<HashMap<TenantId, One>>,
}

#[derive(Debug)]
struct One {
    places: Arc<Semaphore>,
    paused_until: Option<Timestamp>,
}

impl Default for Pace {
    fn default() -> Self {
        Self::new(AT_ONCE)
    }
}

impl Pace {
    /// At most this many requests at once for each tenant.
    pub fn new(at_once: usize) -> Self {
        Self { at_once, tenants: Mutex::default() }
    }

    /// Waits for a place. It is given back when dropped.
    pub async fn place(&self, tenant: &TenantId) -> Option<OwnedSemaphorePermit> {
        let places = self.with(tenant, |one| Arc::clone(&one.places));
        places.acquire_owned().await.ok() // an error would mean that it was closed, which nobody does
    }

    /// Until when the tenant sends nothing, if it is paused.
    pub fn paused_until(&self, tenant: &TenantId, now: Timestamp) -> Option<Timestamp> {
        self.with(tenant, |one| one.paused_until.filter(|until| *until > now))
    }

    /// Pauses a tenant; answers whether it was not paused before, so that one alarm is raised and not a thousand.
    pub fn pause(&self, tenant: &TenantId, until: Timestamp) -> bool {
        self.with(tenant, |one| {
            let first = one.paused_until.is_none();
            one.paused_until = Some(one.paused_until.map_or(until, |paused| paused.max(until)));
            first
        })
    }

    /// Ends a tenant's pause: Twilio took something.
    pub fn recovered(&self, tenant: &TenantId) {
        self.with(tenant, |one| one.paused_until = None);
    }

    fn with<T>(&self, tenant: &TenantId, act: impl FnOnce(&mut One) -> T) -> T {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let one = tenants
            .entry(tenant.clone())
            .or_insert_with(|| One { places: Arc::new(Semaphore::new(self.at_once)), paused_until: None });
        act(one)
    }
}
