//! What is known after Twilio was asked to send something. The distinction that matters is between "certainly not" and
//! "perhaps": only after the first may the same thing be asked again.

use super::channel::Channel;
use super::codes::{self, Class};
use super::http::{Answer, Body};
use super::resource::Resource;
use std::time::Duration;

/// The result of asking for one text or call. `Debug` shows neither number nor body.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// Twilio has it.
    Accepted(Resource),
    /// Certainly not processed, and it has nothing to do with this text or person: ask again, soon.
    NotProcessed {
        /// Twilio's error code, such as 20429.
        code: Option<u32>,
        /// Of the HTTP answer; `None` if there was no connection.
        status: Option<u16>,
        /// How long Twilio wants us to wait.
        retry_after: Option<Duration>,
        /// In a few words of ours, without personal data.
        why: &'static str,
    },
    /// Certainly not processed; `class` says whether later may be different.
    Refused {
        /// Twilio's error code; `None` if something else answered, or if we didn't ask.
        code: Option<u32>,
        /// Of the HTTP answer; `None` if nothing was asked, for want of a sender or a usable base URL.
        status: Option<u16>,
        /// What the refusal means.
        class: Class,
    },
    /// Perhaps processed. Only evidence tells: a callback, or Twilio's list.
    InDoubt {
        /// Of the HTTP answer, if one came.
        status: Option<u16>,
        /// In a few words of ours, without personal data.
        why: &'static str,
    },
}

impl Reply {
    /// Reads an answer to a request for something of `channel`. Twilio's code decides before the HTTP status does: 21611 and
    /// 20429 are both a 429, and only one of them passes soon.
    pub(super) fn of_answer(answer: Answer, channel: Channel) -> Self {
        let status = answer.status;
        if answer.is_success() {
            let Body::Object(fields) = answer.body else {
                return Self::InDoubt { status: Some(status), why: "the answer can't be read" };
            };
            let resource = Resource::from_fields(fields).filter(|made| Channel::of_sid(&made.sid) == Some(channel));
            return resource
                .map_or(Self::InDoubt { status: Some(status), why: "the answer has no sid" }, Self::Accepted);
        }
        let code = answer.code();
        match code.and_then(codes::creation) {
            Some(Class::Wait) => not_processed(&answer, "too many requests"),
            Some(Class::Unknown) => Self::InDoubt { status: Some(status), why: "trouble at Twilio" },
            Some(class) => Self::Refused { code, status: Some(status), class },
            None => Self::of_unknown_code(&answer, code),
        }
    }

    /// Where no code that we know decides. Twilio's refusals have a code, and one that we don't know is still a refusal; what
    /// answers without one is something in between, which took the request no further.
    fn of_unknown_code(answer: &Answer, code: Option<u32>) -> Self {
        let refused = |class| Self::Refused { code, status: Some(answer.status), class };
        match (answer.status, code) {
            // An assumption for answers without a code: whoever limits a rate has not processed the request.
            (429, _) => not_processed(answer, "too many requests"),
            // Whoever asks for other credentials asks it of every request.
            (401, None) => refused(Class::Account),
            // A proxy that waited for Twilio, or wasn't sure that the request is fresh.
            (408 | 425, None) => Self::InDoubt { status: Some(answer.status), why: "something in between gave up" },
            (400..500, _) if matches!(answer.body, Body::Broken) => not_processed(answer, "the refusal broke off"),
            (400..500, Some(_)) => refused(Class::Other),
            // Twilio doesn't redirect; a gateway does while it is being maintained.
            (300..500, _) => refused(Class::NotTwilio),
            _ => Self::InDoubt { status: Some(answer.status), why: "trouble at Twilio" },
        }
    }
}

fn not_processed(answer: &Answer, why: &'static str) -> Reply {
    Reply::NotProcessed { code: answer.code(), status: Some(answer.status), retry_after: answer.retry_after, why }
}
