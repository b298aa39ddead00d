//! What the whole ledger holds, as of a moment ago. However many pages ask, it is read once in a while: reading it again must
//! not take what the stack itself needs, and nobody who searches waits for it.

use crate::report::row::Row;
use crate::report::sums::Sums;
use jiff::Timestamp;
use shared::clock::Clock;
use shared::ledger::{Error, Ledger, read, scan};
use shared::notification::{Fact, NotificationId, Story};
use shared::telemetry::said;
use shared::tenant::TenantId;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// A snapshot is at least so old before another is taken.
const LEAST_AGE: Duration = Duration::from_millis(500);
/// And so many times as old as it took.
const REST: u32 = 3;

/// All notifications at an instant.
pub(super) struct Snapshot {
    /// When.
    pub(super) at: Timestamp,
    /// The latest first.
    pub(super) rows: Vec<Row>,
    /// What they add up to.
    pub(super) sums: Sums,
    /// How many items lie among their facts and are none.
    pub(super) odd: usize,
}

/// Takes snapshots when they are asked for and the last one has aged.
pub(super) struct Snapshots {
    ledger: Ledger,
    clock: Clock,
    last: RwLock<Option<Taken>>,
    /// Held while one is being taken.
    taking: Mutex<()>,
}

#[derive(Clone)]
struct Taken {
    snapshot: Arc<Snapshot>,
    good_until: Instant,
}

impl Snapshots {
    pub(super) fn new(ledger: Ledger, clock: Clock) -> Self {
        Self { ledger, clock, last: RwLock::new(None), taking: Mutex::new(()) }
    }

    pub(super) async fn latest(&self) -> Result<Arc<Snapshot>, Error> {
        let last = self.last();
        let _taking = match (self.taking.try_lock(), last) {
            // While one is being taken, the one before does.
            (Err(_), Some(last)) => return Ok(last.snapshot),
            // Only the very first has none before it.
            (Err(_), None) => self.taking.lock().await,
            (Ok(taking), _) => taking,
        };
        if let Some(last) = self.last().filter(|last| last.good_until > Instant::now()) {
            return Ok(last.snapshot);
        }
        let began = Instant::now();
        let snapshot = Arc::new(take(&self.ledger, self.clock.now()).await?);
        let rest = (began.elapsed() * REST).max(LEAST_AGE);
        let taken = Taken { snapshot: Arc::clone(&snapshot), good_until: Instant::now() + rest };
        *self.last.write().unwrap_or_else(PoisonError::into_inner) = Some(taken);
        Ok(snapshot)
    }

    fn last(&self) -> Option<Taken> {
        self.last.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn take(ledger: &Ledger, now: Timestamp) -> Result<Snapshot, Error> {
    let mut odd = 0;
    let mut facts: BTreeMap<(TenantId, NotificationId), Vec<Fact>> = BTreeMap::new();
    let mut pages = ledger.client().scan().table_name(ledger.table()).limit(scan::PAGE).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| Error::Unreachable(said(&error)))?;
        for item in page.items.unwrap_or_default() {
            if !scan::is_notification(&item) {
                continue;
            }
            match read::fact(item) {
                Ok((tenant, id, fact)) => facts.entry((tenant, id)).or_default().push(fact),
                Err(_) => odd += 1,
            }
        }
    }
    let mut sums = Sums::default();
    let mut rows = Vec::with_capacity(facts.len());
    for ((tenant, id), facts) in facts {
        let story = Story::new(id, facts);
        let row = Row::of(&tenant, &story, story.standing(now));
        sums.add(&row);
        rows.push(row);
    }
    rows.sort_by_cached_key(|row| (Reverse(row.created_at), row.id.clone()));
    Ok(Snapshot { at: now, rows, sums, odd })
}
