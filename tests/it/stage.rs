//! A small stage for sending: ledger, secrets, fake Twilio and callbacks on real ports, a clock that only the test moves, and
//! the functions called one by one. The stream is played by hand, so that a test decides what is handed over, and when.

#[path = "stage/callbacks.rs"]
mod callbacks;
#[path = "stage/wire.rs"]
pub mod wire;

use aws_sdk_dynamodb::types::Select;
use callbacks::Callbacks;
use jiff::{SignedDuration, Timestamp};
use local::aws::dynamodb::{self, DynamoDb};
use local::aws::secrets::Secrets;
use local::aws::stream::{Filter, Stream};
use local::proof::{self, Proof};
use local::stack::{TABLE, sdk_config};
use local::twilio::{FakeAccount, FakeTwilio, Settings};
use serde_json::{Value, json};
use shared::clock::Clock;
use shared::ledger::read::Consistency;
use shared::ledger::scan::{self, Scanned};
use shared::ledger::{Ledger, table};
use shared::metrics::Metrics;
use shared::notification::{Created, Detail, Fact, NotificationId, Standing, State, Story};
use shared::phone::{Channel, PhoneNumber};
use shared::settings::TENANT_SECRET_PREFIX;
use shared::tenant::{Tenant, TenantId, Tenants};
use shared::timing::Timing;
use shared::twilio::{Client, Timeouts, signature};
use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;
use tempfile::TempDir;

pub const ACCOUNT: &str = "AC00000000000000000000000000000001";
pub const TOKEN: &str = "stage-auth-token";
pub const SERVICE: &str = "MG00000000000000000000000000000001";
pub const OUR_NUMBER: &str = "+13125550100";
/// Ten in the morning in Chicago, on a Tuesday.
pub const MORNING: &str = "2026-03-17T15:00:00Z";

/// The time on stage: stands still until a test moves it.
#[derive(Clone)]
pub struct Time {
    start: Timestamp,
    offset: Arc<AtomicI64>,
}

impl Time {
    pub fn at(start: &str) -> Self {
        Self { start: start.parse().unwrap(), offset: Arc::default() }
    }

    pub fn clock(&self) -> Clock {
        let time = self.clone();
        Clock::from_fn(move || time.now())
    }

    pub fn now(&self) -> Timestamp {
        self.start.checked_add(SignedDuration::from_millis(self.offset.load(Ordering::SeqCst))).unwrap()
    }

    pub fn pass(&self, wait: Duration) {
        self.offset.fetch_add(wait.as_millis() as i64, Ordering::SeqCst);
    }
}

/// Where the functions find the table and Twilio, if not where they are.
#[derive(Default, Clone)]
pub struct Detour {
    pub dynamodb: Option<String>,
    pub twilio: Option<String>,
}

pub struct Stage {
    pub time: Time,
    pub timing: Timing,
    pub twilio: FakeTwilio,
    pub dynamodb: DynamoDb,
    /// Reads and writes directly, whatever detour the functions take.
    pub ledger: Ledger,
    pub tenants: Arc<Tenants>,
    /// Lines of metrics.
    pub lines: Arc<Mutex<Vec<String>>>,
    pub callbacks: Callbacks,
    /// Asks Twilio, for processes that are started from now on. Waits as long as it takes, unless a test puts a hasty one here.
    pub client: Client,
    pub send: send::Deps,
    pub poll: poll::Deps,
    functions_ledger: Ledger,
    directory: TempDir,
    _secrets: Secrets,
    /// The last record of the stream that was.
    handed_over: Mutex<Option<String>>,
    numbers: AtomicUsize,
}

impl Stage {
    pub async fn new() -> Self {
        Self::with(Time::at(MORNING), |_| Detour::default()).await
    }

