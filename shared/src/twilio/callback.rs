//! What Twilio posts to us about a message or call: status reports and incoming texts. Only for parameters whose signature
//! was verified; drops nothing that the ledger has room for, and shows neither number nor body.

use super::channel::Channel;
use super::resource::{bounded, is_word};
use crate::phone::PhoneNumber;
use serde_json::{Map, Value};
use std::fmt;

/// A status report of a message or call (Twilio docs, Track outbound message status; Call resource, `StatusCallback`).
/// It carries no usable time and may come late, twice and out of order.
#[derive(Clone, PartialEq)]
pub struct StatusCallback {
    /// `SM…`, `MM…` or `CA…`.
    pub sid: String,
    /// Twilio's word, for [`super::status`] to judge: letters, digits, `-` and `_`, so it is safe in a key.
    pub status: String,
    /// Whose sid it is.
    pub channel: Channel,
    /// Why it failed, a code for [`super::codes::delivery`].
    pub error_code: Option<u32>,
    /// Everything Twilio sent: a string for each name, or an array of them where a name came repeatedly. If it is more than
    /// the ledger has room for, how much it was.
    pub fields: Map<String, Value>,
}

/// An incoming text (Twilio docs, Messaging webhook request).
#[derive(Debug, Clone, PartialEq)]
pub struct Inbound {
    /// `SM…` or `MM…`.
    pub sid: String,
    /// Who wrote.
    pub from: PhoneNumber,
    /// What it asks for; `None` for an ordinary text.
    pub keyword: Option<Keyword>,
}

/// What a text of one word asks for. Twilio has acted on it and answered it; we take note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Keyword {
    /// Send me nothing more.
    Stop,
    /// Send to me again.
    Start,
    /// Who are you?
    Help,
}

/// Why signed parameters are not what their route is for. Trying again doesn't help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// No message or call sid, or not a sid.
    #[error("no well-formed sid")]
    Sid,
    /// No status, or nothing that could be one.
    #[error("no well-formed status")]
    Status,
    /// An incoming text from something that is no phone number.
    #[error("no well-formed sender")]
    From,
}

impl StatusCallback {
    /// Reads the decoded form parameters of a status callback.
    pub fn parse(params: &[(String, String)]) -> Result<Self, Malformed> {
        let sid = message_sid(params).or_else(|| value(params, "CallSid")).ok_or(Malformed::Sid)?;
        let channel = Channel::of_sid(sid).ok_or(Malformed::Sid)?;
        let status = match channel {
            Channel::Message => value(params, "MessageStatus").or_else(|| value(params, "SmsStatus")),
            Channel::Call => value(params, "CallStatus"),
        };
        Ok(Self {
            sid: sid.to_owned(),
            status: status.filter(|word| is_word(word)).ok_or(Malformed::Status)?.to_owned(),
            channel,
            error_code: value(params, "ErrorCode").and_then(|code| code.parse().ok()),
            fields: fields(params),
        })
    }
}

impl Inbound {
    /// Reads the decoded form parameters of an incoming text.
    pub fn parse(params: &[(String, String)]) -> Result<Self, Malformed> {
        let sid =
            message_sid(params).filter(|sid| Channel::of_sid(sid) == Some(Channel::Message)).ok_or(Malformed::Sid)?;
        let from = value(params, "From").unwrap_or_default().to_owned();
        // With Advanced Opt-Out the account chooses its own words, and in other languages, so Twilio's reading wins.
        let twilios = value(params, "OptOutType").and_then(Keyword::of_opt_out_type);
        let text = |name| value(params, name).unwrap_or_default();
        Ok(Self {
            sid: sid.to_owned(),
            from: PhoneNumber::try_from(from).ok().ok_or(Malformed::From)?,
            keyword: twilios.or_else(|| Keyword::of_body(text("Body"), text("To"))),
        })
    }
}

impl Keyword {
    /// What the whole of a text to `to` asks for, in any case; a word inside a sentence asks for nothing (Twilio docs,
    /// support for opt-out keywords). A stop by way of a toll-free number is the network's, and YES doesn't undo it.
    pub fn of_body(body: &str, to: &str) -> Option<Self> {
        let word = body.trim().to_ascii_uppercase();
        if word == "YES" && is_toll_free(to) {
            return None;
        }
        KEYWORDS.iter().find(|(known, _)| *known == word).map(|(_, keyword)| *keyword)
    }

    fn of_opt_out_type(text: &str) -> Option<Self> {
        match text.to_ascii_uppercase().as_str() {
            "STOP" => Some(Self::Stop),
            "START" => Some(Self::Start),
            "HELP" => Some(Self::Help),
            _ => None,
        }
    }
}

const KEYWORDS: &[(&str, Keyword)] = &[
    ("STOP", Keyword::Stop),
    ("STOPALL", Keyword::Stop),
    ("UNSUBSCRIBE", Keyword::Stop),
    ("CANCEL", Keyword::Stop),
    ("END", Keyword::Stop),
    ("QUIT", Keyword::Stop),
    ("REVOKE", Keyword::Stop),
    ("OPTOUT", Keyword::Stop),
    ("START", Keyword::Start),
    ("YES", Keyword::Start),
    ("UNSTOP", Keyword::Start),
    ("HELP", Keyword::Help),
    ("INFO", Keyword::Help),
];

/// Whether a number is toll-free in North America.
fn is_toll_free(number: &str) -> bool {
    let area = number.strip_prefix("+1").and_then(|rest| rest.get(..3));
    area.is_some_and(|area| ["800", "822", "833", "844", "855", "866", "877", "888"].contains(&area))
}

fn message_sid(params: &[(String, String)]) -> Option<&str> {
    ["MessageSid", "SmsSid", "SmsMessageSid"].iter().find_map(|name| value(params, name))
}

/// The first value of a name; an empty one counts as none.
fn value<'a>(params: &'a [(String, String)], name: &str) -> Option<&'a str> {
    params.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
}

fn fields(params: &[(String, String)]) -> Map<String, Value> {
    let mut fields = Map::new();
    for (name, value) in params {
        let value = Value::String(value.clone());
        match fields.get_mut(name) {
            None => {
                fields.insert(name.clone(), value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    bounded(fields)
}

impl fmt::Debug for StatusCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatusCallback")
            .field("sid", &self.sid)
            .field("status", &self.status)
            .field("error_code", &self.error_code)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
