//! Tries a tenant's real systems, one thing after the other, and says of each whether it works or what to do about it. It
//! changes nothing there, texts nobody, and prints nothing personal.
//!
//! Read in this order: [`run`], [`ping`], [`passes`] (before a document is stored), [`peoplesoft`] (reach, credentials, clock), [`query`] (each query's prompts,
//! columns and a row of it), [`sample`] (what would be said), [`twilio`] (account, senders, callbacks).

pub mod peoplesoft;
pub mod query;
pub mod sample;
pub mod twilio;

use crate::cli::Format;
use crate::deps::Deps;
use crate::failure::{Done, Exit};
use crate::table;
use crate::terminal::Terminal;
use comfy_table::{Cell, Color};
use serde::Serialize;
use shared::clock::Clock;
use shared::tenant::{Tenant, TenantId};
use std::io;

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What it belongs to: `peoplesoft`, `contacts`, a source's name, `twilio` or `callback`.
    pub of: String,
    /// What was tried.
    pub check: String,
    /// How it went.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do about it; empty if there is nothing to do.
    pub remedy: String,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It works.
    Ok,
    /// Somebody must do something.
    Trouble,
    /// Not tried, since something before it doesn't work or isn't there.
    Skipped,
}

impl Check {
    /// It works.
    pub fn ok(of: &str, check: &str, found: impl Into<String>) -> Self {
        Self::new(of, check, Verdict::Ok, found.into(), String::new())
    }

    /// It doesn't.
    pub fn trouble(of: &str, check: &str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(of, check, Verdict::Trouble, found.into(), remedy.into())
    }

    /// It wasn't tried.
    pub fn skipped(of: &str, check: &str, why: impl Into<String>) -> Self {
        Self::new(of, check, Verdict::Skipped, why.into(), String::new())
    }

    fn new(of: &str, check: &str, verdict: Verdict, found: String, remedy: String) -> Self {
        Self { of: of.to_owned(), check: check.to_owned(), verdict, found, remedy }
    }
}

/// Tries everything that a tenant's document names, and whether Twilio's callbacks reach us.
pub async fn ping(tenant: &Tenant, clock: &Clock, callback_base_url: Option<&str>) -> Vec<Check> {
    let (mut checks, callback) = tokio::join!(systems(tenant, clock), twilio::callback(tenant, callback_base_url));
    checks.push(callback);
    checks
}

/// Tries everything that a tenant's document names, whether it is stored already or not. Of a tenant that isn't yet,
/// `callback` must not be asked: it would remember for minutes that there is none of this name.
pub async fn systems(tenant: &Tenant, clock: &Clock) -> Vec<Check> {
    let (peoplesoft, twilio) = tokio::join!(peoplesoft::checks(tenant, clock), twilio::checks(tenant));
    [peoplesoft, twilio].concat()
}

/// `connector ping TENANT`
pub async fn run(deps: &Deps, terminal: &mut Terminal<'_>, format: Format, tenant: &TenantId) -> Done {
    let document = deps.tenant(tenant).await?;
    let spinner = terminal.spinner("asking");
    let checks = ping(&document, &deps.clock, deps.callback_base_url.as_deref()).await;
    spinner.finish_and_clear();
    print(terminal, format, tenant, &checks)?;
    let troubles = troubles(&checks).len();
    terminal.say(&match troubles {
        0 => format!("{} checks, all is well; nothing was changed and nobody was texted", checks.len()),
        _ => format!("{} checks, {troubles} in trouble; nothing was changed and nobody was texted", checks.len()),
    })?;
    Ok(Exit::trouble_if(troubles > 0))
}

/// Tries what a document names before it is stored, and prints what is in trouble. Whether nothing is.
pub async fn passes(deps: &Deps, terminal: &mut Terminal<'_>, format: Format, tenant: &Tenant) -> io::Result<bool> {
    let spinner = terminal.spinner("asking");
    let checks = systems(tenant, &deps.clock).await;
    spinner.finish_and_clear();
    let troubles = troubles(&checks);
    if troubles.is_empty() {
        terminal.say(&format!("{} checks of PeopleSoft and Twilio, all is well", checks.len()))?;
        return Ok(true);
    }
    print(terminal, format, &tenant.id, &troubles)?;
    terminal.say(&format!(
        "{} checks of PeopleSoft and Twilio, {} in trouble: nothing was stored. Mend it, or store the document all the same \
         with --without-ping",
        checks.len(),
        troubles.len()
    ))?;
    Ok(false)
}

fn troubles(checks: &[Check]) -> Vec<Check> {
    checks.iter().filter(|check| check.verdict == Verdict::Trouble).cloned().collect()
}

fn print(terminal: &mut Terminal<'_>, format: Format, tenant: &TenantId, checks: &[Check]) -> io::Result<()> {
    match format {
        Format::Json => checks.iter().try_for_each(|check| terminal.print_json(&Line { tenant, check })),
        Format::Table => {
            let rows = checks.iter().map(row).collect();
            terminal.print(&table::render(&["", "of", "check", "found"], rows, &[3], terminal.look))
        }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    tenant: &'a TenantId,
    #[serde(flatten)]
    check: &'a Check,
}

fn row(check: &Check) -> Vec<Cell> {
    let verdict = match check.verdict {
        Verdict::Ok => Cell::new("ok").fg(Color::Green),
        Verdict::Trouble => Cell::new("trouble").fg(Color::Red),
        Verdict::Skipped => Cell::new("skipped").fg(Color::Yellow),
    };
    let found =
        if check.remedy.is_empty() { check.found.clone() } else { format!("{}\n→ {}", check.found, check.remedy) };
    vec![verdict, Cell::new(&check.of), Cell::new(&check.check), Cell::new(found)]
}
