//! The poll protocol: start, status, blocks.

use super::super::{Class, Error, Query};
use super::server::{Reply, Server};
use super::{client, connection, drain, fixture, names};

/// A block: its rows, its `numrows`, and the status after it.
fn block(rows: &[&str], numrows: usize, status: &str) -> String {
    let row = |id: &&str| format!("<row rownumber='1'><A.EMPLID>{id}</A.EMPLID></row>");
    let rows = rows.iter().map(row).collect::<Vec<_>>().concat();
    format!(
        "<QAS_GETQUERYRESULTS_RESP_MSG><query numrows='{numrows}'>{rows}</query><QAS_QUERYRESULTS_STATUS_RESP><status>{status}</status></QAS_QUERYRESULTS_STATUS_RESP></QAS_GETQUERYRESULTS_RESP_MSG>"
    )
}

fn status(word: &str) -> String {
    fixture!("poll_running.xml").replace("running", word)
}

/// Runs a query by block against these answers in turn. The ids that came, the error or `done`, the requests.
async fn run(answers: Vec<String>) -> (Vec<String>, String, Vec<String>) {
    let server = Server::start(move |_, number| Reply::xml(answers.get(number).map_or("", String::as_str))).await;
    let (columns, client) = (names(&["EMPLID"]), client(connection(&format!("{}/N", server.base))));
    let query = Query { blocks: true, ..super::query("ML_BIG", &columns) };
    let (rows, end) = match client.execute(&query).await {
        Ok(rows) => drain(rows).await,
        Err(error) => (Vec::new(), Err(error)),
    };
    let ids = rows.iter().map(|row| row.get("EMPLID").unwrap().to_owned()).collect();
    (ids, end.map_or_else(|error| error.to_string(), |()| "done".to_owned()), server.lines())
}

#[tokio::test]
async fn a_run_is_read_to_its_last_block() {
    let answers = vec![
        fixture!("poll_started.xml").to_owned(),
        status("queued"),
        fixture!("poll_running.xml").to_owned(),
        status("success"),
        "<QAS_GETQUERYRESULTS_RESP_MSG><r><status>queued</status></r></QAS_GETQUERYRESULTS_RESP_MSG>".to_owned(),
        block(&["1", "2"], 2, "blockRetrieved"),
        block(&[], 0, "queued"),
        block(&["3"], 1, "finalBlockRetrieved"),
    ];
    let (ids, end, lines) = run(answers).await;
    assert_eq!((ids, end.as_str()), (names(&["1", "2", "3"]), "done"));
    let asked = "GET /N/QueryStatus.v1/getstatus?instanceid=f1644507-b78c-11ec-b361-3103acfac7dd&json_resp=false";
    let fetched = |block: u32| {
        format!(
            "GET /N/QueryResults.v1/getresults?blocknumber={block}&instanceid=f1644507-b78c-11ec-b361-3103acfac7dd&json_resp=false"
        )
    };
    let expect = [
        "GET /N/ExecuteQueryPoll.v1/public/ML_BIG/XMLP/NONFILE?isconnectedquery=N&maxrows=10000",
        asked,
        asked,
        asked,
        &fetched(1),
        &fetched(1),
        &fetched(2),
        &fetched(2),
    ];
    assert_eq!(lines, expect);
}

#[tokio::test]
async fn a_run_that_ends_badly_is_an_error() {
    let started = || fixture!("poll_started.xml").to_owned();
    let check = async |answers: Vec<String>, ids: &[&str], expect: &str| {
        let (got, end, _) = run(answers).await;
        assert_eq!((got, end.as_str()), (names(ids), expect));
    };
    for word in ["killed", "error", "idNotFound"] {
        check(vec![started(), status(word)], &[], &format!("the scheduled query run failed (status {word})")).await;
    }
    check(vec![started(), status("sideways")], &[], "the scheduled query run failed (status unknown)").await;
    check(
        vec![fixture!("handler_error.xml").to_owned()],
        &[],
        "PeopleSoft rejects the query (HTTP 200, message (158,10001))",
    )
    .await;
    let not_rows = |what: &str| format!("PeopleSoft answered, but not with rows: {what}");
    check(vec!["<QAS_X/>".to_owned()], &[], &not_rows("a document of another kind")).await;
    let ready = |block: String| vec![started(), status("success"), block];
    check(ready(block(&["1"], 1, "failure")), &["1"], &not_rows("a status other than success")).await;
    check(ready("<m><query numrows='0'/></m>".to_owned()), &[], &not_rows("a status other than success")).await;
    check(
        ready(fixture!("password_failed.xml").to_owned()),
        &[],
        "PeopleSoft refuses the credentials (HTTP 200, message (158,45))",
    )
    .await;
    let short =
        vec![started(), status("success"), block(&["1"], 3, "blockRetrieved"), block(&["2"], 1, "finalBlockRetrieved")];
    check(short, &["1", "2"], "PeopleSoft announced 3 rows and sent 1").await;
    let waiting = "PeopleSoft is unavailable: the scheduled query run isn't done";
    check([vec![started()], vec![status("running"); 30]].concat(), &[], waiting).await;
    for word in ["queued", "blockRetrieved"] {
        check([vec![started(), status("success")], vec![block(&[], 0, word); 30]].concat(), &[], waiting).await;
    }
}

#[test]
fn failures_of_a_run_are_classed() {
    assert_eq!(Error::RunFailed { status: "killed" }.class(), Class::Query);
}
