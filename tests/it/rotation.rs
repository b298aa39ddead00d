//! Rotation of an auth token: whichever of the tokens Twilio signs with at the moment is taken, without a deploy and without
//! waiting for the cached document; a forger can't make us ask AWS at will; and a Secrets Manager that never answers costs no
//! callback.

use crate::aws::falling_silent;
use crate::stage::wire::Wire;
use crate::stage::{ACCOUNT, MORNING, Stage, Time};
use futures::future::join_all;
use http::{HeaderMap, HeaderName, StatusCode};
use local::aws::secrets::Secrets;
use local::stack::sdk_config;
use serde_json::json;
use shared::gateway;
use shared::metrics::Metrics;
use shared::notification::NotificationId;
use shared::settings::TENANT_SECRET_PREFIX;
use shared::tenant::{Tenants, store};
use shared::twilio::signature;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;

const BASE_URL: &str = "https://callbacks.example.org";
const SID: &str = "SM0123456789abcdef0123456789abcdef";

/// The callback function, a directory of secrets, and a count of what it asks of them.
struct Door {
    stage: Stage,
    time: Time,
    deps: callback::Deps,
    /// How Twilio reaches it.
    base_url: &'static str,
    wire: Wire,
    directory: TempDir,
    _secrets: Secrets,
    /// Secrets Manager has a hiccup.
    hiccup: Arc<AtomicBool>,
    /// It takes requests and never answers.
    silent: Arc<AtomicBool>,
}

impl Door {
    async fn open() -> Self {
        Self::open_at(BASE_URL).await
    }

    async fn open_at(base_url: &'static str) -> Self {
        let (stage, time, wire) = (Stage::new().await, Time::at(MORNING), Wire::new());
        let directory = TempDir::new().unwrap();
        let secrets = Secrets::start(directory.path().to_owned(), TENANT_SECRET_PREFIX.to_owned()).await.unwrap();
        let (hiccup, silent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let url = with_hiccups(secrets.endpoint_url(), Arc::clone(&hiccup)).await;
        let url = wire.in_front_of(falling_silent(url, Arc::clone(&silent)).await);
        let client = aws_sdk_secretsmanager::Client::new(&sdk_config(url).await);
        let deps = callback::Deps {
            ledger: stage.ledger.clone(),
            tenants: Arc::new(Tenants::new(client, TENANT_SECRET_PREFIX.to_owned(), time.clock(), store::MAX_AGE)),
            clock: time.clock(),
            callback_base_url: base_url.to_owned(),
            metrics: Metrics::off(time.clock()),
        };
        Self { stage, time, deps, base_url, wire, directory, _secrets: secrets, hiccup, silent }
    }

    /// Writes a version of the tenant's secret.
    fn write(&self, file: &str, token: &str, next: Option<&str>) {
        self.write_of(ACCOUNT, file, token, next);
    }

    fn write_of(&self, account: &str, file: &str, token: &str, next: Option<&str>) {
        let document = json!({
            "peoplesoft": {"host": "hr.example.org", "node": "PSFT_HR", "time_zone": "America/Chicago",
                "auth": {"type": "basic", "oprid": "NOTIFY", "password": "p"}},
            "twilio": {"account_sid": account, "auth_token": token, "next_auth_token": next, "from_number": "+13125550100"},
            "events": [],
        });
        std::fs::write(self.directory.path().join(file), document.to_string()).unwrap();
    }

    /// What a callback signed with a token is answered.
    async fn knock(&self, token: &str) -> u16 {
        self.knock_of(ACCOUNT, token).await
    }

    async fn knock_of(&self, account: &str, token: &str) -> u16 {
        let id = NotificationId::parse("abcdefghijklm-abcdefghijklmnop").unwrap();
        let (path, query) = ("/twilio/mercy/status", format!("n={id}&a=1"));
        let params = [("AccountSid", account), ("MessageSid", SID), ("MessageStatus", "sent")];
        let params = params.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&params).finish();
        let signed = signature::sign(token, &format!("{}{path}?{query}", self.base_url), &params);
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("x-twilio-signature", &signed)];
        let header = |(name, value): (&'static str, &str)| (HeaderName::from_static(name), value.parse().unwrap());
        let request = gateway::Request {
            method: http::Method::POST,
            path: path.to_owned(),
            query,
            headers: headers.map(header).into_iter().collect(),
            body: body.into_bytes(),
        };
        callback::respond(&self.deps, request).await.status.as_u16()
    }

    fn asked(&self) -> usize {
        self.wire.passed().len()
    }
}

