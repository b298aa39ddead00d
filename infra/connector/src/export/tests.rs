//! The export against a DynamoDB that knows only how to export: what is asked of it, and what is told.

use super::*;
use crate::cli::{Audit, AuditWhat, Cli, Command};
use crate::samples::at;
use crate::terminal::Look;
use crate::world::World;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use clap::Parser as _;
use local::stack::sdk_config;
use serde_json::Value;
use shared::ledger::Ledger;
use std::sync::{Arc, Mutex};
use tokio::task::JoinHandle;

const ARN: &str = "arn:aws:dynamodb:us-east-1:123456789012:table/ledger/export/01693685827463-2d8752fd";

/// What was asked, and what is answered to the next questions.
#[derive(Default)]
struct Script {
    asked: Vec<(String, Value)>,
    answers: Vec<(u16, Value)>,
}

struct Stub {
    script: Arc<Mutex<Script>>,
    url: String,
    running: JoinHandle<()>,
}

impl Stub {
    async fn start(answers: Vec<(u16, Value)>) -> Self {
        let script = Arc::new(Mutex::new(Script { asked: Vec::new(), answers }));
        let router = Router::new().route("/", post(answer)).with_state(Arc::clone(&script));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let running = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { script, url, running }
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn answer(State(script): State<Arc<Mutex<Script>>>, headers: HeaderMap, body: String) -> (StatusCode, String) {
    let mut script = script.lock().unwrap();
    let target = headers["x-amz-target"].to_str().unwrap().rsplit('.').next().unwrap().to_owned();
    script.asked.push((target, serde_json::from_str(&body).unwrap()));
    let (status, body) = script.answers.remove(0);
    (StatusCode::from_u16(status).unwrap(), body.to_string())
}

fn table() -> (u16, Value) {
    (200, json!({"Table": {"TableArn": "arn:aws:dynamodb:us-east-1:123456789012:table/ledger"}}))
}

fn export(status: &str, more: &Value) -> (u16, Value) {
    let mut description = json!({"ExportArn": ARN, "ExportStatus": status});
    description.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    (200, json!({"ExportDescription": description}))
}

/// Runs the command against the answers; its exit code, what it printed and said, and what it asked.
async fn run_against(answers: Vec<(u16, Value)>, words: &[&str]) -> (u8, String, String, Vec<(String, Value)>) {
    let stub = Stub::start(answers).await;
    let mut world = World::start(at("22:00:00")).await;
    let client = Client::new(&sdk_config(stub.url.clone()).await);
    world.deps.ledger = Some(Ledger::new(client, "ledger".to_owned()));
    let words = [&["connector"], words].concat();
    let cli = Cli::try_parse_from(words).unwrap();
    let Command::Audit(Audit { what: AuditWhat::Export(args), .. }) = &cli.command else { panic!("{cli:?}") };
    let (mut data, mut talk, mut answers) = (Vec::new(), Vec::new(), b"".as_slice());
    let mut terminal =
        Terminal { data: &mut data, talk: &mut talk, answers: &mut answers, look: Look::default(), watched: false };
    let done = run_asking(&world.deps, &mut terminal, cli.format, args, Duration::ZERO).await;
    let code = crate::settle(done, &mut terminal);
    let asked = std::mem::take(&mut stub.script.lock().unwrap().asked);
    (code, String::from_utf8(data).unwrap(), String::from_utf8(talk).unwrap(), asked)
}

#[tokio::test]
async fn it_is_started_once_and_waited_for() {
    let completed = json!({
        "ItemCount": 4874, "BilledSizeBytes": 1_234_567,
        "ExportManifest": "2026-03/AWSDynamoDB/01693685827463-2d8752fd/manifest-summary.json",
    });
    let answers = || {
        vec![
            table(),
            export("IN_PROGRESS", &json!({})),
            export("IN_PROGRESS", &json!({})),
            export("COMPLETED", &completed),
        ]
    };
    let words = ["audit", "export", "--bucket", "audit-exports", "--prefix", "2026-03/", "--s3-kms-key", "alias/audit"];
    let (code, data, talk, asked) = run_against(answers(), &words).await;
    assert_eq!(code, 0, "{talk}");
    assert_eq!(data, "s3://audit-exports/2026-03/AWSDynamoDB/01693685827463-2d8752fd\n");
    assert!(talk.contains("4874 items") && talk.contains("aws s3 sync s3://audit-exports/2026-03/AWS"), "{talk}");
    let targets: Vec<&str> = asked.iter().map(|(target, _)| target.as_str()).collect();
    assert_eq!(targets, ["DescribeTable", "ExportTableToPointInTime", "DescribeExport", "DescribeExport"]);
    let start = &asked[1].1;
    assert_eq!(start["TableArn"], "arn:aws:dynamodb:us-east-1:123456789012:table/ledger");
    assert_eq!((&start["S3Bucket"], &start["S3Prefix"]), (&"audit-exports".into(), &"2026-03/".into()));
    assert_eq!((&start["S3SseAlgorithm"], &start["S3SseKmsKeyId"]), (&"KMS".into(), &"alias/audit".into()));
    assert_eq!(start["ExportFormat"], "DYNAMODB_JSON");
    assert_eq!(asked[2].1["ExportArn"], ARN);

    let words = ["--format", "json", "audit", "export", "--bucket", "audit-exports"];
    let (code, data, _, asked) = run_against(answers(), &words).await;
    let printed: Value = serde_json::from_str(&data).unwrap();
    assert_eq!((code, &printed["items"], &asked[1].1["S3SseAlgorithm"]), (0, &4874.into(), &"AES256".into()));
    assert_eq!(printed["s3"], "s3://audit-exports/AWSDynamoDB/01693685827463-2d8752fd");
}

#[tokio::test]
async fn what_fails_comes_with_what_to_do() {
    let check = |answers: Vec<(u16, Value)>, expect: &'static str| async move {
        let (code, data, talk, _) = run_against(answers, &["audit", "export", "--bucket", "b"]).await;
        assert_eq!((code, data.as_str()), (1, ""), "{talk}");
        assert!(talk.contains(expect), "{talk}");
    };
    let error =
        |code: &str| (400, json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "no"}));
    check(vec![error("ResourceNotFoundException")], "there is no such table here").await;
    check(vec![table(), error("PointInTimeRecoveryUnavailableException")], "turn on point-in-time recovery").await;
    let unknown = (400, json!({"__type": "com.amazon.coral.service#UnknownOperationException"}));
    check(vec![table(), unknown], ": UnknownOperationException\n  only AWS itself exports a table").await;
    check(vec![table(), error("AccessDeniedException")], "dynamodb:ExportTableToPointInTime").await;
    let failed = json!({"FailureCode": "S3AccessDenied", "FailureMessage": "denied"});
    check(vec![table(), export("IN_PROGRESS", &json!({})), export("FAILED", &failed)], "S3AccessDenied: denied").await;
    assert!(ProgressStyle::with_template(PATTERN).is_ok());
}
