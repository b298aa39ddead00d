//! Dates and times as `PeopleSoft` writes them, told apart by their form. Knows no time zone: a value without an offset stays
//! local until somebody who knows the zone decides.

use jiff::civil::{Date, DateTime, Time};
use jiff::{Timestamp, tz::Offset};

/// What a text says, as precisely as it says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A date and time with an offset: `2016-11-11T00:59:29-0700`.
    Instant(Timestamp),
    /// A date and time without one: `2016-11-11-00.59.29.000000`, `2011-01-01 18:10:52.000000`.
    Local(DateTime),
    /// A date: `2014-09-02`.
    Date(Date),
    /// A time of day: ` 9:05`, `09.00`, `19.00.00.000000`.
    Time(Time),
}

impl Moment {
    /// Reads any of the forms; `None` for everything else, a date that doesn't exist included.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let Some((date, rest)) = split_date(text) else { return time(text).map(Self::Time) };
        let mut rest = rest.chars();
        match rest.next() {
            None => return Some(Self::Date(date)),
            Some('-' | ' ' | 'T' | 't') => {}
            Some(_) => return None,
        }
        let (clock, offset) = split_offset(rest.as_str());
        let local = date.to_datetime(time(clock)?);
        match offset {
            None => Some(Self::Local(local)),
            Some(offset) => Some(Self::Instant(parse_offset(offset)?.to_timestamp(local).ok()?)),
        }
    }
}

fn split_date(text: &str) -> Option<(Date, &str)> {
    let (date, rest) = text.split_at_checked(10)?;
    let mut parts = date.split('-');
    let mut number = |length: usize| parts.next().filter(|part| part.len() == length).and_then(digits);
    let (year, month, day) = (number(4)?, number(2)?, number(2)?);
    let date = Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    parts.next().is_none().then_some((date, rest))
}

/// `H:MM`, `HH:MM[:SS[.f]]` or the same with dots throughout.
fn time(text: &str) -> Option<Time> {
    let text = text.trim();
    let (separator, fraction_separator) = if text.contains(':') { (':', '.') } else { ('.', '.') };
    let mut parts = text.splitn(3, separator);
    let hour = parts.next().filter(|part| (1..=2).contains(&part.len())).and_then(digits)?;
    let minute = parts.next().filter(|part| part.len() == 2).and_then(digits)?;
    let (second, nanosecond) = match parts.next() {
        None => (0, 0),
        Some(rest) => {
            let (second, fraction) = rest.split_once(fraction_separator).unwrap_or((rest, ""));
            let second = Some(second).filter(|part| part.len() == 2).and_then(digits)?;
            (second, if fraction.is_empty() && !rest.contains(fraction_separator) { 0 } else { nanoseconds(fraction)? })
        }
    };
    let small = |number: u32| i8::try_from(number).ok();
    Time::new(small(hour)?, small(minute)?, small(second)?, i32::try_from(nanosecond).ok()?).ok()
}

fn nanoseconds(fraction: &str) -> Option<u32> {
    if !(1..=9).contains(&fraction.len()) {
        return None;
    }
    Some(digits(fraction)? * 10_u32.pow(9 - u32::try_from(fraction.len()).ok()?))
}

fn split_offset(clock: &str) -> (&str, Option<&str>) {
    match clock.find(['Z', 'z', '+', '-']) {
        Some(at) => (&clock[..at], Some(&clock[at..])),
        None => (clock, None),
    }
}

fn parse_offset(text: &str) -> Option<Offset> {
    if text.eq_ignore_ascii_case("z") {
        return Some(Offset::UTC);
    }
    let (sign, rest) = if let Some(rest) = text.strip_prefix('-') { (-1, rest) } else { (1, text.strip_prefix('+')?) };
    let plain = rest.replacen(':', "", 1);
    let (hours, minutes) = plain.split_at_checked(2)?;
    let minutes = if minutes.is_empty() { 0 } else { Some(minutes).filter(|part| part.len() == 2).and_then(digits)? };
    let seconds = digits(hours)? * 3600 + minutes * 60;
    if minutes > 59 {
        return None;
    }
    Offset::from_seconds(sign * i32::try_from(seconds).ok()?).ok()
}

fn digits(text: &str) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) { None } else { text.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_form_is_read() {
        let check = |text: &str, expect: Option<&str>| {
            let got = Moment::parse(text).map(|moment| match moment {
                Moment::Instant(at) => format!("instant {at}"),
                Moment::Local(local) => format!("local {local}"),
                Moment::Date(date) => format!("date {date}"),
                Moment::Time(time) => format!("time {time}"),
            });
            assert_eq!(got.as_deref(), expect, "{text:?}");
        };
        check("2016-11-11-00.59.29.000000", Some("local 2016-11-11T00:59:29"));
        check("2016-11-11-00.59.29", Some("local 2016-11-11T00:59:29"));
        check("2011-01-01 18:10:52.000000", Some("local 2011-01-01T18:10:52"));
        check("2011-01-01 18:10:52.5", Some("local 2011-01-01T18:10:52.5"));
        check("2016-11-11T00:59:29-0700", Some("instant 2016-11-11T07:59:29Z"));
        check("2016-11-11T00:59:29.123456789+05:30", Some("instant 2016-11-10T19:29:29.123456789Z"));
        check("2016-11-11T00:59:29Z", Some("instant 2016-11-11T00:59:29Z"));
        check("2014-09-02", Some("date 2014-09-02"));
        check(" 9:05", Some("time 09:05:00"));
        check("11:45", Some("time 11:45:00"));
        check("09.00", Some("time 09:00:00"));
        check("19.00.00.000000", Some("time 19:00:00"));
        check("19:00:30", Some("time 19:00:30"));
        for bad in ["", "28 Feb 2022", "02/28/2022", "2022-02-30", "2022-02-28x", "2022-02-28-25.00.00", "2022-02-28T10:00:00+25:99", "9", "9:5", "noon", "2022-02-28-", "10.5"] {
            check(bad, None);
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_panic(text in ".{0,40}", near in "[0-9]{4}-[0-9]{2}-[0-9]{2}[-T ][0-9:.]{0,20}[Z+-]?[0-9:]{0,6}") {
            let _ = Moment::parse(&text);
            let _ = Moment::parse(&near);
        }
    }
}
