//! One page: what is known of its rows once they are handed on.

use super::Error;
use jiff::civil::DateTime;
use shared::peoplesoft::{self, Class};

/// What one page came to.
#[derive(Default)]
pub(super) struct Page {
    pub(super) rows: u64,
    /// Rows that didn't come before.
    pub(super) new: u64,
    /// The least and the greatest time.
    pub(super) span: Option<(DateTime, DateTime)>,
    /// The greatest employee id, and the greatest below it.
    pub(super) employees: (Option<String>, Option<String>),
    /// Whether the employees came in ascending order.
    pub(super) by_employee: bool,
    /// Why it can't be all, if that was said.
    pub(super) incomplete: Option<peoplesoft::Error>,
}

impl Page {
    /// Takes note of a row.
    pub(super) fn saw(&mut self, at: DateTime, employee: &str) {
        self.span = Some(self.span.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
        let (last, before) = &mut self.employees;
        match last.as_deref() {
            Some(greatest) if greatest == employee => {}
            Some(greatest) if greatest > employee => {
                self.by_employee = false;
                if before.as_deref().is_none_or(|before| before < employee) {
                    *before = Some(employee.to_owned());
                }
            }
            _ => *before = last.replace(employee.to_owned()),
        }
    }

    /// The page as far as it came, if the rest can be had by asking for less at a time.
    pub(super) fn short(mut self, error: peoplesoft::Error) -> Result<Self, Error> {
        if error.class() != Class::Incomplete {
            return Err(error.into());
        }
        self.incomplete = Some(error);
        Ok(self)
    }

    /// Whether rows are missing, rather than more there than were announced.
    pub(super) fn lacks_rows(&self) -> bool {
        match &self.incomplete {
            Some(peoplesoft::Error::Incomplete { expected, got }) => expected > got,
            other => other.is_some(),
        }
    }
}
