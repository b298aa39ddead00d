//! Carries the body of an answer from the network to a blocking parser, chunk by chunk. It never holds more than a few
//! chunks, and never reads past the limits below.

use super::error::{Error, Reason};
use bytes::Bytes;
use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, timeout};

/// The most we read of one answer, decompressed: 10,000 rows of 25 kB each. More is a runaway query, or a small gzip
/// that unpacks to fill the disk.
pub(super) const MAX_BODY: u64 = 256 * 1024 * 1024;
/// The most that may lie between the ends of two rows. A parser may need to hold one value in one piece; this bounds it.
pub(super) const MAX_ROW: usize = 16 * 1024 * 1024;
/// How much of the beginning is kept, to be searched for an error document when the rest makes no sense.
pub(super) const HEAD: usize = 64 * 1024;
/// Chunks that may wait for the parser. The HTTP client makes them of some kilobytes each.
const CHUNKS: usize = 8;

/// What travels from the network to the parser. A channel that closes without `End` is a broken body.
pub(super) enum Chunk {
    Bytes(Bytes),
    End,
    Failed(Error),
}

/// An answer whose head was good and whose body is still to come.
pub(super) struct Incoming {
    pub(super) response: reqwest::Response,
    /// Our place among the requests that may be under way at once, until all has come or nobody reads on.
    pub(super) place: OwnedSemaphorePermit,
    /// What is left of the time that this request may keep us waiting.
    pub(super) left: Duration,
    /// All of that time.
    pub(super) timeout: Duration,
    /// The most we read, decompressed.
    pub(super) limit: u64,
}

impl Incoming {
    /// Starts to read. The reading ends when the returned end of the channel is dropped.
    pub(super) fn flow(self) -> mpsc::Receiver<Chunk> {
        let (sender, receiver) = mpsc::channel(CHUNKS);
        tokio::spawn(async move {
            let closed = sender.clone();
            tokio::select! {
                () = closed.closed() => {} // nobody reads on: drop the connection rather than drain it
                () = self.pump(sender) => {}
            }
        });
        receiver
    }

    async fn pump(mut self, sender: mpsc::Sender<Chunk>) {
        let _place = self.place;
        let mut read = 0;
        loop {
            let asked = Instant::now();
            let chunk = match timeout(self.left, self.response.chunk()).await {
                Err(_) => Chunk::Failed(Error::unavailable(Reason::Timeout(self.timeout))),
                Ok(Err(error)) => Chunk::Failed(broken(error)),
                Ok(Ok(None)) => Chunk::End,
                Ok(Ok(Some(bytes))) => {
                    read += bytes.len() as u64;
                    if read > self.limit {
                        Chunk::Failed(Error::TooLarge { what: "the body", limit: self.limit })
                    } else {
                        Chunk::Bytes(bytes)
                    }
                }
            };
            // Only waiting for the network counts, not waiting for a caller who takes its time over a row.
            self.left = self.left.saturating_sub(asked.elapsed());
            let last = !matches!(chunk, Chunk::Bytes(_));
            if sender.send(chunk).await.is_err() || last {
                return;
            }
        }
    }
}

/// A failure of the connection, in our words and without the URL, which holds the prompts' values.
pub(super) fn broken(error: reqwest::Error) -> Error {
    let reason = if error.is_connect() { Reason::NoConnection } else { Reason::Broken };
    Error::Unavailable { reason, source: Some(Arc::new(error.without_url())) }
}

/// The parser's end.
pub(super) struct Body {
    chunks: mpsc::Receiver<Chunk>,
    chunk: Bytes,
    ended: bool,
    head: Vec<u8>,
    failure: Option<Error>,
    since_row: Rc<Cell<usize>>,
}

impl Body {
    pub(super) fn new(chunks: mpsc::Receiver<Chunk>) -> Self {
        Self { chunks, chunk: Bytes::new(), ended: false, head: Vec::new(), failure: None, since_row: Rc::default() }
    }

    /// The first byte that is neither byte-order mark nor white space, left to be read.
    pub(super) fn first_byte(&mut self) -> io::Result<Option<u8>> {
        const MARK: [u8; 3] = [0xef, 0xbb, 0xbf];
        let mut marks = MARK.into_iter().peekable();
        loop {
            let Some(&byte) = self.fill_buf()?.first() else {
                return Ok(None);
            };
            if marks.next_if_eq(&byte).is_none() {
                if !byte.is_ascii_whitespace() {
                    return Ok(Some(byte));
                }
                marks = MARK.into_iter().peekable();
            }
            self.consume(1);
        }
    }

    /// A counter of the bytes since the last row; whoever completes a row sets it to 0.
    pub(super) fn since_row(&self) -> Rc<Cell<usize>> {
        Rc::clone(&self.since_row)
    }

    /// What made reading fail, if it wasn't the document itself.
    pub(super) fn failure(&mut self) -> Option<Error> {
        self.failure.take()
    }

    /// The beginning of the body as text, reading on if the parser stopped before.
    pub(super) fn head(&mut self) -> String {
        while self.head.len() < HEAD && !self.ended {
            self.receive();
        }
        String::from_utf8_lossy(&self.head).into_owned()
    }

    fn receive(&mut self) {
        match self.chunks.blocking_recv() {
            Some(Chunk::Bytes(bytes)) => {
                let room = HEAD.saturating_sub(self.head.len()).min(bytes.len());
                self.head.extend_from_slice(&bytes[..room]);
                self.chunk = bytes;
            }
            Some(Chunk::End) => self.ended = true,
            Some(Chunk::Failed(error)) => self.fail(error),
            None => self.fail(Error::unavailable(Reason::Stopped)),
        }
    }

    fn fail(&mut self, error: Error) {
        self.ended = true;
        self.failure = Some(error);
    }
}

impl BufRead for Body {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.since_row.get() > MAX_ROW && self.failure.is_none() {
            self.fail(Error::TooLarge { what: "one row", limit: MAX_ROW as u64 });
        }
        while self.chunk.is_empty() && !self.ended {
            self.receive();
        }
        if self.failure.is_some() {
            return Err(io::ErrorKind::BrokenPipe.into()); // the cause stays here, see `failure`
        }
        Ok(&self.chunk)
    }

    fn consume(&mut self, amount: usize) {
        self.since_row.set(self.since_row.get() + amount);
        let there = self.chunk.len();
        bytes::Buf::advance(&mut self.chunk, amount.min(there));
    }
}

impl Read for Body {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let from = self.fill_buf()?;
        let count = from.len().min(into.len());
        into[..count].copy_from_slice(&from[..count]);
        self.consume(count);
        Ok(count)
    }
}
