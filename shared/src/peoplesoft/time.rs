//! `PeopleSoft`'s dates and times: local to the database's base time zone, without an offset, in the handful of forms that
//! [`crate::moment`] reads. An error shows a value's shape, never the value.

use super::error::Error;
use crate::moment::Moment;
use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{RoundMode, SignedDuration, Timestamp, Unit};

/// A text that is no date or time in a form we know, reduced to its shape: letters as `A`, digits as `9`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a value of the form {0:?} is no {1} that PeopleSoft writes")]
pub struct Shape(String, &'static str);

/// What a datetime column says, which need not be one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct When {
    /// The time on the database's own clock: what its prompts are compared with and its rows are ordered by.
    pub local: DateTime,
    /// The first instant that fits, and the one to use.
    pub earliest: Timestamp,
    /// The last that fits: an hour later where the clocks were set back, the end of the day for a date alone.
    pub latest: Timestamp,
    /// Whether it is a date alone.
    pub is_date: bool,
}

/// Reads a datetime column. Blank is `None`.
///
/// An offset in the text wins over the zone. A local time that occurs twice fits two instants, one that is skipped is read
/// as the first instant after the gap.
pub fn parse_when(text: &str, zone: &TimeZone) -> Result<Option<When>, Shape> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let read = match Moment::parse(text) {
        Some(Moment::Instant(at)) => {
            Some(When { local: zone.to_datetime(at), earliest: at, latest: at, is_date: false })
        }
        Some(Moment::Local(local)) => one_time(local, zone),
        Some(Moment::Date(date)) => whole_day(date, zone),
        Some(Moment::Time(_)) | None => None,
    };
    read.map(Some).ok_or_else(|| Shape::of(text, "datetime"))
}

/// The same as one instant: the earliest that fits, a date alone being its midnight.
pub fn parse_datetime(text: &str, zone: &TimeZone) -> Result<Option<Timestamp>, Shape> {
    Ok(parse_when(text, zone)?.map(|when| when.earliest))
}

/// Writes a prompt's value. `format` is in `strftime` terms, usually `%Y-%m-%d-%H.%M.%S.000000`.
pub fn prompt_value(local: DateTime, format: &str) -> Result<String, Error> {
    let why = "its format asks for something that a local time doesn't have";
    strtime::format(format, local).map_err(|_| Error::BadPrompt { prompt: format.to_owned(), why })
}

/// The local times between which every row stamped from `since` to `until` lies, both inclusive.
///
/// Where the clocks go back inside the window, local time runs through the same hour twice, so the first and the last
/// instant need not be the smallest and the largest local time: the pair is widened to those. The end is rounded up to a
/// whole second, since prompts are rendered without fractions. Rows read twice for it fall on keys that exist.
pub fn window(since: Timestamp, until: Timestamp, zone: &TimeZone) -> (DateTime, DateTime) {
    let (mut low, mut high) = (zone.to_datetime(since), zone.to_datetime(until));
    for change in zone.following(since).take_while(|change| change.timestamp() <= until) {
        let at = change.timestamp();
        let before =
            at.checked_sub(SignedDuration::from_nanos(1)).map_or(change.offset(), |before| zone.to_offset(before));
        low = low.min(change.offset().to_datetime(at));
        high = high.max(before.to_datetime(at)); // the end of the first pass, though the clock never shows it
    }
    let whole = jiff::civil::DateTimeRound::new().smallest(Unit::Second).mode(RoundMode::Ceil);
    (low, high.round(whole).unwrap_or(high))
}

fn one_time(local: DateTime, zone: &TimeZone) -> Option<When> {
    let earliest = earliest(local, zone)?;
    let ambiguous = zone.to_ambiguous_timestamp(local);
    let latest = if let AmbiguousOffset::Fold { .. } = ambiguous.offset() { ambiguous.later().ok()? } else { earliest };
    Some(When { local, earliest, latest, is_date: false })
}

fn whole_day(date: Date, zone: &TimeZone) -> Option<When> {
    let midnight = |date: Date| earliest(date.at(0, 0, 0, 0), zone);
    let end = midnight(date.tomorrow().ok()?)?;
    let latest = end.checked_sub(SignedDuration::from_nanos(1)).ok()?;
    Some(When { local: date.at(0, 0, 0, 0), earliest: midnight(date)?, latest, is_date: true })
}

/// The first instant that a local time fits; of one that is skipped, the first after the gap.
pub fn earliest(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    match ambiguous.offset() {
        AmbiguousOffset::Gap { after, .. } => {
            // With the later offset the skipped time lies just before the change that skipped it.
            let before = after.to_timestamp(local).ok()?;
            zone.following(before).next().map(|change| change.timestamp())
        }
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => ambiguous.earlier().ok(),
    }
}

impl Shape {
    fn of(text: &str, wanted: &'static str) -> Self {
        const LONGEST: usize = 40;
        let shape = |character: char| match character {
            character if character.is_alphabetic() => 'A',
            character if character.is_numeric() => '9',
            character if character.is_ascii_graphic() || character == ' ' => character,
            _ => '?',
        };
        let mut form: String = text.chars().take(LONGEST).map(shape).collect();
        if text.chars().nth(LONGEST).is_some() {
            form.push('…');
        }
        Self(form, wanted)
    }
}
