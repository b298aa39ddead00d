//! Creating and fetching messages: who may, what is taken, what is refused.

use super::super::Kind;
use super::*;

const TEXT: [(&str, &str); 3] = [("To", THEIRS), ("From", OURS), ("Body", "Hello")];

#[tokio::test]
async fn an_accepted_message_looks_like_twilios() {
    let fake = fake().await;
    hold(&fake);
    let answer = fake.post(MESSAGES, &TEXT).await;
    assert_eq!((answer.status, answer.content_type.as_str()), (201, "application/json"));
    let sid = answer.str("sid").to_owned();
    assert!(sid.starts_with("SM") && sid.len() == 34 && sid[2..].bytes().all(|byte| byte.is_ascii_hexdigit()));
    let expect = serde_json::json!({
        "account_sid": ACCOUNT, "api_version": "2010-04-01", "body": "Hello",
        "date_created": "Wed, 04 Mar 2026 12:00:00 +0000", "date_sent": null, "date_updated": "Wed, 04 Mar 2026 12:00:00 +0000",
        "direction": "outbound-api", "error_code": null, "error_message": null, "from": OURS, "num_media": "0",
        "num_segments": "1", "price": null, "price_unit": null, "messaging_service_sid": null, "sid": sid, "status": "queued",
        "subresource_uris": {"media": format!("/2010-04-01/Accounts/{ACCOUNT}/Messages/{sid}/Media.json")}, "to": THEIRS,
        "uri": format!("/2010-04-01/Accounts/{ACCOUNT}/Messages/{sid}.json"),
    });
    assert_eq!(answer.json, expect);
    let again = fake.post(MESSAGES, &TEXT).await;
    assert_ne!(again.str("sid"), sid);
}

#[tokio::test]
async fn segments_are_counted_as_they_are_on_the_air() {
    let fake = fake().await;
    let check = async |body: &str, expect: &str| {
        let answer = fake.post(MESSAGES, &[TEXT[0], TEXT[1], ("Body", body)]).await;
        assert_eq!(answer.str("num_segments"), expect, "{body}");
    };
    check(&"é".repeat(160), "1").await; // GSM-7 has it
    check(&"{".repeat(80), "1").await; // which takes two septets for this
    check(&"{".repeat(81), "2").await;
    check(&"ç".repeat(71), "2").await; // and has no such letter
}

#[tokio::test]
async fn the_first_status_goes_by_the_sender() {
    let fake = fake().await;
    hold(&fake);
    let service = [("To", THEIRS), ("MessagingServiceSid", MESSAGING), ("Body", "Hello")];
    let answer = fake.post(MESSAGES, &service).await;
    assert_eq!(
        (answer.str("status"), answer.str("num_segments"), &answer.json["from"]),
        ("accepted", "0", &Value::Null)
    );
    assert_eq!(answer.str("messaging_service_sid"), MESSAGING);

    let scheduled = [&service[..], &[("ScheduleType", "fixed"), ("SendAt", "2026-03-04T13:00:00Z")]].concat();
    let answer = fake.post(MESSAGES, &scheduled).await;
    assert_eq!(answer.str("status"), "scheduled");
    let path = answer.str("uri").to_owned();
    assert_eq!(fake.post(&path, &[("Body", "")]).await.str("body"), "");
    assert_eq!(fake.post(&path, &[("Status", "canceled")]).await.str("status"), "canceled");
    assert_eq!(fake.post(&path, &[("Status", "canceled")]).await.code(), (400, 20001));

    let too_soon = [&service[..], &[("ScheduleType", "fixed"), ("SendAt", "2026-03-04T12:04:00Z")]].concat();
    assert_eq!(fake.post(MESSAGES, &too_soon).await.code(), (400, 35111));
}

#[tokio::test]
async fn only_the_account_and_its_keys_may_ask() {
    let fake = fake().await;
    let check = async |user: &str, password: &str, path: &str, expect: (u16, u64)| {
        let request = client().get(format!("{}{path}", fake.base_url())).basic_auth(user, Some(password));
        assert_eq!(answered(request).await.unwrap().code(), expect, "{user} {path}");
    };
    let account = format!("/2010-04-01/Accounts/{ACCOUNT}.json");
    check(ACCOUNT, TOKEN, &account, (200, 0)).await;
    check(KEY, "secret-of-a-key", &account, (200, 0)).await;
    check(ACCOUNT, "secret-of-a-key", &account, (401, 20003)).await;
    check(KEY, TOKEN, &account, (401, 20003)).await;
    check("AC00000000000000000000000000000002", TOKEN, &account, (401, 20003)).await;
    check(ACCOUNT, TOKEN, "/2010-04-01/Accounts/AC00000000000000000000000000000002.json", (404, 20404)).await;
    check(ACCOUNT, TOKEN, &format!("/v1/Services/{MESSAGING}"), (200, 0)).await;
    check(ACCOUNT, TOKEN, "/v1/Services/MG00000000000000000000000000000002", (404, 20404)).await;
    check(ACCOUNT, TOKEN, &format!("/v2/Services/{VERIFY}"), (200, 0)).await;
    check(ACCOUNT, TOKEN, "/2010-04-01/Nothing.json", (404, 20404)).await;
    let request = client().delete(format!("{}{MESSAGES}", fake.base_url())).basic_auth(ACCOUNT, Some(TOKEN));
    assert_eq!(answered(request).await.unwrap().code(), (405, 20004));
    let request = client().post(format!("{}{MESSAGES}", fake.base_url()));
    let answer = answered(request).await.unwrap();
    assert_eq!(answer.str("message"), "Authenticate");
    assert_eq!(answer.str("more_info"), "https://www.twilio.com/docs/errors/20003");
    assert_eq!(fake.requests(), 1, "a refused request counts as a request, a DELETE or GET doesn't");

    fake.change(|settings| "a-new-token".clone_into(&mut settings.accounts[0].auth_token));
    check(ACCOUNT, TOKEN, &account, (401, 20003)).await;
    check(ACCOUNT, "a-new-token", &account, (200, 0)).await;
}

