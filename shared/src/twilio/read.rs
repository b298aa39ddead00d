//! Asks Twilio what it has: one resource, a person's list, the account. Changes nothing, so a caller may ask again.

use super::account::Account;
use super::channel::Channel;
use super::client::Client;
use super::codes::{self, Class};
use super::http::{Answer, Body, Failure, address};
use super::resource::Resource;
use crate::phone::PhoneNumber;
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::time::Duration;
use tokio::time::timeout;
use url::Url;

const PAGE_SIZE: &str = "200";
const MAX_PAGES: usize = 50;

/// Why a question to Twilio has no answer. It never means that the thing isn't there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Twilio could not be reached or is in trouble. Later helps.
    #[error("Twilio is not available: {why}")]
    Unavailable {
        /// Of the HTTP answer, if one came.
        status: Option<u16>,
        /// In a few words of ours.
        why: &'static str,
    },
    /// Too many requests. Later helps.
    #[error("Twilio limits our rate")]
    Limited {
        /// How long Twilio wants us to wait.
        retry_after: Option<Duration>,
    },
    /// Credentials, account or its rights. Somebody has to mend it.
    #[error("Twilio refuses the account or its credentials (HTTP {status}, code {})", code.unwrap_or_default())]
    Account {
        /// Twilio's error code, 0 in the message if there was none.
        code: Option<u32>,
        /// Of the HTTP answer.
        status: u16,
    },
    /// Refused for another reason. Asking again doesn't help.
    #[error("Twilio refuses the question (HTTP {status}, code {})", code.unwrap_or_default())]
    Refused {
        /// Twilio's error code, 0 in the message if there was none.
        code: Option<u32>,
        /// Of the HTTP answer.
        status: u16,
    },
    /// An answer that is not Twilio's: a wrong base URL, or a proxy.
    #[error("the answer is not what Twilio would say: {why}")]
    Unreadable {
        /// In a few words of ours.
        why: &'static str,
    },
    /// The base URL is not a URL, or the sid is none of a message or call. Nothing was asked.
    #[error("there is no such address at Twilio")]
    BadAddress,
    /// The person's list is longer than we read, so that nothing can be concluded from what is missing.
    #[error("the list is too long to be read to its end")]
    TooLong,
}

impl ReadError {
    /// Whether asking again later may help without anybody mending anything.
    pub fn may_retry(self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::Limited { .. } => true,
            Self::Account { .. }
            | Self::Refused { .. }
            | Self::Unreadable { .. }
            | Self::BadAddress
            | Self::TooLong => false,
        }
    }
}

/// What Twilio says of the account itself (Twilio docs, Account resource).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountState {
    /// `active`, `suspended` or `closed`.
    pub status: String,
    /// `Trial` or `Full`.
    pub kind: Option<String>,
}

impl Client {
    /// The message or call `sid` as it is now; `None` if Twilio doesn't know it.
    pub async fn fetch(&self, account: &Account, sid: &str) -> Result<Option<Resource>, ReadError> {
        let channel = Channel::of_sid(sid).ok_or(ReadError::BadAddress)?;
        let path = ["2010-04-01", "Accounts", &account.account_sid, channel.collection(), &format!("{sid}.json")];
        let answer = self.get(address(&account.api_base_url, &path)?, account.rest_credentials()).await?;
        if is_absent(&answer) {
            return Ok(None);
        }
        let resource = Resource::from_fields(object(answer)?).filter(|resource| resource.sid == sid);
        resource.map(Some).ok_or(ReadError::Unreadable { why: "not the resource that was asked for" })
    }

    /// Everything of `channel` that was created for `to` at or after `created_since`, to the second; also what Twilio gives
    /// no readable creation date, since that can't be ruled out.
    ///
    /// The list is read by recipient alone and to its end: a filter by date sent misses what is still queued, and the order
    /// of the list is no promise. It lags behind by minutes, so **what is missing may still exist**.
    pub async fn list_to(
        &self,
        account: &Account,
        channel: Channel,
        to: &PhoneNumber,
        created_since: Timestamp,
    ) -> Result<Vec<Resource>, ReadError> {
        // Without an end of its own a slow list would take its caller's time, over and over, and never be known for slow.
        match timeout(self.wire.timeouts().list, self.pages_to(account, channel, to, created_since)).await {
            Ok(listed) => listed,
            Err(_) => Err(ReadError::Unavailable { status: None, why: "the list took too long" }),
        }
    }

    async fn pages_to(
        &self,
        account: &Account,
        channel: Channel,
        to: &PhoneNumber,
        created_since: Timestamp,
    ) -> Result<Vec<Resource>, ReadError> {
        let path = ["2010-04-01", "Accounts", &account.account_sid, &format!("{}.json", channel.collection())];
        let mut url = address(&account.api_base_url, &path)?;
        url.query_pairs_mut().append_pair("To", to.e164()).append_pair("PageSize", PAGE_SIZE);
        let mut found = Vec::new();
        for _ in 0..MAX_PAGES {
            let mut page = object(self.get(url, account.rest_credentials()).await?)?;
            let Some(Value::Array(rows)) = page.remove(&channel.collection().to_ascii_lowercase()) else {
                return Err(ReadError::Unreadable { why: "a list without rows" });
            };
            let resources = rows.into_iter().filter_map(|row| match row {
                Value::Object(fields) => Resource::from_fields(fields),
                _ => None,
            });
            // Twilio's dates have whole seconds: what was created within the second of `created_since` counts.
            let in_time = |date: Timestamp| date.as_second() >= created_since.as_second();
            found.extend(resources.filter(|resource| resource.date_created.is_none_or(in_time)));
            match page.get("next_page_uri").and_then(Value::as_str).filter(|uri| !uri.is_empty()) {
                Some(next) => url = next_page(&account.api_base_url, next)?,
                None => return Ok(found),
            }
        }
        Err(ReadError::TooLong)
    }

