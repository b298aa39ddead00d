//! API Gateway on a laptop: an HTTP API that turns requests into events of payload format 2.0, hands them to functions
//! by a table of routes and turns their answers into responses. It never looks into a body and checks no signature.

mod event;

use super::server::Server;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What a route calls: takes an event (`version` 2.0), answers `{statusCode, headers, cookies, body,
/// isBase64Encoded}`, or a text that says what went wrong, for the log.
type Function = Arc<dyn Fn(Value) -> BoxFuture<'static, Result<Value, String>> + Send + Sync>;

/// One line of the table of routes.
#[derive(Clone)]
pub struct Route {
    method: &'static str,
    path: &'static str,
    function: Function,
}

impl Route {
    /// A route: a method in capitals, a path whose segments are literal or `{name}`, and the function it leads to.
    pub fn new<F, R>(method: &'static str, path: &'static str, function: F) -> Self
    where
        F: Fn(Value) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Value, String>> + Send + 'static,
    {
        Self { method, path, function: Arc::new(move |event| Box::pin(function(event))) }
    }
}

/// A running HTTP API. When dropped it stops accepting, and the functions that run for it are stopped where they are.
pub struct Gateway {
    server: Server,
    _running: watch::Sender<()>,
}

impl Gateway {
    /// Listens on `listen` (port 0: any free one). `now` stamps the events. Must be called inside a Tokio runtime.
    pub async fn start(
        listen: SocketAddr,
        routes: Vec<Route>,
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::start_with(TcpListener::bind(listen).await?, routes, now, Limits::OF_AN_HTTP_API)
    }

    /// The same on a port that is ours already, for whoever has to know its number before the functions are set up.
    pub fn on(
        listener: TcpListener,
        routes: Vec<Route>,
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::start_with(listener, routes, now, Limits::OF_AN_HTTP_API)
    }

    fn start_with(
        listener: TcpListener,
        routes: Vec<Route>,
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
        limits: Limits,
    ) -> io::Result<Self> {
        let (running, stopped) = watch::channel(());
        let api = Arc::new(Api { routes, now: Box::new(now), limits, stopped });
        let answers = Router::new().fallback(move |ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request| {
            let api = Arc::clone(&api);
            async move { api.answer(peer, request).await }
        });
        Ok(Self { server: Server::on(listener, answers)?, _running: running })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }
}

/// What a request may cost. Source: AWS, "Quotas for HTTP APIs".
#[derive(Clone, Copy)]
struct Limits {
    body_bytes: usize,
    function: Duration,
}

impl Limits {
    const OF_AN_HTTP_API: Self = Self { body_bytes: 10 * 1024 * 1024, function: Duration::from_secs(30) };
}

struct Api {
    routes: Vec<Route>,
    now: Box<dyn Fn() -> Timestamp + Send + Sync>,
    limits: Limits,
    /// Closes when the gateway is dropped.
    stopped: watch::Receiver<()>,
}

impl Api {
    async fn answer(&self, peer: SocketAddr, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let Some((route, parameters)) = self.route(&head) else {
            return plain(StatusCode::NOT_FOUND, "Not Found");
        };
        let Ok(body) = to_bytes(body, self.limits.body_bytes).await else {
            return plain(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
        };
        let request_id = STANDARD.encode(rand::random::<[u8; 11]>());
        let route_key = format!("{} {}", route.method, route.path);
        let event = event::form(
            &head,
            &body,
            &event::Context { route_key, parameters, peer, request_id: request_id.clone(), now: (self.now)() },
        );
        // A task of its own: a function runs on when its caller hangs up, as it does in Lambda, and its panic stays
        // its own.
        let function = Arc::clone(&route.function);
        let mut stopped = self.stopped.clone();
        let running = tokio::spawn(async move {
            tokio::select! {
                answer = async { function(event).await } => answer,
                _ = stopped.changed() => Err("the gateway was stopped".to_owned()),
            }
        });
        let answer = match tokio::time::timeout(self.limits.function, running).await {
            Err(_) => {
                tracing::error!(route = route.path, request_id, "a function took too long");
                return plain(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
            }
            Ok(Err(_)) => Err("the function panicked".to_owned()),
            Ok(Ok(answer)) => answer,
        };
        match answer.and_then(|answer| response(&answer).ok_or_else(|| "the function's answer is malformed".to_owned()))
        {
            Ok(response) => response,
            Err(error) => {
                tracing::error!(route = route.path, request_id, error, "a function failed");
                plain(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
            }
        }
    }

    /// The first route that fits, and its parameters in the order of the path.
    fn route(&self, head: &Parts) -> Option<(&Route, Vec<(&'static str, String)>)> {
        self.routes.iter().find_map(|route| {
            let parameters = (route.method == head.method.as_str()).then(|| fit(route.path, head.uri.path()))??;
            Some((route, parameters))
        })
    }
}

/// Fits a path to a pattern. Segments are cut before they are decoded, so an encoded slash divides nothing.
fn fit(pattern: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    if pattern.split('/').count() != path.split('/').count() {
        return None;
    }
    let mut parameters = Vec::new();
    for (expected, segment) in pattern.split('/').zip(path.split('/')) {
        let segment = event::decoded(segment);
        match expected.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(_) if segment.is_empty() => return None,
            Some(name) => parameters.push((name, segment)),
            None if expected == segment => {}
            None => return None,
        }
    }
    Some(parameters)
}

/// An answer of the gateway's own.
fn plain(status: StatusCode, message: &str) -> Response {
    let mut response = Response::new(Body::from(json!({ "message": message }).to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

/// A function's answer as a response; `None` if it is malformed. An answer without a status is a body of its own, as
/// format 2.0 has it (AWS, "Working with AWS Lambda proxy integrations for HTTP APIs").
fn response(answer: &Value) -> Option<Response> {
    let Some(status) = answer.get("statusCode") else {
        let body = answer.as_str().map_or_else(|| answer.to_string(), str::to_owned);
        return Response::builder().header(header::CONTENT_TYPE, "application/json").body(Body::from(body)).ok();
    };
    let status = u16::try_from(status.as_u64()?).ok().filter(|status| *status >= 200)?;
    let mut response = Response::builder().status(status);
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        // The length is the transport's to say.
        if !name.eq_ignore_ascii_case("content-length") {
            response = response.header(name, value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        }
    }
    for cookie in answer["cookies"].as_array().into_iter().flatten() {
        response = response.header(header::SET_COOKIE, cookie.as_str()?);
    }
    let text = answer["body"].as_str().unwrap_or_default();
    let body = match answer["isBase64Encoded"].as_bool() {
        Some(true) => STANDARD.decode(text).ok()?,
        _ => text.as_bytes().to_vec(),
    };
    let untyped = response.headers_ref().is_some_and(|headers| !headers.contains_key(header::CONTENT_TYPE));
    if untyped && !body.is_empty() {
        response = response.header(header::CONTENT_TYPE, "text/plain;charset=UTF-8");
    }
    response.body(Body::from(body)).ok()
}

#[cfg(test)]
mod tests;
