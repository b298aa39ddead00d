//! Verify v2: verifications, their codes and counters (Twilio docs, Verification and `VerificationCheck`). Codes are never sent
//! anywhere; a test asks for them.

use super::answer::{Answer, Refusal, iso8601};
use super::draws;
use super::events::{self, Happened};
use super::journal::Line;
use super::request::{Params, Request, is_e164};
use super::server::Route;
use super::settings::FakeAccount;
use super::world::{State, World};
use jiff::{SignedDuration, Timestamp};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// At most so many sends, and so many checks, of one verification.
const LIMIT: usize = 5;

/// One verification: a code for a number, while it lives.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Verification {
    pub(super) sid: String,
    pub(super) service_sid: String,
    pub(super) account_sid: String,
    pub(super) to: String,
    pub(super) channel: String,
    pub(super) code: String,
    pub(super) status: String,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) expires: Timestamp,
    pub(super) sends: Vec<Sending>,
    pub(super) checks: usize,
    pub(super) revision: u64,
}

/// One sending of a code.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Sending {
    pub(super) at: Timestamp,
    pub(super) channel: String,
    pub(super) attempt_sid: String,
}

/// The answer to a request, or why not.
type Done = Result<Answer, Refusal>;

/// `POST …/Verifications`: a new verification, or the same code again.
pub(super) fn start(world: &Arc<World>, account: &FakeAccount, route: &Route, form: &Params) -> Done {
    let (to, channel) = (form.get("To").unwrap_or_default(), form.get("Channel").unwrap_or_default());
    let custom = form.get("CustomCode");
    let limits =
        form.get("RateLimits").is_none_or(|text| serde_json::from_str::<serde_json::Map<_, Value>>(text).is_ok());
    if !is_e164(to) || !limits || custom.is_some_and(|code| !is_code(code)) {
        return Err(Refusal::code(60200));
    }
    match channel {
        "sms" | "call" => {}
        "email" | "whatsapp" | "sna" | "auto" => return Err(Refusal::code(60223)),
        _ => return Err(Refusal::code(60200)),
    }
    let now = world.clock.now();
    expire(world, now);
    let mut state = world.lock();
    if channel == "sms" && state.settings.undeliverable.get(to) == Some(&30006) {
        return Err(Refusal::code(60205));
    }
    let shown = state.settings.verify.limits_shown;
    let lifetime = SignedDuration::try_from(state.settings.verify.code_lifetime).unwrap_or(SignedDuration::MAX);
    let row = state
        .verifications
        .iter()
        .rposition(|known| known.is_alive() && known.to == to && known.service_sid == route.owner);
    let code = custom.map(str::to_owned).or_else(|| state.settings.verify.code.clone());
    let row = row.unwrap_or_else(|| {
        state.verifications.push(Verification {
            sid: draws::sid("VE"),
            service_sid: route.owner.clone(),
            account_sid: account.account_sid.clone(),
            to: to.to_owned(),
            channel: channel.to_owned(),
            code: code.unwrap_or_else(new_code),
            status: "pending".to_owned(),
            created: now,
            updated: now,
            expires: now.saturating_add(lifetime).unwrap_or(Timestamp::MAX),
            sends: Vec::new(),
            checks: 0,
            revision: 0,
        });
        state.verifications.len() - 1
    });
    let verification = &mut state.verifications[row];
    if verification.sends.len() >= LIMIT {
        return Err(Refusal { headers: verification.limits(shown, true, now), ..Refusal::code(60203) });
    }
    verification.sends.push(Sending { at: now, channel: channel.to_uppercase(), attempt_sid: draws::sid("VL") });
    channel.clone_into(&mut verification.channel);
    let changed = verification.changed(now);
    drop(state);
    settle(world, &changed, Some(Happened::Pending));
    Ok(Answer { headers: changed.limits(shown, false, now), ..Answer::json(201, &changed.view()) })
}

/// `POST …/VerificationCheck`
pub(super) fn check(world: &Arc<World>, route: &Route, request: &Request) -> Done {
    let form = &request.form;
    let code = form.get("Code").filter(|code| is_code(code)).ok_or_else(|| Refusal::code(60200))?;
    let (to, sid) = (form.get("To"), form.get("VerificationSid"));
    if to.is_none() && sid.is_none() {
        return Err(Refusal::code(60200));
    }
    let now = world.clock.now();
    expire(world, now);
    let mut state = world.lock();
    let (status, shown) = (state.settings.verify.check_status, state.settings.verify.limits_shown);
    let wanted = |known: &&mut Verification| {
        known.is_alive()
            && known.service_sid == route.owner
            && sid.map_or(to == Some(&known.to), |sid| sid == known.sid)
    };
    let found = state.verifications.iter_mut().rev().find(wanted).ok_or_else(|| gone(request))?;
    if found.checks >= LIMIT {
        let first = found.status == "pending";
        "max_attempts_reached".clone_into(&mut found.status);
        let changed = found.changed(now);
        drop(state);
        settle(world, &changed, first.then_some(Happened::MaxAttemptsReached));
        return Err(Refusal { headers: changed.limits(shown, true, now), ..Refusal::code(60202) });
    }
    found.checks += 1;
    let right = found.code == code;
    if right {
        "approved".clone_into(&mut found.status);
    }
    let changed = found.changed(now);
    drop(state);
    settle(world, &changed, right.then_some(Happened::Approved));
    Ok(Answer::json(status, &changed.check_view(right)))
}

