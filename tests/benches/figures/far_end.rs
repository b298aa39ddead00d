//! What a function talks to: a DynamoDB and a Secrets Manager that answer at once and count, a Twilio that takes its time,
//! and a PeopleSoft with many rows. None of them remembers anything, and nothing here is measured but how often it was asked.

use crate::tls::Tls;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use futures::stream;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// The one tenant.
pub const TENANT: &str = "st-lukes";
/// What signs its callbacks.
pub const AUTH_TOKEN: &str = "bench-auth-token";

/// How a new connection to AWS is counted.
pub const AWS_CONNECTION: &str = "Connection to AWS";
/// The same to the others.
pub const OTHER_CONNECTION: &str = "Connection to Twilio or PeopleSoft";
const ACCOUNT: &str = "AC00000000000000000000000000000001";
/// As PeopleSoft writes a time.
const STAMP: &str = "%Y-%m-%d-%H.%M.%S.000000";
/// How many of PeopleSoft's rows were stamped in each second.
const ROWS_A_SECOND: i64 = 20;

/// Everything that a function may talk to.
pub struct FarEnd {
    aws: String,
    others: String,
    tls: Option<Tls>,
    world: Arc<World>,
}

struct World {
    /// How long Twilio takes.
    twilio: Duration,
    secret: String,
    /// When PeopleSoft's first row was stamped, and how many it has.
    rows: (Timestamp, i64),
    asked: Mutex<BTreeMap<String, usize>>,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
}

impl FarEnd {
    /// A far end whose Twilio takes as long for every answer, and whose PeopleSoft has so many rows, none older than hours.
    pub async fn start(twilio: Duration, rows: u32) -> Self {
        Self::with(twilio, rows, None).await
    }

    /// One that answers at once, behind TLS whose handshake takes as long.
    pub async fn behind_tls(handshake: Duration) -> Self {
        Self::with(Duration::ZERO, 0, Some(Tls::new(handshake))).await
    }

    #[allow(clippy::disallowed_methods)] // the functions under measurement choose the same clock
    async fn with(twilio: Duration, rows: u32, tls: Option<Tls>) -> Self {
        let rows = i64::from(rows);
        let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap(); // rows tell whole seconds
        let first = now - SignedDuration::from_secs(60 + rows / ROWS_A_SECOND);
        let (aws_listener, others_listener) = (listen().await, listen().await);
        let (aws, others) = (url(&aws_listener, tls.as_ref()).await, url(&others_listener, tls.as_ref()).await);
        let source = json!({"source": "events", "kind": "custom", "query": "Q", "key": ["A.EMPLID"],
            "columns": {"employee_id": "A.EMPLID", "occurred_at": "A.STAMP", "phone": "C.PHONE"},
            "templates": {"en": "Something has happened."}});
        let secret = json!({
            "peoplesoft": {"base_url": format!("{others}/PSIGW/RESTListeningConnector/N"), "time_zone": "UTC",
                "auth": {"type": "basic", "oprid": "NOTIFY", "password": "bench-password"}},
            "twilio": {"account_sid": ACCOUNT, "auth_token": AUTH_TOKEN, "api_base_url": others,
                "messaging_service_sid": "MG00000000000000000000000000000001"},
            "quiet_hours": null,
            "poll": {"start_at": first.to_string()},
            "events": if rows == 0 { json!([]) } else { json!([source]) },
        })
        .to_string();
        let world = Arc::new(World {
            twilio,
            secret,
            rows: (first, rows),
            asked: Mutex::default(),
            under_way: AtomicUsize::new(0),
            most_under_way: AtomicUsize::new(0),
        });
        let count = |world: &Arc<World>, what| {
            let world = Arc::clone(world);
            move |_: &mut TcpStream| world.count(what)
        };
        let aws_listener = aws_listener.tap_io(count(&world, AWS_CONNECTION));
        let others_listener = others_listener.tap_io(count(&world, OTHER_CONNECTION));
        let cloud = Router::new().route("/", post(answer)).with_state(Arc::clone(&world));
        let routes = Router::new()
            .route("/2010-04-01/Accounts/{account}/Messages.json", post(message))
            .route("/PSIGW/RESTListeningConnector/N/ExecuteQuery.v1/public/Q/JSON/NONFILE", get(query))
            .with_state(Arc::clone(&world));
        tokio::spawn(async move { axum::serve(aws_listener, cloud).await });
        tokio::spawn(async move { axum::serve(others_listener, routes).await });
        Self { aws, others, tls, world }
    }

