//! Twilio's requests to the ledger: status callbacks, incoming texts and event streams, each verified before it is parsed and
//! parsed before anything is written. Never sends, and never answers a text.
//!
//! Read in this order: [`respond`] (which route), [`verified`] (who asks), [`status`], [`inbound`] and [`events`] (what it
//! means).

pub mod events;
pub mod inbound;
pub mod status;
pub mod verified;

use jiff::Timestamp;
use lambda_http::http::{Method, StatusCode, header};
use lambda_http::{Body, Request, RequestExt, Response};
use shared::clock::Clock;
use shared::ledger::{self, Ledger};
use shared::metrics::Metrics;
use shared::tenant::{TenantId, Tenants, store};
use std::sync::Arc;

/// What receiving needs.
pub struct Deps {
    /// Where facts are kept.
    pub ledger: Ledger,
    /// Whose facts they are.
    pub tenants: Arc<Tenants>,
    /// The time.
    pub clock: Clock,
    /// Where Twilio reaches us: what it signs begins with this.
    pub callback_base_url: String,
    /// Where counts go.
    pub metrics: Metrics,
}

/// Why a request isn't taken. The caller gets a dull sentence, the log the detail.
#[derive(Debug)]
pub enum Refusal {
    /// There is no such route.
    NotFound,
    /// Bad signature, or unknown tenant: which of them is nobody's business.
    Forbidden(&'static str),
    /// Signed, but not what the route is for.
    Malformed(&'static str),
    /// Our own trouble; Twilio tries again.
    Ours(String),
}

impl From<ledger::Error> for Refusal {
    fn from(error: ledger::Error) -> Self {
        // What can't be kept can't be kept next time.
        if error.may_pass() { Self::Ours(error.to_string()) } else { Self::Malformed("the ledger can't keep it") }
    }
}

impl From<store::Error> for Refusal {
    fn from(error: store::Error) -> Self {
        Self::Ours(error.to_string())
    }
}

/// Answers one request.
pub async fn respond(deps: &Deps, request: Request) -> Response<Body> {
    let now = deps.clock.now();
    let path = request.raw_http_path().to_owned();
    match route(deps, &path, request, now).await {
        Ok(response) => response,
        Err(refusal) => {
            let (status, sentence) = match &refusal {
                Refusal::NotFound => (StatusCode::NOT_FOUND, "not found"),
                Refusal::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden"),
                Refusal::Malformed(_) => (StatusCode::BAD_REQUEST, "malformed"),
                Refusal::Ours(_) => (StatusCode::INTERNAL_SERVER_ERROR, "try again later"),
            };
            match refusal {
                Refusal::NotFound => {}
                Refusal::Forbidden(why) | Refusal::Malformed(why) => {
                    tracing::warn!(path, status = status.as_u16(), why, "request refused");
                }
                Refusal::Ours(why) => tracing::error!(path, status = status.as_u16(), why, "request not taken"),
            }
            plain(status, sentence)
        }
    }
}

async fn route(deps: &Deps, path: &str, request: Request, now: Timestamp) -> Result<Response<Body>, Refusal> {
    let parts: Vec<&str> = path.split('/').collect();
    let ["", "twilio", tenant, what @ ("status" | "inbound" | "events")] = parts.as_slice() else {
        return Err(Refusal::NotFound);
    };
    if request.method() != Method::POST {
        return Err(Refusal::NotFound);
    }
    let tenant = TenantId::parse(tenant).map_err(|_| Refusal::Forbidden("no tenant of this name"))?;
    let verified = verified::verify(deps, &tenant, path, &request).await?;
    match *what {
        "status" => {
            status::append(deps, &verified, request.uri().query().unwrap_or_default(), now).await?;
            Ok(plain(StatusCode::NO_CONTENT, ""))
        }
        "events" => {
            events::append(deps, &verified, now).await?;
            Ok(plain(StatusCode::NO_CONTENT, ""))
        }
        _ => {
            inbound::append(deps, &verified, now).await?;
            Ok(twiml())
        }
    }
}

fn plain(status: StatusCode, sentence: &'static str) -> Response<Body> {
    let mut response = Response::new(if sentence.is_empty() { Body::Empty } else { Body::from(sentence) });
    *response.status_mut() = status;
    response
}

/// An empty TwiML document: Twilio says nothing to whoever texted.
fn twiml() -> Response<Body> {
    let mut response = Response::new(Body::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response></Response>"));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/xml; charset=utf-8"));
    response
}
