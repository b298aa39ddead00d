//! One PeopleSoft, one ledger and a clock that stands still until it is moved: what the tests of polling stand on.

use jiff::{SignedDuration, Timestamp};
use local::aws::dynamodb::{self, DynamoDb};
use local::aws::secrets::Secrets;
use local::peoplesoft::{Alias, Column, Database, FakePeopleSoft, Kind, Prompt, Query, Row, Settings, Value};
use local::stack::sdk_config;
use poll::collect::Added;
use poll::source::Polled;
use poll::{Deps, Memory, Report};
use serde_json::{Value as Json, json};
use shared::clock::Clock;
use shared::ledger::scan::{self, Scanned};
use shared::ledger::{Ledger, table};
use shared::metrics::Metrics;
use shared::notification::Created;
use shared::settings::TENANT_SECRET_PREFIX;
use shared::tenant::{TenantId, Tenants, store};
use shared::timing::Timing;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tempfile::TempDir;

/// The query that most tests ask.
pub const QUERY: &str = "ML_EVENTS";
/// The tenant.
pub const TENANT: &str = "clinic";

/// A clock's hands.
#[derive(Clone)]
pub struct Hands(Arc<AtomicI64>);

impl Hands {
    pub fn at(time: &str) -> Self {
        Self(Arc::new(AtomicI64::new(time.parse::<Timestamp>().unwrap().as_millisecond())))
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::Relaxed)).unwrap()
    }

    pub fn advance(&self, seconds: i64) {
        self.tick(seconds * 1000);
    }

    pub fn tick(&self, milliseconds: i64) {
        self.0.fetch_add(milliseconds, Ordering::Relaxed);
    }

    pub fn clock(&self) -> Clock {
        let hands = self.clone();
        Clock::from_fn(move || hands.now())
    }
}

/// A ledger and a directory of tenant documents.
pub struct Office {
    pub deps: Deps,
    pub hands: Hands,
    documents: TempDir,
    _dynamodb: DynamoDb,
    _secrets: Secrets,
}

impl Office {
    pub async fn open(hands: Hands, documents: &[(String, Json)]) -> Self {
        let directory = TempDir::new().unwrap();
        for (tenant, document) in documents {
            std::fs::write(directory.path().join(format!("{tenant}.json")), document.to_string()).unwrap();
        }
        let dynamodb = DynamoDb::start(None).await.unwrap();
        let client = aws_sdk_dynamodb::Client::new(&sdk_config(dynamodb.endpoint_url().to_owned()).await);
        let definition = table::definition().unwrap();
        let create = aws_sdk_dynamodb::operation::create_table::CreateTableInput::builder()
            .table_name("ledger")
            .billing_mode(definition.billing)
            .stream_specification(definition.stream)
            .global_secondary_indexes(definition.index)
            .set_attribute_definitions(Some(definition.attributes))
            .set_key_schema(Some(definition.keys));
        dynamodb::ensure_table(&client, create, table::RETAIN_UNTIL).await.unwrap();
        let secrets = Secrets::start(directory.path().to_owned(), TENANT_SECRET_PREFIX.to_owned()).await.unwrap();
        let manager = aws_sdk_secretsmanager::Client::new(&sdk_config(secrets.endpoint_url()).await);
        let clock = hands.clock();
        let deps = Deps {
            ledger: Ledger::new(client, "ledger".to_owned()),
            tenants: Arc::new(Tenants::new(manager, TENANT_SECRET_PREFIX.to_owned(), clock.clone(), store::MAX_AGE)),
            twilio: shared::twilio::Client::new(shared::twilio::Timeouts::default()).unwrap(),
            timing: Timing::default(),
            metrics: Metrics::off(clock.clone()),
            clock,
            memory: Memory::default(),
        };
        Self { deps, hands, documents: directory, _dynamodb: dynamodb, _secrets: secrets }
    }

    /// Changes a tenant's document.
    pub fn rewrite(&self, tenant: &str, document: &Json) {
        std::fs::write(self.documents.path().join(format!("{tenant}.json")), document.to_string()).unwrap();
    }

    /// One invocation with a minute's time.
    pub async fn run(&self) -> Report {
        let until = self.deps.clock.now() + SignedDuration::from_secs(60);
        poll::run(&self.deps, "test", until).await.unwrap()
    }

    /// What a process that has just started remembers.
    pub fn forget(&mut self) {
        self.deps.memory = Memory::default();
    }
}

/// A small clinic: one PeopleSoft with one query of events.
pub struct Clinic {
    pub office: Office,
    pub peoplesoft: FakePeopleSoft,
}

impl Clinic {
    /// Opens in Chicago at `now`. `change` may change how PeopleSoft behaves and what the tenant document says.
    pub async fn open(now: &str, query: Query, change: impl FnOnce(&mut Settings, &mut Json)) -> Self {
        Self::with(now, Database::default().with(QUERY, query), change).await
    }

    /// The same with other queries.
    pub async fn with(now: &str, database: Database, change: impl FnOnce(&mut Settings, &mut Json)) -> Self {
        let hands = Hands::at(now);
        let told = hands.clone();
        let mut settings = Settings::new(move || told.now());
        settings.time_zone = jiff::tz::TimeZone::get("America/Chicago").unwrap();
        let mut document = document();
        change(&mut settings, &mut document);
        let peoplesoft = FakePeopleSoft::start(database, settings).await.unwrap();
        document["peoplesoft"]["base_url"] = json!(peoplesoft.base_url());
        let office = Office::open(hands, &[(TENANT.to_owned(), document)]).await;
        Self { office, peoplesoft }
    }

