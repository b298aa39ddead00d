//! One query: whether it is there, asks what the document answers, has the columns that the document reads, and runs.

use super::{Check, sample};
use futures::TryFutureExt as _;
use jiff::Timestamp;
use poll::notify::{Event, occurred};
use poll::window::Scale;
use shared::moment::Moment;
use shared::peoplesoft::{self, Class, Client, Error, Field, Kind, Prompt, Query, Reason, Row};
use shared::tenant::{Contacts, EventSource, Tenant};
use shared::timing::Timing;
use shared::{spelling, stamp};
use std::fmt::Write as _;
use tokio::time::timeout;

/// An employee id that is hardly anybody's. Nothing of an answer is used.
const NOBODY: &str = "0";

/// What to do about a prompt that isn't there.
const RENAME: &str =
    "Rename the prompts in the query (Unique Prompt Name, case matters), or name them in the tenant document.";
/// What to do about prompts that take dates.
const DAYS: &str = "Set \"prompt_format\" to \"%Y-%m-%d\": whole days are then asked for, and nothing is told twice or before its time.";

/// A query as the document asks it.
pub struct Asked<'a> {
    of: &'a str,
    tenant: &'a Tenant,
    name: &'a str,
    columns: Vec<String>,
    source: Option<&'a EventSource>,
    /// For contacts: the prompt for one employee.
    employee_prompt: Option<&'a str>,
}

impl<'a> Asked<'a> {
    /// An event source's.
    pub fn source(tenant: &'a Tenant, source: &'a EventSource) -> Self {
        let columns = source.columns.all(&source.key);
        Self { of: &source.source, tenant, name: &source.query, columns, source: Some(source), employee_prompt: None }
    }

    /// The contacts'.
    pub fn contacts(tenant: &'a Tenant, contacts: &'a Contacts) -> Self {
        let (columns, prompt) = (contacts.columns.all(&[]), Some(contacts.employee_prompt.as_str()));
        Self { of: "contacts", tenant, name: &contacts.query, columns, source: None, employee_prompt: prompt }
    }

    /// Whose texts come of it; `None` for contacts.
    pub(super) fn told_by(&self) -> Option<(&'a Tenant, &'a EventSource)> {
        self.source.map(|source| (self.tenant, source))
    }

    /// The prompts that the document answers, and where it says so.
    fn prompts(&self) -> Vec<(String, &'a str)> {
        let Some(source) = self.source else {
            return self.employee_prompt.map(|name| ("employee_prompt".to_owned(), name)).into_iter().collect();
        };
        let mut prompts = vec![
            ("since_prompt".to_owned(), source.since_prompt.as_str()),
            ("until_prompt".to_owned(), source.until_prompt.as_str()),
        ];
        prompts.extend(source.page_prompt.as_deref().map(|name| ("page_prompt".to_owned(), name)));
        prompts.extend(source.fixed_prompts.iter().map(|(name, _)| (format!("fixed_prompts.{name}"), name.as_str())));
        prompts
    }
}

/// Every check of one query.
pub async fn checks(client: &Client, asked: Asked<'_>, now: Timestamp) -> Vec<Check> {
    let described = client.query_prompts(asked.name).and_then(|prompts| async {
        let fields = client.query_fields(asked.name).await?;
        Ok((prompts, fields))
    });
    let mut checks = match described.await {
        Ok((prompts, fields)) => {
            let there = Check::ok(asked.of, "query", format!("{} is there", asked.name));
            vec![there, check_prompts(&asked, &prompts), check_columns(&asked, &fields)]
        }
        Err(error) => vec![not_there(client, &asked, &error).await],
    };
    if checks.iter().any(|check| check.verdict == super::Verdict::Trouble) {
        checks.push(Check::skipped(asked.of, "read", "what is above comes first"));
        checks.extend(sample::checks(&asked, None));
        return checks;
    }
    let (check, row) = match asked.source {
        Some(source) => read_source(client, &asked, source, now).await,
        None => (read_contacts(client, &asked).await, None),
    };
    checks.push(check);
    checks.extend(sample::checks(&asked, row.as_ref()));
    checks
}

