//! The callback function behind a port of its own, for the fake Twilio to call.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use lambda_http::RequestExt;
use shared::clock::Clock;
use shared::ledger::Ledger;
use shared::metrics::Metrics;
use shared::tenant::Tenants;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where Twilio reaches the callback function. Can be switched off, and then answers 503.
pub struct Callbacks {
    pub url: String,
    on: Arc<AtomicBool>,
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
        let on = Arc::new(AtomicBool::new(true));
        let router = axum::Router::new().fallback(answer).with_state((deps, Arc::clone(&on)));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, on, server }
    }

    pub fn switch(&self, on: bool) {
        self.on.store(on, Ordering::SeqCst);
    }
}

impl Drop for Callbacks {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(State((deps, on)): State<(Arc<callback::Deps>, Arc<AtomicBool>)>, request: Request) -> Response {
    let mut response = Response::new(Body::empty());
    if !on.load(Ordering::SeqCst) {
        *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
        return response;
    }
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let path = parts.uri.path().to_owned();
    let request = lambda_http::Request::from_parts(parts, lambda_http::Body::Binary(body.to_vec()));
    let answered = callback::respond(&deps, request.with_raw_http_path(path)).await;
    *response.status_mut() = answered.status();
    response
}
