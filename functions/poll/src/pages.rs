//! Reading a window of one source, page by page. `PeopleSoft` has no paging and truncates without a word, so a page that
//! brought rows is followed by another from the last row's time on, until one brings nothing later. Appends nothing.

mod instant;
mod page;

use crate::notify::{self, BadRow, Event};
use crate::window::{Scale, Window};
use jiff::Timestamp;
use jiff::civil::DateTime;
use page::Page;
use shared::peoplesoft::{self, Class, Client, Query, Row};
use shared::tenant::{EventSource, Tenant};
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

/// How often the windows of one reading are cut in two before we give up: a query without ORDER BY whose every answer is
/// short would otherwise be asked second by second.
const MOST_CUTS: u32 = 256;
/// What to do about rows from outside the window.
pub const OUTSIDE: &str = "Let the query compare its prompts, both inclusive, with the very column that the tenant document calls occurred_at.";

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
    /// Rows that can be told, each once.
    pub rows: u64,
    /// Rows that can't be told, each once.
    pub bad: u64,
    /// Why the last of them can't.
    pub last_bad: Option<BadRow>,
    /// Requests made.
    pub requests: u32,
    /// Whether rows came in another order than that of their times.
    pub unordered: bool,
    /// Whether rows came whose times lie outside the window that was asked for.
    pub outside: bool,
    /// Before this, everything was read.
    reached: Option<Timestamp>,
}

impl Tally {
    /// Up to where everything was read, whatever came of the rest. Unknown where rows don't come by the time that they tell.
    pub fn reached(&self) -> Option<Timestamp> {
        self.reached.filter(|_| !self.unordered && !self.outside)
    }
}

/// Why a window could not be read to its end. What was read before is good.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// PeopleSoft, or something before it.
    #[error(transparent)]
    PeopleSoft(#[from] peoplesoft::Error),
    /// More rows in one instant than a page holds, and no way to page inside it.
    #[error("query {query} has more rows at {at} (its own clock) than the {rows} that PeopleSoft gives at once")]
    FullInstant {
        /// The query.
        query: String,
        /// The instant, on the database's own clock.
        at: DateTime,
        /// Rows that came.
        rows: u64,
    },
    /// Rows come in no order, and even short windows hold more than a page.
    #[error(
        "query {query} doesn't order its rows by their time, and they are too many to be read by ever shorter windows"
    )]
    Unordered {
        /// The query.
        query: String,
    },
    /// Rows come from outside the window that was asked for, so no window can be made small enough.
    #[error("query {query} gives rows whose time is none that was asked for, and more than fit into one answer")]
    Outside {
        /// The query.
        query: String,
    },
    /// A column that the tenant document names is in no row.
    #[error("no row of query {query} has the column {column:?}")]
    NoSuchColumn {
        /// The query.
        query: String,
        /// The column, as the document names it.
        column: String,
    },
    /// The time for one poll was over.
    #[error("the poll's time was over")]
    TimeOver,
    /// The ledger is in trouble, and PeopleSoft is not.
    #[error("the ledger did not take the rows: {0}")]
    Ledger(String),
}

impl Error {
    /// What to do about it, for the operator.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::PeopleSoft(error) => error.remedy(),
            Self::FullInstant { .. } => {
                "Give the query a prompt \"employee id greater than\", order it by time and employee id, and name the prompt as page_prompt; or raise max_rows and PeopleSoft's own row limits."
            }
            Self::Outside { .. } => OUTSIDE,
            Self::Unordered { .. } => "Order the query by its time column, ascending.",
            Self::NoSuchColumn { .. } => {
                "Write the column as connector ping lists it, or null where there is no such column."
            }
            Self::TimeOver => {
                "The next reading goes on where this one came to; if it lasts, make the query faster or poll less at a time."
            }
            Self::Ledger(_) => "It is tried again; if it lasts, see whether poll may use the table and its key.",
        }
    }

    /// Whether PeopleSoft should be asked nothing more in this poll.
    pub fn leaves_peoplesoft_alone(&self) -> bool {
        match self {
            Self::PeopleSoft(error) => error.class() != Class::Incomplete,
            Self::TimeOver => true,
            Self::FullInstant { .. }
            | Self::Unordered { .. }
            | Self::Outside { .. }
            | Self::NoSuchColumn { .. }
            | Self::Ledger(_) => false,
        }
    }
}

