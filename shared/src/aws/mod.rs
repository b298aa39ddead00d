//! How a function reaches AWS: as Lambda tells it in its environment, over connections that its clients share. An operator's
//! ways of signing in (profiles, single sign-on) are the command's business, not a function's.

pub mod wire;

use crate::clock::Clock;
use crate::ledger::Ledger;
use crate::settings::{self, Settings};
use crate::tenant::{Tenants, store};
use crate::tls::Tls;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use secrecy::ExposeSecret;
use std::sync::Arc;
use std::time::Duration;

/// How long a function may spend on connections before it has anything to do. What isn't there by then is opened when it is
/// needed.
const WARM_UP: Duration = Duration::from_secs(2);

/// What every function needs of AWS.
pub struct Reached {
    /// The ledger in the table of the settings.
    pub ledger: Ledger,
    /// The tenants under the prefix of the settings.
    pub tenants: Arc<Tenants>,
}

/// The ledger and the tenants that the settings name, with a connection to each if it can be had soon: Lambda doesn't
/// throttle a function that starts, and so the first event finds the handshakes done.
pub async fn reach(tls: &Tls, settings: &Settings, aws: settings::Aws, clock: &Clock) -> Reached {
    let (key, secret) = (aws.access_key_id, aws.secret_access_key.expose_secret());
    let token = aws.session_token.as_ref().map(|token| token.expose_secret().to_owned());
    let credentials = Credentials::new(key, secret, token, None, "environment");
    let (region, http) = (Region::new(aws.region), wire::secure(tls));
    let mut dynamodb = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(region.clone())
        .credentials_provider(credentials.clone())
        .http_client(http.clone());
    dynamodb.set_endpoint_url(aws.dynamodb_url);
    let mut secrets = aws_sdk_secretsmanager::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(region)
        .credentials_provider(credentials)
        .http_client(http);
    secrets.set_endpoint_url(aws.secrets_manager_url);
    let dynamodb = aws_sdk_dynamodb::Client::from_conf(dynamodb.build());
    let secrets = aws_sdk_secretsmanager::Client::from_conf(secrets.build());
    let prefix = settings.tenant_secret_prefix.clone();
    let reached = Reached {
        ledger: Ledger::new(dynamodb, settings.table_name.clone()),
        tenants: Arc::new(Tenants::new(secrets, prefix, clock.clone(), store::MAX_AGE)),
    };
    let warm = async { tokio::join!(reached.ledger.warm(), reached.tenants.warm()) };
    if tokio::time::timeout(WARM_UP, warm).await.is_err() {
        tracing::info!("AWS takes its time; connections are opened when they are needed");
    }
    reached
}
