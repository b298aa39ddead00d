//! Twilio's requests to the ledger: status callbacks, incoming texts and event streams, each verified before it is parsed and
//! parsed before anything is written. Never sends, and never answers a text.
//!
//! Read in this order: [`respond`] (which route), [`verified`] (who asks), [`status`], [`inbound`] and [`events`] (what it
//! means).

pub mod events;
pub mod inbound;
pub mod status;
pub mod verified;

use http::{Method, StatusCode};
use shared::clock::Clock;
use shared::gateway::{Request, Response};
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
    /// No tenant of ours. To the caller it is the same as [`Self::Forbidden`].
    Unknown(&'static str),
    /// A signature that doesn't fit, or another account's: which of them is nobody's business.
    Forbidden(&'static str),
    /// Signed, but not what the route is for.
    Malformed(&'static str),
    /// Our own trouble; Twilio tries again.
    Ours(String),
    /// The same, before it was known whether there is such a tenant.
    Secrets(String),
}

impl From<ledger::Error> for Refusal {
    fn from(error: ledger::Error) -> Self {
        // What can't be kept can't be kept next time.
        if error.may_pass() { Self::Ours(error.to_string()) } else { Self::Malformed("the ledger can't keep it") }
    }
}

impl From<store::Error> for Refusal {
    fn from(error: store::Error) -> Self {
        Self::Secrets(error.to_string())
    }
}

/// Answers one request.
pub async fn respond(deps: &Deps, request: Request) -> Response {
    let parts: Vec<&str> = request.path.split('/').collect();
    let ["", "twilio", tenant, route @ ("status" | "inbound" | "events")] = parts.as_slice() else {
        return plain(StatusCode::NOT_FOUND, "not found");
    };
    if request.method != Method::POST {
        return plain(StatusCode::NOT_FOUND, "not found");
    }
    match take(deps, tenant, route, &request).await {
        Ok(response) => response,
        Err(refusal) => {
            refusal.log(tenant, route);
            let (status, sentence) = refusal.answer();
            plain(status, sentence)
        }
    }
}

async fn take(deps: &Deps, tenant: &str, route: &str, request: &Request) -> Result<Response, Refusal> {
    let now = deps.clock.now();
    let tenant = TenantId::parse(tenant).map_err(|_| Refusal::Unknown("no tenant could have this name"))?;
    let verified = verified::verify(deps, &tenant, request).await?;
    match route {
        "status" => {
            status::append(deps, &verified, &request.query, now).await?;
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

impl Refusal {
    fn answer(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Unknown(_) | Self::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden"),
            Self::Malformed(_) => (StatusCode::BAD_REQUEST, "malformed"),
            Self::Ours(_) | Self::Secrets(_) => (StatusCode::INTERNAL_SERVER_ERROR, "try again later"),
        }
    }

    /// Of a path that names no tenant of ours nothing is logged: a stranger may have put a person's number into it.
    fn log(&self, tenant: &str, route: &str) {
        let status = self.answer().0.as_u16();
        match self {
            Self::Unknown(why) => tracing::warn!(route, status, why, "request refused"),
            Self::Forbidden(why) | Self::Malformed(why) => {
                tracing::warn!(tenant, route, status, why, "request refused");
            }
            Self::Ours(why) => tracing::error!(tenant, route, status, why, "request not taken"),
            Self::Secrets(why) => tracing::error!(route, status, why, "request not taken"),
        }
    }
}

fn plain(status: StatusCode, sentence: &'static str) -> Response {
    Response::new(status, "text/plain; charset=utf-8", sentence)
}

/// An empty TwiML document: Twilio says nothing to whoever texted.
fn twiml() -> Response {
    let silence = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response></Response>";
    Response::new(StatusCode::OK, "text/xml; charset=utf-8", silence)
}
