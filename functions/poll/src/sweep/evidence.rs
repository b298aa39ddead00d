//! Evidence: whether Twilio has a message or call that nobody on our side knows of. A callback would have said so; this asks
//! Twilio's own list, which knows neither our ids nor what was said in a call or in a text that was redacted.

use super::look::Looking;
use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use shared::ledger::{self, read::Consistency, table::SHARDS};
use shared::notification::{Created, NotificationId, State, Story};
use shared::phone::{Channel, PhoneNumber};
use shared::stamp;
use shared::twilio;
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tokio::sync::Mutex;

/// How far Twilio's clock and ours may differ, either way; its list has whole seconds. Wide, since it costs little: what was
/// created before a claim must be able to say the same to the same number, belong to nobody on our side, and be nearer to no
/// other attempt in doubt.
const CLOCK_DIFFERENCE: Duration = Duration::from_mins(1);
/// How long before a message appeared its notification may have been started: as long as a stream may lag.
const START_LAG: Duration = Duration::from_hours(1);
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
    /// Somebody else decided it while we looked.
    Decided,
}

/// Whom a tenant's notifications are for, as far as they started lately: only one for the same number can hold a message to
/// it. Read when a list first shows a candidate, and kept for the length of one sweep; but whose number is known from an
/// earlier one is not read again, since it never changes.
#[derive(Default)]
pub struct Holders {
    read: Mutex<Read>,
}

/// The numbers of notifications that started lately.
pub(super) type Numbers = HashMap<NotificationId, PhoneNumber>;

#[derive(Default)]
struct Read {
    /// From when on everything that started is known.
    since: Option<Timestamp>,
    by_number: HashMap<PhoneNumber, HashSet<NotificationId>>,
    numbers: Numbers,
}

/// Looks for an attempt at Twilio: same number, same text as far as that is told, created after the claim, and nobody else's.
pub(super) async fn find(
    looking: &Looking<'_>,
    attempt: u32,
    claimed_at: Timestamp,
    holders: &Holders,
) -> Result<Found, ledger::Error> {
    let Some(to) = &looking.created.to else { return Ok(Found::Nothing) };
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
    let ours =
        |listed: &twilio::Resource| listed.direction.as_deref().is_none_or(|direction| direction == "outbound-api");
    let in_time =
        |listed: &twilio::Resource| listed.date_created.is_none_or(|created| in_reach(looking, claimed_at, created));
    let could_be = |listed: &twilio::Resource| ours(listed) && may_say(listed, looking.created) && in_time(listed);
    let mut candidates: Vec<_> = listed.into_iter().filter(could_be).collect();
    let appeared = |listed: &twilio::Resource| listed.date_created.unwrap_or(claimed_at);
    if candidates.is_empty() {
        return Ok(Found::Nothing);
    }
    // The list may show already what was sent again because another sweep presumed this one lost.
    let own = looking.deps.ledger.story(&looking.tenant.id, &looking.story.id, Consistency::Strong).await?;
    if own.tried().get(&attempt).is_some_and(|one| one.outcome.is_some() || one.is_accepted()) {
        return Ok(Found::Decided);
    }
    candidates.sort_by_key(|listed| (nearness(claimed_at, appeared(listed)), listed.sid.clone()));
    let mut unclear = false;
    for candidate in candidates {
        match holders.hold(looking, to, &candidate, (claimed_at, appeared(&candidate))).await? {
            Hold::Taken => continue,
            Hold::Unclear => {
                unclear = true;
                continue;
            }
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
    Ok(if unclear { Found::NoAnswer } else { Found::Nothing })
}

/// Whether a message may be what was asked for under a claim. No request outlasts its attempt's deadline.
fn in_reach(looking: &Looking<'_>, claimed_at: Timestamp, appeared: Timestamp) -> bool {
    let latest = stamp::after(claimed_at, looking.deps.timing.attempt_deadline + CLOCK_DIFFERENCE);
    stamp::before(claimed_at, CLOCK_DIFFERENCE).as_second() <= appeared.as_second() && appeared <= latest
}

/// How near a message is to the claim of an attempt: it was asked for after it, and soon. Only a difference of the clocks puts
/// one before its claim.
fn nearness(claimed_at: Timestamp, appeared: Timestamp) -> (bool, u64) {
    let apart = appeared.as_second() - claimed_at.as_second();
    (apart < 0, apart.unsigned_abs())
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

/// Whether what Twilio lists may be what a notification says. Twilio may put something before or behind it, as the notice of a
/// trial account, and other signs for some of its own (Twilio docs, Smart Encoding). What has no words, as a call and a text
/// that was redacted (Twilio docs, Message Redaction), is told by number and time alone: not to count it would be to text
/// somebody twice.
fn may_say(listed: &twilio::Resource, created: &Created) -> bool {
    let words = listed.body.as_deref().map(folded).filter(|words| !words.is_empty());
    match (created.channel, words) {
        (Channel::Voice, _) | (Channel::Sms, None) => true,
        (Channel::Sms, Some(words)) => created.body.as_deref().is_some_and(|body| words.contains(&folded(body))),
    }
}

/// A text without what Smart Encoding may replace: spaces of every width, and quotes, dashes and dots of every shape.
fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '`' | '´' | '‘' | '’' | '‚' | '‛' | '′' | 'ʼ' => folded.push('\''),
            '“' | '”' | '„' | '‟' | '″' | '«' | '»' => folded.push('"'),
            '\u{2010}'..='\u{2015}' | '\u{2212}' => folded.push('-'),
            '…' => folded.push_str("..."),
            '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' => {} // no width at all
            sign if sign.is_whitespace() => {}
            sign => folded.push(sign),
        }
    }
    folded
}

