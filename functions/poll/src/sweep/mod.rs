//! The sweep: looks at notifications whose time has come, and settles them by evidence, releases them, closes them, or says
//! when to look again. Every step can be taken twice, by two sweeps at once, without harm. Never sends.
//!
//! Read in this order: [`sweep`] (what is due), [`look`] (one of them), [`doubt`] (an attempt that nothing is known of),
//! [`evidence`] (what Twilio knows), `mixup` (what was taken for the wrong one's), [`escalation`] (a call for a text that
//! didn't arrive), [`settled`].

pub mod doubt;
pub mod escalation;
pub mod evidence;
pub mod look;
mod mixup;
pub mod settled;

use crate::{Deps, lock};
use evidence::{Holders, Numbers};
use futures::stream::{self, StreamExt};
use jiff::Timestamp;
use shared::ledger::due::Due;
use shared::ledger::table::SHARDS;
use shared::ledger::{self, Item};
use shared::notification::NotificationId;
use shared::stamp;
use shared::tenant::Tenant;
use std::collections::HashMap;
use std::time::Duration;

/// Looks under way at once, per shard.
const LOOKS: usize = 4;
/// How far the stored watermark may lag behind what was swept: a write every so often instead of at every sweep.
const STORE_EVERY: Duration = Duration::from_secs(150);

/// How far a tenant was swept, as this process remembers it.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Everything due up to here was looked at.
    until: Option<Timestamp>,
    /// What the ledger says of that.
    stored: Option<Timestamp>,
    /// What was looked at inside the look-back, so that it isn't looked at again.
    looked: HashMap<(NotificationId, String), Timestamp>,
    /// Whom those are for that started lately.
    numbers: Numbers,
}

/// What one sweep of one tenant did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Notifications looked at.
    pub looked: u64,
    /// Looks that failed; they are taken again.
    pub failed: u64,
    /// Everything due up to here was looked at, if it was.
    pub until: Option<Timestamp>,
}

/// Looks at everything of a tenant that is due, in order of time, until `until` at the latest.
pub async fn sweep(deps: &Deps, tenant: &Tenant, until: Timestamp) -> Swept {
    let mut progress = lock(&deps.memory.swept).remove(&tenant.id).unwrap_or_default();
    let swept = match all_shards(deps, tenant, &mut progress, until).await {
        Ok(swept) => swept,
        Err(error) => {
            tracing::error!(tenant = %tenant.id, error = %error, "sweep broken off; it begins again where it was");
            Swept { failed: 1, ..Swept::default() }
        }
    };
    if swept.failed > 0 {
        deps.metrics.count(&tenant.id, "PollFailed", 1, Some("sweep"));
    }
    lock(&deps.memory.swept).insert(tenant.id.clone(), progress);
    swept
}

async fn all_shards(
    deps: &Deps,
    tenant: &Tenant,
    progress: &mut Progress,
    until: Timestamp,
) -> Result<Swept, ledger::Error> {
    let now = deps.clock.now();
    if progress.until.is_none() {
        progress.stored = deps.ledger.swept_until(&tenant.id).await?;
        progress.until = progress.stored;
    }
    let after = progress.until.map_or(Timestamp::UNIX_EPOCH, |swept| stamp::before(swept, deps.timing.look_back));
    progress.looked.retain(|_, at| *at >= after);
    let holders = Holders::knowing(std::mem::take(&mut progress.numbers));
    let looked = &progress.looked;
    let shards: Vec<_> = stream::iter(0..SHARDS)
        .map(|shard| {
            let holders = &holders;
            async move { one_shard(deps, tenant, shard, (after, now, until), looked, holders).await }
        })
        .buffer_unordered(SHARDS.into())
        .collect()
        .await;
    progress.numbers = holders.into_numbers();
    let mut swept = Swept::default();
    let mut complete = true;
    for shard in shards {
        let shard = shard?;
        complete &= shard.complete;
        swept.looked += shard.looked.len() as u64;
        swept.failed += shard.failed;
        progress.looked.extend(shard.looked.into_iter().map(|due| ((due.id, due.sk), due.at)));
    }
    if complete {
        (progress.until, swept.until) = (Some(now), Some(now));
        let lag = progress.stored.map(|stored| stamp::between(stored, now));
        if lag.is_none_or(|lag| lag >= STORE_EVERY) {
            deps.ledger.store_swept(&tenant.id, now).await?;
            progress.stored = Some(now);
        }
    }
    Ok(swept)
}

/// What one shard came to.
struct Shard {
    looked: Vec<Due>,
    failed: u64,
    /// Whether everything due was looked at.
    complete: bool,
}

async fn one_shard(
    deps: &Deps,
    tenant: &Tenant,
    shard: u8,
    (after, now, until): (Timestamp, Timestamp, Timestamp),
    known: &HashMap<(NotificationId, String), Timestamp>,
    holders: &Holders,
) -> Result<Shard, ledger::Error> {
    let mut result = Shard { looked: Vec::new(), failed: 0, complete: true };
    let mut from: Option<Item> = None;
    loop {
        let page = deps.ledger.due(&tenant.id, shard, after, now, from).await?;
        // Several facts may call for a look at one notification: one look answers them all.
        let mut wanted: HashMap<NotificationId, Vec<Due>> = HashMap::new();
        for due in page.due {
            if !known.contains_key(&(due.id.clone(), due.sk.clone())) {
                wanted.entry(due.id.clone()).or_default().push(due);
            }
        }
        let looks: Vec<_> = stream::iter(wanted)
            .map(|(id, dues)| async move {
                let due = dues.iter().map(|due| due.at).max().unwrap_or(now);
                // A look that is broken off is like one that crashed: it is taken again.
                let left = stamp::between(deps.clock.now(), until);
                let look = tokio::time::timeout(left, look::look(deps, tenant, &id, due, holders)).await;
                (dues, look.ok())
            })
            .buffer_unordered(LOOKS)
            .collect()
            .await;
        for (dues, look) in looks {
            match look {
                Some(Ok(())) => result.looked.extend(dues),
                Some(Err(error)) => {
                    result.failed += 1;
                    tracing::error!(tenant = %tenant.id, notification = %dues[0].id, error = %error, "look failed");
                    if error.may_pass() {
                        result.complete = false;
                    } else {
                        result.looked.extend(dues); // to look again must not hold up the watermark for good
                    }
                }
                None => result.complete = false,
            }
        }
        from = page.next;
        if from.is_none() {
            return Ok(result);
        }
    }
}
