//! Facts: the immutable items that a notification's ledger is made of. What they are and how they are keyed; what they
//! add up to is [`super::state`]'s, and writing them is [`crate::ledger`]'s.

use super::id::NotificationId;
use crate::phone::{Channel, PhoneNumber};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// One fact of one notification.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// When we learnt it, in whole milliseconds.
    #[serde(with = "crate::stamp")]
    pub at: Timestamp,
    /// When the sweep must look at the notification because of this fact.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::stamp::option")]
    pub due_at: Option<Timestamp>,
    /// The attempt that may start now because of this fact. The stream's filter passes only facts that have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_attempt: Option<u32>,
    /// What it is.
    #[serde(flatten)]
    pub detail: Detail,
}

/// What a fact says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Detail {
    /// The notification exists.
    Created(Box<Created>),
    /// The right to make one request to Twilio was taken.
    Attempt(Attempt),
    /// What became of an attempt.
    Outcome(AttemptOutcome),
    /// Twilio called us back.
    Callback(Report),
    /// We asked Twilio, because no callback came.
    Fetched(Report),
    /// The sweep looked and found it not settled.
    Look(Look),
    /// An attempt may start.
    Release(Release),
    /// No attempt will follow.
    Closed(Closed),
    /// What was found on Twilio's list for an attempt turned out to be another notification's.
    Disowned(Disowned),
    /// An operator saw the whole phone number.
    Revealed(Revealed),
}

/// Who is told what about which event, how and when.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Created {
    /// `PeopleSoft`'s EMPLID, leading zeros and all.
    pub employee_id: String,
    /// The tenant document's name for where the event came from.
    pub source: String,
    /// `payroll_posted`, `shift_changed`, …
    pub kind: String,
    /// The values that make the event this event.
    pub key: Vec<String>,
    /// Text or call.
    pub channel: Channel,
    /// When the event happened, as `PeopleSoft` says.
    #[serde(with = "crate::stamp")]
    pub occurred_at: Timestamp,
    /// The number to reach. Missing only where the notification is suppressed for want of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<PhoneNumber>,
    /// The text to send or to say. Missing only where it is suppressed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// BCP 47 tag of the template that was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// IANA name of the employee's time zone, which quiet hours go by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Not to be sent before this, if it has to wait.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::stamp::option")]
    pub not_before: Option<Timestamp>,
    /// Nothing starts at or after this.
    #[serde(with = "crate::stamp")]
    pub expires_at: Timestamp,
    /// Whether quiet hours don't apply.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub urgent: bool,
    /// Whether it waits for an operator, because its source yielded too many at once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// Why it must not be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<Suppressed>,
    /// For a text: a call follows if it isn't delivered this many minutes after its first attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalate_after_minutes: Option<u32>,
    /// For a call: the text that it follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalates: Option<NotificationId>,
}

/// Why a notification must not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Suppressed {
    /// `PeopleSoft` has no number for the employee.
    NoPhone,
    /// It has one that can't be used.
    UnusablePhone,
    /// The employee opted out, by a column or by texting STOP.
    OptedOut,
    /// The employee wants none of the channels on offer.
    Preference,
    /// The event is too old, or a reminder could only come after what it reminds of.
    Stale,
    /// The text holds an amount of money or a national id.
    Content,
    /// The number isn't among the tenant's `only_to`.
    NotAllowed,
    /// The text is longer than Twilio takes.
    TooLong,
    /// The template could not be rendered for this employee.
    Template,
}

impl Suppressed {
    /// The word in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoPhone => "no_phone",
            Self::UnusablePhone => "unusable_phone",
            Self::OptedOut => "opted_out",
            Self::Preference => "preference",
            Self::Stale => "stale",
            Self::Content => "content",
            Self::NotAllowed => "not_allowed",
            Self::TooLong => "too_long",
            Self::Template => "template",
        }
    }
}

/// The right to make one request to Twilio.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// From 1.
    pub attempt: u32,
    /// Past this without an outcome, the attempt is in doubt.
    #[serde(with = "crate::stamp")]
    pub deadline: Timestamp,
    /// The Lambda invocation, or the command, that took it.
    pub request_id: String,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptOutcome {
    /// From 1.
    pub attempt: u32,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What we know of an attempt. An attempt that we know nothing of has no outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Twilio took it.
    Accepted {
        /// Twilio's id of the message or call.
        sid: String,
        /// Twilio's first status.
        status: String,
        /// How we know, if not from the answer to our request: `callback` or `list`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        evidence: Option<String>,
    },
    /// Twilio refused it, and would again.
    Refused {
        /// Twilio's error code, or the HTTP status where there was none.
        code: u32,
        /// What kind of refusal, in the words of [`crate::twilio::codes`].
        class: String,
    },
    /// It was certainly not processed, and is tried again later.
    Deferred {
        /// Twilio's error code, or our own: `connection`, `http_302`, `not_set_up`, and [`Self::OUR_OWN_REASONS`].
        code: String,
        /// When.
        #[serde(with = "crate::stamp")]
        retry_at: Timestamp,
    },
    /// No evidence turned up for as long as we were patient.
    PresumedLost,
    /// The tenant is in dry run: nothing was requested.
    DryRun,
}

/// What Twilio said of a message or call, in a callback or when asked.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Twilio's id of the message or call.
    pub sid: String,
    /// Twilio's status word.
    pub status: String,
    /// The attempt that it belongs to.
    pub attempt: u32,
    /// Twilio's error code, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<u32>,
    /// Every field that Twilio sent.
    pub fields: Map<String, Value>,
}

