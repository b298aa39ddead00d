//! The Lambda function `verify`: logging, settings, clients, and the runtime. What happens is in the library.

use lambda_http::{Error, Request, service_fn};
use shared::clock::Clock;
use shared::ledger::Ledger;
use shared::metrics::Metrics;
use shared::settings::{self, Settings};
use shared::tenant::{Tenants, store};
use shared::{telemetry, twilio};
use std::convert::Infallible;
use std::sync::Arc;
use verify::{Deps, contact, respond};

#[tokio::main]
async fn main() -> Result<(), Error> {
    telemetry::init_json(settings::rust_log().as_deref());
    let settings = Settings::from_environment()?;
    let clock = Clock::system();
    let aws = shared::aws::config().await;
    let secrets = aws_sdk_secretsmanager::Client::new(&aws);
    let deps = Deps {
        ledger: Ledger::new(aws_sdk_dynamodb::Client::new(&aws), settings.table_name.clone()),
        tenants: Arc::new(Tenants::new(secrets, settings.tenant_secret_prefix, clock.clone(), store::MAX_AGE)),
        twilio: twilio::Client::new(twilio::Timeouts::default())?,
        metrics: Metrics::to_stdout(clock.clone()),
        clock,
        contacts: contact::Clients::default(),
    };
    let deps = &deps;
    lambda_http::run(service_fn(move |request: Request| async move {
        Ok::<_, Infallible>(respond(deps, request).await)
    }))
    .await
}
