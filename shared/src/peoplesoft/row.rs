//! One row of a query, reduced to the columns that were asked for. It never holds another column, and never prints a value.

use super::error::Error;
use std::fmt;
use std::sync::Arc;

/// The asked columns of one row.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    columns: Arc<[String]>,
    values: Box<[Option<String>]>,
}

impl Row {
    /// The value of a column, by the name it was asked for: trimmed; a number as it was written; `""` for null, blank and
    /// the single space that `PeopleSoft` stores for "no value". `None`: the row has no such column.
    pub fn get(&self, column: &str) -> Option<&str> {
        let at = self.columns.iter().position(|name| name == column)?;
        self.values.get(at)?.as_deref()
    }

    /// Every column that was asked for and is in the row, with its value, in the order asked.
    pub fn values(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.columns.iter().zip(&self.values);
        pairs.filter_map(|(column, value)| Some((column.as_str(), value.as_deref()?)))
    }
}

/// A row made by hand, for whoever tests what becomes of rows.
impl<C: Into<String>, V: Into<String>> FromIterator<(C, V)> for Row {
    fn from_iter<I: IntoIterator<Item = (C, V)>>(pairs: I) -> Self {
        let (columns, values): (Vec<_>, Vec<_>) =
            pairs.into_iter().map(|(column, value)| (column.into(), Some(value.into()))).unzip();
        Self { columns: columns.into(), values: values.into() }
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values().map(|(column, _)| column)).finish()
    }
}

/// The columns that a configured name could mean: the one of that very name, else all that fit it with or without the
/// record's alias. Rows can be read if it is one.
pub fn meant<'a>(asked: &str, present: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut fitting: Vec<&str> =
        present.into_iter().filter(|name| *name == asked || fits_without_alias(asked, name)).collect();
    if fitting.contains(&asked) {
        fitting.retain(|name| *name == asked);
    }
    fitting
}

/// The allow list of one query, and the rule by which a configured name finds a column.
#[derive(Debug, Clone)]
pub(super) struct Columns(Arc<[String]>);

/// A row under construction.
#[derive(Default)]
pub(super) struct Draft {
    exact: Vec<(usize, String)>,
    /// Columns that fit without the alias: which asked one, the name as sent, the value.
    loose: Vec<(usize, String, String)>,
}

impl Columns {
    pub(super) fn new(asked: &[String]) -> Self {
        Self(asked.into())
    }

    /// Whether a column of this name is to be read at all.
    pub(super) fn wants(&self, present: &str) -> bool {
        self.0.iter().any(|asked| asked == present || fits_without_alias(asked, present))
    }

    /// Puts a value where it belongs. The last of several columns with the very same name wins.
    pub(super) fn put(&self, draft: &mut Draft, present: &str, value: &str) {
        let value = value.trim();
        for (at, asked) in self.0.iter().enumerate() {
            if asked == present {
                draft.exact.push((at, value.to_owned()));
            } else if fits_without_alias(asked, present) {
                draft.loose.push((at, present.to_owned(), value.to_owned()));
            }
        }
    }

    /// The row, or an error that names the columns that one asked name could mean.
    pub(super) fn finish(&self, draft: Draft) -> Result<Row, Error> {
        let mut values: Vec<Option<String>> = vec![None; self.0.len()];
        let mut names: Vec<Option<&str>> = vec![None; self.0.len()];
        for (at, name, value) in &draft.loose {
            if draft.exact.iter().any(|(exact, _)| exact == at) {
                continue;
            }
            if names[*at].is_some_and(|other| other != name) {
                let fitting = draft.loose.iter().filter(|(other, ..)| other == at);
                let mut candidates: Vec<_> = fitting.map(|(_, name, _)| name.clone()).collect();
                candidates.sort();
                candidates.dedup();
                return Err(Error::AmbiguousColumn { column: self.0[*at].clone(), candidates });
            }
            names[*at] = Some(name);
            values[*at] = Some(value.clone());
        }
        for (at, value) in draft.exact {
            values[at] = Some(value);
        }
        Ok(Row { columns: Arc::clone(&self.0), values: values.into() })
    }
}

/// `A.EMPLID` and `EMPLID` fit each other; `A.EMPLID` and `B.EMPLID` are different records.
fn fits_without_alias(asked: &str, present: &str) -> bool {
    match (asked.split_once('.'), present.split_once('.')) {
        (Some((_, field)), None) => field == present,
        (None, Some((_, field))) => field == asked,
        _ => false,
    }
}
