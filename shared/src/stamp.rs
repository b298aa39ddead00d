//! Instants as the ledger and the command write them: RFC 3339 in UTC with milliseconds, always 24 characters, so that they
//! sort as text.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serializer};

/// `2026-03-17T21:42:07.000Z`
pub fn format(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// The instant cut to whole milliseconds, as it will be read back.
pub fn whole_millis(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

/// `at` plus a wait; the end of time if there is no such instant.
pub fn after(at: Timestamp, wait: std::time::Duration) -> Timestamp {
    at.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// `at` minus a wait; the beginning of time if there is no such instant.
pub fn before(at: Timestamp, wait: std::time::Duration) -> Timestamp {
    at.checked_sub(wait).unwrap_or(Timestamp::MIN)
}

/// From `earlier` to `later`, or nothing if they are the other way round.
pub fn between(earlier: Timestamp, later: Timestamp) -> std::time::Duration {
    later.duration_since(earlier).try_into().unwrap_or_default()
}

/// For `#[serde(with = "crate::stamp")]`.
pub fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(*at))
}

/// For `#[serde(with = "crate::stamp")]`.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

/// The same for an instant that may be missing: `#[serde(default, skip_serializing_if = "Option::is_none", with = "crate::stamp::option")]`.
pub mod option {
    use super::{Deserialize, Deserializer, Serializer, Timestamp};

    /// Writes the instant, or nothing.
    pub fn serialize<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => super::serialize(at, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// Reads the instant, or nothing.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        let text = <Option<std::borrow::Cow<'de, str>>>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(serde::de::Error::custom)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_have_one_length_and_sort_as_text() {
        let check = |text: &str, expect: &str| assert_eq!(format(text.parse().unwrap()), expect);
        check("2026-03-17T21:42:07Z", "2026-03-17T21:42:07.000Z");
        check("2026-03-17T21:42:07.123456Z", "2026-03-17T21:42:07.123Z");
        check("2026-03-17T16:42:07-05:00", "2026-03-17T21:42:07.000Z");
    }
}