async fn not_there(client: &Client, asked: &Asked<'_>, error: &Error) -> Check {
    if error.class() != Class::Query {
        return Check::trouble(asked.of, "query", error.to_string(), error.remedy());
    }
    let front: String = asked.name.chars().take(3).collect();
    let listed = client.list_queries(&front).await.map(|list| list.names).unwrap_or_default();
    let mut found = format!("there is no public query {} that this user may run: {error}", asked.name);
    if let Some(name) = spelling::nearest(asked.name, listed.iter().map(String::as_str)) {
        let _ = write!(found, "; did you mean {name}?");
    }
    let remedy = "Save it as a public query under this name, and give the user access to its records (a query access group in a permission list).";
    Check::trouble(asked.of, "query", found, remedy)
}

fn check_prompts(asked: &Asked<'_>, prompts: &[Prompt]) -> Check {
    let wanted = asked.prompts();
    let mut wrong: Vec<(String, &str)> = Vec::new();
    for (place, name) in &wanted {
        match prompts.iter().find(|prompt| prompt.name == *name) {
            Some(prompt) => wrong.extend(misfit(asked, place, prompt)),
            None => wrong.push((missing(place, name, prompts.iter().map(|prompt| prompt.name.as_str())), RENAME)),
        }
    }
    let unanswered = prompts.iter().filter(|prompt| wanted.iter().all(|(_, name)| *name != prompt.name));
    let (required, others): (Vec<_>, Vec<_>) =
        unanswered.partition(|prompt| matches!(prompt.kind, Kind::Date | Kind::Time | Kind::Datetime));
    let is_required = |prompt: &&Prompt| {
        let found = format!("it asks for {} ({}), which has no answer in fixed_prompts", prompt.name, prompt.kind);
        (found, "Answer every other prompt in fixed_prompts, or take it out of the query.")
    };
    wrong.extend(required.iter().map(is_required));
    if wrong.is_empty() {
        let mut found = wanted.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", ");
        if asked.source.is_some_and(|source| Scale::of(&source.prompt_format).is_by_day()) {
            found += "; whole days are asked for";
        }
        for prompt in others {
            let _ = write!(found, "; {} stays empty", prompt.name);
        }
        return Check::ok(asked.of, "prompts", found);
    }
    let mut remedies: Vec<&str> = wrong.iter().map(|(_, remedy)| *remedy).collect();
    remedies.dedup();
    let found: Vec<String> = wrong.iter().map(|(found, _)| found.clone()).collect();
    Check::trouble(asked.of, "prompts", found.join("; "), remedies.join(" "))
}

/// What is wrong with a prompt that is there, and what to do about it: the ends of a window must be written as its type wants them.
fn misfit(asked: &Asked<'_>, place: &str, prompt: &Prompt) -> Option<(String, &'static str)> {
    let source = asked.source.filter(|_| matches!(place, "since_prompt" | "until_prompt"))?;
    let scale = Scale::of(&source.prompt_format);
    let written = scale.write(0).ok().and_then(|text| Moment::parse(&text));
    let remedy = match (&prompt.kind, written) {
        // A form that we don't know ourselves may be right.
        (Kind::Datetime, Some(Moment::Local(_)) | None)
        | (Kind::Date, Some(Moment::Date(_)) | None)
        | (Kind::Other(_), _) => return None,
        (Kind::Date, _) => DAYS,
        (Kind::Datetime, _) => "Leave \"prompt_format\" out, or let it write a date and a time.",
        (Kind::Character | Kind::Number | Kind::Time, _) => "Make both prompts of the window Datetimes in the query.",
    };
    Some((
        format!("{} is a {}, and is sent {:?}", prompt.name, prompt.kind, scale.write(0).unwrap_or_default()),
        remedy,
    ))
}

fn check_columns(asked: &Asked<'_>, fields: &[Field]) -> Check {
    let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    let mut wrong = Vec::new();
    for column in &asked.columns {
        match peoplesoft::meant(column, names.iter().copied()).as_slice() {
            [_] => {}
            [] => wrong.push(missing("column", column, names.iter().copied())),
            several => wrong.push(format!("{column} could be any of {}", several.join(", "))),
        }
    }
    if wrong.is_empty() {
        let found = format!("{} of {} are read: {}", asked.columns.len(), names.len(), asked.columns.join(", "));
        return Check::ok(asked.of, "columns", found);
    }
    let remedy =
        format!("Write them as the query's unique field names, which are {}; null for none.", names.join(", "));
    Check::trouble(asked.of, "columns", wrong.join("; "), remedy)
}

