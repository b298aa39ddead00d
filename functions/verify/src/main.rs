//! The Lambda function `verify`: logging, settings, clients, and the runtime. What happens is in the library.

use lambda_http::aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use lambda_http::{Error, LambdaEvent, lambda_runtime, service_fn};
use shared::aws::{self, Reached};
use shared::clock::Clock;
use shared::metrics::Metrics;
use shared::peoplesoft::Roads;
use shared::settings::{self, Aws, Settings};
use shared::tenant::Clients;
use shared::tls::Tls;
use shared::{telemetry, twilio};
use std::convert::Infallible;
use verify::{Deps, respond};

#[tokio::main(flavor = "current_thread")] // a function of this size has a fraction of one processor
async fn main() -> Result<(), Error> {
    telemetry::init_json(settings::rust_log().as_deref());
    let settings = Settings::from_environment()?;
    let clock = Clock::system();
    let tls = Tls::new()?;
    let twilio = twilio::Client::sharing(&tls, twilio::Timeouts::default());
    let (Reached { ledger, tenants }, ()) = tokio::join!(
        aws::reach(&tls, &settings, Aws::from_environment()?, &clock),
        twilio.warm(settings.twilio_url.as_deref()),
    );
    let deps = Deps {
        ledger,
        tenants,
        twilio,
        metrics: Metrics::to_stdout(clock.clone()),
        clock,
        clients: Clients::sharing(Roads::sharing(&tls)?),
    };
    let deps = &deps;
    // The event as it arrives: lambda_http makes a URI of it for its own request, and panics if a stranger sent what none can hold.
    lambda_runtime::run(service_fn(move |event: LambdaEvent<ApiGatewayV2httpRequest>| async move {
        let until = deps.clock.end_of_invocation(event.context.deadline);
        Ok::<ApiGatewayV2httpResponse, Infallible>(respond(deps, event.payload.into(), until).await.into())
    }))
    .await
}
