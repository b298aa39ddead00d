//! Checks of the ledger's own integrity: what can't be if nothing was lost, forged or done twice. Finds; never mends.

use serde::Serialize;
use shared::notification::{Detail, Outcome, Story};
use std::collections::{BTreeMap, BTreeSet};

/// How many findings of one check are kept word by word. All are counted.
pub const KEPT: usize = 1000;

/// What is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Two messages or calls for one notification, and no operator asked for the second.
    AcceptedTwice,
    /// Twilio took something that nobody had the right to ask for.
    AcceptedWithoutAttempt,
    /// What became of an attempt that nobody made.
    OutcomeWithoutAttempt,
    /// An attempt that nothing had let start.
    AttemptWithoutRelease,
    /// Twilio took what must not be sent.
    SentThoughSuppressed,
    /// Callbacks, or other facts, for a notification that was never created.
    Unknown,
    /// A fact that was changed after it was written.
    Changed,
    /// A fact that was removed before its retention was over.
    RemovedEarly,
    /// A fact that lies where another belongs.
    Misplaced,
    /// An item that is none of ours, or can't be read.
    Unreadable,
    /// A file of the export that is not as the manifest says.
    Damaged,
    /// A time that no export tells of.
    Gap,
}

impl Check {
    /// Every check, the gravest first.
    pub const ALL: [Self; 12] = [
        Self::AcceptedTwice,
        Self::SentThoughSuppressed,
        Self::AcceptedWithoutAttempt,
        Self::OutcomeWithoutAttempt,
        Self::AttemptWithoutRelease,
        Self::Unknown,
        Self::Changed,
        Self::RemovedEarly,
        Self::Misplaced,
        Self::Unreadable,
        Self::Damaged,
        Self::Gap,
    ];

    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AcceptedTwice => "accepted_twice",
            Self::AcceptedWithoutAttempt => "accepted_without_attempt",
            Self::OutcomeWithoutAttempt => "outcome_without_attempt",
            Self::AttemptWithoutRelease => "attempt_without_release",
            Self::SentThoughSuppressed => "sent_though_suppressed",
            Self::Unknown => "unknown",
            Self::Changed => "changed",
            Self::RemovedEarly => "removed_early",
            Self::Misplaced => "misplaced",
            Self::Unreadable => "unreadable",
            Self::Damaged => "damaged",
            Self::Gap => "gap",
        }
    }

    /// What should be so, in a sentence for people.
    pub fn rule(self) -> &'static str {
        match self {
            Self::AcceptedTwice => "Nobody was sent the same notification twice, unless an operator asked for it.",
            Self::AcceptedWithoutAttempt => {
                "Everything that Twilio accepted had been written down before it was asked for."
            }
            Self::OutcomeWithoutAttempt => "Every outcome belongs to an attempt.",
            Self::AttemptWithoutRelease => "Every attempt had been allowed to start.",
            Self::SentThoughSuppressed => "Nothing was sent that must not be sent.",
            Self::Unknown => "Everything that Twilio reported is about a notification that we created.",
            Self::Changed => "No fact was changed after it was written.",
            Self::RemovedEarly => "No fact was removed before its retention was over.",
            Self::Misplaced => "Every fact lies under its own key.",
            Self::Unreadable => "Every item of the table can be read.",
            Self::Damaged => "Every file of the export is as its manifest says.",
            Self::Gap => "The exports tell everything up to the end, without a gap.",
        }
    }
}

/// One thing that can't be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// Which check found it.
    pub check: Check,
    /// Whose it is, where that is known.
    pub tenant: Option<String>,
    /// The notification, the key or the file. Never a phone number.
    pub subject: String,
    /// What was found.
    pub what: String,
}

/// All that was found.
#[derive(Debug, Default, Clone)]
pub struct Findings {
    counts: BTreeMap<Check, u64>,
    kept: BTreeSet<Finding>,
}

impl Findings {
    /// Adds one.
    pub fn add(&mut self, finding: Finding) {
        let count = self.counts.entry(finding.check).or_default();
        *count += 1;
        if *count <= KEPT as u64 {
            self.kept.insert(finding);
        }
    }

    /// How many a check found.
    pub fn count(&self, check: Check) -> u64 {
        self.counts.get(&check).copied().unwrap_or_default()
    }

