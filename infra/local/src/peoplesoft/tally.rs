//! What was asked of the fake: a log of requests and how many were under way at once, for a test to look at. Passwords
//! and tokens don't get here.

use super::address::Alias;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

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

#[derive(Default)]
pub(super) struct Tally(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    log: VecDeque<Request>,
    by_alias: BTreeMap<(Option<Alias>, Option<String>), usize>,
    under_way: usize,
    most_under_way: usize,
}

/// A request under way; it ends when this is dropped, also because the caller left.
pub(super) struct UnderWay(Arc<Tally>);

impl Tally {
    /// Notes a request. Token requests are noted, but are none of `PeopleSoft`'s load.
    pub(super) fn begin(self: &Arc<Self>, request: Request) -> Option<UnderWay> {
        let mut counts = self.lock();
        let of_peoplesoft = request.alias != Some(Alias::Token);
        if of_peoplesoft {
            counts.under_way += 1;
            counts.most_under_way = counts.most_under_way.max(counts.under_way);
        }
        *counts.by_alias.entry((request.alias, request.query.clone())).or_default() += 1;
        counts.log.push_back(request);
        if counts.log.len() > LOG_LENGTH {
            counts.log.pop_front();
        }
        of_peoplesoft.then(|| UnderWay(Arc::clone(self)))
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

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.lock().under_way -= 1;
    }
}
