//! Notifications as a table, one line each, and what they add up to. Pure: what is in the table was found elsewhere.

use super::{Audited, record};
use crate::cli::List;
use crate::table;
use crate::terminal::Look;
use comfy_table::Cell;
use jiff::Timestamp;
use shared::notification::State;
use shared::stamp;
use std::collections::BTreeMap;

const HEADER: &[&str] = &["created", "employee", "source", "kind", "channel", "to", "state", "reason", "notification"];
/// The reason: the one column that is a sentence.
const FLEXIBLE: &[usize] = &[7];

/// Whether a notification is among those asked for.
pub fn is_wanted(audited: &Audited, wanted: &List, now: Timestamp) -> bool {
    let created = audited.story.created();
    let source = |source: &String| created.is_some_and(|created| created.source == *source);
    let employee = |employee: &String| created.is_some_and(|created| created.employee_id == *employee);
    wanted.since.is_none_or(|since| audited.began_at() >= since.instant(now))
        && (wanted.states.is_empty() || wanted.states.contains(&audited.standing.state))
        && wanted.source.as_ref().is_none_or(source)
        && wanted.employee.as_ref().is_none_or(employee)
}

/// The table, without a line feed at its end.
pub fn render(found: &[Audited], reveal: bool, look: Look) -> String {
    let rows = found.iter().map(|audited| row(audited, reveal)).collect();
    table::render(HEADER, rows, FLEXIBLE, look)
}

fn row(audited: &Audited, reveal: bool) -> Vec<Cell> {
    let Audited { story, standing } = audited;
    let created = story.created();
    let to = created.and_then(|created| created.to.as_ref()).map(|to| record::number(to, reveal));
    let text = |text: Option<&str>| Cell::new(text.unwrap_or("-"));
    vec![
        Cell::new(stamp::format(audited.began_at())),
        text(created.map(|created| created.employee_id.as_str())),
        text(created.map(|created| created.source.as_str())),
        text(created.map(|created| created.kind.as_str())),
        text(created.map(|created| created.channel.as_str())),
        text(to.as_deref()),
        table::state(standing.state),
        Cell::new(standing.reason.as_deref().unwrap_or_default()),
        Cell::new(&story.id),
    ]
}

/// `812 notifications: 790 delivered, 12 suppressed, 10 failed`
pub fn sums(found: &[Audited]) -> String {
    let mut counts: BTreeMap<State, usize> = BTreeMap::new();
    for audited in found {
        *counts.entry(audited.standing.state).or_default() += 1;
    }
    let total = match found.len() {
        0 => return "no notifications".to_owned(),
        1 => "1 notification".to_owned(),
        many => format!("{many} notifications"),
    };
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(state, count)| (std::cmp::Reverse(*count), *state));
    let counts: Vec<String> = counts.into_iter().map(|(state, count)| format!("{count} {state}")).collect();
    format!("{total}: {}", counts.join(", "))
}

#[cfg(test)]
mod tests;
