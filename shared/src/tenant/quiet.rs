//! Quiet hours: when people are left alone, by the clock on their own wall.

use jiff::Timestamp;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;

/// A daily span in which nothing starts; the beginning belongs to it, the end doesn't. It may reach over midnight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuietHours {
    /// When it begins.
    pub start: Time,
    /// When it ends.
    pub end: Time,
    /// Where an employee is whose own time zone isn't known.
    pub time_zone: TimeZone,
}

impl QuietHours {
    /// The first instant at or after `at` that isn't quiet. Equal ends mean that there are no quiet hours.
    pub fn next_allowed(&self, at: Timestamp, zone: &TimeZone) -> Timestamp {
        let local = at.to_zoned_datetime(zone.clone()).datetime();
        if !self.is_quiet(local.time()) {
            return at;
        }
        let date = local.date();
        let date = if local.time() < self.end { date } else { date.tomorrow().unwrap_or(date) };
        // A wall clock set back may show the end twice, or be quiet again just after it: the first end that is really over.
        [date.to_datetime(self.end)]
            .into_iter()
            .filter_map(|end| instant(end, zone))
            .find(|end| *end > at)
            .unwrap_or(at)
    }

    /// When the next quiet span begins after `at`; `None` if there is none.
    pub fn next_start(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        if self.start == self.end {
            return None;
        }
        let local = at.to_zoned_datetime(zone.clone()).datetime();
        let today = local.date().to_datetime(self.start);
        let tomorrow = local.date().tomorrow().ok()?.to_datetime(self.start);
        [today, tomorrow].into_iter().filter_map(|start| instant(start, zone)).find(|start| *start > at)
    }

    fn is_quiet(&self, time: Time) -> bool {
        if self.start <= self.end {
            self.start <= time && time < self.end
        } else {
            self.start <= time || time < self.end
        }
    }
}

/// A local time that doesn't exist is read as the first instant after the gap, one that exists twice as the later: people
/// are left alone rather too long than too short.
fn instant(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    zone.to_ambiguous_zoned_datetime(local).later().ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(start: &str, end: &str) -> (QuietHours, TimeZone) {
        let zone = TimeZone::get("America/Chicago").unwrap();
        (QuietHours { start: start.parse().unwrap(), end: end.parse().unwrap(), time_zone: zone.clone() }, zone)
    }

    fn at(text: &str, zone: &TimeZone) -> Timestamp {
        text.parse::<DateTime>().unwrap().to_zoned_datetime(zone.clone()).unwrap().timestamp()
    }

    #[test]
    fn the_next_allowed_instant() {
        let check = |start: &str, end: &str, from: &str, expect: &str| {
            let (hours, zone) = hours(start, end);
            let got = hours.next_allowed(at(from, &zone), &zone).to_zoned_datetime(zone.clone()).datetime();
            assert_eq!(got, expect.parse().unwrap(), "{start}-{end} from {from}");
        };
        check("21:00", "08:00", "2026-03-17T12:00", "2026-03-17T12:00");
        check("21:00", "08:00", "2026-03-17T20:59:59", "2026-03-17T20:59:59");
        check("21:00", "08:00", "2026-03-17T21:00", "2026-03-18T08:00");
        check("21:00", "08:00", "2026-03-17T07:59:59", "2026-03-17T08:00");
        check("21:00", "08:00", "2026-03-17T08:00", "2026-03-17T08:00");
        check("12:00", "13:00", "2026-03-17T12:30", "2026-03-17T13:00");
        check("00:00", "00:00", "2026-03-17T12:30", "2026-03-17T12:30");
        // Clocks forward on 2026-03-08, back on 2026-11-01, both at 02:00.
        check("21:00", "08:00", "2026-03-07T23:00", "2026-03-08T08:00");
        check("21:00", "02:30", "2026-03-07T23:00", "2026-03-08T03:30");
        check("21:00", "08:00", "2026-10-31T23:00", "2026-11-01T08:00");
    }

    #[test]
    fn an_end_in_the_repeated_hour_is_its_second_time() {
        let (hours, zone) = hours("21:00", "01:30");
        let end = hours.next_allowed(at("2026-10-31T23:00", &zone), &zone);
        assert_eq!(end, "2026-11-01T07:30:00Z".parse().unwrap()); // 01:30 CST, not CDT
    }

    #[test]
    fn the_next_start() {
        let check = |start: &str, end: &str, from: &str, expect: Option<&str>| {
            let (hours, zone) = hours(start, end);
            let got = hours.next_start(at(from, &zone), &zone).map(|at| at.to_zoned_datetime(zone.clone()).datetime());
            assert_eq!(got, expect.map(|text| text.parse().unwrap()), "{start}-{end} from {from}");
        };
        check("21:00", "08:00", "2026-03-17T12:00", Some("2026-03-17T21:00"));
        check("21:00", "08:00", "2026-03-17T21:00", Some("2026-03-18T21:00"));
        check("21:00", "21:00", "2026-03-17T12:00", None);
    }
}
