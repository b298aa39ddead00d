//! The other end of the wire: takes one request for each step of its script and records it. Never retries, never guesses;
//! a connection beyond the script is closed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// What the far end does with a connection.
pub(in crate::twilio) enum Step {
    /// Answers with this status, these extra header lines and this body.
    Answer(u16, &'static str, String),
    /// Writes these bytes whatever they are, then closes.
    Raw(&'static str),
    /// Reads the request and closes without a word.
    Close,
    /// Closes with part of the request unread, which resets the connection.
    Reset,
    /// Reads the request and never answers.
    Silence,
    /// Doesn't even read.
    Ignore,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(in crate::twilio) struct Received {
    /// Method, target and version.
    pub(in crate::twilio) line: String,
    pub(in crate::twilio) headers: Vec<(String, String)>,
    pub(in crate::twilio) body: String,
    /// Where it came from, which tells connections apart.
    pub(in crate::twilio) peer: SocketAddr,
}

/// A server on a free port; stops when dropped.
pub(in crate::twilio) struct FarEnd {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl FarEnd {
    pub(in crate::twilio) fn new(script: Vec<Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let stopped = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (received, stopped) = (Arc::clone(&received), Arc::clone(&stopped));
            move || {
                let mut held = Vec::new();
                let mut script = script.into_iter();
                while let Ok((stream, peer)) = listener.accept() {
                    if stopped.load(Ordering::SeqCst) {
                        return;
                    }
                    let Some(step) = script.next() else { continue };
                    held.extend(play(&step, stream, peer, &received));
                }
            }
        });
        Self { address, received, stopped, thread: Some(thread) }
    }

    /// One step: an answer of JSON.
    pub(in crate::twilio) fn answering(status: u16, json: &serde_json::Value) -> Self {
        Self::new(vec![Step::Answer(status, "Content-Type: application/json\r\n", json.to_string())])
    }

    pub(in crate::twilio) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(in crate::twilio) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

impl Drop for FarEnd {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address); // wakes it up
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Received {
    pub(in crate::twilio) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(in crate::twilio) fn form(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(self.body.as_bytes()).into_owned().collect()
    }

    pub(in crate::twilio) fn values(&self, name: &str) -> Vec<String> {
        self.form().into_iter().filter(|(known, _)| known == name).map(|(_, value)| value).collect()
    }
}

/// Plays a step; the connection is kept open if it is returned.
fn play(step: &Step, mut stream: TcpStream, peer: SocketAddr, received: &Mutex<Vec<Received>>) -> Option<TcpStream> {
    if let Step::Ignore = step {
        return Some(stream);
    }
    let mut reader = BufReader::with_capacity(1, stream.try_clone().unwrap()); // never reads ahead
    let mut request = head(&mut reader, peer);
    if let Step::Reset = step {
        stream.peek(&mut [0]).unwrap(); // the body is there, and stays unread
        received.lock().unwrap().push(request);
        return None;
    }
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    request.body = String::from_utf8(body).unwrap();
    received.lock().unwrap().push(request);
    match step {
        Step::Answer(status, headers, body) => {
            let length = body.len();
            let answer = format!("HTTP/1.1 {status} Said\r\nContent-Length: {length}\r\n{headers}\r\n{body}");
            let _ = stream.write_all(answer.as_bytes());
            Some(stream)
        }
        Step::Raw(text) => {
            let _ = stream.write_all(text.as_bytes());
            None
        }
        Step::Close | Step::Reset => None,
        Step::Silence | Step::Ignore => Some(stream),
    }
}

fn head(reader: &mut impl BufRead, peer: SocketAddr) -> Received {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim_end().is_empty() {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let mut lines = lines.into_iter();
    let line = lines.next().unwrap_or_default();
    let split = |line: String| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
    Received { line, headers: lines.filter_map(split).collect(), body: String::new(), peer }
}
