//! How fast each tenant may go: a bound on what is under way at once, and a pause when its account is in trouble. Lives as
//! long as the process; what must outlive it is on the ledger.

use jiff::Timestamp;
use shared::stamp;
use shared::tenant::TenantId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
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
    trouble: Option<Trouble>,
}

/// An account that Twilio refuses.
#[derive(Debug)]
struct Trouble {
    /// Pauses so far, the present one included.
    failures: u32,
    until: Timestamp,
    /// Whether somebody tries just now whether the trouble is over.
    probing: bool,
}

/// What became of reporting trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paused {
    /// Until when the tenant sends nothing.
    pub until: Timestamp,
    /// Pauses in a row, if this report began one; 0 if the tenant was paused already.
    pub failures: u32,
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

    /// Until when the tenant sends nothing, if it is paused. When a pause is over, one caller is let through to try; the others
    /// wait for what comes of it, for `probe` at most.
    pub fn paused_until(&self, tenant: &TenantId, now: Timestamp, probe: Duration) -> Option<Timestamp> {
        self.with(tenant, |one| {
            let trouble = one.trouble.as_mut()?;
            if trouble.until > now {
                return Some(trouble.until);
            }
            (trouble.until, trouble.probing) = (stamp::after(now, probe), true);
            None
        })
    }

    /// Pauses a tenant, for longer with each time in a row; `pause` says how long after so many times before. Who asked at the
    /// same time and was refused as well adds nothing.
    pub fn pause(&self, tenant: &TenantId, now: Timestamp, pause: impl FnOnce(u32) -> Duration) -> Paused {
        self.with(tenant, |one| {
            let before = match &one.trouble {
                Some(trouble) if trouble.until > now && !trouble.probing => {
                    return Paused { until: trouble.until, failures: 0 };
                }
                trouble => trouble.as_ref().map_or(0, |trouble| trouble.failures),
            };
            let trouble =
                Trouble { failures: before.saturating_add(1), until: stamp::after(now, pause(before)), probing: false };
            let paused = Paused { until: trouble.until, failures: trouble.failures };
            one.trouble = Some(trouble);
            paused
        })
    }

    /// Ends a tenant's pause: Twilio took something.
    pub fn recovered(&self, tenant: &TenantId) {
        self.with(tenant, |one| one.trouble = None);
    }

    fn with<T>(&self, tenant: &TenantId, act: impl FnOnce(&mut One) -> T) -> T {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let one = tenants
            .entry(tenant.clone())
            .or_insert_with(|| One { places: Arc::new(Semaphore::new(self.at_once)), trouble: None });
        act(one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_ends_in_one_probe_and_grows_until_something_is_taken() {
        let (pace, tenant) = (Pace::default(), TenantId::parse("st-lukes").unwrap());
        let at = |seconds: i64| Timestamp::from_second(1_770_000_000 + seconds).unwrap();
        let probe = Duration::from_secs(60);
        let growing = |before: u32| Duration::from_secs(300 << before);
        assert_eq!(pace.paused_until(&tenant, at(0), probe), None);
        assert_eq!(pace.pause(&tenant, at(0), growing), Paused { until: at(300), failures: 1 });
        // Those that were under way at the same time.
        assert_eq!(pace.pause(&tenant, at(1), growing), Paused { until: at(300), failures: 0 });
        assert_eq!(pace.paused_until(&tenant, at(299), probe), Some(at(300)));
        // One is let through, the others wait for it.
        assert_eq!(pace.paused_until(&tenant, at(300), probe), None);
        assert_eq!(pace.paused_until(&tenant, at(301), probe), Some(at(360)));
        assert_eq!(pace.pause(&tenant, at(302), growing), Paused { until: at(902), failures: 2 });
        // A probe that nothing is heard of makes way for another.
        assert_eq!(pace.paused_until(&tenant, at(902), probe), None);
        assert_eq!(pace.paused_until(&tenant, at(961), probe), Some(at(962)));
        assert_eq!(pace.paused_until(&tenant, at(962), probe), None);
        pace.recovered(&tenant);
        assert_eq!(pace.paused_until(&tenant, at(963), probe), None);
        assert_eq!(pace.pause(&tenant, at(970), growing), Paused { until: at(1270), failures: 1 });
    }
}
