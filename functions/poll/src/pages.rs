//! Reading a window of one source, page by page. `PeopleSoft` has no paging and truncates without a word, so a page that
//! brought rows is followed by another from the last row's time on, until one brings nothing new. Appends nothing.

use crate::notify::{BadRow, Event};
use jiff::Timestamp;
use shared::peoplesoft::{self, Client, Query, Row, time};
use shared::tenant::EventSource;
use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, RandomState};

/// How often the windows of one reading are cut in two before we give up: a source whose every answer is short would
/// otherwise be asked second by second.
const MOST_CUTS: u32 = 64;

/// A row and what it says happened.
pub struct Told {
    /// The row's own columns.
    pub row: Row,
    /// When, and what.
    pub event: Event,
}

/// What a reading comes to, besides its rows.
#[derive(Debug, Default)]
pub struct Tally {
    /// Rows handed on.
    pub rows: u64,
    /// Rows that can't be told, and the last reason.
    pub bad: u64,
    /// Why the last of them can't.
    pub last_bad: Option<BadRow>,
    /// Requests made.
    pub requests: u32,
}

/// Why a window could not be read to its end. What was read before is good.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// PeopleSoft, or something before it.
    #[error(transparent)]
    PeopleSoft(#[from] peoplesoft::Error),
    /// More rows in one instant than a page holds, and no way to page inside it.
    #[error(
        "query {query} has {rows} or more rows at {at}, as many as a page holds; set \"page_prompt\" to a prompt \"employee id greater than\", or raise \"max_rows\" and PeopleSoft's own limits"
    )]
    FullInstant {
        /// The query.
        query: String,
        /// The instant, in UTC.
        at: Timestamp,
        /// Rows of the full page.
        rows: u64,
    },
    /// Whoever takes the rows could not go on.
    #[error("the rows could not be taken: {0}")]
    Taker(String),
}

/// Takes rows, in the order in which they come.
pub trait Take {
    /// Takes one. An error ends the reading.
    fn take(&mut self, told: Told) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Reads everything from `since` to `until`, both inclusive, and hands every row on once.
pub async fn read(
    client: &Client,
    source: &EventSource,
    since: Timestamp,
    until: Timestamp,
    taker: &mut impl Take,
) -> (Tally, Result<(), Error>) {
    let mut reading = Reading {
        client,
        source,
        columns: source.columns.all(&source.key),
        seen: HashSet::new(),
        hasher: RandomState::new(),
        largest: 0,
        cuts_left: MOST_CUTS,
        tally: Tally::default(),
    };
    let ends = until.as_second() + i64::from(until.subsec_nanosecond() > 0);
    let mut windows = vec![Window { from: since.as_second(), until: ends.max(since.as_second()) }];
    while let Some(window) = windows.pop() {
        match reading.window(window, taker).await {
            Ok(None) => {}
            Ok(Some((first, second))) => windows.extend([second, first]),
            Err(error) => return (reading.tally, Err(error)),
        }
    }
    (reading.tally, Ok(()))
}

/// A span of whole seconds since 1970, both inclusive: prompts know nothing finer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    from: i64,
    until: i64,
}

struct Reading<'a> {
    client: &'a Client,
    source: &'a EventSource,
    columns: Vec<String>,
    /// Fingerprints of every row handed on. 128 bits each: a million rows share one once in 10^26 readings.
    seen: HashSet<u128>,
    hasher: RandomState,
    /// Rows of the largest page so far: as many again may mean a cap that nobody told us of.
    largest: u64,
    cuts_left: u32,
    tally: Tally,
}

/// What one page came to.
#[derive(Default)]
struct Page {
    rows: u64,
    new: u64,
    ordered: bool,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    /// The greatest employee id, and the greatest below it.
    employees: (Option<String>, Option<String>),
    incomplete: Option<peoplesoft::Error>,
}

