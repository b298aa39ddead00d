//! One source of one tenant: read the window, append, move the cursor. A failure leaves the watermark where it was, and the next reading begins
//! where this one came to. Whoever calls holds the tenant's lease.

use crate::Deps;
use crate::collect::{Added, Collector, Seen};
use crate::pages::{self, Error};
use crate::turn::Turn;
use jiff::Timestamp;
use shared::ledger;
use shared::ledger::cursor::{Cursor, Ended};
use shared::pause;
use shared::peoplesoft::Class;
use shared::stamp;
use shared::tenant::{EventSource, Tenant};
use std::time::Duration;

/// What became of one source in one poll.
#[derive(Debug, Clone)]
pub enum Polled {
    /// Read to its end.
    Read(Added),
    /// Somebody else reads this tenant, or the source's time has not come.
    NotNow,
    /// No time was left to begin it. It is first next time.
    LeftOut,
    /// Not read to its end; what came was appended.
    Failed {
        /// Why.
        error: Error,
        /// What came.
        added: Added,
        /// When it is tried again.
        next_at: Timestamp,
    },
}

/// Polls one source whose time has come.
pub async fn poll(
    turn: &Turn<'_>,
    source: &EventSource,
    cursor: Cursor,
    seen: &mut Seen,
) -> Result<Polled, ledger::Error> {
    let Turn { deps, tenant, client, .. } = *turn;
    let now = deps.clock.now();
    let keyed_by = source.keyed_by();
    let overlap = tenant.poll.overlap;
    let since = cursor.watermark.map_or(cursor.floor, |watermark| stamp::before(watermark, overlap).max(cursor.floor));
    let since = cursor.resume_at.map_or(since, |resume_at| resume_at.max(since));
    let mut collector = Collector::new(turn, source, seen, &cursor);
    let mut tally = pages::Tally::default();
    let read = if let Some(refusal) = turn.refusal() {
        // Another source of this turn has found out.
        Err(refusal.clone().into())
    } else {
        let reading = pages::read(client, (tenant, source), (since, now), &mut tally, &mut collector);
        tokio::time::timeout(turn.left(), reading).await.unwrap_or(Err(Error::TimeOver))
    };
    if let Err(Error::PeopleSoft(error)) = &read {
        turn.note(error);
    }
    let (mut added, appended, open) = collector.finish(&read).await;
    let reached = tally.reached();
    added.bad += tally.bad;
    added.last_bad = tally.last_bad.or(added.last_bad);
    if tally.unordered {
        tracing::warn!(tenant = %tenant.id, source = source.source, "the query doesn't order its rows by their time, ascending; reading it takes more requests");
    }
    if tally.outside {
        tracing::warn!(tenant = %tenant.id, source = source.source, remedy = pages::OUTSIDE, "rows came whose time is none that was asked for");
    }
    if cursor.is_rekeyed(&keyed_by) && added.held > 0 {
        tracing::error!(tenant = %tenant.id, source = source.source, held = added.held, "the key has changed, so nobody knows what was told already: what may have been is held until `connector release-held`");
        deps.metrics.count(&tenant.id, "Flood", 1, Some(&source.source));
    }
    if let Some(last) = &added.last_bad {
        // Nobody is told of them until somebody corrects them: no matter for a warning.
        tracing::error!(tenant = %tenant.id, source = source.source, rows = added.bad, last = %last, remedy = "Correct the query, or the rows; of those that aren't on the ledger, what is corrected while the overlap lasts is told.", "rows that can't be told as they are");
        deps.metrics.count(&tenant.id, "BadRows", added.bad, None);
    }
    match read.and(appended) {
        Ok(()) => {
            let next_at = next_regular(tenant, now);
            if turn.is_ours()
                && deps.ledger.move_cursor(&tenant.id, &cursor, &keyed_by, Ended::Read(now), next_at).await?
            {
                seen.read_until(now);
            } else {
                tracing::warn!(tenant = %tenant.id, source = source.source, "the reading outlasted its lease; the watermark is whoever's who holds it now");
            }
            deps.metrics.count(&tenant.id, "Polled", 1, None);
            tracing::info!(tenant = %tenant.id, source = source.source, rows = tally.rows, requests = tally.requests, created = added.created, known = added.known, held = added.held, "polled");
            Ok(Polled::Read(added))
        }
        Err(error) => {
            let failures = cursor.failures.saturating_add(1);
            let next_at = stamp::whole_millis(stamp::after(deps.clock.now(), pause(deps, &error, failures)));
            // What is younger may have been committed behind our back; and nobody is passed over who isn't on the ledger.
            let settled = stamp::before(now, overlap).min(open.unwrap_or(now));
            let resume_at = reached.map(|reached| reached.min(settled)).filter(|resume_at| *resume_at > since);
            // What was read to its end but for some instant is no part of a flood that goes on.
            let created =
                if error.leaves_peoplesoft_alone() { cursor.created.saturating_add(added.created) } else { 0 };
            report(deps, tenant, source, &error, failures, resume_at);
            if turn.is_ours() {
                deps.ledger
                    .move_cursor(
                        &tenant.id,
                        &cursor,
                        &keyed_by,
                        Ended::Failed { failures, resume_at, created },
                        next_at,
                    )
                    .await?;
            }
            Ok(Polled::Failed { error, added, next_at })
        }
    }
}

/// A little early, so that a schedule of the same rhythm doesn't miss every other turn.
fn next_regular(tenant: &Tenant, started: Timestamp) -> Timestamp {
    let every = tenant.poll.every;
    stamp::after(started, every.saturating_sub((every / 10).min(Duration::from_secs(5))))
}

fn pause(deps: &Deps, error: &Error, failures: u32) -> Duration {
    let timing = &deps.timing;
    let usual = pause::doubled(timing.source_retry_base, failures - 1, timing.source_retry_cap);
    match error {
        Error::PeopleSoft(error) => {
            let asked = error.retry_after().map(|asked| asked.min(timing.asked_pause_cap));
            match error.class() {
                Class::Credentials => timing.credentials_pause.max(usual),
                Class::Unavailable | Class::Misconfigured | Class::Permission | Class::Query | Class::Incomplete => {
                    asked.unwrap_or(usual).max(timing.source_retry_base)
                }
            }
        }
        // The last request may still be running there.
        Error::TimeOver => usual.max(timing.timeout_pause),
        Error::FullInstant { .. }
        | Error::Unordered { .. }
        | Error::Outside { .. }
        | Error::NoSuchColumn { .. }
        | Error::Ledger(_) => usual,
    }
}

fn report(
    deps: &Deps,
    tenant: &Tenant,
    source: &EventSource,
    error: &Error,
    failures: u32,
    resume_at: Option<Timestamp>,
) {
    deps.metrics.count(&tenant.id, "PollFailed", 1, Some(&source.source));
    tracing::error!(tenant = %tenant.id, source = source.source, failures, resume_at = resume_at.map(stamp::format), error = %error, remedy = error.remedy(), "source not read to its end; the watermark stays");
}
