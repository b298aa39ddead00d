//! What `connector local` prints at the end, as pure functions of what happened.

use crate::table;
use crate::terminal::Look;
use comfy_table::Cell;
use local::progress::Progress;
use local::proof::{Proof, was_accepted};
use shared::notification::State;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;

/// How many examples of a finding are named.
const NAMED: usize = 5;

/// `12 pending, 700 delivered`
pub(super) fn states_in_short(states: &BTreeMap<State, usize>) -> String {
    if states.is_empty() {
        return "reading PeopleSoft".to_owned();
    }
    states.iter().map(|(state, count)| format!("{count} {state}")).collect::<Vec<_>>().join(", ")
}

/// A table of counts: a row for each tenant, kind and channel, a column for each state that occurs.
pub(super) fn kinds_and_states(progress: &Progress, now: jiff::Timestamp, look: Look) -> String {
    let mut rows: BTreeMap<(String, String, &'static str), BTreeMap<State, usize>> = BTreeMap::new();
    let mut occurring = BTreeSet::new();
    for (tenant, story) in &progress.stories {
        let Some(created) = story.created() else { continue };
        let state = story.standing(now).state;
        occurring.insert(state);
        *rows
            .entry((tenant.to_string(), created.kind.clone(), created.channel.as_str()))
            .or_default()
            .entry(state)
            .or_default() += 1;
    }
    if rows.is_empty() {
        return "no notifications".to_owned();
    }
    let mut header = vec!["tenant", "kind", "channel", "all"];
    header.extend(occurring.iter().map(|state| state.as_str()));
    let cells = rows.iter().map(|((tenant, kind, channel), states)| {
        let mut row =
            vec![Cell::new(tenant), Cell::new(kind), Cell::new(channel), Cell::new(states.values().sum::<usize>())];
        row.extend(occurring.iter().map(|state| states.get(state).map_or_else(|| Cell::new("-"), Cell::new)));
        row
    });
    table::render(&header, cells.collect(), &[], look)
}

/// What waits for longer than the run lasts, and why.
pub(super) fn waiting(progress: &Progress) -> Vec<String> {
    let mut by_reason: BTreeMap<(State, String), Vec<String>> = BTreeMap::new();
    for (tenant, story, state, reason) in &progress.waiting {
        by_reason
            .entry((*state, reason.split(';').next().unwrap_or_default().to_owned()))
            .or_default()
            .push(format!("{tenant} {}", story.id));
    }
    by_reason
        .into_iter()
        .map(|((state, reason), ids)| format!("waiting: {} {state} ({reason}): {}", ids.len(), named(&ids)))
        .collect()
}

/// Every reason for which something was not sent, and how often.
pub(super) fn unsent(progress: &Progress, now: jiff::Timestamp) -> Vec<String> {
    let mut reasons: BTreeMap<(State, String), usize> = BTreeMap::new();
    for (_, story) in &progress.stories {
        let standing = story.standing(now);
        let unsent = matches!(
            standing.state,
            State::Suppressed
                | State::Failed
                | State::Undelivered
                | State::Unconfirmed
                | State::Expired
                | State::Cancelled
        );
        if unsent {
            *reasons
                .entry((standing.state, standing.reason.unwrap_or_else(|| "no reason given".to_owned())))
                .or_default() += 1;
        }
    }
    reasons.into_iter().map(|((state, reason), count)| format!("not delivered: {count} {state} ({reason})")).collect()
}

/// The comparison with what Twilio accepted.
pub(super) fn proof(proof: &Proof) -> Vec<String> {
    let mut lines =
        vec![format!("accepted at Twilio: {}   accepted on the ledger: {}", proof.at_twilio, proof.on_ledger)];
    for (what, list) in [
        ("sent twice", &proof.doubled),
        ("on the ledger, but not at Twilio", &proof.missing),
        ("at Twilio, but not on the ledger", &proof.unknown),
        ("with another's message", &proof.mixed_up),
        ("neither sent nor explained", &proof.unexplained),
    ] {
        lines.push(if list.is_empty() {
            format!("{what}: none")
        } else {
            format!("{what}: {}: {}", list.len(), named(list))
        });
    }
    lines
}

/// Without a Twilio of our own: what the ledger alone can show.
pub(super) fn proof_without_twilio(progress: &Progress) -> (Vec<String>, bool) {
    let accepted = progress.stories.iter().filter(|(_, story)| was_accepted(story)).count();
    let doubled: Vec<String> = progress
        .stories
        .iter()
        .filter(|(_, story)| !story.sent_twice().is_empty())
        .map(|(_, story)| story.id.to_string())
        .collect();
    let mut lines = vec![format!(
        "accepted on the ledger: {accepted} (what Twilio counts is Twilio's to say: compare with its console)"
    )];
    lines.push(if doubled.is_empty() {
        "accepted twice: none".to_owned()
    } else {
        format!("accepted twice: {}: {}", doubled.len(), named(&doubled))
    });
    (lines, doubled.is_empty())
}

/// What the run has shown, and of what it has shown nothing.
pub(super) fn verdict(progress: &Progress, holds: bool) -> Vec<String> {
    let (unread, sources, unusable) = (progress.broken.len(), progress.sources, progress.unusable.len());
    let mut lines = Vec::new();
    lines.push(match holds {
        false => "proof FAILED: see above".to_owned(),
        true if unread == sources && unread + unusable > 0 => "proof: none, since nothing could be read".to_owned(),
        true => "proof: every notification was sent exactly once, or says why not".to_owned(),
    });
    if unread > 0 {
        lines.push(format!("not in it: sources that could not be read ({unread} of {sources}, see above)"));
    }
    if unusable > 0 {
        lines.push(format!("not in it: tenants whose documents can't be used ({unusable}, see above)"));
    }
    let rows: u64 = progress.bad.iter().map(|(_, rows, _)| rows).sum();
    if rows > 0 {
        lines.push(format!("not in it: rows that can't be told ({rows}, see above)"));
    }
    if !progress.odd.is_empty() {
        lines.push(format!("not in it: items of the table that are no facts ({}, see above)", progress.odd.len()));
    }
    lines
}

/// Where the demo's two systems are, and whom they know: what a document of one's own needs to be tried against them.
pub(super) fn the_demo(peoplesoft: &str, twilio: &str) -> String {
    let (user, password) = (local::peoplesoft::demo::OPRID, local::peoplesoft::demo::PASSWORD);
    let (account, token, service) = (local::demo::ACCOUNT, local::demo::AUTH_TOKEN, local::demo::MESSAGING_SERVICE);
    format!(
        "# the demo's PeopleSoft is at {peoplesoft} (user {user}, password {password})\n\
         # the demo's Twilio is at {twilio} (account {account}, auth token {token}, messaging service {service})\n"
    )
}

/// Where to look while the stack keeps running.
pub(super) fn where_to_look(demo: bool, env_file: Option<&Path>, page: Option<SocketAddr>) -> String {
    let load = env_file.map_or_else(|| "the export lines above".to_owned(), |file| format!(". {}", file.display()));
    let tenant = if demo { local::demo::TENANT } else { "TENANT" };
    let page = page.map(|address| format!(" Watch it at http://{address}/")).unwrap_or_default();
    format!(
        "running; stop with Ctrl-C.{page}\nIn a second shell, after {load}:\n  cargo connector audit list {tenant}\n  cargo connector audit show {tenant} NOTIFICATION\n  cargo connector audit stuck {tenant}"
    )
}

/// How to try the two-factor checks of the demo, as a portal would.
pub(super) fn how_to_verify(base: &str, employee: &str) -> String {
    let (tenant, token, code) = (local::demo::TENANT, local::demo::PORTAL_TOKEN, local::demo::CODE);
    let call = |route: &str, body: &str| {
        format!(
            "  curl -s -X POST {base}/verify/{tenant}/{route} -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' -d '{body}'"
        )
    };
    let start = call("start", &format!("{{\"employee_id\": \"{employee}\", \"channel\": \"sms\"}}"));
    let check = call("check", &format!("{{\"employee_id\": \"{employee}\", \"code\": \"{code}\"}}"));
    format!("two-factor checks, as a portal asks for them (the demo's code is always {code}):\n{start}\n{check}")
}

fn named(list: &[String]) -> String {
    let shown = list.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if list.len() > NAMED { format!("{shown}, …") } else { shown }
}
