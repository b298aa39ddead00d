//! Two-factor checks in the audit of an employee: what was asked, sent and checked. The ledger holds no code and no whole
//! number, so there is nothing here to mask.

use crate::cli::Format;
use crate::deps::Deps;
use crate::failure::Failure;
use crate::terminal::Terminal;
use serde_json::json;
use shared::ledger::read::Consistency;
use shared::ledger::verification::{Channel, CheckResult, Detail, Fact};
use shared::notification::EmployeeKey;
use shared::stamp;
use shared::tenant::TenantId;

/// Prints an employee's two-factor checks after the notifications, if there are any.
pub(super) async fn print(
    deps: &Deps,
    terminal: &mut Terminal<'_>,
    format: Format,
    tenant: &TenantId,
    employee: &str,
) -> Result<(), Failure> {
    let ledger = deps.ledger()?;
    let key = EmployeeKey::of(tenant, employee);
    let facts = ledger.verifications(tenant, &key, Consistency::Strong).await;
    let facts = facts.map_err(|error| Failure::ledger(ledger.table(), &error))?;
    if facts.is_empty() {
        return Ok(());
    }
    match format {
        Format::Json => {
            let line = json!({"tenant": tenant.as_str(), "employee_id": employee, "verifications": facts});
            writeln!(terminal.data, "{line}")?;
        }
        Format::Table => {
            writeln!(terminal.data, "\ntwo-factor checks")?;
            for fact in &facts {
                writeln!(terminal.data, "{}  {}", stamp::format(fact.at), sentence(fact))?;
            }
        }
    }
    Ok(())
}

/// What one fact says, in plain words.
fn sentence(fact: &Fact) -> String {
    match &fact.detail {
        Detail::Asked(asked) => match asked.channel {
            Channel::Sms => "a portal asked for a code by text".to_owned(),
            Channel::Call => "a portal asked for a code by call".to_owned(),
        },
        Detail::NotSent(not_sent) => match not_sent.code {
            Some(code) => format!("no code was sent: {} ({code})", not_sent.why),
            None => format!("no code was sent: {}", not_sent.why),
        },
        Detail::Started(started) => {
            let again = if started.resent { ", the same code again" } else { "" };
            format!("Twilio took verification {}{again}; good until {}", started.sid, stamp::format(started.expires_at))
        }
        Detail::Check(check) => format!("check {} of {} began", check.number, check.sid),
        Detail::Checked(checked) => {
            let result = match checked.result {
                CheckResult::Approved => "approved",
                CheckResult::Wrong => "a wrong code",
                CheckResult::Gone => "nothing to check any more",
                CheckResult::Limited => "too many checks",
                CheckResult::Refused => "refused; somebody has to mend the set-up",
                CheckResult::Unavailable => "not checked: Twilio could not be reached",
                CheckResult::Unknown => "the answer was lost; not approved",
            };
            format!("check {} of {}: {result}", checked.number, checked.sid)
        }
    }
}
