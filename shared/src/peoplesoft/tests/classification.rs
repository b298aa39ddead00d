//! Each row of the classification table, over a real socket: what the error is, its class, and how often we asked.

use super::super::{Class, Error, Format};
use super::server::{Reply, Server};
use super::{ask, client, connection, fixture};
use std::time::Duration;
use tokio::net::TcpSocket;

const ONE_ROW: &str = r#"{"status":"success","data":{"query":{"numrows":1,"rows":[{"A":"1"}]}}}"#;

/// Asks a server that always answers alike: the error must print like this, be of this class, after so many requests.
async fn check(reply: impl Fn() -> Reply + Send + Sync + 'static, expect: &str, class: Class, requests: usize) {
    let server = Server::always(reply).await;
    let client = client(connection(&format!("{}/PSIGW/RESTListeningConnector/PSFT_HR", server.base)));
    let error = ask(&client).await.expect_err(expect);
    assert_eq!((error.to_string().as_str(), error.class()), (expect, class));
    assert_eq!(server.requests().len(), requests, "{expect}");
    // Wherever it is logged, it tells nobody's id, no password and no URL.
    let told = format!("{error:?} {error} {}", error.remedy());
    for secret in ["s3cret", "NOTIFY", "ANONYMOUS", "USERX", "RESTListeningConnector/", "Q/JSON"] {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
}

fn ib(code: (i32, i32)) -> String {
    let (set, id) = code;
    format!(
        r#"<?xml version="1.0"?><IBResponse type="error"><DefaultTitle>Integration Broker Response</DefaultTitle><StatusCode>20</StatusCode><MessageID>{id}</MessageID><DefaultMessage>User USERX. ({set},{id})</DefaultMessage></IBResponse>"#
    )
}

#[tokio::test]
async fn what_never_arrives_is_unavailable() {
    let unavailable = |what: &str| format!("PeopleSoft is unavailable: {what}");
    // Its port is taken, and nobody listens.
    let closed = TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let error = ask(&client(connection(&format!("http://{}/x", closed.local_addr().unwrap())))).await.unwrap_err();
    assert_eq!((error.to_string(), error.class()), (unavailable("no connection"), Class::Unavailable));

    let broke = &unavailable("the connection broke");
    check(|| Reply::raw("").then_reset(), broke, Class::Unavailable, 1).await;
    check(|| Reply::raw("HTTP/1.1 200 OK\r\nContent-"), broke, Class::Unavailable, 1).await;
    check(
        || Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"status\":\"success\""),
        broke,
        Class::Unavailable,
        1,
    )
    .await;
    let cut_chunk = || Reply::raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{\"status\":\"success\"");
    check(cut_chunk, broke, Class::Unavailable, 1).await;
    // A complete document whose transfer is not: we can't know.
    let whole_but_cut =
        || Reply::raw(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{ONE_ROW}", ONE_ROW.len() + 1));
    let server = Server::always(whole_but_cut).await;
    let error = ask(&client(connection(&server.base))).await.unwrap_err();
    assert_eq!(&error.to_string(), broke);
}

#[tokio::test]
async fn what_takes_too_long_is_unavailable_and_left_alone_for_a_while() {
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let endless = || Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"status\"");
    let held = std::sync::Arc::clone(&gate);
    let before_the_head = Server::always(move || endless().behind(&held)).await;
    let mut connection = connection(&before_the_head.base);
    connection.timeout = Duration::from_secs(3); // long enough for the request to arrive
    let error = ask(&client(connection)).await.unwrap_err();
    assert_eq!(error.to_string(), "PeopleSoft is unavailable: no complete answer within 3 s");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(297)));
    assert_eq!(before_the_head.requests().len(), 1);
}

#[tokio::test]
async fn a_redirect_is_a_finding_and_never_followed() {
    for status in [301, 302, 303, 307, 308] {
        let expect =
            format!("PeopleSoft's address redirects (HTTP {status}): a proxy or single sign-on stands before it");
        check(move || Reply::new(status, "Location: /login\r\n", ""), &expect, Class::Misconfigured, 1).await;
    }
}

