//! What an operator may do about notifications: replay, cancel, let go. Each shows what it would do, asks, and leaves a fact
//! that says who and why. Sends nothing itself: a release lets the functions send.
//!
//! Read in this order: [`plan`] (what may be done), [`carry_out`] (one of them), this file (many, and what is said).

pub mod carry_out;
pub mod plan;

use crate::ask;
use crate::audit::{self, Audited, record};
use crate::cli::{Act, Consent, Format, ReleaseHeld};
use crate::deps::{self, Deps};
use crate::failure::{Done, Exit, Failure};
use crate::table;
use crate::terminal::{Look, Terminal};
use carry_out::{Errand, NotDone};
use comfy_table::Cell;
use futures::stream::{self, StreamExt};
use plan::{Plan, Verb};
use serde_json::json;
use shared::ledger::Ledger;
use shared::ledger::read::Consistency;
use shared::notification::{NotificationId, State};
use shared::stamp;
use shared::tenant::{Mode, Tenant};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Notifications worked on at once.
const AT_ONCE: usize = 16;
/// Notifications shown one by one; of more than that, the rest is counted.
const SHOWN: usize = 50;

/// Sends again.
pub async fn replay(deps: &Deps, terminal: &mut Terminal<'_>, format: Format, args: &Act) -> Done {
    named(deps, terminal, format, args, Verb::Replay).await
}

/// Rules out.
pub async fn cancel(deps: &Deps, terminal: &mut Terminal<'_>, format: Format, args: &Act) -> Done {
    named(deps, terminal, format, args, Verb::Cancel).await
}

/// Lets go everything that is held of one source.
pub async fn release_held(deps: &Deps, terminal: &mut Terminal<'_>, format: Format, args: &ReleaseHeld) -> Done {
    let ledger = deps.ledger()?;
    let tenant = deps.tenant(&args.tenant).await?;
    let (mut found, _) = audit::tenant_stories(deps, terminal, &tenant.id).await?;
    found.retain(|audited| {
        let is_of_source = audited.story.created().is_some_and(|created| created.source == args.source);
        is_of_source && audited.standing.state == State::Held
    });
    if found.is_empty() {
        if tenant.events.iter().all(|event| event.source != args.source) {
            return Err(Failure::Trouble(deps::no_such_source(&tenant, &args.source)));
        }
        terminal.say(&format!("nothing of {} is held", args.source))?;
        return Ok(Exit::Done);
    }
    let errand = errand(deps, ledger, &tenant, Verb::ReleaseHeld, &args.consent);
    go(deps, terminal, format, &errand, found, args.consent.yes).await
}

/// The same for notifications that the operator named.
async fn named(deps: &Deps, terminal: &mut Terminal<'_>, format: Format, args: &Act, verb: Verb) -> Done {
    let ledger = deps.ledger()?;
    let tenant = deps.tenant(&args.tenant).await?;
    let mut found = Vec::new();
    let distinct: BTreeSet<&NotificationId> = args.notifications.iter().collect();
    for id in distinct {
        let story = ledger.story(&tenant.id, id, Consistency::Strong).await;
        let story = story.map_err(|error| Failure::ledger(ledger.table(), &error))?;
        found.push(Audited::new(story, deps.clock.now()));
    }
    let errand = errand(deps, ledger, &tenant, verb, &args.consent);
    go(deps, terminal, format, &errand, found, args.consent.yes).await
}

fn errand<'a>(deps: &'a Deps, ledger: &'a Ledger, tenant: &'a Tenant, verb: Verb, consent: &'a Consent) -> Errand<'a> {
    let by = consent.by.as_deref().unwrap_or(&deps.operator);
    Errand { ledger, tenant, verb, by, why: &consent.why }
}

