//! The Lambda function `callback`: logging, settings, clients, and the runtime. What happens is in the library.

use callback::{Deps, respond};
use lambda_http::{Error, Request, service_fn};
use shared::clock::Clock;
use shared::ledger::Ledger;
use shared::metrics::Metrics;
use shared::settings::{self, Settings};
use shared::telemetry;
use shared::tenant::{Tenants, store};
use std::convert::Infallible;
use std::sync::Arc;

#[tokio::main]
async fn main() -> Result<(), Error> {
    telemetry::init_json(settings::rust_log().as_deref());
    let settings = Settings::from_environment()?;
    let clock = Clock::system();
    let aws = shared::aws::config().await;
    let secrets = aws_sdk_secretsmanager::Client::new(&aws);
    let deps = Deps {
        ledger: Ledger::new(aws_sdk_dynamodb::Client::new(&aws), settings.table_name.clone()),
        tenants: Arc::new(Tenants::new(secrets, settings.tenant_secret_prefix.clone(), clock.clone(), store::MAX_AGE)),
        callback_base_url: settings.require_callback_base_url()?,
        metrics: Metrics::to_stdout(clock.clone()),
        clock,
    };
    let deps = &deps;
    lambda_http::run(service_fn(
        move |request: Request| async move { Ok::<_, Infallible>(respond(deps, request).await) },
    ))
    .await
}
