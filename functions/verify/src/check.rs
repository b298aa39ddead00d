//! Checks a code, once: take the right to ask, ask Twilio, write down what it said, answer. A right code is approved only
//! by Twilio's word, on the ledger, and never by what is missing: an answer that was lost approves nothing.

use crate::answer::{Answer, Refusal};
use crate::{Deps, limits, request, start};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use shared::ledger::Append;
use shared::ledger::verification::{Check, CheckResult, Checked, Detail, Fact};
use shared::notification::EmployeeKey;
use shared::stamp;
use shared::tenant::{Mode, Tenant};
use shared::twilio::verify::{Checked as Said, Trouble};

/// Twilio's "invalid parameter" (Twilio docs, error 60200): for a check, something that can't be a code.
const NO_CODE: u32 = 60_200;

/// A check that is ours and nobody else's.
struct Claim {
    check: Check,
    expires_at: Timestamp,
}

/// Checks what somebody typed against the code that was sent to them last.
pub async fn check(deps: &Deps, tenant: &Tenant, asked: &request::Check) -> Result<Answer, Refusal> {
    if tenant.mode == Mode::DryRun {
        return Err(Refusal::DryRun);
    }
    let employee = EmployeeKey::of(&tenant.id, &asked.employee_id);
    let Claim { check, expires_at } = claim(deps, tenant, &employee, &start::request_id()).await?;
    let said = deps.twilio.check_verification(&tenant.twilio, &check.sid, asked.code.expose_secret()).await;
    let (result, code) = result(said);
    let Check { started_at, sid, number, .. } = check;
    let checked = Checked { started_at, sid: sid.clone(), number, result, code };
    let now = deps.clock.now();
    // First on the ledger, then to the portal: what can't be written down has not been approved.
    deps.ledger.append_verification(tenant, &employee, &Fact::new(now, Detail::Checked(checked))).await?;
    deps.metrics.count(&tenant.id, "VerifyCheck", 1, Some(result.as_str()));
    tracing::info!(tenant = %tenant.id, %employee, sid, result = result.as_str(), code, "code checked");
    match said {
        Ok(Said::Approved) => Ok(Answer::Checked { sid, approved: true }),
        // What can't be a code is a wrong one, now and later.
        Ok(Said::Pending) | Err(Trouble::Refused { code: Some(NO_CODE) }) => {
            Ok(Answer::Checked { sid, approved: false })
        }
        // Perhaps it was approved before, by an answer that was lost. That is no reason to approve whatever comes now.
        Ok(Said::Gone) => Err(Refusal::NotFound),
        Err(Trouble::Limited { code, retry_after }) => {
            Err(Refusal::TooMany(start::wait(code, retry_after, Some(expires_at), now)))
        }
        Err(trouble) => {
            start::ring(deps, &tenant.id, trouble);
            Err(Refusal::Unavailable(trouble.to_string()))
        }
    }
}

/// Takes the next place among the checks of the employee's latest start, unless there is nothing to check, or there were too
/// many. Whoever loses a place looks again.
async fn claim(deps: &Deps, tenant: &Tenant, employee: &EmployeeKey, request_id: &str) -> Result<Claim, Refusal> {
    for _ in 0..=limits::CHECKS_PER_EMPLOYEE {
        let now = stamp::whole_millis(deps.clock.now());
        // A check of the window may belong to a start that is as much older as a code lives.
        let since = stamp::before(now, limits::WINDOW + limits::CODE_LIFE);
        let history = deps.ledger.verification_history(&tenant.id, employee, since).await?;
        let (started_at, started) = history.latest_start().ok_or(Refusal::NotFound)?;
        if started.expires_at <= now || history.is_approved(&started.sid) {
            return Err(Refusal::NotFound);
        }
        let times = history.checks().map(|(at, _)| at);
        if let Some(wait) = limits::wait(times, limits::CHECKS_PER_EMPLOYEE, limits::WINDOW, now) {
            deps.metrics.count(&tenant.id, "VerifyCheck", 1, Some("employee_limit"));
            return Err(Refusal::TooMany(wait));
        }
        let of_this = history.checks().filter(|(_, check)| check.started_at == started_at && check.sid == started.sid);
        let check = Check {
            started_at,
            sid: started.sid.clone(),
            number: of_this.map(|(_, check)| check.number).max().unwrap_or_default() + 1,
            request_id: request_id.to_owned(),
        };
        let fact = Fact::new(now, Detail::Check(check.clone()));
        match deps.ledger.append_verification(tenant, employee, &fact).await? {
            Append::Appended => return Ok(Claim { check, expires_at: started.expires_at }),
            Append::Exists(old) if old.detail == fact.detail => {
                return Ok(Claim { check, expires_at: started.expires_at });
            }
            Append::Exists(_) => {}
        }
    }
    Err(Refusal::TooMany(start::BUSY))
}

fn result(said: Result<Said, Trouble>) -> (CheckResult, Option<u32>) {
    match said {
        Ok(Said::Approved) => (CheckResult::Approved, None),
        Ok(Said::Pending) => (CheckResult::Wrong, None),
        Ok(Said::Gone) => (CheckResult::Gone, None),
        Err(Trouble::Limited { code, .. }) => (CheckResult::Limited, code),
        Err(Trouble::Refused { code } | Trouble::Misconfigured { code } | Trouble::Account { code }) => {
            (CheckResult::Refused, code)
        }
        Err(Trouble::Unavailable { .. }) => (CheckResult::Unavailable, None),
        Err(Trouble::InDoubt { .. }) => (CheckResult::Unknown, None),
    }
}
