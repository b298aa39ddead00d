//! What each answer to a request for a text, or none, is taken for.

use super::far_end::{FarEnd, Step};
use super::{CA, SM, closed_port, hasty_client, text, text_by};
use crate::twilio::Reply;
use crate::twilio::codes::Class;
use serde_json::{Value, json};
use std::time::Duration;

/// What one step of the far end is taken for.
async fn after(step: Step) -> Reply {
    let far_end = FarEnd::new(vec![step]);
    let reply = text(&far_end.url()).await;
    assert_eq!(far_end.received().len(), 1, "one request and no other");
    reply
}

async fn answered(status: u16, body: &Value) -> Reply {
    after(Step::Answer(status, "", body.to_string())).await
}

fn error(code: u32) -> Value {
    json!({"code": code, "message": "The 'To' number +13125550142 …", "more_info": "https://…", "status": 400})
}

#[tokio::test]
async fn a_yes_without_a_sid_is_in_doubt() {
    let check = async |step: Step, expect: &'static str| match after(step).await {
        Reply::InDoubt { why, .. } => assert_eq!(why, expect),
        other => panic!("{other:?}"),
    };
    check(Step::Answer(201, "", "<html>".into()), "the answer can't be read").await;
    check(Step::Answer(201, "", "[]".into()), "the answer can't be read").await;
    check(Step::Answer(204, "", String::new()), "the answer can't be read").await;
    check(Step::Answer(201, "", json!({"status": "queued"}).to_string()), "the answer has no sid").await;
    check(Step::Answer(201, "", json!({"sid": CA}).to_string()), "the answer has no sid").await;
    check(Step::Raw("HTTP/1.1 201 Created\r\nContent-Length: 99\r\n\r\n{\"sid\": \"SM"), "the answer can't be read")
        .await;
    let endless = format!(r#"{{"sid": "{SM}", "body": "{}"}}"#, "x".repeat(5 << 20));
    check(Step::Answer(201, "", endless), "the answer can't be read").await;
}

#[tokio::test]
async fn a_refusal_is_judged_by_its_code() {
    let check = async |status: u16, body: Value, class: Class| {
        let code = body["code"].as_u64().map(|code| u32::try_from(code).unwrap());
        assert_eq!(answered(status, &body).await, Reply::Refused { code, status: Some(status), class }, "{body}");
    };
    check(400, error(21211), Class::Recipient).await;
    check(400, error(21610), Class::OptedOut).await;
    check(401, error(20003), Class::Account).await;
    check(404, error(20404), Class::Account).await;
    check(403, error(20008), Class::Account).await;
    check(429, error(21611), Class::WaitLong).await;
    check(500, error(21703), Class::Config).await;
    check(400, error(21408), Class::Permission).await;
    check(400, error(29999), Class::Other).await;
    let problem = json!({"type": "https://www.twilio.com/docs/errors/21617", "title": "Too Long", "status": 400,
                         "code": 21617, "detail": "…", "errors": [{"detail": "…", "pointer": "#/Body"}]});
    check(400, problem, Class::Content).await;
}

#[tokio::test]
async fn a_code_may_be_a_string_or_in_a_list() {
    let check = async |body: Value| {
        let expect = Reply::Refused { code: Some(21211), status: Some(400), class: Class::Recipient };
        assert_eq!(answered(400, &body).await, expect, "{body}");
    };
    check(json!({"code": "21211", "message": "…"})).await;
    check(json!({"errors": [{"code": 21211, "message": "…", "infoUrl": "…"}]})).await;
    check(json!({"code": null, "errors": [{"code": "21211"}]})).await;
}

#[tokio::test]
async fn without_a_code_it_is_not_twilios_word_and_the_status_decides() {
    let refused = async |status: u16, class: Class| {
        let reply = after(Step::Answer(status, "", "<html>no</html>".into())).await;
        assert_eq!(reply, Reply::Refused { code: None, status: Some(status), class });
    };
    refused(401, Class::Account).await;
    for status in [301, 302, 307, 400, 403, 404, 405, 407, 413, 451] {
        refused(status, Class::NotTwilio).await;
    }
    assert_eq!(
        answered(400, &json!({"message": "no"})).await,
        Reply::Refused { code: None, status: Some(400), class: Class::NotTwilio }
    );
    let doubted = async |status: u16| {
        let reply = after(Step::Answer(status, "", "<html>no</html>".into())).await;
        assert!(matches!(reply, Reply::InDoubt { status: Some(got), .. } if got == status), "{reply:?}");
    };
    doubted(408).await;
    doubted(425).await;
    doubted(500).await;
    doubted(502).await;
    doubted(503).await;
    doubted(504).await;
}

