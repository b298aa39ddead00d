//! The client: one per tenant, cheap to clone. It runs queries and describes them; it never changes anything in `PeopleSoft`.

use super::auth::Authorizer;
use super::body::MAX_BODY;
use super::catalog::{self, Field, Prompt, QueryList};
use super::connection::{Connection, Format};
use super::error::{Class, Error};
use super::reader::Extent;
use super::request::Tries;
use super::row::Columns;
use super::rows::{Flow, Rows};
use super::{address, blocks};
use crate::clock::Clock;
use crate::tls::Tls;
use jiff::tz::TimeZone;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Requests under way at once to one `PeopleSoft`, answers that are still read among them. No limit is documented; this is the
/// highest seen in production clients. Whoever asks while they read must read fewer answers at once.
pub const MAX_AT_ONCE: usize = 10;
/// A gateway's connections may be dropped by firewalls without a word, so idle ones aren't trusted for long.
const IDLE_CONNECTION: Duration = Duration::from_secs(15);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const NO_TLS: Error = Error::Misconfigured { what: "TLS can't be set up in this program" };

/// Talks to one tenant's `PeopleSoft`. Clones share the token, the connections and the limit on requests at once.
#[derive(Clone)]
pub struct Client {
    pub(super) inner: Arc<Inner>,
    pub(super) pauses: Pauses,
    /// The most we read of one answer, decompressed, in bytes.
    pub(super) max_body: u64,
}

pub(super) struct Inner {
    pub(super) http: reqwest::Client,
    pub(super) authorizer: Authorizer,
    pub(super) clock: Clock,
    pub(super) places: Arc<Semaphore>,
    pub(super) timeout: Duration,
    /// Whether any answer was ever good: tells a listener that is down from a misspelt node.
    pub(super) worked: AtomicBool,
    /// Whether the last answer refused our credentials.
    refused: AtomicBool,
    base: String,
    format: Format,
    time_zone: TimeZone,
    max_rows: u32,
}

/// The roads to gateways whose certificates the machine trusts by itself. Making them reads all those authorities, so a
/// process with many tenants makes them once. They carry no credentials and keep no cookies. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Roads {
    http: reqwest::Client,
    tls: Tls,
}

impl Roads {
    /// Roads for everybody, with a set-up of TLS of their own.
    pub fn new() -> Result<Self, Error> {
        Self::sharing(&Tls::new().map_err(|_| NO_TLS)?)
    }

    /// Roads for everybody.
    pub fn sharing(tls: &Tls) -> Result<Self, Error> {
        let http = tls
            .http()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .http1_only()
            .gzip(true)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_CONNECTION)
            .build()
            .map_err(|_| NO_TLS)?;
        Ok(Self { http, tls: tls.clone() })
    }

    /// Roads of its own for a gateway with a private authority.
    fn to(&self, ca_certificate_pem: &str) -> Result<Self, Error> {
        let unusable = |_| Error::Misconfigured { what: "ca_certificate_pem holds no certificate, or a damaged one" };
        Self::sharing(&self.tls.and(ca_certificate_pem).map_err(unusable)?)
    }
}

/// How long the client pauses. Tests shorten it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pauses {
    /// Before a question is asked again after a server error; doubles, with jitter.
    pub retry: Duration,
    /// Before a scheduled run is asked about again; doubles (`PeopleTools` docs: 2 seconds, doubling).
    pub run: Duration,
    /// The longest of those.
    pub longest_run: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self { retry: Duration::from_millis(500), run: Duration::from_secs(2), longest_run: Duration::from_mins(1) }
    }
}

/// One run of a public query.
#[derive(Clone, Copy)]
pub struct Query<'a> {
    /// The query's name.
    pub name: &'a str,
    /// Unique prompt names (case-sensitive) and values, in order. An optional prompt may be empty; none may hold a comma.
    pub prompts: &'a [(String, String)],
    /// `maxrows`: above 0 that many; 0 means the maximum of the user's query security profile.
    pub max_rows: u32,
    /// The only columns that are read out of a row: unique field names, with or without the record alias.
    pub columns: &'a [String],
    /// Run it in the Process Scheduler and fetch the result by block, for queries that outlast the patience of a proxy.
    pub blocks: bool,
}

impl fmt::Debug for Query<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the prompts' values: they can be employees' ids.
        let prompts: Vec<_> = self.prompts.iter().map(|(name, _)| name).collect();
        f.debug_struct("Query").field("name", &self.name).field("prompts", &prompts).finish_non_exhaustive()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base", &self.inner.base).finish_non_exhaustive()
    }
}

