//! Time zones by the names that PeopleSoft rows carry: IANA names, the tenant's own table, and the usual codes.

use super::Tenant;
use jiff::tz::TimeZone;

/// `PeopleSoft`'s delivered codes for North America and a few besides; schedules carry them in 9 characters.
const CODES: &[(&str, &str)] = &[
    ("EST", "America/New_York"),
    ("EDT", "America/New_York"),
    ("EASTERN", "America/New_York"),
    ("CST", "America/Chicago"),
    ("CDT", "America/Chicago"),
    ("CENTRAL", "America/Chicago"),
    ("MST", "America/Denver"),
    ("MDT", "America/Denver"),
    ("MOUNTAIN", "America/Denver"),
    ("AZ", "America/Phoenix"),
    ("ARIZONA", "America/Phoenix"),
    ("PST", "America/Los_Angeles"),
    ("PDT", "America/Los_Angeles"),
    ("PACIFIC", "America/Los_Angeles"),
    ("AKST", "America/Anchorage"),
    ("AST", "America/Halifax"),
    ("HST", "Pacific/Honolulu"),
    ("HAWAII", "Pacific/Honolulu"),
    ("NST", "America/St_Johns"),
    ("GMT", "Europe/London"),
    ("BST", "Europe/London"),
    ("CET", "Europe/Berlin"),
    ("UTC", "UTC"),
];

impl Tenant {
    /// The time zone of a name in a row: the tenant's own table first, then IANA, then the usual codes. `None` if nobody knows it.
    pub fn zone(&self, name: &str) -> Option<TimeZone> {
        let name = name.trim();
        if name.is_empty() {
            return None;
        }
        let own =
            || self.time_zones.iter().find(|(code, _)| code.eq_ignore_ascii_case(name)).map(|(_, zone)| zone.clone());
        let code = || {
            CODES
                .iter()
                .find(|(code, _)| code.eq_ignore_ascii_case(name))
                .and_then(|(_, zone)| TimeZone::get(zone).ok())
        };
        // The codes before IANA, which has an EST and an MST that never change their clocks.
        own().or_else(code).or_else(|| TimeZone::get(name).ok())
    }

    /// The zone that quiet hours go by for somebody whose own isn't known.
    pub fn usual_zone(&self) -> &TimeZone {
        self.quiet_hours.as_ref().map_or(&self.peoplesoft.time_zone, |hours| &hours.time_zone)
    }
}
