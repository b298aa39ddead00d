//! The wire to Twilio: a connection of its own for every request, and nothing on it that nobody asked for. Never repeats a
//! request, follows a redirect, goes through a proxy, or uses a connection that has carried another request.
//!
//! A POST on a connection that died while nobody looked, as they do while a Lambda is frozen, fails in a way that can't be told
//! from an accepted one. So a connection may be opened before there is anything to ask, but then it is used within [`FRESH`],
//! and for one request.

use super::client::Timeouts;
use super::http::Failure;
use crate::tls::Tls;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::http::request::Builder;
use hyper::{Response, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};
use tower_service::Service;
use url::{Origin, Url};

/// How old a connection may be when its request goes out. No server gives up on a new connection that soon.
const FRESH: Duration = Duration::from_secs(2);

/// How long a process that starts waits for a connection. What isn't there by then is opened when it is needed.
const WARM_UP: Duration = Duration::from_secs(2);

/// Opens connections. Cheap to clone; all clones share the one that was opened ahead.
#[derive(Clone)]
pub(super) struct Wire {
    connector: HttpsConnector<HttpConnector>,
    timeouts: Timeouts,
    fresh: Duration,
    ahead: Arc<Mutex<Option<Ahead>>>,
}

/// A connection that has carried nothing yet.
struct Ahead {
    origin: Origin,
    opened: Instant,
    connection: SendRequest<String>,
}

impl Wire {
    pub(super) fn new(tls: &Tls, timeouts: Timeouts) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        Self { connector: HttpsConnector::from((tcp, tls.config())), timeouts, fresh: FRESH, ahead: Arc::default() }
    }

    pub(super) fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    /// Opens a connection for the first request that will go to `url`'s host, if that doesn't take long. What goes wrong is
    /// found out when it is needed.
    pub(super) async fn open_ahead(&self, url: &Url) {
        if let Ok(Ok(connection)) = timeout(WARM_UP, self.open(url)).await {
            let ahead = Ahead { origin: url.origin(), opened: Instant::now(), connection };
            *self.ahead.lock().unwrap_or_else(PoisonError::into_inner) = Some(ahead);
        }
    }

    /// One exchange: answers once the answer has begun, and says until when its body may take.
    pub(super) async fn exchange(
        &self,
        url: &Url,
        request: Builder,
        body: String,
    ) -> Result<(Response<Incoming>, Instant), Failure> {
        let ends = Instant::now() + self.timeouts.total;
        let host = match (url.host_str(), url.port()) {
            (Some(host), None) => host.to_owned(),
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (None, _) => return Err(Failure::BadAddress),
        };
        let request = request.uri(&url[url::Position::BeforePath..url::Position::AfterQuery]).header("host", host);
        let mut request = request.body(body).map_err(|_| Failure::BadAddress)?;
        if let Some(mut connection) = self.take(url) {
            match timeout_at(ends, connection.try_send_request(request)).await {
                Ok(Ok(response)) => return Ok((response, ends)),
                // It was closed before, and hyper hands the request back: not a byte of it has left.
                Ok(Err(mut error)) => request = error.take_message().ok_or(BROKEN)?,
                Err(_) => return Err(LATE),
            }
        }
        let mut connection = match timeout_at(ends, self.open(url)).await {
            Ok(opened) => opened?,
            Err(_) => return Err(Failure::NotConnected("connecting took too long")),
        };
        match timeout_at(ends, connection.send_request(request)).await {
            Ok(Ok(response)) => Ok((response, ends)),
            Ok(Err(_)) => Err(BROKEN),
            Err(_) => Err(LATE),
        }
    }

    /// The connection that was opened ahead, if it leads there and is as good as new.
    fn take(&self, url: &Url) -> Option<SendRequest<String>> {
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let ahead = ahead.take_if(|ahead| ahead.origin == url.origin() || ahead.opened.elapsed() > self.fresh)?;
        (ahead.origin == url.origin() && ahead.opened.elapsed() <= self.fresh).then_some(ahead.connection)
    }

    /// A new connection, TLS included.
    async fn open(&self, url: &Url) -> Result<SendRequest<String>, Failure> {
        let origin = &url[..url::Position::BeforePath];
        let uri = Uri::try_from(origin).map_err(|_| Failure::BadAddress)?;
        let connecting = self.connector.clone().call(uri);
        let stream = match timeout(self.timeouts.connect, connecting).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(_)) => return Err(Failure::NotConnected("no connection")),
            Err(_) => return Err(Failure::NotConnected("connecting took too long")),
        };
        let opened = http1::handshake(stream).await;
        let (request, connection) = opened.map_err(|_| Failure::NotConnected("no connection"))?;
        tokio::spawn(connection); // ends with the request; how it ended is known there
        Ok(request)
    }
}

const BROKEN: Failure = Failure::Lost("the connection broke before the answer");
const LATE: Failure = Failure::Lost("no answer in time");

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("timeouts", &self.timeouts).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
