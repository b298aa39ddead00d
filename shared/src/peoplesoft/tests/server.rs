//! A scripted HTTP server on a free port: raw bytes out, so that it can break every rule. It stops when dropped.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

pub(super) struct Server {
    /// `http://127.0.0.1:port`.
    pub(super) base: String,
    seen: Arc<Seen>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<String>>,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
    written: AtomicUsize,
}

/// What to answer.
#[derive(Default)]
pub(super) struct Reply {
    pieces: Vec<Vec<u8>>,
    /// Written again and again between the first and the last piece.
    repeat: usize,
    /// A permit to take before answering.
    gate: Option<Arc<Semaphore>>,
    reset: bool,
    hold: bool,
    pause: Duration,
}

impl Reply {
    /// The bytes as they are.
    pub(super) fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self { pieces: vec![bytes.into()], ..Self::default() }
    }

    /// An answer with a length.
    pub(super) fn new(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let mut bytes = format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
        bytes.extend_from_slice(body);
        Self::raw(bytes)
    }

    pub(super) fn json(body: impl AsRef<[u8]>) -> Self {
        Self::new(200, "Content-Type: application/json; charset=UTF-8\r\n", body)
    }

    pub(super) fn xml(body: impl AsRef<[u8]>) -> Self {
        Self::new(200, "Content-Type: text/xml; charset=UTF-8\r\n", body)
    }

    /// A body without a length, made while it is written: `first`, so many times `piece`, `last`.
    pub(super) fn long(first: &str, piece: &str, times: usize, last: &str) -> Self {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{first}");
        Self {
            pieces: [head.as_str(), piece, last].map(|piece| piece.as_bytes().to_vec()).into(),
            repeat: times,
            ..Self::default()
        }
    }

    pub(super) fn behind(self, gate: &Arc<Semaphore>) -> Self {
        Self { gate: Some(Arc::clone(gate)), ..self }
    }

    /// A pause before each piece.
    pub(super) fn drip(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// After the bytes, the connection stays open and silent.
    pub(super) fn then_hold(self) -> Self {
        Self { hold: true, ..self }
    }

    /// After the bytes, the connection is reset rather than closed.
    pub(super) fn then_reset(self) -> Self {
        Self { reset: true, ..self }
    }
}

impl Server {
    /// `answer` is given the request's text and how many came before it.
    pub(super) async fn start(answer: impl Fn(&str, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (seen, answer) = (Arc::new(Seen::default()), Arc::new(answer));
        let shared = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, Arc::clone(&shared), Arc::clone(&answer)));
            }
        });
        Self { base, seen, task }
    }

    /// Gives the same answer to everything.
    pub(super) async fn always(reply: impl Fn() -> Reply + Send + Sync + 'static) -> Self {
        Self::start(move |_, _| reply()).await
    }

    /// Each request as it came: request line, headers, body.
    pub(super) fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().unwrap().clone()
    }

    /// Method, path and query of each request.
    pub(super) fn lines(&self) -> Vec<String> {
        let line = |request: &String| request.lines().next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
        self.requests().iter().map(line).collect()
    }

    pub(super) fn at_once(&self) -> usize {
        self.seen.at_once.load(Ordering::SeqCst)
    }

    pub(super) fn most_at_once(&self) -> usize {
        self.seen.most_at_once.load(Ordering::SeqCst)
    }

    /// Body and head bytes that the network took.
    pub(super) fn written(&self) -> usize {
        self.seen.written.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, seen: Arc<Seen>, answer: Arc<impl Fn(&str, usize) -> Reply>) {
    let Some(request) = request(&mut stream).await else {
        return;
    };
    let number = {
        let mut requests = seen.requests.lock().unwrap();
        requests.push(request.clone());
        requests.len() - 1
    };
    let _under_way = UnderWay::begin(&seen);
    let reply = answer(&request, number);
    if let Some(gate) = &reply.gate {
        gate.acquire().await.unwrap().forget();
    }
    let middle = if reply.repeat > 0 { reply.pieces.get(1) } else { None };
    let [first, last] = [reply.pieces.first(), reply.pieces.get(2)];
    let pieces = first.into_iter().chain(std::iter::repeat_n(middle, reply.repeat).flatten()).chain(last);
    for piece in pieces {
        if !reply.pause.is_zero() {
            tokio::time::sleep(reply.pause).await;
        }
        if stream.write_all(piece).await.is_err() {
            return;
        }
        seen.written.fetch_add(piece.len(), Ordering::SeqCst);
    }
    if reply.hold {
        std::future::pending::<()>().await;
    }
    if reply.reset {
        stream.set_zero_linger().unwrap();
    }
}

/// A request under way: until all of its answer has left, or the caller has.
struct UnderWay<'a>(&'a Seen);

impl<'a> UnderWay<'a> {
    fn begin(seen: &'a Seen) -> Self {
        let at_once = seen.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        seen.most_at_once.fetch_max(at_once, Ordering::SeqCst);
        Self(seen)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.at_once.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Head and body of one request; each connection carries one.
async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return Some(text);
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
