//! The rows of a query as they stream. It never holds more than a few of them, and its end is only good if all came.

use super::blocks::{self, Blocks};
use super::body::Body;
use super::client::Client;
use super::error::{Error, Reason};
use super::reader::{Extent, Summary, read};
use super::request::Answer;
use super::row::{Columns, Row};
use std::fmt;
use tokio::sync::mpsc;

/// Rows that may wait for the caller.
const ROWS: usize = 32;

/// The answer to a query. Dropping it ends the reading and the connection.
///
/// A caller that pauses between rows keeps a place among the [`super::MAX_AT_ONCE`], and its pauses don't count against the
/// timeout; a gateway may still hang up on one that pauses for minutes.
pub struct Rows {
    flow: Option<Flow>,
    blocks: Option<Blocks>,
    read: u64,
    /// Announced and sent, where they differed.
    mismatch: Option<(u64, u64)>,
    ended: Option<Result<(), Error>>,
}

impl Rows {
    /// The next row; `None` only at a complete end. After the last row an error may follow, above all
    /// [`Error::Incomplete`]: the rows before it are good, but there should have been more. An error is final: asked again,
    /// it is given again.
    pub async fn next(&mut self) -> Result<Option<Row>, Error> {
        loop {
            if let Some(ended) = &self.ended {
                return ended.clone().map(|()| None);
            }
            let Some(flow) = &mut self.flow else {
                if let Err(error) = self.open_block().await {
                    self.ended = Some(Err(error));
                }
                continue;
            };
            match flow.next().await {
                Message::Row(row) => {
                    self.read += 1;
                    return Ok(Some(row));
                }
                Message::End(Err(error)) => self.ended = Some(Err(error)),
                Message::End(Ok(summary)) => {
                    self.flow = None;
                    self.end_of(&summary);
                }
            }
        }
    }

    /// How many rows were handed out so far.
    pub fn read(&self) -> u64 {
        self.read
    }

    pub(super) fn whole(flow: Flow) -> Self {
        Self { flow: Some(flow), blocks: None, read: 0, mismatch: None, ended: None }
    }

    pub(super) fn by_block(client: Client, columns: Columns, instance: String) -> Self {
        let blocks = Some(Blocks::new(client, columns, instance));
        Self { flow: None, blocks, read: 0, mismatch: None, ended: None }
    }

    async fn open_block(&mut self) -> Result<(), Error> {
        let Some(blocks) = &mut self.blocks else {
            return Err(Error::unavailable(Reason::Stopped));
        };
        self.flow = Some(blocks.open().await?);
        Ok(())
    }

    fn end_of(&mut self, summary: &Summary) {
        if let Some(expected) = summary.expected.filter(|expected| *expected != summary.got) {
            let (all, came) = self.mismatch.unwrap_or_default();
            self.mismatch = Some((all + expected, came + summary.got));
        }
        let more = match &mut self.blocks {
            None => Ok(blocks::After::Done),
            Some(blocks) => blocks.after(summary.block.as_deref(), summary.got),
        };
        self.ended = match (more, self.mismatch) {
            (Ok(blocks::After::More), _) => None,
            (Ok(blocks::After::Done), None) => Some(Ok(())),
            (Ok(blocks::After::Done), Some((expected, got))) => Some(Err(Error::Incomplete { expected, got })),
            (Err(error), _) => Some(Err(error)),
        };
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("read", &self.read).field("ended", &self.ended).finish_non_exhaustive()
    }
}

enum Message {
    Row(Row),
    End(Result<Summary, Error>),
}

/// One answer on its way through the parser.
pub(super) struct Flow {
    messages: mpsc::Receiver<Message>,
    first: Option<Message>,
}

impl Flow {
    /// Starts to parse, and waits until the first row or the end is there, so that an answer which is no success fails here.
    pub(super) async fn start(answer: Answer, columns: Columns, extent: Extent) -> Result<Self, Error> {
        let chunks = answer.body.flow();
        let (sender, mut messages) = mpsc::channel(ROWS);
        // The parsers pull, the network pushes: a thread that may block stands between them, and holds one row at a time.
        tokio::task::spawn_blocking(move || {
            let mut emit = |row| {
                let sent = sender.blocking_send(Message::Row(row));
                sent.map_err(|_| Error::unavailable(Reason::Stopped)) // nobody listens any more
            };
            let end = read(Body::new(chunks), &columns, extent, &mut emit);
            let _ = sender.blocking_send(Message::End(end));
        });
        match received(messages.recv().await) {
            Message::End(Err(error)) => Err(error),
            first => Ok(Self { messages, first: Some(first) }),
        }
    }

    async fn next(&mut self) -> Message {
        match self.first.take() {
            Some(first) => first,
            None => received(self.messages.recv().await),
        }
    }
}

/// A parser that went away without an end has read nothing that counts as complete.
fn received(message: Option<Message>) -> Message {
    message.unwrap_or_else(|| Message::End(Err(Error::unavailable(Reason::Stopped))))
}
