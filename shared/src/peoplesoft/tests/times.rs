//! Dates and times in every form that the systems write, around clock changes above all.

use super::super::time::{parse_datetime, parse_when, prompt_value, window};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

#[test]
fn datetimes_are_read() {
    let check = |text: &str, expect: &str| {
        let got = parse_datetime(text, &zone("America/Chicago"));
        let got =
            got.map_or_else(|shape| shape.to_string(), |time| time.map_or("blank".to_owned(), |time| time.to_string()));
        assert_eq!(got, expect, "{text:?}");
    };
    check("2016-11-11-00.59.29.000000", "2016-11-11T06:59:29Z");
    check("2016-11-11-00.59.29", "2016-11-11T06:59:29Z");
    check("2026-03-17-16.44.51.318", "2026-03-17T21:44:51.318Z");
    check("2026-03-17-16.44.51.123456789", "2026-03-17T21:44:51.123456789Z");
    check("2011-01-01 18:10:52.000000", "2011-01-02T00:10:52Z");
    check("2011-01-01 18:10:52", "2011-01-02T00:10:52Z");
    check(" 2011-01-01 18:10:52.5 ", "2011-01-02T00:10:52.5Z");
    check("2016-11-11T00:59:29", "2016-11-11T06:59:29Z");
    check("2016-11-11T00:59:29-0700", "2016-11-11T07:59:29Z");
    check("2016-11-11T00:59:29.25+05:30", "2016-11-10T19:29:29.25Z");
    check("2016-11-11T00:59:29Z", "2016-11-11T00:59:29Z");
    check("2014-09-02", "2014-09-02T05:00:00Z");
    check("", "blank");
    check(" ", "blank");
    // Twice and never.
    check("2026-11-01-01.30.00.000000", "2026-11-01T06:30:00Z");
    check("2026-11-01-02.00.00.000000", "2026-11-01T08:00:00Z");
    check("2026-03-08-01.59.59.000000", "2026-03-08T07:59:59Z");
    check("2026-03-08-02.00.00.000000", "2026-03-08T08:00:00Z");
    check("2026-03-08-02.30.00.000000", "2026-03-08T08:00:00Z");
    check("2026-03-08-02.59.59.999999", "2026-03-08T08:00:00Z");
    check("2026-03-08-03.00.00.000000", "2026-03-08T08:00:00Z");

    let shape = |form: &str| format!("a value of the form {form:?} is no datetime that PeopleSoft writes");
    check("28 Feb 2022", &shape("99 AAA 9999"));
    check("03/17/2026 4:05:06PM", &shape("99/99/9999 9:99:99AA"));
    check("2026-02-30", &shape("9999-99-99"));
    check("2026-03-17-24.00.00", &shape("9999-99-99-99.99.99"));
    check("2026-03-17-16.44.51.1234567890", &shape("9999-99-99-99.99.99.9999999999"));
    check("2026-03-17-16.44.51.", &shape("9999-99-99-99.99.99."));
    check("2026-03-17-16:44:51", &shape("9999-99-99-99:99:99"));
    check("2026-03-17 16:44:51Z", &shape("9999-99-99 99:99:99A"));
    check("2026-03-17T16:44:51+5", &shape("9999-99-99A99:99:99+9"));
    check("2026-03-17T16:44:51+05:99", &shape("9999-99-99A99:99:99+99:99"));
    check("2026-3-17", &shape("9999-9-99"));
    check("Zoë\u{7}", &shape("AAA?"));
    check(&"7".repeat(60), &shape(&format!("{}…", "9".repeat(40))));
}

#[test]
fn lord_howe_shifts_by_half_an_hour() {
    let check = |text: &str, expect: &str| {
        let got = parse_datetime(text, &zone("Australia/Lord_Howe")).unwrap().unwrap();
        assert_eq!(got.to_string(), expect, "{text:?}");
    };
    check("2026-04-05-01.45.00.000000", "2026-04-04T14:45:00Z"); // 01:30 to 02:00 occurs twice
    check("2026-10-04-02.15.00.000000", "2026-10-03T15:30:00Z"); // 02:00 to 02:30 is skipped
}

#[test]
fn what_fits_several_instants_says_so() {
    let check = |text: &str, expect: [&str; 3]| {
        let when = parse_when(text, &zone("America/Chicago")).unwrap().unwrap();
        assert_eq!([when.local.to_string(), when.earliest.to_string(), when.latest.to_string()], expect, "{text:?}");
        assert_eq!(when.is_date, text.len() == 10);
    };
    check(
        "2026-03-17-16.44.51.318",
        ["2026-03-17T16:44:51.318", "2026-03-17T21:44:51.318Z", "2026-03-17T21:44:51.318Z"],
    );
    check("2026-03-17T21:44:51Z", ["2026-03-17T16:44:51", "2026-03-17T21:44:51Z", "2026-03-17T21:44:51Z"]);
    check("2026-11-01-01.30.00.000000", ["2026-11-01T01:30:00", "2026-11-01T06:30:00Z", "2026-11-01T07:30:00Z"]);
    check("2026-03-08-02.30.00.000000", ["2026-03-08T02:30:00", "2026-03-08T08:00:00Z", "2026-03-08T08:00:00Z"]);
    check("2026-03-17", ["2026-03-17T00:00:00", "2026-03-17T05:00:00Z", "2026-03-18T04:59:59.999999999Z"]);
    check("2026-11-01", ["2026-11-01T00:00:00", "2026-11-01T05:00:00Z", "2026-11-02T05:59:59.999999999Z"]);
    assert!(parse_when("09.00", &TimeZone::UTC).is_err(), "a time of day is no instant");
}