/// Takes rows, in the order in which they come.
pub trait Take {
    /// Takes one, and answers whether it hasn't come before in this reading: pages overlap. An error ends the reading.
    fn take(&mut self, told: Told) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Hears that an answer is over, and whether more rows should have followed: of the last event, too. An answer that broke off
    /// with the whole reading isn't told of.
    fn over(&mut self, is_cut: bool) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Reads everything from `since` to `until`, both inclusive, and hands every row on, some of them twice.
pub async fn read(
    client: &Client,
    (tenant, source): (&Tenant, &EventSource),
    (since, until): (Timestamp, Timestamp),
    tally: &mut Tally,
    taker: &mut impl Take,
) -> Result<(), Error> {
    if until < since {
        return Ok(()); // its time has not come
    }
    let scale = Scale::of(&source.prompt_format);
    let mut windows = vec![scale.window(since, until, client.time_zone())];
    let mut reading = Reading {
        client,
        tenant,
        source,
        scale,
        now: until,
        columns: source.columns.all(&source.key),
        bad: HashSet::new(),
        hasher: RandomState::new(),
        largest: 0,
        cuts_left: MOST_CUTS,
        trouble: None,
        tally,
    };
    while let Some(window) = windows.pop() {
        if let Some([first, second]) = reading.window(window, taker).await? {
            windows.extend([second, first]);
        }
    }
    reading.end()
}

struct Reading<'a> {
    client: &'a Client,
    tenant: &'a Tenant,
    source: &'a EventSource,
    scale: Scale,
    /// The end of what was asked for, which prompts may not be able to tell as finely.
    now: Timestamp,
    columns: Vec<String>,
    /// Fingerprints of the rows that can't be told.
    bad: HashSet<u64>,
    hasher: RandomState,
    /// Rows of the largest page so far: half as many again may mean a cap that nobody told us of.
    largest: u64,
    cuts_left: u32,
    /// What could not be read, while the rest could.
    trouble: Option<Error>,
    tally: &'a mut Tally,
}

