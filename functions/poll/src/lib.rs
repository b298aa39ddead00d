//! PeopleSoft to the ledger, on a schedule; and the sweep, which acts on facts whose time has come. Never calls Twilio to send.
//!
//! Read in this order: [`run`] (all tenants), [`turn`] (one tenant's sources), [`source`] (one source), [`window`] and [`pages`] (its
//! rows), [`notify`] (one row), [`contacts`] (whose it is), [`collect`] (onto the ledger); then [`sweep`].

pub mod collect;
pub mod contacts;
pub mod notify;
pub mod pages;
pub mod source;
pub mod sweep;
pub mod turn;
pub mod window;

use collect::Seen;
use futures::FutureExt;
use futures::stream::{self, StreamExt};
use jiff::Timestamp;
use rand::seq::SliceRandom as _;
use shared::clock::Clock;
use shared::ledger::{self, Ledger};
use shared::metrics::Metrics;
use shared::peoplesoft::Roads;
use shared::tenant::{Clients, Tenant, TenantId, Tenants, store};
use shared::timing::Timing;
use shared::{stamp, twilio};
use source::Polled;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

/// Tenants worked on at once: most of the time is spent waiting, and some may hang until their budget is spent.
pub const TENANTS_AT_ONCE: usize = 64;

/// What polling needs.
pub struct Deps {
    /// Where facts are kept.
    pub ledger: Ledger,
    /// Whose facts they are.
    pub tenants: Arc<Tenants>,
    /// The way to Twilio, to ask what became of something.
    pub twilio: twilio::Client,
    /// The time.
    pub clock: Clock,
    /// How long to wait for what.
    pub timing: Timing,
    /// Where counts go.
    pub metrics: Metrics,
    /// What is kept from one invocation to the next.
    pub memory: Memory,
}

/// What a process remembers between invocations. All of it can be lost: then the ledger is asked again.
#[derive(Default)]
pub struct Memory {
    clients: Clients,
    seen: Mutex<HashMap<(TenantId, String), Seen>>,
    done: Mutex<HashMap<TenantId, Timestamp>>,
    swept: Mutex<HashMap<TenantId, sweep::Progress>>,
}

/// What one invocation did.
#[derive(Debug, Default)]
pub struct Report {
    /// Sources by tenant and name.
    pub sources: Vec<(TenantId, String, Polled)>,
    /// Tenants whose document can't be used, and why.
    pub unusable: Vec<(TenantId, String)>,
    /// Tenants that there was no time for, or not for all their sources.
    pub left_out: Vec<TenantId>,
    /// What the sweep did, by tenant.
    pub swept: Vec<(TenantId, sweep::Swept)>,
}

/// Polls and sweeps every tenant, until `until` at the latest. Whoever had to wait longest comes first.
pub async fn run(deps: &Deps, request_id: &str, until: Timestamp) -> Result<Report, store::Error> {
    let mut report = Report::default();
    let mut tenants = Vec::new();
    for (id, document) in deps.tenants.list().await? {
        match document {
            Ok(tenant) => tenants.push(tenant),
            Err(invalid) => {
                tracing::error!(tenant = %id, problems = invalid.problems.len(), error = %invalid, "tenant document unusable; this tenant stands still");
                deps.metrics.count(&id, "TenantUnusable", 1, None);
                report.unusable.push((id, invalid.to_string()));
            }
        }
    }
    deps.memory.forget_all_but(&tenants);
    // A process that has just started doesn't know who waited longest; chance is fairer than the alphabet.
    tenants.shuffle(&mut rand::rng());
    let done = lock(&deps.memory.done).clone();
    tenants.sort_by_key(|tenant| done.get(&tenant.id).copied());
    let results: Vec<_> = stream::iter(tenants)
        .map(|tenant| async move { (tenant.id.clone(), one(deps, tenant, request_id, until).await) }.boxed())
        .buffer_unordered(TENANTS_AT_ONCE)
        .collect()
        .await;
    for (id, result) in results {
        let Some((sources, swept)) = result else {
            report.left_out.push(id);
            continue;
        };
        if has_left_out(&sources) {
            report.left_out.push(id.clone());
        }
        report.sources.extend(sources.into_iter().map(|(name, polled)| (id.clone(), name, polled)));
        report.swept.push((id, swept));
    }
    if !report.left_out.is_empty() {
        tracing::warn!(
            tenants = report.left_out.len(),
            "no time was left for these tenants, or some of their sources; they are first next time"
        );
    }
    Ok(report)
}

/// One tenant: its sources and its sweep, side by side. `None` if there is no time left to begin.
async fn one(
    deps: &Deps,
    tenant: Arc<Tenant>,
    request_id: &str,
    until: Timestamp,
) -> Option<(Vec<(String, Polled)>, sweep::Swept)> {
    let now = deps.clock.now();
    let until =
        stamp::before(until, shared::settings::INVOCATION_MARGIN).min(stamp::after(now, deps.timing.tenant_budget));
    if !turn::can_begin(&deps.timing, stamp::between(now, until)) {
        return None;
    }
    let (sources, swept) = tokio::join!(sources(deps, &tenant, request_id, until), sweep::sweep(deps, &tenant, until));
    if !has_left_out(&sources) {
        lock(&deps.memory.done).insert(tenant.id.clone(), deps.clock.now());
    }
    Some((sources, swept))
}

fn has_left_out(sources: &[(String, Polled)]) -> bool {
    sources.iter().any(|(_, polled)| matches!(polled, Polled::LeftOut))
}

async fn sources(deps: &Deps, tenant: &Arc<Tenant>, request_id: &str, until: Timestamp) -> Vec<(String, Polled)> {
    if tenant.events.is_empty() {
        return Vec::new();
    }
    let client = match deps.memory.clients.of(tenant, &deps.clock) {
        Ok(client) => client,
        Err(error) => {
            // A document with such a connection is refused: this is the program's own fault, and must ring all the same.
            tracing::error!(tenant = %tenant.id, error = %error, remedy = error.remedy(), "no client for this PeopleSoft");
            deps.metrics.count(&tenant.id, "PollFailed", 1, None);
            return Vec::new();
        }
    };
    let polled = turn::turn(deps, tenant, &client, request_id, until).await;
    polled.unwrap_or_else(|error: ledger::Error| {
        tracing::error!(tenant = %tenant.id, error = %error, "the ledger can't be used");
        deps.metrics.count(&tenant.id, "PollFailed", 1, Some("ledger"));
        Vec::new()
    })
}

impl Memory {
    /// A memory of nothing but the roads to PeopleSoft.
    pub fn sharing(roads: Roads) -> Self {
        Self { clients: Clients::sharing(roads), ..Self::default() }
    }

    /// Forgets tenants that are no more.
    fn forget_all_but(&self, tenants: &[Arc<Tenant>]) {
        let known: HashSet<&TenantId> = tenants.iter().map(|tenant| &tenant.id).collect();
        self.clients.retain(|id| known.contains(id));
        lock(&self.seen).retain(|(id, _), _| known.contains(id));
        lock(&self.done).retain(|id, _| known.contains(id));
        lock(&self.swept).retain(|id, _| known.contains(id));
    }
}

/// What a panic elsewhere left behind is still good: every change to the memory is one step.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
