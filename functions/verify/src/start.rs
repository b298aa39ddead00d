//! Sends a code: count, look the phone up, take the right to ask, ask Twilio, write down what it said, answer. In that
//! order: nothing is sent that isn't on the ledger first, and nothing is asked twice.

use crate::answer::{Answer, Refusal};
use crate::contact::{self, Contact};
use crate::{Deps, limits, request};
use jiff::Timestamp;
use shared::ledger::Append;
use shared::ledger::verification::{Asked, Detail, Fact, History, Masked, NotSent, Started};
use shared::notification::EmployeeKey;
use shared::stamp;
use shared::tenant::{Mode, Tenant, TenantId};
use shared::twilio::verify::{Channel, NewVerification, Trouble, Verification};
use std::sync::Arc;
use std::time::Duration;

/// How long to leave Twilio alone when it is busy and doesn't say for how long.
pub(crate) const BUSY: Duration = Duration::from_secs(30);

/// What one question to Twilio needs of an invocation: the ten seconds that we give it, and one to write down what it said. A
/// code that went out and isn't written down can't be checked.
const QUESTION: Duration = Duration::from_secs(11);

/// What must be left of an invocation when a phone is found: a question, and a moment to take the right to ask it.
pub(crate) const FOR_TWILIO: Duration = Duration::from_secs(12);

/// Twilio's "not found" (Twilio docs, error 20404): for a start, an unknown service or an unknown locale.
const NOT_FOUND: u32 = 20_404;

/// Twilio's Fraud Guard: numbers that begin like this one were blocked (Twilio docs, error 60410).
const FRAUD: u32 = 60_410;

/// Sends a code to an employee's phone. The invocation ends at `until`.
pub async fn start(
    deps: &Deps,
    tenant: &Arc<Tenant>,
    asked: &request::Start,
    until: Timestamp,
) -> Result<Answer, Refusal> {
    if tenant.mode == Mode::DryRun {
        return Err(Refusal::DryRun);
    }
    let request_id = request_id();
    let now = deps.clock.now();
    if deps.ledger.starts_in_minute(&tenant.id, now).await? >= limits::STARTS_PER_TENANT_AND_MINUTE {
        deps.metrics.count(&tenant.id, "VerifyStart", 1, Some("tenant_limit"));
        deps.metrics.count(&tenant.id, "VerifyTrouble", 1, Some("tenant_limit"));
        tracing::error!(tenant = %tenant.id, "the tenant's codes per minute are used up; somebody has to look at its portal");
        return Err(Refusal::TooMany(limits::rest_of_minute(now)));
    }
    deps.ledger.mark_start(&tenant.id, &request_id, now).await?;
    let Some(contact) = contact::find(deps, tenant, &asked.employee_id, until).await? else {
        deps.metrics.count(&tenant.id, "VerifyStart", 1, Some("nobody"));
        return Err(Refusal::NotFound);
    };
    let employee = EmployeeKey::of(&tenant.id, &asked.employee_id);
    let (at, claim) = claim(deps, tenant, &employee, asked, &contact, &request_id).await?;
    // It only makes the answer more exact. Read before there is something to write down that must not be lost.
    let since = stamp::before(at, 2 * limits::CODE_LIFE);
    let history = deps.ledger.verification_history(&tenant.id, &employee, since).await.unwrap_or_default();
    let sent = send(deps, tenant, &employee, asked.channel, &contact, until).await;
    settle(deps, tenant, &employee, (at, claim), &history, sent).await
}

