//! Two-factor checks for self-service portals: a code to the employee's own phone, as PeopleSoft knows it, and its check.
//! The portal never sees the number and never says it; nobody but Twilio ever keeps a code.
//!
//! Read in this order: [`respond`] (which route), [`portal`] (who asks), [`request`] (for what), [`start`] and [`check`]
//! (what happens), [`contact`] (whose phone), [`limits`] (how often), [`answer`] (what the portal is told).

pub mod answer;
pub mod check;
pub mod contact;
pub mod limits;
pub mod locale;
pub mod portal;
pub mod request;
pub mod start;

use answer::{Answer, Refusal};
use lambda_http::http::Method;
use lambda_http::{Body, Request, RequestExt, Response};
use shared::clock::Clock;
use shared::ledger::Ledger;
use shared::metrics::Metrics;
use shared::tenant::Tenants;
use shared::twilio;
use std::sync::Arc;

/// What verifying needs.
pub struct Deps {
    /// Where facts are kept.
    pub ledger: Ledger,
    /// Whose facts they are.
    pub tenants: Arc<Tenants>,
    /// The way to Twilio.
    pub twilio: twilio::Client,
    /// The time.
    pub clock: Clock,
    /// Where counts go.
    pub metrics: Metrics,
    /// The ways to each tenant's PeopleSoft.
    pub contacts: contact::Clients,
}

/// Answers one request.
pub async fn respond(deps: &Deps, request: Request) -> Response<Body> {
    let path = request.raw_http_path().to_owned();
    let answer = route(deps, &path, &request).await.unwrap_or_else(|refusal| {
        match &refusal {
            // Whoever we don't know chooses what stands in a path; it has no place in a log.
            Refusal::NoSuchRoute | Refusal::Unauthorized => tracing::info!(refusal = refusal.word(), "request refused"),
            Refusal::Unavailable(why) => tracing::error!(path, why, "a two-factor check could not be made"),
            Refusal::Malformed(_) | Refusal::NotFound | Refusal::DryRun | Refusal::TooMany(_) => {
                tracing::info!(path, refusal = refusal.word(), "a two-factor check was refused");
            }
        }
        Answer::Refused(refusal)
    });
    answer.into_response()
}

async fn route(deps: &Deps, path: &str, request: &Request) -> Result<Answer, Refusal> {
    let parts: Vec<&str> = path.split('/').collect();
    let ["", "verify", tenant, what @ ("start" | "check")] = parts.as_slice() else { return Err(Refusal::NoSuchRoute) };
    if request.method() != Method::POST {
        return Err(Refusal::NoSuchRoute);
    }
    let tenant = portal::authorize(deps, tenant, request.headers()).await?;
    match *what {
        "start" => start::start(deps, &tenant, &request::read(request.body())?).await,
        _ => check::check(deps, &tenant, &request::read(request.body())?).await,
    }
}