/// Shows, asks, does.
async fn go(
    deps: &Deps,
    terminal: &mut Terminal<'_>,
    format: Format,
    errand: &Errand<'_>,
    found: Vec<Audited>,
    yes: bool,
) -> Done {
    let now = deps.clock.now();
    let proposals: Vec<Proposal> = found
        .into_iter()
        .map(|audited| {
            let plan = plan::plan(errand.verb, errand.tenant, &audited.story, now);
            Proposal { audited, plan }
        })
        .collect();
    terminal.say(&preview(errand, &proposals))?;
    let wanted: Vec<&NotificationId> =
        proposals.iter().filter(|proposal| proposal.plan.is_ok()).map(|proposal| &proposal.audited.story.id).collect();
    let left_out = proposals.len() - wanted.len();
    if format == Format::Json {
        for Proposal { audited, plan } in &proposals {
            if let Err(why) = plan {
                terminal.print_json(&object(errand, &audited.story.id, Err(why.clone())))?;
            }
        }
    }
    if wanted.is_empty() {
        return Err(Failure::Trouble("nothing can be done with any of them".to_owned()));
    }
    if !ask::confirm(terminal, &question(errand.verb, wanted.len()), yes)? {
        return Ok(Exit::Trouble);
    }
    let bar = terminal.bar("done", wanted.len());
    let results: Vec<_> = stream::iter(wanted)
        .map(|id| {
            let bar = &bar;
            async move {
                let result = errand.carry_out(id, deps.clock.now()).await;
                bar.inc(1);
                (id, result)
            }
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    bar.finish_and_clear();
    let not_done = report(terminal, format, errand, &results)?;
    Ok(Exit::trouble_if(not_done > 0 || left_out > 0))
}

/// One notification and what is to be done with it.
pub struct Proposal {
    /// The notification.
    pub audited: Audited,
    /// What it takes, or why it can't be done.
    pub plan: Result<Plan, String>,
}

/// What would be done, in words.
pub fn preview(errand: &Errand<'_>, proposals: &[Proposal]) -> String {
    let tenant = errand.tenant;
    let rows = proposals.iter().take(SHOWN).map(row).collect();
    let header = ["notification", "employee", "source", "channel", "to", "state", "what is done"];
    let mut told = table::render(&header, rows, &[], Look::default());
    if proposals.len() > SHOWN {
        let _ = write!(told, "\n… and {} more", proposals.len() - SHOWN);
    }
    let count =
        |is: fn(&Plan) -> bool| proposals.iter().filter(|proposal| proposal.plan.as_ref().is_ok_and(is)).count();
    let _ = write!(told, "\nby {} for tenant {} ({}): {}", errand.by, tenant.id, tenant.display_name, errand.why);
    let repeats = count(|plan| matches!(plan, Plan::Release { may_repeat: true, .. }));
    if repeats > 0 {
        let noun = if repeats == 1 { "is" } else { "are" };
        let _ = write!(
            told,
            "\nBeware: {repeats} of them {noun} doubtful. An earlier attempt may have arrived, so this may text or call twice."
        );
    }
    if count(|plan| matches!(plan, Plan::Release { .. })) > 0 && tenant.mode == Mode::DryRun {
        told.push_str("\nThe tenant is in dry run: nobody is really texted or called.");
    }
    told
}

fn row(proposal: &Proposal) -> Vec<Cell> {
    let Audited { story, standing } = &proposal.audited;
    let created = story.created();
    let to = created.and_then(|created| created.to.as_ref()).map(|to| record::number(to, false));
    let text = |text: Option<&str>| Cell::new(text.unwrap_or("-"));
    let state = if story.facts.is_empty() { "unknown" } else { standing.state.as_str() };
    vec![
        Cell::new(&story.id),
        text(created.map(|created| created.employee_id.as_str())),
        text(created.map(|created| created.source.as_str())),
        text(created.map(|created| created.channel.as_str())),
        text(to.as_deref()),
        Cell::new(state),
        Cell::new(match &proposal.plan {
            Ok(plan) => told(plan, Tense::Future),
            Err(why) => format!("nothing: {why}"),
        }),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tense {
    Future,
    Past,
}

fn told(plan: &Plan, tense: Tense) -> String {
    match (plan, tense) {
        (Plan::Release { attempt, expires_at, .. }, Tense::Future) => {
            format!("attempt {attempt} may start at once, until {}", stamp::format(*expires_at))
        }
        (Plan::Release { attempt, expires_at, .. }, Tense::Past) => {
            format!("released attempt {attempt}, until {}", stamp::format(*expires_at))
        }
        (Plan::Cancel { attempt, .. }, Tense::Future) => format!("attempt {attempt} and all after it are ruled out"),
        (Plan::Cancel { attempt, .. }, Tense::Past) => format!("cancelled before attempt {attempt}"),
    }
}

fn question(verb: Verb, count: usize) -> String {
    let noun = if count == 1 { "notification" } else { "notifications" };
    match verb {
        Verb::Replay => format!("Send {count} {noun} again?"),
        Verb::Cancel => format!("Cancel {count} {noun}?"),
        Verb::ReleaseHeld => format!("Release {count} held {noun}?"),
    }
}

/// Says what became of each, and answers how many were not done.
fn report(
    terminal: &mut Terminal<'_>,
    format: Format,
    errand: &Errand<'_>,
    results: &[(&NotificationId, Result<Plan, NotDone>)],
) -> Result<usize, Failure> {
    let mut not_done = 0;
    for (id, result) in results {
        let line = match result {
            // Of very many, only the exceptions are worth a line.
            Ok(_) if format == Format::Table && results.len() > SHOWN => continue,
            Ok(plan) => told(plan, Tense::Past),
            Err(error) => {
                not_done += 1;
                format!("not done: {error}")
            }
        };
        match format {
            Format::Json => terminal.print_json(&object(errand, id, result.as_ref().map_err(ToString::to_string)))?,
            Format::Table => terminal.print(&format!("{id}  {line}"))?,
        }
    }
    terminal.say(&format!("{} done, {not_done} not done", results.len() - not_done))?;
    Ok(not_done)
}

/// What became of one, for programs.
fn object(errand: &Errand<'_>, id: &NotificationId, result: Result<&Plan, String>) -> serde_json::Value {
    let tenant = &errand.tenant.id;
    match result {
        Ok(Plan::Release { attempt, expires_at, .. }) => {
            let expires_at = stamp::format(*expires_at);
            json!({"tenant": tenant, "notification_id": id, "did": "released", "attempt": attempt, "expires_at": expires_at})
        }
        Ok(Plan::Cancel { attempt, .. }) => {
            json!({"tenant": tenant, "notification_id": id, "did": "cancelled", "attempt": attempt})
        }
        Err(why) => json!({"tenant": tenant, "notification_id": id, "did": "nothing", "reason": why}),
    }
}

#[cfg(test)]
mod tests;
