//! How a function reaches AWS: one configuration for every client of a process. The SDK reads region, credentials and
//! endpoints from the environment itself.

use crate::clock::Clock;
use crate::ledger::Ledger;
use crate::settings::Settings;
use crate::tenant::{Tenants, store};
use aws_config::{BehaviorVersion, SdkConfig};
use std::sync::Arc;

/// What every function needs of AWS.
pub struct Reached {
    /// The ledger in the table of the settings.
    pub ledger: Ledger,
    /// The tenants under the prefix of the settings.
    pub tenants: Arc<Tenants>,
}

/// The process's AWS configuration.
pub async fn config() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest()).load().await
}

/// The ledger and the tenants that the settings name.
pub async fn reach(settings: &Settings, clock: &Clock) -> Reached {
    let aws = config().await;
    let secrets = aws_sdk_secretsmanager::Client::new(&aws);
    let prefix = settings.tenant_secret_prefix.clone();
    Reached {
        ledger: Ledger::new(aws_sdk_dynamodb::Client::new(&aws), settings.table_name.clone()),
        tenants: Arc::new(Tenants::new(secrets, prefix, clock.clone(), store::MAX_AGE)),
    }
}
