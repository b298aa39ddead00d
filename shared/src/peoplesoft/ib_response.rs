//! `IBResponse`, the Integration Broker's own error document: finds one in any answer and takes its message set and id.
//! It never keeps the message's text or parameters, which may hold a user id.

use quick_xml::Reader;
use quick_xml::events::Event;
use std::fmt;

/// Set and id of a `PeopleSoft` message: `(158,45)`. Either may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageCode {
    /// The message set, from `MessageSet` or the text's trailing `(set,id)`.
    pub set: Option<i32>,
    /// The message's number in its set.
    pub id: Option<i32>,
}

/// What an `IBResponse` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IbResponse {
    pub(super) code: MessageCode,
    /// `type="success"`, or status 0 where no type is given: an acknowledgement, and still not rows.
    pub(super) success: bool,
}

/// What a message means to us. Unknown pairs are trouble with the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Credentials,
    Permission,
    Query,
    Gateway,
}

/// Message set, message id, meaning (Integration Broker message catalogue; recorded answers).
const MEANINGS: &[(i32, i32, Meaning)] = &[
    (158, 45, Meaning::Credentials), // user password failed
    (158, 55, Meaning::Credentials), // user name not defined: often the ANONYMOUS node's default user is locked
    (158, 536, Meaning::Permission), // user not authorized to invoke the service operation
    (158, 10001, Meaning::Query),    // whatever the operation's own code threw
    (158, 10721, Meaning::Gateway),  // the gateway can't reach what is behind it
    BROKEN_DOCUMENT_MEANING,
];

/// `PeopleSoft` built a document that its own XML parser refused; once in a while the next one is whole.
pub(super) const BROKEN_DOCUMENT: MessageCode = MessageCode { set: Some(159), id: Some(5) };
const BROKEN_DOCUMENT_MEANING: (i32, i32, Meaning) = (159, 5, Meaning::Query);

impl MessageCode {
    /// The table's word on this code.
    pub(super) fn meaning(self) -> Meaning {
        MEANINGS
            .iter()
            .find(|(set, id, _)| self.set == Some(*set) && self.id == Some(*id))
            .map_or(Meaning::Query, |(_, _, meaning)| *meaning)
    }
}

impl fmt::Display for MessageCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |part: Option<i32>| part.map_or_else(|| "?".to_owned(), |number| number.to_string());
        write!(f, "({},{})", part(self.set), part(self.id))
    }
}

/// The first `IBResponse` in an answer: alone, inside a SOAP fault, or as a string inside JSON. A document that ends early
/// gives what it has.
pub(super) fn find(answer: &str) -> Option<IbResponse> {
    let start = answer
        .find("<IBResponse")
        .or_else(|| answer.find("\\u003cIBResponse").or_else(|| answer.find("\\u003CIBResponse")))?;
    let rest = &answer[start..];
    if start > 0 && answer.trim_start_matches('\u{feff}').trim_start().starts_with('{') {
        // As a JSON string: undo the escapes that XML can meet there.
        let unescape = [
            ("\\u003c", "<"),
            ("\\u003C", "<"),
            ("\\u003e", ">"),
            ("\\u003E", ">"),
            ("\\\"", "\""),
            ("\\/", "/"),
            ("\\n", "\n"),
        ];
        let rest = unescape.iter().fold(rest.to_owned(), |text, (from, to)| text.replace(from, to));
        return Some(read(&rest));
    }
    Some(read(rest))
}

fn read(document: &str) -> IbResponse {
    let mut reader = Reader::from_str(document);
    reader.config_mut().expand_empty_elements = true;
    let (mut element, mut kind, mut status) = (String::new(), None, None);
    let (mut set, mut id, mut message) = (None, None, String::new());
    // An error ends the search as the end of the document does: what was read so far is all there is.
    while let Ok(event) = reader.read_event() {
        let text = match event {
            Event::Eof => break,
            Event::Start(start) => {
                start.local_name().as_ref().clone_into(&mut element);
                if element == "IBResponse" {
                    kind = start.try_get_attribute("type").ok().flatten().map(|kind| kind.value.into_owned());
                }
                continue;
            }
            Event::End(end) if end.local_name().as_ref() == "IBResponse" => break,
            Event::End(_) => {
                element.clear();
                continue;
            }
            Event::Text(text) => text.into_inner(),
            Event::CData(text) => text.into_inner(),
            _ => continue,
        };
        match element.as_str() {
            "StatusCode" => status = status.or(text.trim().parse::<i32>().ok()),
            "MessageSet" => set = set.or(text.trim().parse().ok()),
            "MessageID" => id = id.or(text.trim().parse().ok()),
            "DefaultMessage" => message.push_str(&text),
            _ => {}
        }
    }
    let (text_set, text_id) = trailing_pair(&message);
    let code = match (set, id) {
        (None, None) => MessageCode { set: text_set, id: text_id },
        // The text's set only counts if it speaks of the same message.
        (None, id) => MessageCode { set: if text_id == id { text_set } else { None }, id },
        (set, id) => MessageCode { set, id: id.or(text_id) },
    };
    let success = kind.as_deref().map_or(status == Some(0), |kind| kind.eq_ignore_ascii_case("success"));
    IbResponse { code, success }
}

/// `User password failed. (158,45)` ends in set and id.
fn trailing_pair(message: &str) -> (Option<i32>, Option<i32>) {
    let pair = || {
        let inner = message.trim_end().strip_suffix(')')?;
        let (_, pair) = inner.rsplit_once('(')?;
        let (set, id) = pair.split_once(',')?;
        Some((set.trim().parse().ok()?, id.trim().parse().ok()?))
    };
    pair().map_or((None, None), |(set, id)| (Some(set), Some(id)))
}
