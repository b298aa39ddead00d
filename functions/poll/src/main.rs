//! The Lambda function `poll`: logging, settings, clients, and the runtime. What happens is in the library.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use poll::{Deps, Memory, run};
use shared::aws::{self, Reached};
use shared::clock::Clock;
use shared::metrics::Metrics;
use shared::peoplesoft::Roads;
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
    let Reached { ledger, tenants } = aws::reach(&tls, &settings, Aws::from_environment()?, &clock).await;
    let deps = Deps {
        ledger,
        tenants,
        twilio: twilio::Client::sharing(&tls, twilio::Timeouts { total: timing.twilio_timeout, ..Default::default() }),
        metrics: Metrics::to_stdout(clock.clone()),
        clock,
        timing,
        memory: Memory::sharing(Roads::sharing(&tls)?),
    };
    let deps = &deps;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<serde_json::Value>| async move {
        let until = deps.clock.end_of_invocation(event.context.deadline);
        run(deps, &event.context.request_id, until).await?;
        Ok::<_, Error>(())
    }))
    .await
}