fn missing<'a>(place: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    match spelling::nearest(name, known) {
        Some(near) => format!("there is no {name} ({place}); did you mean {near}?"),
        None => format!("there is no {name} ({place})"),
    }
}

/// Runs a source's query for one row of as long ago as events are told.
async fn read_source(client: &Client, asked: &Asked<'_>, source: &EventSource, now: Timestamp) -> (Check, Option<Row>) {
    let age = asked.tenant.poll.max_event_age.max(asked.tenant.poll.overlap);
    let scale = Scale::of(&source.prompt_format);
    let window = scale.window(stamp::before(now, age), now, client.time_zone());
    let read = async {
        let mut prompts = vec![
            (source.since_prompt.clone(), scale.write(window.from)?),
            (source.until_prompt.clone(), scale.write(window.until)?),
        ];
        prompts.extend(source.fixed_prompts.iter().cloned());
        prompts.extend(source.page_prompt.iter().map(|prompt| (prompt.clone(), String::new())));
        one_row(client, asked, &prompts, source.blocks).await
    };
    let check = match read.await {
        Err(error) => Check::trouble(asked.of, "read", error.to_string(), error.remedy()),
        Ok(None) => Check::ok(asked.of, "read", format!("it runs; no row in {} hours", age.as_secs() / 3600)),
        Ok(Some(row)) => {
            match occurred(&row, asked.tenant, source).and_then(|when| Event::read(&row, when, asked.tenant, source)) {
                Ok(_) => return (Check::ok(asked.of, "read", "it runs; one row was read"), Some(row)),
                Err(bad) => {
                    let remedy = "Rows like this one can't be told: correct the query, or name another column.";
                    Check::trouble(asked.of, "read", format!("it runs, but of the row that was read: {bad}"), remedy)
                }
            }
        }
    };
    (check, None)
}

/// Runs the contacts' query for one row of anybody, as a full read asks it; if it won't, for one of an employee.
async fn read_contacts(client: &Client, asked: &Asked<'_>) -> Check {
    let of = |employee: &str| -> Vec<(String, String)> {
        asked.employee_prompt.map(|name| (name.to_owned(), employee.to_owned())).into_iter().collect()
    };
    let (everybody, somebody) = (of(""), of(NOBODY));
    match one_row(client, asked, &everybody, false).await {
        Ok(Some(_)) => return Check::ok(asked.of, "read", "it runs; one row was read"),
        Ok(None) => {
            let remedy = "Look at the query's criteria, and at the user's row-level security.";
            return Check::trouble(asked.of, "read", "it runs, and has nobody in it", remedy);
        }
        Err(error) if error.class() != Class::Query => {
            return Check::trouble(asked.of, "read", error.to_string(), error.remedy());
        }
        Err(_) => {}
    }
    match one_row(client, asked, &somebody, false).await {
        Ok(_) => {
            let found = "it wants an employee id, so people are looked up one by one however many there are; an optional prompt would allow one full read";
            Check::ok(asked.of, "read", found)
        }
        Err(error) => Check::trouble(asked.of, "read", error.to_string(), error.remedy()),
    }
}

/// Reads to the end of the answer, which is where it may turn out not to be one; but no longer than a poll could.
async fn one_row(
    client: &Client,
    asked: &Asked<'_>,
    prompts: &[(String, String)],
    blocks: bool,
) -> Result<Option<Row>, Error> {
    let query = Query { name: asked.name, prompts, max_rows: 1, columns: &asked.columns, blocks };
    let reading = async {
        let mut rows = client.execute(&query).await?;
        let mut first = None;
        loop {
            match rows.next().await {
                Ok(Some(row)) => first = first.or(Some(row)),
                Ok(None) => return Ok(first),
                // One row is what we asked for; the rest may have been counted all the same.
                Err(error) if first.is_some() && error.class() == Class::Incomplete => return Ok(first),
                Err(error) => return Err(error),
            }
        }
    };
    let most = Timing::default().tenant_budget;
    let reason = if blocks { Reason::StillRunning } else { Reason::Timeout(most) };
    timeout(most, reading).await.unwrap_or(Err(Error::Unavailable { reason, source: None }))
}
