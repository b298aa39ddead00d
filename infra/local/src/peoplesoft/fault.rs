//! The trouble a test can order: every answer of a real `PeopleSoft`, its gateway and the proxies before it that is not
//! rows. Nothing here goes wrong by itself.

use super::address::Alias;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// What goes wrong with one request.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// No answer for as long as the caller stays.
    Hang,
    /// The right answer, this much later.
    Slow(Duration),
    /// The right answer, once the gate is opened.
    Behind(Gate),
    /// The connection is reset instead of an answer.
    Reset,
    /// The head and half of the body that the head announced; then the connection closes.
    CutOff,
    /// A proxy's or a single-sign-on page's redirect.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        status: u16,
        /// Where to.
        location: String,
    },
    /// A status with a plain sentence: 401, 403, 404, 400, 429, 500, 503, …
    Status {
        /// The HTTP status.
        status: u16,
        /// The `Retry-After` header, in seconds or as an HTTP date.
        retry_after: Option<String>,
    },
    /// An error document of the Integration Broker.
    Broker {
        /// The HTTP status; 200 is usual.
        status: u16,
        /// The message set.
        set: u32,
        /// The message's number in it.
        id: u32,
        /// Where a reader finds the set.
        message_set: MessageSet,
    },
    /// An `IBResponse` that reports success. It holds no rows either.
    BrokerSuccess,
    /// A SOAP fault around the error document, at 200 and without `MessageSet`.
    SoapFault {
        /// The message set, only at the end of the text.
        set: u32,
        /// The message's number in it.
        id: u32,
    },
    /// A sign-on page at 200.
    Html,
    /// 200 and no body.
    Empty,
    /// 200 and white space.
    Blank,
    /// The right body under another content type.
    ContentType(String),
    /// 200 and a `status` that is not "success"; for XML an `IBResponse` (158,10001).
    NotSuccess,
    /// `numrows` says that there are rows (at least one), and there is no member or element that holds them.
    RowsMissing,
    /// `numrows` is off by this much.
    NumrowsOff(i64),
    /// The first half of the document, whole as far as HTTP can tell.
    Unparseable,
    /// The whole document, and this behind it.
    Trailing(String),
}

/// What holds an answer back until a test opens it. Cheap to clone; clones are one gate.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Semaphore>);

impl Gate {
    /// A gate that nothing gets through yet.
    pub fn shut() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Lets everybody through, now and from now on.
    pub fn open(&self) {
        self.0.close();
    }

    pub(super) async fn opened(&self) {
        let _ = self.0.acquire().await; // there are no permits: it ends when the semaphore is closed
    }
}

impl PartialEq for Gate {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// How an `IBResponse` names the message set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageSet {
    /// In an element of its own. The text then ends in other numbers for 158,10001, as on the recorded system.
    Element,
    /// Only as `(set,id)` at the end of the text, which is the usual case.
    TextOnly,
}

/// What a caller should make of a fault (the classes of the table "Classify" in our `PeopleSoft` notes).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Nothing was read; the next round tries again.
    Unavailable,
    /// The URL leads elsewhere.
    Misconfigured,
    /// User or password.
    Credentials,
    /// The user may not.
    Permission,
    /// The query or its data.
    Query,
    /// An answer, yet not one with rows. Never "no rows".
    NotSuccess,
    /// Rows, but perhaps not all.
    Incomplete,
}

/// When a fault happens, and to which requests.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// What goes wrong.
    pub fault: Fault,
    /// How often.
    pub when: When,
    /// Only requests to this alias.
    pub alias: Option<Alias>,
    /// Only requests that name this query.
    pub query: Option<String>,
}

/// How often a rule applies to the requests that it fits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum When {
    /// To the next so many, then never again.
    Next(u32),
    /// To all.
    Always,
    /// To each with this probability (0 to 1).
    Sometimes(f64),
}

/// The rules in force, in the order in which they were set; the first one that applies decides.
pub struct Faults(Mutex<(Vec<Rule>, StdRng)>);

impl Rule {
    /// The next `times` requests fail like this.
    pub fn next(times: u32, fault: Fault) -> Self {
        Self { fault, when: When::Next(times), alias: None, query: None }
    }

    /// Every request fails like this.
    pub fn always(fault: Fault) -> Self {
        Self { when: When::Always, ..Self::next(0, fault) }
    }

    /// Each request fails like this with a probability (0 to 1), drawn from the settings' seed.
    pub fn sometimes(probability: f64, fault: Fault) -> Self {
        Self { when: When::Sometimes(probability.clamp(0.0, 1.0)), ..Self::next(0, fault) }
    }

    /// Only requests to this alias.
    #[must_use]
    pub fn on(self, alias: Alias) -> Self {
        Self { alias: Some(alias), ..self }
    }

