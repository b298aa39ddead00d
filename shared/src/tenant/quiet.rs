//! Quiet hours: when people are left alone, by the clock on their own wall.

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

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
        self.around(at, zone).map(|(_, end)| end).max().unwrap_or(at)
    }

    /// When it got quiet, if it is quiet at `at`.
    pub fn began(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        self.around(at, zone).map(|(start, _)| start).min()
    }

    /// When the next quiet span begins after `at`; `None` if there is none.
    pub fn next_start(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        self.spans(at, zone, 0).map(|(start, _)| start).find(|start| *start > at)
    }

    /// The quiet spans in which `at` lies.
    fn around<'a>(&'a self, at: Timestamp, zone: &'a TimeZone) -> impl Iterator<Item = (Timestamp, Timestamp)> + 'a {
        let spans = self.spans(at, zone, -1).take(2); // yesterday's may last until today
        spans.filter(move |(start, end)| *start <= at && at < *end)
    }

    /// The quiet spans that begin on the day of `at`, or so many days from it, and on the three days after that.
    fn spans<'a>(
        &'a self,
        at: Timestamp,
        zone: &'a TimeZone,
        from: i32,
    ) -> impl Iterator<Item = (Timestamp, Timestamp)> + 'a {
        let today = at.to_zoned_datetime(zone.clone()).date();
        (from..from + 4).filter(|_| self.start != self.end).filter_map(move |days| {
            let date = today.checked_add(days.days()).ok()?;
            let until = if self.start < self.end { date } else { date.tomorrow().ok()? };
            // A local time that doesn't exist is read as just outside of the gap, one that exists twice as the earlier or the
            // later: people are left alone rather too long than too short.
            let start = zone.to_ambiguous_zoned_datetime(date.to_datetime(self.start)).earlier().ok()?;
            let end = zone.to_ambiguous_zoned_datetime(until.to_datetime(self.end)).later().ok()?;
            Some((start.timestamp(), end.timestamp()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::DateTime;

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

    /// Every minute of the two days around each change of the clocks.
    #[test]
    fn nothing_quiet_by_the_wall_clock_is_ever_allowed() {
        let zone = TimeZone::get("America/Chicago").unwrap();
        for (start, end) in [
            ("21:00", "08:00"),
            ("21:00", "01:30"),
            ("21:00", "02:30"),
            ("02:15", "02:45"),
            ("01:15", "01:45"),
            ("12:00", "13:00"),
        ] {
            let (hours, _) = hours(start, end);
            for noon in ["2026-03-07T12:00", "2026-10-31T12:00"] {
                let mut from = at(noon, &zone);
                for _ in 0..2 * 24 * 60 {
                    let allowed = hours.next_allowed(from, &zone);
                    let time = allowed.to_zoned_datetime(zone.clone()).time();
                    let quiet = if hours.start < hours.end {
                        hours.start <= time && time < hours.end
                    } else {
                        hours.start <= time || time < hours.end
                    };
                    assert!(!quiet && allowed >= from, "{start}-{end}: {from} gave {allowed}");
                    assert_eq!(hours.next_allowed(allowed, &zone), allowed, "{start}-{end}");
                    assert!(hours.next_start(allowed, &zone).unwrap() > allowed, "{start}-{end}");
                    from = from.checked_add(1.minute()).unwrap();
                }
            }
        }
    }

    #[test]
    fn when_it_got_quiet() {
        let check = |start: &str, end: &str, from: &str, expect: Option<&str>| {
            let (hours, zone) = hours(start, end);
            let got = hours.began(at(from, &zone), &zone).map(|at| at.to_zoned_datetime(zone.clone()).datetime());
            assert_eq!(got, expect.map(|text| text.parse().unwrap()), "{start}-{end} at {from}");
        };
        check("21:00", "08:00", "2026-03-18T05:00", Some("2026-03-17T21:00"));
        check("21:00", "08:00", "2026-03-17T21:00", Some("2026-03-17T21:00"));
        check("21:00", "08:00", "2026-03-17T12:00", None);
        check("12:00", "13:00", "2026-03-17T12:30", Some("2026-03-17T12:00"));
        check("21:00", "21:00", "2026-03-17T12:00", None);
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