/// `GET …/Verifications/{Sid}`, and `POST` with `Status=canceled|approved`.
pub(super) fn look(world: &Arc<World>, route: &Route, request: &Request, update: bool) -> Done {
    let now = world.clock.now();
    expire(world, now);
    let mut state = world.lock();
    let found = state.find_alive(&route.owner, &route.sid).ok_or_else(|| gone(request))?;
    if !update {
        return Ok(Answer::json(200, &found.view()));
    }
    let (status, happened) = match request.form.get("Status") {
        Some("canceled") => ("canceled", Happened::Canceled),
        Some("approved") => ("approved", Happened::Approved),
        _ => return Err(Refusal::code(60200)),
    };
    status.clone_into(&mut found.status);
    let changed = found.changed(now);
    drop(state);
    settle(world, &changed, Some(happened));
    Ok(Answer::json(200, &changed.view()))
}

/// Ends the verifications whose time is up. Nobody can tell an expired one from one that nobody has looked at.
fn expire(world: &Arc<World>, now: Timestamp) {
    let mut expired = Vec::new();
    for verification in &mut world.lock().verifications {
        if verification.is_alive() && verification.expires <= now {
            "expired".clone_into(&mut verification.status);
            expired.push(verification.changed(now));
        }
    }
    for verification in expired {
        settle(world, &verification, Some(Happened::Expired));
    }
}

/// Writes a change down and tells the account's event sink.
fn settle(world: &Arc<World>, verification: &Verification, happened: Option<Happened>) {
    world.journal.write(&Line::Verification(verification.clone()));
    if let Some(happened) = happened {
        events::tell(world, verification, happened);
    }
}

/// An approved, cancelled or expired verification is deleted.
fn gone(request: &Request) -> Refusal {
    Refusal::not_found(request.path.strip_prefix("/v2").unwrap_or(&request.path))
}

fn is_code(text: &str) -> bool {
    (4..=10).contains(&text.chars().count())
}

fn new_code() -> String {
    format!("{:06}", rand::rng().random_range(0..1_000_000))
}

impl State {
    fn find_alive(&mut self, service_sid: &str, sid: &str) -> Option<&mut Verification> {
        let mut known = self.verifications.iter_mut();
        known.find(|known| known.is_alive() && known.service_sid == service_sid && known.sid == sid)
    }

    /// Takes up a verification of the journal.
    pub(super) fn restore(&mut self, verification: Verification) {
        match self.verifications.iter_mut().find(|known| known.sid == verification.sid) {
            Some(known) if known.revision > verification.revision => {}
            Some(known) => *known = verification,
            None => self.verifications.push(verification),
        }
    }
}

impl Verification {
    /// Whether it can still be checked or sent again. One whose checks are used up lives on until it expires.
    pub(super) fn is_alive(&self) -> bool {
        matches!(self.status.as_str(), "pending" | "max_attempts_reached")
    }

    /// The headers about a limit, if they are shown: how long until the verification is over and all is counted anew, and whether
    /// the limit is reached; how Twilio writes the latter isn't documented.
    fn limits(&self, shown: bool, reached: bool, now: Timestamp) -> Vec<(&'static str, String)> {
        let left = self.expires.duration_since(now).as_secs().to_string();
        let headers = [("retry-after", left), ("twilio-reached-rate-limit", reached.to_string())];
        headers.into_iter().filter(|_| shown).collect()
    }

    fn changed(&mut self, now: Timestamp) -> Self {
        self.updated = now;
        self.revision += 1;
        self.clone()
    }

    fn view(&self) -> Value {
        let send = |send: &Sending| json!({"time": iso8601(send.at), "channel": send.channel, "attempt_sid": send.attempt_sid});
        json!({
            "sid": self.sid, "service_sid": self.service_sid, "account_sid": self.account_sid, "to": self.to,
            "channel": self.channel, "status": self.status, "valid": self.status == "approved",
            "date_created": iso8601(self.created), "date_updated": iso8601(self.updated), "lookup": {}, "amount": Value::Null,
            "payee": Value::Null, "send_code_attempts": self.sends.iter().map(send).collect::<Vec<_>>(), "sna": Value::Null,
            "url": format!("https://verify.twilio.com/v2/Services/{}/Verifications/{}", self.service_sid, self.sid),
        })
    }

    fn check_view(&self, valid: bool) -> Value {
        json!({
            "sid": self.sid, "service_sid": self.service_sid, "account_sid": self.account_sid, "to": self.to,
            "channel": self.channel, "status": self.status, "valid": valid, "amount": Value::Null, "payee": Value::Null,
            "sna_attempts_error_codes": [], "date_created": iso8601(self.created), "date_updated": iso8601(self.updated),
        })
    }
}