    /// What a function's environment says about it.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let mut environment = vec![
            ("AWS_ENDPOINT_URL", self.aws.clone()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "AKIDBENCH".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "bench-secret-key".to_owned()),
            ("AWS_SESSION_TOKEN", "bench-session-token".to_owned()),
            ("TABLE_NAME", "ledger".to_owned()),
            ("TWILIO_URL", self.others.clone()),
        ];
        environment.extend(self.tls.iter().map(|tls| ("SSL_CERT_FILE", tls.authority().display().to_string())));
        environment
    }

    /// What was asked for since this was last asked, and how often.
    pub fn asked(&self) -> BTreeMap<String, usize> {
        std::mem::take(&mut self.world.asked.lock().unwrap())
    }

    /// The most requests that Twilio, or DynamoDB, had under way at once.
    pub fn most_under_way(&self) -> usize {
        self.world.most_under_way.load(Ordering::SeqCst)
    }
}

async fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

async fn url(listener: &TcpListener, tls: Option<&Tls>) -> String {
    let plain = listener.local_addr().unwrap();
    match tls {
        Some(tls) => tls.before(plain).await,
        None => format!("http://{plain}"),
    }
}

impl World {
    fn count(&self, what: &str) {
        *self.asked.lock().unwrap().entry(what.to_owned()).or_default() += 1;
    }

    /// Takes its time, and counts who does so at once.
    async fn take(&self, time: Duration) {
        let under_way = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_under_way.fetch_max(under_way, Ordering::SeqCst);
        if time.is_zero() {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(time).await;
        }
        self.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn answer(State(world): State<Arc<World>>, headers: HeaderMap, _: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default();
    world.count(operation);
    if operation == "PutItem" && world.twilio.is_zero() {
        world.take(Duration::ZERO).await;
    }
    let used = json!({"TableName": "ledger", "CapacityUnits": 1.0});
    let answer = match operation {
        "PutItem" | "UpdateItem" | "GetItem" => json!({"ConsumedCapacity": used}),
        "Query" => json!({"Items": [], "Count": 0, "ScannedCount": 0, "ConsumedCapacity": used}),
        "GetSecretValue" => json!({"Name": TENANT, "SecretString": world.secret}),
        "ListSecrets" => json!({"SecretList": [{"Name": format!("peoplesoft-twilio/tenants/{TENANT}")}]}),
        "BatchGetSecretValue" => {
            json!({"SecretValues": [{"Name": format!("peoplesoft-twilio/tenants/{TENANT}"), "SecretString": world.secret}]})
        }
        _ => return StatusCode::BAD_REQUEST.into_response(),
    };
    ([(header::CONTENT_TYPE, "application/x-amz-json-1.0")], answer.to_string()).into_response()
}

async fn message(State(world): State<Arc<World>>, _: Bytes) -> Response {
    world.count("Message");
    world.take(world.twilio).await;
    let answer = json!({"sid": "SM00000000000000000000000000000001", "status": "accepted", "error_code": null});
    (StatusCode::CREATED, [(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
}

/// A page of rows in the order of their times, from the first that the prompts ask for.
async fn query(State(world): State<Arc<World>>, RawQuery(asked): RawQuery) -> Response {
    let asked = asked.unwrap_or_default();
    let asked: HashMap<String, String> = form_urlencoded::parse(asked.as_bytes()).into_owned().collect();
    world.count("Query page");
    let (first, rows) = world.rows;
    let since = asked["prompt_fieldvalue"].split(',').next().unwrap_or_default();
    let since = TimeZone::UTC.to_timestamp(DateTime::strptime(STAMP, since).unwrap()).unwrap();
    let from = (since.duration_since(first).as_secs().max(0) * ROWS_A_SECOND).min(rows);
    let until = (from + asked["maxrows"].parse::<i64>().unwrap()).min(rows);
    let row = move |number: i64| {
        let stamp = (first + SignedDuration::from_secs(number / ROWS_A_SECOND)).strftime(STAMP).to_string();
        json!({"attr:rownumber": number - from + 1, "A.EMPLID": format!("{number:07}"), "A.STAMP": stamp, "C.PHONE": "312/555-0142"})
            .to_string()
    };
    let head =
        format!(r#"{{"status":"success","data":{{"query":{{"numrows":{},"queryname=":"Q","rows":["#, until - from);
    let all = (from..until).map(move |number| format!("{}{}", if number == from { "" } else { "," }, row(number)));
    let pieces = std::iter::once(head).chain(all).chain(std::iter::once("]}}}".to_owned()));
    let body = Body::from_stream(stream::iter(pieces.map(|piece| Ok::<_, Infallible>(Bytes::from(piece)))));
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}
