//! What each alias does: checks a request by the grammar of Oracle's "Reporting Web Services" and answers it. Knows nothing
//! of connections, credentials or faults.

use super::address::{Address, Alias, Parameters};
use super::database::{Database, Query};
use super::prompt;
use super::scheduler::Runs;
use super::settings::{Quirk, Settings};
use super::table::Table;
use super::xml;

/// How the caller wants its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Xml,
}

/// What a request comes to.
pub(super) enum Done {
    /// Rows, not yet written down.
    Rows(Table, Form),
    /// A finished XML document.
    Document(String),
}

/// Why a request gets no result.
pub(super) enum Refusal {
    /// The path has the wrong shape: no such operation.
    NotFound,
    /// The query can't be run like this; the sentence says why.
    Query(String),
}

impl From<String> for Refusal {
    fn from(sentence: String) -> Self {
        Self::Query(sentence)
    }
}

const EXECUTE: [&str; 7] = [
    "isconnectedquery",
    "maxrows",
    "prompt_uniquepromptname",
    "prompt_fieldvalue",
    "prompt_psqueryname",
    "filterfields",
    "json_resp",
];
const DESCRIBE: [&str; 2] = ["isconnectedquery", "json_resp"];
const LIST: [&str; 4] = ["search", "maxrows", "isconnectedquery", "json_resp"];
const STATUS: [&str; 2] = ["instanceid", "json_resp"];
const RESULTS: [&str; 3] = ["blocknumber", "instanceid", "json_resp"];

/// Answers one request that may be answered.
pub(super) fn perform(
    address: &Address,
    raw_query: &str,
    database: &Database,
    runs: &Runs,
    settings: &Settings,
) -> Result<Done, Refusal> {
    let rest: Vec<&str> = address.rest.iter().map(String::as_str).collect();
    match (address.alias, rest.as_slice()) {
        (Alias::ExecuteQuery, &[owner, name, kind, format]) => {
            let parameters = Parameters::parse(raw_query, &EXECUTE)?;
            let form = form(kind, format, &parameters)?;
            Ok(Done::Rows(execute(owner, name, &parameters, database, settings)?, form))
        }
        (Alias::ExecuteQueryPoll, &[owner, name, kind, format]) => {
            let parameters = Parameters::parse(raw_query, &EXECUTE)?;
            if form(kind, format, &parameters)? == Form::Json {
                return Err(Refusal::Query("A run in the Process Scheduler has XMLP output.".to_owned()));
            }
            let table = execute(owner, name, &parameters, database, settings)?;
            Ok(Done::Document(xml::query_instance(&runs.start(table, settings.scheduler))))
        }
        (Alias::QueryFields, &[owner, name]) => {
            unconnected(&Parameters::parse(raw_query, &DESCRIBE)?)?;
            Ok(Done::Document(xml::query_fields(find(owner, name, database)?, settings)))
        }
        (Alias::QueryPrompts, &[owner, name]) => {
            unconnected(&Parameters::parse(raw_query, &DESCRIBE)?)?;
            Ok(Done::Document(xml::query_prompts(name, find(owner, name, database)?, settings)))
        }
        (Alias::ListQuery, &[owner, "listquery"]) => {
            let parameters = Parameters::parse(raw_query, &LIST)?;
            unconnected(&parameters)?;
            let prefix = parameters.get("search")?.unwrap_or_default();
            let cap = cap(&parameters.need("maxrows")?, settings)?;
            let public = owner.eq_ignore_ascii_case("public");
            let found = database.queries.iter().filter(|(name, _)| public && name.starts_with(&prefix)).take(cap);
            Ok(Done::Document(xml::list_query(found, settings)))
        }
        (Alias::QueryStatus, &["getstatus"]) => {
            let parameters = Parameters::parse(raw_query, &STATUS)?;
            json_resp(&parameters)?;
            Ok(Done::Document(runs.status(&parameters.need("instanceid")?)))
        }
        (Alias::QueryResults, &["getresults"]) => {
            let parameters = Parameters::parse(raw_query, &RESULTS)?;
            json_resp(&parameters)?;
            let number = parameters.need("blocknumber")?;
            let number = number.parse().map_err(|_| "blocknumber is not a number.".to_owned())?;
            Ok(Done::Document(runs.block(&parameters.need("instanceid")?, number, settings.scheduler)?))
        }
        _ => Err(Refusal::NotFound),
    }
}

