//! Asking what Twilio has: one resource, a list over several pages, the account.

use super::far_end::{FarEnd, Step};
use super::{AC, CA, MG, SM, account, client, number};
use crate::twilio::{AccountState, ApiKey, Channel, Client, ReadError, Timeouts};
use serde_json::{Value, json};
use std::time::Duration;

fn ok(body: &Value) -> Step {
    Step::Answer(200, "", body.to_string())
}

fn error(status: u16, code: u32) -> Step {
    Step::Answer(status, "", json!({"code": code, "message": "…", "status": status}).to_string())
}

#[tokio::test]
async fn a_resource_is_fetched_by_its_sid() {
    let check = async |sid: &str, path: &str| {
        let far_end = FarEnd::new(vec![ok(&json!({"sid": sid, "status": "delivered", "error_code": "30003"}))]);
        let resource = client().fetch(&account(&far_end.url()), sid).await.unwrap().unwrap();
        assert_eq!((resource.status.as_str(), resource.error_code), ("delivered", Some(30003)));
        assert_eq!(far_end.received()[0].line, format!("GET /2010-04-01/Accounts/{AC}/{path}/{sid}.json HTTP/1.1"));
    };
    check(SM, "Messages").await;
    check(&SM.replace("SM", "MM"), "Messages").await;
    check(CA, "Calls").await;
}

#[tokio::test]
async fn only_twilio_can_say_that_there_is_no_such_thing() {
    let check = async |step: Step, expect: Result<bool, ReadError>| {
        let far_end = FarEnd::new(vec![step]);
        let got = client().fetch(&account(&far_end.url()), SM).await;
        assert_eq!(got.map(|found| found.is_some()), expect);
    };
    let trouble = |status| Err(ReadError::Unavailable { status: Some(status), why: "trouble at Twilio" });
    check(error(404, 20404), Ok(false)).await;
    check(Step::Answer(404, "", "<html>".into()), Err(ReadError::Refused { code: None, status: 404 })).await;
    check(error(401, 20003), Err(ReadError::Account { code: Some(20003), status: 401 })).await;
    check(Step::Answer(403, "", String::new()), Err(ReadError::Account { code: None, status: 403 })).await;
    let limited = Err(ReadError::Limited { retry_after: Some(Duration::from_secs(3)) });
    check(Step::Answer(429, "Retry-After: 3\r\n", json!({"code": 20429}).to_string()), limited).await;
    check(error(500, 20500), trouble(500)).await;
    check(Step::Answer(503, "", "<html>".into()), trouble(503)).await;
    check(Step::Answer(302, "Location: /\r\n", String::new()), Err(ReadError::Refused { code: None, status: 302 }))
        .await;
    check(Step::Answer(200, "", "<html>".into()), Err(ReadError::Unreadable { why: "not a JSON object" })).await;
    let other = json!({"sid": SM.replace('a', "b"), "status": "sent"});
    check(ok(&other), Err(ReadError::Unreadable { why: "not the resource that was asked for" })).await;
    let broke = "the connection broke before the answer";
    check(Step::Close, Err(ReadError::Unavailable { status: None, why: broke })).await;
    let cut = Step::Raw("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{");
    check(cut, Err(ReadError::Unavailable { status: Some(200), why: "the answer broke off" })).await;
}

#[tokio::test]
async fn what_is_no_sid_is_not_asked_for() {
    let far_end = FarEnd::new(vec![]);
    for sid in ["", "VEaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "SM1", "../SMaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
        assert_eq!(client().fetch(&account(&far_end.url()), sid).await, Err(ReadError::BadAddress));
    }
    assert!(far_end.received().is_empty());
}

fn row(letter: char, date_created: &str) -> Value {
    json!({"sid": format!("SM{}", letter.to_string().repeat(32)), "status": "queued", "date_created": date_created,
           "date_sent": null, "body": "x"})
}

async fn listed(steps: Vec<Step>) -> (Result<Vec<String>, ReadError>, Vec<String>) {
    let far_end = FarEnd::new(steps);
    let since = "2026-03-01T12:00:00.9Z".parse().unwrap();
    let rows = client().list_to(&account(&far_end.url()), Channel::Message, &number("+13125550142"), since).await;
    let lines = far_end.received().into_iter().map(|request| request.line).collect();
    (rows.map(|rows| rows.into_iter().map(|row| row.sid[2..3].to_owned()).collect()), lines)
}

#[tokio::test]
async fn a_list_is_read_to_its_end_in_whatever_order_it_comes() {
    let next = format!("/2010-04-01/Accounts/{AC}/Messages.json?To=%2B13125550142&PageSize=200&Page=1&PageToken=PASM1");
    let first = json!({
        "messages": [row('a', "Sun, 01 Mar 2026 12:00:01 +0000"), row('b', "Sat, 28 Feb 2026 12:00:00 +0000")],
        "page": 0, "next_page_uri": next,
    });
    let second = json!({
        "messages": [row('c', "Sun, 01 Mar 2026 12:00:00 +0000"), row('d', "Sun, 01 Mar 2026 11:59:59 +0000"),
                     row('e', "some day"), {"status": "no sid"}, null],
        "page": 1, "next_page_uri": null,
    });
    let (rows, lines) = listed(vec![ok(&first), ok(&second)]).await;
    assert_eq!(rows.unwrap(), ["a", "c", "e"]);
    let start = format!("GET /2010-04-01/Accounts/{AC}/Messages.json?To=%2B13125550142&PageSize=200 HTTP/1.1");
    assert_eq!(lines, [start, format!("GET {next} HTTP/1.1")]);
}