    /// Changes the tenant's document; it is read again once the cached one is old.
    pub fn change(&self, change: impl FnOnce(&mut Json)) {
        let path = self.office.documents.path().join(format!("{TENANT}.json"));
        let mut document = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        change(&mut document);
        self.office.rewrite(TENANT, &document);
        self.later(store::MAX_AGE.as_secs().cast_signed() + 1);
    }

    /// Polls once, all sources.
    pub async fn run(&self) -> Report {
        let report = self.office.run().await;
        assert!(report.unusable.is_empty(), "{:?}", report.unusable);
        report
    }

    /// Polls once, the one source.
    pub async fn poll(&self) -> Polled {
        let mut report = self.run().await;
        assert_eq!(report.sources.len(), 1);
        report.sources.remove(0).2
    }

    /// Polls once, and it must work.
    pub async fn read(&self) -> Added {
        match self.poll().await {
            Polled::Read(added) => added,
            other => panic!("not read: {other:?}"),
        }
    }

    /// Polls once, and it must not work.
    pub async fn fail(&self) -> (poll::pages::Error, Added) {
        match self.poll().await {
            Polled::Failed { error, added, .. } => (error, added),
            other => panic!("not failed: {other:?}"),
        }
    }

    /// Lets a minute or more go by.
    pub fn later(&self, seconds: i64) {
        self.office.hands.advance(seconds);
    }

    /// Adds a row.
    pub fn add(&self, row: Row) {
        self.peoplesoft.database().push(QUERY, row).unwrap();
    }

    /// Every notification's creation, by employee and key.
    pub async fn created(&self) -> Vec<Created> {
        let tenant = TenantId::parse(TENANT).unwrap();
        let (ledger, now) = (&self.office.deps.ledger, self.office.deps.clock.now());
        let Scanned { stories, odd } = scan::tenant(ledger, &tenant, now, |_| ()).await.unwrap();
        assert!(odd.is_empty(), "{odd:?}");
        let mut all: Vec<Created> = stories.iter().map(|story| story.created().unwrap().clone()).collect();
        all.sort_by_key(|created| (created.employee_id.clone(), created.key.clone()));
        all
    }

    /// The keys of all notifications, in order.
    pub async fn told(&self) -> Vec<String> {
        let mut keys: Vec<String> = self.created().await.into_iter().map(|created| created.key.join(" ")).collect();
        keys.sort();
        keys
    }

    /// How many notifications wait for an operator.
    pub async fn held(&self) -> usize {
        self.created().await.iter().filter(|created| created.held).count()
    }

    /// Requests that ran the query so far.
    pub fn asked(&self) -> usize {
        self.peoplesoft.count(Alias::ExecuteQuery, Some(QUERY))
    }

    /// The watermark of the one source.
    pub async fn watermark(&self) -> Option<Timestamp> {
        let client = self.office.deps.ledger.client();
        let items = client.scan().table_name("ledger").filter_expression("attribute_exists(floor_at)").send();
        let items = items.await.unwrap().items.unwrap_or_default();
        items.first()?.get("watermark")?.as_s().ok()?.parse().ok()
    }
}

/// A tenant document for one custom source; `peoplesoft.base_url` is still missing.
pub fn document() -> Json {
    json!({
        "peoplesoft": {
            "auth": {"type": "basic", "oprid": "NOTIFY", "password": "fake-password"},
            "time_zone": "America/Chicago",
            "max_rows": 1000,
        },
        "twilio": {"account_sid": "AC01", "auth_token": "token", "from_number": "+13125550100", "voice_from_number": "+13125550100",
            "api_base_url": "http://127.0.0.1:9"},
        "quiet_hours": null,
        "poll": {"every_seconds": 60, "overlap_seconds": 600},
        "events": [{
            "source": "events", "kind": "custom", "query": QUERY,
            "columns": {"employee_id": "A.EMPLID", "occurred_at": "A.STAMP", "phone": "C.PHONE", "fields": {"number": "A.NO"}},
            "key": ["A.NO"],
            "templates": {"en": "Event {{ event.number }}."},
        }],
    })
}

/// The query of events, without rows.
pub fn query() -> Query {
    let columns = [
        Column::new("A.EMPLID", Kind::Character),
        Column::new("A.NO", Kind::Character),
        Column::new("A.STAMP", Kind::Datetime),
        Column::new("C.PHONE", Kind::Character),
        Column::new("A.NET_PAY", Kind::Number),
    ];
    Query::new(columns, Prompt::window())
}

/// An event of an employee with a number as its key, stamped on the database's own clock.
pub fn event(stamp: &str, employee: &str, number: &str) -> Row {
    let pay = Value::Number(1912.into());
    let values = [Value::from(employee), Value::from(number), Value::RowTime, Value::from("312/555-0142"), pay];
    Row::new(stamp.parse().unwrap(), values)
}

/// So many events in one instant, each of an employee of their own, numbered alike.
pub fn events(stamp: &str, numbers: std::ops::Range<usize>) -> Vec<Row> {
    numbers.map(|number| event(stamp, &format!("{number:07}"), &format!("{number:07}"))).collect()
}
