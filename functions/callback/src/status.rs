//! Status callbacks of messages and calls: one fact each, whether or not we know the notification. Twilio signed our URL, so
//! we once asked.

use crate::verified::Verified;
use crate::{Deps, Refusal};
use jiff::Timestamp;
use shared::ledger::Append;
use shared::notification::{Detail, Fact, NotificationId, Report};
use shared::phone::Channel;
use shared::twilio::callback::StatusCallback;
use shared::twilio::codes::{self, DeliveryClass};
use shared::twilio::status::{self, Verdict};

/// Highest attempt number that a key has room for.
const MOST_ATTEMPTS: u32 = 99_999;

/// Appends what a status callback says. `query` is the URL's: `n`, the notification, and `a`, the attempt.
pub async fn append(deps: &Deps, verified: &Verified, query: &str, now: Timestamp) -> Result<(), Refusal> {
    let (id, attempt) = whose(query)?;
    let callback =
        StatusCallback::parse(&verified.params).map_err(|_| Refusal::Malformed("no well-formed sid and status"))?;
    let tenant = &verified.tenant;
    let verdict = status::standing(callback.channel, &callback.status).verdict;
    let report = Report {
        sid: callback.sid,
        status: callback.status,
        attempt,
        error_code: callback.error_code,
        fields: callback.fields,
    };
    let (sid, word, code) = (report.sid.clone(), report.status.clone(), report.error_code);
    let mut fact = Fact::new(now, Detail::Callback(report));
    if matches!(verdict, Verdict::Failed | Verdict::Undelivered) {
        // A call may be waiting for the text to fail. And if the reason is that somebody has opted out, the sweep notes that as
        // of the attempt, whose time isn't known here: a START that came meanwhile must not be overruled.
        fact = fact.due(now);
    }
    if deps.ledger.append(tenant, &id, &fact).await? != Append::Appended {
        return Ok(()); // said before
    }
    let channel = match callback.channel {
        shared::twilio::Channel::Message => Channel::Sms,
        shared::twilio::Channel::Call => Channel::Voice,
    };
    match verdict {
        Verdict::Delivered if word == "read" => {} // after `delivered`, which was counted
        Verdict::Delivered => deps.metrics.count(&tenant.id, "Delivered", 1, Some(channel.as_str())),
        Verdict::Failed | Verdict::Undelivered => {
            let reason = code.map_or_else(|| word.clone(), |code| code.to_string());
            deps.metrics.count(&tenant.id, "Failed", 1, Some(&reason));
            if code.map(codes::delivery).is_some_and(DeliveryClass::raises_alarm) {
                deps.metrics.count(&tenant.id, "AccountTrouble", 1, Some(&reason));
                tracing::error!(tenant = %tenant.id, notification = %id, sid, status = word, code, "not delivered; somebody has to look");
            }
        }
        Verdict::Underway => {}
    }
    tracing::info!(tenant = %tenant.id, notification = %id, attempt, sid, status = word, code, "callback");
    Ok(())
}

/// `n` and `a` of the callback URL's query.
fn whose(query: &str) -> Result<(NotificationId, u32), Refusal> {
    let value = |name: &str| {
        form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    let id =
        value("n").and_then(|text| NotificationId::parse(&text).ok()).ok_or(Refusal::Malformed("no well-formed n"))?;
    let attempt = value("a").filter(|text| text.bytes().all(|b| b.is_ascii_digit())).and_then(|text| text.parse().ok());
    let attempt = attempt
        .filter(|attempt| (1..=MOST_ATTEMPTS).contains(attempt))
        .ok_or(Refusal::Malformed("no well-formed a"))?;
    Ok((id, attempt))
}
