//! Windows of time as `PeopleSoft`'s own clock has them, in the steps that a source's prompts can tell apart. Asks nothing.
//!
//! Windows live on the database's clock and not in instants: its prompts are compared with that clock and its rows are
//! ordered by it, also in the hour that it shows twice.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use shared::peoplesoft::{self, time};

/// Microseconds of the steps that a format may have.
const STEPS: [i64; 5] = [1, SECOND, 60 * SECOND, 3600 * SECOND, DAY];
const SECOND: i64 = 1_000_000;
const DAY: i64 = 24 * 3600 * SECOND;

/// A source's prompts: how they write a time, and how finely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scale {
    format: String,
    /// Microseconds between two values that the prompts can tell apart.
    step: i64,
}

/// A span between two values of the prompts, both inclusive, counted in steps since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Where it begins.
    pub from: i64,
    /// Where it ends.
    pub until: i64,
}

impl Scale {
    /// The scale of a `prompt_format`. Zeros after the seconds stand for a fraction, which is filled in where rows have one.
    pub fn of(prompt_format: &str) -> Self {
        let format = prompt_format.strip_suffix("%S.000000").map(|whole| format!("{whole}%S.%6f"));
        let format = format.unwrap_or_else(|| prompt_format.to_owned());
        let write = |at: i64| time::prompt_value(civil(at), &format).ok();
        let step = STEPS.into_iter().find(|step| write(0) != write(*step)).unwrap_or(DAY);
        Self { format, step }
    }

    /// Whether the prompts know days only: both ends of a window then mean the whole day.
    pub fn is_by_day(&self) -> bool {
        self.step == DAY
    }

    /// The window that holds every row from `since` to `until`, both inclusive, whatever clock changes lie between.
    pub fn window(&self, since: Timestamp, until: Timestamp, zone: &TimeZone) -> Window {
        let (low, high) = time::window(since, until, zone); // `high` is a whole second already
        let low = micros(low).div_euclid(SECOND) * SECOND;
        let high = if self.is_by_day() { micros(high) } else { micros(high) + self.step - 1 };
        Window { from: low.div_euclid(self.step), until: high.div_euclid(self.step) }
    }

    /// The step in which a local time lies.
    pub fn place(&self, local: DateTime) -> i64 {
        micros(local).div_euclid(self.step)
    }

    /// The first instant of a step.
    pub fn instant(&self, place: i64, zone: &TimeZone) -> Option<Timestamp> {
        time::earliest(civil(place.saturating_mul(self.step)), zone)
    }

    /// The smallest window that holds all of one step.
    pub fn one(&self, place: i64) -> Window {
        Window { from: place, until: if self.is_by_day() { place } else { place + 1 } }
    }

    /// Two halves that leave nothing out between them; `None` for a second, or whatever is the least.
    pub fn halves(&self, Window { from, until }: Window) -> Option<[Window; 2]> {
        if self.is_by_day() {
            let middle = from + (until - from) / 2;
            return (from < until).then_some([Window { from, until: middle }, Window { from: middle + 1, until }]);
        }
        let second = (SECOND / self.step).max(1);
        let middle = from + (until - from) / 2 / second * second;
        // Rows between a value and the next belong to the half that ends with the next.
        (from < middle).then_some([Window { from, until: middle }, Window { from: middle, until }])
    }

    /// So many days more before the window.
    pub fn days_before(&self, window: Window, days: i64) -> Window {
        Window { from: window.from - days * DAY / self.step, ..window }
    }

    /// A value of the prompts.
    pub fn write(&self, place: i64) -> Result<String, peoplesoft::Error> {
        time::prompt_value(civil(place.saturating_mul(self.step)), &self.format)
    }
}

fn micros(local: DateTime) -> i64 {
    Offset::UTC.to_timestamp(local).map_or(i64::MAX / 2, Timestamp::as_microsecond)
}

