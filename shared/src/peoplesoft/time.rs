//! `PeopleSoft`'s dates and times: local to the database's base time zone, without an offset, in a handful of forms. It
//! never guesses at another form, and an error shows a value's shape, never the value.

use super::error::Error;
use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{RoundMode, SignedDuration, Timestamp, Unit};

/// A text that is no date or time in a form we know, reduced to its shape: letters as `A`, digits as `9`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a value of the form {0:?} is no {1} that PeopleSoft writes")]
pub struct Shape(String, &'static str);

/// Reads a datetime column. Blank is `None`, a date alone its midnight.
///
/// An offset in the text wins over the zone. A local time that occurs twice is read as the earlier instant, one that is
/// skipped as the first instant after the gap. Forms: `2016-11-11-00.59.29.000000` (recorded), `2011-01-01 18:10:52.000000`
/// (recorded), `2016-11-11T00:59:29-0700` (an assumption, of gateways), `2014-09-02` (recorded).
pub fn parse_datetime(text: &str, zone: &TimeZone) -> Result<Option<Timestamp>, Shape> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let read = datetime(text).and_then(|(local, offset)| match offset {
        Some(offset) => offset.to_timestamp(local).ok(),
        None => earliest(local, zone),
    });
    read.map(Some).ok_or_else(|| Shape::of(text, "datetime"))
}

/// Reads a date column, or the day of a datetime as it is written. Blank is `None`.
pub fn parse_date(text: &str) -> Result<Option<Date>, Shape> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    datetime(text).map(|(local, _)| Some(local.date())).ok_or_else(|| Shape::of(text, "date"))
}

/// Reads a time column: ` 9:05`, `18:10:52`, `09.00`, `19.00.00.000000`. Blank is `None`.
pub fn parse_time(text: &str) -> Result<Option<Time>, Shape> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let read = || {
        let mut rest = Cursor(text);
        // Only the colon form drops the leading zero: `9.05` is rather a number of hours.
        let one_digit = text.as_bytes().get(1) == Some(&b':');
        let hour = rest.number(if one_digit { 1 } else { 2 })?;
        let separator = if rest.eat(':') { ':' } else { rest.eat('.').then_some('.')? };
        let minute = rest.number(2)?;
        let (mut second, mut nanosecond) = (0, 0);
        if rest.eat(separator) {
            (second, nanosecond) = (rest.number(2)?, rest.fraction()?);
        }
        rest.0.is_empty().then_some(clock_time(hour, minute, second, nanosecond)?)
    };
    read().map(Some).ok_or_else(|| Shape::of(text, "time"))
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

fn earliest(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
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

fn datetime(text: &str) -> Option<(DateTime, Option<Offset>)> {
    let mut rest = Cursor(text);
    let year = rest.number(4)?;
    let month = rest.eat('-').then(|| rest.number(2))??;
    let day = rest.eat('-').then(|| rest.number(2))??;
    let date = Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    if rest.0.is_empty() {
        return Some((date.at(0, 0, 0, 0), None));
    }
    let (separator, may_have_offset) = match rest.next()? {
        '-' => ('.', false),
        ' ' => (':', false),
        'T' => (':', true),
        _ => return None,
    };
    let hour = rest.number(2)?;
    let minute = rest.eat(separator).then(|| rest.number(2))??;
    let second = rest.eat(separator).then(|| rest.number(2))??;
    let nanosecond = rest.fraction()?;
    let local = date.to_datetime(clock_time(hour, minute, second, nanosecond)?);
    let offset = if may_have_offset { rest.offset()? } else { None };
    rest.0.is_empty().then_some((local, offset))
}

fn clock_time(hour: i32, minute: i32, second: i32, nanosecond: i32) -> Option<Time> {
    let part = |part: i32| i8::try_from(part).ok();
    Time::new(part(hour)?, part(minute)?, part(second)?, nanosecond).ok()
}

/// What is left of a text.
struct Cursor<'a>(&'a str);

impl Cursor<'_> {
    fn next(&mut self) -> Option<char> {
        let mut rest = self.0.chars();
        let next = rest.next();
        self.0 = rest.as_str();
        next
    }

    fn eat(&mut self, wanted: char) -> bool {
        let rest = self.0.strip_prefix(wanted);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// Exactly so many digits.
    fn number(&mut self, digits: usize) -> Option<i32> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse().ok())?
    }

    /// Nothing, or a dot and one to nine digits, as nanoseconds.
    fn fraction(&mut self) -> Option<i32> {
        if !self.eat('.') {
            return Some(0);
        }
        let digits = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let scale = 9_usize.checked_sub(digits)?;
        Some(self.number(digits).filter(|_| digits > 0)? * 10_i32.pow(u32::try_from(scale).ok()?))
    }

    /// Nothing, `Z`, `±HH:MM` or `±HHMM`. The outer `None`: something else.
    #[allow(clippy::option_option)] // absent and wrong are different answers
    fn offset(&mut self) -> Option<Option<Offset>> {
        if self.0.is_empty() {
            return Some(None);
        }
        let sign = match self.next()? {
            'Z' => return Some(Some(Offset::UTC)),
            '+' => 1,
            '-' => -1,
            _ => return None,
        };
        let hours = self.number(2)?;
        self.eat(':');
        let minutes = self.number(2).filter(|minutes| *minutes < 60)?;
        Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok().map(Some)
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
