//! A notification as one JSON object, the form that other programs rely on. Every phone number in it is masked unless the
//! operator asked to see it, those in what Twilio sent included.

use super::Audited;
use serde::Serialize;
use serde_json::{Map, Value};
use shared::notification::{Fact, NotificationId, State};
use shared::phone::{Channel, mask};
use shared::stamp;
use shared::tenant::TenantId;

/// One notification, one object, one line.
#[derive(Serialize)]
pub struct Record<'a> {
    tenant: &'a TenantId,
    notification_id: &'a NotificationId,
    source: Option<&'a str>,
    kind: Option<&'a str>,
    employee_id: Option<&'a str>,
    channel: Option<Channel>,
    to: Option<String>,
    body: Option<&'a str>,
    state: State,
    reason: Option<&'a str>,
    attempts: u32,
    sid: Option<&'a str>,
    created_at: Option<String>,
    updated_at: Option<String>,
    history: Vec<Entry>,
}

/// One fact: its time, its name, and all that it says.
#[derive(Serialize)]
struct Entry {
    at: String,
    fact: &'static str,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl<'a> Record<'a> {
    /// The record of a notification.
    pub fn of(tenant: &'a TenantId, audited: &'a Audited, reveal: bool) -> Self {
        let Audited { story, standing } = audited;
        let created = story.created();
        Self {
            tenant,
            notification_id: &story.id,
            source: created.map(|created| created.source.as_str()),
            kind: created.map(|created| created.kind.as_str()),
            employee_id: created.map(|created| created.employee_id.as_str()),
            channel: created.map(|created| created.channel),
            to: created.and_then(|created| created.to.as_ref()).map(|to| number(to, reveal)),
            body: created.and_then(|created| created.body.as_deref()),
            state: standing.state,
            reason: standing.reason.as_deref(),
            attempts: standing.attempts,
            sid: standing.sid.as_deref(),
            created_at: story.created_fact().map(|fact| stamp::format(fact.at)),
            updated_at: story.facts.last().map(|fact| stamp::format(fact.at)),
            history: story.facts.iter().map(|fact| entry(fact, reveal)).collect(),
        }
    }
}

/// A number as it may be shown.
pub fn number(number: &shared::phone::PhoneNumber, reveal: bool) -> String {
    if reveal { number.e164().to_owned() } else { number.masked() }
}

fn entry(fact: &Fact, reveal: bool) -> Entry {
    let Ok(Value::Object(mut rest)) = serde_json::to_value(fact) else {
        // A fact came out of the table as an object, and goes back into one.
        return Entry { at: stamp::format(fact.at), fact: fact.name(), rest: Map::new() };
    };
    rest.remove("at");
    rest.remove("fact");
    if !reveal {
        rest.iter_mut().for_each(|(name, value)| mask_value(name, value));
    }
    Entry { at: stamp::format(fact.at), fact: fact.name(), rest }
}

/// Names of fields, ours and Twilio's, whose values are phone numbers whatever they look like (Twilio docs, Messages and
/// Call resources and their callbacks), in lower case.
const NUMBERS: &[&str] = &[
    "to",
    "from",
    "called",
    "caller",
    "calledvia",
    "forwardedfrom",
    "to_formatted",
    "from_formatted",
    "forwarded_from",
    "caller_id",
    "callerid",
    "caller_name",
    "callername",
    "phone_number",
    "waid",
    "recipient",
    "sender",
];

fn mask_value(name: &str, value: &mut Value) {
    match value {
        Value::String(text) if NUMBERS.contains(&name.to_ascii_lowercase().as_str()) => *text = mask(text),
        // What the employee was told is shown as it was told.
        Value::String(_) if name.eq_ignore_ascii_case("body") => {}
        Value::String(text) => *text = mask_within(text),
        Value::Array(values) => values.iter_mut().for_each(|value| mask_value(name, value)),
        Value::Object(fields) => fields.iter_mut().for_each(|(name, value)| mask_value(name, value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Masks what looks like a number in E.164 form anywhere in a text, also as people write it: Twilio and operators may put one
/// where none is expected.
pub fn mask_within(text: &str) -> String {
    const LEAST_DIGITS: usize = 8;
    const BETWEEN: &[u8] = b" .-()/";
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(plus) = rest.find('+') {
        let (before, from_plus) = rest.split_at(plus);
        masked.push_str(before);
        let may_be_of_it = |byte: &u8| byte.is_ascii_digit() || BETWEEN.contains(byte);
        let written = from_plus[1..].bytes().take_while(may_be_of_it).count();
        let (number, after) = from_plus.split_at(1 + written);
        if number.bytes().filter(u8::is_ascii_digit).count() >= LEAST_DIGITS {
            masked.push_str(&mask(number));
        } else {
            masked.push_str(number);
        }
        rest = after;
    }
    masked.push_str(rest);
    masked
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_masked_wherever_they_are() {
        let check = |name: &str, value: Value, expect: Value| {
            let mut masked = value;
            mask_value(name, &mut masked);
            assert_eq!(masked, expect, "{name}");
        };
        check("to", json!("+13125550142"), json!("+*********42"));
        check("Called", json!("whatsapp:+13125550142"), json!("whatsapp:+*********42"));
        check("From", json!("12345"), json!("***45"));
        check(
            "fields",
            json!({"To": "+13125550142", "SmsStatus": "sent"}),
            json!({"To": "+*********42", "SmsStatus": "sent"}),
        );
        check(
            "fields",
            json!({"From": ["+13125550142", "+13125550143"]}),
            json!({"From": ["+*********42", "+*********43"]}),
        );
        check("ErrorMessage", json!("no route to +13125550142."), json!("no route to +*********42."));
        check("ErrorMessage", json!("1+1 and +49+13125550142"), json!("1+1 and +49+*********42"));
        check("why", json!("+1 (312) 555-0142, at 2 + 2"), json!("+* (***) ***-**42, at 2 + 2"));
        check("MessageSid", json!("SM12345678901234567890123456789012"), json!("SM12345678901234567890123456789012"));
        check("body", json!("Call +13125550142"), json!("Call +13125550142"));
        check("attempt", json!(1), json!(1));
    }
}
