//! The proof that the demo ends with: what the ledger says was accepted, held against what Twilio accepted, message by
//! message.

use crate::twilio::AcceptedMessage;
use shared::notification::{State, Story};
use shared::twilio::codes::{self, DeliveryClass};
use shared::twilio::status::CANCELED;
use std::collections::{BTreeMap, BTreeSet};

/// What came of the comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proof {
    /// Messages and calls that Twilio accepted.
    pub at_twilio: usize,
    /// Messages and calls that the ledger says Twilio accepted.
    pub on_ledger: usize,
    /// Notifications that Twilio accepted more than once, but for what was dropped or taken back before anybody was reached.
    pub doubled: Vec<String>,
    /// Notifications that the ledger says were accepted, and Twilio knows nothing of.
    pub missing: Vec<String>,
    /// Messages at Twilio that the ledger doesn't know of.
    pub unknown: Vec<String>,
    /// Messages whose sid the ledger gives to another notification.
    pub mixed_up: Vec<String>,
    /// Notifications that were not sent and don't say why, and have nothing ahead of them.
    pub unexplained: Vec<String>,
}

impl Proof {
    /// Whether everybody got exactly one message or a reason.
    pub fn holds(&self) -> bool {
        let findings = [&self.doubled, &self.missing, &self.unknown, &self.mixed_up, &self.unexplained];
        findings.iter().all(|list| list.is_empty()) && self.at_twilio == self.on_ledger
    }
}

/// Whether Twilio has it, by what the ledger knows.
pub fn was_accepted(story: &Story) -> bool {
    story.tried().values().any(shared::notification::Tried::is_accepted)
}

/// Compares the ledger with what Twilio accepted.
pub fn prove(stories: &[Story], now: jiff::Timestamp, accepted: &[AcceptedMessage]) -> Proof {
    let mut at_twilio: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for message in accepted {
        at_twilio.entry(message.notification.clone().unwrap_or_default()).or_default().insert(&message.sid);
    }
    let dropped = |message: &&AcceptedMessage| {
        message.status == CANCELED || matches!(message.error_code.map(codes::delivery), Some(DeliveryClass::NotSent(_)))
    };
    let unsent: BTreeSet<&str> = accepted.iter().filter(dropped).map(|message| message.sid.as_str()).collect();
    let mut proof = Proof { at_twilio: accepted.len(), ..Proof::default() };
    let known: BTreeSet<String> = stories.iter().map(|story| story.id.to_string()).collect();
    proof.unknown = at_twilio.keys().filter(|id| !known.contains(*id)).cloned().collect();
    for story in stories {
        let id = story.id.to_string();
        let theirs = at_twilio.get(&id).cloned().unwrap_or_default();
        if theirs.difference(&unsent).count() > 1 {
            proof.doubled.push(id.clone());
        }
        let tried = story.tried();
        let ours: BTreeSet<&str> = tried.values().flat_map(shared::notification::Tried::sids).collect();
        let standing = story.standing(now);
        if was_accepted(story) {
            proof.on_ledger += ours.len();
            if theirs.is_empty() {
                proof.missing.push(id);
            } else if !ours.is_subset(&theirs) {
                proof.mixed_up.push(id);
            }
        } else if standing.reason.is_none() && !is_under_way(story, standing.state, now) {
            proof.unexplained.push(id);
        }
    }
    proof
}

/// Whether it has only just started, and is looked at later. Once nobody looks any more, nobody sees that it was not sent.
fn is_under_way(story: &Story, state: State, now: jiff::Timestamp) -> bool {
    matches!(state, State::Pending | State::Sending) && story.facts.iter().any(|fact| fact.due_at >= Some(now))
}

#[cfg(test)]
mod tests;
