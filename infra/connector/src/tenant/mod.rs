//! Tenant documents: checked, listed, shown and stored. Nothing secret in them is ever printed.
//!
//! Read in this order: [`check`], [`run`], [`summary`] (what a document says), [`put`] (how one is stored), [`difference`]
//! (what changes).

pub mod difference;
pub mod put;
pub mod summary;

use crate::cli::{self, Format};
use crate::deps::{self, Deps};
use crate::failure::{Done, Exit, Failure};
use crate::table;
use crate::terminal::Terminal;
use comfy_table::Cell;
use serde::Serialize;
use serde_json::json;
use shared::tenant::{Invalid, TenantId, store};
use std::path::Path;
use summary::Summary;

/// What stands for stdin where a file is asked for.
const STDIN: &str = "-";

/// Validates a document and says what is in it. Needs nothing but the file.
pub fn check(terminal: &mut Terminal<'_>, format: Format, check: &cli::Check) -> Done {
    let tenant = match &check.tenant {
        Some(tenant) => tenant.clone(),
        None => named_by(&check.file)?,
    };
    let text = read(terminal, &check.file)?;
    match shared::tenant::parse(&tenant, &text) {
        Ok(read) => {
            print_summary(terminal, format, &Summary::of(&read))?;
            terminal.say(&format!("{}: a valid document for tenant {tenant}", check.file.display()))?;
            Ok(Exit::Done)
        }
        Err(invalid) => {
            print_problems(terminal, format, &tenant, &invalid)?;
            Ok(Exit::Trouble)
        }
    }
}

/// Does what was asked.
pub async fn run(deps: &Deps, terminal: &mut Terminal<'_>, format: Format, what: &cli::Tenant) -> Done {
    match what {
        cli::Tenant::Check(args) => check(terminal, format, args),
        cli::Tenant::List => list(deps, terminal, format).await,
        cli::Tenant::Show { tenant } => show(deps, terminal, format, tenant).await,
        cli::Tenant::Add(args) => put::put(deps, terminal, format, args, put::Meant::NewOrNot).await,
        cli::Tenant::Rotate(args) => put::put(deps, terminal, format, args, put::Meant::Existing).await,
    }
}

async fn list(deps: &Deps, terminal: &mut Terminal<'_>, format: Format) -> Done {
    let listed = deps.tenants.list().await.map_err(|error| deps::unreachable(&error))?;
    let invalid: Vec<&TenantId> = listed.iter().filter(|(_, read)| read.is_err()).map(|(id, _)| id).collect();
    match format {
        Format::Json => {
            for (id, read) in &listed {
                match read {
                    Ok(tenant) => terminal.print_json(&Summary::of(tenant))?,
                    Err(invalid) => terminal.print_json(&problems(id, invalid))?,
                }
            }
        }
        Format::Table if listed.is_empty() => {}
        Format::Table => {
            let rows = listed
                .iter()
                .map(|(id, read)| match read {
                    Ok(tenant) => Summary::of(tenant).row(),
                    Err(invalid) => {
                        let what = format!("unusable: {}", count(invalid));
                        vec![Cell::new(id), Cell::new("-"), Cell::new(what)]
                    }
                })
                .collect();
            terminal.print(&table::render(summary::HEADER, rows, &[1, 3, 4], terminal.look))?;
        }
    }
    match listed.len() {
        0 => terminal
            .say(&format!("no secret is named {}…: connector tenant add TENANT FILE adds one", deps.secret_prefix))?,
        1 => terminal.say("1 tenant")?,
        many => terminal.say(&format!("{many} tenants"))?,
    }
    for id in &invalid {
        terminal.say(&format!("{id} stands still until its document is corrected: connector tenant show {id}"))?;
    }
    Ok(Exit::trouble_if(!invalid.is_empty()))
}

async fn show(deps: &Deps, terminal: &mut Terminal<'_>, format: Format, tenant: &TenantId) -> Done {
    match deps.tenants.get(tenant).await {
        Ok(Some(read)) => {
            print_summary(terminal, format, &Summary::of(&read))?;
            Ok(Exit::Done)
        }
        Err(store::Error::Invalid(id, invalid)) => {
            print_problems(terminal, format, &id, &invalid)?;
            terminal.say(&format!("correct the document and store it with: connector tenant rotate {id} FILE"))?;
            Ok(Exit::Trouble)
        }
        Ok(None) => Err(deps.no_such_tenant(tenant)),
        Err(error @ store::Error::Unreachable(_)) => Err(deps::unreachable(&error)),
    }
}

fn print_summary(terminal: &mut Terminal<'_>, format: Format, summary: &Summary) -> Result<(), Failure> {
    match format {
        Format::Json => terminal.print_json(summary)?,
        Format::Table => terminal.print(&summary.render(terminal.look))?,
    }
    Ok(())
}

#[derive(Serialize)]
struct Problems<'a> {
    tenant: &'a TenantId,
    problems: Vec<serde_json::Value>,
}

fn problems<'a>(tenant: &'a TenantId, invalid: &Invalid) -> Problems<'a> {
    let problem = |problem: &shared::tenant::Problem| json!({"place": problem.place, "what": problem.what});
    Problems { tenant, problems: invalid.problems.iter().map(problem).collect() }
}

/// Everything that is wrong, with its place and what to do about it.
fn print_problems(
    terminal: &mut Terminal<'_>,
    format: Format,
    tenant: &TenantId,
    invalid: &Invalid,
) -> Result<(), Failure> {
    match format {
        Format::Json => terminal.print_json(&problems(tenant, invalid))?,
        Format::Table => terminal.print(&render_problems(invalid, terminal.look))?,
    }
    terminal.say(&format!("the document of tenant {tenant} has {} and can't be used", count(invalid)))?;
    Ok(())
}

fn count(invalid: &Invalid) -> String {
    match invalid.problems.len() {
        1 => "1 problem".to_owned(),
        many => format!("{many} problems"),
    }
}

fn render_problems(invalid: &Invalid, look: crate::terminal::Look) -> String {
    let place = |place: &str| Cell::new(if place.is_empty() { "(the whole)" } else { place });
    let rows = invalid.problems.iter().map(|problem| vec![place(&problem.place), Cell::new(&problem.what)]).collect();
    table::render(&["place", "problem"], rows, &[1], look)
}

/// The tenant that a file is named after.
fn named_by(file: &Path) -> Result<TenantId, Failure> {
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    TenantId::parse(stem).map_err(|_| {
        Failure::Usage(format!(
            "{} is not named after a tenant (a-z, 0-9 and '-', then .json): say which it is for with --tenant NAME",
            file.display()
        ))
    })
}

/// A file's text, which is JSON of some kind.
fn read(terminal: &mut Terminal<'_>, file: &Path) -> Result<String, Failure> {
    let unreadable = |why: String| Failure::Usage(format!("can't read {}: {why}", file.display()));
    let text = if file == Path::new(STDIN) {
        let mut text = String::new();
        terminal.answers.read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    let text = text.map_err(|error| unreadable(error.to_string()))?;
    // Not serde's own words, which might quote a secret.
    serde_json::from_str::<serde::de::IgnoredAny>(&text).map_err(|error| {
        let (kind, line, column) = (error.classify(), error.line(), error.column());
        unreadable(format!("it is not JSON: {kind:?} error at line {line}, column {column}"))
    })?;
    Ok(text)
}

#[cfg(test)]
mod tests;
