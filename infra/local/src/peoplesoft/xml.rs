//! Writes results, the self-check lists and the poll protocol as XML, with the namespaces and the habits of a real system:
//! text in CDATA, numbers and dates bare, nothing at all for an empty value.

use super::database::{Query, Value};
use super::schema::{Column, Kind, Prompt};
use super::settings::{Quirk, Settings};
use super::table::Table;

const DECLARATION: &str = "<?xml version=\"1.0\"?>\n";

/// The document of a query that ran. `block_status` belongs to the poll protocol.
pub(super) fn results(table: &Table, block_status: Option<&str>) -> String {
    let name = attribute(&table.query);
    let query = match &table.rows {
        Some(rows) if !rows.is_empty() => {
            let mut lines = Vec::new();
            for (values, number) in rows.iter().zip(1_usize..) {
                lines.push(format!("    <row rownumber=\"{number}\">\n"));
                let cells = table.columns.iter().zip(values);
                lines.extend(cells.map(|(column, value)| format!("      {}\n", cell(column, value))));
                lines.push("    </row>\n".to_owned());
            }
            let lines = lines.concat();
            let numrows = table.numrows;
            format!(
                "  <query xmlns=\"{}\" numrows=\"{numrows}\" queryname=\"{name}\">\n{lines}  </query>",
                schema("QAS_QUERYRESULTS_XMLP_RESP.VERSION_1")
            )
        }
        _ => format!(
            "  <query numrows='{}' queryname='{name}' xmlns='{}'/>",
            table.numrows,
            schema("QAS_QUERYRESULTS_XMLP_RESP.VERSION_1")
        ),
    };
    let status = block_status.map(|status| format!("\n{}", results_status(status))).unwrap_or_default();
    results_message(&format!("{query}{status}"))
}

/// The answer to a question for a block that isn't there yet, or never will be.
pub(super) fn no_block(status: &str) -> String {
    results_message(&results_status(status))
}

/// The answer of `QueryFields`.
pub(super) fn query_fields(query: &Query, settings: &Settings) -> String {
    let entry = |(number, column): (usize, &Column)| {
        let values = [
            ("ColumnNumber", (number + 1).to_string()),
            ("FieldName", column.field_name.clone()),
            ("FieldType", column.kind.word().to_owned()),
            ("FieldLength", column.kind.length().to_string()),
            ("FieldDecimal", "0".to_owned()),
            ("HeadingText", column.field_name.clone()),
            ("UniqueFieldName", column.unique_name.clone()),
        ];
        work_record("QAS_LISTQUERYFIELDS_RESP", &values)
    };
    list("QAS_LISTQUERYFIELDS_RESP", query.columns.iter().enumerate().map(entry), settings)
}

/// The answer of `QueryPrompts`.
pub(super) fn query_prompts(name: &str, query: &Query, settings: &Settings) -> String {
    let entry = |prompt: &Prompt| {
        let values = [
            ("QueryName", name.to_owned()),
            ("FieldName", prompt.unique_name.clone()),
            ("HeadingText", prompt.unique_name.clone()),
            ("FieldType", prompt.kind.word().to_owned()),
            ("FormatText", "None".to_owned()),
            ("FieldLength", prompt.kind.length().to_string()),
            ("FieldDecimal", "0".to_owned()),
            ("UniquePromptName", prompt.unique_name.clone()),
        ];
        work_record("QAS_LISTQUERYPROMPTS_RESP", &values)
    };
    list("QAS_LISTQUERYPROMPTS_RESP", query.prompts.iter().map(entry), settings)
}

/// The answer of `ListQuery`.
pub(super) fn list_query<'a>(queries: impl Iterator<Item = (&'a String, &'a Query)>, settings: &Settings) -> String {
    let entry = |(name, query): (&String, &Query)| {
        let values = [
            ("QueryName", name.clone()),
            ("Description", query.description.clone()),
            ("OwnerType", "Public".to_owned()),
        ];
        work_record("QAS_LISTQUERY_RESP", &values)
    };
    list("QAS_LISTQUERY_RESP", queries.map(entry), settings)
}

