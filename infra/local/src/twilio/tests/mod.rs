//! A small world for the tests of the fake: a clock that stands still until told otherwise, a plain HTTP caller, and a receiver
//! of callbacks that verifies every signature.

mod callbacks;
mod calls;
mod faults;
mod inbound;
mod journal;
mod listing;
mod messages;
mod verify;

use super::{FakeAccount, FakeTwilio, Settings};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use shared::clock::Clock;
use shared::twilio::signature;
use std::collections::VecDeque;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(super) const TOKEN: &str = "token-of-a-fake-account";
pub(super) const ACCOUNT: &str = "AC00000000000000000000000000000001";
pub(super) const MESSAGING: &str = "MG00000000000000000000000000000001";
pub(super) const VERIFY: &str = "VA00000000000000000000000000000001";
pub(super) const KEY: &str = "SK00000000000000000000000000000001";
pub(super) const OURS: &str = "+13125550100";
pub(super) const THEIRS: &str = "+13125550142";
pub(super) const MESSAGES: &str = "/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json";
pub(super) const CALLS: &str = "/2010-04-01/Accounts/AC00000000000000000000000000000001/Calls.json";

/// A clock that a test moves.
#[derive(Clone)]
pub(super) struct Hands(Arc<Mutex<Timestamp>>);

impl Hands {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new("2026-03-04T12:00:00Z".parse().unwrap())))
    }

    pub(super) fn advance(&self, seconds: i64) {
        *self.0.lock().unwrap() += SignedDuration::from_secs(seconds);
    }

    pub(super) fn clock(&self) -> Clock {
        let hands = self.clone();
        Clock::from_fn(move || *hands.0.lock().unwrap())
    }
}

/// One account with a number, a messaging service and a Verify service, and lives that are over in no time.
pub(super) fn settings(hands: &Hands) -> Settings {
    Settings {
        accounts: vec![FakeAccount {
            account_sid: ACCOUNT.to_owned(),
            auth_token: TOKEN.to_owned(),
            api_keys: vec![(KEY.to_owned(), "secret-of-a-key".to_owned())],
            messaging_services: vec![MESSAGING.to_owned()],
            numbers: vec![OURS.to_owned()],
            verify_services: vec![VERIFY.to_owned()],
        }],
        steps: Duration::ZERO..=Duration::from_millis(2),
        ..Settings::new(hands.clock())
    }
}

pub(super) async fn fake() -> FakeTwilio {
    FakeTwilio::start(settings(&Hands::new())).await.unwrap()
}

/// An answer as a caller sees it.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) retry_after: Option<String>,
    /// `Twilio-Reached-Rate-Limit`
    pub(super) reached: Option<String>,
    pub(super) content_type: String,
    pub(super) text: String,
    /// Null if the body isn't JSON.
    pub(super) json: Value,
}

impl Answered {
    pub(super) fn str(&self, field: &str) -> &str {
        self.json[field].as_str().unwrap_or_else(|| panic!("{field} in {}", self.text))
    }

    /// Status and code of an error.
    pub(super) fn code(&self) -> (u16, u64) {
        (self.status, self.json["code"].as_u64().unwrap_or_default())
    }
}

/// What a test asks of a fake, with the account's token.
pub(super) trait Asks {
    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answered;
    async fn get(&self, path: &str) -> Answered;
}

impl Asks for FakeTwilio {
    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answered {
        answered(posting(self, path, form)).await.unwrap()
    }

    async fn get(&self, path: &str) -> Answered {
        let request = client().get(format!("{}{path}", self.base_url())).basic_auth(ACCOUNT, Some(TOKEN));
        answered(request).await.unwrap()
    }
}

/// The request of [`Asks::post`], not sent yet.
pub(super) fn posting(fake: &FakeTwilio, path: &str, form: &[(&str, &str)]) -> reqwest::RequestBuilder {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = client().post(format!("{}{path}", fake.base_url())).basic_auth(ACCOUNT, Some(TOKEN));
    request.header("content-type", "application/x-www-form-urlencoded").body(body)
}

/// A client that never repeats a request by itself, as it might on a connection from a pool.
pub(super) fn client() -> reqwest::Client {
    static CLIENT: LazyLock<reqwest::Client> =
        LazyLock::new(|| reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap());
    CLIENT.clone()
}

