//! All facts of one notification, and the questions that sender, sweep and auditor ask of them. Order of arrival never
//! matters: a story answers alike however its facts are shuffled.

use super::fact::{
    Attempt, AttemptOutcome, Closed, ClosedReason, Created, Detail, Fact, Look, Outcome, Release, Report,
};
use super::id::NotificationId;
use crate::twilio::codes::{self, DeliveryClass, Later};
use crate::twilio::{self, status::CANCELED, status::Verdict};
use std::collections::BTreeMap;

/// One notification's facts.
#[derive(Debug, Clone, PartialEq)]
pub struct Story {
    /// Whose facts they are.
    pub id: NotificationId,
    /// In the order in which we learnt them.
    pub facts: Vec<Fact>,
}

/// What is known of one attempt.
#[derive(Debug, Clone, Default)]
pub struct Tried<'a> {
    /// Its claim, if we have it: a callback may name an attempt whose claim we can't see yet.
    pub claim: Option<&'a Attempt>,
    /// Its outcome, if one is known.
    pub outcome: Option<&'a Outcome>,
    /// What Twilio said of it since.
    pub reports: Vec<&'a Report>,
}

impl Story {
    /// Puts the facts in the order in which we learnt them; at the same instant, in the order in which they follow each other.
    pub fn new(id: NotificationId, mut facts: Vec<Fact>) -> Self {
        facts.sort_by_key(|fact| (fact.at, place(fact), fact.key()));
        Self { id, facts }
    }

    /// What was to be told to whom. Missing only where a callback came for a notification that we don't know.
    pub fn created(&self) -> Option<&Created> {
        self.facts.iter().find_map(|fact| match &fact.detail {
            Detail::Created(created) => Some(created.as_ref()),
            _ => None,
        })
    }

    /// The fact that created it.
    pub fn created_fact(&self) -> Option<&Fact> {
        self.facts.iter().find(|fact| matches!(fact.detail, Detail::Created(_)))
    }

    /// Every attempt that anything is known of, by number.
    pub fn tried(&self) -> BTreeMap<u32, Tried<'_>> {
        let mut tried: BTreeMap<u32, Tried<'_>> = BTreeMap::new();
        for fact in &self.facts {
            match &fact.detail {
                // The search is over: nothing of the attempt's own turned up.
                Detail::Outcome(outcome) if self.is_taken_back(fact) => {
                    tried.entry(outcome.attempt).or_default().outcome = Some(&Outcome::PresumedLost);
                }
                Detail::Fetched(_) if self.is_taken_back(fact) => {}
                Detail::Attempt(attempt) => tried.entry(attempt.attempt).or_default().claim = Some(attempt),
                Detail::Outcome(outcome) => tried.entry(outcome.attempt).or_default().outcome = Some(&outcome.outcome),
                Detail::Callback(report) | Detail::Fetched(report) => {
                    tried.entry(report.attempt).or_default().reports.push(report);
                }
                Detail::Created(_)
                | Detail::Look(_)
                | Detail::Release(_)
                | Detail::Closed(_)
                | Detail::Disowned(_)
                | Detail::Revealed(_) => {}
            }
        }
        tried
    }

    /// Whether a fact rests on something found on the list that turned out to be another notification's. What Twilio itself
    /// said of the attempt, in its answer or in a callback, is never taken back.
    pub fn is_taken_back(&self, fact: &Fact) -> bool {
        let (attempt, sid) = match &fact.detail {
            Detail::Outcome(AttemptOutcome { attempt, outcome: Outcome::Accepted { sid, evidence: Some(_), .. } }) => {
                (*attempt, sid)
            }
            Detail::Fetched(report) => (report.attempt, &report.sid),
            _ => return false,
        };
        let says_so =
            |fact: &Fact| matches!(&fact.detail, Detail::Disowned(one) if one.attempt == attempt && one.sid == *sid);
        self.facts.iter().any(says_so)
    }

    /// When an attempt was claimed.
    pub fn claimed_at(&self, attempt: u32) -> Option<jiff::Timestamp> {
        let is_claim = |fact: &&Fact| matches!(&fact.detail, Detail::Attempt(one) if one.attempt == attempt);
        self.facts.iter().find(is_claim).map(|fact| fact.at)
    }

    /// Every release, in order of attempts.
    pub fn releases(&self) -> Vec<(&Fact, &Release)> {
        let mut releases: Vec<_> = self
            .facts
            .iter()
            .filter_map(|fact| match &fact.detail {
                Detail::Release(release) => Some((fact, release)),
                _ => None,
            })
            .collect();
        releases.sort_by_key(|(_, release)| release.attempt);
        releases
    }

    /// The last closing that no replay came after. What is cancelled stays so: whoever lets it go at the same moment has not
    /// seen that it is.
    pub fn closed(&self) -> Option<&Closed> {
        let releases = self.releases();
        let replayed =
            releases.iter().filter(|(_, release)| release.by.is_some()).map(|(_, release)| release.attempt).max();
        // A replay releases the attempt that the closing had ruled out.
        let counts = |closed: &Closed| {
            closed.closed == ClosedReason::Cancelled
                || replayed.is_none_or(|attempt| attempt < closed.attempt || closed.again && attempt == closed.attempt)
        };
        self.facts.iter().rev().find_map(|fact| match &fact.detail {
            Detail::Closed(closed) if counts(closed) => Some(closed),
            _ => None,
        })
    }

    /// Whether an operator ever released it: a closing after that must be [`Closed::again`] to count.
    pub fn released_by_operator(&self) -> bool {
        self.releases().iter().any(|(_, release)| release.by.is_some())
    }

    /// How it was sent twice, in words; empty if it wasn't. What reached nobody for certain doesn't count, nor does what
    /// followed from an operator's wish.
    pub fn sent_twice(&self) -> Vec<String> {
        let releases = self.releases();
        let asked_for = |after: u32, attempt: u32| {
            releases
                .iter()
                .any(|(_, release)| release.by.is_some() && after < release.attempt && release.attempt <= attempt)
        };
        let (mut found, mut before) = (Vec::new(), None);
        for (number, one) in self.tried().iter().filter(|(_, one)| one.not_sent().is_none()) {
            let sids = one.sids();
            let Some(sid) = sids.first() else { continue };
            if sids.len() > 1 {
                found.push(format!("attempt {number} has {} sids: {}", sids.len(), sids.join(", ")));
            }
            if let Some(first) = before.filter(|first| !asked_for(*first, *number)) {
                found.push(format!("attempts {first} and {number} were accepted, the latter as {sid}"));
            }
            before = Some(*number);
        }
        found
    }

    /// The looks that the sweep took and wrote down.
    pub fn looks(&self) -> Vec<&Look> {
        self.facts
            .iter()
            .filter_map(|fact| match &fact.detail {
                Detail::Look(look) => Some(look),
                _ => None,
            })
            .collect()
    }

    /// The end of its time, which a replay moves.
    pub fn expires_at(&self) -> Option<jiff::Timestamp> {
        let replayed = self.releases().into_iter().rev().find_map(|(_, release)| release.expires_at);
        replayed.or_else(|| self.created().map(|created| created.expires_at))
    }
}

