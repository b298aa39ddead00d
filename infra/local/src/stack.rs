//! The whole stack in one process: ledger, secrets, stream, schedule and HTTP API around the functions themselves. What runs
//! here is what runs on AWS; only the machines around it are small.

use crate::aws::dynamodb::{self, DynamoDb};
use crate::aws::gateway::Gateway;
use crate::aws::secrets::Secrets;
use crate::aws::stream::{self, BadPattern, Filter, Mapping, Pump};
use crate::common::Common;
use crate::polls::Polls;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use rand::RngExt;
use serde_json::Value;
use shared::aws::wire;
use shared::clock::Clock;
use shared::ledger::{Ledger, scan, table};
use shared::metrics::Metrics;
use shared::stamp;
use shared::telemetry::said;
use shared::tenant::{Tenant, Tenants};
use shared::timing::Timing;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};

/// The table's name here.
pub const TABLE: &str = "peoplesoft-twilio-ledger";
/// Any will do.
const REGION: &str = "us-east-1";
/// How long one invocation may take, as `template.yaml` has it.
const INVOCATION: Duration = Duration::from_mins(2);

/// Polls under way at once.
const POLLS_AT_ONCE: usize = 4;

/// Changes a tenant once its document is found good.
pub type Adjust = Box<dyn Fn(&mut Tenant) + Send + Sync>;

/// What to run.
pub struct Options {
    /// A directory of tenant documents, `{tenant}.json` each.
    pub tenants: PathBuf,
    /// Where Twilio's requests are taken.
    pub listen: SocketAddr,
    /// How Twilio reaches us, if not at the address that we listen on.
    pub callback_base_url: Option<String>,
    /// The schedule.
    pub poll_every: Duration,
    /// Where the ledger and the stream's position are kept; in memory if `None`.
    pub data: Option<PathBuf>,
    /// How long to wait for what.
    pub timing: Timing,
    /// The time.
    pub clock: Clock,
    /// Changes to every tenant, for trials.
    pub adjust: Option<Adjust>,
    /// Where metrics go.
    pub metrics: Metrics,
}

