//! How one installation of the fake `PeopleSoft` is set up: who may call, how slow it is, and how it phrases what Oracle's
//! documentation leaves open.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::sync::Arc;
use std::time::Duration;

/// The set-up of one fake. Holds passwords, so it has no `Debug`.
#[derive(Clone)]
pub struct Settings {
    /// The default local node in the URL: `PSFT_HR`.
    pub node: String,
    /// The user that may call with a password; none if `None`.
    pub basic: Option<Basic>,
    /// The authorization server that the fake brings along; without it there is no token endpoint.
    pub oauth2: Option<OAuth2>,
    /// The database's base time zone.
    pub time_zone: TimeZone,
    /// The user's row limit or the app server's Max Fetch Size, counted in rows: a longer answer is cut to it and nothing
    /// says so. It is also what `maxrows=0` means.
    pub silent_cap: Option<usize>,
    /// Before each answer.
    pub latency: Latency,
    /// How a run in the Process Scheduler (`ExecuteQueryPoll`) goes.
    pub scheduler: Scheduler,
    /// The documented alternatives that this installation follows.
    pub quirks: Vec<Quirk>,
    /// Decides the jitter and the faults that come with a probability.
    pub seed: u64,
    /// Tells the time: for late commits and expiring tokens.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// A user of `PeopleSoft`.
#[derive(Clone)]
pub struct Basic {
    /// The user id.
    pub oprid: String,
    /// Its password.
    pub password: String,
}

/// An OAuth 2.0 authorization server that grants client credentials (RFC 6749, section 4.4).
#[derive(Clone)]
pub struct OAuth2 {
    /// The one client it knows.
    pub client_id: String,
    /// That client's secret.
    pub client_secret: String,
    /// If given, a request must ask for exactly this scope.
    pub scope: Option<String>,
    /// If given, a request must name exactly this audience.
    pub audience: Option<String>,
    /// How long a token is good.
    pub token_life: Duration,
    /// Where the client's id and secret may stand.
    pub client_auth: ClientAuth,
}

/// Where a token request carries the client's id and secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientAuth {
    /// Only in an `Authorization: Basic` header.
    #[default]
    Header,
    /// Only in the form, as `client_id` and `client_secret`.
    Form,
    /// In either.
    Either,
}

/// The time an answer takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Latency {
    /// At least this long.
    pub fixed: Duration,
    /// And up to this much longer, at random.
    pub jitter: Duration,
}

/// The Process Scheduler's behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scheduler {
    /// How often a run answers "queued" or "running" before it has its result.
    pub questions_until_done: u32,
    /// How many rows a block of the result holds; at least 1.
    pub rows_per_block: usize,
}

/// What is an assumption elsewhere and may be otherwise: each is one alternative form that a client has to understand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quirk {
    /// JSON results name the query under `queryname`, not `queryname=`.
    PlainQueryname,
    /// An empty text in JSON is one space.
    EmptyIsSpace,
    /// Numbers in JSON are texts.
    NumbersAreTexts,
    /// `numrows` counts the rows before the cap, not the rows that are there.
    NumrowsBeforeCap,
    /// An answer without rows has no `rows` member.
    NoRowsMember,
    /// JSON answers carry members that a customer's gateway added.
    ExtraMembers,
    /// Errors of a JSON request come as `IBResponse` too. (Errors of an XML request always do.)
    XmlErrors,
    /// Errors of a query come with HTTP status 200 instead of 400.
    ErrorsAre200,
    /// The synchronous XML result carries the poll protocol's status element.
    StatusElement,
    /// `QueryFields` and `QueryPrompts` put all their entries into one response element.
    GroupedEntries,
    /// Bodies begin with a UTF-8 byte-order mark.
    ByteOrderMark,
    /// Bodies are compressed with gzip for clients that accept it.
    Gzip,
}

impl Settings {
    /// A fast installation in UTC at node `PSFT_HR` whose user `NOTIFY` has the password `fake-password`.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self {
            node: "PSFT_HR".to_owned(),
            basic: Some(Basic { oprid: "NOTIFY".to_owned(), password: "fake-password".to_owned() }),
            oauth2: None,
            time_zone: TimeZone::UTC,
            silent_cap: None,
            latency: Latency::default(),
            scheduler: Scheduler { questions_until_done: 2, rows_per_block: 500 },
            quirks: Vec::new(),
            seed: 0,
            now: Arc::new(now),
        }
    }

    pub(super) fn has(&self, quirk: Quirk) -> bool {
        self.quirks.contains(&quirk)
    }
}

impl OAuth2 {
    /// A server for this client: no scope, no audience, tokens good for an hour, credentials in the header.
    pub fn new(client_id: &str, client_secret: &str) -> Self {
        Self {
            client_id: client_id.to_owned(),
            client_secret: client_secret.to_owned(),
            scope: None,
            audience: None,
            token_life: Duration::from_hours(1),
            client_auth: ClientAuth::Header,
        }
    }
}