impl Client {
    /// A client for one `PeopleSoft`. Asks nothing yet; an error is always [`Error::Misconfigured`].
    pub fn new(connection: Connection, clock: Clock) -> Result<Self, Error> {
        Self::sharing(&Roads::new()?, connection, clock)
    }

    /// The same on roads that many clients share, unless its gateway's certificate needs roads of its own.
    pub fn sharing(roads: &Roads, connection: Connection, clock: Clock) -> Result<Self, Error> {
        match &connection.ca_certificate_pem {
            Some(pem) => Self::on(roads.to(pem)?, connection, clock),
            None => Self::on(roads.clone(), connection, clock),
        }
    }

    fn on(roads: Roads, connection: Connection, clock: Clock) -> Result<Self, Error> {
        let base = connection.checked_base()?;
        let inner = Inner {
            http: roads.http,
            authorizer: Authorizer::new(&connection.auth)?,
            clock,
            places: Arc::new(Semaphore::new(MAX_AT_ONCE)),
            timeout: connection.timeout,
            worked: AtomicBool::new(false),
            refused: AtomicBool::new(false),
            base,
            format: connection.format,
            time_zone: connection.time_zone,
            max_rows: connection.max_rows,
        };
        Ok(Self { inner: Arc::new(inner), pauses: Pauses::default(), max_body: MAX_BODY })
    }

    /// The same client with other pauses.
    #[must_use]
    pub fn with_pauses(self, pauses: Pauses) -> Self {
        Self { pauses, ..self }
    }

    /// The database's base time zone.
    pub fn time_zone(&self) -> &TimeZone {
        &self.inner.time_zone
    }

    /// The tenant's usual `maxrows`.
    pub fn max_rows(&self) -> u32 {
        self.inner.max_rows
    }

    /// Whether the last query was refused for our credentials. Somebody may have mended that since; but one question at a time
    /// is enough to find out, since accounts lock.
    pub fn is_refused(&self) -> bool {
        self.inner.refused.load(Ordering::Relaxed)
    }

    /// Runs a query. Returns once the first row, the end or an error has come; the rest streams.
    ///
    /// Asks again, within seconds, only after a server error without a word from `PeopleSoft` itself (three requests in
    /// all) or a document that `PeopleSoft` itself calls broken (two), and never once a row was handed out.
    pub async fn execute(&self, query: &Query<'_>) -> Result<Rows, Error> {
        let columns = Columns::new(query.columns);
        if query.blocks {
            let instance = blocks::run(self, &address::execute_poll(&self.inner.base, query)?).await?;
            return Ok(Rows::by_block(self.clone(), columns, instance));
        }
        let url = address::execute(&self.inner.base, query, self.inner.format)?;
        Ok(Rows::whole(self.open(&url, &columns, Extent::Whole).await?))
    }

    /// The columns of a public query (`PeopleTools` docs, `QueryFields`).
    pub async fn query_fields(&self, name: &str) -> Result<Vec<Field>, Error> {
        catalog::fields(&self.text(&address::fields(&self.inner.base, name)).await?.0)
    }

    /// The prompts of a public query (`PeopleTools` docs, `QueryPrompts`).
    pub async fn query_prompts(&self, name: &str) -> Result<Vec<Prompt>, Error> {
        catalog::prompts(&self.text(&address::prompts(&self.inner.base, name)).await?.0)
    }

    /// The public queries whose names begin with `prefix`, a thousand at most, and the server's clock: the cheapest question
    /// that proves address and credentials (`PeopleTools` docs, `ListQuery`).
    pub async fn list_queries(&self, prefix: &str) -> Result<QueryList, Error> {
        let (text, server_date) = self.text(&address::list(&self.inner.base, prefix)).await?;
        Ok(QueryList { names: catalog::names(&text)?, server_date })
    }

    /// The rows of one answer, up to where the first thing of it is known.
    pub(super) async fn open(&self, url: &str, columns: &Columns, extent: Extent) -> Result<Flow, Error> {
        let mut tries = Tries::new(self.pauses);
        loop {
            let opened = self.ask(url, |answer| Flow::start(answer, columns.clone(), extent)).await;
            let refused = opened.as_ref().is_err_and(|error| error.class() == Class::Credentials);
            self.inner.refused.store(refused, Ordering::Relaxed);
            match opened {
                Ok(flow) => {
                    self.inner.worked.store(true, Ordering::Relaxed);
                    return Ok(flow);
                }
                Err(error) => tries.again_after(error).await?,
            }
        }
    }

    pub(super) fn base(&self) -> &str {
        &self.inner.base
    }
}
