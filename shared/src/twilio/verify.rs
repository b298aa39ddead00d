//! Two-factor checks through Twilio Verify: send a code, check a code. Twilio makes and keeps the code; here it passes
//! through once and is never printed. Nothing is repeated: every start may text again and counts against a limit of five,
//! and a second check of a right code says that there is nothing to check.

use super::account::Account;
use super::channel::is_sid;
use super::client::Client;
use super::codes::{self, Class, VerifyClass};
use super::http::{Answer, Body, Failure, address};
use crate::phone::PhoneNumber;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::time::Duration;

/// How the code reaches the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// By text.
    Sms,
    /// Read out in a call; landlines too.
    Call,
}

impl Channel {
    /// Twilio's word, and ours.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Call => "call",
        }
    }
}

/// A code to be sent (Twilio docs, Verification resource, create).
#[derive(Clone, Copy)]
pub struct NewVerification<'a> {
    /// Who gets it.
    pub to: &'a PhoneNumber,
    /// How.
    pub channel: Channel,
    /// The language of the text or call, as Verify names it (`en`, `es`, `pt-br`); by default Twilio goes by the number.
    pub locale: Option<&'a str>,
    /// A rate limit that the Verify service defines, by its unique name, and the value that it counts: no personal data.
    pub rate_limit: Option<(&'a str, &'a str)>,
}

/// A verification that was started, or started again: Twilio keeps code and sid until it is approved or expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// `VE` and 32 hex digits.
    pub sid: String,
    /// Twilio's word, `pending`.
    pub status: String,
}

/// What Twilio says of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Checked {
    /// The right one. Only now: another check of it will be [`Checked::Gone`].
    Approved,
    /// A wrong one; another may follow.
    Pending,
    /// There is nothing to check: expired, canceled, used up, approved before, or never started.
    Gone,
}

/// Why a code was not sent or not checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Too many codes or checks, for this number or in all. Later helps; at the latest after ten minutes, when the code has
    /// expired.
    #[error("Twilio Verify limits the rate (code {})", code.unwrap_or_default())]
    Limited {
        /// Twilio's error code, 0 in the message if there was none.
        code: Option<u32>,
        /// How long Twilio wants us to wait.
        retry_after: Option<Duration>,
    },
    /// Not for this number, or not this way: 60205 is a landline that could be called.
    #[error("Twilio Verify refuses (code {})", code.unwrap_or_default())]
    Refused {
        /// Twilio's error code, 0 in the message if there was none.
        code: Option<u32>,
    },
    /// The Verify service is missing or not set up for this. The tenant's to mend.
    #[error("Twilio Verify is not set up for this (code {})", code.unwrap_or_default())]
    Misconfigured {
        /// Twilio's error code, 0 in the message if there was none.
        code: Option<u32>,
    },
    /// Credentials or account. The tenant's to mend.
    #[error("Twilio refuses the account or its credentials (code {})", code.unwrap_or_default())]
    Account {
        /// Twilio's error code, 0 in the message if there was none.
        code: Option<u32>,
    },
    /// Certainly not processed. Later helps.
    #[error("Twilio Verify is not available: {why}")]
    Unavailable {
        /// In a few words of ours.
        why: &'static str,
    },
    /// Perhaps processed: a code may have been sent, or have been checked and used up.
    #[error("no clear answer from Twilio Verify: {why}")]
    InDoubt {
        /// Of the HTTP answer, if one came.
        status: Option<u16>,
        /// In a few words of ours.
        why: &'static str,
    },
}

impl Client {
    /// Sends a code. While one is pending for this number, the same one goes out again, under the same sid.
    pub async fn start_verification(
        &self,
        account: &Account,
        verification: &NewVerification<'_>,
    ) -> Result<Verification, Trouble> {
        let rate_limits = verification.rate_limit.map(|(name, value)| {
            let limits: Map<String, Value> = [(name.to_owned(), Value::String(value.to_owned()))].into_iter().collect();
            Value::Object(limits).to_string()
        });
        let mut form = vec![("To", verification.to.e164()), ("Channel", verification.channel.as_str())];
        form.extend(verification.locale.map(|locale| ("Locale", locale)));
        form.extend(rate_limits.as_deref().map(|limits| ("RateLimits", limits)));

        let answer = self.ask(account, "Verifications", &form).await?;
        let status = answer.status;
        let fields = success(answer)?;
        let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let verification = Verification { sid: text("sid"), status: text("status") };
        if is_sid(&verification.sid, "VE") {
            Ok(verification)
        } else {
            Err(Trouble::InDoubt { status: Some(status), why: "the answer has no sid" })
        }
    }