impl<'a> Tried<'a> {
    /// Twilio's ids that belong to the attempt: more than one only if something went badly wrong.
    pub fn sids(&self) -> Vec<&'a str> {
        let accepted = self.outcome.and_then(|outcome| match outcome {
            Outcome::Accepted { sid, .. } => Some(sid.as_str()),
            _ => None,
        });
        let mut sids: Vec<&str> =
            accepted.into_iter().chain(self.reports.iter().map(|report| report.sid.as_str())).collect();
        sids.sort_unstable();
        sids.dedup();
        sids
    }

    /// Whether Twilio certainly took it, by its answer or by a callback.
    pub fn is_accepted(&self) -> bool {
        !self.sids().is_empty()
    }

    /// What Twilio's furthest word of it means; `None` if it was never accepted.
    pub fn verdict(&self) -> Option<Verdict> {
        self.sids()
            .into_iter()
            .map(|sid| twilio::status::standing(channel(sid), self.furthest(sid).unwrap_or_default()).verdict)
            .max()
    }

    /// When it may be sent again, if Twilio took it and nobody got it: a text that waited in a queue for longer than it may, or
    /// met a cap, before any carrier had it; a call that we took back out of the queue.
    pub fn not_sent(&self) -> Option<Later> {
        let (Verdict::Failed | Verdict::Undelivered) = self.verdict()? else { return None };
        if matches!(self.outcome, Some(Outcome::Accepted { status, .. }) if status == CANCELED) {
            return Some(Later::Soon);
        }
        match codes::delivery(self.error_code()?) {
            DeliveryClass::NotSent(later) => Some(later),
            _ => None,
        }
    }

    /// Twilio's furthest word of one of its messages or calls.
    pub fn furthest(&self, sid: &str) -> Option<&'a str> {
        let first = self.outcome.and_then(|outcome| match outcome {
            Outcome::Accepted { sid: accepted, status, .. } if accepted == sid => Some(status.as_str()),
            _ => None,
        });
        let reported = self.reports.iter().filter(|report| report.sid == sid).map(|report| report.status.as_str());
        twilio::status::furthest(channel(sid), first.into_iter().chain(reported))
    }

    /// The error code of Twilio's furthest word, if it has one.
    pub fn error_code(&self) -> Option<u32> {
        let words = self.reports.iter().filter(|report| self.furthest(&report.sid) == Some(report.status.as_str()));
        words.filter_map(|report| report.error_code).max()
    }
}

fn channel(sid: &str) -> twilio::Channel {
    twilio::Channel::of_sid(sid).unwrap_or(twilio::Channel::Message)
}

/// How facts of one instant follow each other.
fn place(fact: &Fact) -> u8 {
    match fact.detail {
        Detail::Created(_) => 0,
        Detail::Release(_) => 1,
        Detail::Attempt(_) => 2,
        Detail::Outcome(_) => 3,
        Detail::Callback(_) | Detail::Fetched(_) => 4,
        Detail::Look(_) => 5,
        Detail::Closed(_) => 6,
        Detail::Disowned(_) => 7,
        Detail::Revealed(_) => 8,
    }
}
