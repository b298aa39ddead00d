//! Event Streams: the life of verifications as `CloudEvents`, posted as a JSON array to the sink of the account. Delivery is
//! at least once there and so it is here, with the retries of `posts`.

use super::answer::iso8601;
use super::draws;
use super::posts::{self, Payload, Post, Sent};
use super::verify::{Sending, Verification};
use super::world::World;
use serde_json::{Value, json};
use std::sync::Arc;

/// What happened to a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happened {
    Pending,
    Approved,
    Canceled,
    Expired,
    MaxAttemptsReached,
}

impl Happened {
    fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
            Self::MaxAttemptsReached => "max_attempts_reached",
        }
    }
}

/// Posts the event to the account's sink, if it has one.
pub(super) fn tell(world: &Arc<World>, verification: &Verification, happened: Happened) {
    let Some(sink) = world.lock().sinks.get(&verification.account_sid).cloned() else {
        return;
    };
    let account_sid = verification.account_sid.clone();
    let events = json!([event(verification, happened)]);
    let task = Arc::clone(world);
    world.spawn_counted(async move {
        post(&task, &account_sid, &sink, &events).await;
    });
}

/// Posts any JSON the way Event Streams does: signed with `bodySHA256`, answer within five seconds.
pub(super) async fn post(world: &World, account_sid: &str, sink: &str, events: &Value) -> Sent {
    let post = Post {
        account_sid: account_sid.to_owned(),
        // Our own retries, in the words that `posts` knows; a sink's URL has no overrides.
        url: format!("{}#rc=3&rp=5xx,ct,rt&rt=5000", sink.split('#').next().unwrap_or_default()),
        payload: Payload::Json(events.to_string().into_bytes()),
        for_call: false,
        forged: false,
    };
    posts::send(world, &post).await
}

/// One event in the shape of `AccountSecurity.VerifyEventStreamEvent`.
fn event(verification: &Verification, happened: Happened) -> Value {
    let attempt = |send: &Sending| json!({"time": iso8601(send.at), "channel": send.channel, "attempt_sid": send.attempt_sid, "delivery_status": "SENT"});
    let attempts: Vec<Value> = verification.sends.iter().map(attempt).collect();
    let verified_at = (happened == Happened::Approved).then(|| iso8601(verification.updated));
    json!({
        "specversion": "1.0",
        "type": format!("com.twilio.accountsecurity.verify.verification.{}", happened.word()),
        "source": format!("/v2/Services/{}/Verifications/{}", verification.service_sid, verification.sid),
        "id": draws::sid("EZ"),
        "dataschema": "https://events-schemas.twilio.com/AccountSecurity.VerifyEventStreamEvent/3",
        "datacontenttype": "application/json",
        "time": iso8601(verification.updated),
        "data": {
            "account_sid": verification.account_sid,
            "service_sid": verification.service_sid,
            "verification_sid": verification.sid,
            "friendly_name": "A fake service",
            "custom_code_enabled": false,
            "custom_friendly_name": Value::Null,
            "created_at": iso8601(verification.created),
            "verified_at": verified_at,
            "to": verification.to,
            "verification_status": happened.word().to_uppercase(),
            "country": "US",
            "code_length": verification.code.chars().count(),
            "send_code_attempts": {"count": attempts.len(), "attempts": attempts},
            "check_attempts": {"count": verification.checks},
        },
    })
}