/// Whether the caller of a failed request expects JSON: it asked for it in so many words.
pub(super) fn wants_json(address: &Address, raw_query: &str) -> bool {
    address.alias == Alias::ExecuteQuery
        && address.rest.get(2).is_some_and(|kind| kind.eq_ignore_ascii_case("JSON"))
        && raw_query.split('&').any(|piece| piece == "json_resp=true")
}

fn execute(
    owner: &str,
    name: &str,
    parameters: &Parameters<'_>,
    database: &Database,
    settings: &Settings,
) -> Result<Table, Refusal> {
    unconnected(parameters)?;
    let cap = cap(&parameters.need("maxrows")?, settings)?;
    let query = find(owner, name, database)?;
    let wanted = wanted(query, parameters)?;
    let answered = prompt::answered(&query.prompts, parameters)?;
    let rows = query.select(&answered, (settings.now)());
    let mut table = Table::of(name, query, &rows, &wanted, cap);
    if settings.has(Quirk::NumrowsBeforeCap) {
        table.numrows = rows.len();
    }
    Ok(table)
}

fn find<'a>(owner: &str, name: &str, database: &'a Database) -> Result<&'a Query, Refusal> {
    if !owner.eq_ignore_ascii_case("public") && !owner.eq_ignore_ascii_case("private") {
        return Err(Refusal::Query(format!("Owner type {owner} is neither public nor private.")));
    }
    database
        .queries
        .get(name)
        .filter(|_| owner.eq_ignore_ascii_case("public"))
        .ok_or_else(|| Refusal::Query(format!("Query {name} does not exist or you are not allowed to run it.")))
}

fn form(kind: &str, format: &str, parameters: &Parameters<'_>) -> Result<Form, Refusal> {
    if !format.eq_ignore_ascii_case("NONFILE") {
        return Err(Refusal::Query(format!("Output format {format} is not NONFILE.")));
    }
    let json = json_resp(parameters)?;
    match kind.to_ascii_uppercase().as_str() {
        // Without json_resp=true even the type JSON brings XML.
        "JSON" if json => Ok(Form::Json),
        "JSON" | "XMLP" => Ok(Form::Xml),
        _ => Err(Refusal::Query(format!("Output type {kind} is neither JSON nor XMLP."))),
    }
}

fn json_resp(parameters: &Parameters<'_>) -> Result<bool, Refusal> {
    match parameters.get("json_resp")?.as_deref() {
        Some("true") => Ok(true),
        Some("false") | None => Ok(false),
        Some(_) => Err(Refusal::Query("json_resp is neither true nor false.".to_owned())),
    }
}

fn unconnected(parameters: &Parameters<'_>) -> Result<(), Refusal> {
    json_resp(parameters)?;
    match parameters.need("isconnectedquery")?.as_str() {
        "N" | "n" => Ok(()),
        "Y" | "y" => Err(Refusal::Query("This is not a connected query.".to_owned())),
        _ => Err(Refusal::Query("isconnectedquery is neither Y nor N.".to_owned())),
    }
}

/// How many rows the answer may have: the smaller of `maxrows` and the silent cap.
fn cap(max_rows: &str, settings: &Settings) -> Result<usize, Refusal> {
    let silent = settings.silent_cap.unwrap_or(usize::MAX);
    match max_rows.parse::<i64>() {
        Ok(-1 | 0) => Ok(silent),
        Ok(rows) if rows > 0 => Ok(usize::try_from(rows).unwrap_or(usize::MAX).min(silent)),
        _ => Err(Refusal::Query("maxrows is not a number of rows.".to_owned())),
    }
}

fn wanted(query: &Query, parameters: &Parameters<'_>) -> Result<Vec<usize>, Refusal> {
    let filter = parameters.list("filterfields")?.unwrap_or_default();
    if filter.iter().all(String::is_empty) {
        return Ok((0..query.columns.len()).collect());
    }
    let known = |name: &String| query.columns.iter().any(|column| column.unique_name == *name);
    if let Some(name) = filter.iter().find(|name| !known(name)) {
        return Err(Refusal::Query(format!("Unknown filter field {name}.")));
    }
    let columns = query.columns.iter().enumerate();
    Ok(columns.filter(|(_, column)| filter.contains(&column.unique_name)).map(|(index, _)| index).collect())
}