    /// A stage whose functions may take a detour to the table and to Twilio, whose addresses `detour` is told.
    pub async fn with(time: Time, detour: impl FnOnce(Detour) -> Detour) -> Self {
        let clock = time.clock();
        let dynamodb = DynamoDb::start(None).await.unwrap();
        let client = aws_sdk_dynamodb::Client::new(&sdk_config(dynamodb.endpoint_url().to_owned()).await);
        create_table(&client).await;
        let ledger = Ledger::new(client, TABLE.to_owned());
        let twilio = FakeTwilio::start(Settings {
            accounts: vec![FakeAccount {
                account_sid: ACCOUNT.to_owned(),
                auth_token: TOKEN.to_owned(),
                messaging_services: vec![SERVICE.to_owned()],
                numbers: vec![OUR_NUMBER.to_owned()],
                ..FakeAccount::default()
            }],
            steps: Duration::ZERO..=Duration::ZERO,
            ..Settings::new(clock.clone())
        })
        .await
        .unwrap();
        let direct =
            Detour { dynamodb: Some(dynamodb.endpoint_url().to_owned()), twilio: Some(twilio.base_url().to_owned()) };
        let detour = detour(direct);
        let functions_ledger = match detour.dynamodb {
            Some(url) => Ledger::new(aws_sdk_dynamodb::Client::new(&sdk_config(url).await), TABLE.to_owned()),
            None => ledger.clone(),
        };
        let directory = TempDir::new().unwrap();
        let secrets = Secrets::start(directory.path().to_owned(), TENANT_SECRET_PREFIX.to_owned()).await.unwrap();
        let secrets_client = aws_sdk_secretsmanager::Client::new(&sdk_config(secrets.endpoint_url()).await);
        let base_url = detour.twilio.unwrap_or_else(|| twilio.base_url().to_owned());
        let tenants =
            Tenants::new(secrets_client, TENANT_SECRET_PREFIX.to_owned(), clock.clone(), Duration::from_secs(1))
                .adjusted(move |tenant| tenant.twilio.api_base_url.clone_from(&base_url));
        let tenants = Arc::new(tenants);
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let heard = Arc::clone(&lines);
        let metrics = Metrics::to(clock.clone(), move |line| heard.lock().unwrap().push(line));
        let callbacks = Callbacks::start(&functions_ledger, &tenants, &clock, &metrics).await;
        let (timing, client) = (Timing::default(), patient());
        let send = send_deps(&functions_ledger, &tenants, &client, &clock, &timing, &callbacks.url, &metrics);
        let poll = poll_deps(&functions_ledger, &tenants, &client, &clock, &timing, &metrics);
        Self {
            time,
            timing,
            twilio,
            dynamodb,
            ledger,
            tenants,
            lines,
            callbacks,
            client,
            send,
            poll,
            functions_ledger,
            directory,
            _secrets: secrets,
            handed_over: Mutex::default(),
            numbers: AtomicUsize::new(0),
        }
    }

    /// New processes for send and poll: what the old ones remembered is gone.
    pub fn restart(&mut self) {
        self.send = self.another_send();
        self.poll = self.another_poll();
    }

    pub fn another_send(&self) -> send::Deps {
        let metrics = self.metrics();
        send_deps(
            &self.functions_ledger,
            &self.tenants,
            &self.client,
            &self.time.clock(),
            &self.timing,
            &self.callbacks.url,
            &metrics,
        )
    }

    pub fn another_poll(&self) -> poll::Deps {
        let (clock, metrics) = (self.time.clock(), self.metrics());
        poll_deps(&self.functions_ledger, &self.tenants, &self.client, &clock, &self.timing, &metrics)
    }

    fn metrics(&self) -> Metrics {
        let heard = Arc::clone(&self.lines);
        Metrics::to(self.time.clock(), move |line| heard.lock().unwrap().push(line))
    }