/// The answer of `ExecuteQueryPoll`.
pub(super) fn query_instance(id: &str) -> String {
    let record = work_record("QAS_EXEQRYSYNCPOLL_RESP", &[("QueryInstance", id.to_owned())]);
    list_message("QAS_EXEQRYSYNCPOLL_RESP", &[record], true)
}

/// The answer of `QueryStatus`. The totals are as unreliable as the real ones: blocks and rows are always 0.
pub(super) fn query_status(status: &str, columns: usize, bytes: usize) -> String {
    let totals = [
        ("Status", status.to_owned()),
        ("NumColumns", columns.to_string()),
        ("TotalBlocks", "0".to_owned()),
        ("TotalBytes", bytes.to_string()),
        ("TotalRows", "0".to_owned()),
    ];
    let record = work_record("QAS_QUERYSTATUS_RESP", &totals).replace("PTQASWRK", "PTQASSTATWRK");
    list_message("QAS_QUERYSTATUS_RESP", &[record], true)
}

/// Escapes text for an element or an attribute.
pub(super) fn attribute(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&apos;")
}

/// Text in CDATA; a `]]>` inside is split over two sections.
pub(super) fn cdata(text: &str) -> String {
    format!("<![CDATA[{}]]>", text.replace("]]>", "]]]]><![CDATA[>"))
}

fn cell(column: &Column, value: &Value) -> String {
    let name = &column.unique_name;
    match value {
        Value::Number(number) => format!("<{name}>{number}</{name}>"),
        Value::Empty if column.kind.is_number() => format!("<{name}>0</{name}>"),
        Value::Text(text) if text.trim().is_empty() => format!("<{name}/>"),
        Value::Empty | Value::RowTime => format!("<{name}/>"),
        Value::Text(text) if matches!(column.kind, Kind::Character | Kind::LongCharacter) => {
            format!("<{name}>{}</{name}>", cdata(text))
        }
        Value::Text(text) => format!("<{name}>{}</{name}>", attribute(text)),
    }
}

fn schema(name: &str) -> String {
    format!("http://xmlns.oracle.com/Enterprise/Tools/schemas/{name}")
}

fn results_message(inside: &str) -> String {
    let namespace = schema("QAS_GETQUERYRESULTS_RESP_MSG.VERSION_2");
    format!(
        "{DECLARATION}<QAS_GETQUERYRESULTS_RESP_MSG xmlns=\"{namespace}\">\n{inside}\n</QAS_GETQUERYRESULTS_RESP_MSG>\n"
    )
}

fn results_status(status: &str) -> String {
    let namespace = schema("QAS_QUERYRESULTS_STATUS_RESP.VERSION_2");
    format!(
        "  <QAS_QUERYRESULTS_STATUS_RESP xmlns=\"{namespace}\"><status>{status}</status></QAS_QUERYRESULTS_STATUS_RESP>"
    )
}

fn work_record(response: &str, values: &[(&str, String)]) -> String {
    let elements: Vec<String> =
        values.iter().map(|(name, text)| format!("<{name}>{}</{name}>", attribute(text))).collect();
    format!(
        "    <PTQASWRK class=\"R\" xmlns=\"{}\">{}</PTQASWRK>\n",
        schema(&format!("{response}.VERSION_1")),
        elements.concat()
    )
}

fn list(response: &str, records: impl Iterator<Item = String>, settings: &Settings) -> String {
    list_message(response, &records.collect::<Vec<_>>(), settings.has(Quirk::GroupedEntries))
}

fn list_message(response: &str, records: &[String], grouped: bool) -> String {
    let wrap = |inside: &str| format!("  <{response}>\n{inside}  </{response}>\n");
    let inside: String = match records {
        [] => String::new(),
        _ if grouped => wrap(&records.concat()),
        _ => records.iter().map(|record| wrap(record)).collect(),
    };
    let message = format!("{response}_MSG");
    format!("{DECLARATION}<{message} xmlns=\"{}\">\n{inside}</{message}>\n", schema(&format!("{message}.VERSION_1")))
}