/// Passes requests on, unless there is a hiccup: then they are refused in a way that the SDK doesn't repeat.
async fn with_hiccups(secrets: String, hiccup: Arc<AtomicBool>) -> String {
    let (listener, client) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), reqwest::Client::new());
    let url = format!("http://{}", listener.local_addr().unwrap());
    let pass = move |headers: HeaderMap, body: String| {
        let (request, hiccup) = (client.post(&secrets).headers(headers).body(body), Arc::clone(&hiccup));
        async move {
            if hiccup.load(Ordering::SeqCst) {
                return (StatusCode::BAD_REQUEST, r#"{"__type": "UnrecognizedClientException"}"#.to_owned());
            }
            let answer = request.send().await.unwrap();
            (answer.status(), answer.text().await.unwrap())
        }
    };
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(pass)).await.unwrap() });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_may_name_the_next_token_before_it_is_current() {
    // Behind an API mapping, whose path is signed and never gets to the function.
    for base_url in [BASE_URL, "https://callbacks.example.org/base"] {
        let door = Door::open_at(base_url).await;
        door.write("mercy.json", "old", Some("next"));
        for (token, expect) in [("old", 204), ("next", 204), ("other", 403)] {
            assert_eq!(door.knock(token).await, expect, "{base_url} {token}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn throughout_a_rotation_whatever_twilio_signs_with_is_taken_and_the_old_token_ends_with_it() {
    let door = Door::open().await;
    door.write("mercy.json", "old", None);
    assert_eq!(door.knock("old").await, 204);
    // Secrets Manager has made the new one and has Twilio promote it; the current version is the old one still.
    door.write("mercy.pending.json", "new", None);
    assert_eq!(door.knock("new").await, 204);
    assert_eq!(door.knock("old").await, 204);
    // Now it is current, and the cached document, not five minutes old, doesn't know.
    door.write("mercy.json", "new", None);
    std::fs::remove_file(door.directory.path().join("mercy.pending.json")).unwrap();
    door.time.pass(Duration::from_secs(31));
    assert_eq!(door.knock("new").await, 204);
    door.time.pass(Duration::from_secs(31));
    assert_eq!(door.knock("old").await, 403);
    assert_eq!(door.knock("new").await, 204);
    assert_eq!(door.stage.items().await, 1, "one callback, told many times");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_moves_to_another_account_loses_no_callback() {
    const OTHER: &str = "AC00000000000000000000000000000002";
    let door = Door::open().await;
    door.write("mercy.json", "old", None);
    assert_eq!(door.knock("old").await, 204);
    door.write_of(OTHER, "mercy.json", "new", None);
    assert_eq!(door.knock_of(OTHER, "new").await, 204);
    assert_eq!(door.knock_of(ACCOUNT, "new").await, 403);
}

/// Twilio asks again after a 500 and never after a 403; all its tries lie within 15 seconds.
#[tokio::test(flavor = "multi_thread")]
async fn a_hiccup_of_secrets_manager_during_a_rotation_loses_no_callback() {
    let door = Door::open().await;
    door.write("mercy.json", "old", None);
    assert_eq!(door.knock("old").await, 204);
    for (round, token) in ["new", "newer"].into_iter().enumerate() {
        door.write("mercy.pending.json", token, None);
        door.hiccup.store(true, Ordering::SeqCst);
        for _ in 0..50 {
            assert_eq!(door.knock(token).await, 500, "{round}");
        }
        let asked = door.asked();
        door.hiccup.store(false, Ordering::SeqCst);
        assert_eq!((door.knock(token).await, door.asked()), (500, asked), "a forger asks no more than a hiccup allows");
        door.time.pass(Duration::from_secs(3));
        assert_eq!(door.knock(token).await, 204, "{round}");
        door.time.pass(Duration::from_secs(31));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forger_does_not_make_us_ask_at_will_and_a_rotation_is_seen_all_the_same() {
    let door = Door::open().await;
    door.write("mercy.json", "old", None);
    for _ in 0..100 {
        assert_eq!(door.knock("forged").await, 403);
    }
    assert_eq!(door.asked(), 3, "once to know the tenant, and once for each version");
    door.write("mercy.json", "new", None);
    for _ in 0..4 {
        door.time.pass(Duration::from_secs(10));
        door.knock("forged").await;
    }
    assert_eq!(door.asked(), 5);
    assert_eq!(door.knock("new").await, 204);
    assert_eq!((door.asked(), door.knock("old").await), (5, 403));
    assert_eq!(door.stage.items().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secrets_manager_that_takes_requests_and_never_answers_costs_one_of_them_and_no_callback() {
    let door = Door::open().await;
    door.write("mercy.json", "old", None);
    assert_eq!(door.knock("old").await, 204);
    door.write("mercy.json", "new", None);
    door.silent.store(true, Ordering::SeqCst);
    door.time.pass(store::MAX_AGE);
    let asked = door.asked();
    let knocks = join_all((0..100).map(|_| door.knock("old"))).await;
    assert!(knocks.iter().all(|status| *status == 204), "{knocks:?}");
    assert!(door.asked() <= asked + 1, "{} requests", door.asked() - asked);
    // It isn't asked again at once, even if it would answer; and then it is.
    door.silent.store(false, Ordering::SeqCst);
    let asked = door.asked();
    assert_eq!((door.knock("old").await, door.asked()), (204, asked));
    door.time.pass(Duration::from_secs(15));
    assert_eq!((door.knock("new").await, door.asked()), (204, asked + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_callback_asks_a_silent_secrets_manager_once_and_holds_up_nobody() {
    let door = Door::open().await;
    door.write("mercy.json", "old", None);
    assert_eq!(door.knock("old").await, 204);
    door.silent.store(true, Ordering::SeqCst);
    let asked = door.asked();
    assert_eq!(door.knock("forged").await, 500, "it may be signed with a token that can't be read just now");
    assert_eq!(join_all((0..100).map(|_| door.knock("forged"))).await, [500; 100]);
    assert!(door.asked() <= asked + 1, "{} requests", door.asked() - asked);
    assert_eq!(door.knock("old").await, 204);
}