    /// Checks the code that the person gave. Write the result down before passing it on: it can't be asked for again.
    pub async fn check_verification(
        &self,
        account: &Account,
        verification_sid: &str,
        code: &str,
    ) -> Result<Checked, Trouble> {
        let form = [("VerificationSid", verification_sid), ("Code", code)];
        let answer = self.ask(account, "VerificationCheck", &form).await?;
        match (answer.status, answer.code()) {
            (404, Some(20404)) => return Ok(Checked::Gone),
            // Without Twilio's code it may be anybody's, and what became of the check isn't known.
            (404, None) => {
                return Err(Trouble::InDoubt { status: Some(404), why: "not found, by whose word isn't known" });
            }
            _ => {}
        }
        let status = answer.status;
        let fields = success(answer)?;
        let valid = fields.get("valid").and_then(Value::as_bool);
        match (fields.get("status").and_then(Value::as_str), valid) {
            (Some("approved"), None | Some(true)) => Ok(Checked::Approved),
            (Some("pending"), _) => Ok(Checked::Pending),
            (Some("max_attempts_reached"), _) => Err(Trouble::Limited { code: None, retry_after: None }),
            (Some("canceled" | "deleted" | "failed" | "expired"), _) => Ok(Checked::Gone),
            _ => Err(Trouble::InDoubt { status: Some(status), why: "the answer has no status that we know" }),
        }
    }

    async fn ask(&self, account: &Account, what: &str, form: &[(&str, &str)]) -> Result<Answer, Trouble> {
        let service = account.verify_service_sid.as_deref().ok_or(Trouble::Misconfigured { code: None })?;
        let url = address(&account.verify_base_url, &["v2", "Services", service, what])?;
        Ok(self.post(url, account.rest_credentials(), form).await?)
    }
}

fn success(answer: Answer) -> Result<Map<String, Value>, Trouble> {
    match answer.body {
        _ if !answer.is_success() => Err(refusal(&answer)),
        Body::Object(fields) => Ok(fields),
        Body::Other | Body::Broken => {
            Err(Trouble::InDoubt { status: Some(answer.status), why: "the answer can't be read" })
        }
    }
}

/// Verify's own table of codes first, then the common one, then the HTTP status.
fn refusal(answer: &Answer) -> Trouble {
    let (status, code) = (answer.status, answer.code());
    let limited = Trouble::Limited { code, retry_after: answer.retry_after };
    let in_doubt = Trouble::InDoubt { status: Some(status), why: "trouble at Twilio" };
    match code.and_then(codes::verification) {
        Some(VerifyClass::Limited) => return limited,
        Some(VerifyClass::Refused) => return Trouble::Refused { code },
        Some(VerifyClass::Config) => return Trouble::Misconfigured { code },
        None => {}
    }
    match code.and_then(codes::creation) {
        Some(Class::Wait | Class::WaitLong) => return limited,
        Some(Class::Account) => return Trouble::Account { code },
        Some(Class::Config | Class::Permission | Class::NotTwilio) => return Trouble::Misconfigured { code },
        Some(Class::Unknown) => return in_doubt,
        Some(Class::Recipient | Class::Content | Class::Bug | Class::OptedOut | Class::Other) => {
            return Trouble::Refused { code };
        }
        None => {}
    }
    match (status, code) {
        (429, _) => limited,
        (401 | 403, None) => Trouble::Account { code },
        (300..400, _) | (404, None) => Trouble::Misconfigured { code },
        (408 | 425, None) => in_doubt,
        (400..500, _) => Trouble::Refused { code },
        _ => in_doubt,
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::BadAddress => Self::Misconfigured { code: None },
            Failure::NotConnected(why) => Self::Unavailable { why },
            Failure::Lost(why) => Self::InDoubt { status: None, why },
        }
    }
}