    /// Only requests that name this query.
    #[must_use]
    pub fn for_query(self, query: &str) -> Self {
        Self { query: Some(query.to_owned()), ..self }
    }
}

impl Faults {
    pub(super) fn new(seed: u64) -> Self {
        Self(Mutex::new((Vec::new(), StdRng::seed_from_u64(seed))))
    }

    /// Adds a rule behind those already set.
    pub fn set(&self, rule: Rule) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.push(rule);
    }

    /// Ends all trouble.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.clear();
    }

    /// What goes wrong with this request, if anything; uses up a rule that has a number.
    pub(super) fn pick(&self, alias: Option<Alias>, query: Option<&str>) -> Option<Fault> {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (rules, random) = &mut *guard;
        let index = rules.iter().position(|rule| {
            rule.alias.is_none_or(|wanted| Some(wanted) == alias)
                && rule.query.as_deref().is_none_or(|wanted| Some(wanted) == query)
                && match rule.when {
                    When::Next(left) => left > 0,
                    When::Always => true,
                    When::Sometimes(probability) => random.random_bool(probability),
                }
        })?;
        let rule = &mut rules[index];
        let fault = rule.fault.clone();
        if let When::Next(left) = &mut rule.when {
            *left -= 1;
            if *left == 0 {
                rules.remove(index);
            }
        }
        Some(fault)
    }

    /// A number in `0.0..1.0` from the same seed.
    pub(super) fn draw(&self) -> f64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.random()
    }
}

impl Fault {
    /// A status without `Retry-After`.
    pub fn status(status: u16) -> Self {
        Self::Status { status, retry_after: None }
    }

    /// An `IBResponse` at this status that names its set only in the text.
    pub fn broker(status: u16, set: u32, id: u32) -> Self {
        Self::Broker { status, set, id, message_set: MessageSet::TextOnly }
    }

    /// Every fault that a caller must tell from rows, with its class; [`Fault::Slow`] and [`Fault::Behind`], after which all is
    /// well, are not among them. The classes are those of a JSON request. To an XML request [`Fault::NotSuccess`] is an `IBResponse` and
    /// so of class [`Class::Query`], and [`Fault::RowsMissing`] can't be told from [`Class::Incomplete`].
    pub fn classified() -> Vec<(Self, Class)> {
        use Class::{Credentials, Incomplete, Misconfigured, NotSuccess, Permission, Query, Unavailable};
        let element = |set, id| Self::Broker { status: 200, set, id, message_set: MessageSet::Element };
        let again = |status, after: &str| Self::Status { status, retry_after: Some(after.to_owned()) };
        let elsewhere = |status| Self::Redirect { status, location: "https://sso.example.org/login".to_owned() };
        vec![
            (Self::Hang, Unavailable),
            (Self::Reset, Unavailable),
            (Self::CutOff, Unavailable),
            (elsewhere(302), Misconfigured),
            (elsewhere(307), Misconfigured),
            (Self::status(401), Credentials),
            (Self::status(403), Permission),
            (Self::status(404), Misconfigured),
            (again(429, "7"), Unavailable),
            (again(503, "30"), Unavailable),
            (Self::status(400), Query),
            (Self::status(422), Query),
            (Self::status(202), Query),
            (Self::status(500), Unavailable),
            (Self::status(502), Unavailable),
            (Self::broker(500, 158, 45), Credentials),
            (Self::broker(500, 158, 536), Permission),
            (Self::broker(500, 158, 10001), Query),
            (Self::broker(500, 158, 10721), Unavailable),
            (Self::broker(400, 158, 55), Credentials),
            (Self::broker(200, 158, 45), Credentials),
            (Self::broker(200, 158, 55), Credentials),
            (Self::broker(200, 158, 536), Permission),
            (Self::broker(200, 158, 10721), Unavailable),
            (Self::broker(200, 159, 5), Query),
            (Self::broker(200, 30, 9), Query),
            (element(158, 45), Credentials),
            (element(158, 10001), Query),
            (Self::BrokerSuccess, NotSuccess),
            (Self::SoapFault { set: 158, id: 45 }, Credentials),
            (Self::SoapFault { set: 158, id: 536 }, Permission),
            (Self::Html, NotSuccess),
            (Self::Empty, NotSuccess),
            (Self::Blank, NotSuccess),
            (Self::ContentType("text/html; charset=UTF-8".to_owned()), NotSuccess),
            (Self::NotSuccess, NotSuccess),
            (Self::RowsMissing, NotSuccess),
            (Self::NumrowsOff(1), Incomplete),
            (Self::NumrowsOff(-1), Incomplete),
            (Self::Unparseable, Unavailable),
            (Self::Trailing("<more".to_owned()), Unavailable),
        ]
    }
}
