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
use http::Method;
use jiff::Timestamp;
use shared::clock::Clock;
use shared::gateway::{Request, Response};
use shared::ledger::Ledger;
use shared::metrics::Metrics;
use shared::tenant::{Clients, Tenant, Tenants};
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
    pub clients: Clients,
}

/// Answers one request, in an invocation that ends at `until`.
pub async fn respond(deps: &Deps, request: Request, until: Timestamp) -> Response {
    let answer = route(deps, &request, until).await.unwrap_or_else(|(refusal, tenant)| {
        // Whoever we don't know chooses what stands in a path; it has no place in a log.
        let tenant = tenant.as_ref().map(|tenant| tenant.id.as_str());
        match &refusal {
            Refusal::NoSuchRoute | Refusal::Unauthorized => tracing::info!(refusal = refusal.word(), "request refused"),
            Refusal::Unavailable(why) => tracing::error!(tenant, why, "a two-factor check could not be made"),
            Refusal::Malformed(_) | Refusal::NotFound | Refusal::DryRun | Refusal::TooMany(_) => {
                tracing::info!(tenant, refusal = refusal.word(), "a two-factor check was refused");
            }
        }
        Answer::Refused(refusal)
    });
    answer.into_response()
}

/// What is asked for, done; or why not, and for which tenant if it was its portal that asked.
async fn route(deps: &Deps, request: &Request, until: Timestamp) -> Result<Answer, (Refusal, Option<Arc<Tenant>>)> {
    let parts: Vec<&str> = request.path.split('/').collect();
    let (["", "verify", tenant, what @ ("start" | "check")], &Method::POST) = (parts.as_slice(), &request.method)
    else {
        return Err((Refusal::NoSuchRoute, None));
    };
    let tenant = portal::authorize(deps, tenant, &request.headers).await.map_err(|refusal| (refusal, None))?;
    let asked = async {
        match *what {
            "start" => start::start(deps, &tenant, &request::read(&request.body)?, until).await,
            _ => check::check(deps, &tenant, &request::read(&request.body)?).await,
        }
    };
    asked.await.map_err(|refusal| (refusal, Some(Arc::clone(&tenant))))
}
