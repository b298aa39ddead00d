//! Status callbacks: what they say, how they are tried again, and what goes wrong with them by switch.

use super::super::{CallbackBehaviour, FakeTwilio, Warning};
use super::*;

/// Texts through the messaging service and waits until all is quiet. `fragment` holds the connection overrides.
async fn text(fake: &FakeTwilio, receiver: &Receiver, to: &str, fragment: &str) -> Answered {
    let url = format!("{}/twilio/demo/status?n=x-1&a=1{fragment}", receiver.url);
    let form = [("To", to), ("MessagingServiceSid", MESSAGING), ("Body", "Hello"), ("StatusCallback", &url)];
    let answer = fake.post(MESSAGES, &form).await;
    assert_eq!(answer.status, 201);
    fake.idle().await;
    answer
}

async fn behaving(behaviour: CallbackBehaviour) -> (FakeTwilio, Receiver) {
    let fake = fake().await;
    fake.change(|settings| settings.callbacks = behaviour);
    (fake, Receiver::start().await)
}

#[tokio::test]
async fn each_status_but_the_first_is_told_and_signed() {
    let (fake, receiver) = behaving(CallbackBehaviour { without_to: 1.0, ..CallbackBehaviour::default() }).await;
    let answer = text(&fake, &receiver, THEIRS, "#rc=5&rp=5xx,ct,rt&rt=4000").await;
    let seen = receiver.seen();
    assert_eq!(receiver.statuses(), ["queued", "sent", "delivered"]);
    for seen in &seen {
        assert_eq!(seen.uri, "/twilio/demo/status?n=x-1&a=1", "the fragment stays behind");
        assert_eq!(seen.get("MessageSid"), Some(answer.str("sid")));
        assert_eq!((seen.get("SmsSid"), seen.get("SmsStatus")), (seen.get("MessageSid"), Some(seen.status())));
        assert_eq!((seen.get("From"), seen.get("MessagingServiceSid")), (Some(OURS), Some(MESSAGING)));
        assert_eq!(seen.get("To").is_none(), seen.status() == "sent");
        assert_eq!(seen.get("RawDlrDoneDate"), (seen.status() == "delivered").then_some("2603041200"));
        assert!(seen.get("ErrorCode").is_none());
    }
    assert!(fake.warnings().is_empty());
    assert_eq!(fake.callbacks().iter().map(|sent| &sent.answers[..]).collect::<Vec<_>>(), [[Some(204)]; 3]);
}

#[tokio::test]
async fn a_failure_has_its_code() {
    let (fake, receiver) = behaving(CallbackBehaviour::default()).await;
    fake.change(|settings| settings.undeliverable = [(THEIRS.to_owned(), 30003), (OURS.to_owned(), 30002)].into());
    text(&fake, &receiver, THEIRS, "").await;
    let last = receiver.seen().pop().unwrap();
    assert_eq!((last.status(), last.get("ErrorCode")), ("undelivered", Some("30003")));
    assert!(last.get("RawDlrDoneDate").is_some());
    text(&fake, &receiver, OURS, "").await;
    let last = receiver.seen().pop().unwrap();
    assert_eq!((last.status(), last.get("ErrorCode"), last.get("RawDlrDoneDate")), ("failed", Some("30002"), None));
    assert_eq!(receiver.statuses(), ["queued", "sent", "undelivered", "queued", "failed"]);
}

#[tokio::test]
async fn a_message_past_its_validity_is_not_sent() {
    let hands = Hands::new();
    let fake = FakeTwilio::start(settings(&hands)).await.unwrap();
    hold(&fake);
    let form = [("To", THEIRS), ("From", OURS), ("Body", "Hello"), ("ValidityPeriod", "60")];
    fake.post(MESSAGES, &form).await;
    hands.advance(61);
    release(&fake);
    fake.idle().await;
    let accepted = fake.accepted().pop().unwrap();
    assert_eq!((accepted.status.as_str(), accepted.error_code), ("failed", Some(30036)));
}

