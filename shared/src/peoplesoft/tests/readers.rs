//! The readers of both forms, on recorded documents and on anything else.

use super::super::body::{Body, Chunk};
use super::super::error::{Error, Found};
use super::super::reader::{Extent, Summary, read};
use super::super::row::Columns;
use super::super::{Class, Row};
use super::{fixture, names};
use tokio::sync::mpsc;

/// Reads a document that arrives in pieces of `size` bytes.
pub(super) fn read_in_pieces(
    document: &[u8],
    size: usize,
    columns: &[&str],
    extent: Extent,
) -> (Vec<Row>, Result<Summary, Error>) {
    let (sender, receiver) = mpsc::channel(document.len() / size + 2);
    for piece in document.chunks(size) {
        sender.try_send(Chunk::Bytes(piece.to_vec().into())).ok().unwrap();
    }
    sender.try_send(Chunk::End).ok().unwrap();
    let mut rows = Vec::new();
    let end = read(Body::new(receiver), &Columns::new(&names(columns)), extent, &mut |row| {
        rows.push(row);
        Ok(())
    });
    (rows, end)
}

/// The same, in pieces of several sizes. Each row is `column=value`, joined by commas.
fn read_all(document: &str, columns: &[&str]) -> (Vec<String>, Result<Summary, Error>) {
    let whole = read_in_pieces(document.as_bytes(), document.len().max(1), columns, Extent::Whole);
    for size in [1, 7] {
        let pieces = read_in_pieces(document.as_bytes(), size, columns, Extent::Whole);
        assert_eq!(format!("{pieces:?}"), format!("{whole:?}"), "in pieces of {size}");
    }
    let joined = |row: &Row| {
        let pairs = row.values().map(|(column, value)| format!("{column}={value}"));
        pairs.collect::<Vec<_>>().join(",")
    };
    (whole.0.iter().map(joined).collect(), whole.1)
}

/// The rows of a good document and its `numrows`.
fn check_rows(document: &str, columns: &[&str], rows: &[&str], numrows: Option<u64>) {
    let (got, end) = read_all(document, columns);
    assert_eq!(got, rows, "{document}");
    let end = end.unwrap();
    assert_eq!((end.expected, end.got), (numrows, rows.len() as u64), "{document}");
}

fn check_error(document: &str, expect: &str) {
    let (_, end) = read_all(document, &["A.EMPLID"]);
    let error = end.expect_err(document);
    assert!(format!("{error:?}").contains(expect), "{document} gives {error:?}, not {expect}");
}

#[test]
fn recorded_json_is_read() {
    let rows = ["FIELDVALUE=NAWD", "FIELDVALUE=PGCW", "FIELDVALUE=UGRD", "FIELDVALUE=ULAW"];
    check_rows(fixture!("course_careers.json"), &["FIELDVALUE"], &rows, Some(4));
    check_rows(
        fixture!("timetable.json"),
        &["A.EMPLID", "START_TIME", "DATE", "C.SORT_ORDER", "NONE"],
        &["A.EMPLID=1xxxxxx,START_TIME=09.00,DATE=28 Feb 2022,C.SORT_ORDER=1"],
        Some(1),
    );
}

#[test]
fn members_come_in_any_order_and_only_asked_columns_leave_the_reader() {
    let columns = ["EMPLID", "A.LASTUPDDTTM", "C.COUNTRY_CODE", "A.END_TIME", "A.EMPL_RCD", "EXTRA"];
    let rows = [
        "EMPLID=0042317,A.LASTUPDDTTM=2026-03-17-16.42.07.000000,C.COUNTRY_CODE=",
        "EMPLID=0042318,A.LASTUPDDTTM=2026-03-17-16.44.51.318000,C.COUNTRY_CODE=,A.END_TIME=7:00,A.EMPL_RCD=0",
        "EMPLID=0042319,C.COUNTRY_CODE=",
        "EMPLID=0042320",
    ];
    check_rows(fixture!("events.json"), &columns, &rows, Some(4));
    // A byte-order mark is nothing.
    check_rows(&format!("\u{feff} {}", fixture!("events.json")), &columns, &rows, Some(4));
}

