//! The Lambda function `verify`: logging, settings, clients, and the runtime. What happens is in the library.

use lambda_http::{Error, Request, service_fn};
use shared::aws::{self, Reached};
use shared::clock::Clock;
use shared::metrics::Metrics;
use shared::settings::{self, Settings};
use shared::{telemetry, twilio};
use std::convert::Infallible;
use verify::{Deps, contact, respond};

#[tokio::main]
async fn main() -> Result<(), Error> {
    telemetry::init_json(settings::rust_log().as_deref());
    let settings = Settings::from_environment()?;
    let clock = Clock::system();
    let Reached { ledger, tenants } = aws::reach(&settings, &clock).await;
    let deps = Deps {
        ledger,
        tenants,
        twilio: twilio::Client::new(twilio::Timeouts::default())?,
        metrics: Metrics::to_stdout(clock.clone()),
        clock,
        contacts: contact::Clients::default(),
    };
    let deps = &deps;
    lambda_http::run(service_fn(
        move |request: Request| async move { Ok::<_, Infallible>(respond(deps, request).await) },
    ))
    .await
}