#[tokio::test]
async fn numbers_of_the_account_can_be_listed() {
    let fake = fake().await;
    let path = format!("/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json");
    let numbers = fake.get(&format!("{path}?PhoneNumber=%2B13125550100")).await;
    assert_eq!(numbers.json["incoming_phone_numbers"][0]["phone_number"], OURS);
    let none = fake.get(&format!("{path}?PhoneNumber=%2B13125550101")).await;
    assert_eq!(none.json["incoming_phone_numbers"], serde_json::json!([]));
}

#[tokio::test]
async fn parameters_are_judged() {
    let fake = fake().await;
    let check = async |change: &[(&str, &str)], expect: (u16, u64)| {
        // A name with a leading minus is taken out; any other is put in place of its namesakes.
        let named = |name: &str| change.iter().any(|(changed, _)| changed.trim_start_matches('-') == name);
        let mut form: Vec<(&str, &str)> = TEXT.iter().filter(|(name, _)| !named(name)).copied().collect();
        form.extend(change.iter().filter(|(name, _)| !name.starts_with('-')));
        assert_eq!(fake.post(MESSAGES, &form).await.code(), expect, "{change:?}");
    };
    let long = "a".repeat(1601);
    check(&[("-To", "")], (400, 21604)).await;
    check(&[("To", "3125550142")], (400, 21211)).await;
    check(&[("-From", "")], (400, 21603)).await;
    check(&[("From", "+13125550999")], (400, 21606)).await;
    check(&[("From", "hospital")], (400, 21212)).await;
    check(&[("MessagingServiceSid", "MG00000000000000000000000000000002")], (404, 21701)).await;
    check(&[("MessagingServiceSid", "MG1")], (400, 21705)).await;
    check(&[("MessagingServiceSid", MESSAGING)], (201, 0)).await;
    check(&[("From", "+13125550999"), ("MessagingServiceSid", MESSAGING)], (400, 21606)).await;
    check(&[("-Body", "")], (400, 21602)).await;
    check(&[("Body", "")], (400, 21602)).await;
    check(&[("-Body", ""), ("MediaUrl", "https://a.example/1"), ("MediaUrl", "https://a.example/2")], (201, 0)).await;
    check(&[("-Body", ""), ("ContentSid", "HX1")], (201, 0)).await;
    check(&[("Body", &long)], (400, 21617)).await;
    check(&[("Body", &long[1..])], (201, 0)).await;
    check(&[("MediaUrl", "https://a.example/1"); 11], (400, 20001)).await;
    check(&[("ValidityPeriod", "0")], (400, 21624)).await;
    check(&[("ValidityPeriod", "36001")], (400, 21624)).await;
    check(&[("ValidityPeriod", "soon")], (400, 21624)).await;
    check(&[("ValidityPeriod", "36000")], (201, 0)).await;
    check(&[("StatusCallback", "https://call_back.example/x")], (400, 21609)).await;
    check(&[("StatusCallback", "/relative")], (400, 21609)).await;
    check(&[("StatusCallback", "http://localhost:1/x_y")], (201, 0)).await;
    check(&[("Surprise", "ignored"), ("SmartEncoded", "true")], (201, 0)).await;
    check(&[("To", "+15005550001")], (400, 21211)).await;
    check(&[("To", "+15005550002")], (400, 21612)).await;
    check(&[("To", "+15005550003")], (400, 21408)).await;
    check(&[("To", "+15005550004")], (400, 21610)).await;
    check(&[("To", "+15005550009")], (400, 21614)).await;
}

#[tokio::test]
async fn only_forms_are_read() {
    let fake = fake().await;
    let url = format!("{}{MESSAGES}", fake.base_url());
    let body = serde_json::json!({"To": THEIRS, "From": OURS, "Body": "Hello"}).to_string();
    let request =
        client().post(url).basic_auth(ACCOUNT, Some(TOKEN)).header("content-type", "application/json").body(body);
    assert_eq!(answered(request).await.unwrap().code(), (400, 21604));
}

