//! The filters of a text: `date` and `time` show an instant, a date or a time of day as people of a language write it, the
//! others change letters (PeopleSoft often has names in capitals) or stand in for what is missing. No others: a text is short,
//! and every package would carry them.

use crate::moment::Moment;
use jiff::tz::TimeZone;
use minijinja::{Environment, Error, ErrorKind, filters};

/// By name, for the error that an unknown one gets.
pub(super) const NAMES: &str = "capitalize, date, default, lower, replace, time, title, trim, upper";

/// Per language: the date and the time of day. Languages that aren't here write ISO dates and 24 hours.
const FORMATS: &[(&str, &str, &str)] = &[
    ("en", "%b %-d, %Y", "%-I:%M %p"),
    ("es", "%d/%m/%Y", "%H:%M"),
    ("fr", "%d/%m/%Y", "%H:%M"),
    ("it", "%d/%m/%Y", "%H:%M"),
    ("pt", "%d/%m/%Y", "%H:%M"),
    ("de", "%d.%m.%Y", "%H:%M"),
    ("pl", "%d.%m.%Y", "%H:%M"),
    ("nl", "%d-%m-%Y", "%H:%M"),
    ("vi", "%d/%m/%Y", "%H:%M"),
];

/// Adds them. `date` and `time` take an optional strftime format: `{{ event.start | time("%H:%M") }}`.
pub(super) fn add(environment: &mut Environment<'static>, time_zone: TimeZone, language: &str) {
    let language = language.split('-').next().unwrap_or_default().to_owned();
    let (_, date, time) = FORMATS.iter().find(|(name, _, _)| *name == language).unwrap_or(&("", "%Y-%m-%d", "%H:%M"));
    let zone = time_zone.clone();
    environment.add_filter("date", move |value: String, format: Option<String>| {
        show(&value, &zone, format.as_deref().unwrap_or(date))
    });
    environment.add_filter("time", move |value: String, format: Option<String>| {
        show(&value, &time_zone, format.as_deref().unwrap_or(time))
    });
    environment.add_filter("capitalize", filters::capitalize);
    environment.add_filter("default", filters::default);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("replace", filters::replace);
    environment.add_filter("title", filters::title);
    environment.add_filter("trim", filters::trim);
    environment.add_filter("upper", filters::upper);
}

fn show(value: &str, zone: &TimeZone, format: &str) -> Result<String, Error> {
    let invalid = |what: &'static str| Error::new(ErrorKind::InvalidOperation, what);
    let shown = match Moment::parse(value) {
        Some(Moment::Instant(at)) => jiff::fmt::strtime::format(format, &at.to_zoned_datetime(zone.clone())),
        Some(Moment::Local(local)) => jiff::fmt::strtime::format(format, local),
        Some(Moment::Date(date)) => jiff::fmt::strtime::format(format, date),
        Some(Moment::Time(time)) => jiff::fmt::strtime::format(format, time),
        None => return Err(invalid("not a date or time")),
    };
    shown.map_err(|_| invalid("the format doesn't fit a value like this"))
}
