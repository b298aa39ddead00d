//! An instant that may hold more rows than a page: a payroll stamps everybody alike. Reads it page by page of employees where
//! the query can do that, and says so where nothing helps.

use super::{Error, Page, Reading, Take};
use crate::notify;
use crate::window::Window;
use shared::peoplesoft::{self, Class};

/// How far before a suspiciously full instant we look for older rows, in days.
const LOOK_BEFORE: [i64; 2] = [1, 30];

impl Reading<'_> {
    /// A page that brought nothing but one instant, though none too many rows for `max_rows`, may have been cut by a cap
    /// below ours. It was, if what comes after that instant should have been on the page and wasn't; or if a page that begins
    /// before it is cut at as many rows. Answers whether there is nothing more to read.
    pub(super) async fn is_whole(&mut self, window: Window, page: Page, taker: &mut impl Take) -> Result<bool, Error> {
        let instant = window.from;
        if self.pages_by_employee(&page) {
            self.within(instant, page, taker).await?;
            return Ok(false);
        }
        let later = Window { from: instant + 1, ..window };
        if later.from <= later.until && self.page(later, None, taker).await?.rows > 0 {
            // Unless it came just now: then it is on the same page by now.
            let again = self.page(window, None, taker).await?;
            if again.span.is_some_and(|(_, last)| self.scale.place(last) == instant) {
                self.trouble(self.full_instant(&again));
            }
            return Ok(false);
        }
        let one = self.scale.one(instant);
        for days in LOOK_BEFORE {
            let (all, older) = match self.count(self.scale.days_before(one, days), instant).await {
                Ok(counted) => counted,
                // What was asked for is read; that nobody can say what lies before it is no reason to fail.
                Err(error) if matches!(error.class(), Class::Unavailable | Class::Incomplete) => break,
                Err(error) => return Err(error.into()),
            };
            if all >= u64::from(self.client.max_rows()) {
                break; // cut by our own limit, which says nothing of another
            }
            if older > 0 {
                // The same cap need not mean the same number of rows, where it counts bytes.
                let as_many = |rows: u64| all - older < rows && rows * 10 >= all * 9;
                if as_many(page.rows) {
                    let again = self.page(one, None, taker).await?;
                    if as_many(again.rows) {
                        self.trouble(self.full_instant(&again));
                    }
                }
                break;
            }
        }
        Ok(true)
    }

    /// Reads the rest of one instant, page by page of employee ids.
    pub(super) async fn within(&mut self, place: i64, mut page: Page, taker: &mut impl Take) -> Result<(), Error> {
        if !self.pages_by_employee(&page) {
            self.trouble(self.too_much(page));
            return Ok(());
        }
        loop {
            // From the last but one on: the last employee's rows may have been cut in two.
            let (last, before) = page.employees.clone();
            let (full, lone) = (self.is_full(&page), before.is_none());
            let Some(after) = before.or_else(|| last.clone()) else { return Ok(()) };
            let next = self.page(self.scale.one(place), Some(&after), taker).await?;
            // One employee alone on a page that was cut: nobody knows how many more rows of theirs there are.
            if lone && (full || next.rows > 0) && page.rows > 1 {
                self.trouble(self.full_instant(&page));
            }
            let perhaps_cut = next.rows > 1 && next.rows * 2 >= self.largest;
            if next.employees.0 <= last || !self.pages_by_employee(&next) && !perhaps_cut {
                if next.incomplete.is_some() || self.is_full(&next) {
                    self.trouble(self.too_much(next));
                }
                return Ok(());
            }
            if !self.pages_by_employee(&next) {
                self.trouble(self.too_much(next));
                return Ok(());
            }
            page = next;
        }
    }

    /// Whether paging by employee can go on behind this page: it holds one instant, in the employees' order.
    fn pages_by_employee(&self, page: &Page) -> bool {
        self.source.page_prompt.is_some() && page.by_employee && page.span.is_some_and(|(first, last)| first == last)
    }

    /// How many rows a window has, and how many of them lie before a place. Hands none on.
    async fn count(&mut self, window: Window, place: i64) -> Result<(u64, u64), peoplesoft::Error> {
        let (mut all, mut before) = (0, 0);
        let mut rows = self.ask(window, None).await?;
        while let Some(row) = rows.next().await? {
            all += 1;
            let occurred = notify::occurred(&row, self.tenant, self.source);
            before += u64::from(occurred.is_ok_and(|when| self.scale.place(when.local) < place));
        }
        Ok((all, before))
    }

    /// What to say of an instant that can't be read to its end.
    fn too_much(&self, page: Page) -> Error {
        match page.incomplete {
            Some(peoplesoft::Error::Incomplete { expected, got }) if expected > got => self.full_instant(&page),
            Some(error) => error.into(),
            None => self.full_instant(&page),
        }
    }

    fn full_instant(&self, page: &Page) -> Error {
        let (_, at) = page.span.unwrap_or_default();
        Error::FullInstant { query: self.source.query.clone(), at, rows: page.rows }
    }
}