    /// A tenant whose document is the stage's own, changed.
    pub fn tenant(&self, name: &str, change: impl FnOnce(&mut Value)) -> TenantId {
        let mut document = json!({
            "peoplesoft": {"host": "hr.example.org", "node": "PSFT_HR", "time_zone": "America/Chicago",
                "auth": {"type": "basic", "oprid": "NOTIFY", "password": "stage-password"}},
            "twilio": {"account_sid": ACCOUNT, "auth_token": TOKEN, "messaging_service_sid": SERVICE, "voice_from_number": OUR_NUMBER},
            "quiet_hours": null,
            "events": [],
        });
        change(&mut document);
        self.write_document(name, &document.to_string());
        TenantId::parse(name).unwrap()
    }

    pub fn write_document(&self, name: &str, text: &str) {
        std::fs::write(self.directory.path().join(format!("{name}.json")), text).unwrap();
        self.time.pass(Duration::from_secs(2)); // past the age of the cached copy
    }

    pub async fn document(&self, tenant: &TenantId) -> Arc<Tenant> {
        self.tenants.get(tenant).await.unwrap().unwrap()
    }

    /// Appends a notification as poll does: to a number and with a text of its own, unless `change` says otherwise.
    pub async fn create(&self, tenant: &TenantId, change: impl FnOnce(&mut Created)) -> NotificationId {
        let number = self.numbers.fetch_add(1, Ordering::SeqCst);
        let now = self.time.now();
        let mut created = Created {
            employee_id: format!("E{number:06}"),
            source: "stage".to_owned(),
            kind: "custom".to_owned(),
            key: vec![number.to_string()],
            channel: Channel::Sms,
            occurred_at: now,
            to: Some(phone(number)),
            body: Some(format!("Text number {number}")),
            language: Some("en".to_owned()),
            time_zone: None,
            not_before: None,
            expires_at: now.checked_add(SignedDuration::from_hours(48)).unwrap(),
            urgent: false,
            held: false,
            suppressed: None,
            escalate_after_minutes: None,
            escalates: None,
        };
        change(&mut created);
        let id = NotificationId::of(tenant, &created.employee_id, &created.source, &created.key, created.channel);
        let draft = poll::notify::Draft { id, created };
        let (id, fact) = draft.into_fact(&self.timing, now);
        self.ledger.append(&*self.document(tenant).await, &id, &fact).await.unwrap();
        id
    }

    pub async fn append(&self, tenant: &TenantId, id: &NotificationId, detail: Detail) {
        let fact = Fact::new(self.time.now(), detail);
        self.ledger.append(&*self.document(tenant).await, id, &fact).await.unwrap();
    }

    /// The stream's records that were not handed over yet.
    pub fn new_records(&self) -> Value {
        let mut after = self.handed_over.lock().unwrap();
        let (records, last) = self.records(after.as_deref());
        *after = last;
        json!({ "Records": records })
    }

    /// Every record that the stream ever had of a tenant.
    pub fn all_records(&self, tenant: &TenantId) -> Value {
        let begins = format!("{tenant}#");
        let (mut records, _) = self.records(None);
        records.retain(|record| record["dynamodb"]["Keys"]["pk"]["S"].as_str().unwrap().starts_with(&begins));
        json!({ "Records": records })
    }

    /// The records after one that pass the mapping's filter, and the last one's number.
    fn records(&self, after: Option<&str>) -> (Vec<Value>, Option<String>) {
        let filter = Filter::parse(&[table::STREAM_FILTER]).unwrap();
        let stream = Stream::of(self.dynamodb.database(), TABLE).unwrap();
        let (mut records, mut last) = (Vec::new(), after.map(str::to_owned));
        loop {
            let page = stream.read(self.dynamodb.database(), last.as_deref(), 1000).unwrap();
            let Some(end) = page.last() else { return (records, last) };
            last = Some(end.number.clone());
            records.extend(page.into_iter().map(|record| record.json).filter(|json| filter.accepts(json)));
        }
    }

    /// Hands over what is new.
    pub async fn send(&self) -> usize {
        let records = self.new_records();
        let count = records["Records"].as_array().unwrap().len();
        let failed = self.hand_over(&self.send, &records).await;
        assert_eq!(failed, 0);
        count
    }

