//! The journal: a fake that is killed and started again is the same Twilio.

use super::super::FakeTwilio;
use super::*;
use std::io::Write;

fn journalled(hands: &Hands, dir: &tempfile::TempDir) -> Settings {
    Settings { journal: Some(dir.path().join("twilio.jsonl")), ..settings(hands) }
}

#[tokio::test]
async fn what_was_accepted_is_remembered_and_lives_on() {
    let (hands, dir) = (Hands::new(), tempfile::tempdir().unwrap());
    let receiver = Receiver::start().await;
    let url = format!("{}/status?n=x-1&a=1", receiver.url);
    let form = |to| [("To", to), ("MessagingServiceSid", MESSAGING), ("Body", "A"), ("StatusCallback", url.as_str())];

    let first = FakeTwilio::start(journalled(&hands, &dir)).await.unwrap();
    let done = first.post(MESSAGES, &form(THEIRS)).await;
    first.idle().await;
    hold(&first);
    let begun = first.post(MESSAGES, &form("+13125550143")).await;
    first.inbound("+13125550144", OURS, "STOP", &receiver.url).await.unwrap();
    first.post(&format!("/v2/Services/{VERIFY}/Verifications"), &[("To", THEIRS), ("Channel", "sms")]).await;
    let code = first.code_for(THEIRS).unwrap();
    drop(first);
    let heard = receiver.seen().len();

    let second = FakeTwilio::start(journalled(&hands, &dir)).await.unwrap();
    second.idle().await;
    let sids: Vec<String> = second.accepted().into_iter().map(|accepted| accepted.sid).collect();
    assert_eq!(sids, [done.str("sid"), begun.str("sid")]);
    assert_eq!(second.accepted_per_notification()["x-1"], 2);
    assert_eq!(second.get(begun.str("uri")).await.str("status"), "delivered");
    let later = &receiver.seen()[heard..];
    assert_eq!(later.iter().map(Seen::status).collect::<Vec<_>>(), ["queued", "sent", "delivered"]);
    assert!(later.iter().all(|seen| seen.get("MessageSid") == Some(begun.str("sid"))), "the first was over");
    assert_eq!(second.post(MESSAGES, &form("+13125550144")).await.code(), (400, 21610));
    assert_eq!(second.code_for(THEIRS), Some(code));
}

#[tokio::test]
async fn a_callback_under_way_when_the_fake_died_is_sent_again() {
    let (hands, dir) = (Hands::new(), tempfile::tempdir().unwrap());
    let receiver = Receiver::start().await;
    receiver.replies(&[Reply::Hang]);
    let url = format!("{}/status", receiver.url);
    let first = FakeTwilio::start(journalled(&hands, &dir)).await.unwrap();
    first.post(MESSAGES, &[("To", THEIRS), ("From", OURS), ("Body", "A"), ("StatusCallback", &url)]).await;
    receiver.arrived(1).await;
    assert_eq!(receiver.statuses(), ["sent"]);
    drop(first);
    let second = FakeTwilio::start(journalled(&hands, &dir)).await.unwrap();
    second.idle().await;
    assert_eq!(receiver.statuses(), ["sent", "sent", "delivered"]);
}

#[tokio::test]
async fn a_line_cut_short_is_forgotten_and_a_broken_one_is_an_error() {
    let (hands, dir) = (Hands::new(), tempfile::tempdir().unwrap());
    let path = dir.path().join("twilio.jsonl");
    let append = |text: &str| {
        let mut file = std::fs::File::options().append(true).open(&path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    };
    let first = FakeTwilio::start(journalled(&hands, &dir)).await.unwrap();
    first.post(MESSAGES, &[("To", THEIRS), ("From", OURS), ("Body", "A")]).await;
    first.idle().await;
    drop(first);
    append("{\"record\":{\"kind\":");
    let second = FakeTwilio::start(journalled(&hands, &dir)).await.unwrap();
    second.post(MESSAGES, &[("To", THEIRS), ("From", OURS), ("Body", "B")]).await;
    second.idle().await;
    drop(second);
    let third = FakeTwilio::start(journalled(&hands, &dir)).await.unwrap();
    assert_eq!(third.accepted().len(), 2);
    drop(third);
    append("nonsense\n");
    assert!(FakeTwilio::start(journalled(&hands, &dir)).await.is_err());
}
