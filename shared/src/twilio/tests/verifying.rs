//! Starting and checking verifications: what leaves, and what each answer is taken for.

use super::far_end::{FarEnd, Step};
use super::{VE, account, client, closed_port, number};
use crate::twilio::verify::{Channel, Checked, NewVerification, Trouble, Verification};
use serde_json::{Value, json};
use std::time::Duration;

const SERVICE: &str = "/v2/Services/VAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn answer(status: u16, body: &Value) -> Step {
    Step::Answer(status, "", body.to_string())
}

fn error(status: u16, code: u32) -> Step {
    answer(status, &json!({"code": code, "message": "…", "status": status}))
}

async fn start(base_url: &str) -> Result<Verification, Trouble> {
    let to = number("+13125550142");
    let verification = NewVerification { to: &to, channel: Channel::Sms, locale: None, rate_limit: None };
    client().start_verification(&account(base_url), &verification).await
}

async fn started(step: Step) -> Result<Verification, Trouble> {
    start(&FarEnd::new(vec![step]).url()).await
}

async fn checked(step: Step) -> Result<Checked, Trouble> {
    let far_end = FarEnd::new(vec![step]);
    client().check_verification(&account(&far_end.url()), VE, "123456").await
}

#[tokio::test]
async fn a_start_as_verify_wants_it() {
    let yes = || answer(201, &json!({"sid": VE, "status": "pending", "valid": false, "to": "+13125550142"}));
    let far_end = FarEnd::new(vec![yes(), yes()]);
    let verification = start(&far_end.url()).await.unwrap();
    assert_eq!(verification, Verification { sid: VE.into(), status: "pending".into() });

    let to = number("+13125550142");
    let rate_limit = Some(("per_employee", "e-1\"2"));
    let full = NewVerification { to: &to, channel: Channel::Call, locale: Some("es"), rate_limit };
    client().start_verification(&account(&far_end.url()), &full).await.unwrap();

    let received = far_end.received();
    assert_eq!(received[0].line, format!("POST {SERVICE}/Verifications HTTP/1.1"));
    assert_eq!(received[0].body, "To=%2B13125550142&Channel=sms");
    assert_eq!((received[1].values("Channel"), received[1].values("Locale")), (vec!["call".into()], vec!["es".into()]));
    assert_eq!(received[1].values("RateLimits"), [r#"{"per_employee":"e-1\"2"}"#]);
}

#[tokio::test]
async fn a_check_as_verify_wants_it() {
    let far_end = FarEnd::new(vec![answer(200, &json!({"sid": VE, "status": "approved", "valid": true}))]);
    let got = client().check_verification(&account(&far_end.url()), VE, "123456").await;
    assert_eq!(got, Ok(Checked::Approved));
    let request = &far_end.received()[0];
    assert_eq!(request.line, format!("POST {SERVICE}/VerificationCheck HTTP/1.1"));
    assert_eq!(request.body, format!("VerificationSid={VE}&Code=123456"));
}

#[tokio::test]
async fn what_a_check_can_say() {
    let check = async |step: Step, expect: Result<Checked, Trouble>| assert_eq!(checked(step).await, expect);
    let status = |word: &str, valid: bool| answer(201, &json!({"sid": VE, "status": word, "valid": valid}));
    check(status("approved", true), Ok(Checked::Approved)).await;
    check(answer(200, &json!({"status": "approved"})), Ok(Checked::Approved)).await;
    check(status("pending", false), Ok(Checked::Pending)).await;
    check(status("expired", false), Ok(Checked::Gone)).await;
    check(status("canceled", false), Ok(Checked::Gone)).await;
    check(error(404, 20404), Ok(Checked::Gone)).await;
    let page = Err(Trouble::InDoubt { status: Some(404), why: "not found, by whose word isn't known" });
    check(Step::Answer(404, "", "<html>".into()), page).await;
    check(status("max_attempts_reached", false), Err(Trouble::Limited { code: None, retry_after: None })).await;
    check(error(429, 60202), Err(Trouble::Limited { code: Some(60202), retry_after: None })).await;
    let unknown = |status| Err(Trouble::InDoubt { status: Some(status), why: "the answer has no status that we know" });
    check(status("approved", false), unknown(201)).await;
    check(status("unheard-of", true), unknown(201)).await;
    check(answer(200, &json!({})), unknown(200)).await;
    check(Step::Close, Err(Trouble::InDoubt { status: None, why: "the connection broke before the answer" })).await;
    check(error(500, 20500), Err(Trouble::InDoubt { status: Some(500), why: "trouble at Twilio" })).await;
}

#[tokio::test]
async fn why_a_start_may_fail() {
    let check = async |step: Step, expect: Trouble| assert_eq!(started(step).await, Err(expect));
    let limited = |code, wait: Option<u64>| Trouble::Limited { code, retry_after: wait.map(Duration::from_secs) };
    let with_wait = Step::Answer(429, "Retry-After: 30\r\n", json!({"code": 20429}).to_string());
    check(with_wait, limited(Some(20429), Some(30))).await;
    check(error(429, 60203), limited(Some(60203), None)).await;
    check(error(429, 60212), limited(Some(60212), None)).await;
    check(Step::Answer(429, "", String::new()), limited(None, None)).await;
    check(error(400, 60200), Trouble::Refused { code: Some(60200) }).await;
    check(error(403, 60205), Trouble::Refused { code: Some(60205) }).await;
    check(error(400, 21211), Trouble::Refused { code: Some(21211) }).await;
    check(error(400, 69999), Trouble::Refused { code: Some(69999) }).await;
    check(error(404, 20404), Trouble::Misconfigured { code: Some(20404) }).await;
    check(error(400, 60223), Trouble::Misconfigured { code: Some(60223) }).await;
    check(error(400, 21608), Trouble::Misconfigured { code: Some(21608) }).await;
    check(error(401, 20003), Trouble::Account { code: Some(20003) }).await;
    check(Step::Answer(403, "", "<html>".into()), Trouble::Account { code: None }).await;
    check(Step::Answer(307, "Location: /\r\n", String::new()), Trouble::Misconfigured { code: None }).await;
    let doubt = |status, why| Trouble::InDoubt { status, why };
    check(Step::Answer(503, "", "<html>".into()), doubt(Some(503), "trouble at Twilio")).await;
    check(answer(201, &json!({"sid": "VE1"})), doubt(Some(201), "the answer has no sid")).await;
    check(Step::Answer(201, "", "yes".into()), doubt(Some(201), "the answer can't be read")).await;
    check(Step::Reset, doubt(None, "the connection broke before the answer")).await;
}

#[tokio::test]
async fn what_never_left_is_unavailable_or_misconfigured() {
    let (url, _held) = closed_port();
    assert_eq!(start(&url).await, Err(Trouble::Unavailable { why: "no connection" }));

    let far_end = FarEnd::new(vec![]);
    let mut without_service = account(&far_end.url());
    without_service.verify_service_sid = None;
    let got = client().check_verification(&without_service, VE, "123456").await;
    assert_eq!(got, Err(Trouble::Misconfigured { code: None }));
    assert!(far_end.received().is_empty());
}
