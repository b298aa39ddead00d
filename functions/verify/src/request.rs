//! What a portal asks for, read from JSON. Whatever else is in it is ignored: a phone number in a request reaches nobody.

use crate::answer::Refusal;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use shared::twilio::verify::Channel;

/// More than any request of ours. A body is read by strangers' leave, so it is measured first.
const LONGEST_BODY: usize = 4096;

/// `POST /verify/{tenant}/start`
#[derive(Debug, Deserialize)]
pub struct Start {
    /// PeopleSoft's EMPLID.
    pub employee_id: String,
    /// How the code is to reach them.
    pub channel: Channel,
}

/// `POST /verify/{tenant}/check`. The code doesn't print.
#[derive(Debug, Deserialize)]
pub struct Check {
    /// PeopleSoft's EMPLID.
    pub employee_id: String,
    /// What the person typed.
    pub code: SecretString,
}

/// A body of one of the routes.
pub trait Asked: DeserializeOwned {
    /// What a well-formed one looks like, for whoever sent another.
    const SHAPE: &'static str;

    /// Whether its values can be meant.
    fn is_sound(&self) -> bool;
}

impl Asked for Start {
    const SHAPE: &'static str = "Send {\"employee_id\": \"…\", \"channel\": \"sms\"}; the channel is sms or call.";

    fn is_sound(&self) -> bool {
        !self.employee_id.is_empty()
    }
}

impl Asked for Check {
    const SHAPE: &'static str = "Send {\"employee_id\": \"…\", \"code\": \"…\"}; a code has 4 to 10 letters or digits.";

    fn is_sound(&self) -> bool {
        let code = self.code.expose_secret();
        let is_code = (4..=10).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric());
        !self.employee_id.is_empty() && is_code
    }
}

/// Reads a body.
pub fn read<T: Asked>(body: &[u8]) -> Result<T, Refusal> {
    if body.len() > LONGEST_BODY {
        return Err(Refusal::Malformed(T::SHAPE));
    }
    // The parser's own words could quote a code.
    let asked: T = serde_json::from_slice(body).map_err(|_| Refusal::Malformed(T::SHAPE))?;
    if asked.is_sound() { Ok(asked) } else { Err(Refusal::Malformed(T::SHAPE)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_names_an_employee_and_a_channel() {
        let check = |text: &str, expect: bool| assert_eq!(read::<Start>(text.as_bytes()).is_ok(), expect, "{text}");
        check(r#"{"employee_id": "0042317", "channel": "sms"}"#, true);
        check(r#"{"employee_id": "0042317", "channel": "call", "to": "+13125550142"}"#, true);
        check(r#"{"employee_id": "0042317", "channel": "email"}"#, false);
        check(r#"{"employee_id": "0042317"}"#, false);
        check(r#"{"employee_id": 42317, "channel": "sms"}"#, false);
        check(r#"{"employee_id": "", "channel": "sms"}"#, false);
        check(r#"{"channel": "sms"}"#, false);
        check("[]", false);
        check("", false);
        check("employee_id=0042317&channel=sms", false);
        check(&format!(r#"{{"employee_id": "{}", "channel": "sms"}}"#, "1".repeat(5000)), false);
    }

    #[test]
    fn a_code_is_short_and_doesnt_print() {
        let body = |code: &str| format!(r#"{{"employee_id": "0042317", "code": {code}}}"#).into_bytes();
        let check = |code: &str, expect: bool| assert_eq!(read::<Check>(&body(code)).is_ok(), expect, "{code}");
        check("\"123456\"", true);
        check("\"a1B2c3\"", true);
        check("\"1234567890\"", true);
        check("\"12345678901\"", false);
        check("\"123\"", false);
        check("\"12 456\"", false);
        check("\"١٢٣٤٥٦\"", false);
        check("123456", false);
        check("null", false);
        assert!(!format!("{:?}", read::<Check>(&body("\"918273\"")).unwrap()).contains("918273"));
        assert!(!format!("{:?}", read::<Check>(&body("918273")).unwrap_err()).contains("918273"));
    }
}