/// Takes the right to ask for a code, unless the employee has had too many. Whoever loses a place looks again: the winner
/// counts too.
async fn claim(
    deps: &Deps,
    tenant: &Tenant,
    employee: &EmployeeKey,
    asked: &request::Start,
    contact: &Contact,
    request_id: &str,
) -> Result<(Timestamp, Asked), Refusal> {
    for _ in 0..=limits::STARTS_PER_EMPLOYEE {
        let before = deps.ledger.latest_asked(&tenant.id, employee, limits::STARTS_PER_EMPLOYEE_AND_DAY).await?;
        let now = stamp::whole_millis(deps.clock.now());
        let wait = |limit: u8, window| limits::wait(before.iter().map(|(at, _)| *at), limit.into(), window, now);
        let of_day = wait(limits::STARTS_PER_EMPLOYEE_AND_DAY, limits::DAY);
        if let Some(wait) = of_day.max(wait(limits::STARTS_PER_EMPLOYEE, limits::WINDOW)) {
            deps.metrics.count(&tenant.id, "VerifyStart", 1, Some("employee_limit"));
            return Err(Refusal::TooMany(wait));
        }
        let claim = Asked {
            number: before.first().map_or(1, |(_, last)| last.number + 1),
            employee_id: asked.employee_id.clone(),
            channel: asked.channel,
            to: Masked::from(&contact.number),
            request_id: request_id.to_owned(),
        };
        let fact = Fact::new(now, Detail::Asked(claim.clone()));
        match deps.ledger.append_verification(tenant, employee, &fact).await? {
            Append::Appended => return Ok((now, claim)),
            Append::Exists(old) if old.detail == fact.detail => return Ok((now, claim)),
            Append::Exists(_) => {}
        }
    }
    Err(Refusal::TooMany(BUSY))
}

/// Asks Twilio. A locale that it doesn't have makes it answer "not found", and certainly send nothing: then, as Twilio
/// advises, without, if there is time.
async fn send(
    deps: &Deps,
    tenant: &Tenant,
    employee: &EmployeeKey,
    channel: Channel,
    contact: &Contact,
    until: Timestamp,
) -> Result<Verification, Trouble> {
    let has_time = || stamp::between(deps.clock.now(), until) >= QUESTION;
    if !has_time() {
        return Err(Trouble::Unavailable { why: "there was no time left to ask" });
    }
    let rate_limit = tenant.verify_rate_limit.as_deref().map(|name| (name, employee.as_str()));
    let mut wanted = NewVerification { to: &contact.number, channel, locale: contact.locale, rate_limit };
    match deps.twilio.start_verification(&tenant.twilio, &wanted).await {
        Err(Trouble::Misconfigured { code: Some(NOT_FOUND) }) if wanted.locale.is_some() && has_time() => {
            wanted.locale = None;
            deps.twilio.start_verification(&tenant.twilio, &wanted).await
        }
        sent => sent,
    }
}

async fn settle(
    deps: &Deps,
    tenant: &Tenant,
    employee: &EmployeeKey,
    (at, claim): (Timestamp, Asked),
    history: &History,
    sent: Result<Verification, Trouble>,
) -> Result<Answer, Refusal> {
    let verification = match sent {
        Ok(verification) => verification,
        Err(trouble) => {
            let (why, code) = word(trouble);
            let not_sent = NotSent { number: claim.number, why: why.to_owned(), code };
            let fact = Fact::new(deps.clock.now(), Detail::NotSent(not_sent));
            deps.ledger.append_verification(tenant, employee, &fact).await?;
            deps.metrics.count(&tenant.id, "VerifyStart", 1, Some(why));
            ring(deps, &tenant.id, trouble);
            let expires_at = history.latest_start().map(|(_, started)| started.expires_at);
            return Err(refusal(trouble, expires_at, deps.clock.now()));
        }
    };
    let begun = history.begun(&verification.sid);
    // A code that Twilio sends although its time seems over has a longer life than we know of.
    let expires_at = begun.map(|begun| stamp::after(begun, limits::CODE_LIFE)).filter(|expires_at| *expires_at > at);
    let started = Started {
        sid: verification.sid,
        number: claim.number,
        employee_id: claim.employee_id,
        channel: claim.channel,
        to: claim.to,
        expires_at: expires_at.unwrap_or_else(|| stamp::after(at, limits::CODE_LIFE)),
        resent: begun.is_some(),
    };
    deps.ledger.append_verification(tenant, employee, &Fact::new(at, Detail::Started(started.clone()))).await?;
    deps.metrics.count(&tenant.id, "VerifyStart", 1, Some("sent"));
    tracing::info!(tenant = %tenant.id, %employee, sid = started.sid, channel = started.channel.as_str(), resent = started.resent, "code sent");
    let Started { sid, to, channel, expires_at, resent, .. } = started;
    Ok(Answer::Started { sid, to, channel, expires_at, resent })
}