impl Reading<'_> {
    /// Reads one window. Answers two halves to read in its place, if its rows can't be paged through by time.
    async fn window(&mut self, window: Window, taker: &mut impl Take) -> Result<Option<(Window, Window)>, Error> {
        let Window { mut from, until } = window;
        while from <= until {
            let page = self.page(from, until, None, taker).await?;
            let full = page.rows >= u64::from(self.client.max_rows());
            let largest = self.largest;
            self.largest = largest.max(page.rows);
            let (Some(first), Some(last)) = (page.first, page.last) else {
                return page.incomplete.map_or(Ok(None), |error| Err(error.into()));
            };
            let one_second = first.as_second() == last.as_second();
            if page.incomplete.is_some() || (full && !page.ordered) {
                if let Some(halves) = self.cut(from, until) {
                    return Ok(Some(halves));
                }
                self.within(last, page, taker).await?;
                from = last.as_second() + 1;
            } else if one_second && full {
                self.within(last, page, taker).await?;
                from = last.as_second() + 1;
            } else if page.new == 0 {
                if one_second && page.rows > 1 && page.rows >= largest {
                    return self.look_behind(last, until, page, taker).await.map(|()| None);
                }
                return Ok(None);
            } else {
                from = from.max(last.as_second());
            }
        }
        Ok(None)
    }

    /// A second that brought as many rows as the largest page may have been cut by a cap below ours. It was, if the same
    /// window without that second brings more.
    async fn look_behind(&mut self, at: Timestamp, until: i64, page: Page, taker: &mut impl Take) -> Result<(), Error> {
        let rows = page.rows;
        if self.source.page_prompt.is_some() {
            self.within(at, page, taker).await?;
        }
        let mut from = at.as_second() + 1;
        while from <= until {
            let later = self.page(from, until, None, taker).await?;
            let Some(last) = later.last.filter(|_| later.new > 0) else { return Ok(()) };
            if self.source.page_prompt.is_none() {
                return Err(self.full_instant(at, rows));
            }
            from = last.as_second();
        }
        Ok(())
    }

    /// Reads the rest of one second, page by page of employee ids.
    async fn within(&mut self, at: Timestamp, page: Page, taker: &mut impl Take) -> Result<(), Error> {
        if self.source.page_prompt.is_none() {
            return Err(page.incomplete.map_or_else(|| self.full_instant(at, page.rows), Error::from));
        }
        let mut page = page;
        loop {
            // From the last but one on: the last employee's rows may have been cut in two.
            let (last, before) = page.employees;
            let Some(after) = before.or(last) else { return Ok(()) };
            page = self.page(at.as_second(), at.as_second(), Some(&after), taker).await?;
            if page.new == 0 {
                return Ok(());
            }
        }
    }

    fn cut(&mut self, from: i64, until: i64) -> Option<(Window, Window)> {
        self.cuts_left = self.cuts_left.checked_sub(1)?;
        let middle = from + (until - from) / 2;
        (from < until).then_some((Window { from, until: middle }, Window { from: middle + 1, until }))
    }

    async fn page(&mut self, from: i64, until: i64, after: Option<&str>, taker: &mut impl Take) -> Result<Page, Error> {
        let prompts = self.prompts(from, until, after)?;
        let query = Query {
            name: &self.source.query,
            prompts: &prompts,
            max_rows: self.client.max_rows(),
            columns: &self.columns,
            blocks: self.source.blocks,
        };
        self.tally.requests += 1;
        let mut rows = self.client.execute(&query).await?;
        let mut page = Page { ordered: true, ..Page::default() };
        let employee = self.source.columns.get("employee_id").unwrap_or_default().to_owned();
        loop {
            let row = match rows.next().await {
                Ok(Some(row)) => row,
                Ok(None) => return Ok(page),
                Err(error @ peoplesoft::Error::Incomplete { .. }) => {
                    page.incomplete = Some(error);
                    return Ok(page);
                }
                Err(error) => return Err(error.into()),
            };
            page.rows += 1;
            let event = match Event::read(&row, self.source, self.client.time_zone()) {
                Ok(event) => event,
                Err(bad) => {
                    if self.seen.insert(self.fingerprint(&row.values().collect::<Vec<_>>())) {
                        self.tally.bad += 1;
                        self.tally.last_bad = Some(bad);
                    }
                    continue;
                }
            };
            page.saw(event.occurred_at, row.get(&employee).unwrap_or_default());
            let fingerprint = self.fingerprint(&(row.get(&employee), &event.key));
            if self.seen.insert(fingerprint) {
                page.new += 1;
                self.tally.rows += 1;
                taker.take(Told { row, event }).await?;
            }
        }
    }

    fn fingerprint(&self, value: &impl Hash) -> u128 {
        let (low, high) = (self.hasher.hash_one(value), self.hasher.hash_one((1_u8, value)));
        u128::from(high) << 64 | u128::from(low)
    }

    fn prompts(&self, from: i64, until: i64, after: Option<&str>) -> Result<Vec<(String, String)>, Error> {
        let source = self.source;
        let instant = |second| Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
        let (low, high) = time::window(instant(from), instant(until), self.client.time_zone());
        let mut prompts = vec![
            (source.since_prompt.clone(), time::prompt_value(low, &source.prompt_format)?),
            (source.until_prompt.clone(), time::prompt_value(high, &source.prompt_format)?),
        ];
        prompts.extend(source.fixed_prompts.iter().cloned());
        prompts.extend(source.page_prompt.iter().map(|prompt| (prompt.clone(), after.unwrap_or_default().to_owned())));
        Ok(prompts)
    }

    fn full_instant(&self, at: Timestamp, rows: u64) -> Error {
        Error::FullInstant { query: self.source.query.clone(), at, rows }
    }
}

impl Page {
    fn saw(&mut self, at: Timestamp, employee: &str) {
        self.ordered &= self.last.is_none_or(|last| last <= at);
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        self.last = self.last.max(Some(at));
        let (last, before) = &mut self.employees;
        match last.as_deref() {
            Some(greatest) if greatest == employee => {}
            Some(greatest) if greatest > employee => {
                if before.as_deref().is_none_or(|before| before < employee) {
                    *before = Some(employee.to_owned());
                }
            }
            _ => *before = last.replace(employee.to_owned()),
        }
    }
}