/// The sweep looked, and the notification was not settled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// From 1.
    pub look: u32,
    /// Why it isn't settled.
    pub why: String,
}

/// An attempt may start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// The attempt that may start.
    pub attempt: u32,
    /// Why.
    pub why: String,
    /// The operator who did it, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// A new end, where the release is a replay of something that would have expired.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::stamp::option")]
    pub expires_at: Option<Timestamp>,
}

/// No attempt will follow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Closed {
    /// The reason.
    pub closed: ClosedReason,
    /// The attempt that would have been next: a replay after it may be closed again.
    pub attempt: u32,
    /// Whether an operator had released it: it may have been closed before, and the key must be another.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
    /// More about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The operator who did it, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// Why no attempt will follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosedReason {
    /// The employee opted out before it could be sent.
    OptedOut,
    /// Its time was over.
    Expired,
    /// An attempt is in doubt, and the tenant would rather not be sure than say it twice.
    Unconfirmed,
    /// An operator, or the tenant's document, forbade it.
    Cancelled,
}

impl ClosedReason {
    /// The word in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OptedOut => "opted_out",
            Self::Expired => "expired",
            Self::Unconfirmed => "unconfirmed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What was found on Twilio's list for an attempt is another notification's: a callback, signed by Twilio, names that one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Disowned {
    /// The attempt that it was taken for.
    pub attempt: u32,
    /// Twilio's id of the message or call.
    pub sid: String,
    /// The notification that a callback names.
    pub holder: NotificationId,
}

/// An operator saw the whole phone number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Revealed {
    /// Who.
    pub by: String,
}

impl Attempt {
    /// How the names of those begin who take an attempt only so that nobody else can start it: the operator's command, the
    /// sweep, and whoever closes a notification. Nothing is asked of Twilio under such a name.
    pub const ASKING_NOTHING: [&str; 3] = ["connector ", "sweep ", "closing "];

    /// Whether it was taken only so that nobody else can start it: nothing was asked of Twilio, and nothing will be.
    pub fn asks_nothing(&self) -> bool {
        Self::ASKING_NOTHING.iter().any(|name| self.request_id.starts_with(name))
    }
}

impl Outcome {
    /// Why an attempt is deferred in our own words, where Twilio was not asked.
    pub const OUR_OWN_REASONS: [&str; 3] = ["quiet_hours", "account_paused", "not_started"];
}

impl Fact {
    /// A fact that nothing follows from by itself.
    pub fn new(at: Timestamp, detail: Detail) -> Self {
        Self { at: crate::stamp::whole_millis(at), due_at: None, start_attempt: None, detail }
    }

    /// The same fact, to be looked at when `at` has come.
    #[must_use]
    pub fn due(mut self, at: Timestamp) -> Self {
        self.due_at = Some(crate::stamp::whole_millis(at));
        self
    }

    /// The same fact, which starts an attempt.
    #[must_use]
    pub fn starting(mut self, attempt: u32) -> Self {
        self.start_attempt = Some(attempt);
        self
    }

    /// What follows the event's half of the id in the sort key. Deterministic: what arrives twice lands once.
    pub fn key(&self) -> String {
        match &self.detail {
            Detail::Created(_) => "created".to_owned(),
            Detail::Attempt(attempt) => format!("attempt#{:03}", attempt.attempt),
            Detail::Outcome(outcome) => format!("attempt#{:03}#outcome", outcome.attempt),
            Detail::Callback(report) => format!("callback#{}#{}", report.sid, report.status),
            Detail::Fetched(report) => format!("fetched#{}#{}", report.sid, report.status),
            Detail::Look(look) => format!("look#{:03}", look.look),
            Detail::Release(release) => format!("release#{:03}", release.attempt),
            // What was closed once can only be closed again after an operator's replay, which released another attempt.
            Detail::Closed(closed) if closed.again => format!("closed#{:03}", closed.attempt),
            Detail::Closed(_) => "closed".to_owned(),
            Detail::Disowned(disowned) => format!("attempt#{:03}#disowned#{}", disowned.attempt, disowned.sid),
            Detail::Revealed(revealed) => format!("revealed#{}#{}", crate::stamp::format(self.at), revealed.by),
        }
    }

    /// The word for the fact in a story.
    pub fn name(&self) -> &'static str {
        match &self.detail {
            Detail::Created(_) => "created",
            Detail::Attempt(_) => "attempt",
            Detail::Outcome(_) => "outcome",
            Detail::Callback(_) => "callback",
            Detail::Fetched(_) => "fetched",
            Detail::Look(_) => "look",
            Detail::Release(_) => "release",
            Detail::Closed(_) => "closed",
            Detail::Disowned(_) => "disowned",
            Detail::Revealed(_) => "revealed",
        }
    }
}

impl fmt::Debug for Created {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Created")
            .field("source", &self.source)
            .field("kind", &self.kind)
            .field("channel", &self.channel)
            .field("to", &self.to)
            .field("not_before", &self.not_before)
            .field("expires_at", &self.expires_at)
            .field("held", &self.held)
            .field("suppressed", &self.suppressed)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report")
            .field("sid", &self.sid)
            .field("status", &self.status)
            .field("attempt", &self.attempt)
            .field("error_code", &self.error_code)
            .finish_non_exhaustive()
    }
}
