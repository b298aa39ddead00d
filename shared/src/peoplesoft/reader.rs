//! Reads the body of an answer that promised rows, whatever it turns out to be, and says what it was. It runs on a
//! blocking thread, never panics on any bytes, and never takes anything but a complete success for one.

use super::body::Body;
use super::error::{Error, Found, Reason};
use super::ib_response;
use super::row::{Columns, Row};
use super::{json, xmlp};

/// Takes a row; an error ends the reading.
pub(super) type Emit<'a> = &'a mut dyn FnMut(Row) -> Result<(), Error>;

/// What a document said about itself.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Summary {
    /// `numrows`, if it was there and a number.
    pub(super) expected: Option<u64>,
    /// How many rows were there.
    pub(super) got: u64,
    /// Whether there was a result at all, be it without rows.
    pub(super) result_seen: bool,
    /// The poll protocol's word on this block.
    pub(super) block: Option<String>,
}

/// Whether an answer holds all rows or one block of a scheduled run, whose status says what it is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    Whole,
    Block,
}

/// Reads a whole answer and hands out its rows as they come.
pub(super) fn read(mut body: Body, columns: &Columns, extent: Extent, emit: Emit<'_>) -> Result<Summary, Error> {
    let mut rows = 0_u64;
    let since_row = body.since_row();
    let mut counted = |row| {
        rows += 1;
        since_row.set(0);
        emit(row)
    };
    let result = match body.first_byte() {
        Ok(Some(b'{')) => json::read(&mut body, columns, &mut counted),
        Ok(Some(b'<')) => xmlp::read(&mut body, columns, &mut counted),
        Ok(Some(_)) => Err(Error::NotSuccess { found: Found::Other }),
        Ok(None) => Err(Error::NotSuccess { found: Found::Empty }),
        Err(_) => Err(Error::unavailable(Reason::Broken)),
    };
    let error = match result {
        Ok(summary) => match summary.check(extent) {
            Ok(()) => return Ok(summary),
            Err(error) => error,
        },
        Err(error) => error,
    };
    if let Some(failure) = body.failure() {
        return Err(failure); // the parser only saw its input end
    }
    let explained = match error {
        Error::NotSuccess { .. } | Error::Query { .. } | Error::Unavailable { .. } if rows == 0 => {
            explain(&body.head())
        }
        _ => None,
    };
    Err(explained.unwrap_or(error))
}

impl Summary {
    /// Nothing but a result counts: rows, or a plain statement that there are none.
    fn check(&self, extent: Extent) -> Result<(), Error> {
        const GOOD: [&str; 3] = ["blockRetrieved", "finalBlockRetrieved", "success"];
        let good = |status: &str| GOOD.iter().any(|good| good.eq_ignore_ascii_case(status));
        let found = match (extent, self.block.as_deref()) {
            (Extent::Block, None) => Found::Status,
            (Extent::Whole, Some(status)) if !good(status) => Found::Status,
            (Extent::Whole, _) if !self.result_seen => Found::Other,
            // A missing `rows` with `numrows` 0 isn't documented; reading it as "none" is an assumption.
            (Extent::Whole, _) if self.got == 0 && self.expected.is_none() => Found::NoRows,
            (Extent::Whole, _) | (Extent::Block, Some(_)) => return Ok(()), // a block's status is judged with its run
        };
        Err(Error::NotSuccess { found })
    }
}

/// What an answer that was no success tells about itself: an error document, or a page for people.
pub(super) fn explain(answer: &str) -> Option<Error> {
    let Some(response) = ib_response::find(answer) else {
        let page = answer.trim_start_matches('\u{feff}').trim_start();
        let start: String = page.chars().take(1024).collect(); // further down it would be somebody's data
        let html = start.starts_with('<') && start.to_ascii_lowercase().contains("<html");
        return html.then_some(Error::NotSuccess { found: Found::Html });
    };
    if response.success {
        return Some(Error::NotSuccess { found: Found::Acknowledgement });
    }
    Some(Error::of_message(response.code, None))
}
