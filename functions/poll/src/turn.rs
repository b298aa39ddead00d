//! One tenant's turn: takes its lease, reads the sources whose time has come, gives the lease back. No two turns of a tenant
//! overlap, in one invocation or in several, so one PeopleSoft is never asked by two polls at once. A lease that nobody gave back,
//! because an invocation died, ends by itself.

use crate::source::{self, Polled};
use crate::{Deps, lock};
use futures::FutureExt;
use futures::stream::{self, StreamExt};
use jiff::Timestamp;
use shared::ledger;
use shared::ledger::cursor::{Cursor, Cursors, Lease};
use shared::peoplesoft::{self, Class, Client, MAX_AT_ONCE};
use shared::stamp;
use shared::tenant::{EventSource, Tenant};
use shared::timing::Timing;
use std::sync::OnceLock;
use std::time::Duration;

/// Sources of one tenant read at once. Each asks for contacts while it reads, which needs room beside all of them.
const SOURCES_AT_ONCE: usize = 4;
const _: () = assert!(SOURCES_AT_ONCE < MAX_AT_ONCE);
/// The least time that is worth beginning a tenant or a source for.
const LEAST_TIME: Duration = Duration::from_secs(10);
/// How much longer than its turn a lease lasts: what was read is appended meanwhile, and nothing is asked any more.
const LEASE_MARGIN: Duration = Duration::from_secs(15);
/// How long before the lease's end the appending stops, for clocks that differ and writes under way.
const SPARE: Duration = Duration::from_secs(5);

/// A tenant's turn, while its lease is ours.
pub struct Turn<'a> {
    /// What polling needs.
    pub deps: &'a Deps,
    /// Whose turn it is.
    pub tenant: &'a Tenant,
    /// Its PeopleSoft.
    pub client: &'a Client,
    /// When PeopleSoft is asked nothing more.
    pub until: Timestamp,
    lease: Lease,
    /// Why our credentials were refused in this turn, if they were.
    refusal: OnceLock<peoplesoft::Error>,
}

/// Reads the sources of one tenant whose time has come, unless another poll is reading this tenant. `until` is when it must be over.
pub async fn turn(
    deps: &Deps,
    tenant: &Tenant,
    client: &Client,
    request_id: &str,
    until: Timestamp,
) -> Result<Vec<(String, Polled)>, ledger::Error> {
    let now = deps.clock.now();
    let cursors = deps.ledger.cursors(&tenant.id).await?;
    let next_at = |source: &EventSource| cursors.get(&source.source).and_then(|cursor| cursor.next_at);
    let not_now = |source: &EventSource| (source.source.clone(), Polled::NotNow);
    let (mut due, later): (Vec<_>, Vec<_>) = tenant.events.iter().partition(|source| next_at(source) <= Some(now));
    let mut polled: Vec<_> = later.into_iter().map(not_now).collect();
    if due.is_empty() {
        return Ok(polled);
    }
    // What the last turn didn't get to is first in this one.
    due.sort_by_key(|source| next_at(source));
    let mut readings = Vec::new();
    for source in &due {
        readings.push(match cursors.get(&source.source) {
            Some(cursor) => cursor.clone(),
            None => deps.ledger.first_cursor(&tenant.id, &source.source, first_floor(tenant, &cursors, now)).await?,
        });
    }
    let ends = stamp::after(until, LEASE_MARGIN);
    let Some(lease) = deps.ledger.take_lease(&tenant.id, &cursors, request_id, now, ends).await? else {
        polled.extend(due.into_iter().map(not_now));
        return Ok(polled);
    };
    let turn = Turn { deps, tenant, client, until, lease, refusal: OnceLock::new() };
    let at_once = if client.is_refused() { 1 } else { SOURCES_AT_ONCE };
    let polls = due.into_iter().zip(readings).map(|(source, cursor)| turn.source(source, cursor).boxed());
    let polls: Vec<_> = polls.collect();
    polled.extend(stream::iter(polls).buffer_unordered(at_once).collect::<Vec<_>>().await);
    // What was read is read: a lease that can't be given back ends by itself.
    if let Err(error) = deps.ledger.give_lease(&tenant.id, turn.lease).await {
        tracing::warn!(tenant = %tenant.id, error = %error, "the lease was not given back");
    }
    Ok(polled)
}

/// Where a source begins that is seen for the first time: now, or where the document says. What it says for good is meant for the
/// sources that began with it, and would have one that comes later, or under another name, tell of the past again.
fn first_floor(tenant: &Tenant, cursors: &Cursors, now: Timestamp) -> Timestamp {
    let is_news = |start_at: &Timestamp| *start_at > now || !cursors.began_at(*start_at);
    tenant.poll.start_at.filter(is_news).unwrap_or(now)
}

/// Whether there is time to begin: a reading that is broken off is left alone for minutes, so one that could hardly be finished
/// isn't begun.
pub fn can_begin(timing: &Timing, left: Duration) -> bool {
    left >= (timing.tenant_budget / 2).min(LEAST_TIME)
}

impl Turn<'_> {
    /// How long PeopleSoft may still be asked.
    pub fn left(&self) -> Duration {
        stamp::between(self.deps.clock.now(), self.until)
    }

    /// Whether most of the time for asking PeopleSoft is over, so that the reading may have to break off.
    pub fn is_late(&self) -> bool {
        self.left() < self.deps.timing.tenant_budget / 2
    }

    /// How long what was read may still be appended.
    pub fn left_to_append(&self) -> Duration {
        stamp::between(self.deps.clock.now(), stamp::before(self.lease.until, SPARE))
    }

    /// Whether nobody else can have taken over. A process that was frozen for a while doesn't know how long it was.
    pub fn is_ours(&self) -> bool {
        self.deps.clock.now() < self.lease.until
    }

    /// Why PeopleSoft must not be asked any more in this turn, if it must not: each refused password counts, and accounts lock.
    pub fn refusal(&self) -> Option<&peoplesoft::Error> {
        self.refusal.get()
    }

    /// Remembers that our credentials were refused, if that is what the error says.
    pub fn note(&self, error: &peoplesoft::Error) {
        if error.class() == Class::Credentials {
            self.refusal.get_or_init(|| error.clone());
        }
    }

    async fn source(&self, source: &EventSource, cursor: Cursor) -> (String, Polled) {
        let (deps, tenant) = (self.deps, self.tenant);
        let name = source.source.clone();
        if !can_begin(&deps.timing, self.left()) {
            return (name, Polled::LeftOut);
        }
        let key = (tenant.id.clone(), name.clone());
        let mut seen = lock(&deps.memory.seen).remove(&key).unwrap_or_default();
        let polled = source::poll(self, source, cursor, &mut seen).await;
        lock(&deps.memory.seen).insert(key, seen);
        let polled = polled.unwrap_or_else(|error: ledger::Error| {
            tracing::error!(tenant = %tenant.id, source = name, error = %error, "the ledger can't be used");
            deps.metrics.count(&tenant.id, "PollFailed", 1, Some("ledger"));
            Polled::NotNow
        });
        (name, polled)
    }
}