/// Why the stack can't run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The embedded DynamoDB.
    #[error(transparent)]
    DynamoDb(#[from] dynamodb::Error),
    /// The stream.
    #[error(transparent)]
    Stream(#[from] stream::Error),
    /// The stream's filter.
    #[error("the stream's filter can't be used")]
    Filter(#[source] BadPattern),
    /// The directory of tenant documents.
    #[error("the tenants' directory {0} can't be read")]
    Tenants(PathBuf, #[source] io::Error),
    /// The address to listen on.
    #[error("can't listen on {0}")]
    Listen(SocketAddr, #[source] io::Error),
    /// The table's definition.
    #[error("the table's definition is incomplete")]
    Definition(#[from] aws_sdk_dynamodb::error::BuildError),
    /// The table.
    #[error("the table can't be prepared: {0}")]
    Table(String),
    /// The client for Twilio.
    #[error("no client for Twilio")]
    Twilio(#[source] shared::tls::Error),
}

impl Error {
    /// What to do about it, for the operator.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::DynamoDb(error) => error.remedy(),
            Self::Tenants(..) => "name a directory of tenant documents with --tenants",
            Self::Listen(..) => "choose another address with --listen",
            Self::Stream(_) | Self::Table(_) => {
                "the data file may be another program's or version's: name another with --data"
            }
            Self::Filter(_) | Self::Definition(_) | Self::Twilio(_) => "this program was built wrongly: build it again",
        }
    }
}

/// A running stack. Everything stops when it is dropped.
pub struct Stack {
    dynamodb: DynamoDb,
    secrets: Secrets,
    gateway: Gateway,
    pump: Pump,
    schedule: JoinHandle<()>,
    stopping: Arc<Notify>,
    ledger: Ledger,
    tenants: Arc<Tenants>,
    callback_base_url: String,
    polls: Arc<Mutex<Polls>>,
    started_at: Timestamp,
}

impl Stack {
    /// Starts everything. The first poll begins at once.
    pub async fn start(mut options: Options) -> Result<Self, Error> {
        std::fs::read_dir(&options.tenants).map_err(|error| Error::Tenants(options.tenants.clone(), error))?;
        let dynamodb = DynamoDb::start(options.data.as_deref()).await?;
        let table = aws_sdk_dynamodb::Client::new(&sdk_config(dynamodb.endpoint_url().to_owned()).await);
        prepare(&table).await?;
        let ledger = Ledger::new(table, TABLE.to_owned());
        let (secrets, tenants) = tenants(&mut options).await?;
        let listen = |error| Error::Listen(options.listen, error);
        let listener = tokio::net::TcpListener::bind(options.listen).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let callback_base_url = options.callback_base_url.unwrap_or_else(|| format!("http://{address}"));
        let total = options.timing.twilio_timeout;
        let timeouts = shared::twilio::Timeouts { total, ..Default::default() };
        let common = Common {
            ledger,
            tenants,
            twilio: shared::twilio::Client::new(timeouts).map_err(Error::Twilio)?,
            clock: options.clock,
            timing: options.timing,
            metrics: options.metrics,
            callback_base_url: callback_base_url.trim_end_matches('/').to_owned(),
        };
        let now = common.clock.clone();
        let routes =
            crate::routes::all(&Arc::new(common.callback()), &Arc::new(common.verify()), &common.callback_base_url);
        let gateway = Gateway::on(listener, routes, move || now.now()).map_err(listen)?;
        let pump = pump(&dynamodb, Arc::new(common.send()))?;
        let polls = Arc::new(Mutex::new(Polls::default()));
        let stopping = Arc::new(Notify::new());
        let schedule = schedule(common.poll(), options.poll_every, Arc::clone(&polls), Arc::clone(&stopping));
        let schedule = tokio::spawn(schedule);
        let started_at = common.clock.now();
        let Common { ledger, tenants, callback_base_url, .. } = common;
        Ok(Self {
            dynamodb,
            secrets,
            gateway,
            pump,
            schedule,
            stopping,
            ledger,
            tenants,
            callback_base_url,
            polls,
            started_at,
        })
    }

    /// Ends the schedule, and polls that are under way: they would take what ends before them for trouble of PeopleSoft's.
    pub async fn stop_polling(&mut self) {
        self.stopping.notify_one();
        let _ = (&mut self.schedule).await; // an error would mean that it had ended before
    }

    /// What a second shell needs to work on the same stack.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("TABLE_NAME", TABLE.to_owned()),
            ("TENANT_SECRET_PREFIX", shared::settings::TENANT_SECRET_PREFIX.to_owned()),
            ("CALLBACK_BASE_URL", self.callback_base_url.clone()),
            ("AWS_ENDPOINT_URL_DYNAMODB", self.dynamodb.endpoint_url().to_owned()),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", self.secrets.endpoint_url()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", "local".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ]
    }

    /// Where Twilio's requests are taken.
    pub fn address(&self) -> SocketAddr {
        self.gateway.address()
    }

    /// How Twilio reaches us.
    pub fn callback_base_url(&self) -> &str {
        &self.callback_base_url
    }

    /// When it started: what is on the ledger from before belongs to another run.
    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// The ledger.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The tenants.
    pub fn tenants(&self) -> &Arc<Tenants> {
        &self.tenants
    }

    /// Files in the tenants' directory that are no tenant documents.
    pub fn ignored_files(&self) -> Vec<String> {
        self.secrets.ignored_files().unwrap_or_default()
    }

    /// Whether everything that was written to the stream was handed over and finished.
    pub fn stream_is_idle(&self) -> bool {
        self.pump.idle().unwrap_or(false)
    }

    /// What the polls came to so far.
    pub fn polls<T>(&self, look: impl FnOnce(&Polls) -> T) -> T {
        look(&self.polls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.schedule.abort();
    }
}

/// The SDK's configuration for one of the servers here.
pub async fn sdk_config(endpoint: String) -> SdkConfig {
    let credentials = Credentials::new("local", "local", None, None, "local");
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(wire::plain())
        .region(Region::new(REGION))
        .credentials_provider(credentials)
        .endpoint_url(endpoint)
        .load()
        .await
}

/// Creates the table as it is deployed, ends the leases of a killed predecessor and lets every source be read at once: the data file's
/// lock says that nobody else is at work.
async fn prepare(client: &aws_sdk_dynamodb::Client) -> Result<(), Error> {
    let definition = table::definition()?;
    let mut create = aws_sdk_dynamodb::operation::create_table::CreateTableInput::builder()
        .table_name(TABLE)
        .billing_mode(definition.billing)
        .stream_specification(definition.stream)
        .global_secondary_indexes(definition.index)
        .set_attribute_definitions(Some(definition.attributes));
    create = create.set_key_schema(Some(definition.keys));
    dynamodb::ensure_table(client, create, table::RETAIN_UNTIL).await?;
    let mut pages = client
        .scan()
        .table_name(TABLE)
        .limit(scan::PAGE)
        .filter_expression("attribute_exists(lease_until) OR attribute_exists(next_at)")
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        for item in page.map_err(|error| Error::Table(said(&error)))?.items.unwrap_or_default() {
            let key = |name: &str| item.get(name).cloned().unwrap_or_else(|| AttributeValue::S(String::new()));
            let update = client
                .update_item()
                .table_name(TABLE)
                .key(table::PK, key(table::PK))
                .key(table::SK, key(table::SK))
                .update_expression("REMOVE lease_until, lease_holder, next_at");
            update.send().await.map_err(|error| Error::Table(said(&error)))?;
        }
    }
    Ok(())
}

/// The directory of documents as Secrets Manager, and the tenants in it. A document that was edited takes effect at the next poll.
async fn tenants(options: &mut Options) -> Result<(Secrets, Arc<Tenants>), Error> {
    let prefix = shared::settings::TENANT_SECRET_PREFIX;
    let secrets = Secrets::start(options.tenants.clone(), prefix.to_owned())
        .await
        .map_err(|error| Error::Tenants(options.tenants.clone(), error))?;
    let client = aws_sdk_secretsmanager::Client::new(&sdk_config(secrets.endpoint_url()).await);
    let fresh_for = options.poll_every.min(Duration::from_secs(1));
    let mut tenants = Tenants::new(client, prefix.to_owned(), options.clock.clone(), fresh_for);
    if let Some(adjust) = options.adjust.take() {
        tenants = tenants.adjusted(adjust);
    }
    Ok((secrets, Arc::new(tenants)))
}

/// The stream mapping of `template.yaml`.
fn pump(dynamodb: &DynamoDb, send: Arc<send::Deps>) -> Result<Pump, Error> {
    let mapping = Mapping {
        name: "send".to_owned(),
        table: TABLE.to_owned(),
        filter: Filter::parse(&[table::STREAM_FILTER]).map_err(Error::Filter)?,
        batch_size: 100,
        parallel: 4,
        retries: 10_000,
        maximum_age: Duration::from_hours(1),
        clock: Clock::system(), // the table's own
        bisect: true,
        timeout: INVOCATION,
        first_pause: Duration::from_millis(100),
        longest_pause: Duration::from_secs(30),
    };
    let function = move |event: Value| {
        let send = Arc::clone(&send);
        async move {
            let event = serde_json::from_value(event).map_err(|error| error.to_string())?;
            let until = stamp::after(send.clock.now(), INVOCATION);
            let invocation = send::Invocation { request_id: request_id(), until };
            let response = send::batch(&send, event, &invocation).await;
            serde_json::to_value(response).map_err(|error| error.to_string())
        }
    };
    let give_up = |given_up: stream::GivenUp| {
        tracing::error!(
            records = given_up.records,
            reason = given_up.reason,
            "records given up by the stream; the sweep finds them"
        );
    };
    Ok(Pump::start(dynamodb.database(), mapping, function, give_up)?)
}

/// Starts a poll at every turn, whether or not the last one is done, as a schedule does: a tenant whose PeopleSoft hangs must
/// not keep the others waiting. Leases keep two polls from reading the same tenant.
async fn schedule(deps: poll::Deps, every: Duration, polls: Arc<Mutex<Polls>>, stopping: Arc<Notify>) {
    let deps = Arc::new(deps);
    let mut running = JoinSet::new();
    loop {
        if running.len() < POLLS_AT_ONCE {
            let (deps, polls) = (Arc::clone(&deps), Arc::clone(&polls));
            running.spawn(async move {
                let until = stamp::after(deps.clock.now(), INVOCATION);
                let result = poll::run(&deps, &request_id(), until).await;
                polls.lock().unwrap_or_else(PoisonError::into_inner).add(result);
            });
        }
        tokio::select! {
            () = tokio::time::sleep(every) => while running.try_join_next().is_some() {},
            () = stopping.notified() => return running.shutdown().await,
        }
    }
}

fn request_id() -> String {
    format!("local-{:016x}", rand::rng().random::<u64>())
}
