//! What the fake `PeopleSoft` knows: queries and their rows. It selects and orders; it never renders.

use super::schema::{Column, Filter, Prompt};
use jiff::Timestamp;
use jiff::civil::DateTime;
use std::collections::BTreeMap;

/// Every query of the database, all of them public. Rows may come, change and go while the server runs.
#[derive(Clone, Default)]
pub struct Database {
    /// By query name, which is case-sensitive here and upper-case by custom.
    pub queries: BTreeMap<String, Query>,
}

/// One query: what it returns, what it asks, and the rows behind it. Holds personal data, so it has no `Debug`.
#[derive(Clone, Default)]
pub struct Query {
    /// For `ListQuery`.
    pub description: String,
    /// In the order of the answer.
    pub columns: Vec<Column>,
    /// In the order of `QueryPrompts`.
    pub prompts: Vec<Prompt>,
    /// In the order of insertion.
    pub rows: Vec<Row>,
    /// Of the answer.
    pub order: Order,
    /// How [`Value::RowTime`] is written.
    pub time_format: TimeFormat,
}

/// One row.
#[derive(Clone, PartialEq)]
pub struct Row {
    /// By position, one for each column of the query.
    pub values: Vec<Value>,
    /// What the window prompts compare, in the database's base time zone.
    pub time: DateTime,
    /// When the transaction that wrote it commits; until then no request sees it, although its time is earlier.
    pub visible_from: Option<Timestamp>,
}

/// One value of a row. Holds personal data, so it has no `Debug`.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// As `PeopleSoft` stores it; dates and times are texts too.
    Text(String),
    /// An integer or a decimal.
    Number(serde_json::Number),
    /// Nothing: an empty text or, in a Number column, zero.
    Empty,
    /// The row's own time, in the query's format.
    RowTime,
}

/// In what order the rows of an answer come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Time ascending; equal times by the column of a [`Filter::After`] prompt, else as inserted.
    #[default]
    ByTime,
    /// Never by time (if there are two times), yet the same on every call: a query whose author forgot ORDER BY.
    Scrambled,
}

/// The ways in which a datetime column is written ("assumption" for the last one).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeFormat {
    /// `2026-03-17-16.42.07.000000`: `PeopleSoft` Query on Oracle.
    #[default]
    Dotted,
    /// `2026-03-17 16:42:07.000000`: `PeopleSoft`'s internal text form.
    Spaced,
    /// `2026-03-17T16:42:07`: what a gateway may make of it.
    Iso,
}

/// There is no query of that name in the database; the test or the demo has a typing error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the fake PeopleSoft has no query {0}")]
pub struct NoSuchQuery(pub String);

/// The parsed value of one prompt.
#[derive(Clone, PartialEq)]
pub(super) enum Answered {
    At(DateTime),
    Text(String),
}

impl Database {
    /// The same database with one more query.
    #[must_use]
    pub fn with(mut self, name: &str, query: Query) -> Self {
        self.queries.insert(name.to_owned(), query);
        self
    }

    /// The query of this name, to change what it holds.
    pub fn query_mut(&mut self, name: &str) -> Result<&mut Query, NoSuchQuery> {
        self.queries.get_mut(name).ok_or_else(|| NoSuchQuery(name.to_owned()))
    }

    /// Adds a row.
    pub fn push(&mut self, query: &str, row: Row) -> Result<(), NoSuchQuery> {
        self.query_mut(query)?.rows.push(row);
        Ok(())
    }

    /// Changes every row that `change` wants to change.
    pub fn change(&mut self, query: &str, change: impl FnMut(&mut Row)) -> Result<(), NoSuchQuery> {
        self.query_mut(query)?.rows.iter_mut().for_each(change);
        Ok(())
    }

    /// Removes rows, as a payroll's unconfirm does, and gives them back.
    pub fn remove(&mut self, query: &str, which: impl Fn(&Row) -> bool) -> Result<Vec<Row>, NoSuchQuery> {
        let rows = &mut self.query_mut(query)?.rows;
        let (removed, kept) = std::mem::take(rows).into_iter().partition(which);
        *rows = kept;
        Ok(removed)
    }

