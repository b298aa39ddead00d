//! Writes results and errors as JSON. By hand, because the order of the keys is part of what a real system sends.

use super::database::Value;
use super::schema::Kind;
use super::settings::{Quirk, Settings};
use super::table::Table;
use serde_json::Value as Json;

/// The document of a query that ran.
pub(super) fn results(table: &Table, settings: &Settings) -> String {
    let key = if settings.has(Quirk::PlainQueryname) { "queryname" } else { "queryname=" };
    let mut members = vec![format!(r#""numrows":{}"#, table.numrows), format!("{}:{}", text(key), text(&table.query))];
    match &table.rows {
        Some(rows) if !(rows.is_empty() && settings.has(Quirk::NoRowsMember)) => {
            let rows: Vec<String> =
                rows.iter().zip(1..).map(|(values, number)| row(number, values, table, settings)).collect();
            members.push(format!(r#""rows":[{}]"#, rows.join(",")));
        }
        _ => {}
    }
    if settings.has(Quirk::ExtraMembers) {
        members.push(r#""total_rows":0,"groups":[]"#.to_owned());
    }
    format!(r#"{{"status":"success","data":{{"query":{{{}}}}}}}"#, members.join(","))
}

/// The document of a request that failed (an assumption: no real one was ever found).
pub(super) fn error(message: &str) -> String {
    format!(r#"{{"status":"error","data":{{"message":{}}}}}"#, text(message))
}

fn row(number: usize, values: &[Value], table: &Table, settings: &Settings) -> String {
    let mut members = vec![format!(r#""attr:rownumber":{number}"#)];
    for (column, value) in table.columns.iter().zip(values) {
        members.push(format!("{}:{}", text(&column.unique_name), cell(column.kind, value, settings)));
    }
    format!("{{{}}}", members.join(","))
}

fn cell(kind: Kind, value: &Value, settings: &Settings) -> String {
    let number = |digits: &str| {
        if settings.has(Quirk::NumbersAreTexts) { text(digits) } else { digits.to_owned() }
    };
    match value {
        Value::Text(value) => text(value),
        Value::Number(value) => number(&value.to_string()),
        Value::Empty if kind.is_number() => number("0"),
        Value::Empty if settings.has(Quirk::EmptyIsSpace) => text(" "),
        Value::Empty | Value::RowTime => text(""),
    }
}

fn text(value: &str) -> String {
    Json::from(value).to_string()
}
