//! The Lambda function `send`: logging, settings, clients, and the runtime. What happens is in the library.

use aws_lambda_events::event::dynamodb::Event;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use send::{Deps, Invocation, batch, pace::Pace};
use shared::aws::{self, Reached};
use shared::clock::Clock;
use shared::metrics::Metrics;
use shared::settings::{self, Aws, Settings};
use shared::timing::Timing;
use shared::tls::Tls;
use shared::{telemetry, twilio};

#[tokio::main(flavor = "current_thread")] // a function of this size has a fraction of one processor
async fn main() -> Result<(), Error> {
    telemetry::init_json(settings::rust_log().as_deref());
    let settings = Settings::from_environment()?;
    let clock = Clock::system();
    let tls = Tls::new()?;
    let timing = Timing::default();
    let timeouts = twilio::Timeouts { total: timing.twilio_timeout, ..Default::default() };
    let twilio = twilio::Client::sharing(&tls, timeouts);
    let (Reached { ledger, tenants }, ()) = tokio::join!(
        aws::reach(&tls, &settings, Aws::from_environment()?, &clock),
        twilio.warm(settings.twilio_url.as_deref()),
    );
    let deps = Deps {
        ledger,
        tenants,
        twilio,
        callback_base_url: settings.require_callback_base_url()?,
        metrics: Metrics::to_stdout(clock.clone()),
        clock,
        timing,
        pace: Pace::default(),
    };
    let deps = &deps;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Event>| async move {
        let until = deps.clock.end_of_invocation(event.context.deadline);
        let invocation = Invocation { request_id: event.context.request_id, until };
        Ok::<_, Error>(batch(deps, event.payload, &invocation).await)
    }))
    .await
}