#[tokio::test]
async fn without_json_in_the_path_the_answer_is_xml() {
    let fake = fake().await;
    let answer =
        fake.post(MESSAGES.trim_end_matches(".json"), &[("To", THEIRS), ("From", OURS), ("Body", "a < b")]).await;
    assert_eq!((answer.status, answer.content_type.as_str()), (201, "application/xml"));
    assert!(answer.text.contains("<Body>a &lt; b</Body>"), "{}", answer.text);
    assert_eq!(fake.accepted().len(), 1);
}

#[tokio::test]
async fn test_credentials_send_nothing() {
    let fake = fake().await;
    fake.change(|settings| settings.test_credentials = true);
    let check = async |path: &str, from: &str, to: &str, expect: (u16, u64)| {
        let answer = fake.post(path, &[("To", to), ("From", from), ("Body", "Hello"), ("Twiml", "<Response/>")]).await;
        assert_eq!(answer.code(), expect, "{path} {from} {to}");
    };
    check(MESSAGES, "+15005550006", THEIRS, (201, 0)).await;
    check(MESSAGES, "+15005550001", THEIRS, (400, 21212)).await;
    check(MESSAGES, "+15005550007", THEIRS, (400, 21606)).await;
    check(MESSAGES, "+15005550008", THEIRS, (429, 21611)).await;
    check(MESSAGES, OURS, THEIRS, (400, 21606)).await;
    check(CALLS, "+15005550006", THEIRS, (201, 0)).await;
    check(CALLS, "+15005550001", THEIRS, (400, 21212)).await;
    check(CALLS, OURS, THEIRS, (400, 21210)).await;
    check(CALLS, "+15005550006", "+15005550004", (400, 21216)).await;
    assert_eq!(fake.get(MESSAGES).await.code(), (403, 20008));
    assert_eq!(fake.post(&format!("/v2/Services/{VERIFY}/Verifications"), &[]).await.code(), (403, 20008));
    assert!(fake.accepted().is_empty());
}

#[tokio::test]
async fn a_life_ends_delivered_or_with_the_code_of_the_number() {
    let fake = fake().await;
    fake.change(|settings| {
        settings.undeliverable.insert("+13125550106".to_owned(), 30006);
        settings.undeliverable.insert("+13125550101".to_owned(), 30001);
    });
    let check = async |to: &str, expect_status: &str, expect_code: Value, sent: bool| {
        let answer = fake.post(MESSAGES, &[("To", to), ("MessagingServiceSid", MESSAGING), ("Body", "Hello")]).await;
        fake.idle().await;
        let fetched = fake.get(answer.str("uri")).await;
        assert_eq!((fetched.str("status"), &fetched.json["error_code"]), (expect_status, &expect_code), "{to}");
        assert_eq!(fetched.json["date_sent"].is_string(), sent, "{to}");
        assert_eq!((fetched.str("from"), fetched.str("num_segments")), (OURS, "1"), "{to}");
    };
    check(THEIRS, "delivered", Value::Null, true).await;
    check("+13125550106", "undelivered", 30006.into(), true).await;
    check("+13125550101", "failed", 30001.into(), false).await;
    let missing = MESSAGES.replace(".json", "/SM00000000000000000000000000000009.json");
    assert_eq!(fake.get(&missing).await.code(), (404, 20404));
}

#[tokio::test]
async fn every_accepted_post_is_counted() {
    let fake = fake().await;
    let to_a =
        [("To", THEIRS), ("From", OURS), ("Body", "A"), ("StatusCallback", "http://127.0.0.1:9/s?n=aa-1&a=1#rc=0")];
    let to_b = [("To", THEIRS), ("From", OURS), ("Body", "B"), ("StatusCallback", "http://127.0.0.1:9/s?n=bb-2&a=2")];
    fake.post(MESSAGES, &to_a).await;
    fake.post(MESSAGES, &to_b).await;
    assert!(fake.doubled().is_empty());
    fake.post(MESSAGES, &to_b).await;
    fake.post(MESSAGES, &[("To", THEIRS)]).await;
    assert_eq!(fake.requests(), 4);
    assert_eq!(fake.accepted_per_notification(), [("aa-1".to_owned(), 1), ("bb-2".to_owned(), 2)].into());
    assert_eq!(fake.accepted_per_text()[&(THEIRS.to_owned(), "B".to_owned())], 2);
    let doubled = fake.doubled();
    assert_eq!(doubled.notifications, [("bb-2".to_owned(), 2)].into());
    assert_eq!(doubled.texts.len(), 1);
    let last = fake.accepted().pop().unwrap();
    assert_eq!((last.kind, last.to.as_str(), last.body.as_str()), (Kind::Message, THEIRS, "B"));
    assert_eq!((last.notification.as_deref(), last.attempt.as_deref()), (Some("bb-2"), Some("2")));
    assert!(!format!("{last:?} {doubled:?}").contains(THEIRS));
}
