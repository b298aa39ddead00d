//! Asking for texts and calls: what leaves.

use super::far_end::{FarEnd, Step};
use super::{AC, CA, CALLBACK, MG, SM, account, client, number, text, text_by};
use crate::twilio::codes::Class;
use crate::twilio::{ApiKey, NewCall, NewMessage, Reply, Sender};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

#[tokio::test]
async fn a_text_as_twilio_wants_it() {
    let far_end = FarEnd::answering(201, &json!({"sid": SM, "status": "accepted"}));
    let Reply::Accepted(resource) = text(&far_end.url()).await else { panic!() };
    assert_eq!((resource.sid.as_str(), resource.status.as_str()), (SM, "accepted"));

    let request = &far_end.received()[0];
    assert_eq!(request.line, format!("POST /2010-04-01/Accounts/{AC}/Messages.json HTTP/1.1"));
    assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
    let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("{AC}:token-current")));
    assert_eq!(request.header("authorization"), Some(basic.as_str()));
    let expect = [
        ("To", "+13125550142"),
        ("MessagingServiceSid", MG),
        ("Body", "Hola Zoë & co"),
        ("StatusCallback", CALLBACK),
        ("ValidityPeriod", "3600"),
    ];
    assert_eq!(request.form(), expect.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test]
async fn a_number_an_api_key_and_a_base_url_with_a_path() {
    let far_end = FarEnd::answering(201, &json!({"sid": SM, "status": "queued"}));
    let mut account = account(&format!("{}/behind/", far_end.url()));
    account.api_key = Some(ApiKey { sid: "SKkey".into(), secret: "s:ecret".into() });
    account.sender = Some(Sender::Number("+15005550006".into()));
    let to = number("+13125550142");
    let message = NewMessage { to: &to, body: "hi", status_callback: CALLBACK, validity_seconds: 1_000_000 };
    assert!(matches!(client().create_message(&account, &message).await, Reply::Accepted(_)));

    let request = &far_end.received()[0];
    assert!(request.line.starts_with("POST /behind/2010-04-01/Accounts/AC"), "{}", request.line);
    assert_eq!(request.header("authorization"), Some("Basic U0trZXk6czplY3JldA==")); // SKkey:s:ecret
    assert_eq!(request.values("From"), ["+15005550006"]);
    assert_eq!(request.values("MessagingServiceSid"), [""; 0]);
    assert_eq!(request.values("ValidityPeriod"), ["36000"]);
}

#[tokio::test]
async fn a_call_asks_for_each_event_by_a_repeated_key() {
    let far_end = FarEnd::answering(201, &json!({"sid": CA, "status": "queued"}));
    let to = number("+13125550142");
    let call = NewCall { to: &to, twiml: "<Response/>", status_callback: CALLBACK };
    assert!(matches!(client().create_call(&account(&far_end.url()), &call).await, Reply::Accepted(_)));

    let request = &far_end.received()[0];
    assert!(request.line.ends_with("/Calls.json HTTP/1.1"), "{}", request.line);
    let events = "StatusCallbackEvent=initiated&StatusCallbackEvent=ringing&StatusCallbackEvent=answered\
                  &StatusCallbackEvent=completed";
    assert!(request.body.contains(events), "{}", request.body);
    assert_eq!(request.values("From"), ["+15005550006"]);
    assert_eq!(request.values("Twiml"), ["<Response/>"]);
    assert_eq!(request.values("MachineDetection"), ["Enable"]);
}

#[tokio::test]
async fn an_account_without_a_sender_asks_nothing() {
    let far_end = FarEnd::new(vec![]);
    let mut account = account(&far_end.url());
    (account.sender, account.voice_from_number) = (None, None);
    let to = number("+13125550142");
    let refused = Reply::Refused { code: None, status: None, class: Class::Config };
    let message = NewMessage { to: &to, body: "hi", status_callback: CALLBACK, validity_seconds: 60 };
    assert_eq!(client().create_message(&account, &message).await, refused);
    let call = NewCall { to: &to, twiml: "<Response/>", status_callback: CALLBACK };
    assert_eq!(client().create_call(&account, &call).await, refused);
    assert_eq!(text("no url").await, refused);
}

#[tokio::test]
async fn a_connection_is_never_used_twice() {
    let yes = || Step::Answer(201, "", json!({"sid": SM, "status": "queued"}).to_string());
    let far_end = FarEnd::new(vec![yes(), yes()]);
    let client = client();
    for _ in 0..2 {
        assert!(matches!(text_by(&client, &far_end.url()).await, Reply::Accepted(_)));
    }
    let received = far_end.received();
    assert_ne!(received[0].peer, received[1].peer);
}