pub(super) async fn answered(request: reqwest::RequestBuilder) -> reqwest::Result<Answered> {
    let response = request.send().await?;
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (retry_after, content_type) = (header("retry-after"), header("content-type").unwrap_or_default());
    let reached = header("twilio-reached-rate-limit");
    let status = response.status().as_u16();
    let text = response.text().await?;
    Ok(Answered {
        status,
        retry_after,
        reached,
        content_type,
        json: serde_json::from_str(&text).unwrap_or_default(),
        text,
    })
}

/// Holds all lives where they are, until [`release`].
pub(super) fn hold(fake: &FakeTwilio) {
    fake.change(|settings| settings.steps = Duration::from_hours(1)..=Duration::from_hours(1));
}

pub(super) fn release(fake: &FakeTwilio) {
    fake.change(|settings| settings.steps = Duration::ZERO..=Duration::ZERO);
}

/// What a receiver does with a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply {
    Status(u16),
    Slow,
    Hang,
}

/// A request that arrived.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) uri: String,
    pub(super) valid: bool,
    pub(super) idempotency_token: String,
    pub(super) params: Vec<(String, String)>,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn status(&self) -> &str {
        self.get("MessageStatus").or_else(|| self.get("CallStatus")).unwrap_or_default()
    }
}

#[derive(Default)]
struct Inbox {
    seen: Vec<Seen>,
    replies: VecDeque<Reply>,
    at_once: usize,
    most_at_once: usize,
}

/// A receiver of callbacks: 403 for a bad signature, else what it was told, else 204. Stops when dropped.
pub(super) struct Receiver {
    pub(super) url: String,
    inbox: Arc<Mutex<Inbox>>,
    count: watch::Receiver<usize>,
    server: JoinHandle<()>,
}

impl Receiver {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let inbox = Arc::new(Mutex::new(Inbox::default()));
        let (counted, count) = watch::channel(0);
        let router = Router::new().fallback(receive).with_state((url.clone(), Arc::clone(&inbox), counted));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, inbox, count, server }
    }

    /// Waits until so many requests have arrived.
    pub(super) async fn arrived(&self, count: usize) {
        self.count.clone().wait_for(|seen| *seen >= count).await.unwrap();
    }

    pub(super) fn most_at_once(&self) -> usize {
        self.inbox.lock().unwrap().most_at_once
    }

    /// What the next requests with a good signature get, one after the other.
    pub(super) fn replies(&self, replies: &[Reply]) {
        self.inbox.lock().unwrap().replies = replies.iter().copied().collect();
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.inbox.lock().unwrap().seen.clone()
    }

    /// The statuses that arrived with good signatures, in order.
    pub(super) fn statuses(&self) -> Vec<String> {
        self.seen().iter().filter(|seen| seen.valid).map(|seen| seen.status().to_owned()).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

type Shared = (String, Arc<Mutex<Inbox>>, watch::Sender<usize>);

async fn receive(State((base, inbox, count)): State<Shared>, request: Request) -> StatusCode {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let header = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap());
    let url = format!("{base}{}", parts.uri);
    let tokens = [TOKEN.to_owned().into()];
    let verified = signature::verify(&tokens, &url, header("content-type"), &body, header("x-twilio-signature"));
    let seen = Seen {
        uri: parts.uri.to_string(),
        valid: verified.is_ok(),
        idempotency_token: header("i-twilio-idempotency-token").unwrap().to_owned(),
        params: form_urlencoded::parse(&body).into_owned().collect(),
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    let reply = {
        let mut inbox = inbox.lock().unwrap();
        inbox.seen.push(seen);
        inbox.at_once += 1;
        inbox.most_at_once = inbox.most_at_once.max(inbox.at_once);
        count.send_replace(inbox.seen.len());
        if verified.is_err() { Reply::Status(403) } else { inbox.replies.pop_front().unwrap_or(Reply::Status(204)) }
    };
    let status = match reply {
        Reply::Status(status) => StatusCode::from_u16(status).unwrap(),
        Reply::Slow => {
            tokio::time::sleep(Duration::from_millis(20)).await;
            StatusCode::NO_CONTENT
        }
        Reply::Hang => std::future::pending().await,
    };
    inbox.lock().unwrap().at_once -= 1;
    status
}
