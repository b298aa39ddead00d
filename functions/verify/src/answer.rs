//! What a portal is told: one dull sentence and a word to branch on. Never a whole phone number, never a code, and nothing
//! from which an employee without a phone could be told from one who doesn't exist.

use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Value, json};
use shared::gateway::Response;
use shared::ledger;
use shared::ledger::verification::Masked;
use shared::stamp;
use shared::twilio::verify::Channel;
use std::time::Duration;

/// An answer. `functions/verify/openapi.json` says the same to portals, and a test holds the two together.
pub enum Answer {
    /// A code is on its way.
    Started {
        /// Twilio's, `VE…`.
        sid: String,
        /// Where to, as it may be shown.
        to: Masked,
        /// How.
        channel: Channel,
        /// Until then the code can be checked.
        expires_at: Timestamp,
        /// Whether it is the code that went out before.
        resent: bool,
    },
    /// A code was checked.
    Checked {
        /// Twilio's, `VE…`.
        sid: String,
        /// Whether it was the right one.
        approved: bool,
    },
    /// Neither.
    Refused(Refusal),
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such route.
    NoSuchRoute,
    /// No such tenant, or not its portal: which of them is nobody's business.
    Unauthorized,
    /// Not what the route is for.
    Malformed(&'static str),
    /// On start: nobody who could be sent a code. On check: nothing to check. Why is nobody's business.
    NotFound,
    /// The tenant only tries things out.
    DryRun,
    /// Too often, by Twilio's count or by ours; how long to wait.
    TooMany(Duration),
    /// The table, PeopleSoft or Twilio; the detail is for the log.
    Unavailable(String),
}

impl From<ledger::Error> for Refusal {
    fn from(error: ledger::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl Answer {
    /// The answer as HTTP has it.
    pub fn into_response(self) -> Response {
        let (status, body) = match &self {
            Self::Started { sid, to, channel, expires_at, resent } => {
                let (to, expires_at) = (to.as_str(), stamp::format(*expires_at));
                let channel = channel.as_str();
                let body = json!({
                    "verification_sid": sid, "to": to, "channel": channel, "expires_at": expires_at, "resent": resent,
                });
                (StatusCode::ACCEPTED, body)
            }
            Self::Checked { sid, approved } => (StatusCode::OK, json!({"verification_sid": sid, "approved": approved})),
            Self::Refused(refusal) => (refusal.status(), refusal.body()),
        };
        let response = Response::new(status, "application/json", body.to_string())
            .with(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self {
            Self::Refused(Refusal::TooMany(wait)) => {
                // Rounded up, and never 0: that would invite the very next request.
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                response.with(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)))
            }
            Self::Refused(Refusal::Unauthorized) => {
                response.with(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
            }
            _ => response,
        }
    }
}

impl Refusal {
    /// The word in the answer.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NoSuchRoute => "no_such_route",
            Self::Unauthorized => "unauthorized",
            Self::Malformed(_) => "malformed",
            Self::NotFound => "not_found",
            Self::DryRun => "dry_run",
            Self::TooMany(_) => "too_many",
            Self::Unavailable(_) => "unavailable",
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::NoSuchRoute | Self::NotFound => StatusCode::NOT_FOUND,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::DryRun => StatusCode::CONFLICT,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn body(&self) -> Value {
        let sentence = match self {
            Self::NoSuchRoute => "There is no such route.",
            Self::Unauthorized => "The tenant or the token isn't known.",
            Self::Malformed(why) => why,
            Self::NotFound => "There is nobody to send a code to, or no code to check.",
            Self::DryRun => "This tenant is in dry-run mode: no codes are sent.",
            Self::TooMany(_) => "Too many codes or checks. Try again later.",
            Self::Unavailable(_) => "Try again later.",
        };
        json!({"error": self.word(), "message": sentence})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_whole_seconds_and_at_least_one() {
        let check = |wait: Duration, expect: &str| {
            let response = Answer::Refused(Refusal::TooMany(wait)).into_response();
            assert_eq!(response.headers[header::RETRY_AFTER], expect, "{wait:?}");
        };
        check(Duration::ZERO, "1");
        check(Duration::from_millis(1), "1");
        check(Duration::from_millis(2001), "3");
        check(Duration::from_mins(10), "600");
    }

    #[test]
    fn a_yes_is_spelt_one_way() {
        // Portals that can't parse JSON look for it as text.
        let response = Answer::Checked { sid: "VE1".to_owned(), approved: true }.into_response();
        assert!(response.body.contains("\"approved\":true"), "{}", response.body);
    }

    #[test]
    fn the_detail_of_our_trouble_stays_with_us() {
        let response = Answer::Refused(Refusal::Unavailable("the table is on fire".to_owned())).into_response();
        assert!(response.status == StatusCode::SERVICE_UNAVAILABLE && !response.body.contains("fire"), "{response:?}");
    }
}
