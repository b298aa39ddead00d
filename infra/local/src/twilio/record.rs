//! A message or a call as Twilio keeps it, with the life that lies ahead of it. Plain data: `life` moves it on, `views` shows
//! it, `journal` stores it.

use super::answer::rfc2822;
use super::settings::BodyShown;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::twilio::segments;
use std::time::Duration;

/// What a trial account's texts begin with.
const TRIAL_NOTICE: &str = "Sent from your Twilio trial account - ";

/// Message or call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    /// `SM…`
    Message,
    /// `CA…`
    Call,
}

/// One message or call.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) kind: Kind,
    pub(super) sid: String,
    pub(super) account_sid: String,
    pub(super) to: String,
    /// The number that sends. With a messaging service it shows only once the message has been queued.
    pub(super) from: String,
    pub(super) messaging_service_sid: Option<String>,
    /// The text, or the `Twiml` or `Url` of a call.
    pub(super) body: String,
    /// `outbound-api`, `outbound-reply` or `inbound`.
    pub(super) direction: String,
    pub(super) status: String,
    pub(super) error_code: Option<u32>,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    /// When a message was sent, or a call was answered.
    pub(super) begun: Option<Timestamp>,
    pub(super) validity_seconds: i64,
    /// How long a call waits for those before it.
    pub(super) queue_time: Duration,
    pub(super) status_callback: Option<String>,
    /// What machine detection will say, if it was asked for.
    pub(super) answered_by: Option<String>,
    /// The statuses to come and gone, in order.
    pub(super) script: Vec<Step>,
    /// How many steps of the script are done.
    pub(super) done: usize,
    /// How often it has changed: of two versions in the journal the later counts, in whatever order they were written.
    pub(super) revision: u64,
}

/// One status of a message's or call's life after its first.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Step {
    pub(super) status: String,
    pub(super) error_code: Option<u32>,
    /// Whether Twilio calls back for it, if there is somebody to call.
    pub(super) reported: bool,
    /// Whether nothing more is to be done about that: it arrived, was given up, or got lost.
    pub(super) settled: bool,
}

impl Step {
    pub(super) fn silent(status: &str) -> Self {
        Self { status: status.to_owned(), error_code: None, reported: false, settled: false }
    }

    pub(super) fn reported(status: &str) -> Self {
        Self { reported: true, ..Self::silent(status) }
    }

    pub(super) fn failing(status: &str, error_code: u32) -> Self {
        Self { error_code: Some(error_code), ..Self::reported(status) }
    }
}

impl Record {
    /// Whether it was asked for by a caller of the API: what must not happen twice.
    pub(super) fn is_asked_for(&self) -> bool {
        self.direction == "outbound-api"
    }

    /// Whether somebody still has to move it on or to report on it.
    pub(super) fn is_alive(&self) -> bool {
        self.done < self.script.len() || self.unsettled().next().is_some()
    }

    /// The steps that are done and not reported yet.
    pub(super) fn unsettled(&self) -> impl Iterator<Item = usize> {
        let wanted = self.status_callback.is_some();
        let steps = self.script.iter().take(self.done).enumerate();
        steps.filter(move |(_, step)| wanted && step.reported && !step.settled).map(|(index, _)| index)
    }

    /// Whether a message has waited longer than its `ValidityPeriod` allows.
    pub(super) fn is_stale(&self, now: Timestamp) -> bool {
        self.kind == Kind::Message
            && now.duration_since(self.created) > SignedDuration::from_secs(self.validity_seconds)
    }

    /// A parameter of the query of its `StatusCallback`, decoded.
    pub(super) fn callback_parameter(&self, name: &str) -> Option<String> {
        let url = self.status_callback.as_deref()?;
        let (_, query) = url.split('#').next()?.split_once('?')?;
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// The resource as the API shows it.
    pub(super) fn view(&self) -> Value {
        match self.kind {
            Kind::Message => self.message_view(),
            Kind::Call => self.call_view(),
        }
    }

    /// The same, asked for later: a text's words may be withheld by then.
    pub(super) fn view_later(&self, body: BodyShown) -> Value {
        let mut view = self.view();
        if self.kind == Kind::Message && self.is_asked_for() {
            match body {
                BodyShown::AsSent => {}
                BodyShown::Null => view["body"] = Value::Null,
                BodyShown::Empty => view["body"] = json!(""),
                BodyShown::SmartEncoded => {
                    let encoded = self.body.replace(['‘', '’'], "'").replace(['“', '”'], "\"").replace('—', "-");
                    let encoded = encoded.replace('…', "...").replace('\u{a0}', "  ");
                    view["body"] = json!(format!("{encoded} Reply STOP to end."));
                }
                BodyShown::AfterTrialNotice => view["body"] = json!(format!("{TRIAL_NOTICE}{}", self.body)),
            }
        }
        view
    }

    /// The number that sends, once it is known to the outside.
    pub(super) fn visible_from(&self) -> Option<&str> {
        let picked = self.messaging_service_sid.is_none() || !matches!(self.status.as_str(), "accepted" | "scheduled");
        picked.then_some(self.from.as_str())
    }

    fn message_view(&self) -> Value {
        let uri = format!("/2010-04-01/Accounts/{}/Messages/{}", self.account_sid, self.sid);
        let segments = if self.visible_from().is_some() { segments::size(&self.body).segments } else { 0 };
        json!({
            "account_sid": self.account_sid, "api_version": "2010-04-01", "body": self.body,
            "date_created": rfc2822(self.created), "date_sent": self.begun.map(rfc2822), "date_updated": rfc2822(self.updated),
            "direction": self.direction, "error_code": self.error_code, "error_message": Value::Null,
            "from": self.visible_from(), "messaging_service_sid": self.messaging_service_sid, "num_media": "0",
            "num_segments": segments.to_string(), "price": Value::Null, "price_unit": Value::Null, "sid": self.sid,
            "status": self.status, "subresource_uris": {"media": format!("{uri}/Media.json")}, "to": self.to,
            "uri": format!("{uri}.json"),
        })
    }

    fn call_view(&self) -> Value {
        let uri = format!("/2010-04-01/Accounts/{}/Calls/{}", self.account_sid, self.sid);
        let ended = self.done == self.script.len();
        let end_time = ended.then(|| rfc2822(self.updated));
        let seconds = self.begun.map(|begun| self.updated.duration_since(begun).as_secs());
        json!({
            "account_sid": self.account_sid, "answered_by": self.begun.and(self.answered_by.as_deref()),
            "api_version": "2010-04-01", "caller_name": Value::Null, "date_created": rfc2822(self.created),
            "date_updated": rfc2822(self.updated), "direction": self.direction,
            "duration": seconds.filter(|_| ended).map(|seconds| seconds.to_string()), "end_time": end_time,
            "forwarded_from": Value::Null, "from": self.from, "from_formatted": self.from, "group_sid": Value::Null,
            "parent_call_sid": Value::Null, "phone_number_sid": Value::Null, "price": Value::Null, "price_unit": "USD",
            "queue_time": self.queue_time.as_millis().to_string(), "sid": self.sid, "start_time": self.begun.map(rfc2822), "status": self.status,
            "subresource_uris": {"events": format!("{uri}/Events.json")}, "to": self.to, "to_formatted": self.to,
            "trunk_sid": Value::Null, "uri": format!("{uri}.json"),
        })
    }
}
