//! Evidence: whether Twilio has a message or call that nobody on our side knows of. A callback would have said so; this asks
//! Twilio's own list, which knows neither our ids nor, for calls, what was said.

use super::look::Looking;
use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use shared::ledger::{self, read::Consistency, table::SHARDS};
use shared::notification::{NotificationId, State, Story};
use shared::phone::{Channel, PhoneNumber};
use shared::stamp;
use shared::twilio;
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tokio::sync::Mutex;

/// How far Twilio's clock may be behind ours; its list has whole seconds.
const CLOCK_DIFFERENCE: Duration = Duration::from_secs(5);
/// How long before a message appeared its notification may have been started: as long as a stream may lag.
const START_LAG: Duration = Duration::from_hours(1);
/// How long after an attempt's deadline a message of it may still appear. What appears later is another's.
const LATE: Duration = Duration::from_mins(1);
/// Stories read at once.
const READS: usize = 16;

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

/// Whom a tenant's notifications are for, as far as they started lately: only one for the same number can hold a message to
/// it. Read when a list first shows a candidate, and kept for the length of one sweep.
#[derive(Default)]
pub struct Holders {
    read: Mutex<Read>,
}

#[derive(Default)]
struct Read {
    /// From when on everything that started is known.
    since: Option<Timestamp>,
    by_number: HashMap<PhoneNumber, HashSet<NotificationId>>,
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
    let last = stamp::after(claimed_at, looking.deps.timing.attempt_deadline + LATE);
    let in_time = |listed: &twilio::Resource| listed.date_created.is_none_or(|created| created <= last);
    let could_be = |listed: &twilio::Resource| ours(listed) && same_text(listed) && in_time(listed);
    let mut candidates: Vec<_> = listed.into_iter().filter(could_be).collect();
    candidates.sort_by_key(|listed| (listed.date_created, listed.sid.clone()));
    for candidate in candidates {
        let created = candidate.date_created.unwrap_or(claimed_at);
        match holders.hold(looking, to, &candidate.sid, created).await? {
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
    /// Who holds a sid that appeared at some time. Whoever shares the number is read anew: it may have been settled just now.
    async fn hold(
        &self,
        looking: &Looking<'_>,
        to: &PhoneNumber,
        sid: &str,
        appeared: Timestamp,
    ) -> Result<Hold, ledger::Error> {
        if looking.story.tried().values().any(|one| one.sids().contains(&sid)) {
            return Ok(Hold::Taken);
        }
        let sharing = {
            let mut read = self.read.lock().await;
            read.fill(looking, stamp::before(appeared, START_LAG)).await?;
            read.by_number.get(to).cloned().unwrap_or_default()
        };
        let mut hold = Hold::Free;
        for id in sharing.iter().filter(|id| **id != looking.story.id) {
            let story = looking.deps.ledger.story(&looking.tenant.id, id, Consistency::Strong).await?;
            if story.tried().values().any(|one| one.sids().contains(&sid)) {
                return Ok(Hold::Taken);
            }
            // One whose request is under way has no sid yet, and may be the one that this sid is for.
            if same_message(looking, &story) && story.standing(looking.now).state == State::Sending {
                hold = Hold::Unclear;
            }
        }
        Ok(hold)
    }
}

impl Read {
    /// Reads who started since then: the index of what is due names them, since whatever starts is due for a look.
    async fn fill(&mut self, looking: &Looking<'_>, since: Timestamp) -> Result<(), ledger::Error> {
        if self.since.is_some_and(|known| known <= since) {
            return Ok(());
        }
        let (deps, tenant) = (looking.deps, looking.tenant);
        let until = stamp::after(looking.now, deps.timing.first_look);
        let mut seen: HashSet<NotificationId> = HashSet::new();
        for shard in 0..SHARDS {
            let mut from = None;
            loop {
                let page = deps.ledger.due(&tenant.id, shard, since, until, from).await?;
                let new: Vec<_> = page.due.into_iter().map(|due| due.id).filter(|id| seen.insert(id.clone())).collect();
                let stories: Vec<Story> = stream::iter(new)
                    .map(|id| async move { deps.ledger.story(&tenant.id, &id, Consistency::Eventual).await })
                    .buffer_unordered(READS)
                    .try_collect()
                    .await?;
                for story in stories {
                    if let Some(number) = story.created().and_then(|created| created.to.clone()) {
                        self.by_number.entry(number).or_default().insert(story.id.clone());
                    }
                }
                from = page.next;
                if from.is_none() {
                    break;
                }
            }
        }
        self.since = Some(since);
        Ok(())
    }
}
