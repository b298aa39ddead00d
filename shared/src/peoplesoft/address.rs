//! The URL grammar of the query operations (`PeopleTools` docs, Reporting Web Services). It builds text and asks nobody.
//!
//! `filterfields` is left out on purpose. It takes unique field names, case-sensitive, while a tenant may name a column
//! without its alias, and what `PeopleSoft` answers to a name it doesn't know is not documented: a typing error in one
//! column would cost all rows. The allow list is applied where the answer is read.

use super::client::Query;
use super::connection::Format;
use super::error::Error;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::Write;

/// Everything but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `ExecuteQuery`: the rows come in the answer.
pub(super) fn execute(base: &str, query: &Query<'_>, format: Format) -> Result<String, Error> {
    let (kind, json) = match format {
        Format::Json => ("JSON", "&json_resp=true"),
        Format::Xmlp => ("XMLP", ""),
    };
    Ok(run(base, "ExecuteQuery.v1", query, kind)? + json)
}

/// `ExecuteQueryPoll`: the answer names a run in the Process Scheduler. The alias is an assumption: only the ad-hoc POST
/// form is documented with a URL. Always XML, since nothing says where a JSON answer would hold the run's id and status.
pub(super) fn execute_poll(base: &str, query: &Query<'_>) -> Result<String, Error> {
    run(base, "ExecuteQueryPoll.v1", query, "XMLP")
}

/// `QueryStatus`: how a run is doing.
pub(super) fn status(base: &str, instance: &str) -> String {
    format!("{base}/QueryStatus.v1/getstatus?instanceid={}&json_resp=false", encoded(instance))
}

/// `QueryResults`: one block of a run's rows, counted from 1.
pub(super) fn results(base: &str, instance: &str, block: u32) -> String {
    let instance = encoded(instance);
    format!("{base}/QueryResults.v1/getresults?blocknumber={block}&instanceid={instance}&json_resp=false")
}

/// `QueryFields`: the columns of a query.
pub(super) fn fields(base: &str, query: &str) -> String {
    format!("{base}/QueryFields.v1/public/{}?isconnectedquery=N", encoded(query))
}

/// `QueryPrompts`: the prompts of a query.
pub(super) fn prompts(base: &str, query: &str) -> String {
    format!("{base}/QueryPrompts.v1/public/{}?isconnectedquery=N&json_resp=false", encoded(query))
}

/// `ListQuery`: the public queries whose names begin with `prefix`.
pub(super) fn list(base: &str, prefix: &str) -> String {
    let prefix = encoded(prefix);
    format!("{base}/ListQuery.v1/public/listquery?search={prefix}&maxrows=1000&isconnectedquery=N")
}

fn run(base: &str, alias: &str, query: &Query<'_>, kind: &str) -> Result<String, Error> {
    let name = encoded(query.name);
    let rows = query.max_rows;
    let mut url = format!("{base}/{alias}/public/{name}/{kind}/NONFILE?isconnectedquery=N&maxrows={rows}");
    if !query.prompts.is_empty() {
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for (name, value) in query.prompts {
            if name.trim().is_empty() {
                return Err(Error::BadPrompt { prompt: name.clone(), why: "it has no name" });
            }
            // Commas separate, and whether an encoded one separates too is unknown: neither form can be trusted.
            if name.contains(',') || value.contains(',') {
                return Err(Error::BadPrompt {
                    prompt: name.clone(),
                    why: "it holds a comma, which separates prompts",
                });
            }
            names.push(encoded(name));
            values.push(encoded(value)); // an empty value keeps its place between the commas
        }
        let (names, values) = (names.join(","), values.join(","));
        // Writing to a String can't fail.
        let _ = write!(url, "&prompt_uniquepromptname={names}&prompt_fieldvalue={values}");
    }
    Ok(url)
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}
