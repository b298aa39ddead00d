//! Evidence: whether Twilio has a message or call that nobody on our side knows of. A callback would have said so; this asks
//! Twilio's own list, which knows neither our ids nor, for calls, what was said.

use super::look::Looking;
use jiff::Timestamp;
use shared::ledger::{self, read::Consistency, table::SHARDS};
use shared::notification::{NotificationId, State, Story, Tried};
use shared::phone::Channel;
use shared::stamp;
use shared::twilio;
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tokio::sync::Mutex;

/// How far Twilio's clock may be behind ours; its list has whole seconds.
const CLOCK_DIFFERENCE: Duration = Duration::from_secs(5);
/// How long before a message appeared its notification may have been started: as long as a stream may lag.
const START_LAG: Duration = Duration::from_hours(1);

/// What was found.
pub(super) enum Found {
    /// A message or call that is this attempt's.
    Message {
        /// Twilio's id of it.
        sid: String,
        /// Twilio's word for where it is.
        status: String,
    },
    /// Nothing that could be it.
    Nothing,
    /// Twilio could not be asked: no evidence of absence.
    NoAnswer,
}

/// Which of a tenant's notifications holds which sid, for the length of one sweep. Read only when a list shows a candidate.
#[derive(Default)]
pub struct Holders {
    known: Mutex<HashMap<NotificationId, HashSet<String>>>,
}

/// Looks for an attempt at Twilio: same number, same text, created after the claim, and nobody else's.
pub(super) async fn find(
    looking: &Looking<'_>,
    attempt: u32,
    claimed_at: Timestamp,
    holders: &Holders,
) -> Result<Found, ledger::Error> {
    let (Some(to), Some(body)) = (&looking.created.to, &looking.created.body) else { return Ok(Found::Nothing) };
    let channel = match looking.created.channel {
        Channel::Sms => twilio::Channel::Message,
        Channel::Voice => twilio::Channel::Call,
    };
    let since = stamp::before(claimed_at, CLOCK_DIFFERENCE);
    let listed = match looking.deps.twilio.list_to(&looking.tenant.twilio, channel, to, since).await {
        Ok(listed) => listed,
        Err(error) => {
            tracing::warn!(tenant = %looking.tenant.id, notification = %looking.story.id, error = %error, "Twilio's list could not be read");
            return Ok(Found::NoAnswer);
        }
    };
    let same_text =
        |listed: &twilio::Resource| channel == twilio::Channel::Call || listed.body.as_deref() == Some(body);
    let ours =
        |listed: &twilio::Resource| listed.direction.as_deref().is_none_or(|direction| direction == "outbound-api");
    let mut candidates: Vec<_> = listed.into_iter().filter(|listed| ours(listed) && same_text(listed)).collect();
    candidates.sort_by_key(|listed| (listed.date_created, listed.sid.clone()));
    for candidate in candidates {
        let created = candidate.date_created.unwrap_or(claimed_at);
        match holders.hold(looking, &candidate.sid, created).await? {
            Hold::Taken => continue,
            Hold::Unclear => return Ok(Found::NoAnswer),
            Hold::Free => {}
        }
        // Two attempts in doubt may both see it: only one may have it.
        if looking
            .deps
            .ledger
            .adopt(looking.tenant, to, &candidate.sid, &looking.story.id, attempt, looking.now)
            .await?
        {
            return Ok(Found::Message { sid: candidate.sid, status: candidate.status });
        }
    }
    Ok(Found::Nothing)
}

/// Whether a sid can be an attempt's.
enum Hold {
    /// Nobody has it.
    Free,
    /// Another attempt has it.
    Taken,
    /// It may turn out to be another's.
    Unclear,
}

/// Whether two notifications say the same to the same number, so that Twilio's list can't tell them apart.
fn same_message(looking: &Looking<'_>, other: &Story) -> bool {
    let own = looking.created;
    other.created().is_some_and(|other| {
        other.to == own.to && other.channel == own.channel && (own.channel == Channel::Voice || other.body == own.body)
    })
}

impl Holders {
    /// Who holds a sid. Who started shortly before it appeared is asked: the index of what is due
    /// names them, since whatever starts is due for a look.
    async fn hold(&self, looking: &Looking<'_>, sid: &str, appeared: Timestamp) -> Result<Hold, ledger::Error> {
        if looking.story.tried().values().any(|one| one.sids().contains(&sid)) {
            return Ok(Hold::Taken);
        }
        let mut unclear = false;
        let (deps, tenant) = (looking.deps, looking.tenant);
        let after = stamp::before(appeared, START_LAG);
        let until = stamp::after(looking.now, deps.timing.first_look);
        let mut known = self.known.lock().await;
        for shard in 0..SHARDS {
            let mut from = None;
            loop {
                let page = deps.ledger.due(&tenant.id, shard, after, until, from).await?;
                for due in page.due {
                    if due.id == looking.story.id || known.contains_key(&due.id) {
                        continue;
                    }
                    let story = deps.ledger.story(&tenant.id, &due.id, Consistency::Eventual).await?;
                    let sids: HashSet<String> =
                        story.tried().values().flat_map(Tried::sids).map(str::to_owned).collect();
                    // One whose request is under way has no sid yet, and may be the one that this sid is for.
                    unclear |= same_message(looking, &story) && story.standing(looking.now).state == State::Sending;
                    if !sids.is_empty() {
                        known.insert(due.id, sids);
                    }
                }
                from = page.next;
                if from.is_none() {
                    break;
                }
            }
        }
        // Not our own: another sweep may just have found it for us.
        let taken = known.iter().any(|(id, sids)| *id != looking.story.id && sids.contains(sid));
        Ok(match (taken, unclear) {
            (true, _) => Hold::Taken,
            (false, true) => Hold::Unclear,
            (false, false) => Hold::Free,
        })
    }
}