#[tokio::test]
async fn twilios_own_trouble_is_in_doubt() {
    let check = async |status: u16, body: Value| {
        let reply = answered(status, &body).await;
        assert!(matches!(reply, Reply::InDoubt { .. }), "{body}: {reply:?}");
    };
    check(500, error(20500)).await;
    check(503, error(20503)).await;
    check(400, error(20500)).await;
    check(500, error(29999)).await;
}

#[tokio::test]
async fn a_rate_limit_is_certainly_not_processed() {
    let check = async |step: Step, code: Option<u32>, wait: Option<u64>| {
        let expect = Reply::NotProcessed {
            code,
            status: Some(429),
            retry_after: wait.map(Duration::from_secs),
            why: "too many requests",
        };
        assert_eq!(after(step).await, expect);
    };
    check(Step::Answer(429, "Retry-After: 7\r\n", error(20429).to_string()), Some(20429), Some(7)).await;
    check(Step::Answer(429, "", error(20429).to_string()), Some(20429), None).await;
    check(Step::Answer(429, "Retry-After: soon\r\n", error(20429).to_string()), Some(20429), None).await;
    check(Step::Answer(429, "Retry-After: 99999999999\r\n", "slow down".into()), None, Some(86_400)).await;
    check(Step::Answer(429, "", error(29999).to_string()), Some(29999), None).await;
}

#[tokio::test]
async fn a_refusal_that_breaks_off_was_not_processed() {
    let reply = after(Step::Raw("HTTP/1.1 400 Bad Request\r\nContent-Length: 99\r\n\r\n{\"code\": 21")).await;
    assert!(matches!(reply, Reply::NotProcessed { status: Some(400), .. }), "{reply:?}");
}

#[tokio::test]
async fn no_answer_is_in_doubt() {
    let check = async |step: Step| {
        let reply = after(step).await;
        let expect = Reply::InDoubt { status: None, why: "the connection broke before the answer" };
        assert_eq!(reply, expect);
    };
    check(Step::Close).await;
    check(Step::Reset).await;
    check(Step::Raw("nonsense\r\n\r\n")).await;
    check(Step::Raw("HTTP/1.1 20")).await;
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_in_doubt() {
    let far_end = FarEnd::new(vec![Step::Silence]);
    let reply = text_by(&hasty_client(3000, 3000), &far_end.url()).await;
    assert_eq!(reply, Reply::InDoubt { status: None, why: "no answer in time" });
    assert_eq!(far_end.received().len(), 1);
}

#[tokio::test]
async fn no_connection_is_certainly_not_processed() {
    let not_connected = |why| Reply::NotProcessed { code: None, status: None, retry_after: None, why };

    let (url, _held) = closed_port();
    assert_eq!(text(&url).await, not_connected("no connection"));

    let hangs_up = FarEnd::new(vec![]); // before the TLS handshake is done
    let url = hangs_up.url().replace("http:", "https:");
    assert_eq!(text(&url).await, not_connected("no connection"));

    let never_shakes_hands = FarEnd::new(vec![Step::Ignore]);
    let url = never_shakes_hands.url().replace("http:", "https:");
    assert_eq!(text_by(&hasty_client(200, 5000), &url).await, not_connected("connecting took too long"));
}

#[tokio::test]
async fn a_reply_prints_no_number_and_no_body() {
    let sent = json!({"sid": SM, "status": "queued", "to": "+13125550142", "body": "Hola Zoë"});
    for (status, body) in [(201, sent), (400, error(21211))] {
        let printed = format!("{:?}", answered(status, &body).await);
        assert!(!printed.contains("5550142") && !printed.contains("Zoë"), "{printed}");
    }
}
