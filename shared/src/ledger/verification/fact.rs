//! The facts of two-factor checks, how they are keyed, and what they add up to. Writing and reading them is
//! [`super`]'s.

use crate::phone::PhoneNumber;
use crate::stamp;
use crate::twilio::verify::Channel;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One fact of an employee's two-factor checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// When we learnt it, in whole milliseconds.
    #[serde(with = "crate::stamp")]
    pub at: Timestamp,
    /// What it is.
    #[serde(flatten)]
    pub detail: Detail,
}

/// What a fact says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Detail {
    /// A code is about to be asked for.
    Asked(Asked),
    /// It is not known to have gone out.
    NotSent(NotSent),
    /// Twilio took it.
    Started(Started),
    /// A code is about to be checked.
    Check(Check),
    /// What became of a check.
    Checked(Checked),
}

impl Detail {
    /// How facts of one instant follow each other: a start is told as of when it was asked for.
    pub(super) fn place(&self) -> u8 {
        match self {
            Self::Asked(_) => 0,
            Self::NotSent(_) | Self::Started(_) => 1,
            Self::Check(_) => 2,
            Self::Checked(_) => 3,
        }
    }
}

/// The right to have Twilio send one code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// From 1, over all codes that the employee ever asked for.
    pub number: u32,
    /// Who gets it.
    pub employee_id: String,
    /// How.
    pub channel: Channel,
    /// Where to.
    pub to: Masked,
    /// Another one for every request, so that a claim whose answer was lost on the way is known as our own.
    pub request_id: String,
}

/// Why no code is known to have gone out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotSent {
    /// Which one, [`Asked::number`].
    pub number: u32,
    /// `limited`, `refused`, `misconfigured`, `account`, `unavailable`, or `unknown` where it may have gone out.
    pub why: String,
    /// Twilio's error code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u32>,
}

/// A code that Twilio sends. [`Fact::at`] is when it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// Twilio's, `VE…`. A start inside the life of another one's code has the same.
    pub sid: String,
    /// [`Asked::number`].
    pub number: u32,
    /// Who gets it.
    pub employee_id: String,
    /// How.
    pub channel: Channel,
    /// Where to.
    pub to: Masked,
    /// From then on it counts as expired.
    #[serde(with = "crate::stamp")]
    pub expires_at: Timestamp,
    /// Whether the same code had gone out before.
    pub resent: bool,
}

/// The right to have Twilio check one code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Of the start that it belongs to.
    #[serde(with = "crate::stamp")]
    pub started_at: Timestamp,
    /// Of the same.
    pub sid: String,
    /// From 1 within that start.
    pub number: u32,
    /// As in [`Asked`].
    pub request_id: String,
}

/// What became of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Of the start that it belongs to.
    #[serde(with = "crate::stamp")]
    pub started_at: Timestamp,
    /// Of the same.
    pub sid: String,
    /// Which one, [`Check::number`].
    pub number: u32,
    /// What Twilio said.
    pub result: CheckResult,
    /// Twilio's error code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u32>,
}

/// What Twilio said of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// The right one.
    Approved,
    /// A wrong one.
    Wrong,
    /// Nothing to check: expired, used up, canceled or approved before.
    Gone,
    /// Too many checks.
    Limited,
    /// Not checked, for a reason that somebody has to mend.
    Refused,
    /// Certainly not checked: no connection.
    Unavailable,
    /// Perhaps checked, perhaps even approved; the answer was lost.
    Unknown,
}

/// A phone number with all but its last two digits gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Masked(String);

/// What is known of an employee's checks since some time, in order of the starts that the facts belong to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History(pub(super) Vec<Fact>);

impl Fact {
    /// A fact learnt at some time.
    pub fn new(at: Timestamp, detail: Detail) -> Self {
        Self { at: stamp::whole_millis(at), detail }
    }

    /// Its sort key.
    pub fn key(&self) -> String {
        let place = |at: &Timestamp, sid: &str, what: &str| format!("{}#{sid}#{what}", stamp::format(*at));
        match &self.detail {
            Detail::Asked(asked) => format!("asked#{:06}", asked.number),
            Detail::NotSent(not_sent) => format!("not_sent#{:06}", not_sent.number),
            Detail::Started(started) => place(&self.at, &started.sid, "started"),
            Detail::Check(check) => place(&check.started_at, &check.sid, &format!("check#{}", check.number)),
            Detail::Checked(checked) => {
                place(&checked.started_at, &checked.sid, &format!("checked#{}", checked.number))
            }
        }
    }
}

impl History {
    /// The latest start, and when it was.
    pub fn latest_start(&self) -> Option<(Timestamp, &Started)> {
        self.starts().max_by_key(|(at, _)| *at)
    }

    /// When a verification was started first.
    pub fn begun(&self, sid: &str) -> Option<Timestamp> {
        self.starts().filter(|(_, started)| started.sid == sid).map(|(at, _)| at).min()
    }

    /// Every check, and when it was made.
    pub fn checks(&self) -> impl Iterator<Item = (Timestamp, &Check)> {
        self.0.iter().filter_map(|fact| match &fact.detail {
            Detail::Check(check) => Some((fact.at, check)),
            _ => None,
        })
    }

    /// Whether a verification was approved.
    pub fn is_approved(&self, sid: &str) -> bool {
        self.0.iter().any(|fact| {
            matches!(&fact.detail, Detail::Checked(checked) if checked.sid == sid && checked.result == CheckResult::Approved)
        })
    }

    fn starts(&self) -> impl Iterator<Item = (Timestamp, &Started)> {
        self.0.iter().filter_map(|fact| match &fact.detail {
            Detail::Started(started) => Some((fact.at, started)),
            _ => None,
        })
    }
}

impl CheckResult {
    /// The word in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Wrong => "wrong",
            Self::Gone => "gone",
            Self::Limited => "limited",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
            Self::Unknown => "unknown",
        }
    }
}

impl Masked {
    /// The number as it may be shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&PhoneNumber> for Masked {
    fn from(number: &PhoneNumber) -> Self {
        Self(number.masked())
    }
}
