//! What changes between two tenant documents, line by line. A value is shown only where its place is known to hold nothing
//! secret; of everything else one learns that it changes, and no more. Pure.

use serde_json::Value;
use shared::phone::mask;
use std::collections::BTreeMap;

/// Every place at which two documents differ, in the order of places: `~ poll.every_seconds: 60 -> 30`.
pub fn between(old: &Value, new: &Value) -> Vec<String> {
    let (old, new) = (leaves(old), leaves(new));
    let mut places: Vec<&String> = old.keys().chain(new.keys()).collect();
    places.sort();
    places.dedup();
    places
        .into_iter()
        .filter_map(|place| match (old.get(place), new.get(place)) {
            (Some(old), Some(new)) if old == new => None,
            (Some(old), Some(new)) => Some(match (shown(place, old), shown(place, new)) {
                (Some(old), Some(new)) if old != new => format!("~ {place}: {old} -> {new}"),
                _ => format!("~ {place}: changes (not shown)"),
            }),
            (None, Some(new)) => Some(format!("+ {place}: {}", shown(place, new).as_deref().unwrap_or("(not shown)"))),
            (Some(old), None) => Some(format!("- {place}: {}", shown(place, old).as_deref().unwrap_or("(not shown)"))),
            (None, None) => None,
        })
        .collect()
}

/// Places outside of `events`, `contacts` and `time_zones` whose values may be shown.
const PLAIN: &[&str] = &[
    "default_language",
    "default_region",
    "display_name",
    "mode",
    "on_doubt.sms",
    "on_doubt.voice",
    "peoplesoft.auth.audience",
    "peoplesoft.auth.client_auth",
    "peoplesoft.auth.scope",
    "peoplesoft.auth.token_url",
    "peoplesoft.auth.type",
    "peoplesoft.base_url",
    "peoplesoft.format",
    "peoplesoft.host",
    "peoplesoft.max_rows",
    "peoplesoft.node",
    "peoplesoft.port",
    "peoplesoft.time_zone",
    "peoplesoft.timeout_seconds",
    "poll.every_seconds",
    "poll.max_event_age_hours",
    "poll.max_notifications_per_poll",
    "poll.overlap_seconds",
    "poll.start_at",
    "quiet_hours",
    "quiet_hours.end",
    "quiet_hours.start",
    "quiet_hours.time_zone",
    "retention_days",
    "twilio.account_sid",
    "twilio.api_base_url",
    "twilio.api_key.sid",
    "twilio.messaging_base_url",
    "twilio.messaging_service_sid",
    "twilio.verify_base_url",
    "twilio.verify_service_sid",
    "verify_rate_limit",
];

/// Places that hold phone numbers.
const NUMBERS: &[&str] = &["twilio.from_number", "twilio.voice_from_number"];

fn shown(place: &str, value: &Value) -> Option<String> {
    let is_plain = |place: &str| {
        PLAIN.contains(&place) || ["events[", "contacts.", "time_zones."].iter().any(|root| place.starts_with(root))
    };
    if NUMBERS.contains(&place) || place.starts_with("only_to[") {
        return value.as_str().map(mask);
    }
    is_plain(place).then(|| value.to_string())
}

/// Every value of a document by its place. Events go by their source's name, so that a new one moves no other.
fn leaves(document: &Value) -> BTreeMap<String, &Value> {
    let mut leaves = BTreeMap::new();
    collect("", document, &mut leaves);
    leaves
}

fn collect<'a>(place: &str, value: &'a Value, leaves: &mut BTreeMap<String, &'a Value>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
                collect(&place, value, leaves);
            }
        }
        Value::Array(values) => {
            for (i, value) in values.iter().enumerate() {
                let name = value.get("source").and_then(Value::as_str).map_or_else(|| i.to_string(), str::to_owned);
                collect(&format!("{place}[{name}]"), value, leaves);
            }
        }
        // Null and absent are the same, but for the one key where null means none.
        Value::Null if place != "quiet_hours" => {}
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            leaves.insert(place.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn changes_are_shown_and_secrets_are_not() {
        let check = |old: Value, new: Value, expect: &[&str]| assert_eq!(between(&old, &new), expect, "{old} {new}");
        check(json!({"mode": "live"}), json!({"mode": "live"}), &[]);
        check(json!({"mode": "dry_run"}), json!({"mode": "live"}), &["~ mode: \"dry_run\" -> \"live\""]);
        check(json!({"poll": {"every_seconds": 60}}), json!({"poll": {}}), &["- poll.every_seconds: 60"]);
        check(json!({}), json!({"twilio": {"auth_token": "secret"}}), &["+ twilio.auth_token: (not shown)"]);
        check(
            json!({"peoplesoft": {"auth": {"oprid": "A", "password": "old"}}}),
            json!({"peoplesoft": {"auth": {"oprid": "B", "password": "new"}}}),
            &["~ peoplesoft.auth.oprid: changes (not shown)", "~ peoplesoft.auth.password: changes (not shown)"],
        );
        // A misspelt key of an old document may hold anything.
        check(json!({"twilio": {"auth_tokken": "secret"}}), json!({}), &["- twilio.auth_tokken: (not shown)"]);
        check(
            json!({"twilio": {"from_number": "+13125550142"}, "only_to": ["+13125550143"]}),
            json!({"twilio": {"from_number": "+13125550199"}}),
            &["- only_to[0]: +*********43", "~ twilio.from_number: +*********42 -> +*********99"],
        );
        // Numbers that look alike once masked.
        check(
            json!({"only_to": ["+13125550142"]}),
            json!({"only_to": ["+13125550242"]}),
            &["~ only_to[0]: changes (not shown)"],
        );
        check(
            json!({"events": [{"source": "payroll", "query": "A"}]}),
            json!({"events": [{"source": "shifts", "query": "B"}, {"source": "payroll", "query": "C"}]}),
            &[
                "~ events[payroll].query: \"A\" -> \"C\"",
                "+ events[shifts].query: \"B\"",
                "+ events[shifts].source: \"shifts\"",
            ],
        );
        check(json!({"quiet_hours": null, "start": null}), json!({}), &["- quiet_hours: null"]);
    }
}