#[tokio::test]
async fn statuses_are_told_apart() {
    let plain = |status: u16| move || Reply::new(status, "Content-Type: text/html\r\n", "<html>USERX</html>");
    let refused = "PeopleSoft refuses the credentials (HTTP 401)";
    check(plain(401), refused, Class::Credentials, 1).await;
    check(plain(403), "PeopleSoft refuses permission (HTTP 403)", Class::Permission, 1).await;
    check(plain(404), "PeopleSoft's listener doesn't know the address (HTTP 404)", Class::Misconfigured, 1).await;
    for status in [429, 503] {
        let busy = format!("PeopleSoft or a proxy before it is overloaded (HTTP {status})");
        check(plain(status), &busy, Class::Unavailable, 1).await;
    }
    for status in [201, 204, 400, 405, 418] {
        let rejected = format!("PeopleSoft rejects the query (HTTP {status})");
        check(plain(status), &rejected, Class::Query, 1).await;
    }
    for status in [500, 502, 504] {
        let down = format!("PeopleSoft is unavailable: HTTP {status}");
        check(plain(status), &down, Class::Unavailable, 3).await;
    }
}

#[tokio::test]
async fn messages_are_told_apart_at_any_status() {
    let cases = [
        ((158, 45), "refuses the credentials", Class::Credentials),
        ((158, 55), "refuses the credentials", Class::Credentials),
        ((158, 536), "refuses permission", Class::Permission),
        ((158, 10001), "rejects the query", Class::Query),
        ((21, 7), "rejects the query", Class::Query),
    ];
    for ((set, id), expect, class) in cases {
        let expect = |status: u16| format!("PeopleSoft {expect} (HTTP {status}, message ({set},{id}))");
        check(move || Reply::xml(ib((set, id))), &expect(200), class, 1).await;
        check(move || Reply::json(ib((set, id))), &expect(200), class, 1).await;
        check(move || Reply::new(200, "Content-Type: text/html\r\n", ib((set, id))), &expect(200), class, 1).await;
        check(move || Reply::new(500, "", ib((set, id))), &expect(500), class, 1).await;
        check(move || Reply::new(400, "", ib((set, id))), &expect(400), class, 1).await;
    }
    let gateway = "PeopleSoft is unavailable: its gateway can't reach the system behind it (158,10721)";
    check(|| Reply::new(500, "", ib((158, 10721))), gateway, Class::Unavailable, 1).await;
    let broken = "PeopleSoft rejects the query (HTTP 200, message (159,5))";
    check(|| Reply::xml(ib((159, 5))), broken, Class::Query, 2).await;
    let in_a_fault = "PeopleSoft refuses the credentials (HTTP 200, message (158,45))";
    check(|| Reply::xml(fixture!("password_failed.xml")), in_a_fault, Class::Credentials, 1).await;
    // The status decides before the message where it says more.
    let named = "PeopleSoft refuses the credentials (HTTP 401, message (158,536))";
    check(|| Reply::new(401, "", ib((158, 536))), named, Class::Credentials, 1).await;
}