    /// Confirms a payroll again: every row stamped `before` is stamped `after`, all its keys as they were. Says how many.
    pub fn confirm_again(&mut self, query: &str, before: DateTime, after: DateTime) -> Result<usize, NoSuchQuery> {
        let mut confirmed = 0;
        for row in self.query_mut(query)?.rows.iter_mut().filter(|row| row.time == before) {
            row.time = after;
            confirmed += 1;
        }
        Ok(confirmed)
    }
}

impl Query {
    /// A query without rows.
    pub fn new(columns: impl Into<Vec<Column>>, prompts: impl Into<Vec<Prompt>>) -> Self {
        Self { columns: columns.into(), prompts: prompts.into(), ..Self::default() }
    }

    /// The same query with these rows.
    #[must_use]
    pub fn with_rows(mut self, rows: impl Into<Vec<Row>>) -> Self {
        self.rows = rows.into();
        self
    }

    /// A row's value in the column of this unique name.
    pub fn value<'a>(&self, row: &'a Row, unique_name: &str) -> Option<&'a Value> {
        let index = self.columns.iter().position(|column| column.unique_name == unique_name)?;
        row.values.get(index)
    }

    /// The rows that pass every answered prompt and are committed at `now`, in the query's order.
    pub(super) fn select(&self, answered: &[(&Prompt, Answered)], now: Timestamp) -> Vec<&Row> {
        let mut rows: Vec<&Row> = self
            .rows
            .iter()
            .filter(|row| row.visible_from.is_none_or(|from| from <= now))
            .filter(|row| answered.iter().all(|(prompt, value)| self.passes(row, &prompt.filter, value)))
            .collect();
        let key = self.prompts.iter().find_map(|prompt| match &prompt.filter {
            Filter::After(column) => Some(column.as_str()),
            _ => None,
        });
        rows.sort_by(|a, b| {
            let keys = key.map(|key| (self.text(a, key), self.text(b, key)));
            a.time.cmp(&b.time).then_with(|| keys.map_or(std::cmp::Ordering::Equal, |(a, b)| a.cmp(&b)))
        });
        match self.order {
            Order::ByTime => rows,
            Order::Scrambled => {
                // Newest, oldest, second newest, second oldest: out of order within any two rows of different times.
                let mut ends = rows.into_iter();
                std::iter::from_fn(|| Some([ends.next_back(), ends.next()]))
                    .take_while(|pair| pair[0].is_some())
                    .flatten()
                    .flatten()
                    .collect()
            }
        }
    }

    fn passes(&self, row: &Row, filter: &Filter, value: &Answered) -> bool {
        match (filter, value) {
            (Filter::Since, Answered::At(at)) => row.time >= *at,
            (Filter::Until, Answered::At(at)) => row.time <= *at,
            (Filter::Equals(column), Answered::Text(text)) => self.text(row, column) == *text,
            (Filter::After(column), Answered::Text(text)) => self.text(row, column) > *text,
            // A window over something that is no time, or a time compared with a text: no row has it.
            (Filter::Since | Filter::Until, Answered::Text(_))
            | (Filter::Equals(_) | Filter::After(_), Answered::At(_)) => false,
        }
    }

    fn text(&self, row: &Row, unique_name: &str) -> String {
        match self.value(row, unique_name) {
            Some(Value::Text(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::RowTime) => self.time_format.write(row.time),
            Some(Value::Empty) | None => String::new(),
        }
    }
}

impl Row {
    /// A row that is there at once.
    pub fn new(time: DateTime, values: impl Into<Vec<Value>>) -> Self {
        Self { values: values.into(), time, visible_from: None }
    }

    /// The same row, unseen until its transaction commits.
    #[must_use]
    pub fn visible_from(mut self, commit: Timestamp) -> Self {
        self.visible_from = Some(commit);
        self
    }
}

impl TimeFormat {
    /// Writes a time with microseconds, but for [`TimeFormat::Iso`], which has whole seconds.
    pub fn write(self, time: DateTime) -> String {
        match self {
            Self::Dotted => time.strftime("%Y-%m-%d-%H.%M.%S.%6f").to_string(),
            Self::Spaced => time.strftime("%Y-%m-%d %H:%M:%S.%6f").to_string(),
            Self::Iso => time.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        if text.is_empty() { Self::Empty } else { Self::Text(text.to_owned()) }
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        if text.is_empty() { Self::Empty } else { Self::Text(text) }
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number.into())
    }
}