    /// How many all found.
    pub fn all(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Those that are kept word by word, in order.
    pub fn kept(&self) -> impl Iterator<Item = &Finding> {
        self.kept.iter()
    }
}

/// What is wrong with one notification's facts.
pub fn of_story(story: &Story) -> Vec<(Check, String)> {
    let tried = story.tried();
    let mut found = Vec::new();
    if story.created().is_none() {
        let names: BTreeSet<&str> = story.facts.iter().map(shared::notification::Fact::name).collect();
        let names: Vec<&str> = names.into_iter().collect();
        // The rest can't be told without its beginning.
        return vec![(Check::Unknown, format!("there is no created fact, and there are: {}", names.join(", ")))];
    }
    found.extend(story.sent_twice().into_iter().map(|what| (Check::AcceptedTwice, what)));
    for (number, one) in &tried {
        if let Some(sid) = one.sids().first() {
            if one.claim.is_none() {
                found.push((
                    Check::AcceptedWithoutAttempt,
                    format!("attempt {number} was never taken; Twilio has {sid}"),
                ));
            }
        } else if let (None, Some(outcome)) = (one.claim, one.outcome) {
            let outcome = outcome_word(outcome);
            found.push((Check::OutcomeWithoutAttempt, format!("attempt {number} was never taken, and is {outcome}")));
        }
        if let Some(claim) = one.claim
            && !claim.asks_nothing()
            && !lets_start(story, *number)
        {
            found.push((Check::AttemptWithoutRelease, format!("nothing let attempt {number} start")));
        }
    }
    if let Some(suppressed) = story.created().and_then(|created| created.suppressed)
        && tried.values().any(shared::notification::Tried::is_accepted)
    {
        let reason = suppressed.as_str();
        found.push((Check::SentThoughSuppressed, format!("it was suppressed ({reason}), and Twilio accepted it")));
    }
    found
}

fn lets_start(story: &Story, attempt: u32) -> bool {
    story.facts.iter().any(|fact| {
        let lets = matches!(fact.detail, Detail::Created(_) | Detail::Release(_));
        lets && fact.start_attempt == Some(attempt)
    })
}

fn outcome_word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted { .. } => "accepted",
        Outcome::Refused { .. } => "refused",
        Outcome::Deferred { .. } => "deferred",
        Outcome::PresumedLost => "presumed lost",
        Outcome::DryRun => "a dry run",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{self, accepted, attempt, began, began_with, callback, claim, refused, release, story};
    use shared::notification::{Fact, Suppressed};

    #[test]
    fn what_cannot_be_is_found() {
        let check = |facts: Vec<Fact>, expect: &[Check]| {
            let found: Vec<Check> = of_story(&story(facts.clone())).into_iter().map(|(check, _)| check).collect();
            assert_eq!(found, expect, "{facts:?}");
        };
        let sid = |mut fact: Fact, sid: &str| {
            match &mut fact.detail {
                Detail::Callback(report) => sid.clone_into(&mut report.sid),
                Detail::Outcome(outcome) => {
                    if let Outcome::Accepted { sid: old, .. } = &mut outcome.outcome {
                        sid.clone_into(old);
                    }
                }
                _ => {}
            }
            fact
        };
        let other = "SMffffffffffffffffffffffffffffffff";
        check(vec![began()], &[]);
        check(
            vec![began(), attempt(1, "21:42:08"), accepted(1, "21:42:09"), callback(1, "21:42:10", "sent", None)],
            &[],
        );
        // An operator's replay may text again; the sweep's own release must not have to.
        let twice = |by| {
            let first = vec![began(), attempt(1, "21:42:08"), accepted(1, "21:42:09")];
            let again = vec![
                release(2, "21:50:00", "asked for", by),
                attempt(2, "21:50:01"),
                sid(accepted(2, "21:50:02"), other),
            ];
            [first, again].concat()
        };
        check(twice(Some("ada")), &[]);
        check(twice(None), &[Check::AcceptedTwice]);
        // What expired in Twilio's queue is sent again; or was, and reached nobody.
        let failed = |fact| [twice(None), vec![fact]].concat();
        check(failed(callback(1, "21:49:00", "failed", Some(30036))), &[]);
        check(failed(sid(callback(2, "21:51:00", "failed", Some(30036)), other)), &[]);
        // What follows from an operator's replay was asked for, at the second try too; what follows on that was not.
        let deferred = samples::deferred(2, "21:50:02", "20429", "21:51:00");
        let third = |by| {
            vec![
                release(3, "21:51:00", "its pause is over", by),
                attempt(3, "21:51:01"),
                sid(accepted(3, "21:51:02"), other),
            ]
        };
        let before = |by| {
            let mut facts = twice(by);
            facts.pop();
            facts
        };
        check([before(Some("ada")), vec![deferred], third(None)].concat(), &[]);
        check([twice(Some("ada")), third(None)].concat(), &[Check::AcceptedTwice]);
        // Twice under one attempt is twice, whoever asked for it.
        check([twice(Some("ada")), vec![callback(2, "21:51:00", "sent", None)]].concat(), &[Check::AcceptedTwice]);
        check(
            vec![
                began(),
                attempt(1, "21:42:08"),
                accepted(1, "21:42:09"),
                sid(callback(1, "21:42:10", "delivered", None), other),
            ],
            &[Check::AcceptedTwice],
        );
        check(vec![began(), accepted(1, "21:42:09")], &[Check::AcceptedWithoutAttempt]);
        check(vec![began(), callback(1, "21:42:09", "sent", None)], &[Check::AcceptedWithoutAttempt]);
        check(vec![began(), refused(1, "21:42:09")], &[Check::OutcomeWithoutAttempt]);
        check(vec![began(), attempt(2, "21:42:09")], &[Check::AttemptWithoutRelease]);
        check(vec![began(), claim(2, "21:42:09", "connector ada 1")], &[]);
        check(
            vec![
                began_with(|created| created.suppressed = Some(Suppressed::OptedOut)),
                attempt(1, "21:42:08"),
                accepted(1, "21:42:09"),
            ],
            &[Check::AttemptWithoutRelease, Check::SentThoughSuppressed],
        );
        check(vec![callback(1, "21:42:09", "sent", None)], &[Check::Unknown]);
    }

    #[test]
    fn all_are_counted_and_some_are_kept() {
        let mut findings = Findings::default();
        for number in 0..KEPT + 10 {
            let subject = number.to_string();
            findings.add(Finding { check: Check::Gap, tenant: None, subject, what: String::new() });
        }
        assert_eq!((findings.all(), findings.count(Check::Gap)), (KEPT as u64 + 10, KEPT as u64 + 10));
        assert_eq!(findings.kept().count(), KEPT);
    }
}
