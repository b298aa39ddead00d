//! A thousand tenants in one invocation, some of whose PeopleSofts never answer: it keeps its time, and whoever it didn't get
//! to is first next time.

use crate::polling::{Office, document};
use axum::Router;
use axum::extract::{Path, State};
use jiff::SignedDuration;
use poll::pages::Error;
use poll::source::Polled;
use serde_json::{Value as Json, json};
use shared::clock::Clock;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const TENANTS: usize = 1000;
/// What an invocation may take here, where nobody wants to wait for minutes.
const INVOCATION: Duration = Duration::from_secs(7);
/// What one tenant may take of it.
const BUDGET: Duration = Duration::from_millis(1200);

/// One server for a thousand PeopleSofts, told apart by their nodes: enough of one to have no events.
struct Responder {
    address: std::net::SocketAddr,
    asked: Arc<Mutex<BTreeMap<String, usize>>>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
}

impl Responder {
    async fn start() -> Self {
        let asked = Arc::<Mutex<BTreeMap<String, usize>>>::default();
        let router = Router::new()
            .route("/PSIGW/RESTListeningConnector/{node}/{*rest}", axum::routing::get(Self::answer))
            .with_state(Arc::clone(&asked));
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
        State(asked): State<Arc<Mutex<BTreeMap<String, usize>>>>,
        Path((node, _)): Path<(String, String)>,
    ) -> ([(&'static str, &'static str); 1], &'static str) {
        *asked.lock().unwrap().entry(node.clone()).or_default() += 1;
        if hangs(&node) {
            std::future::pending::<()>().await;
        }
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
    let responder = Responder::start().await;
    let mut office = Office::open(crate::polling::Hands::at("2026-03-17T21:00:00Z"), &documents(&responder)).await;
    office.deps.clock = Clock::system(); // how long things take is what this is about
    office.deps.timing.tenant_budget = BUDGET;
    let (mut served, mut hung) = (BTreeSet::new(), BTreeSet::new());
    let mut left_out_before = BTreeSet::new();
    let mut invocations = 0;
    while served.len() + hung.len() < TENANTS {
        invocations += 1;
        assert!(invocations <= 20, "{} served, {} hung", served.len(), hung.len());
        eprintln!("invocation {invocations}: {} {}", served.len(), hung.len());
        let (began, known) = (Instant::now(), served.clone());
        let until = office.deps.clock.now() + SignedDuration::try_from(INVOCATION).unwrap();
        let report = poll::run(&office.deps, "test", until).await.unwrap();
        assert!(began.elapsed() < INVOCATION, "took {:?}", began.elapsed());
        let waits = |tenant: &String| !served.contains(tenant) && !hung.contains(tenant);
        let left_out: BTreeSet<String> = report.left_out.iter().map(ToString::to_string).filter(waits).collect();
        let mut again = 0;
        for (tenant, _, polled) in report.sources {
            let tenant = tenant.to_string();
            match polled {
                Polled::Read(_) => assert!(served.insert(tenant)),
                // On a busy machine time may be over for others too.
                Polled::Failed { error: Error::TimeOver, .. } => assert!(hung.insert(tenant)),
                Polled::Failed { error, .. } => panic!("{tenant}: {error}"),
                Polled::NotNow => again += usize::from(known.contains(&tenant)),
            }
        }
        // Nobody has a second turn while somebody waits for the first.
        assert!(again == 0 || left_out_before.is_disjoint(&left_out), "{invocations}: {again} again");
        left_out_before = left_out;
    }
    assert!(served.len() > TENANTS * 8 / 10 && served.iter().all(|tenant| !hangs(tenant)), "{} served", served.len());
    // Nobody was asked twice, hanging or not: leases, pauses and the usual interval hold from one invocation to the next.
    let asked = responder.asked.lock().unwrap();
    assert_eq!(asked.len(), TENANTS);
    assert!(asked.values().all(|times| *times == 1), "{asked:?}");
}