impl Reading<'_> {
    /// Reads one window. Answers two halves to read in its place, if its rows can't be paged through by time.
    async fn window(&mut self, window: Window, taker: &mut impl Take) -> Result<Option<[Window; 2]>, Error> {
        let Window { mut from, until } = window;
        while from <= until {
            let rest = Window { from, until };
            let page = self.page(rest, None, taker).await?;
            let largest = self.largest;
            self.largest = largest.max(page.rows);
            let full = self.is_full(&page);
            // A cap below ours can't be seen. It need not be the same for every page, where it counts bytes.
            let perhaps_cut = page.rows > 1 && page.rows * 2 >= largest;
            let Some((first, last)) = page.span else { return self.undated(rest, page, full) };
            let (first, last) = (self.scale.place(first), self.scale.place(last));
            self.tally.outside |= first < from || last > until;
            if last < from || last > until {
                return self.outside(page, full).map(|()| None);
            }
            if page.incomplete.is_some() || self.tally.unordered {
                if page.incomplete.is_none() && !full && !(perhaps_cut || page.rows > 1 && page.new > 0) {
                    return Ok(None);
                }
                if let Some(halves) = self.cut(rest) {
                    return Ok(Some(halves));
                }
                self.uncut(page, full, taker).await?;
                return Ok(None);
            }
            if last > from {
                from = last;
                self.reach(from);
                continue;
            }
            if full {
                self.within(from, page, taker).await?;
            } else if !perhaps_cut || self.is_whole(Window { from, until }, page, taker).await? {
                return Ok(None);
            }
            from += 1;
        }
        Ok(None)
    }

    /// A page without a row whose time is known. If there is more behind it, it takes shorter windows to come to that.
    fn undated(&mut self, window: Window, page: Page, full: bool) -> Result<Option<[Window; 2]>, Error> {
        if page.incomplete.is_none() && !full {
            return Ok(None);
        }
        let halves = self.cut(window);
        match page.incomplete {
            Some(error) if halves.is_none() => return Err(error.into()),
            None if halves.is_none() => self.trouble(Error::Outside { query: self.source.query.clone() }),
            _ => {}
        }
        Ok(halves)
    }

    /// A page that ends outside its window, of a query that doesn't go by the time that its rows tell: neither a later window nor
    /// a smaller one brings other rows. What isn't full counts as whole.
    fn outside(&self, page: Page, full: bool) -> Result<(), Error> {
        match page.incomplete {
            Some(error) => Err(error.into()),
            None if full => Err(Error::Outside { query: self.source.query.clone() }),
            None => Ok(()),
        }
    }

    /// A window that is in no order, or not complete, and can't be cut any more.
    async fn uncut(&mut self, page: Page, full: bool, taker: &mut impl Take) -> Result<(), Error> {
        let (first, last) = page.span.unwrap_or_default();
        if first == last && (full || page.incomplete.is_some() || self.source.page_prompt.is_some()) {
            return self.within(self.scale.place(first), page, taker).await;
        }
        let unordered = full || page.new > 0 && self.cuts_left == 0;
        if let Some(error) = page.incomplete {
            self.trouble(error.into());
        } else if unordered {
            self.trouble(Error::Unordered { query: self.source.query.clone() });
        }
        Ok(())
    }

    fn is_full(&self, page: &Page) -> bool {
        page.rows >= u64::from(self.client.max_rows())
    }

    fn cut(&mut self, window: Window) -> Option<[Window; 2]> {
        let halves = self.scale.halves(window)?;
        self.cuts_left = self.cuts_left.checked_sub(1)?;
        Some(halves)
    }

    /// Reads a page and hands its rows on.
    async fn page(&mut self, window: Window, after: Option<&str>, taker: &mut impl Take) -> Result<Page, Error> {
        let page = self.rows(window, after, taker).await?;
        taker.over(self.is_full(&page) || page.lacks_rows()).await?;
        Ok(page)
    }

    async fn rows(&mut self, window: Window, after: Option<&str>, taker: &mut impl Take) -> Result<Page, Error> {
        let mut page = Page { by_employee: true, ..Page::default() };
        let mut rows = match self.ask(window, after).await {
            Ok(rows) => rows,
            Err(error) => return page.short(error),
        };
        loop {
            let row = match rows.next().await {
                Ok(Some(row)) => row,
                Ok(None) => return Ok(page),
                Err(error) => return page.short(error),
            };
            page.rows += 1;
            let occurred = notify::occurred(&row, self.tenant, self.source);
            if let Ok(when) = &occurred {
                self.tally.unordered |= page.span.is_some_and(|(_, last)| when.local < last);
                page.saw(when.local, self.employee(&row));
            }
            match occurred.and_then(|when| Event::read(&row, when, self.tenant, self.source)) {
                Ok(event) => {
                    // It comes again when its time has come: whole days bring the hours that are still ahead.
                    let early =
                        event.occurred.earliest > self.now && self.scale.place(event.occurred.local) <= window.until;
                    let new = !early && taker.take(Told { row, event }).await?;
                    page.new += u64::from(new);
                    self.tally.rows += u64::from(new);
                }
                Err(bad) => {
                    if self.bad.insert(self.hasher.hash_one(row.values().collect::<Vec<_>>())) {
                        self.tally.bad += 1;
                        self.tally.last_bad = Some(bad);
                    }
                }
            }
        }
    }

    async fn ask(&mut self, window: Window, after: Option<&str>) -> Result<peoplesoft::Rows, peoplesoft::Error> {
        let source = self.source;
        let mut prompts = vec![
            (source.since_prompt.clone(), self.scale.write(window.from)?),
            (source.until_prompt.clone(), self.scale.write(window.until)?),
        ];
        prompts.extend(source.fixed_prompts.iter().cloned());
        prompts.extend(source.page_prompt.iter().map(|prompt| (prompt.clone(), after.unwrap_or_default().to_owned())));
        let query = Query {
            name: &source.query,
            prompts: &prompts,
            max_rows: self.client.max_rows(),
            columns: &self.columns,
            blocks: source.blocks,
        };
        self.tally.requests += 1;
        self.client.execute(&query).await
    }

    fn employee<'r>(&self, row: &'r Row) -> &'r str {
        self.source.columns.get("employee_id").and_then(|column| row.get(column)).unwrap_or_default()
    }

    /// Notes up to where everything was read.
    fn reach(&mut self, place: i64) {
        if self.trouble.is_none() {
            self.tally.reached = self.scale.instant(place, self.client.time_zone()).or(self.tally.reached);
        }
    }

    /// Notes what could not be read. The first trouble is told; the rest of the window is read all the same.
    fn trouble(&mut self, error: Error) {
        self.trouble.get_or_insert(error);
    }

    fn end(self) -> Result<(), Error> {
        if let Some(trouble) = self.trouble {
            return Err(trouble);
        }
        match &self.tally.last_bad {
            // One row may lack a column, all of them can't.
            Some(BadRow::Missing(column)) if self.tally.rows == 0 => {
                Err(Error::NoSuchColumn { query: self.source.query.clone(), column: column.clone() })
            }
            _ => Ok(()),
        }
    }
}