#[test]
fn prompts_are_written() {
    let local = jiff::civil::date(2026, 3, 17).at(16, 42, 7, 999_000_000);
    let usual = prompt_value(local, "%Y-%m-%d-%H.%M.%S.000000");
    assert_eq!(usual.unwrap(), "2026-03-17-16.42.07.000000");
    assert_eq!(prompt_value(local, "%Y-%m-%d").unwrap(), "2026-03-17");
    assert!(prompt_value(local, "%Y-%m-%d %z").is_err());
}

#[test]
fn a_window_is_local_and_widened_where_the_clocks_go_back() {
    let check = |zone_name: &str, since: &str, until: &str, expect: (&str, &str)| {
        let (low, high) = window(since.parse().unwrap(), until.parse().unwrap(), &zone(zone_name));
        assert_eq!((low.to_string().as_str(), high.to_string().as_str()), expect, "{since} {until}");
    };
    check(
        "America/Chicago",
        "2026-03-17T21:00:00Z",
        "2026-03-17T21:10:00.25Z",
        ("2026-03-17T16:00:00", "2026-03-17T16:10:01"),
    );
    // From the first 01:50 to the second 01:05.
    check(
        "America/Chicago",
        "2026-11-01T06:50:00Z",
        "2026-11-01T07:05:00Z",
        ("2026-11-01T01:00:00", "2026-11-01T02:00:00"),
    );
    check(
        "America/Chicago",
        "2026-11-01T06:10:00Z",
        "2026-11-01T06:50:00Z",
        ("2026-11-01T01:10:00", "2026-11-01T01:50:00"),
    );
    check(
        "America/Chicago",
        "2026-11-01T05:00:00Z",
        "2026-11-01T09:00:00Z",
        ("2026-11-01T00:00:00", "2026-11-01T03:00:00"),
    );
    // Forward: nothing to widen.
    check(
        "America/Chicago",
        "2026-03-08T07:50:00Z",
        "2026-03-08T08:10:00Z",
        ("2026-03-08T01:50:00", "2026-03-08T03:10:00"),
    );
    check(
        "Australia/Lord_Howe",
        "2026-04-04T14:50:00Z",
        "2026-04-04T15:10:00Z",
        ("2026-04-05T01:30:00", "2026-04-05T02:00:00"),
    );
}

/// A zone, and a second near one of its clock changes of 2026 or anywhere in that year.
fn moments() -> impl Strategy<Value = (TimeZone, i64)> {
    let changes = [
        ("America/Chicago", ["2026-03-08T08:00:00Z", "2026-11-01T07:00:00Z"]),
        ("Europe/Berlin", ["2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"]),
        ("Australia/Lord_Howe", ["2026-04-04T15:00:00Z", "2026-10-03T15:30:00Z"]),
    ];
    let change = (prop::sample::select(changes.to_vec()), 0..2_usize);
    (change, -7200_i64..7200, any::<bool>(), 1_767_225_600_i64..1_798_761_600).prop_map(
        |(((name, changes), which), off, near, anywhere)| {
            let change = changes[which].parse::<Timestamp>().unwrap().as_second();
            (zone(name), if near { change + off } else { anywhere })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_instant_of_a_window_is_missed((zone, since) in moments(), length in 0_i64..7200, nanoseconds in 0_i64..1_000_000_000) {
        let since = Timestamp::from_second(since).unwrap();
        let until = since + SignedDuration::from_secs(length) + SignedDuration::from_nanos(nanoseconds);
        let (low, high) = window(since, until, &zone);
        let minutes = (0..=length / 60).map(|minute| since + SignedDuration::from_mins(minute));
        for instant in minutes.chain([until]) {
            let local = zone.to_datetime(instant);
            prop_assert!(low <= local && local <= high, "{low} {local} {high}");
        }
    }

    #[test]
    fn what_is_written_is_read_back((zone, second) in moments()) {
        let instant = Timestamp::from_second(second).unwrap();
        let text = prompt_value(zone.to_datetime(instant), "%Y-%m-%d-%H.%M.%S.000000").unwrap();
        let back = parse_datetime(&text, &zone).unwrap().unwrap();
        // Of two readings the earlier: never later than the instant, and the same local time.
        prop_assert!(back <= instant && zone.to_datetime(back) == zone.to_datetime(instant));
    }

    #[test]
    fn any_text_is_survived(text in "\\PC{0,60}") {
        let _ = parse_when(&text, &TimeZone::UTC);
    }

    #[test]
    fn any_digits_and_separators_are_survived(text in "[0-9TZ .:+-]{0,40}") {
        let _ = parse_when(&text, &TimeZone::UTC);
    }
}
