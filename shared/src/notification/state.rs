//! The state of a notification: a pure fold over its facts and the time. Never stored, never dependent on the order in which
//! facts arrived.

use super::fact::{ClosedReason, Outcome};
use super::story::{Story, Tried};
use crate::twilio::codes;
use crate::twilio::status::Verdict;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a notification stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It must not be sent.
    Suppressed,
    /// It waits for an operator.
    Held,
    /// Its time has not come.
    Scheduled,
    /// An attempt may start and has not.
    Pending,
    /// An attempt is under way.
    Sending,
    /// An attempt is past its deadline, and nothing is known of it.
    InDoubt,
    /// It was certainly not processed, or expired in Twilio's queue, and is tried again.
    Deferred,
    /// Twilio has it.
    Accepted,
    /// It arrived.
    Delivered,
    /// It left Twilio and reached nobody.
    Undelivered,
    /// Twilio refused it, or never let it out.
    Failed,
    /// Nothing is known of an attempt, and no other is made.
    Unconfirmed,
    /// Its time was over before it could be sent.
    Expired,
    /// No attempt was made, on somebody's word.
    Cancelled,
    /// Everything but the request was done.
    DryRun,
}

impl State {
    /// Every state, in the order of a notification's life.
    pub const ALL: [Self; 15] = [
        Self::Suppressed,
        Self::Held,
        Self::Scheduled,
        Self::Pending,
        Self::Sending,
        Self::InDoubt,
        Self::Deferred,
        Self::Accepted,
        Self::Delivered,
        Self::Undelivered,
        Self::Failed,
        Self::Unconfirmed,
        Self::Expired,
        Self::Cancelled,
        Self::DryRun,
    ];

    /// The word in reports and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Suppressed => "suppressed",
            Self::Held => "held",
            Self::Scheduled => "scheduled",
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::InDoubt => "in_doubt",
            Self::Deferred => "deferred",
            Self::Accepted => "accepted",
            Self::Delivered => "delivered",
            Self::Undelivered => "undelivered",
            Self::Failed => "failed",
            Self::Unconfirmed => "unconfirmed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::DryRun => "dry_run",
        }
    }

    /// Whether nothing more happens by itself. An accepted one may still be reported delivered.
    pub fn is_settled(self) -> bool {
        match self {
            Self::Suppressed
            | Self::Delivered
            | Self::Undelivered
            | Self::Failed
            | Self::Unconfirmed
            | Self::Expired
            | Self::Cancelled
            | Self::DryRun => true,
            Self::Held
            | Self::Scheduled
            | Self::Pending
            | Self::Sending
            | Self::InDoubt
            | Self::Deferred
            | Self::Accepted => false,
        }
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// A state and what goes with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Where it stands.
    pub state: State,
    /// Why, in a word or Twilio's code and its meaning, where there is a why.
    pub reason: Option<String>,
    /// How many attempts were claimed in order to ask Twilio. Numbers may be higher: some are taken so that nobody starts them.
    pub attempts: u32,
    /// Twilio's id of the message or call that counts.
    pub sid: Option<String>,
}