fn civil(micros: i64) -> DateTime {
    let at = Timestamp::from_microsecond(micros);
    Offset::UTC.to_datetime(at.unwrap_or(if micros < 0 { Timestamp::MIN } else { Timestamp::MAX }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: &str = "%Y-%m-%d-%H.%M.%S.000000";

    fn window(format: &str, since: &str, until: &str) -> (Scale, Window) {
        let scale = Scale::of(format);
        let zone = TimeZone::get("America/Chicago").unwrap();
        let window = scale.window(since.parse().unwrap(), until.parse().unwrap(), &zone);
        (scale, window)
    }

    #[test]
    fn a_window_is_written_in_the_prompts_own_terms() {
        let check = |format: &str, since: &str, until: &str, expect: [&str; 2]| {
            let (scale, window) = window(format, since, until);
            assert_eq!([scale.write(window.from).unwrap(), scale.write(window.until).unwrap()], expect, "{format}");
        };
        let (since, until) = ("2026-03-17T21:00:00.5Z", "2026-03-17T21:10:00.25Z");
        check(USUAL, since, until, ["2026-03-17-16.00.00.000000", "2026-03-17-16.10.01.000000"]);
        check("%Y-%m-%d %H:%M:%S", since, until, ["2026-03-17 16:00:00", "2026-03-17 16:10:01"]);
        check("%Y-%m-%d %H:%M", since, until, ["2026-03-17 16:00", "2026-03-17 16:11"]);
        check("%Y-%m-%d", since, until, ["2026-03-17", "2026-03-17"]);
        // Midnight in Chicago is not midnight in UTC.
        check("%Y-%m-%d", "2026-03-17T04:59:59Z", "2026-03-17T05:00:00Z", ["2026-03-16", "2026-03-17"]);
        // Over the hour that comes twice, and over the one that doesn't come.
        check(
            USUAL,
            "2026-11-01T06:50:00Z",
            "2026-11-01T07:05:00Z",
            ["2026-11-01-01.00.00.000000", "2026-11-01-02.00.00.000000"],
        );
        check(
            USUAL,
            "2026-03-08T07:50:00Z",
            "2026-03-08T08:10:00Z",
            ["2026-03-08-01.50.00.000000", "2026-03-08-03.10.00.000000"],
        );
    }

    #[test]
    fn halves_leave_nothing_out() {
        let check = |format: &str, until: &str, expect: Option<[&str; 4]>| {
            let (scale, whole) = window(format, "2026-03-17T21:00:00Z", until);
            let halves = scale.halves(whole).map(|halves| {
                halves.map(|half| [half.from, half.until].map(|place| scale.write(place).unwrap())).concat()
            });
            assert_eq!(halves.as_deref(), expect.map(|expect| expect.map(str::to_owned)).as_ref().map(|e| &e[..]));
        };
        check(
            "%Y-%m-%d-%H.%M.%S",
            "2026-03-17T21:00:09Z",
            Some(["2026-03-17-16.00.00", "2026-03-17-16.00.04", "2026-03-17-16.00.04", "2026-03-17-16.00.09"]),
        );
        check("%Y-%m-%d-%H.%M.%S", "2026-03-17T21:00:01Z", None);
        check(USUAL, "2026-03-17T21:00:01Z", None);
        check("%Y-%m-%d", "2026-03-19T21:00:00Z", Some(["2026-03-17", "2026-03-18", "2026-03-19", "2026-03-19"]));
        check("%Y-%m-%d", "2026-03-17T23:00:00Z", None);
    }

    #[test]
    fn a_step_is_found_by_what_the_format_shows() {
        let check = |format: &str, expect: i64| assert_eq!(Scale::of(format).step, expect, "{format}");
        check(USUAL, 1);
        check("%Y-%m-%d-%H.%M.%S.%6f", 1);
        check("%Y-%m-%d %H:%M:%S", 1_000_000);
        check("%Y-%m-%d %H:%M", 60_000_000);
        check("%Y-%m-%d", DAY);
        check("%Y-%m-%d-00.00.00.000000", DAY);
    }
}
