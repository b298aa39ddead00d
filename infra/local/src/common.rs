//! What the four functions have in common, and each one's own share of it.

use shared::clock::Clock;
use shared::ledger::Ledger;
use shared::metrics::Metrics;
use shared::tenant::{Clients, Tenants};
use shared::timing::Timing;
use std::sync::Arc;

/// What the functions have in common.
pub(crate) struct Common {
    pub(crate) ledger: Ledger,
    pub(crate) tenants: Arc<Tenants>,
    pub(crate) twilio: shared::twilio::Client,
    pub(crate) clock: Clock,
    pub(crate) timing: Timing,
    pub(crate) metrics: Metrics,
    pub(crate) callback_base_url: String,
}

impl Common {
    pub(crate) fn poll(&self) -> poll::Deps {
        poll::Deps {
            ledger: self.ledger.clone(),
            tenants: Arc::clone(&self.tenants),
            twilio: self.twilio.clone(),
            clock: self.clock.clone(),
            timing: self.timing.clone(),
            metrics: self.metrics.clone(),
            memory: poll::Memory::default(),
        }
    }

    pub(crate) fn send(&self) -> send::Deps {
        send::Deps {
            ledger: self.ledger.clone(),
            tenants: Arc::clone(&self.tenants),
            twilio: self.twilio.clone(),
            clock: self.clock.clone(),
            timing: self.timing.clone(),
            callback_base_url: self.callback_base_url.clone(),
            pace: send::pace::Pace::default(),
            metrics: self.metrics.clone(),
        }
    }

    pub(crate) fn callback(&self) -> callback::Deps {
        callback::Deps {
            ledger: self.ledger.clone(),
            tenants: Arc::clone(&self.tenants),
            clock: self.clock.clone(),
            callback_base_url: self.callback_base_url.clone(),
            metrics: self.metrics.clone(),
        }
    }

    pub(crate) fn verify(&self) -> verify::Deps {
        verify::Deps {
            ledger: self.ledger.clone(),
            tenants: Arc::clone(&self.tenants),
            twilio: self.twilio.clone(),
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            clients: Clients::default(),
        }
    }
}