/// What becomes of the first callback, `queued`, if it gets these replies; `failed` finds the receiver well again. Answers how many
/// ended without an answer.
async fn retried(fragment: &str, replies: &[Reply], expect: &[Option<u16>]) -> usize {
    let (fake, receiver) = behaving(CallbackBehaviour::default()).await;
    fake.change(|settings| settings.undeliverable = [(THEIRS.to_owned(), 30001)].into());
    receiver.replies(replies);
    text(&fake, &receiver, THEIRS, fragment).await;
    assert_eq!(fake.callbacks()[0].answers, expect, "{fragment}");
    let seen = receiver.seen();
    let tries = &seen[..expect.len()];
    assert!(tries.iter().all(|seen| seen.idempotency_token == tries[0].idempotency_token), "{fragment}");
    assert_ne!(seen.last().unwrap().idempotency_token, tries[0].idempotency_token);
    let warnings = fake.warnings();
    assert!(warnings.iter().all(|warning| warning.code == 11200), "{warnings:?}");
    warnings.len()
}

#[tokio::test]
async fn retries_go_by_the_overrides() {
    let check = async |fragment: &str, replies: &[Reply], expect: &[Option<u16>]| {
        assert_eq!(retried(fragment, replies, expect).await, 0, "{fragment}");
    };
    let bad = Reply::Status(503);
    check("", &[bad], &[Some(503)]).await;
    check("#rc=2&rp=5xx", &[bad, bad], &[Some(503), Some(503), Some(204)]).await;
    check("#rc=1&rp=5xx", &[bad, bad], &[Some(503), Some(503)]).await;
    check("#rc=0&rp=all", &[bad], &[Some(503)]).await;
    check("#rc=5&rp=5xx", &[Reply::Status(404)], &[Some(404)]).await;
    check("#rc=5&rp=4xx", &[Reply::Status(404)], &[Some(404), Some(204)]).await;
}

#[tokio::test]
async fn a_receiver_that_hangs_is_waited_for_as_the_overrides_say() {
    // Seconds, so that whatever does come is there by then.
    let (again, once, in_all) = tokio::join!(
        retried("#rt=3000&rc=1&rp=rt", &[Reply::Hang], &[None, Some(204)]),
        retried("#rt=3000", &[Reply::Hang], &[None]),
        retried("#tt=3000&rc=5&rp=all", &[Reply::Status(503), Reply::Hang], &[Some(503), None]),
    );
    assert_eq!((again, once, in_all), (0, 1, 1));
}

#[tokio::test]
async fn nobody_there_is_tried_again_by_default() {
    let fake = fake().await;
    // Its port is taken, and nobody listens.
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}/status#rp=6xx", closed.local_addr().unwrap());
    let answer = fake.post(MESSAGES, &[("To", THEIRS), ("From", OURS), ("Body", "A"), ("StatusCallback", &url)]).await;
    fake.idle().await;
    assert!(fake.callbacks().iter().all(|sent| sent.answers == [None, None]));
    let warning = |code| Warning { code, sid: answer.str("sid").to_owned() };
    assert_eq!(fake.warnings(), [11243, 11200, 11243, 11200].map(warning));
}

#[tokio::test]
async fn shuffled_is_never_in_order() {
    for seed in 0..5 {
        let (fake, receiver) = behaving(CallbackBehaviour { shuffled: true, ..CallbackBehaviour::default() }).await;
        fake.change(|settings| settings.seed = seed);
        text(&fake, &receiver, THEIRS, "").await;
        let mut statuses = receiver.statuses();
        assert_ne!(statuses, ["queued", "sent", "delivered"]);
        statuses.sort();
        assert_eq!(statuses, ["delivered", "queued", "sent"]);
    }
}

#[tokio::test]
async fn doubled_comes_twice() {
    let (fake, receiver) = behaving(CallbackBehaviour { doubled: 1.0, ..CallbackBehaviour::default() }).await;
    text(&fake, &receiver, THEIRS, "").await;
    assert_eq!(receiver.statuses(), ["queued", "queued", "sent", "sent", "delivered", "delivered"]);
}

