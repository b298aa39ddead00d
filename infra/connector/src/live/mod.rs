//! The live page of `connector local`: counts by state as they move, the notifications, and one notification's story. Listens on
//! loopback, reads the ledger, and changes nothing. Numbers are masked.

mod page;
mod snapshot;

use axum::Router;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use page::Wanted;
use shared::clock::Clock;
use shared::ledger::{Ledger, scan};
use shared::notification::NotificationId;
use shared::tenant::TenantId;
use snapshot::Snapshots;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A page that is being served. Stops when dropped.
pub struct Live {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

struct Shown {
    ledger: Ledger,
    clock: Clock,
    snapshots: Snapshots,
}

/// Serves the page of a ledger on a free port of loopback.
pub async fn start(ledger: Ledger, clock: Clock) -> io::Result<Live> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let snapshots = Snapshots::new(ledger.clone(), clock.clone());
    let router = Router::new()
        .route("/", get(whole))
        .route("/now", get(now))
        .route("/story/{tenant}/{notification}", get(story))
        .layer(middleware::from_fn(only_from_here))
        .with_state(Arc::new(Shown { ledger, clock, snapshots }));
    let serving = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the live page stopped");
        }
    });
    Ok(Live { address, serving })
}

impl Live {
    /// Where it is served.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// What is shown is about people. A page from elsewhere can have its own name point at loopback, and would read it; so only
/// who asks for loopback by name gets an answer.
async fn only_from_here(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_matches(['[', ']']);
    if name != "localhost" && !name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback()) {
        return (StatusCode::FORBIDDEN, "ask for 127.0.0.1").into_response();
    }
    next.run(request).await
}

async fn whole(State(_): State<Arc<Shown>>) -> Response {
    html(page::whole())
}

async fn now(State(shown): State<Arc<Shown>>, RawQuery(query): RawQuery) -> Response {
    let wanted = Wanted::read(query.as_deref().unwrap_or_default());
    match shown.snapshots.latest().await {
        Ok(snapshot) => html(page::now(&snapshot, &wanted)),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
    }
}

async fn story(State(shown): State<Arc<Shown>>, Path((tenant, id)): Path<(String, String)>) -> Response {
    let (Ok(tenant), Ok(id)) = (TenantId::parse(&tenant), NotificationId::parse(&id)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let now = shown.clock.now();
    match scan::notification(&shown.ledger, &tenant, &id, now).await {
        Ok(scanned) => match scanned.stories.first() {
            Some(story) => html(page::story(&tenant, story, now)),
            None => StatusCode::NOT_FOUND.into_response(),
        },
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
    }
}

fn html(page: Result<String, minijinja::Error>) -> Response {
    const HEADERS: [(HeaderName, &str); 3] = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    match page {
        Ok(page) => (HEADERS, page).into_response(),
        Err(error) => {
            tracing::error!(%error, "a part of the live page can't be put together");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[cfg(test)]
mod tests;
