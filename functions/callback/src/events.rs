//! Twilio's event streams: the life of verifications, one fact for each event, known or not. Phone numbers are masked before
//! anything is written, and nothing is acted on.

use crate::verified::Verified;
use crate::{Deps, Refusal};
use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use serde_json::Value;
use shared::ledger::verification::Event;
use shared::ledger::{self, Append};
use shared::phone::mask;
use shared::stamp;
use shared::tenant::Tenant;
use shared::twilio::{MOST_KEPT, signature};

/// Appends under way at once: Twilio wants its answer within five seconds, however long the array is.
const AT_ONCE: usize = 16;

/// What holds a phone number whatever it looks like, in events that we know and others that we may meet.
const NUMBERS: &[&str] = &["to", "from", "phone", "phone_number", "msisdn", "recipient", "sender", "mobile"];

/// How many digits an international number has, if there is nothing else in a text.
const DIGITS: std::ops::RangeInclusive<usize> = 10..=15;

/// What could hold a code. No event that is documented has one, and none shall be the first.
const CODES: &[&str] = &["code", "custom_code", "verification_code"];

/// Appends every element of a JSON array of events. The tenant's own token signed it: what names another account, such as a
/// subaccount whose events go to the same sink, is kept as it is and says so itself.
pub async fn append(deps: &Deps, verified: &Verified, now: Timestamp) -> Result<(), Refusal> {
    let elements: Vec<Value> =
        serde_json::from_slice(&verified.body).map_err(|_| Refusal::Malformed("no JSON array of events"))?;
    let tenant = &verified.tenant;
    stream::iter(elements)
        .map(|element| one(deps, tenant, element, now))
        .buffer_unordered(AT_ONCE)
        .try_for_each(|()| async { Ok(()) })
        .await?;
    Ok(())
}

async fn one(deps: &Deps, tenant: &Tenant, element: Value, now: Timestamp) -> Result<(), ledger::Error> {
    let event = read(element, now);
    if deps.ledger.append_verification_event(tenant, &event).await? == Append::Appended {
        let word = event.kind.rsplit('.').next().unwrap_or_default();
        deps.metrics.count(&tenant.id, "VerifyEvent", 1, None);
        tracing::info!(tenant = %tenant.id, sid = event.sid, id = event.id, kind = plain(word), "event");
    }
    Ok(())
}

/// Reads one element. One without an id, or without the shape of an event, is known by its content.
fn read(mut element: Value, now: Timestamp) -> Event {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let digest = || format!("sha256-{}", signature::body_sha256(element.to_string().as_bytes()));
    let id = text(&element["id"]).filter(|id| is_word(id, 64)).unwrap_or_else(digest);
    let sid = text(&element["data"]["verification_sid"]).filter(|sid| is_word(sid, 34) && sid.starts_with("VE"));
    let kind = text(&element["type"]).filter(|kind| kind.len() <= 200).unwrap_or_default();
    hide(&mut element, false);
    let mut event = element.to_string();
    if event.len() > MOST_KEPT {
        event = serde_json::json!({"left_out": "too long", "bytes": event.len()}).to_string();
    }
    Event { at: stamp::whole_millis(now), id, sid, kind: mask_e164(&kind), event }
}

/// Masks what is or may be a phone number, and takes out what may be a code.
fn hide(value: &mut Value, is_number: bool) {
    match value {
        Value::String(text) => *text = if is_number || is_bare(text) { mask(text) } else { mask_e164(text) },
        Value::Number(number) if is_number => *value = Value::String(mask(&number.to_string())),
        Value::Array(values) => values.iter_mut().for_each(|value| hide(value, is_number)),
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = name.to_ascii_lowercase();
                if CODES.contains(&name.as_str()) && !value.is_null() {
                    *value = Value::String("left out".to_owned());
                } else {
                    hide(value, NUMBERS.contains(&name.as_str()));
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether a text is as many digits as an international number, and nothing else. What else it may be is no loss.
fn is_bare(text: &str) -> bool {
    DIGITS.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

/// Masks every number in E.164 form, wherever it stands in a text.
fn mask_e164(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    for (index, part) in text.split('+').enumerate() {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        if index == 0 {
            masked.push_str(part);
        } else if digits >= 7 {
            masked.push('+');
            masked.push_str(&mask(&part[..digits]));
            masked.push_str(&part[digits..]);
        } else {
            masked.push('+');
            masked.push_str(part);
        }
    }
    masked
}

/// Whether a text is safe in a key.
fn is_word(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// A word for the log, or nothing.
fn plain(word: &str) -> &str {
    if is_word(word, 40) && word.bytes().any(|b| b.is_ascii_alphabetic()) { word } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read_at_noon(element: Value) -> Event {
        read(element, Timestamp::from_second(1_773_748_800).unwrap())
    }

    #[test]
    fn a_number_is_masked_wherever_it_stands() {
        let check = |element: Value, expect: Value| {
            let kept: Value = serde_json::from_str(&read_at_noon(element).event).unwrap();
            assert_eq!(kept, expect);
        };
        check(json!({"data": {"to": "+13125550142"}}), json!({"data": {"to": "+*********42"}}));
        check(json!({"To": 13_125_550_142_u64}), json!({"To": "*********42"}));
        check(json!({"from": ["312-555-0142", {"x": "y"}]}), json!({"from": ["***-***-**42", {"x": "y"}]}));
        check(json!({"msisdn": 13_125_550_142_u64}), json!({"msisdn": "*********42"}));
        check(json!({"address": "13125550142"}), json!({"address": "*********42"}));
        check(
            json!({"attempts": "3", "amount": 13_125_550_142_u64}),
            json!({"attempts": "3", "amount": 13_125_550_142_u64}),
        );
        check(
            json!(["a", {"note": "call +13125550142 or +44 7700"}]),
            json!(["a", {"note": "call +*********42 or +44 7700"}]),
        );
        check(
            json!({"code": "918273", "custom_code_enabled": false}),
            json!({"code": "left out", "custom_code_enabled": false}),
        );
        check(
            json!({"code_length": 6, "time": "2026-06-10T06:02:54.377+00:00"}),
            json!({"code_length": 6, "time": "2026-06-10T06:02:54.377+00:00"}),
        );
    }

    #[test]
    fn an_event_is_known_by_its_id_or_its_content() {
        let sid = "VE0123456789abcdef0123456789abcdef";
        let event = read_at_noon(json!({"id": "EZ1", "type": "a.b", "data": {"verification_sid": sid}}));
        assert_eq!((event.id.as_str(), event.sid.as_deref(), event.kind.as_str()), ("EZ1", Some(sid), "a.b"));
        for odd in [json!(null), json!("text"), json!({}), json!({"id": "a#b"}), json!({"id": 7}), json!({"id": ""})] {
            let event = read_at_noon(odd.clone());
            assert!(event.id.starts_with("sha256-") && event.sid.is_none(), "{odd}");
            assert_eq!(event, read_at_noon(odd));
        }
        assert_ne!(read_at_noon(json!(1)).id, read_at_noon(json!(2)).id);
        assert!(read_at_noon(json!({"data": {"verification_sid": "VE#"}})).sid.is_none());
    }

    #[test]
    fn what_would_not_fit_is_left_out_and_says_so() {
        let event = read_at_noon(json!({"id": "EZ1", "data": "x".repeat(MOST_KEPT)}));
        assert_eq!(event.id, "EZ1");
        assert!(event.event.len() < 100 && event.event.contains("left_out"), "{}", event.event.len());
    }
}
