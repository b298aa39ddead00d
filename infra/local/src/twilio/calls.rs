//! Calls: what `POST …/Calls` takes and refuses (Twilio docs, Call resource), and the life that a new one gets. It neither
//! stores nor dials, and fetches no `TwiML`.

use super::answer::Refusal;
use super::messages::{refused_recipient, status_callback};
use super::record::{Kind, Record, Step};
use super::request::{Params, is_e164};
use super::settings::{CallEnd, FakeAccount};
use super::world::State;
use super::{draws, magic};
use jiff::Timestamp;
use std::time::Duration;

/// Judges a request to call, and makes the call of it.
pub(super) fn accept(state: &State, account: &FakeAccount, form: &Params, now: Timestamp) -> Result<Record, Refusal> {
    let to = form.get("To").ok_or_else(|| Refusal::code(21201))?;
    if !is_e164(to) {
        return Err(refused_recipient(21217, to));
    }
    let from = caller(state, account, form)?;
    let application = form.get("ApplicationSid").is_some();
    let body = instructions(form)?;
    // With an application the callback parameters are ignored.
    let status_callback = if application { None } else { status_callback(form)? };
    let events = events(form)?;
    if let Some(code) = magic::recipient(to, true) {
        return Err(refused_recipient(code, to));
    }
    let end = if state.settings.undeliverable.contains_key(to) {
        CallEnd::Failed
    } else {
        state.settings.call_ends.get(to).copied().unwrap_or(CallEnd::Person)
    };
    Ok(Record {
        kind: Kind::Call,
        sid: draws::sid("CA"),
        account_sid: account.account_sid.clone(),
        to: to.to_owned(),
        from,
        messaging_service_sid: None,
        body,
        direction: "outbound-api".to_owned(),
        status: "queued".to_owned(),
        error_code: None,
        created: now,
        updated: now,
        begun: None,
        validity_seconds: 0,
        queue_time: queue_time(state, account),
        status_callback,
        script: script(end, &events),
        answered_by: answered_by(form, end).map(str::to_owned),
        done: 0,
        revision: 0,
    })
}

/// How long a new call has to wait: its own turn comes after those of its account that have not started.
fn queue_time(state: &State, account: &FakeAccount) -> Duration {
    let spacing = state.settings.call_spacing;
    if spacing.is_zero() {
        return spacing;
    }
    let waits =
        |record: &&Record| record.kind == Kind::Call && record.account_sid == account.account_sid && record.done == 0;
    let ahead = state.records.iter().filter(waits).count();
    spacing.saturating_mul(u32::try_from(ahead + 1).unwrap_or(u32::MAX))
}

fn caller(state: &State, account: &FakeAccount, form: &Params) -> Result<String, Refusal> {
    let from = form.get("From").ok_or_else(|| Refusal::code(21213))?;
    let code = if state.settings.test_credentials {
        magic::sender(from, true)
    } else if is_e164(from) {
        (!account.numbers.iter().any(|known| known == from)).then_some(21210)
    } else {
        Some(21212)
    };
    code.map_or_else(|| Ok(from.to_owned()), |code| Err(Refusal::code(code)))
}

/// `Url`, or else `Twiml`, or else what the application does. That a longer `Twiml` brings 20001 is an assumption.
fn instructions(form: &Params) -> Result<String, Refusal> {
    if let Some(url) = form.get("Url") {
        let valid = url.starts_with("http://") || url.starts_with("https://");
        return if valid { Ok(url.to_owned()) } else { Err(Refusal::code(21205)) };
    }
    match (form.get("Twiml"), form.get("ApplicationSid")) {
        (Some(twiml), _) if twiml.chars().count() > 4000 => Err(Refusal::parameter("Twiml")),
        (Some(twiml), _) => Ok(twiml.to_owned()),
        (None, Some(_)) => Ok(String::new()),
        (None, None) => Err(Refusal::code(21205)),
    }
}

fn events(form: &Params) -> Result<Vec<String>, Refusal> {
    let events: Vec<String> = form.all("StatusCallbackEvent").map(str::to_owned).collect();
    if events.iter().any(|event| !matches!(event.as_str(), "initiated" | "ringing" | "answered" | "completed")) {
        return Err(Refusal::code(21626));
    }
    Ok(if events.is_empty() { vec!["completed".to_owned()] } else { events })
}

/// What machine detection finds. Detection beside the call reports elsewhere, and sending digits switches it off.
fn answered_by(form: &Params, end: CallEnd) -> Option<&'static str> {
    let beside = form.get("AsyncAmd") == Some("true");
    let detection = form.get("MachineDetection").filter(|_| !beside && form.get("SendDigits").is_none())?;
    match (end, detection) {
        (CallEnd::Person, _) => Some("human"),
        (CallEnd::Voicemail, "DetectMessageEnd") => Some("machine_end_beep"),
        (CallEnd::Voicemail, _) => Some("machine_start"),
        (CallEnd::Busy | CallEnd::NoAnswer | CallEnd::Failed, _) => None,
    }
}

fn script(end: CallEnd, events: &[String]) -> Vec<Step> {
    let statuses: &[(&str, &str)] = match end {
        CallEnd::Person | CallEnd::Voicemail => &[
            ("initiated", "initiated"),
            ("ringing", "ringing"),
            ("in-progress", "answered"),
            ("completed", "completed"),
        ],
        CallEnd::Busy => &[("initiated", "initiated"), ("ringing", "ringing"), ("busy", "completed")],
        CallEnd::NoAnswer => &[("initiated", "initiated"), ("ringing", "ringing"), ("no-answer", "completed")],
        CallEnd::Failed => &[("initiated", "initiated"), ("failed", "completed")],
    };
    let wanted = |event: &str| events.iter().any(|asked| asked == event);
    let step = |(status, event): &(&str, &str)| {
        if wanted(event) { Step::reported(status) } else { Step::silent(status) }
    };
    statuses.iter().map(step).collect()
}
