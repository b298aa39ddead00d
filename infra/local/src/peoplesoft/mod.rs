//! A fake `PeopleSoft`: a real HTTP server on 127.0.0.1 that speaks the query service's REST grammar, JSON and XML, the way
//! real systems were seen to, and goes wrong when told to. It shares no code with the client that it is there to test, and
//! never calls anybody.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! # use local::peoplesoft::{Database, Fault, FakePeopleSoft, Rule, Settings};
//! # let clock = || jiff::Timestamp::UNIX_EPOCH;
//! let fake = FakePeopleSoft::start(Database::default(), Settings::new(clock)).await?;
//! println!("{}", fake.base_url());
//! fake.faults().set(Rule::next(2, Fault::status(503)));
//! # Ok(())
//! # }
//! ```
//!
//! In reading order: [`settings`] (who may call, which quirks), [`database`] and [`schema`] (queries and rows), [`fault`]
//! (what can go wrong), [`tally`] (what was asked), [`demo`] (a whole hospital). Inside: `serve` takes a request through
//! `address`, `operation`, `prompt` and `table` to `json`, `xml` or `broker`.

mod address;
mod answer;
mod broker;
mod connection;
pub mod database;
pub mod demo;
pub mod fault;
mod json;
mod operation;
mod prompt;
mod scheduler;
pub mod schema;
mod serve;
pub mod settings;
mod table;
pub mod tally;
#[cfg(test)]
mod tests;
mod token;
mod xml;

pub use address::Alias;
pub use database::{Database, NoSuchQuery, Order, Query, Row, TimeFormat, Value};
pub use fault::{Class, Fault, Faults, Gate, MessageSet, Rule, When};
pub use schema::{Column, Filter, Kind, Prompt};
pub use settings::{Basic, ClientAuth, Latency, OAuth2, Quirk, Scheduler, Settings};
pub use tally::Request;

use jiff::Timestamp;
use jiff::civil::DateTime;
use serve::World;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// A running fake. Dropping it closes its port and every connection that waits; a request being answered is answered.
pub struct FakePeopleSoft {
    address: SocketAddr,
    world: Arc<World>,
    /// The server runs until this is dropped.
    _open: watch::Sender<()>,
}

impl FakePeopleSoft {
    /// Listens on a free port of 127.0.0.1. Needs a tokio runtime, on which the server then runs.
    pub async fn start(database: Database, settings: Settings) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (open, mut closed) = watch::channel(());
        let world = Arc::new(World {
            faults: Faults::new(settings.seed),
            settings,
            database: Mutex::new(database),
            tally: tally::Tally::default(),
            tokens: token::Tokens::default(),
            runs: scheduler::Runs::default(),
            open: closed.clone(),
        });
        let application = serve::router(Arc::clone(&world)).into_make_service_with_connect_info::<connection::Cut>();
        let server = axum::serve(connection::Door(listener), application)
            .with_graceful_shutdown(async move { while closed.changed().await.is_ok() {} });
        tokio::spawn(async move { server.await });
        Ok(Self { address, world, _open: open })
    }

    /// Up to and including the node, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("{}/{}", self.listener_url(), self.node())
    }

    /// Up to and including `RESTListeningConnector`, which is what a tenant document's `base_url` is.
    pub fn listener_url(&self) -> String {
        format!("http://{}{}", self.address, address::LISTENER_PATH)
    }

    /// The node, as in the settings.
    pub fn node(&self) -> &str {
        &self.world.settings.node
    }

    /// Where the authorization server grants tokens (404 if the settings have none).
    pub fn token_url(&self) -> String {
        format!("http://{}{}", self.address, address::TOKEN_PATH)
    }

    /// Host and port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The database, locked for as long as the result lives. Requests wait for it, so let go of it before the next `await`.
    pub fn database(&self) -> MutexGuard<'_, Database> {
        self.world.database.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What goes wrong from now on.
    pub fn faults(&self) -> &Faults {
        &self.world.faults
    }

    /// An instant as the database would write it: in its base time zone, without an offset.
    pub fn civil(&self, instant: Timestamp) -> DateTime {
        self.world.settings.time_zone.to_datetime(instant)
    }

    /// Makes every token granted so far worthless, as a restart of the authorization server may.
    pub fn revoke_tokens(&self) {
        self.world.tokens.revoke();
    }

    /// The latest requests (10,000 at most), oldest first, failed ones and token requests among them.
    pub fn requests(&self) -> Vec<Request> {
        self.world.tally.log()
    }

    /// How many requests there were to this alias, for this query if one is named.
    pub fn count(&self, alias: Alias, query: Option<&str>) -> usize {
        self.world.tally.count(Some(alias), query)
    }

    /// How many requests asked for a path that doesn't exist.
    pub fn strays(&self) -> usize {
        self.world.tally.count(None, None)
    }

    /// How many tokens were asked for, granted or not.
    pub fn token_requests(&self) -> usize {
        self.count(Alias::Token, None)
    }

    /// The greatest number of requests to `PeopleSoft` that were under way at the same time.
    pub fn parallel_maximum(&self) -> usize {
        self.world.tally.most_under_way()
    }
}