#[tokio::test]
async fn dropped_never_comes_and_a_share_is_drawn() {
    let (fake, receiver) = behaving(CallbackBehaviour { dropped: 1.0, ..CallbackBehaviour::default() }).await;
    let answer = text(&fake, &receiver, THEIRS, "").await;
    assert!(receiver.seen().is_empty());
    assert_eq!(fake.get(answer.str("uri")).await.str("status"), "delivered");
    fake.change(|settings| settings.callbacks.dropped = 0.5);
    for number in 0..20 {
        text(&fake, &receiver, &format!("+131255502{number:02}"), "").await;
    }
    assert!((10..50).contains(&receiver.seen().len()), "{} of 60", receiver.seen().len());
}

#[tokio::test]
async fn late_is_overtaken_and_waited_for() {
    let late = (0.5, Duration::from_millis(150));
    let (fake, receiver) = behaving(CallbackBehaviour { late, ..CallbackBehaviour::default() }).await;
    for number in 0..10 {
        text(&fake, &receiver, &format!("+131255502{number:02}"), "").await;
    }
    let statuses = receiver.statuses();
    assert_eq!(statuses.len(), 30, "idle waits for the late ones");
    assert_ne!(statuses, ["queued", "sent", "delivered"].repeat(10));
}

#[tokio::test]
async fn a_forger_comes_first_and_is_turned_away() {
    let (fake, receiver) = behaving(CallbackBehaviour { forged: 1.0, ..CallbackBehaviour::default() }).await;
    text(&fake, &receiver, THEIRS, "#rc=5&rp=5xx,ct,rt").await;
    assert_eq!(receiver.statuses(), ["queued", "sent", "delivered"]);
    let seen = receiver.seen();
    let forged: Vec<_> = seen.iter().filter(|seen| !seen.valid).collect();
    assert_eq!(forged.len(), 3);
    assert!(forged.iter().all(|seen| seen.status() == "failed") && !seen[0].valid && seen[1].valid);
    assert!(fake.callbacks().iter().all(|sent| sent.answers == [Some(if sent.forged { 403 } else { 204 })]));
}

#[tokio::test]
async fn a_rotated_token_signs_at_once() {
    let (fake, receiver) = behaving(CallbackBehaviour::default()).await;
    hold(&fake);
    let url = format!("{}/status", receiver.url);
    fake.post(MESSAGES, &[("To", THEIRS), ("From", OURS), ("Body", "A"), ("StatusCallback", &url)]).await;
    fake.change(|settings| "rotated".clone_into(&mut settings.accounts[0].auth_token));
    release(&fake);
    fake.idle().await;
    assert!(receiver.seen().iter().all(|seen| !seen.valid) && receiver.seen().len() == 2);
}

#[tokio::test]
async fn a_scheduled_message_calls_back_when_it_is_cancelled() {
    let (fake, receiver) = behaving(CallbackBehaviour::default()).await;
    let url = format!("{}/status", receiver.url);
    let sender = [("To", THEIRS), ("MessagingServiceSid", MESSAGING), ("Body", "A"), ("StatusCallback", url.as_str())];
    let at = [("ScheduleType", "fixed"), ("SendAt", "2026-03-04T14:00:00Z")];
    let answer = fake.post(MESSAGES, &[&sender[..], &at].concat()).await;
    fake.post(answer.str("uri"), &[("Status", "canceled")]).await;
    fake.idle().await;
    assert_eq!(receiver.statuses(), ["canceled"]);
}

#[tokio::test]
async fn no_more_at_once_than_is_allowed() {
    let hands = Hands::new();
    let mut settings = settings(&hands);
    settings.callbacks.concurrency = 1;
    let fake = FakeTwilio::start(settings).await.unwrap();
    let receiver = Receiver::start().await;
    receiver.replies(&[Reply::Slow; 20]);
    let url = format!("{}/status", receiver.url);
    hold(&fake);
    for number in 0..10 {
        let to = format!("+131255502{number:02}");
        fake.post(MESSAGES, &[("To", &to), ("From", OURS), ("Body", "A"), ("StatusCallback", &url)]).await;
    }
    release(&fake);
    fake.idle().await;
    assert_eq!((receiver.seen().len(), receiver.most_at_once()), (20, 1));
}
