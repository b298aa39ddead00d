//! Asks Twilio for one text or one call. Never repeats a request, never follows a redirect and never reuses a connection:
//! whatever can't be told from an accepted message would have to be treated as one.

use super::account::{Account, Sender};
use super::channel::Channel;
use super::codes::Class;
use super::http::{Failure, address, web_address};
use super::reply::Reply;
use super::status::CANCELED;
use super::wire::Wire;
use crate::phone::PhoneNumber;
use crate::tls::{self, Tls};
use std::time::Duration;

/// A client for every account. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) wire: Wire,
}

/// How long a request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until there is a connection, TLS included. By default 3 s.
    pub connect: Duration,
    /// For everything, from the name look-up to the last byte of the answer. By default 10 s.
    pub total: Duration,
    /// For a list of many pages, each of which is a request. By default 30 s.
    pub list: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(3), total: Duration::from_secs(10), list: Duration::from_secs(30) }
    }
}

/// A text to be sent.
#[derive(Clone, Copy)]
pub struct NewMessage<'a> {
    /// Who gets it.
    pub to: &'a PhoneNumber,
    /// At most 1600 characters (error 21617).
    pub body: &'a str,
    /// Absolute URL that gets the status reports; connection overrides may be in its fragment.
    pub status_callback: &'a str,
    /// How long it may wait in a queue before it is dropped (error 30036); brought into Twilio's range of 1 to 36000.
    pub validity_seconds: u32,
}

/// A call to be made.
#[derive(Clone, Copy)]
pub struct NewCall<'a> {
    /// Who is called.
    pub to: &'a PhoneNumber,
    /// What is said, from [`super::say_twiml`]; at most 4000 characters.
    pub twiml: &'a str,
    /// Absolute URL that gets the status reports; connection overrides may be in its fragment.
    pub status_callback: &'a str,
}

impl Client {
    /// A client with a set-up of TLS of its own.
    pub fn new(timeouts: Timeouts) -> Result<Self, tls::Error> {
        Ok(Self::sharing(&Tls::new()?, timeouts))
    }

    /// A client without proxies: a second party in between would answer where only Twilio's word counts.
    pub fn sharing(tls: &Tls, timeouts: Timeouts) -> Self {
        Self { wire: Wire::new(tls, timeouts) }
    }

    /// Opens a connection before it is needed, for the first request to the Twilio at `base_url`, if any, and if that comes at once. For
    /// a function that starts. What goes wrong is found out when it is needed.
    pub async fn warm(&self, base_url: Option<&str>) {
        if let Some(Ok(url)) = base_url.map(web_address) {
            self.wire.open_ahead(&url).await;
        }
    }

    /// Asks for one text, from the account's sender (Twilio docs, Message resource, create).
    pub async fn create_message(&self, account: &Account, message: &NewMessage<'_>) -> Reply {
        let sender = match &account.sender {
            Some(Sender::MessagingService(sid)) => ("MessagingServiceSid", sid.as_str()),
            Some(Sender::Number(number)) => ("From", number.as_str()),
            None => return NOTHING_ASKED,
        };
        let validity = message.validity_seconds.clamp(1, 36_000).to_string();
        let form = [
            ("To", message.to.e164()),
            sender,
            ("Body", message.body),
            ("StatusCallback", message.status_callback),
            ("ValidityPeriod", &validity),
        ];
        self.create(account, Channel::Message, &form).await
    }

    /// Asks for one call, from the account's voice number (Twilio docs, Call resource, create).
    pub async fn create_call(&self, account: &Account, call: &NewCall<'_>) -> Reply {
        let Some(from) = &account.voice_from_number else {
            return NOTHING_ASKED;
        };
        let form = [
            ("To", call.to.e164()),
            ("From", from.e164()),
            ("Twiml", call.twiml),
            ("StatusCallback", call.status_callback),
            ("StatusCallbackMethod", "POST"),
            ("StatusCallbackEvent", "initiated"),
            ("StatusCallbackEvent", "ringing"),
            ("StatusCallbackEvent", "answered"),
            ("StatusCallbackEvent", "completed"),
            ("MachineDetection", "Enable"),
        ];
        self.create(account, Channel::Call, &form).await
    }

    /// Cancels a call that waits in Twilio's queue (Twilio docs, Call resource, update). Answers whether it will certainly not be
    /// dialled; one that is being dialled already goes on, and so may one of which nothing is heard.
    pub async fn cancel_call(&self, account: &Account, sid: &str) -> bool {
        let path = ["2010-04-01", "Accounts", &account.account_sid, Channel::Call.collection(), &format!("{sid}.json")];
        let exchange = async {
            let url = address(&account.api_base_url, &path)?;
            self.post(url, account.rest_credentials(), &[("Status", CANCELED)]).await
        };
        match exchange.await.map(|answer| Reply::of_answer(answer, Channel::Call)) {
            Ok(Reply::Accepted(call)) => call.sid == sid && call.status == CANCELED,
            _ => false,
        }
    }

    async fn create(&self, account: &Account, channel: Channel, form: &[(&str, &str)]) -> Reply {
        let path = ["2010-04-01", "Accounts", &account.account_sid, &format!("{}.json", channel.collection())];
        let exchange = async {
            let url = address(&account.api_base_url, &path)?;
            self.post(url, account.rest_credentials(), form).await
        };
        match exchange.await {
            Ok(answer) => Reply::of_answer(answer, channel),
            Err(Failure::BadAddress) => NOTHING_ASKED,
            Err(Failure::NotConnected(why)) => Reply::NotProcessed { code: None, status: None, retry_after: None, why },
            Err(Failure::Lost(why)) => Reply::InDoubt { status: None, why },
        }
    }
}

/// Nothing left the house: the account lacks what the request needs.
const NOTHING_ASKED: Reply = Reply::Refused { code: None, status: None, class: Class::Config };
