//! Tenants: one customer each, with one PeopleSoft, one Twilio account and one secret that says everything about both.
//!
//! Read in this order: [`TenantId`], [`Tenant`] and its document ([`document`]), where events come from ([`event`], [`kind`]),
//! how documents are fetched ([`store`]), and who talks to each PeopleSoft ([`Clients`]).

mod clients;
pub mod document;
mod document_twilio;
pub mod event;
mod id;
pub mod kind;
mod quiet;
mod refused;
mod section;
pub mod store;
#[cfg(test)]
mod tests;
mod zone;

pub use clients::Clients;
pub use document::{Invalid, parse};
pub use event::{Channels, Columns, EventSource};
pub use id::{NotATenantId, TenantId};
pub use kind::Kind;
pub use quiet::QuietHours;
pub use section::Problem;
pub use store::Tenants;

use crate::phone::{Channel, PhoneNumber};
use crate::{peoplesoft, twilio};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::time::Duration;

/// A customer, as its document says, checked. Nothing secret in it prints.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its name in every key.
    pub id: TenantId,
    /// Its name for people.
    pub display_name: String,
    /// Whether anything is really sent.
    pub mode: Mode,
    /// If not empty, the only numbers that may be contacted.
    pub only_to: Vec<PhoneNumber>,
    /// How to reach its PeopleSoft.
    pub peoplesoft: peoplesoft::Connection,
    /// Its Twilio account.
    pub twilio: twilio::Account,
    /// ISO country of phone numbers without a country code.
    pub default_region: String,
    /// BCP 47 tag of the text for people whose language has none.
    pub default_language: String,
    /// How often and how far back events are read.
    pub poll: Poll,
    /// When people are left alone; `None`: never.
    pub quiet_hours: Option<QuietHours>,
    /// What to do with an attempt that nothing is ever heard of.
    pub on_doubt: OnDoubt,
    /// How long facts are kept.
    pub retention: Duration,
    /// Who may call verify: the tokens in use, the next one included.
    pub portal_tokens: Vec<SecretString>,
    /// The name of a Twilio Verify service rate limit to count each employee against.
    pub verify_rate_limit: Option<String>,
    /// The tenant's own names for time zones.
    pub time_zones: BTreeMap<String, TimeZone>,
    /// Where phones are looked up.
    pub contacts: Option<Contacts>,
    /// Where events come from.
    pub events: Vec<EventSource>,
}

/// Whether anything is really sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Yes.
    Live,
    /// Everything but the request to Twilio.
    DryRun,
}

/// How often and how far back events are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poll {
    /// The least time between two reads of a source.
    pub every: Duration,
    /// How far behind the watermark rows may still turn up.
    pub overlap: Duration,
    /// Where to begin with a source never read before; `None`: when it is first seen.
    pub start_at: Option<Timestamp>,
    /// Older events are not told.
    pub max_event_age: Duration,
    /// More new ones than this in one poll are held for an operator.
    pub max_notifications_per_poll: u32,
}

/// What to do with an attempt that nothing is ever heard of, by channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnDoubt {
    /// For texts.
    pub sms: Doubt,
    /// For calls.
    pub voice: Doubt,
}

impl OnDoubt {
    /// For a channel.
    pub fn of(self, channel: Channel) -> Doubt {
        match channel {
            Channel::Sms => self.sms,
            Channel::Voice => self.voice,
        }
    }
}

/// Which mistake is the smaller one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// Rather tell twice than not at all.
    Resend,
    /// Rather not at all than twice.
    Hold,
}

/// Where phones are looked up when an event's own columns give none, and for verify.
#[derive(Debug, Clone)]
pub struct Contacts {
    /// The PS Query's name.
    pub query: String,
    /// Its prompt for one employee; an empty value asks for all.
    pub employee_prompt: String,
    /// Which column means what.
    pub columns: Columns,
    /// Phone types, the most wanted first; a preferred flag comes before them.
    pub phone_types: Vec<String>,
}

/// The phone type (`PHONE_TYPE`) that is wanted where the document names none.
pub const PHONE_TYPE: &str = "CELL";

impl Tenant {
    /// Whether a number may be contacted.
    pub fn allows(&self, number: &PhoneNumber) -> bool {
        self.only_to.is_empty() || self.only_to.contains(number)
    }
}