    /// Asks for the account itself, by its auth token even if there is an API key: a standard key has no right to see it, and
    /// the token, which verifies callbacks, is proved by nothing else.
    pub async fn ping_account(&self, account: &Account) -> Result<AccountState, ReadError> {
        let path = ["2010-04-01", "Accounts", &format!("{}.json", account.account_sid)];
        let url = address(&account.api_base_url, &path)?;
        let fields = object(self.get(url, (&account.account_sid, &account.auth_token)).await?)?;
        let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
        let status = text("status").ok_or(ReadError::Unreadable { why: "an account without a status" })?;
        Ok(AccountState { status, kind: text("type") })
    }

    /// Asks for one message, any, by the credentials that send: proves them where [`Self::ping_account`] doesn't.
    pub async fn ping_credentials(&self, account: &Account) -> Result<(), ReadError> {
        let mut url =
            address(&account.api_base_url, &["2010-04-01", "Accounts", &account.account_sid, "Messages.json"])?;
        url.query_pairs_mut().append_pair("PageSize", "1");
        object(self.get(url, account.rest_credentials()).await?).map(|_| ())
    }

    /// Whether the messaging service `MG…` exists and the account's credentials may see it (Twilio docs, Service resource).
    pub async fn messaging_service_exists(&self, account: &Account, service_sid: &str) -> Result<bool, ReadError> {
        let url = address(&account.messaging_base_url, &["v1", "Services", service_sid])?;
        let answer = self.get(url, account.rest_credentials()).await?;
        if is_absent(&answer) { Ok(false) } else { object(answer).map(|_| true) }
    }

    /// The same of the Verify service `VA…` (Twilio docs, Verify Service resource).
    pub async fn verify_service_exists(&self, account: &Account, service_sid: &str) -> Result<bool, ReadError> {
        let url = address(&account.verify_base_url, &["v2", "Services", service_sid])?;
        let answer = self.get(url, account.rest_credentials()).await?;
        if is_absent(&answer) { Ok(false) } else { object(answer).map(|_| true) }
    }

    /// Whether a number, in E.164 form, is one of the account's own (Twilio docs, `IncomingPhoneNumber` resource). A verified
    /// caller id is none.
    pub async fn owns_number(&self, account: &Account, number: &str) -> Result<bool, ReadError> {
        let path = ["2010-04-01", "Accounts", &account.account_sid, "IncomingPhoneNumbers.json"];
        let mut url = address(&account.api_base_url, &path)?;
        url.query_pairs_mut().append_pair("PhoneNumber", number).append_pair("PageSize", "1");
        let mut list = object(self.get(url, account.rest_credentials()).await?)?;
        match list.remove("incoming_phone_numbers") {
            Some(Value::Array(numbers)) => Ok(!numbers.is_empty()),
            _ => Err(ReadError::Unreadable { why: "a list without rows" }),
        }
    }
}

/// `next_page_uri` is a path with a query. Anything that led elsewhere would get our credentials.
fn next_page(base: &str, uri: &str) -> Result<Url, ReadError> {
    let unreadable = ReadError::Unreadable { why: "a next page elsewhere" };
    let base_url = Url::parse(base).map_err(|_| ReadError::BadAddress)?;
    if !uri.starts_with('/') {
        return Err(unreadable);
    }
    let url = Url::parse(&format!("{}{uri}", base.trim_end_matches('/'))).map_err(|_| unreadable)?;
    if url.origin() == base_url.origin() { Ok(url) } else { Err(unreadable) }
}

/// Twilio says that there is no such thing; without its code a 404 may be anybody's.
fn is_absent(answer: &Answer) -> bool {
    answer.status == 404 && answer.code() == Some(20404)
}

fn object(answer: Answer) -> Result<Map<String, Value>, ReadError> {
    if !answer.is_success() {
        return Err(refusal(&answer));
    }
    match answer.body {
        Body::Object(fields) => Ok(fields),
        Body::Other => Err(ReadError::Unreadable { why: "not a JSON object" }),
        Body::Broken => Err(ReadError::Unavailable { status: Some(answer.status), why: "the answer broke off" }),
    }
}

fn refusal(answer: &Answer) -> ReadError {
    let (status, code) = (answer.status, answer.code());
    let unavailable = ReadError::Unavailable { status: Some(status), why: "trouble at Twilio" };
    match (code.and_then(codes::creation), status) {
        (Some(Class::Account), _) | (None, 401 | 403) => ReadError::Account { code, status },
        (Some(Class::Wait | Class::WaitLong), _) | (None, 429) => {
            ReadError::Limited { retry_after: answer.retry_after }
        }
        (Some(Class::Unknown), _) | (None, 408 | 425) => unavailable,
        (Some(_), _) | (None, 300..500) => ReadError::Refused { code, status },
        (None, _) => unavailable,
    }
}

impl From<Failure> for ReadError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::BadAddress => Self::BadAddress,
            Failure::NotConnected(why) | Failure::Lost(why) => Self::Unavailable { status: None, why },
        }
    }
}
