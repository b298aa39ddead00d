//! A function as it ships, and the Runtime API that hands it events: one function, one event after the other.

use crate::far_end::FarEnd;
use crate::usage;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderName;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, mpsc};

/// The functions that ship.
pub const FUNCTIONS: [&str; 4] = ["poll", "send", "callback", "verify"];
/// What they are held against: the smallest function, and the smallest that writes.
pub const HELLO: &str = "hello";
pub const PUT: &str = "put";

/// Where callbacks would come in.
pub const CALLBACK_BASE_URL: &str = "https://callback.example.org";

/// Builds everything that is measured, as it ships.
pub fn build() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--release", "--quiet", "--bins", "-p", "benches"]);
    for function in FUNCTIONS {
        cargo.args(["-p", function]);
    }
    assert!(cargo.status().unwrap().success(), "the functions don't build");
}

/// Where a function's binary is.
pub fn binary(name: &str) -> PathBuf {
    let built = std::env::current_exe().unwrap();
    let target = built.ancestors().find(|path| path.join("CACHEDIR.TAG").exists()).expect("cargo's target directory");
    target.join("release").join(name)
}

/// What the function told its Runtime API.
enum Told {
    /// It asks for an event; here is where to put it.
    Next(tokio::sync::oneshot::Sender<String>),
    /// It has answered, then.
    Response(Instant, Bytes),
}

/// A running function. Killed when dropped.
pub struct Lambda {
    child: Child,
    told: mpsc::Receiver<Told>,
    /// Where the event that it asks for goes.
    next: Option<tokio::sync::oneshot::Sender<String>>,
}

/// What came of one invocation.
pub struct Invocation {
    /// From handing over the event until its answer was here.
    pub wall: Duration,
    /// What the function used, until it asked for the next event.
    pub cpu: Duration,
    /// What it answered.
    pub answer: Value,
}

impl Lambda {
    /// Starts a function, and waits until it asks for its first event.
    pub async fn start(name: &str, far_end: &FarEnd) -> Self {
        Self::start_as(Command::new(binary(name)), name, far_end).await
    }

    /// The same, by a command of which the function is a part.
    pub async fn start_as(mut command: Command, name: &str, far_end: &FarEnd) -> Self {
        let (tell, told) = mpsc::channel(4);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let api = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .with_state(Arc::new(Mutex::new(tell)));
        tokio::spawn(async move { axum::serve(listener, api).await });
        let child = command
            .env_clear()
            .envs(far_end.environment())
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("CALLBACK_BASE_URL", CALLBACK_BASE_URL)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut lambda = Self { child, told, next: None };
        lambda.await_next().await;
        lambda
    }

    /// Hands over one event.
    pub async fn invoke(&mut self, event: String) -> Invocation {
        let before = usage::cpu(self.child.id());
        let began = Instant::now();
        self.next.take().unwrap().send(event).unwrap();
        let Some(Told::Response(ended, answer)) = self.told.recv().await else { panic!("it didn't answer") };
        self.await_next().await;
        Invocation {
            wall: ended - began,
            cpu: usage::cpu(self.child.id()).saturating_sub(before),
            answer: serde_json::from_slice(&answer).unwrap(),
        }
    }

    /// Ends it as Lambda does, so that whatever runs it can say what it saw.
    pub fn end(mut self) {
        let ended = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(ended.unwrap().success(), "there is no process to end");
        self.child.wait().unwrap();
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    async fn await_next(&mut self) {
        let told = tokio::time::timeout(Duration::from_secs(60), self.told.recv()).await;
        let Ok(Some(Told::Next(next))) = told else { panic!("it didn't ask for an event") };
        self.next = Some(next);
    }
}

impl Drop for Lambda {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

type Tell = State<Arc<Mutex<mpsc::Sender<Told>>>>;

async fn next(State(tell): Tell) -> Response {
    let (give, given) = tokio::sync::oneshot::channel();
    tell.lock().await.send(Told::Next(give)).await.unwrap();
    let event = given.await.unwrap_or_default();
    let now = shared::clock::Clock::system().now();
    let deadline = now.as_millisecond() + 120_000;
    let headers = [
        ("lambda-runtime-aws-request-id", "5d3f7a9c-0000-4000-8000-000000000000".to_owned()),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:000000000000:function:f".to_owned()),
        ("lambda-runtime-trace-id", "Root=1-00000000-000000000000000000000000".to_owned()),
    ]
    .map(|(name, value)| (HeaderName::from_static(name), value));
    (axum::response::AppendHeaders(headers), event).into_response()
}

async fn response(State(tell): Tell, answer: Bytes) -> axum::http::StatusCode {
    tell.lock().await.send(Told::Response(Instant::now(), answer)).await.unwrap();
    axum::http::StatusCode::ACCEPTED
}