/// Whether what Twilio lists may as well be another notification's, to the same number.
fn may_be(listed: &twilio::Resource, other: &Story, looking: &Looking<'_>) -> bool {
    let own = looking.created;
    other.created().is_some_and(|other| other.to == own.to && other.channel == own.channel && may_say(listed, other))
}

/// When the last attempt of a notification was claimed, if nothing is known of it.
fn undecided(story: &Story) -> Option<Timestamp> {
    let tried = story.tried();
    let (last, one) = tried.last_key_value()?;
    let was_asked = one.claim.is_some_and(|claim| !claim.asks_nothing());
    story.claimed_at(*last).filter(|_| was_asked && one.outcome.is_none())
}

impl Holders {
    /// With what an earlier sweep learnt.
    pub(super) fn knowing(numbers: Numbers) -> Self {
        Self { read: Mutex::new(Read { numbers, ..Read::default() }) }
    }

    /// What a later sweep may want to know.
    pub(super) fn into_numbers(self) -> Numbers {
        self.read.into_inner().numbers
    }

    /// Who holds what Twilio lists, which appeared at some time. Whoever shares the number is read anew: it may have been
    /// settled just now.
    async fn hold(
        &self,
        looking: &Looking<'_>,
        to: &PhoneNumber,
        listed: &twilio::Resource,
        (claimed_at, appeared): (Timestamp, Timestamp),
    ) -> Result<Hold, ledger::Error> {
        let sid = listed.sid.as_str();
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
            if !may_be(listed, &story, looking) {
                continue;
            }
            let is_nearer = |other: Timestamp| {
                let of = |id: &NotificationId, claimed_at| (nearness(claimed_at, appeared), id.clone());
                in_reach(looking, other, appeared) && of(&story.id, other) < of(&looking.story.id, claimed_at)
            };
            match story.standing(looking.now).state {
                // One whose request is under way has no sid yet, and may be the one that this sid is for.
                State::Sending => hold = Hold::Unclear,
                // Of two in doubt the nearer one chooses first: the other might be left with what is out of its reach.
                State::InDoubt if undecided(&story).is_some_and(is_nearer) => hold = Hold::Unclear,
                _ => {}
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
                let mut new: Vec<_> =
                    page.due.into_iter().map(|due| due.id).filter(|id| seen.insert(id.clone())).collect();
                new.retain(|id| match self.numbers.get(id) {
                    Some(number) => {
                        self.by_number.entry(number.clone()).or_default().insert(id.clone());
                        false
                    }
                    None => true,
                });
                let stories: Vec<Story> = stream::iter(new)
                    .map(|id| async move { deps.ledger.story(&tenant.id, &id, Consistency::Eventual).await })
                    .buffer_unordered(READS)
                    .try_collect()
                    .await?;
                for story in stories {
                    if let Some(number) = story.created().and_then(|created| created.to.clone()) {
                        self.by_number.entry(number.clone()).or_default().insert(story.id.clone());
                        self.numbers.insert(story.id, number);
                    }
                }
                from = page.next;
                if from.is_none() {
                    break;
                }
            }
        }
        self.numbers.retain(|id, _| seen.contains(id));
        self.since = Some(since);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::folded;

    #[test]
    fn what_smart_encoding_makes_of_a_text_is_the_same_text() {
        let check = |sent: &str, listed: &str| assert_eq!(folded(sent), folded(listed), "{sent:?}");
        check("Your “shift”—it’s at\u{a0}8", "Your \"shift\"-it's at  8");
        check("Soon…\tcall `x` – bye", "Soon...       call 'x' - bye");
        check("Thin\u{2009}space, zero\u{200b}width «quotes»", "Thin space, zerowidth \"quotes\"");
        assert_ne!(folded("Shift at 8"), folded("Shift at 9"));
    }
}
