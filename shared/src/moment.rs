//! Dates and times as `PeopleSoft` writes them, told apart by their form; the only place that reads them. Knows no time
//! zone: a value without an offset stays local until somebody who knows the zone decides. Never guesses at another form.

use jiff::civil::{Date, DateTime, Time};
use jiff::{Timestamp, tz::Offset};

/// What a text says, as precisely as it says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A date and time with an offset: `2016-11-11T00:59:29-0700` (an assumption, of gateways).
    Instant(Timestamp),
    /// A date and time without one: `2016-11-11-00.59.29.000000`, `2011-01-01 18:10:52.000000` (both recorded).
    Local(DateTime),
    /// A date: `2014-09-02` (recorded).
    Date(Date),
    /// A time of day: ` 9:05`, `09.00`, `19.00.00.000000` (all recorded).
    Time(Time),
}

impl Moment {
    /// Reads any of the forms, white space around it apart; `None` for everything else, a date that doesn't exist included.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        date(text).map_or_else(|| time(text).map(Self::Time), |(date, rest)| with_date(date, rest))
    }
}

/// `YYYY-MM-DD`, and what follows it.
fn date(text: &str) -> Option<(Date, Cursor<'_>)> {
    let mut rest = Cursor(text);
    let year = rest.number(4)?;
    let month = rest.eat('-').then(|| rest.number(2))??;
    let day = rest.eat('-').then(|| rest.number(2))??;
    let date = Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    Some((date, rest))
}

/// Nothing, `-HH.MM.SS[.f]`, ` HH:MM:SS[.f]`, or `THH:MM:SS[.f]` with or without an offset.
fn with_date(date: Date, mut rest: Cursor<'_>) -> Option<Moment> {
    let (separator, may_have_offset) = match rest.next() {
        None => return Some(Moment::Date(date)),
        Some('-') => ('.', false),
        Some(' ') => (':', false),
        Some('T') => (':', true),
        Some(_) => return None,
    };
    let hour = rest.number(2)?;
    let minute = rest.eat(separator).then(|| rest.number(2))??;
    let second = rest.eat(separator).then(|| rest.number(2))??;
    let nanosecond = rest.fraction()?;
    let local = date.to_datetime(clock_time(hour, minute, second, nanosecond)?);
    if rest.0.is_empty() {
        return Some(Moment::Local(local));
    }
    let offset = may_have_offset.then(|| rest.offset())??;
    let instant = offset.to_timestamp(local).ok()?;
    rest.0.is_empty().then_some(Moment::Instant(instant))
}

/// `H:MM`, `HH:MM[:SS[.f]]`, `HH.MM[.SS[.f]]`. Only the colon form drops the leading zero: `9.05` is rather a number.
fn time(text: &str) -> Option<Time> {
    let mut rest = Cursor(text);
    let one_digit = text.as_bytes().get(1) == Some(&b':');
    let hour = rest.number(if one_digit { 1 } else { 2 })?;
    let separator = rest.next().filter(|separator| matches!(separator, ':' | '.'))?;
    let minute = rest.number(2)?;
    let (mut second, mut nanosecond) = (0, 0);
    if rest.eat(separator) {
        (second, nanosecond) = (rest.number(2)?, rest.fraction()?);
    }
    let time = clock_time(hour, minute, second, nanosecond)?;
    rest.0.is_empty().then_some(time)
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

    /// `Z`, `±HH:MM` or `±HHMM`.
    fn offset(&mut self) -> Option<Offset> {
        let sign = match self.next()? {
            'Z' => return Some(Offset::UTC),
            '+' => 1,
            '-' => -1,
            _ => return None,
        };
        let hours = self.number(2)?;
        self.eat(':');
        let minutes = self.number(2).filter(|minutes| *minutes < 60)?;
        Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
    }
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
        check("2016-11-11T00:59:29", Some("local 2016-11-11T00:59:29"));
        check("2014-09-02", Some("date 2014-09-02"));
        check(" 9:05", Some("time 09:05:00"));
        check("11:45", Some("time 11:45:00"));
        check("09.00", Some("time 09:00:00"));
        check("19.00.00.000000", Some("time 19:00:00"));
        check("19:00:30", Some("time 19:00:30"));
        check("18:10:52.25", Some("time 18:10:52.25"));
        check("9:05:30", Some("time 09:05:30"));
        for bad in [
            "",
            "28 Feb 2022",
            "02/28/2022",
            "2022-02-30",
            "2022-02-28x",
            "2022-02-28-",
            "2022-2-28",
            "2022-02-28-25.00.00",
            "2022-02-28-10:00:00",
            "2022-02-28-10.00",
            "2022-02-28 10.00.00",
            "2022-02-28 10:00:00Z",
            "2022-02-28T10:00:00+25:99",
            "2022-02-28T10:00:00+5",
            "2022-02-28-10.00.00.",
            "2022-02-28-10.00.00.1234567890",
            "9",
            "9:5",
            "9.05",
            "10.5",
            "24:00",
            "7:00 PM",
            "07:00.00",
            "noon",
            "é:00",
        ] {
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
