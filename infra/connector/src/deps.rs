//! What a command works with: the ledger, the tenants' secrets, the time and who is asking. Opens nothing by itself.

use crate::cli::Cli;
use crate::failure::Failure;
use aws_config::BehaviorVersion;
use shared::aws::wire;
use shared::clock::Clock;
use shared::ledger::Ledger;
use shared::settings::{self, OperatorSettings};
use shared::telemetry::chain;
use shared::tenant::{Tenant, TenantId, Tenants, store};
use shared::tls::Tls;
use std::sync::Arc;

/// What a command works with.
pub struct Deps {
    /// The ledger; `None` if nobody said which table it is.
    pub ledger: Option<Ledger>,
    /// The tenants, read.
    pub tenants: Tenants,
    /// The tenants' secrets, written.
    pub secrets: aws_sdk_secretsmanager::Client,
    /// What the tenants' secrets are called before the tenant's id.
    pub secret_prefix: String,
    /// The time.
    pub clock: Clock,
    /// Who is asking, for facts that say who did something.
    pub operator: String,
    /// Where Twilio reaches us, if anybody said so.
    pub callback_base_url: Option<String>,
}

impl Deps {
    /// What the command line and the environment say.
    pub async fn from_environment(cli: &Cli) -> Result<Self, Failure> {
        let settings = OperatorSettings::from_environment(cli.table.clone(), cli.secret_prefix.clone());
        let tls = Tls::new().map_err(|error| Failure::Trouble(chain(&error)))?;
        let config = aws_config::defaults(BehaviorVersion::latest()).http_client(wire::secure(&tls)).load().await;
        let (clock, prefix) = (Clock::system(), settings.tenant_secret_prefix);
        let secrets = aws_sdk_secretsmanager::Client::new(&config);
        Ok(Self {
            ledger: settings.table_name.map(|table| Ledger::new(aws_sdk_dynamodb::Client::new(&config), table)),
            tenants: Tenants::new(secrets.clone(), prefix.clone(), clock.clone(), store::MAX_AGE),
            secrets,
            secret_prefix: prefix,
            clock,
            operator: settings::operator(),
            callback_base_url: settings.callback_base_url,
        })
    }

    /// The ledger, for a command that can't do without.
    pub fn ledger(&self) -> Result<&Ledger, Failure> {
        self.ledger.as_ref().ok_or_else(|| {
            Failure::Usage(
                "which table? Give --table NAME, or set TABLE_NAME to the ledger's DynamoDB table (a deployed stack \
                 names it in its outputs, a local stack prints the line to export)"
                    .to_owned(),
            )
        })
    }

    /// A tenant whose document can be used.
    pub async fn tenant(&self, id: &TenantId) -> Result<Arc<Tenant>, Failure> {
        match self.tenants.get(id).await {
            Ok(Some(tenant)) => Ok(tenant),
            Ok(None) => Err(self.no_such_tenant(id)),
            Err(error @ store::Error::Invalid(..)) => Err(Failure::Trouble(format!(
                "{error}\n  correct the document and store it with: connector tenant rotate {id} FILE"
            ))),
            Err(error @ store::Error::Unreachable(_)) => Err(unreachable(&error)),
        }
    }

    /// An error if it is certain that there is no such tenant; for what turned out empty.
    pub async fn expect_tenant(&self, id: &TenantId) -> Result<(), Failure> {
        match self.tenants.get(id).await {
            Ok(None) => Err(self.no_such_tenant(id)),
            // Who may read the ledger need not be allowed to read secrets.
            Ok(Some(_)) | Err(_) => Ok(()),
        }
    }

    /// The name of a tenant's secret.
    pub fn secret_name(&self, id: &TenantId) -> String {
        format!("{}{id}", self.secret_prefix)
    }

    /// What to say of a tenant that has no secret.
    pub(crate) fn no_such_tenant(&self, id: &TenantId) -> Failure {
        Failure::Trouble(format!(
            "there is no tenant {id}: no secret is named {}\n  connector tenant list shows those that exist, connector \
             tenant add {id} FILE adds it",
            self.secret_name(id)
        ))
    }
}

/// What to say of a source that isn't in the tenant's document.
pub(crate) fn no_such_source(tenant: &Tenant, source: &str) -> String {
    let sources: Vec<&str> = tenant.events.iter().map(|event| event.source.as_str()).collect();
    let sources = if sources.is_empty() { "none".to_owned() } else { sources.join(", ") };
    format!("tenant {} has no source {source:?}; its sources: {sources}", tenant.id)
}

/// Secrets Manager can't be used.
pub(crate) fn unreachable(error: &dyn std::error::Error) -> Failure {
    Failure::Trouble(format!(
        "{error}\n  check AWS_REGION, your AWS credentials and rights, and, for a local stack, \
         AWS_ENDPOINT_URL_SECRETS_MANAGER"
    ))
}