    /// Hands records over, in batches as the stream does; answers how many came back.
    pub async fn hand_over(&self, deps: &send::Deps, records: &Value) -> usize {
        let mut failed = 0;
        for batch in records["Records"].as_array().unwrap().chunks(100) {
            let event = serde_json::from_value(json!({ "Records": batch })).unwrap();
            let until = self.time.now().checked_add(SignedDuration::from_mins(2)).unwrap();
            let invocation = send::Invocation { request_id: "stage".to_owned(), until };
            failed += send::batch(deps, event, &invocation).await.batch_item_failures.len();
        }
        failed
    }

    pub async fn sweep(&self, tenant: &TenantId) -> poll::sweep::Swept {
        self.sweep_by(&self.poll, tenant).await
    }

    pub async fn sweep_by(&self, deps: &poll::Deps, tenant: &TenantId) -> poll::sweep::Swept {
        let until = self.time.now().checked_add(SignedDuration::from_mins(2)).unwrap();
        poll::sweep::sweep(deps, &*self.document(tenant).await, until).await
    }

    /// Lets time pass, step by step: stream, Twilio, sweep, stream.
    pub async fn play(&self, tenant: &TenantId, wait: Duration, step: Duration) {
        let mut left = wait;
        loop {
            while self.send().await > 0 {}
            self.twilio.idle().await;
            let swept = self.sweep(tenant).await;
            assert_eq!(swept.failed, 0);
            while self.send().await > 0 {}
            self.twilio.idle().await;
            if left.is_zero() {
                return;
            }
            self.time.pass(step.min(left));
            left = left.saturating_sub(step);
        }
    }

    pub async fn minutes(&self, tenant: &TenantId, minutes: u64) {
        self.play(tenant, Duration::from_mins(minutes), Duration::from_mins((minutes / 12).max(1))).await;
    }

    pub async fn story(&self, tenant: &TenantId, id: &NotificationId) -> Story {
        self.ledger.story(tenant, id, Consistency::Strong).await.unwrap()
    }

    pub async fn standing(&self, tenant: &TenantId, id: &NotificationId) -> Standing {
        self.story(tenant, id).await.standing(self.time.now())
    }

    pub async fn state(&self, tenant: &TenantId, id: &NotificationId) -> State {
        self.standing(tenant, id).await.state
    }

    /// How many items the table holds.
    pub async fn items(&self) -> i32 {
        let scan = self.ledger.client().scan().table_name(TABLE).select(Select::Count);
        scan.send().await.unwrap().count()
    }

    /// Every notification of a tenant, oldest first.
    pub async fn stories(&self, tenant: &TenantId) -> Vec<Story> {
        let Scanned { mut stories, odd } = scan::tenant(&self.ledger, tenant, self.time.now(), |_| ()).await.unwrap();
        assert!(odd.is_empty(), "{odd:?}");
        stories.sort_by_key(|story| story.created_fact().map(|fact| fact.at));
        stories
    }

    /// How often Twilio accepted a notification.
    pub fn accepted(&self, id: &NotificationId) -> usize {
        self.twilio.accepted_per_notification().get(&id.to_string()).copied().unwrap_or_default()
    }

    pub async fn prove(&self, tenant: &TenantId) -> Proof {
        let stories = self.stories(tenant).await;
        let ours: HashSet<String> = stories.iter().map(|story| story.id.to_string()).collect();
        let mut accepted = self.twilio.accepted();
        accepted.retain(|message| message.notification.as_ref().is_some_and(|id| ours.contains(id)));
        proof::prove(&stories, self.time.now(), &accepted)
    }

    /// Posts a signed form as Twilio does, and answers the status.
    pub async fn post(&self, path_and_query: &str, params: &[(&str, &str)]) -> u16 {
        self.answer(path_and_query, params).await.status().as_u16()
    }