/// Rings if somebody has to look: what lasts until it is mended, and what looks like fraud.
pub(crate) fn ring(deps: &Deps, tenant: &TenantId, trouble: Trouble) {
    let code = match trouble {
        Trouble::Account { code } | Trouble::Misconfigured { code } => code,
        Trouble::Refused { code: code @ Some(FRAUD) } => {
            // To the portal it is a number that can't be sent a code, which nobody need look at.
            tracing::error!(%tenant, code, "Twilio takes this for fraud; somebody has to look who asks for codes");
            code
        }
        Trouble::Refused { .. } | Trouble::Limited { .. } | Trouble::Unavailable { .. } | Trouble::InDoubt { .. } => {
            return;
        }
    };
    let reason = code.map_or_else(|| word(trouble).0.to_owned(), |code| code.to_string());
    deps.metrics.count(tenant, "VerifyTrouble", 1, Some(&reason));
}

/// The word for the ledger, and Twilio's code.
fn word(trouble: Trouble) -> (&'static str, Option<u32>) {
    match trouble {
        Trouble::Limited { code, .. } => ("limited", code),
        Trouble::Refused { code } => ("refused", code),
        Trouble::Misconfigured { code } => ("misconfigured", code),
        Trouble::Account { code } => ("account", code),
        Trouble::Unavailable { .. } => ("unavailable", None),
        Trouble::InDoubt { .. } => ("unknown", None),
    }
}

fn refusal(trouble: Trouble, expires_at: Option<Timestamp>, now: Timestamp) -> Refusal {
    match trouble {
        Trouble::Limited { code, retry_after } => Refusal::TooMany(wait(code, retry_after, expires_at, now)),
        // The number can't be sent a code this way: no better than none.
        Trouble::Refused { .. } => Refusal::NotFound,
        Trouble::Misconfigured { .. }
        | Trouble::Account { .. }
        | Trouble::Unavailable { .. }
        | Trouble::InDoubt { .. } => Refusal::Unavailable(trouble.to_string()),
    }
}

/// How long Twilio wants to be left alone: as it says; else until the code expires if that is used up (errors 60202, 60203,
/// and a verification that says so), else for a moment.
pub(crate) fn wait(
    code: Option<u32>,
    retry_after: Option<Duration>,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Duration {
    let used_up = matches!(code, None | Some(60_202 | 60_203));
    let rest = || expires_at.map_or(limits::CODE_LIFE, |expires_at| stamp::between(now, expires_at));
    retry_after.unwrap_or_else(|| if used_up { rest() } else { BUSY })
}

/// Another one for every request.
pub(crate) fn request_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_to_wait_is_twilios_to_say_first() {
        let now = Timestamp::from_second(1_773_783_720).unwrap();
        let check = |code, retry_after: Option<u64>, left: Option<u64>, expect: u64| {
            let expires_at = left.map(|left| stamp::after(now, Duration::from_secs(left)));
            let wait = wait(code, retry_after.map(Duration::from_secs), expires_at, now);
            assert_eq!(wait.as_secs(), expect, "{code:?} {retry_after:?} {left:?}");
        };
        check(Some(60203), None, Some(420), 420);
        check(Some(60202), None, None, 600);
        check(None, None, Some(1), 1);
        check(Some(60203), Some(7), Some(420), 7);
        check(Some(20429), None, Some(420), 30);
        check(Some(60212), None, None, 30);
    }
}
