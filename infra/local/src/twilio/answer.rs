//! Answers in Twilio's shapes: resources, classic errors, RFC 9457 problems, and the XML that the 2010 API speaks when a path
//! lacks `.json`. Which answer is due is decided elsewhere.

use jiff::Timestamp;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// An HTTP answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) body: String,
    pub(super) headers: Vec<(&'static str, String)>,
}

/// Why a request is not done: one of Twilio's codes. Its HTTP status and text follow from it.
pub(super) struct Refusal {
    pub(super) code: u32,
    pub(super) message: String,
    /// Headers that come with it.
    pub(super) headers: Vec<(&'static str, String)>,
}

impl Refusal {
    /// A code with the text of the table below.
    pub(super) fn code(code: u32) -> Self {
        let message = TEXTS.iter().find(|(known, _)| *known == code).map_or("Bad request", |(_, text)| *text);
        Self { code, message: message.to_owned(), headers: Vec::new() }
    }

    /// 20404, with the path as Twilio repeats it.
    pub(super) fn not_found(path: &str) -> Self {
        Self { message: format!("The requested resource {path} was not found"), ..Self::code(20404) }
    }

    /// 20001 about one parameter.
    pub(super) fn parameter(name: &str) -> Self {
        Self { message: format!("Invalid parameter {name}"), ..Self::code(20001) }
    }
}

impl Answer {
    /// A resource.
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self { status, content_type: "application/json", body: body.to_string(), headers: Vec::new() }
    }

    /// Twilio's classic error body.
    pub(super) fn refusal(refusal: &Refusal) -> Self {
        let status = http_status(refusal.code);
        let code = refusal.code;
        let more_info = format!("https://www.twilio.com/docs/errors/{code}");
        let body = json!({"code": code, "message": refusal.message, "more_info": more_info, "status": status});
        Self { headers: refusal.headers.clone(), ..Self::json(status, &body) }
    }

    /// A failure of Twilio's own, with a code where Twilio documents one.
    pub(super) fn failure(status: u16) -> Self {
        match status {
            500 => Self::refusal(&Refusal::code(20500)),
            503 => Self::refusal(&Refusal::code(20503)),
            _ => Self::json(status, &json!({"message": "Upstream trouble", "status": status})),
        }
    }

    /// RFC 9457, as the official libraries recognise it.
    pub(super) fn problem(code: u32) -> Self {
        let status = http_status(code);
        let kind = format!("https://www.twilio.com/docs/errors/{code}");
        let body = json!({"type": kind, "title": Refusal::code(code).message, "status": status, "code": code,
            "detail": "See the documentation of the code.", "errors": []});
        Self { content_type: "application/problem+json", ..Self::json(status, &body) }
    }

    /// The page of a proxy.
    pub(super) fn html(status: u16) -> Self {
        let body = format!("<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>");
        Self { status, content_type: "text/html", body, headers: Vec::new() }
    }

    /// The same answer with one more header.
    pub(super) fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same answer as the 2010 API gives it without `.json`.
    pub(super) fn in_xml(mut self) -> Self {
        if let Ok(value) = serde_json::from_str::<Value>(&self.body) {
            let mut xml = String::from("<?xml version='1.0' encoding='UTF-8'?>\n<TwilioResponse>");
            element(&mut xml, if self.status < 300 { "Resource" } else { "RestException" }, &value);
            xml.push_str("</TwilioResponse>");
            self.body = xml;
            self.content_type = "application/xml";
        }
        self
    }
}

/// `Thu, 24 Aug 2023 05:01:45 +0000`, as the 2010 API and the callbacks of calls write dates.
pub(super) fn rfc2822(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// `2015-07-30T20:00:00Z`, as Verify and Messaging write dates.
pub(super) fn iso8601(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The HTTP status of a code; 400 where no other is known. Those of 20005 and 90010 are not documented.
fn http_status(code: u32) -> u16 {
    match code {
        20003 => 401,
        20004 => 405,
        20005 | 20006 | 20008 | 20403 | 60204 | 60205 | 60410 | 60605 | 90010 => 403,
        20404 | 21701 => 404,
        20429 | 21611 | 60202 | 60203 | 60212 => 429,
        20500 => 500,
        20503 => 503,
        _ => 400,
    }
}

const TEXTS: &[(u32, &str)] = &[
    (20003, "Authenticate"),
    (20004, "Method not allowed"),
    (20005, "Account not active"),
    (20007, "Page size too large"),
    (20008, "Resource not accessible with Test Account Credentials"),
    (20429, "Too many requests"),
    (20500, "An internal server error has occurred"),
    (20503, "Service unavailable"),
    (21602, "Message body is required."),
    (21603, "A 'From' phone number is required."),
    (21604, "A 'To' phone number is required."),
    (21606, "The 'From' phone number provided is not a valid message-capable Twilio phone number."),
    (21610, "Attempt to send to unsubscribed recipient"),
    (21617, "The concatenated message body exceeds the 1600 character limit."),
    (60202, "Max check attempts reached"),
    (60203, "Max send attempts reached"),
    (60205, "SMS is not supported by landline phone number"),
];

fn element(xml: &mut String, name: &str, value: &Value) {
    let name: String = name.split('_').map(capital).collect();
    let _ = write!(xml, "<{name}>"); // writing to a String can't fail
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| element(xml, name, value)),
        Value::Array(items) => items.iter().for_each(|item| element(xml, "Item", item)),
        Value::Null => {}
        Value::String(text) => xml.push_str(&escaped(text)),
        other => xml.push_str(&other.to_string()),
    }
    let _ = write!(xml, "</{name}>");
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
