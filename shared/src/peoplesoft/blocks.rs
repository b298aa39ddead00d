//! The poll protocol: a query run in the Process Scheduler, its status, and its rows by block (`PeopleTools` docs,
//! `QAS_EXECUTEQRYPOLL`, `QAS_QUERYSTATUS`, `QAS_GETQUERYRESULTS`). It waits a bounded time, and only with nothing under way.

use super::client::Client;
use super::error::{Error, Found, Reason};
use super::reader::Extent;
use super::row::Columns;
use super::rows::Flow;
use super::{address, catalog};
use crate::pause;
use std::time::Duration;

/// How often a run or a block is asked about before we give up: with the default pauses about 16 minutes, longer than a
/// Lambda lives.
const MAX_QUESTIONS: u32 = 20;

/// What follows a block.
pub(super) enum After {
    More,
    Done,
}

/// What a run's status means. The words are `PeopleSoft`'s.
enum Status {
    Ready,
    Waiting,
    Failed(&'static str),
}

const STATUSES: &[(&str, Status)] = &[
    ("success", Status::Ready),
    ("queued", Status::Waiting),
    ("running", Status::Waiting),
    ("posting", Status::Waiting),
    ("last", Status::Waiting), // what it means isn't documented; waiting is bounded, so it can't hurt
    ("killed", Status::Failed("killed")),
    ("error", Status::Failed("error")),
    ("idNotFound", Status::Failed("idNotFound")),
];

/// Starts a run and waits until its result is ready. Returns its id.
pub(super) async fn run(client: &Client, url: &str) -> Result<String, Error> {
    let instance = catalog::value(&client.text(url).await?.0, "QueryInstance")?;
    let mut waiting = Waiting::default();
    loop {
        let status = catalog::value(&client.text(&address::status(client.base(), &instance)).await?.0, "Status")?;
        match STATUSES.iter().find(|(word, _)| word.eq_ignore_ascii_case(&status)).map(|(_, status)| status) {
            Some(Status::Ready) => return Ok(instance),
            Some(Status::Waiting) => tokio::time::sleep(waiting.pause(client)?).await,
            Some(Status::Failed(status)) => return Err(Error::RunFailed { status }),
            None => return Err(Error::RunFailed { status: "unknown" }),
        }
    }
}

/// The blocks of one finished run. Block numbers count from 1; `numrows` and `rownumber` count within a block (assumption).
pub(super) struct Blocks {
    client: Client,
    columns: Columns,
    instance: String,
    number: u32,
    waiting: Waiting,
    pause: Option<Duration>,
}

impl Blocks {
    pub(super) fn new(client: Client, columns: Columns, instance: String) -> Self {
        Self { client, columns, instance, number: 1, waiting: Waiting::default(), pause: None }
    }

    /// The block that is due, after the pause that is due.
    pub(super) async fn open(&mut self) -> Result<Flow, Error> {
        if let Some(pause) = self.pause {
            tokio::time::sleep(pause).await;
            self.pause = None;
        }
        let url = address::results(self.client.base(), &self.instance, self.number);
        self.client.open(&url, &self.columns, Extent::Block).await
    }

    /// Reads the status at the end of a block, which brought so many rows.
    pub(super) fn after(&mut self, status: Option<&str>, rows: u64) -> Result<After, Error> {
        match status {
            Some("finalBlockRetrieved") => return Ok(After::Done),
            Some("blockRetrieved") => {
                self.number += 1;
                if rows > 0 {
                    self.waiting = Waiting::default();
                } else {
                    self.pause = Some(self.waiting.pause(&self.client)?); // or a run of empty blocks would have no end
                }
            }
            Some("queued") => self.pause = Some(self.waiting.pause(&self.client)?),
            _ => return Err(Error::NotSuccess { found: Found::Status }),
        }
        Ok(After::More)
    }
}

#[derive(Default)]
struct Waiting {
    asked: u32,
}

impl Waiting {
    fn pause(&mut self, client: &Client) -> Result<Duration, Error> {
        if self.asked >= MAX_QUESTIONS {
            return Err(Error::unavailable(Reason::StillRunning));
        }
        let pause = pause::doubled(client.pauses.run, self.asked, client.pauses.longest_run);
        self.asked += 1;
        Ok(pause)
    }
}
