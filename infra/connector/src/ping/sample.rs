//! What a source's texts would look like: an invented employee, and of the row that was read only dates and times.

use super::Check;
use super::query::Asked;
use jiff::tz::TimeZone;
use shared::moment::Moment;
use shared::peoplesoft::Row;
use shared::template::{Filling, Template, forbidden_content};
use shared::tenant::{EventSource, Tenant};
use shared::twilio::segments::size;
use std::collections::BTreeMap;

/// A date and a time at once, for where no row tells of another.
const MOMENT: &str = "2026-03-20 09:30:00";

/// One check for each language of a source; none for contacts.
pub fn checks(asked: &Asked<'_>, row: Option<&Row>) -> Vec<Check> {
    let Some((tenant, source)) = asked.told_by() else { return Vec::new() };
    let zone = tenant.usual_zone();
    source.templates.iter().map(|(language, template)| check(source, (language, template), zone, tenant, row)).collect()
}

fn check(
    source: &EventSource,
    (language, template): (&String, &Template),
    zone: &TimeZone,
    tenant: &Tenant,
    row: Option<&Row>,
) -> Check {
    let name = format!("text {language}");
    let employee = employee();
    let render = |event: &BTreeMap<String, String>| {
        template.render(&Filling { employee: &employee, event, time_zone: zone, language })
    };
    let remedy = "Correct the template, or the column behind what it says.";
    if let Some(row) = row {
        // With what the row really says; none of it is printed.
        match render(&event(source, |_, column| row.get(column).unwrap_or_default().to_owned())) {
            Err(error) => {
                return Check::trouble(&source.source, &name, format!("with the row that was read: {error}"), remedy);
            }
            Ok(text) => {
                if let Some(what) = forbidden_content(&text) {
                    let found = format!("with the row that was read it holds what must not be sent: {what}");
                    return Check::trouble(&source.source, &name, found, remedy);
                }
            }
        }
    }
    let shown = |field: &str, column: &str| match row.and_then(|row| row.get(column)) {
        Some(value) if Moment::parse(value).is_some() => value.to_owned(),
        _ => format!("[{field}]"),
    };
    let mut event = event(source, shown);
    let placeholders: Vec<String> =
        event.iter().filter(|(_, value)| value.starts_with('[')).map(|(name, _)| name.clone()).collect();
    // What stands in brackets where any text will do becomes a moment where a filter wants one.
    if render(&event).is_err() {
        for field in &placeholders {
            event.insert(field.clone(), MOMENT.to_owned());
        }
        for field in &placeholders {
            event.insert(field.clone(), format!("[{field}]"));
            if render(&event).is_err() {
                event.insert(field.clone(), MOMENT.to_owned());
            }
        }
    }
    match render(&event) {
        Ok(text) => {
            let segments = size(&text).segments;
            let cost = format!("({segments} segment{})", if segments == 1 { "" } else { "s" });
            let mode = if tenant.mode == shared::tenant::Mode::DryRun { ", dry run" } else { "" };
            Check::ok(&source.source, &name, format!("{text} {cost}{mode}"))
        }
        Err(error) => Check::trouble(&source.source, &name, error.to_string(), remedy),
    }
}

fn employee() -> BTreeMap<String, String> {
    [
        ("id", "0000000"),
        ("name", "Ada Quill"),
        ("first_name", "Ada"),
        ("last_name", "Quill"),
        ("department", "Radiology"),
        ("job_title", "Nurse"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// What a template may say of an event, from a field's name and column.
fn event(source: &EventSource, value: impl Fn(&str, &str) -> String) -> BTreeMap<String, String> {
    let known =
        ["occurred_at", "due_at"].into_iter().filter_map(|meaning| Some((meaning, source.columns.get(meaning)?)));
    let fields = source.columns.fields.iter().map(|(name, column)| (name.as_str(), column.as_str()));
    let mut event: BTreeMap<String, String> =
        known.chain(fields).map(|(name, column)| (name.to_owned(), value(name, column))).collect();
    event.insert("kind".to_owned(), source.kind.as_str().to_owned());
    event
}