#[test]
fn recorded_xmlp_is_read() {
    let columns = ["A.LOCATION", "A.ENRL_CAP", "A.DESCRFORMAL", "A.MEETING_TIME_START", "START_DT", "EXPR67_67"];
    let row =
        "A.LOCATION=TCWESTBANK,A.ENRL_CAP=28,A.DESCRFORMAL=,A.MEETING_TIME_START=9:05,START_DT=2014-09-02,EXPR67_67=";
    check_rows(fixture!("class_data.xml"), &columns, &[row], Some(1845));
    check_rows(fixture!("no_rows.xml"), &columns, &[], Some(0));
    let rows = ["A.EMPLID=0042318,B.DESCR=Women's & Children's <East>", "A.EMPLID=0042319,B.DESCR="];
    check_rows(fixture!("soap_rows.xml"), &["A.EMPLID", "B.DESCR"], &rows, Some(2));
    check_rows(&format!("\u{feff}{}", fixture!("soap_rows.xml")), &["A.EMPLID", "B.DESCR"], &rows, Some(2));
}

#[test]
fn json_comes_in_variants() {
    let good = |query: &str| format!(r#"{{"status":"Success","data":{{"query":{query}}}}}"#);
    let check = |query: &str, rows: &[&str], numrows| check_rows(&good(query), &["A.EMPLID"], rows, numrows);
    check(r#"{"numrows":0,"rows":[]}"#, &[], Some(0));
    check(r#"{"numrows":0}"#, &[], Some(0));
    check(r#"{"numrows":0,"rows":null}"#, &[], Some(0));
    check(r#"{"numrows":0,"rows":{}}"#, &[], Some(0));
    check(r#"{"numrows":0,"rows":[{}]}"#, &[], Some(0));
    check(r#"{"numrows":1,"rows":{"A.EMPLID":"7"}}"#, &["A.EMPLID=7"], Some(1));
    check(r#"{"rows":[{"A.EMPLID":"7"}]}"#, &["A.EMPLID=7"], None);
    check(
        r#"{"numrows":1,"rows":[{"A.EMPLID":007.50e1}]}"#.replace("007", "7").as_str(),
        &["A.EMPLID=7.50e1"],
        Some(1),
    );
    check(r#"{"numrows":1,"rows":[{"A.EMPLID":true}]}"#, &["A.EMPLID=true"], Some(1));
    check(
        r#"{"numrows":1,"rows":[{"A.EMPLID":12345678901234567890123.10}]}"#,
        &["A.EMPLID=12345678901234567890123.10"],
        Some(1),
    );
    check(r#"{"numrows":1,"rows":[{"A.EMPLID":[1]}]}"#, &[""], Some(1));
    check(r#"{"numrows":1,"rows":[{"A.EMPLID":" Zo\u00eb \"Z\" "}]}"#, &["A.EMPLID=Zoë \"Z\""], Some(1));
}

#[test]
fn a_column_is_found_with_or_without_its_alias() {
    let document = |row: &str| format!(r#"{{"status":"success","data":{{"query":{{"numrows":1,"rows":[{row}]}}}}}}"#);
    let check = |row: &str, column: &str, expect: &str| check_rows(&document(row), &[column], &[expect], Some(1));
    check(r#"{"A.EMPLID":"1"}"#, "EMPLID", "EMPLID=1");
    check(r#"{"EMPLID":"1"}"#, "A.EMPLID", "A.EMPLID=1");
    check(r#"{"B.EMPLID":"1"}"#, "A.EMPLID", "");
    check(r#"{"A.EMPLID":"1","EMPLID":"2"}"#, "A.EMPLID", "A.EMPLID=1");
    check(r#"{"EMPLID":"2","A.EMPLID":"1"}"#, "A.EMPLID", "A.EMPLID=1");
    check(r#"{"A.EMPLID":"1","B.EMPLID":"2","EMPLID":"3"}"#, "EMPLID", "EMPLID=3");
    check(r#"{"a.emplid":"1"}"#, "EMPLID", "");

    let (rows, end) = read_all(&document(r#"{"B.EMPLID":"11","A.EMPLID":"22"}"#), &["EMPLID"]);
    let error = end.unwrap_err();
    assert_eq!(error.to_string(), r#"column "EMPLID" could be any of ["A.EMPLID", "B.EMPLID"]"#);
    assert_eq!((rows.len(), error.class()), (0, Class::Query));
}

#[test]
fn nothing_else_passes_for_rows() {
    check_error("", "NotSuccess { found: Empty }");
    check_error(" \r\n\t", "NotSuccess { found: Empty }");
    check_error("\u{feff}", "NotSuccess { found: Empty }");
    check_error("OK", "NotSuccess { found: Other }");
    check_error("[]", "NotSuccess { found: Other }");
    check_error("<html>Login required</html>", "NotSuccess { found: Html }");
    check_error("<!DOCTYPE HTML><HTML><body><br>Sign in", "NotSuccess { found: Html }");
    check_error("<!-- x --><!doctype html>\n<html lang=en><img></html>", "NotSuccess { found: Html }");
    check_error("<other/>", "NotSuccess { found: Other }");
    check_error("<QAS_GETQUERYRESULTS_RESP_MSG/>", "NotSuccess { found: Other }");
    check_error("<m><query queryname='Q'/></m>", "NotSuccess { found: NoRows }");
    check_error("<m><status>error</status></m>", "NotSuccess { found: Status }");
    check_error("<m><query numrows='0'/><s><status>queued</status></s></m>", "NotSuccess { found: Status }");
    check_error("{}", "NotSuccess { found: Status }");
    check_error(r#"{"data":{"query":{"numrows":0,"rows":[]}}}"#, "NotSuccess { found: Status }");
    check_error(r#"{"status":"error","data":{"message":"Query Q doesn't exist"}}"#, "NotSuccess { found: Status }");
    check_error(r#"{"data":{"query":{"numrows":0,"rows":[]}},"status":"error"}"#, "NotSuccess { found: Status }");
    check_error(r#"{"status":"success"}"#, "NotSuccess { found: NoRows }");
    check_error(r#"{"status":"success","data":{"query":{"numrows":3}}}"#, "NotSuccess { found: NoRows }");
    check_error(r#"{"status":"success","data":{"query":{"rows":[]}}}"#, "NotSuccess { found: NoRows }");
    check_error(r#"{"status":"success","data":"none"}"#, "NotSuccess { found: NoRows }");
    check_error(r#"{"status":"success","data":{"query":{"numrows":0,"#, "CutOff");
    check_error(r#"{"status":"success","data":{"query":{"numrows":0,"rows":[]}}"#, "CutOff");
    check_error(r#"{"status":"success","data":{"query":{"numrows":0,"rows":[]}}}}"#, "Unreadable");
    check_error(r#"{"status":success}"#, "Unreadable");
    check_error("<m><query numrows='1'><row><A.EMPLID>7</A.EM", "CutOff");
    check_error("<m><query numrows='1'><row><A.EMPLID>7</A.EMPLID></row></query>", "CutOff");
    check_error("<m><query numrows='1'></m></query>", "Unreadable");
}

#[test]
fn an_ib_response_is_found_wherever_it_hides() {
    check_error(
        fixture!("handler_error.xml"),
        "Query { status: None, code: Some(MessageCode { set: Some(158), id: Some(10001) }) }",
    );
    check_error(
        fixture!("password_failed.xml"),
        "Credentials { status: None, code: Some(MessageCode { set: Some(158), id: Some(45) }) }",
    );
    check_error(fixture!("acknowledgement.xml"), "NotSuccess { found: Acknowledgement }");
    check_error("<E><Fault><faultstring>no</faultstring></Fault></E>", "Query { status: None, code: None }");
    let ib = |set: &str, id: &str, text: &str| {
        let (set, id) = (format!("<MessageSet>{set}</MessageSet>"), format!("<MessageID>{id}</MessageID>"));
        format!("<IBResponse type=\"error\">{set}{id}<DefaultMessage>{text}</DefaultMessage></IBResponse>")
    };
    let codes = [
        (158, 45, "Credentials"),
        (158, 55, "Credentials"),
        (158, 536, "Permission"),
        (158, 10001, "Query"),
        (158, 10721, "Unavailable { reason: Gateway"),
        (159, 5, "Query"),
        (18, 7, "Query"),
    ];
    for (set, id, expect) in codes {
        check_error(&ib(&set.to_string(), &id.to_string(), "SECRETUSER"), expect);
        check_error(&ib("", "", &format!("User SECRETUSER is bad. ({set},{id})")), expect);
        let inside = serde_json::json!({"status": "success", "data": ib(&set.to_string(), &id.to_string(), "x")});
        check_error(&inside.to_string(), expect);
        check_error(&inside.to_string().replace('<', "\\u003c").replace('>', "\\u003e"), expect);
        let cut = ib(&set.to_string(), &id.to_string(), "x");
        check_error(&cut[..cut.len() - 20], expect);
    }
    check_error(&ib("158", "x", "no number (158, 536) \n"), "Permission");
    check_error("<IBResponse><StatusCode>0</StatusCode></IBResponse>", "Acknowledgement");
    // Beside a result that has nothing in it, or in its place.
    let refused = ib("158", "536", "x");
    check_error(&format!("<m><query numrows='0'/>{refused}</m>"), "Permission");
    check_error(&format!("<m><query numrows='0'>{refused}</query></m>"), "Permission");
    check_error(
        r#"{"status":"success","data":{"query":{"numrows":0,"rows":[],"IBResponse":{}}}}"#,
        "NotSuccess { found: Status }",
    );
    check_error(
        r#"{"status":"success","IBResponse":{"type":"error"},"data":{"query":{"numrows":0}}}"#,
        "NotSuccess { found: Status }",
    );
    check_error("<m><query numrows='0'><Fault><faultcode>x</faultcode></Fault></query></m>", "Query { status: None");
}

#[test]
fn rows_before_a_status_wait_for_it() {
    let document = |status: &str| {
        let rows = r#"{"query":{"numrows":2,"rows":[{"A.EMPLID":"1"},{"A.EMPLID":"2"}]}}"#;
        format!(r#"{{"data":{rows}{status}}}"#)
    };
    check_rows(&document(r#","status":"success""#), &["A.EMPLID"], &["A.EMPLID=1", "A.EMPLID=2"], Some(2));
    for status in [r#","status":"error""#, r#","status":null"#, ""] {
        let (rows, end) = read_all(&document(status), &["A.EMPLID"]);
        assert!(rows.is_empty() && end.is_err(), "{status}: {rows:?} {end:?}");
    }
}

#[test]
fn a_message_text_is_never_repeated() {
    for document in [fixture!("password_failed.xml"), fixture!("handler_error.xml")] {
        let (_, end) = read_all(document, &["A"]);
        let error = end.unwrap_err();
        let told = format!("{error:?} {error} {}", error.remedy());
        assert!(!told.contains("ANONYMOUS") && !told.contains("mate") && !told.contains("failed."), "{told}");
    }
}

#[test]
fn a_row_prints_its_columns_and_no_value() {
    let row: Row = [("A.EMPLID", "0042317"), ("C.PHONE", "312/555-0142")].into_iter().collect();
    assert_eq!(format!("{row:?}"), r#"{"A.EMPLID", "C.PHONE"}"#);
    assert_eq!((row.get("C.PHONE"), row.get("PHONE")), (Some("312/555-0142"), None));
}

#[test]
fn an_html_page_is_told_from_data_that_mentions_one() {
    let document = "<m><query numrows='1'><row><A.EMPLID><![CDATA[<html>]]></A.EMPLID></row></query></m>";
    check_rows(document, &["A.EMPLID"], &["A.EMPLID=<html>"], Some(1));
    let error = Error::NotSuccess { found: Found::Html };
    assert_eq!(error.class(), Class::Misconfigured);
}
