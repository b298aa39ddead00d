//! What was asked of the fake: a log of requests and how many were under way at once, for a test to look at. Passwords
//! and tokens don't get here.

use super::address::Alias;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// One request, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What the URL meant; `None` if the fake has no such path.
    pub alias: Option<Alias>,
    /// The query that the path names.
    pub query: Option<String>,
    /// The raw path.
    pub path: String,
    /// The raw query string, without the question mark. It can hold an employee's id.
    pub query_string: String,
}

/// How many requests the log keeps; the counts go on.
const LOG_LENGTH: usize = 10_000;

/// How long gateway and application server let a query run. They don't hear of it if its caller leaves.
const LONGEST_RUN: SignedDuration = SignedDuration::from_secs(300);

#[derive(Default)]
pub(super) struct Tally(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    log: VecDeque<Request>,
    by_alias: BTreeMap<(Option<Alias>, Option<String>), usize>,
    /// The number of each request under way, and when it ends without an answer.
    under_way: BTreeMap<u64, Timestamp>,
    begun: u64,
    most_under_way: usize,
}

/// A request under way, until it is answered. One whose caller leaves runs on.
pub(super) struct UnderWay(u64);

impl Tally {
    /// Notes a request. Token requests are noted, but are none of `PeopleSoft`'s load.
    pub(super) fn begin(&self, request: Request, now: Timestamp) -> UnderWay {
        let mut counts = self.lock();
        counts.begun += 1;
        let begun = counts.begun;
        if request.alias != Some(Alias::Token) {
            counts.under_way.retain(|_, ends| *ends > now);
            counts.under_way.insert(begun, now.saturating_add(LONGEST_RUN).unwrap_or(Timestamp::MAX));
            counts.most_under_way = counts.most_under_way.max(counts.under_way.len());
        }
        *counts.by_alias.entry((request.alias, request.query.clone())).or_default() += 1;
        counts.log.push_back(request);
        if counts.log.len() > LOG_LENGTH {
            counts.log.pop_front();
        }
        UnderWay(begun)
    }

    /// It has its answer.
    pub(super) fn end(&self, UnderWay(begun): UnderWay) {
        self.lock().under_way.remove(&begun);
    }

    pub(super) fn log(&self) -> Vec<Request> {
        self.lock().log.iter().cloned().collect()
    }

    pub(super) fn count(&self, alias: Option<Alias>, query: Option<&str>) -> usize {
        let counts = self.lock();
        let fits = |key: &(Option<Alias>, Option<String>)| {
            key.0 == alias && query.is_none_or(|query| key.1.as_deref() == Some(query))
        };
        counts.by_alias.iter().filter(|(key, _)| fits(key)).map(|(_, count)| count).sum()
    }

    pub(super) fn most_under_way(&self) -> usize {
        self.lock().most_under_way
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
