//! Verify: codes, counters, and the events of a verification's life.

use super::super::{FakeTwilio, Fault, Operation, Rule, Trouble, When};
use super::*;

fn path(rest: &str) -> String {
    format!("/v2/Services/{VERIFY}/{rest}")
}

async fn start(fake: &FakeTwilio, channel: &str) -> Answered {
    fake.post(&path("Verifications"), &[("To", THEIRS), ("Channel", channel)]).await
}

async fn check(fake: &FakeTwilio, code: &str) -> Answered {
    fake.post(&path("VerificationCheck"), &[("To", THEIRS), ("Code", code)]).await
}

#[tokio::test]
async fn a_right_code_approves_once() {
    let fake = fake().await;
    let started = start(&fake, "sms").await;
    assert_eq!((started.status, started.str("status"), started.str("channel")), (201, "pending", "sms"));
    assert!(started.str("sid").starts_with("VE") && started.str("date_created") == "2026-03-04T12:00:00Z");
    assert_eq!(started.json["send_code_attempts"].as_array().unwrap().len(), 1);
    let code = fake.code_for(THEIRS).unwrap();
    let wrong = if code == "000000" { "111111" } else { "000000" };
    let answer = check(&fake, wrong).await;
    assert_eq!((answer.status, answer.str("status"), &answer.json["valid"]), (200, "pending", &false.into()));
    let answer = check(&fake, &code).await;
    assert_eq!((answer.status, answer.str("status"), &answer.json["valid"]), (200, "approved", &true.into()));
    assert_eq!(answer.str("sid"), started.str("sid"));
    let again = check(&fake, &code).await;
    assert_eq!(again.code(), (404, 20404));
    assert_eq!(
        again.str("message"),
        format!("The requested resource /Services/{VERIFY}/VerificationCheck was not found")
    );
    assert_eq!(fake.code_for(THEIRS), None);
    fake.change(|settings| settings.verify.check_status = 201);
    start(&fake, "sms").await;
    let code = fake.code_for(THEIRS).unwrap();
    assert_eq!(check(&fake, &code).await.status, 201);
    fake.change(|settings| settings.verify.code = Some("24681012".to_owned()));
    start(&fake, "sms").await;
    assert_eq!(fake.code_for(THEIRS).as_deref(), Some("24681012"));
}

#[tokio::test]
async fn the_code_stays_the_same_and_five_sends_are_all() {
    let hands = Hands::new();
    let fake = FakeTwilio::start(settings(&hands)).await.unwrap();
    let sid = start(&fake, "sms").await.str("sid").to_owned();
    let code = fake.code_for(THEIRS).unwrap();
    for _ in 1..5 {
        assert_eq!(start(&fake, "call").await.str("sid"), sid);
    }
    assert_eq!(fake.code_for(THEIRS).unwrap(), code);
    assert_eq!(start(&fake, "sms").await.code(), (429, 60203));
    hands.advance(599);
    assert_eq!(fake.get(&path(&format!("Verifications/{sid}"))).await.str("status"), "pending");
    hands.advance(1);
    assert_eq!(fake.get(&path(&format!("Verifications/{sid}"))).await.code(), (404, 20404));
    assert_eq!(check(&fake, &code).await.code(), (404, 20404));
    assert_ne!(start(&fake, "sms").await.str("sid"), sid);
}

#[tokio::test]
async fn five_checks_are_all() {
    let fake = fake().await;
    let sid = start(&fake, "sms").await.str("sid").to_owned();
    let code = fake.code_for(THEIRS).unwrap();
    for _ in 0..5 {
        assert_eq!(check(&fake, "0000000").await.str("status"), "pending");
    }
    assert_eq!(check(&fake, &code).await.code(), (429, 60202));
    let cancelled = fake.post(&path(&format!("Verifications/{sid}")), &[("Status", "canceled")]).await;
    assert_eq!((cancelled.status, cancelled.str("status")), (200, "canceled"));
    assert_eq!(check(&fake, &code).await.code(), (404, 20404));
}

#[tokio::test]
async fn starts_and_limits_say_how_long_the_limit_holds_unless_they_are_told_not_to() {
    for shown in [true, false] {
        let hands = Hands::new();
        let fake = FakeTwilio::start(settings(&hands)).await.unwrap();
        fake.change(|settings| settings.verify.limits_shown = shown);
        let headers = |answer: Answered, expect: (u16, &str, &str)| {
            let seen = (answer.status, answer.retry_after.as_deref(), answer.reached.as_deref());
            let (status, retry_after, reached) = expect;
            assert_eq!(seen, (status, Some(retry_after).filter(|_| shown), Some(reached).filter(|_| shown)));
        };
        headers(start(&fake, "sms").await, (201, "600", "false"));
        hands.advance(100);
        for _ in 1..5 {
            headers(start(&fake, "sms").await, (201, "500", "false"));
            assert_eq!(check(&fake, "0000000").await.status, 200);
        }
        headers(start(&fake, "sms").await, (429, "500", "true"));
        assert_eq!(check(&fake, "0000000").await.status, 200);
        headers(check(&fake, "0000000").await, (429, "500", "true"));
    }
}

