//! A message or call as Twilio describes it. Keeps every field as it came, understands a few of them, and shows neither
//! number nor body.

use super::channel::Channel;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use serde_json::{Map, Value};
use std::fmt;
use std::time::Duration;

static RFC_2822: DateTimeParser = DateTimeParser::new();

/// One message or call (Twilio docs, Message resource and Call resource). `Debug` leaves out numbers, body and fields.
#[derive(Clone, PartialEq)]
pub struct Resource {
    /// `SM…`, `MM…` or `CA…`, well formed.
    pub sid: String,
    /// Twilio's word, for [`super::status`] to judge; empty if there was none.
    pub status: String,
    /// The text of a message, as far as Twilio still has it.
    pub body: Option<String>,
    /// The recipient as Twilio writes it, usually E.164.
    pub to: Option<String>,
    /// `outbound-api` for what the API was asked to send.
    pub direction: Option<String>,
    /// When Twilio took it in; whole seconds.
    pub date_created: Option<Timestamp>,
    /// How long a call will wait before it is dialled, as far as Twilio says so: an account's calls are started one a second.
    pub queue_time: Option<Duration>,
    /// Why it failed, a code for [`super::codes::delivery`].
    pub error_code: Option<u32>,
    /// Everything Twilio sent, the above included, unless it is more than [`MOST_KEPT`].
    pub fields: Map<String, Value>,
}

impl Resource {
    /// Reads a resource; `None` unless it has a well-formed sid. Other fields are missing rather than wrong: Twilio adds
    /// and empties them without notice.
    pub(super) fn from_fields(fields: Map<String, Value>) -> Option<Self> {
        let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
        let sid = text("sid").filter(|sid| Channel::of_sid(sid).is_some())?;
        Some(Self {
            sid,
            status: text("status").filter(|word| is_word(word)).unwrap_or_default(),
            body: text("body"),
            to: text("to"),
            direction: text("direction"),
            date_created: text("date_created").and_then(|date| RFC_2822.parse_timestamp(date).ok()),
            queue_time: text("queue_time").and_then(|millis| millis.parse().ok()).map(Duration::from_millis),
            error_code: fields.get("error_code").and_then(code),
            fields: bounded(fields),
        })
    }
}

impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resource")
            .field("sid", &self.sid)
            .field("status", &self.status)
            .field("date_created", &self.date_created)
            .field("error_code", &self.error_code)
            .finish_non_exhaustive()
    }
}

/// The most of what Twilio says of one thing that is kept, in bytes of JSON. An item of the ledger's table has room for 400 KB;
/// Twilio's own have one or two thousand bytes.
pub const MOST_KEPT: usize = 300_000;

/// How deep what is kept may be nested; DynamoDB takes 32 levels, and Twilio has one or two.
const DEEPEST: usize = 16;

/// The same fields, or how much was left out, so that whatever is signed can be written down.
pub(super) fn bounded(fields: Map<String, Value>) -> Map<String, Value> {
    fn depth(value: &Value) -> usize {
        match value {
            Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or_default(),
            Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or_default(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
        }
    }
    let all = Value::Object(fields);
    let bytes = all.to_string().len();
    match all {
        Value::Object(fields) if bytes <= MOST_KEPT && fields.values().all(|value| depth(value) < DEEPEST) => fields,
        _ => [("left_out".to_owned(), "too long".into()), ("bytes".to_owned(), bytes.into())].into_iter().collect(),
    }
}

/// Whether a word of Twilio's is safe in a key of the ledger. New words come without notice, so any other will do.
pub(super) fn is_word(word: &str) -> bool {
    (1..=40).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// An error code as Twilio writes it, here a number and there a string of digits.
pub(super) fn code(value: &Value) -> Option<u32> {
    match value {
        Value::Number(number) => number.as_u64().and_then(|number| number.try_into().ok()),
        Value::String(digits) => digits.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: &Value) -> Option<Resource> {
        Resource::from_fields(value.as_object().unwrap().clone())
    }

    #[test]
    fn a_message_is_understood_and_kept() {
        let sent = json!({
            "sid": "SMaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "status": "queued", "body": "Hello Ada", "to": "+13125550142",
            "direction": "outbound-api", "date_created": "Thu, 24 Aug 2023 05:01:45 +0000", "error_code": null,
            "num_segments": "1", "added_next_year": {"a": [1]},
        });
        let resource = read(&sent).unwrap();
        assert_eq!(resource.date_created.unwrap().to_string(), "2023-08-24T05:01:45Z");
        assert_eq!(resource.error_code, None);
        assert_eq!(resource.body.as_deref(), Some("Hello Ada"));
        assert_eq!(Value::Object(resource.fields.clone()), sent);
        let printed = format!("{resource:?}");
        assert!(!printed.contains("Ada") && !printed.contains("5550142"), "{printed}");
    }

    #[test]
    fn only_the_sid_is_indispensable() {
        let call = read(&json!({"sid": "CAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "date_created": "yesterday"})).unwrap();
        assert_eq!((call.status.as_str(), call.date_created), ("", None));
        assert_eq!(read(&json!({"status": "queued"})), None);
        assert_eq!(read(&json!({"sid": null, "status": "queued"})), None);
        assert_eq!(read(&json!({"sid": "SM1", "status": "queued"})), None);
    }

    #[test]
    fn what_the_ledger_has_no_room_for_is_left_out_and_says_so() {
        let mut deep = json!("x");
        for _ in 0..40 {
            deep = json!([deep]);
        }
        let sid = "SMaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        for odd in [json!("x".repeat(MOST_KEPT)), deep] {
            let kept = read(&json!({"sid": sid, "status": "sent", "odd": odd})).unwrap();
            assert_eq!((kept.sid.as_str(), kept.status.as_str()), (sid, "sent"));
            assert_eq!(kept.fields["left_out"], "too long");
        }
        for odd in ["sent#1", "s".repeat(41).as_str(), "sent now"] {
            assert_eq!(read(&json!({"sid": sid, "status": odd})).unwrap().status, "");
        }
    }

    #[test]
    fn codes_come_as_numbers_and_as_digits() {
        let check = |value: Value, expect: Option<u32>| assert_eq!(code(&value), expect, "{value}");
        check(json!(30003), Some(30003));
        check(json!("30003"), Some(30003));
        check(json!(null), None);
        check(json!(""), None);
        check(json!("none"), None);
        check(json!(-1), None);
        check(json!(99_999_999_999_u64), None);
    }
}
