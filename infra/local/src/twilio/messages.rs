//! Messages: what `POST …/Messages` takes and refuses (Twilio docs, Message resource), and the life that a new one gets. It
//! neither stores nor sends.

use super::answer::Refusal;
use super::consent::is_toll_free;
use super::record::{Kind, Record, Step};
use super::request::{Params, is_e164};
use super::settings::FakeAccount;
use super::world::State;
use super::{draws, magic};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;
use url::Url;

/// Judges a request to send, and makes the message of it.
pub(super) fn accept(state: &State, account: &FakeAccount, form: &Params, now: Timestamp) -> Result<Record, Refusal> {
    let to = recipient(form)?;
    let (from, service) = sender(state, account, form)?;
    let body = content(form)?;
    let status_callback = status_callback(form)?;
    let validity_seconds = validity(form)?;
    let scheduled = schedule(form, service.as_deref(), now)?;
    if let Some(code) = magic::recipient(&to, false) {
        return Err(refused_recipient(code, &to));
    }
    let opted_out = state.has_opted_out(service.as_deref().unwrap_or(&from), &to);
    if opted_out && !is_toll_free(&from) {
        return Err(Refusal::code(21610));
    }
    let trouble = if opted_out { Some(30004) } else { state.settings.undeliverable.get(&to).copied() };
    let media = form.get("MediaUrl").is_some();
    Ok(Record {
        kind: Kind::Message,
        sid: draws::sid(if media { "MM" } else { "SM" }),
        account_sid: account.account_sid.clone(),
        to,
        from,
        body,
        direction: "outbound-api".to_owned(),
        status: first_status(scheduled, service.is_some()).to_owned(),
        error_code: None,
        created: now,
        updated: now,
        begun: None,
        validity_seconds,
        queue_time: Duration::ZERO,
        status_callback,
        answered_by: None,
        script: if scheduled { Vec::new() } else { script(service.is_some(), trouble) },
        messaging_service_sid: service,
        done: 0,
        revision: 0,
    })
}

/// `StatusCallback`: absolute, with a host name that has no underscore. An address such as `127.0.0.1` is fine here.
pub(super) fn status_callback(form: &Params) -> Result<Option<String>, Refusal> {
    let Some(text) = form.get("StatusCallback") else {
        return Ok(None);
    };
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    match url.as_ref().and_then(Url::host_str) {
        Some(host) if !host.contains('_') => Ok(Some(text.to_owned())),
        _ => Err(Refusal { message: "The StatusCallback URL is not a valid URL.".to_owned(), ..Refusal::code(21609) }),
    }
}

/// Twilio's text names the number, which is why nobody may log it.
pub(super) fn refused_recipient(code: u32, to: &str) -> Refusal {
    Refusal { message: format!("The 'To' number {to} is not a valid phone number."), ..Refusal::code(code) }
}

fn recipient(form: &Params) -> Result<String, Refusal> {
    let to = form.get("To").ok_or_else(|| Refusal::code(21604))?;
    if is_e164(to) { Ok(to.to_owned()) } else { Err(refused_recipient(21211, to)) }
}

/// The number that sends, and the messaging service if one was named.
fn sender(state: &State, account: &FakeAccount, form: &Params) -> Result<(String, Option<String>), Refusal> {
    let service = form.get("MessagingServiceSid");
    let from = form.get("From");
    if let Some(sid) = service
        && !account.messaging_services.iter().any(|known| known == sid)
    {
        let well_formed = sid.len() == 34 && sid.starts_with("MG");
        return Err(Refusal::code(if well_formed { 21701 } else { 21705 }));
    }
    let owned = |number: &str| account.numbers.iter().any(|known| known == number);
    match (from, service) {
        (None, None) => Err(Refusal::code(21603)),
        (Some(from), None) if state.settings.test_credentials => match magic::sender(from, false) {
            Some(code) => Err(Refusal::code(code)),
            None => Ok((from.to_owned(), None)),
        },
        (Some(from), _) if !is_e164(from) => Err(Refusal::code(21212)),
        (Some(from), _) if !owned(from) => Err(Refusal::code(21606)),
        (Some(from), service) => Ok((from.to_owned(), service.map(str::to_owned))),
        (None, Some(service)) => {
            let from = account.numbers.first().ok_or_else(|| Refusal::code(21703))?;
            Ok((from.clone(), Some(service.to_owned())))
        }
    }
}

fn content(form: &Params) -> Result<String, Refusal> {
    let body = form.get("Body").unwrap_or_default();
    let media = form.all("MediaUrl").count();
    if body.is_empty() && media == 0 && form.get("ContentSid").is_none() {
        return Err(Refusal::code(21602));
    }
    if body.chars().count() > 1600 {
        return Err(Refusal::code(21617));
    }
    if media > 10 {
        return Err(Refusal::parameter("MediaUrl"));
    }
    Ok(body.to_owned())
}

fn validity(form: &Params) -> Result<i64, Refusal> {
    let text = form.get("ValidityPeriod").unwrap_or("36000");
    text.parse().ok().filter(|seconds| (1..=36000).contains(seconds)).ok_or_else(|| Refusal::code(21624))
}

/// Whether the message is scheduled. The fake keeps a scheduled message until it is cancelled, and never sends it.
fn schedule(form: &Params, service: Option<&str>, now: Timestamp) -> Result<bool, Refusal> {
    if form.get("ScheduleType").is_none() {
        return Ok(false);
    }
    let at = form.get("SendAt").and_then(|text| text.parse::<Timestamp>().ok());
    let ahead = at.map(|at| at.duration_since(now));
    let fits = ahead
        .is_some_and(|ahead| ahead > SignedDuration::from_secs(300) && ahead <= SignedDuration::from_hours(35 * 24));
    if service.is_some() && fits { Ok(true) } else { Err(Refusal::code(35111)) }
}

fn first_status(scheduled: bool, with_service: bool) -> &'static str {
    match (scheduled, with_service) {
        (true, _) => "scheduled",
        (false, true) => "accepted",
        (false, false) => "queued",
    }
}

/// Codes of messages that never reach a carrier: `failed`. With all others the carrier says no: `undelivered`.
const NEVER_SENT: &[u32] = &[30001, 30002, 30022, 30036, 30450];

fn script(with_service: bool, trouble: Option<u32>) -> Vec<Step> {
    let mut script = Vec::new();
    if with_service {
        script.push(Step::reported("queued"));
    }
    script.push(Step::silent("sending"));
    match trouble {
        None => script.extend([Step::reported("sent"), Step::reported("delivered")]),
        Some(code) if NEVER_SENT.contains(&code) => script.push(Step::failing("failed", code)),
        Some(code) => script.extend([Step::reported("sent"), Step::failing("undelivered", code)]),
    }
    script
}