#[tokio::test]
async fn calls_have_a_list_of_their_own() {
    let far_end = FarEnd::new(vec![ok(&json!({"calls": [{"sid": CA, "status": "queued",
        "date_created": "Sun, 01 Mar 2026 12:00:01 +0000", "start_time": null}]}))]);
    let since = "2026-03-01T12:00:00Z".parse().unwrap();
    let rows = client().list_to(&account(&far_end.url()), Channel::Call, &number("+13125550142"), since).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert!(far_end.received()[0].line.contains("/Calls.json?"));
}

#[tokio::test]
async fn a_list_that_fails_halfway_is_no_list() {
    let endless = || ok(&json!({"messages": [], "next_page_uri": "/again"}));
    let check = async |steps: Vec<Step>, expect: ReadError| assert_eq!(listed(steps).await.0, Err(expect));
    check(vec![endless(), error(401, 20003)], ReadError::Account { code: Some(20003), status: 401 }).await;
    check(vec![ok(&json!({"calls": []}))], ReadError::Unreadable { why: "a list without rows" }).await;
    check((0..60).map(|_| endless()).collect(), ReadError::TooLong).await;
}

#[tokio::test]
async fn a_list_whose_pages_come_too_slowly_is_given_up() {
    let far_end = FarEnd::new(vec![ok(&json!({"messages": [], "next_page_uri": "/again"})), Step::Silence]);
    let client = Client::new(Timeouts { list: Duration::from_millis(200), ..Timeouts::default() }).unwrap();
    let since = "2026-03-01T12:00:00Z".parse().unwrap();
    let listed = client.list_to(&account(&far_end.url()), Channel::Message, &number("+13125550142"), since).await;
    assert_eq!(listed, Err(ReadError::Unavailable { status: None, why: "the list took too long" }));
}

#[tokio::test]
async fn a_next_page_elsewhere_gets_no_credentials() {
    let elsewhere = FarEnd::new(vec![ok(&json!({"messages": []}))]);
    for uri in [elsewhere.url(), format!("@{}/", elsewhere.url().trim_start_matches("http://")), ":1/".into()] {
        let (rows, _) = listed(vec![ok(&json!({"messages": [], "next_page_uri": uri}))]).await;
        assert_eq!(rows, Err(ReadError::Unreadable { why: "a next page elsewhere" }), "{uri}");
    }
    assert!(elsewhere.received().is_empty());
}

#[tokio::test]
async fn pings_prove_token_and_key_apart() {
    let far_end =
        FarEnd::new(vec![ok(&json!({"sid": AC, "status": "active", "type": "Trial"})), ok(&json!({"messages": []}))]);
    let mut account = account(&far_end.url());
    account.api_key = Some(ApiKey { sid: "SKkey".into(), secret: "secret".into() });
    let state = client().ping_account(&account).await.unwrap();
    assert_eq!(state, AccountState { status: "active".into(), kind: Some("Trial".into()) });
    client().ping_credentials(&account).await.unwrap();

    let received = far_end.received();
    assert_eq!(received[0].line, format!("GET /2010-04-01/Accounts/{AC}.json HTTP/1.1"));
    assert_eq!(received[1].line, format!("GET /2010-04-01/Accounts/{AC}/Messages.json?PageSize=1 HTTP/1.1"));
    assert_eq!(received[1].header("authorization"), Some("Basic U0trZXk6c2VjcmV0")); // SKkey:secret
    assert_ne!(received[0].header("authorization"), received[1].header("authorization"));
}

#[tokio::test]
async fn a_messaging_service_is_there_or_not() {
    let check = async |step: Step, expect: Result<bool, ReadError>| {
        let far_end = FarEnd::new(vec![step]);
        assert_eq!(client().messaging_service_exists(&account(&far_end.url()), MG).await, expect);
        assert_eq!(far_end.received()[0].line, format!("GET /v1/Services/{MG} HTTP/1.1"));
    };
    check(ok(&json!({"sid": MG})), Ok(true)).await;
    check(error(404, 20404), Ok(false)).await;
    check(error(401, 20003), Err(ReadError::Account { code: Some(20003), status: 401 })).await;
}

#[test]
fn errors_say_whether_to_ask_again_and_print_plainly() {
    let check = |error: ReadError, retry: bool, text: &str| {
        assert_eq!((error.may_retry(), error.to_string().as_str()), (retry, text));
    };
    check(
        ReadError::Unavailable { status: None, why: "no connection" },
        true,
        "Twilio is not available: no connection",
    );
    check(ReadError::Limited { retry_after: None }, true, "Twilio limits our rate");
    let account = ReadError::Account { code: Some(20003), status: 401 };
    check(account, false, "Twilio refuses the account or its credentials (HTTP 401, code 20003)");
    check(ReadError::TooLong, false, "the list is too long to be read to its end");
}
