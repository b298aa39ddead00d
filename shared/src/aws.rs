//! How we reach AWS: one configuration for every client of a process. The SDK reads region, credentials and endpoints from
//! the environment itself.

use aws_config::{BehaviorVersion, SdkConfig};

/// The process's AWS configuration.
pub async fn config() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest()).load().await
}
