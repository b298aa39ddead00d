//! Calls: what is taken, how they end, and what their callbacks say.

use super::super::{CallEnd, Kind};
use super::*;

const CALL: [(&str, &str); 3] = [("To", THEIRS), ("From", OURS), ("Twiml", "<Response><Say>Hello</Say></Response>")];

#[tokio::test]
async fn parameters_are_judged() {
    let fake = fake().await;
    let check = async |form: &[(&str, &str)], expect: (u16, u64)| {
        assert_eq!(fake.post(CALLS, form).await.code(), expect, "{form:?}");
    };
    let with = |more: &[(&'static str, &'static str)]| [&CALL[..], more].concat();
    let long = "x".repeat(4001);
    check(&CALL, (201, 0)).await;
    check(&CALL[1..], (400, 21201)).await;
    check(&[CALL[0], CALL[2]], (400, 21213)).await;
    check(&CALL[..2], (400, 21205)).await;
    check(&[("To", "nobody"), CALL[1], CALL[2]], (400, 21217)).await;
    check(&[CALL[0], ("From", "+13125550999"), CALL[2]], (400, 21210)).await;
    check(&[CALL[0], CALL[1], ("Url", "ftp://a.example")], (400, 21205)).await;
    check(&[CALL[0], CALL[1], ("Twiml", &long)], (400, 20001)).await;
    check(&[CALL[0], CALL[1], ("Twiml", &long), ("Url", "https://a.example/twiml")], (201, 0)).await;
    check(&[CALL[0], CALL[1], ("ApplicationSid", "AP1")], (201, 0)).await;
    check(&with(&[("StatusCallbackEvent", "answered"), ("StatusCallbackEvent", "completed")]), (201, 0)).await;
    check(&with(&[("StatusCallbackEvent", "answered,completed")]), (400, 21626)).await;
    check(&with(&[("StatusCallback", "https://a_b.example")]), (400, 21609)).await;
    check(&[("To", "+15005550002"), CALL[1], CALL[2]], (400, 21214)).await;
    check(&[("To", "+15005550009"), CALL[1], CALL[2]], (201, 0)).await;
    let answer = fake.post(CALLS, &CALL).await;
    assert!(answer.str("sid").starts_with("CA"));
    assert_eq!((answer.str("status"), answer.str("direction")), ("queued", "outbound-api"));
    assert_eq!((&answer.json["duration"], &answer.json["start_time"]), (&Value::Null, &Value::Null));
    assert!(fake.accepted().iter().all(|accepted| accepted.kind == Kind::Call));
}

#[tokio::test]
async fn callbacks_tell_the_events_that_were_asked_for() {
    let receiver = Receiver::start().await;
    let fake = fake().await;
    let url = format!("{}/status?n=x-1&a=1#rc=0", receiver.url);
    let all = ["initiated", "ringing", "answered", "completed"].map(|event| ("StatusCallbackEvent", event));
    let form = [&CALL[..], &all, &[("StatusCallback", url.as_str()), ("MachineDetection", "Enable")]].concat();
    let answer = fake.post(CALLS, &form).await;
    fake.idle().await;
    assert_eq!(receiver.statuses(), ["initiated", "ringing", "in-progress", "completed"]);
    let seen = receiver.seen();
    for (index, seen) in seen.iter().enumerate() {
        assert_eq!((seen.uri.as_str(), seen.get("CallSid")), ("/status?n=x-1&a=1", Some(answer.str("sid"))));
        assert_eq!(seen.get("SequenceNumber"), Some(index.to_string().as_str()));
        assert_eq!(seen.get("Timestamp"), Some("Wed, 04 Mar 2026 12:00:00 +0000"));
        assert_eq!((seen.get("Caller"), seen.get("Called")), (Some(OURS), Some(THEIRS)));
        assert_eq!(seen.get("CallbackSource"), Some("call-progress-events"));
        assert_eq!(seen.get("AnsweredBy"), (index >= 2).then_some("human"));
        assert_eq!(seen.get("CallDuration").is_some(), index == 3);
        assert_eq!(seen.get("SipResponseCode").is_some(), index == 3);
    }
    let fetched = fake.get(answer.str("uri")).await;
    assert_eq!(
        (fetched.str("status"), fetched.str("duration"), fetched.str("answered_by")),
        ("completed", "0", "human")
    );
}

#[tokio::test]
async fn without_events_only_the_end_is_told() {
    let receiver = Receiver::start().await;
    let fake = fake().await;
    fake.change(|settings| {
        let end = |number: &str, end| (number.to_owned(), end);
        settings.call_ends.extend([
            end("+13125550111", CallEnd::Busy),
            end("+13125550112", CallEnd::NoAnswer),
            end("+13125550113", CallEnd::Failed),
            end("+13125550114", CallEnd::Voicemail),
        ]);
        settings.undeliverable.insert("+13125550115".to_owned(), 30006);
    });
    let url = format!("{}/status", receiver.url);
    let check = async |to: &str, detection: &str, expect: (&str, Option<&str>)| {
        let form = [("To", to), CALL[1], CALL[2], ("StatusCallback", &url), ("MachineDetection", detection)];
        fake.post(CALLS, &form).await;
        fake.idle().await;
        let last = receiver.seen().pop().unwrap();
        assert_eq!(
            (last.status(), last.get("AnsweredBy"), last.get("SequenceNumber")),
            (expect.0, expect.1, Some("0")),
            "{to}"
        );
    };
    check("+13125550111", "Enable", ("busy", None)).await;
    check("+13125550112", "Enable", ("no-answer", None)).await;
    check("+13125550113", "Enable", ("failed", None)).await;
    check("+13125550114", "Enable", ("completed", Some("machine_start"))).await;
    check("+13125550114", "DetectMessageEnd", ("completed", Some("machine_end_beep"))).await;
    check("+13125550115", "Enable", ("failed", None)).await;
    assert_eq!(receiver.seen().len(), 6);
}

#[tokio::test]
async fn a_call_that_is_cancelled_in_the_queue_says_nothing() {
    let receiver = Receiver::start().await;
    let fake = fake().await;
    hold(&fake);
    let url = format!("{}/status", receiver.url);
    let answer = fake.post(CALLS, &[&CALL[..], &[("StatusCallback", url.as_str())]].concat()).await;
    let cancelled = fake.post(answer.str("uri"), &[("Status", "canceled")]).await;
    fake.idle().await;
    assert_eq!((cancelled.str("status"), receiver.seen().len()), ("canceled", 0));
}
