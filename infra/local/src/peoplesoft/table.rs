//! The result of a query, ready to be rendered: selected, filtered to the wanted columns, and cut to the cap.

use super::database::{Query, Row, Value};
use super::schema::Column;

/// What an answer says; not necessarily the truth, once a fault has been at it.
pub(super) struct Table {
    pub(super) query: String,
    pub(super) columns: Vec<Column>,
    /// `None`: the answer has no place for rows at all.
    pub(super) rows: Option<Vec<Vec<Value>>>,
    pub(super) numrows: usize,
}

impl Table {
    /// Takes the wanted columns (by position) of the rows, and no more than `cap` of them.
    pub(super) fn of(name: &str, query: &Query, rows: &[&Row], wanted: &[usize], cap: usize) -> Self {
        let rows: Vec<Vec<Value>> =
            rows.iter().take(cap).map(|row| wanted.iter().map(|&column| cell(query, row, column)).collect()).collect();
        Self {
            query: name.to_owned(),
            columns: wanted.iter().filter_map(|&column| query.columns.get(column)).cloned().collect(),
            numrows: rows.len(),
            rows: Some(rows),
        }
    }

    /// One block of a result: rows from `first` on, numbered from 1 again.
    pub(super) fn block(&self, first: usize, length: usize) -> Self {
        let rows: Vec<_> = self.rows.iter().flatten().skip(first).take(length).cloned().collect();
        Self { query: self.query.clone(), columns: self.columns.clone(), numrows: rows.len(), rows: Some(rows) }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.as_ref().map_or(0, Vec::len)
    }

    /// Claims rows and shows none.
    pub(super) fn hide_rows(&mut self) {
        self.numrows = self.numrows.max(1);
        self.rows = None;
    }

    /// Claims so many rows more or fewer; never by accident as many as there are.
    pub(super) fn miscount(&mut self, by: i64) {
        let off = isize::try_from(by).ok().and_then(|by| self.numrows.checked_add_signed(by));
        self.numrows = off.unwrap_or(self.numrows + 1);
    }
}

fn cell(query: &Query, row: &Row, column: usize) -> Value {
    match row.values.get(column) {
        Some(Value::RowTime) => Value::Text(query.time_format.write(row.time)),
        Some(value) => value.clone(),
        None => Value::Empty,
    }
}
