//! A ledger and a secrets directory of their own for a test, with a clock that stands still: what the command is run
//! against. Everything stops when it is dropped.

use crate::cli::Cli;
use crate::deps::Deps;
use crate::samples::{document, story, tenant, tenant_id};
use crate::terminal::{Look, Terminal};
use aws_sdk_dynamodb::operation::create_table::CreateTableInput;
use aws_sdk_dynamodb::types::AttributeValue;
use clap::Parser as _;
use jiff::Timestamp;
use local::aws::dynamodb::{self, DynamoDb};
use local::aws::secrets::Secrets;
use local::stack::sdk_config;
use shared::clock::Clock;
use shared::ledger::read::Consistency;
use shared::ledger::{Append, Ledger, table};
use shared::notification::{Fact, NotificationId, Standing, Story};
use shared::settings::TENANT_SECRET_PREFIX;
use shared::tenant::Tenants;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

const TABLE: &str = "ledger";

pub(crate) struct World {
    pub(crate) deps: Deps,
    pub(crate) directory: TempDir,
    now: Arc<Mutex<Timestamp>>,
    _dynamodb: DynamoDb,
    _secrets: Secrets,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: u8,
    pub(crate) data: String,
    pub(crate) talk: String,
}

impl World {
    /// With one tenant and an empty ledger.
    pub(crate) async fn start(now: Timestamp) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("st-lukes.json"), document().to_string()).unwrap();
        let dynamodb = DynamoDb::start(None).await.unwrap();
        let client = aws_sdk_dynamodb::Client::new(&sdk_config(dynamodb.endpoint_url().to_owned()).await);
        let definition = table::definition().unwrap();
        let create = CreateTableInput::builder()
            .table_name(TABLE)
            .billing_mode(definition.billing)
            .stream_specification(definition.stream)
            .global_secondary_indexes(definition.index)
            .set_attribute_definitions(Some(definition.attributes))
            .set_key_schema(Some(definition.keys));
        dynamodb::ensure_table(&client, create, table::RETAIN_UNTIL).await.unwrap();
        let secrets = Secrets::start(directory.path().to_owned(), TENANT_SECRET_PREFIX.to_owned()).await.unwrap();
        let secrets_client = aws_sdk_secretsmanager::Client::new(&sdk_config(secrets.endpoint_url()).await);
        let now = Arc::new(Mutex::new(now));
        let told = Arc::clone(&now);
        let clock = Clock::from_fn(move || *told.lock().unwrap());
        let deps = Deps {
            ledger: Some(Ledger::new(client, TABLE.to_owned())),
            // Nothing is cached, so that a document takes effect as soon as it is written.
            tenants: Tenants::new(
                secrets_client.clone(),
                TENANT_SECRET_PREFIX.to_owned(),
                clock.clone(),
                Duration::ZERO,
            ),
            secrets: secrets_client,
            secret_prefix: TENANT_SECRET_PREFIX.to_owned(),
            clock,
            operator: "ada".to_owned(),
            callback_base_url: None,
        };
        Self { deps, directory, now, _dynamodb: dynamodb, _secrets: secrets }
    }

    pub(crate) fn now(&self, now: Timestamp) {
        *self.now.lock().unwrap() = now;
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        self.deps.ledger.as_ref().unwrap()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Puts facts on the ledger of a notification.
    pub(crate) async fn append(&self, id: &NotificationId, facts: Vec<Fact>) {
        for fact in facts {
            assert_eq!(self.ledger().append(&tenant(), id, &fact).await.unwrap(), Append::Appended, "{fact:?}");
        }
    }

    /// Puts something among a notification's facts that is none.
    pub(crate) async fn spoil(&self, id: &NotificationId) {
        let pk = table::employee_pk(&tenant_id(), id.employee());
        self.spoil_at(&pk, &format!("{}#look#077", id.event())).await;
    }

    /// The same anywhere.
    pub(crate) async fn spoil_at(&self, pk: &str, sk: &str) {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let put = self.ledger().client().put_item().table_name(TABLE).item("fact", text("something new"));
        put.item(table::PK, text(pk)).item(table::SK, text(sk)).send().await.unwrap();
    }

    pub(crate) async fn story(&self, id: &NotificationId) -> Story {
        self.ledger().story(&tenant_id(), id, Consistency::Strong).await.unwrap()
    }

    pub(crate) async fn standing(&self, id: &NotificationId) -> Standing {
        let facts = self.story(id).await.facts;
        story(facts).standing(self.deps.clock.now())
    }

    /// Runs the command as if `words` had been typed after its name, and `typed` when it asked.
    pub(crate) async fn run(&self, words: &[&str], typed: &str) -> Ran {
        let cli = Cli::try_parse_from(std::iter::once(&"connector").chain(words)).unwrap();
        let (mut data, mut talk, mut answers) = (Vec::new(), Vec::new(), typed.as_bytes());
        let mut terminal =
            Terminal { data: &mut data, talk: &mut talk, answers: &mut answers, look: Look::default(), watched: false };
        let code = crate::run_with(cli, &self.deps, &mut terminal).await;
        Ran { code, data: String::from_utf8(data).unwrap(), talk: String::from_utf8(talk).unwrap() }
    }
}
