//! Two-factor checks in the audit of an employee: what was asked, sent and checked, and what Twilio told of it later. The
//! ledger holds no code and no whole number, so there is nothing here to mask.

use crate::cli::Format;
use crate::deps::Deps;
use crate::failure::Failure;
use crate::terminal::Terminal;
use serde_json::{Value, json};
use shared::ledger::verification::{CheckResult, Detail, Event, Fact};
use shared::notification::EmployeeKey;
use shared::stamp;
use shared::tenant::TenantId;
use shared::twilio::verify::Channel;
use std::collections::BTreeSet;

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
    let found = ledger.verifications(tenant, &key).await;
    let (facts, mut odd) = found.map_err(|error| Failure::ledger(ledger.table(), &error))?;
    let sids: BTreeSet<&str> = facts.iter().filter_map(started_sid).collect();
    let mut events = Vec::new();
    for sid in sids {
        let found = ledger.verification_events(tenant, Some(sid)).await;
        let (told, not) = found.map_err(|error| Failure::ledger(ledger.table(), &error))?;
        events.extend(told);
        odd.extend(not);
    }
    super::pass_over(terminal, &odd)?;
    if facts.is_empty() {
        return Ok(());
    }
    events.sort_by_key(|event| event.at);
    match format {
        Format::Json => {
            let told: Vec<_> = events.iter().map(object).collect();
            let line = json!({
                "tenant": tenant.as_str(), "employee_id": employee, "verifications": facts, "told_by_twilio": told,
            });
            writeln!(terminal.data, "{line}")?;
        }
        Format::Table => {
            let ours = facts.iter().map(|fact| (fact.at, sentence(fact)));
            let mut lines: Vec<_> = ours.chain(events.iter().map(|event| (event.at, told(event)))).collect();
            lines.sort_by_key(|(at, _)| *at);
            writeln!(terminal.data, "\ntwo-factor checks")?;
            for (at, line) in lines {
                writeln!(terminal.data, "{}  {line}", stamp::format(at))?;
            }
        }
    }
    Ok(())
}

fn started_sid(fact: &Fact) -> Option<&str> {
    match &fact.detail {
        Detail::Started(started) => Some(&started.sid),
        _ => None,
    }
}

/// An event as programs get it: Twilio's own text as JSON again.
fn object(event: &Event) -> Value {
    let text = || Value::String(event.event.clone());
    let content = serde_json::from_str(&event.event).unwrap_or_else(|_| text());
    json!({"at": stamp::format(event.at), "id": event.id, "sid": event.sid, "type": event.kind, "event": content})
}

/// An event in plain words. Its type is whatever Twilio sent.
fn told(event: &Event) -> String {
    let word = event.kind.rsplit('.').next().unwrap_or_default();
    let is_plain = !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    let word = if is_plain { word } else { "something unheard of" };
    format!("Twilio told of {}: {word}", event.sid.as_deref().unwrap_or("no verification"))
}

/// What one fact says, in plain words.
fn sentence(fact: &Fact) -> String {
    match &fact.detail {
        Detail::Asked(asked) => {
            let how = match asked.channel {
                Channel::Sms => "text",
                Channel::Call => "call",
            };
            format!("a portal asked for a code by {how} to {}", asked.to.as_str())
        }
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
