//! The callback function behind a port of its own, for the fake Twilio to call.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use shared::clock::Clock;
use shared::gateway;
use shared::ledger::Ledger;
use shared::metrics::Metrics;
use shared::tenant::Tenants;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;

/// Where Twilio reaches the callback function. Can be switched off, and then answers 503.
pub struct Callbacks {
    pub url: String,
    on: Arc<AtomicBool>,
    deaths: watch::Sender<()>,
    server: tokio::task::JoinHandle<()>,
}

impl Callbacks {
    pub async fn start(ledger: &Ledger, tenants: &Arc<Tenants>, clock: &Clock, metrics: &Metrics) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let deps = Arc::new(callback::Deps {
            ledger: ledger.clone(),
            tenants: Arc::clone(tenants),
            clock: clock.clone(),
            callback_base_url: url.clone(),
            metrics: metrics.clone(),
        });
        let (on, deaths) = (Arc::new(AtomicBool::new(true)), watch::Sender::new(()));
        let router = axum::Router::new().fallback(answer).with_state((deps, Arc::clone(&on), deaths.clone()));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, on, deaths, server }
    }

    pub fn switch(&self, on: bool) {
        self.on.store(on, Ordering::SeqCst);
    }

    /// Every invocation under way dies where it is; its caller gets a 502, as from API Gateway.
    pub fn die(&self) {
        self.deaths.send_replace(());
    }
}

impl Drop for Callbacks {
    fn drop(&mut self) {
        self.server.abort();
    }
}

type Shared = (Arc<callback::Deps>, Arc<AtomicBool>, watch::Sender<()>);

async fn answer(State((deps, on, deaths)): State<Shared>, request: Request) -> Response {
    let mut death = deaths.subscribe();
    let plain = |status| {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        response
    };
    if !on.load(Ordering::SeqCst) {
        return plain(http::StatusCode::SERVICE_UNAVAILABLE);
    }
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let (path, query) = (parts.uri.path().to_owned(), parts.uri.query().unwrap_or_default().to_owned());
    let request = gateway::Request { method: parts.method, path, query, headers: parts.headers, body: body.to_vec() };
    tokio::select! {
        answered = callback::respond(&deps, request) => {
            let mut response = plain(answered.status);
            *response.headers_mut() = answered.headers;
            *response.body_mut() = Body::from(answered.body);
            response
        }
        _ = death.changed() => plain(http::StatusCode::BAD_GATEWAY),
    }
}