#[tokio::test]
async fn parameters_are_judged() {
    let fake = fake().await;
    fake.change(|settings| settings.undeliverable = [("+13125550106".to_owned(), 30006)].into());
    let check = async |path: String, form: &[(&str, &str)], expect: (u16, u64)| {
        assert_eq!(fake.post(&path, form).await.code(), expect, "{path} {form:?}");
    };
    let (to, sms) = (("To", THEIRS), ("Channel", "sms"));
    check(path("Verifications"), &[sms], (400, 60200)).await;
    check(path("Verifications"), &[("To", "5550142"), sms], (400, 60200)).await;
    check(path("Verifications"), &[to], (400, 60200)).await;
    check(path("Verifications"), &[to, ("Channel", "pigeon")], (400, 60200)).await;
    check(path("Verifications"), &[to, ("Channel", "whatsapp")], (400, 60223)).await;
    check(path("Verifications"), &[to, sms, ("RateLimits", "user")], (400, 60200)).await;
    check(path("Verifications"), &[to, sms, ("RateLimits", "{\"employee\": \"x\"}")], (201, 0)).await;
    check(path("Verifications"), &[("To", "+13125550106"), sms], (403, 60205)).await;
    check(path("Verifications"), &[("To", "+13125550106"), ("Channel", "call")], (201, 0)).await;
    check(path("VerificationCheck"), &[to], (400, 60200)).await;
    check(path("VerificationCheck"), &[("Code", "123456")], (400, 60200)).await;
    check(path("VerificationCheck"), &[to, ("Code", "123")], (400, 60200)).await;
    check(path("VerificationCheck"), &[("VerificationSid", "VE1"), ("Code", "123456")], (404, 20404)).await;
    let other = path("Verifications").replace("01/", "02/");
    check(other, &[to, sms], (404, 20404)).await;
    assert_eq!(fake.requests(), 0, "verifications are not counted as texts");
}

#[tokio::test]
async fn faults_of_verify_are_by_operation() {
    let fake = fake().await;
    let busy = Fault::before(Trouble::TooManyRequests(Some(30)));
    let lost = Fault::after_accepting(Trouble::Hang);
    fake.change(|settings| {
        settings.faults.rules = vec![
            Rule::on(Operation::VerificationStart, When::Next(1), busy),
            Rule::on(Operation::VerificationCheck, When::Next(1), lost),
        ];
    });
    let limited = start(&fake, "sms").await;
    assert_eq!((limited.code(), limited.retry_after.as_deref()), ((429, 20429), Some("30")));
    assert_eq!(start(&fake, "sms").await.status, 201);
    let code = fake.code_for(THEIRS).unwrap();
    let approved = async {
        while fake.code_for(THEIRS).is_some() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        answer = check(&fake, &code) => panic!("there should be no answer: {answer:?}"),
        () = approved => {}
    }
    assert_eq!(check(&fake, &code).await.code(), (404, 20404), "the lost answer was an approval");
}

#[tokio::test]
async fn a_life_is_told_as_cloud_events() {
    let hands = Hands::new();
    let fake = FakeTwilio::start(settings(&hands)).await.unwrap();
    let receiver = Receiver::start().await;
    fake.subscribe_events(ACCOUNT, &format!("{}/twilio/demo/events", receiver.url));
    receiver.replies(&[Reply::Status(500)]);
    let sid = start(&fake, "sms").await.str("sid").to_owned();
    fake.idle().await;
    check(&fake, &fake.code_for(THEIRS).unwrap()).await;
    fake.idle().await;
    start(&fake, "sms").await;
    hands.advance(600);
    check(&fake, "123456").await;
    fake.idle().await;
    let seen = receiver.seen();
    assert!(seen.iter().all(|seen| seen.valid && seen.uri.starts_with("/twilio/demo/events?bodySHA256=")));
    let events: Vec<Value> =
        seen.iter().map(|seen| serde_json::from_str::<Value>(&seen.body).unwrap()[0].clone()).collect();
    let mut words: Vec<_> =
        events.iter().map(|event| event["type"].as_str().unwrap().rsplit('.').next().unwrap()).collect();
    words[3..].sort_unstable();
    assert_eq!(words, ["pending", "pending", "approved", "expired", "pending"], "the first came again after a 500");
    assert_eq!(events[0]["id"], events[1]["id"]);
    let approved = &events[2];
    assert_eq!((&approved["specversion"], &approved["data"]["verification_sid"]), (&"1.0".into(), &sid.into()));
    assert_eq!(
        (&approved["data"]["to"], &approved["data"]["verification_status"]),
        (&THEIRS.into(), &"APPROVED".into())
    );
    assert_eq!(approved["data"]["send_code_attempts"]["attempts"][0]["delivery_status"], "SENT");
    assert_eq!(approved["data"]["verified_at"], "2026-03-04T12:00:00Z");
}

#[tokio::test]
async fn anything_can_be_sent_to_a_sink() {
    let fake = fake().await;
    let receiver = Receiver::start().await;
    let sink = format!("{}/events?source=test", receiver.url);
    let answer = fake.send_events(ACCOUNT, &sink, &serde_json::json!([{"type": "odd"}])).await.unwrap();
    assert_eq!(answer, (204, String::new()));
    let seen = receiver.seen().pop().unwrap();
    assert!(seen.valid && seen.uri.starts_with("/events?source=test&bodySHA256="), "{}", seen.uri);
    assert_eq!(seen.body, "[{\"type\":\"odd\"}]");
}
