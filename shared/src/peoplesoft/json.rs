//! Reads the JSON form of a query's rows as it streams. Columns that nobody asked for are skipped where they stand and
//! never become values.

use super::error::{Error, Found, Reason};
use super::reader::{Emit, Summary};
use super::row::{Columns, Draft, Row};
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;
use std::io::Read;

/// `{"status": "success", "data": {"query": {"numrows": 1, "rows": [{…}]}}}`: members in any order, unknown ones ignored
/// (recorded at the University of Adelaide).
pub(super) fn read(body: impl Read, columns: &Columns, emit: Emit<'_>) -> Result<Summary, Error> {
    let mut state = State {
        columns,
        emit,
        summary: Summary::default(),
        success: false,
        early: Vec::new(),
        rows_seen: false,
        failure: None,
    };
    let mut document = serde_json::Deserializer::from_reader(body);
    let outcome =
        Step { level: Level::Document, state: &mut state }.deserialize(&mut document).and_then(|()| document.end());
    if let Some(failure) = state.failure {
        return Err(failure);
    }
    if let Err(error) = outcome {
        // serde's error is dropped on purpose: its text may quote a value.
        let reason = if error.is_eof() { Reason::CutOff } else { Reason::Unreadable };
        return Err(Error::unavailable(reason));
    }
    if !state.success {
        return Err(Error::NotSuccess { found: Found::Status });
    }
    if !state.rows_seen && state.summary.expected != Some(0) {
        return Err(Error::NotSuccess { found: Found::NoRows });
    }
    Ok(Summary { result_seen: true, ..state.summary })
}

struct State<'a> {
    columns: &'a Columns,
    emit: Emit<'a>,
    summary: Summary,
    success: bool,
    /// Rows that came before the status, which may yet say that they are none.
    early: Vec<Row>,
    rows_seen: bool,
    /// Why we stopped reading a document that may be perfectly well-formed.
    failure: Option<Error>,
}

#[derive(Clone, Copy)]
enum Level {
    Document,
    Data,
    Query,
    /// The array of rows, or a row: a converter that met a single row may have left the array out.
    Rows,
}

/// One level of the document. Whatever isn't an object or an array there holds nothing for us.
struct Step<'s, 'a> {
    level: Level,
    state: &'s mut State<'a>,
}

impl<'de> DeserializeSeed<'de> for Step<'_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Step<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if let Level::Rows = self.level {
            return self.row(map);
        }
        while let Some(member) = map.next_key::<String>()? {
            let below = match (self.level, member.as_str()) {
                (Level::Document, "status") => {
                    let status = text(&map.next_value::<Box<RawValue>>()?).map_err(A::Error::custom)?;
                    self.state.success = status.is_some_and(|status| status.trim().eq_ignore_ascii_case("success"));
                    if !self.state.success {
                        return self.stop(Error::NotSuccess { found: Found::Status });
                    }
                    let state = &mut *self.state;
                    if let Err(error) = std::mem::take(&mut state.early).into_iter().try_for_each(&mut state.emit) {
                        return self.stop(error);
                    }
                    continue;
                }
                (Level::Query, "numrows") => {
                    let count = text(&map.next_value::<Box<RawValue>>()?).map_err(A::Error::custom)?;
                    self.state.summary.expected = count.and_then(|count| count.trim().parse().ok());
                    continue;
                }
                // The caller reads it in the head.
                (_, "IBResponse") => return self.stop(Error::NotSuccess { found: Found::Status }),
                (Level::Document, "data") => Level::Data,
                (Level::Data, "query") => Level::Query,
                (Level::Query, "rows") => {
                    self.state.rows_seen = true;
                    Level::Rows
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            map.next_value_seed(Step { level: below, state: &mut *self.state })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        if let Level::Rows = self.level {
            while seq.next_element_seed(Step { level: Level::Rows, state: &mut *self.state })?.is_some() {}
        } else {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

impl Step<'_, '_> {
    fn row<'de, A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut draft = Draft::default();
        let mut is_empty = true;
        while let Some(column) = map.next_key::<String>()? {
            is_empty = false;
            if !self.state.columns.wants(&column) {
                map.next_value::<IgnoredAny>()?;
            } else if let Some(value) = text(&map.next_value::<Box<RawValue>>()?).map_err(A::Error::custom)? {
                self.state.columns.put(&mut draft, &column, &value);
            }
        }
        if is_empty {
            return Ok(()); // what a converter may make of no rows
        }
        self.state.summary.got += 1;
        let row = match self.state.columns.finish(draft) {
            Ok(row) => row,
            Err(error) => return self.stop(error),
        };
        if !self.state.success {
            self.state.early.push(row);
            return Ok(());
        }
        (self.state.emit)(row).or_else(|error| self.stop(error))
    }

    fn stop<E: serde::de::Error>(self, error: Error) -> Result<(), E> {
        self.state.failure = Some(error);
        Err(E::custom("stopped"))
    }
}

/// A value as text, a number exactly as it was written. An object or an array is no value.
fn text(value: &RawValue) -> Result<Option<String>, serde_json::Error> {
    let raw = value.get();
    Ok(match raw.bytes().next() {
        Some(b'"') => Some(serde_json::from_str(raw)?),
        Some(b'n') => Some(String::new()),
        Some(b'{' | b'[') | None => None,
        Some(_) => Some(raw.to_owned()),
    })
}
