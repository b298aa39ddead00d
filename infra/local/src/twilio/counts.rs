//! What a fake is for: how often each person was really texted or called. It only counts; nothing here changes anything.

use super::FakeTwilio;
use super::record::{Kind, Record};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fmt;

/// A message or call that Twilio accepted, whatever its caller was told.
#[derive(Clone, PartialEq, Eq)]
pub struct AcceptedMessage {
    /// `SM…`, `MM…` or `CA…`
    pub sid: String,
    /// Who accepted it: `AC…`
    pub account_sid: String,
    /// E.164
    pub to: String,
    /// The text, or the `Twiml` or `Url` of a call.
    pub body: String,
    /// Message or call.
    pub kind: Kind,
    /// Twilio's word for how far it is.
    pub status: String,
    /// Twilio's code of a failed one.
    pub error_code: Option<u32>,
    /// When it was accepted, by the fake's clock.
    pub created: Timestamp,
    /// `n` in the query of its `StatusCallback`.
    pub notification: Option<String>,
    /// `a` in the query of its `StatusCallback`.
    pub attempt: Option<String>,
    /// As it was asked for, fragment included.
    pub status_callback: Option<String>,
}

impl AcceptedMessage {
    fn of(record: &Record) -> Self {
        Self {
            sid: record.sid.clone(),
            account_sid: record.account_sid.clone(),
            to: record.to.clone(),
            body: record.body.clone(),
            kind: record.kind,
            status: record.status.clone(),
            error_code: record.error_code,
            created: record.created,
            notification: record.callback_parameter("n"),
            attempt: record.callback_parameter("a"),
            status_callback: record.status_callback.clone(),
        }
    }
}

impl fmt::Debug for AcceptedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("AcceptedMessage");
        shown.field("sid", &self.sid).field("kind", &self.kind).field("status", &self.status);
        shown.field("notification", &self.notification).field("attempt", &self.attempt).finish_non_exhaustive()
    }
}

/// One callback that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackSent {
    /// Of the message or call.
    pub sid: String,
    /// The status that it told, or that a forger bent.
    pub status: String,
    /// Signed with a wrong token: anything but 403 is a hole.
    pub forged: bool,
    /// The HTTP status that each try got; none where there was no answer.
    pub answers: Vec<Option<u16>>,
}

/// A warning that Twilio would show in its console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// 11200 no answer, 11243 bad connection overrides, 15003 a call's callback was refused.
    pub code: u32,
    /// Of the message or call.
    pub sid: String,
}

/// What was accepted more than once. Empty is how it should be.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Doubled {
    /// Notifications (`n` of the `StatusCallback`) and how often.
    pub notifications: BTreeMap<String, usize>,
    /// Pairs of `To` and body and how often. Two events that read alike show here as well.
    pub texts: BTreeMap<(String, String), usize>,
}

impl Doubled {
    /// Whether nobody got anything twice.
    pub fn is_empty(&self) -> bool {
        self.notifications.is_empty() && self.texts.is_empty()
    }
}

impl fmt::Debug for Doubled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Doubled");
        shown.field("notifications", &self.notifications).field("texts", &self.texts.len()).finish()
    }
}

impl FakeTwilio {
    /// Everything that was accepted through the API, oldest first.
    pub fn accepted(&self) -> Vec<AcceptedMessage> {
        self.fold(Vec::new(), |all, record| all.push(AcceptedMessage::of(record)))
    }

    /// How often each notification (`n` of the `StatusCallback`) was accepted.
    pub fn accepted_per_notification(&self) -> BTreeMap<String, usize> {
        self.fold(BTreeMap::new(), |counts, record| {
            if let Some(notification) = record.callback_parameter("n") {
                *counts.entry(notification).or_default() += 1;
            }
        })
    }

    /// How often each pair of `To` and body was accepted.
    pub fn accepted_per_text(&self) -> BTreeMap<(String, String), usize> {
        self.fold(BTreeMap::new(), |counts, record| {
            *counts.entry((record.to.clone(), record.body.clone())).or_default() += 1;
        })
    }

    /// What was accepted more than once.
    pub fn doubled(&self) -> Doubled {
        let (mut notifications, mut texts) = (self.accepted_per_notification(), self.accepted_per_text());
        notifications.retain(|_, count| *count > 1);
        texts.retain(|_, count| *count > 1);
        Doubled { notifications, texts }
    }

    /// How many times a message or call was asked for since the start, refused and failed requests included.
    pub fn requests(&self) -> usize {
        self.world.lock().creates
    }

    /// The most such requests at one time.
    pub fn most_concurrent_requests(&self) -> usize {
        self.world.lock().most_creates_in_flight
    }

    /// Every callback that was sent since the start, forged ones included, in the order in which they were over.
    pub fn callbacks(&self) -> Vec<CallbackSent> {
        self.world.lock().callbacks.clone()
    }

    /// What Twilio would warn of.
    pub fn warnings(&self) -> Vec<Warning> {
        self.world.lock().warnings.clone()
    }

    fn fold<T>(&self, mut into: T, mut add: impl FnMut(&mut T, &Record)) -> T {
        let state = self.world.lock();
        state.records.iter().filter(|record| record.is_asked_for()).for_each(|record| add(&mut into, record));
        into
    }
}