#[tokio::test]
async fn a_good_status_without_rows_is_no_success() {
    let not_rows = |what: &str| format!("PeopleSoft answered, but not with rows: {what}");
    check(|| Reply::json("<html>Login required</html>"), &not_rows("an HTML page"), Class::Misconfigured, 1).await;
    let typed = |kind: &str| {
        let headers = format!("Content-Type: {kind}\r\n");
        move || Reply::new(200, &headers, ONE_ROW)
    };
    let wrong_type = not_rows("a content type that can't hold rows");
    for kind in ["text/html; charset=utf-8", "application/octet-stream", "application/xhtml+xml", "image/png"] {
        check(typed(kind), &wrong_type, Class::Misconfigured, 1).await;
    }
    check(
        || Reply::new(200, "Content-Type: text/html\r\n", "<html>USERX</html>"),
        &not_rows("an HTML page"),
        Class::Misconfigured,
        1,
    )
    .await;
    check(|| Reply::json(" \n"), &not_rows("an empty body"), Class::Misconfigured, 1).await;
    check(|| Reply::json(""), &not_rows("an empty body"), Class::Misconfigured, 1).await;
    let error = || Reply::json(r#"{"status":"error","data":{"message":"USERX"}}"#);
    check(error, &not_rows("a status other than success"), Class::Query, 1).await;
    let silent = || Reply::json(r#"{"status":"success","data":{"query":{"numrows":2}}}"#);
    check(silent, &not_rows("no rows, though it doesn't say that there are none"), Class::Query, 1).await;
    check(|| Reply::xml(fixture!("acknowledgement.xml")), &not_rows("an acknowledgement"), Class::Query, 1).await;
    let cut = || Reply::raw("HTTP/1.1 200 OK\r\n\r\n{\"status\":\"success\",\"data\":");
    check(cut, "PeopleSoft is unavailable: the document is cut off", Class::Unavailable, 1).await;
    check(
        || Reply::json("{\"status\" success}"),
        "PeopleSoft is unavailable: the document can't be parsed",
        Class::Unavailable,
        1,
    )
    .await;
    for kind in ["application/json", "text/xml", "text/plain;charset=UTF-8", "application/vnd.x+json"] {
        let server = Server::always(typed(kind)).await;
        assert_eq!(ask(&client(connection(&server.base))).await.unwrap().len(), 1, "{kind}");
    }
    let server = Server::always(|| Reply::new(200, "", ONE_ROW)).await;
    assert_eq!(ask(&client(connection(&server.base))).await.unwrap().len(), 1);
}

#[tokio::test]
async fn retry_after_is_seconds_or_a_date() {
    let check = async |header: &'static str, expect: Option<u64>| {
        let server = Server::always(move || Reply::new(503, header, "")).await;
        let error = ask(&client(connection(&server.base))).await.unwrap_err();
        assert_eq!(error.retry_after(), expect.map(Duration::from_secs), "{header}");
    };
    check("Retry-After: 120\r\n", Some(120)).await;
    check("Retry-After: Tue, 17 Mar 2026 21:46:30 GMT\r\n", Some(90)).await; // the tests' clock says 21:45
    check("Retry-After: Tue, 17 Mar 2026 21:00:00 GMT\r\n", Some(0)).await;
    check("Retry-After: soon\r\n", None).await;
    check("", None).await;
}

#[tokio::test]
async fn an_address_that_worked_before_is_down_rather_than_wrong() {
    let server =
        Server::start(|_, number| if number == 0 { Reply::json(ONE_ROW) } else { Reply::new(404, "", "") }).await;
    let client = client(connection(&server.base));
    ask(&client).await.unwrap();
    let error = ask(&client).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { worked_before: true }));
    assert_eq!(error.class(), Class::Unavailable);
}

#[tokio::test]
async fn a_passing_failure_is_asked_again() {
    let passing =
        [(Reply::new as fn(u16, &str, String) -> Reply)(502, "", String::new()), Reply::new(500, "", String::new())];
    let replies = std::sync::Mutex::new(passing.into_iter());
    let server =
        Server::start(move |_, _| replies.lock().unwrap().next().unwrap_or_else(|| Reply::json(ONE_ROW))).await;
    assert_eq!(ask(&client(connection(&server.base))).await.unwrap().len(), 1);
    assert_eq!(server.requests().len(), 3);

    let server =
        Server::start(|_, number| if number == 0 { Reply::xml(ib((159, 5))) } else { Reply::json(ONE_ROW) }).await;
    assert_eq!(ask(&client(connection(&server.base))).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_wrong_count_comes_after_all_rows() {
    let check = async |format: Format, body: &'static str, expect: (u64, u64)| {
        let server = Server::always(move || Reply::json(body)).await;
        let mut connection = connection(&server.base);
        connection.format = format;
        let columns = super::names(&["A"]);
        let client = client(connection);
        let mut rows = client.execute(&super::query("Q", &columns)).await.unwrap();
        for number in 0..expect.1 {
            assert_eq!(rows.read(), number);
            assert!(rows.next().await.unwrap().is_some());
        }
        for _ in 0..2 {
            let error = rows.next().await.unwrap_err();
            assert!(matches!(error, Error::Incomplete { expected, got } if (expected, got) == expect), "{error:?}");
            assert_eq!(error.class(), Class::Incomplete);
        }
    };
    check(Format::Json, r#"{"status":"success","data":{"query":{"numrows":3,"rows":[{"A":"1"},{"A":"2"}]}}}"#, (3, 2))
        .await;
    check(Format::Json, r#"{"status":"success","data":{"query":{"rows":[{"A":"1"}],"numrows":0}}}"#, (0, 1)).await;
    check(Format::Json, r#"{"status":"success","data":{"query":{"numrows":5,"rows":[]}}}"#, (5, 0)).await;
    check(Format::Xmlp, fixture!("class_data.xml"), (1845, 1)).await;
}