impl Story {
    /// Where the notification stands at `now`. A story without its `created` stands where its callbacks say.
    pub fn standing(&self, now: Timestamp) -> Standing {
        let tried = self.tried();
        let asked = tried.values().filter(|one| one.claim.is_some_and(|claim| !claim.asks_nothing()));
        let attempts = u32::try_from(asked.count()).unwrap_or(u32::MAX);
        let stands = |state, reason: Option<String>, sid: Option<String>| Standing { state, reason, attempts, sid };
        if let Some(created) = self.created()
            && let Some(suppressed) = created.suppressed
        {
            return stands(State::Suppressed, Some(suppressed.as_str().to_owned()), None);
        }
        // What Twilio took counts most, whatever we believed at the time: first what arrived, then what is still on its way.
        for wanted in [Verdict::Delivered, Verdict::Underway] {
            if let Some(one) = tried.values().rev().find(|one| one.verdict() == Some(wanted)) {
                let state = if wanted == Verdict::Delivered { State::Delivered } else { State::Accepted };
                return stands(state, None, deciding_sid(one));
            }
        }
        let last = tried.last_key_value();
        let released = self.releases().last().map_or(0, |(_, release)| release.attempt);
        let next_is_released = released > last.map_or(0, |(number, _)| *number);
        if let Some(closed) = self.closed()
            && last.is_none_or(|(_, one)| {
                one.verdict().is_none() && !matches!(one.outcome, Some(Outcome::Refused { .. } | Outcome::DryRun))
            })
        {
            let state = match closed.closed {
                ClosedReason::OptedOut => State::Suppressed,
                ClosedReason::Cancelled => State::Cancelled,
                ClosedReason::Expired => State::Expired,
                ClosedReason::Unconfirmed => State::Unconfirmed,
            };
            let reason = closed.why.clone().unwrap_or_else(|| closed.closed.as_str().to_owned());
            return stands(state, Some(reason), None);
        }
        if next_is_released {
            return stands(State::Pending, None, None);
        }
        match last {
            Some((_, one)) => {
                let (state, reason) = match attempted(one, now) {
                    (State::Failed | State::Undelivered, reason) if one.not_sent().is_some() && self.may_go_on(now) => {
                        (State::Deferred, reason)
                    }
                    other => other,
                };
                stands(state, reason, deciding_sid(one))
            }
            None => match self.created() {
                Some(created) if created.held => stands(State::Held, Some("held".to_owned()), None),
                Some(created) if created.not_before.is_some() && self.starts_none() => stands(
                    State::Scheduled,
                    created.not_before.map(|at| format!("not before {}", crate::stamp::format(at))),
                    None,
                ),
                _ => stands(State::Pending, None, None),
            },
        }
    }

    /// Whether another attempt may follow one that certainly reached nobody.
    fn may_go_on(&self, now: Timestamp) -> bool {
        self.closed().is_none() && self.expires_at().is_some_and(|end| now < end)
    }

    fn starts_none(&self) -> bool {
        self.created_fact().is_some_and(|fact| fact.start_attempt.is_none())
    }
}

/// Where the last attempt stands that Twilio did not take, or that came to nothing.
fn attempted(one: &Tried<'_>, now: Timestamp) -> (State, Option<String>) {
    if let Some(verdict) = one.verdict() {
        let reason = one.error_code().map(meaning).or_else(|| word_of_its_own(one));
        return match verdict {
            Verdict::Failed => (State::Failed, reason),
            Verdict::Undelivered => (State::Undelivered, reason),
            Verdict::Delivered => (State::Delivered, None),
            Verdict::Underway => (State::Accepted, None),
        };
    }
    match one.outcome {
        Some(Outcome::Refused { code, .. }) => (State::Failed, Some(meaning(*code))),
        Some(Outcome::Deferred { code, retry_at }) => {
            let code = code.parse().map_or_else(|_| code.clone(), meaning);
            (State::Deferred, Some(format!("{code}; again at {}", crate::stamp::format(*retry_at))))
        }
        Some(Outcome::DryRun) => (State::DryRun, None),
        Some(Outcome::PresumedLost) => (State::InDoubt, Some("presumed lost".to_owned())),
        Some(Outcome::Accepted { .. }) => (State::Accepted, None),
        None => match one.claim {
            Some(claim) if now <= claim.deadline => (State::Sending, None),
            _ => (State::InDoubt, Some("no answer from Twilio".to_owned())),
        },
    }
}

fn deciding_sid(one: &Tried<'_>) -> Option<String> {
    let sids = one.sids();
    let wanted = one.verdict()?;
    let decides = |sid: &&str| {
        let channel = crate::twilio::Channel::of_sid(sid).unwrap_or(crate::twilio::Channel::Message);
        crate::twilio::status::standing(channel, one.furthest(sid).unwrap_or_default()).verdict == wanted
    };
    sids.iter().find(|sid| decides(sid)).or(sids.first()).map(|sid| (*sid).to_owned())
}

/// Twilio's word where it says more than the state does: a call is `undelivered` when the line was `busy`.
fn word_of_its_own(one: &Tried<'_>) -> Option<String> {
    let word = one.furthest(&deciding_sid(one)?)?;
    let says_more = ![State::Failed, State::Undelivered].map(State::as_str).contains(&word);
    says_more.then(|| word.to_owned())
}

/// `30006 landline or unreachable carrier`
fn meaning(code: u32) -> String {
    match codes::meaning(code) {
        Some(meaning) => format!("{code} {meaning}"),
        None => code.to_string(),
    }
}
