//! Inbound messages: keywords, opt-outs, and the rows they leave in lists.

use super::super::FakeTwilio;
use super::*;

async fn text(fake: &FakeTwilio, sender: (&str, &str)) -> (u16, u64) {
    fake.post(MESSAGES, &[("To", THEIRS), sender, ("Body", "Hello")]).await.code()
}

#[tokio::test]
async fn stop_binds_the_pool_until_start() {
    let receiver = Receiver::start().await;
    let fake = fake().await;
    let url = format!("{}/inbound", receiver.url);
    let check = async |body: &str, expect: (u16, u64)| {
        assert_eq!(fake.inbound(THEIRS, OURS, body, &url).await.unwrap().0, 204);
        assert_eq!(text(&fake, ("From", OURS)).await, expect, "{body}");
        assert_eq!(text(&fake, ("MessagingServiceSid", MESSAGING)).await, expect, "{body}");
    };
    check("please stop", (201, 0)).await;
    check(" Stop ", (400, 21610)).await;
    check("HELP", (400, 21610)).await;
    check("unstop", (201, 0)).await;
    check("QUIT", (400, 21610)).await;
    check("yes", (201, 0)).await;
    let seen = receiver.seen();
    assert!(seen.iter().all(|seen| seen.valid && seen.get("OptOutType").is_none()));
    let first = &seen[1];
    assert_eq!((first.get("Body"), first.get("From"), first.get("To")), (Some(" Stop "), Some(THEIRS), Some(OURS)));
    assert_eq!((first.get("NumMedia"), first.get("MessagingServiceSid")), (Some("0"), Some(MESSAGING)));
    assert_eq!(first.get("SmsMessageSid"), first.get("MessageSid"));
    fake.change(|settings| settings.advanced_opt_out = true);
    fake.inbound(THEIRS, OURS, "STOP", &url).await.unwrap();
    assert_eq!(receiver.seen().pop().unwrap().get("OptOutType"), Some("STOP"));
    let calls = fake.post(CALLS, &[("To", THEIRS), ("From", OURS), ("Twiml", "<Response/>")]).await;
    assert_eq!(calls.status, 201, "an opt-out is about messages");
    assert!(fake.inbound(THEIRS, "+13125550999", "STOP", &url).await.is_err());
}

#[tokio::test]
async fn without_a_service_stop_binds_one_number() {
    let receiver = Receiver::start().await;
    let fake = fake().await;
    fake.change(|settings| {
        settings.accounts[0].messaging_services.clear();
        settings.accounts[0].numbers.push("+13125550101".to_owned());
    });
    fake.inbound(THEIRS, OURS, "STOPALL", &receiver.url).await.unwrap();
    assert_eq!(text(&fake, ("From", OURS)).await, (400, 21610));
    assert_eq!(text(&fake, ("From", "+13125550101")).await, (201, 0));
}

#[tokio::test]
async fn a_toll_free_stop_shows_at_delivery_and_yes_does_not_undo_it() {
    let receiver = Receiver::start().await;
    let fake = fake().await;
    fake.change(|settings| {
        settings.accounts[0].messaging_services.clear();
        settings.accounts[0].numbers = vec!["+18885550100".to_owned()];
    });
    let check = async |body: &str, expect: Option<u32>| {
        fake.inbound(THEIRS, "+18885550100", body, &receiver.url).await.unwrap();
        assert_eq!(text(&fake, ("From", "+18885550100")).await, (201, 0), "{body}");
        fake.idle().await;
        assert_eq!(fake.accepted().pop().unwrap().error_code, expect, "{body}");
    };
    check("STOP", Some(30004)).await;
    check("YES", Some(30004)).await;
    check("START", None).await;
}

#[tokio::test]
async fn lists_hold_what_was_received_and_replied() {
    let receiver = Receiver::start().await;
    let fake = fake().await;
    fake.inbound(THEIRS, OURS, "STOP", &receiver.url).await.unwrap();
    let directions = async |to: &str| {
        let rows = fake.get(&format!("{MESSAGES}?To=%2B{to}")).await.json["messages"].as_array().unwrap().clone();
        rows.iter().map(|row| row["direction"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(directions("13125550100").await, ["inbound"]);
    assert_eq!(directions("13125550142").await, ["outbound-reply"]);
    assert!(fake.accepted().is_empty() && fake.requests() == 0);
}