    /// The same, and answers everything.
    pub async fn answer(&self, path_and_query: &str, params: &[(&str, &str)]) -> reqwest::Response {
        let params: Vec<(String, String)> =
            params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let url = format!("{}{path_and_query}", self.callbacks.url);
        let signature = signature::sign(TOKEN, &url, &params);
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&params).finish();
        let request = wire::client()
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-twilio-signature", signature)
            .body(body);
        request.send().await.unwrap()
    }

    /// Posts what Twilio says of a message.
    pub async fn report(
        &self,
        tenant: &TenantId,
        id: &NotificationId,
        attempt: u32,
        (sid, status): (&str, &str),
        more: &[(&str, &str)],
    ) -> u16 {
        let mut params = vec![("AccountSid", ACCOUNT), ("MessageSid", sid), ("MessageStatus", status)];
        params.extend_from_slice(more);
        self.post(&format!("/twilio/{tenant}/status?n={id}&a={attempt}"), &params).await
    }

    /// Somebody texts us.
    pub async fn texts(&self, tenant: &TenantId, from: &PhoneNumber, body: &str) {
        let url = format!("{}/twilio/{tenant}/inbound", self.callbacks.url);
        let (status, _) = self.twilio.inbound(from.e164(), OUR_NUMBER, body, &url).await.unwrap();
        assert_eq!(status, 200);
        self.time.pass(Duration::from_secs(1));
    }

    /// The metrics so far: what was counted, summed by name.
    pub fn counted(&self) -> BTreeMap<String, u64> {
        let mut counted = BTreeMap::new();
        for line in self.lines.lock().unwrap().iter() {
            let line: Value = serde_json::from_str(line).unwrap();
            let metric = &line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0];
            if metric["Unit"] == "Count" {
                let name = metric["Name"].as_str().unwrap().to_owned();
                *counted.entry(name.clone()).or_default() += line[&name].as_u64().unwrap();
            }
        }
        counted
    }
}

/// A phone number for everybody.
pub fn phone(number: usize) -> PhoneNumber {
    PhoneNumber::try_from(format!("+1312{:07}", 2_000_000 + number)).unwrap()
}

fn send_deps(
    ledger: &Ledger,
    tenants: &Arc<Tenants>,
    client: &Client,
    clock: &Clock,
    timing: &Timing,
    callback_base_url: &str,
    metrics: &Metrics,
) -> send::Deps {
    send::Deps {
        ledger: ledger.clone(),
        tenants: Arc::clone(tenants),
        twilio: client.clone(),
        clock: clock.clone(),
        timing: timing.clone(),
        callback_base_url: callback_base_url.to_owned(),
        pace: send::pace::Pace::default(),
        metrics: metrics.clone(),
    }
}

fn poll_deps(
    ledger: &Ledger,
    tenants: &Arc<Tenants>,
    client: &Client,
    clock: &Clock,
    timing: &Timing,
    metrics: &Metrics,
) -> poll::Deps {
    poll::Deps {
        ledger: ledger.clone(),
        tenants: Arc::clone(tenants),
        twilio: client.clone(),
        clock: clock.clone(),
        timing: timing.clone(),
        metrics: metrics.clone(),
        memory: poll::Memory::default(),
    }
}

/// More patient than any machine is slow: what a test makes of an answer must not hang on how long it took. One for all, since
/// a client remembers nothing and takes long to make: it reads every root certificate.
fn patient() -> Client {
    const LONG: Duration = Duration::from_mins(20);
    static CLIENT: LazyLock<Client> =
        LazyLock::new(|| Client::new(Timeouts { connect: LONG, total: LONG, list: LONG }).unwrap());
    CLIENT.clone()
}

async fn create_table(client: &aws_sdk_dynamodb::Client) {
    let definition = table::definition().unwrap();
    let create = aws_sdk_dynamodb::operation::create_table::CreateTableInput::builder()
        .table_name(TABLE)
        .billing_mode(definition.billing)
        .stream_specification(definition.stream)
        .global_secondary_indexes(definition.index)
        .set_attribute_definitions(Some(definition.attributes))
        .set_key_schema(Some(definition.keys));
    dynamodb::ensure_table(client, create, table::RETAIN_UNTIL).await.unwrap();
}
