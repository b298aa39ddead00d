//! The report on stdout: tables for people, or one object for programs. Pure.

use super::chart::thousands;
use super::gather::Gathered;
use super::integrity::Check;
use super::manifest::Chosen;
use super::sums::Took;
use super::times::{self, Times};
use crate::table;
use crate::terminal::Look;
use comfy_table::{Cell, CellAlignment};
use serde_json::{Map, Value, json};
use shared::notification::State;
use shared::stamp;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// How many findings of a check are told word by word.
const NAMED: usize = 5;

/// Tables, a line feed at the end. Writing to a String can't fail.
pub fn table(gathered: &Gathered, look: Look) -> String {
    let sums = &gathered.sums;
    let mut told = String::new();
    let facts = thousands(gathered.facts);
    let _ = writeln!(told, "{} of {facts} facts\n", look.bold(&counted(sums.all, "notification")));
    if sums.all > 0 {
        let _ = writeln!(told, "{}\n", states(gathered, look));
        let _ = writeln!(told, "{}\n", times_table(gathered, look));
        let _ = writeln!(told, "{}\n", reasons(gathered, look));
    }
    if sums.late > 0 {
        let _ = writeln!(told, "{} after their time\n", counted(sums.late, "delivered notification"));
    }
    if !gathered.others.is_empty() {
        let others: Vec<String> =
            gathered.others.iter().map(|(kind, count)| format!("{kind} ({})", thousands(*count))).collect();
        let _ = writeln!(told, "beside them: {}", others.join(", "));
    }
    told.push_str(&findings(gathered));
    told
}

/// Everything in one object.
pub fn json(chosen: &Chosen, gathered: &Gathered) -> Value {
    let sums = &gathered.sums;
    let by_state: Map<String, Value> =
        sums.by(|group| group.state).into_iter().map(|(state, count)| (state.to_string(), json!(count))).collect();
    let groups: Vec<Value> = sums
        .groups()
        .map(|(group, count)| {
            let mut value = json!(group);
            value["count"] = json!(count);
            value
        })
        .collect();
    let all = sums.took_in_all();
    let mut took = vec![took_json(None, None, &all)];
    took.extend(sums.took().map(|(tenant, kind, took)| took_json(Some(tenant), Some(kind), took)));
    let found: Map<String, Value> =
        Check::ALL.iter().map(|check| (check.as_str().to_owned(), json!(gathered.findings.count(*check)))).collect();
    json!({
        "exports": chosen.exports.iter().map(|export| export.id.as_str()).collect::<Vec<_>>(),
        "as_of": stamp::format(chosen.as_of()),
        "facts": gathered.facts,
        "other_items": gathered.others,
        "notifications": sums.all,
        "delivered_late": sums.late,
        "by_state": by_state,
        "sums": groups,
        "seconds_from_event": took,
        "checks": found,
        "findings": gathered.findings.kept().collect::<Vec<_>>(),
    })
}

fn took_json(tenant: Option<&str>, kind: Option<&str>, took: &Took) -> Value {
    let of = |times: &Times| {
        let within = |percent| times.percentile(percent).map(|took| took.as_secs_f64());
        json!({"count": times.count(), "p50": within(50), "p90": within(90), "p99": within(99)})
    };
    json!({"tenant": tenant, "kind": kind, "accepted": of(&took.accepted), "delivered": of(&took.delivered)})
}

fn states(gathered: &Gathered, look: Look) -> String {
    let sums = &gathered.sums;
    let counts = sums.by(|group| (group.tenant.clone(), group.kind.clone(), group.state));
    let occurring: Vec<State> = sums.by(|group| group.state).into_keys().collect();
    let kinds: BTreeSet<_> = counts.keys().map(|(tenant, kind, _)| (tenant.clone(), kind.clone())).collect();
    let mut header = vec!["tenant", "kind", "all"];
    header.extend(occurring.iter().map(|state| state.as_str()));
    let rows = kinds.into_iter().map(|(tenant, kind)| {
        let of = |state: &State| counts.get(&(tenant.clone(), kind.clone(), *state)).copied().unwrap_or_default();
        let all: u64 = State::ALL.iter().map(of).sum();
        let mut row = vec![Cell::new(&tenant), Cell::new(&kind), number(all)];
        row.extend(occurring.iter().map(|state| number(of(state))));
        row
    });
    table::render(&header, rows.collect(), &[], look)
}

fn times_table(gathered: &Gathered, look: Look) -> String {
    let header = ["tenant", "kind", "from the event until", "count", "p50", "p90", "p99"];
    let rows = gathered.sums.took().flat_map(|(tenant, kind, took)| {
        [("accepted", &took.accepted), ("delivered", &took.delivered)].map(|(what, times)| {
            let within = |percent| Cell::new(times.percentile(percent).map_or_else(|| "-".to_owned(), times::in_words));
            let mut row = vec![Cell::new(tenant), Cell::new(kind), Cell::new(what), number(times.count())];
            row.extend([50, 90, 99].map(within));
            row
        })
    });
    table::render(&header, rows.collect(), &[], look)
}

fn reasons(gathered: &Gathered, look: Look) -> String {
    let counts = gathered.sums.by(|group| (group.state, group.reason.clone()));
    let mut counts: Vec<_> = counts.into_iter().filter(|((state, _), _)| *state != State::Delivered).collect();
    if counts.is_empty() {
        return "every one was delivered".to_owned();
    }
    counts.sort_by_key(|((state, _), count)| (std::cmp::Reverse(*count), *state));
    let rows = counts.into_iter().map(|((state, reason), count)| {
        vec![table::state(state), number(count), Cell::new(reason.as_deref().unwrap_or("-"))]
    });
    table::render(&["not delivered", "count", "reason"], rows.collect(), &[2], look)
}

fn findings(gathered: &Gathered) -> String {
    let findings = &gathered.findings;
    if findings.all() == 0 {
        return format!("integrity: {} checks, nothing found\n", Check::ALL.len());
    }
    let mut told = format!("integrity: {}\n", counted(findings.all(), "finding"));
    for check in Check::ALL {
        let of_check: Vec<_> = findings.kept().filter(|finding| finding.check == check).collect();
        for finding in of_check.iter().take(NAMED) {
            let tenant = finding.tenant.as_ref().map(|tenant| format!("{tenant} ")).unwrap_or_default();
            let _ = writeln!(told, "  {}: {tenant}{}: {}", check.as_str(), finding.subject, finding.what);
        }
        let more = findings.count(check).saturating_sub(NAMED as u64);
        if more > 0 {
            let _ = writeln!(told, "  {}: and {} more", check.as_str(), thousands(more));
        }
    }
    told
}

fn number(count: u64) -> Cell {
    Cell::new(if count == 0 { "-".to_owned() } else { thousands(count) }).set_alignment(CellAlignment::Right)
}

fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", thousands(count))
}
