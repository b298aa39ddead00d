//! The wire between the functions and what they call: loopback proxies that count what passes, and can stop the world before
//! or after any of it. What has left a function arrives, whatever becomes of the function meanwhile.

use axum::body::{Body, Bytes, to_bytes};
use http::{HeaderMap, Method, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::fmt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Where in a request's way the world stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// It has not left.
    Before,
    /// It has arrived and was carried out; its answer was not heard.
    After,
}

/// Proxies that share one count and one stop. Cheap to clone.
#[derive(Clone)]
pub struct Wire {
    traffic: watch::Sender<Traffic>,
    client: reqwest::Client,
}

#[derive(Debug, Clone, Default)]
struct Traffic {
    /// Requests since the count began: whether each leaves the world, and the function, where the one before left it.
    passed: Vec<bool>,
    /// Whether the function has done nothing but read so far.
    reading: bool,
    under_way: usize,
    stop: Option<(usize, Side)>,
    /// What the world stands at: whether it would have changed anything.
    stands_at: Option<bool>,
}

impl Wire {
    pub fn new() -> Self {
        Self { traffic: watch::Sender::new(Traffic::default()), client: client() }
    }

    /// Stands in front of `target`, for as long as the runtime lives; answers where.
    pub fn in_front_of(&self, target: String) -> String {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let listener = TcpListener::from_std(listener).unwrap();
        let wire = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(wire.clone().connection(stream, target.clone()));
            }
        });
        url
    }

    /// Counts from 1 again, and stops at request number `stop`.
    pub fn count(&self, stop: Option<(usize, Side)>) {
        self.traffic.send_modify(|traffic| {
            assert_eq!((traffic.under_way, traffic.stands_at), (0, None), "the last scene is not over");
            *traffic = Traffic { stop, ..Traffic::default() };
        });
    }

    /// A function begins.
    pub fn begin(&self) {
        self.traffic.send_modify(|traffic| traffic.reading = false);
    }

    /// The requests that have come since the count began. True for one that reads right after its function has read: to die
    /// before the one or before the other is the same death.
    pub fn passed(&self) -> Vec<bool> {
        self.traffic.borrow().passed.clone()
    }

    /// Waits until the world stands.
    pub async fn stopped(&self) {
        self.until(|traffic| traffic.stands_at.is_some()).await;
    }

    /// Waits until so many requests have come.
    pub async fn passed_so_many(&self, count: usize) {
        self.until(|traffic| traffic.passed.len() >= count).await;
    }

    /// Waits until nothing is under way any more.
    pub async fn calm(&self) {
        self.until(|traffic| traffic.under_way == 0).await;
    }

    async fn until(&self, reached: impl FnMut(&Traffic) -> bool) {
        self.traffic.subscribe().wait_for(reached).await.unwrap();
    }

    /// The world goes on, without whatever was waiting for an answer when it stopped. Answers whether the request that it stood
    /// at would change anything.
    pub async fn go_on(&self) -> bool {
        self.calm().await;
        let mut changes = None;
        self.traffic.send_modify(|traffic| (changes, traffic.stop) = (traffic.stands_at.take(), None));
        changes.unwrap()
    }

    async fn connection(self, stream: TcpStream, target: String) {
        let answered = service_fn(move |request| self.clone().pass(request, target.clone()));
        // An error is a function that died, or a connection that broke at the far end and so breaks here.
        let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answered).await;
    }

    async fn pass(self, request: Request<Incoming>, target: String) -> Result<Response<Body>, Broken> {
        let (parts, body) = request.into_parts();
        let body = to_bytes(Body::new(body), 1 << 24).await.map_err(|_| Broken)?;
        let changes = changes(&parts.method, &parts.headers);
        let mut stop = None;
        let leaves = self.traffic.send_if_modified(|traffic| {
            if traffic.stands_at.is_some() {
                return false;
            }
            traffic.passed.push(traffic.reading && !changes);
            traffic.reading = !changes;
            stop = traffic.stop.filter(|(number, _)| *number == traffic.passed.len()).map(|(_, side)| side);
            match stop {
                Some(Side::Before) => traffic.stands_at = Some(changes),
                _ => traffic.under_way += 1,
            }
            true
        });
        if !leaves || stop == Some(Side::Before) {
            return std::future::pending().await;
        }
        let url = format!("{target}{}", parts.uri);
        let exchange = exchange(self.client.clone(), parts.method, url, parts.headers, body);
        let traffic = self.traffic.clone();
        // A task of its own: it is carried out even if whoever asked is gone.
        let carried_out = tokio::spawn(async move {
            let answer = exchange.await;
            let mut heard = false;
            traffic.send_modify(|traffic| {
                traffic.under_way -= 1;
                if stop == Some(Side::After) {
                    traffic.stands_at = Some(changes);
                }
                heard = traffic.stands_at.is_none();
            });
            (answer, heard)
        });
        match carried_out.await.map_err(|_| Broken)? {
            (answer, true) => answer,
            (_, false) => std::future::pending().await,
        }
    }
}

/// Whether a request leaves the world another one. Reading doesn't, so that dying after it is dying before it.
fn changes(method: &Method, headers: &HeaderMap) -> bool {
    match headers.get("x-amz-target").and_then(|target| target.to_str().ok()) {
        Some(target) => !["Query", "GetItem", "Scan"].iter().any(|read| target.ends_with(&format!(".{read}"))),
        None => method != Method::GET,
    }
}

/// A client for loopback. It knows no root certificates, which take long to read.
pub fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .tls_certs_only([])
        .build()
        .unwrap()
}

async fn exchange(
    client: reqwest::Client,
    method: Method,
    url: String,
    mut headers: HeaderMap,
    body: Bytes,
) -> Result<Response<Body>, Broken> {
    headers.remove("host");
    headers.remove("content-length");
    let answer = client.request(method, url).headers(headers).body(body).send().await.map_err(|_| Broken)?;
    let mut response = Response::new(Body::empty());
    (*response.status_mut(), *response.headers_mut()) = (answer.status(), answer.headers().clone());
    *response.body_mut() = Body::from(answer.bytes().await.map_err(|_| Broken)?);
    Ok(response)
}

/// The connection at the far end broke.
#[derive(Debug)]
struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the far end hung up")
    }
}

impl std::error::Error for Broken {}
