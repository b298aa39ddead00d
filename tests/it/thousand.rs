//! A thousand tenants in one invocation, some of whose PeopleSoft systems never answer: it keeps its time, and whoever it didn't get
//! to is first next time.
//!
//! The clock goes on by so much with every answer, and stands still otherwise: how many tenants fit into an invocation doesn't
//! depend on the machine. Those that hang cost their budget in earnest.

use crate::polling::{Hands, Office, document};
use axum::Router;
use axum::extract::{Path, State};
use poll::TENANTS_AT_ONCE;
use poll::pages::Error;
use poll::source::Polled;
use serde_json::{Value as Json, json};
use shared::settings::INVOCATION_MARGIN;
use shared::stamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const TENANTS: usize = 1000;
/// How far the clock goes on with every answer.
const ANSWER: i64 = 20;
/// What an invocation may take: enough for this many answers, give or take those that are under way at its end.
const ANSWERS: u64 = 150;
const INVOCATION: Duration = Duration::from_millis(ANSWERS * ANSWER.unsigned_abs());
/// What one tenant may take of it.
const BUDGET: Duration = Duration::from_secs(8);

/// One server for a thousand PeopleSoft systems, told apart by their nodes: enough of one to have no events.
struct Responder {
    address: std::net::SocketAddr,
    asked: Asked,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
}

/// How often each was asked.
type Asked = Arc<Mutex<BTreeMap<String, usize>>>;

impl Responder {
    async fn start(hands: Hands) -> Self {
        let asked = Asked::default();
        let router = Router::new()
            .route("/PSIGW/RESTListeningConnector/{node}/{*rest}", axum::routing::get(Self::answer))
            .with_state((Arc::clone(&asked), hands));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        tokio::spawn(async move {
            tokio::select! {
                served = axum::serve(listener, router) => served.unwrap(),
                _ = stopped => {}
            }
        });
        Self { address, asked, stop: Some(stop) }
    }

    async fn answer(
        State((asked, hands)): State<(Asked, Hands)>,
        Path((node, _)): Path<(String, String)>,
    ) -> ([(&'static str, &'static str); 1], &'static str) {
        *asked.lock().unwrap().entry(node.clone()).or_default() += 1;
        if hangs(&node) {
            std::future::pending::<()>().await;
        }
        hands.tick(ANSWER);
        ([("content-type", "application/json")], r#"{"status":"success","data":{"query":{"numrows":0,"rows":[]}}}"#)
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        drop(self.stop.take());
    }
}

/// Every tenth of them.
fn hangs(node: &str) -> bool {
    node.ends_with('7')
}

fn documents(responder: &Responder) -> Vec<(String, Json)> {
    let document = |number: usize| {
        let mut document = document();
        let base = format!("http://{}/PSIGW/RESTListeningConnector/T{number:03}", responder.address);
        document["peoplesoft"]["base_url"] = json!(base);
        document["poll"]["every_seconds"] = json!(3600);
        (format!("t{number:03}"), document)
    };
    (0..TENANTS).map(document).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_tenants_some_of_which_hang_keep_no_invocation_beyond_its_time() {
    let hands = Hands::at("2026-03-17T21:00:00Z");
    let responder = Responder::start(hands.clone()).await;
    let mut office = Office::open(hands.clone(), &documents(&responder)).await;
    office.deps.timing.tenant_budget = BUDGET;
    let (mut served, mut cut_short) = (BTreeSet::new(), BTreeSet::new());
    for invocation in 1..=3 {
        let reached_before = served.len() + cut_short.len();
        let known = served.clone();
        let until = stamp::after(hands.now(), INVOCATION + INVOCATION_MARGIN + BUDGET / 2);
        let report = poll::run(&office.deps, "test", until).await.unwrap();
        assert!(hands.now() < until, "{invocation} took until {}, instead of {until}", hands.now());
        let mut second_turns = 0;
        for (tenant, _, polled) in report.sources {
            let tenant = tenant.to_string();
            match polled {
                Polled::Read(_) => assert!(!hangs(&tenant) && served.insert(tenant)),
                // On a busy machine the budget may be over for those that don't hang, too.
                Polled::Failed { error: Error::TimeOver, .. } => assert!(cut_short.insert(tenant)),
                Polled::Failed { error, .. } => panic!("{tenant}: {error}"),
                Polled::NotNow => second_turns += usize::from(known.contains(&tenant)),
                Polled::LeftOut => {}
            }
        }
        // Everybody had a turn, or is told to have had none. Nobody has a second while others wait for the first.
        let still_wait = TENANTS - served.len() - cut_short.len();
        assert!(report.left_out.len() >= still_wait, "{invocation}: {still_wait} were forgotten");
        assert!(
            second_turns == 0 || still_wait == 0,
            "{invocation}: {second_turns} had a second turn, {still_wait} none"
        );
        assert!(still_wait == 0 || served.len() + cut_short.len() >= reached_before + TENANTS_AT_ONCE);
        assert!(still_wait > 0, "all fit into {invocation} invocations: nothing is shown");
    }
    assert!(!served.is_empty() && cut_short.iter().any(|tenant| hangs(tenant)));
    // Nobody was asked twice, hanging or not: leases, pauses and the usual interval hold from one invocation to the next.
    let asked = responder.asked.lock().unwrap();
    assert!(asked.len() > TENANTS_AT_ONCE && asked.values().all(|times| *times == 1), "{asked:?}");
}
