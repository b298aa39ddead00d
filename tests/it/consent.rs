//! Consent: STOP and START by keyword and by Twilio's own reading, 21610 at creation and in callbacks, and what outranks what.

use crate::stage::{ACCOUNT, Stage, phone};
use send::request::CALLBACK_OVERRIDES;
use shared::ledger::consent::Said;
use shared::notification::State;
use shared::phone::Channel;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn whoever_opts_out_is_neither_texted_nor_called_until_they_opt_in() {
    let stage = Stage::new().await;
    let (tenant, other) = (stage.tenant("one", |_| ()), stage.tenant("other", |_| ()));
    let number = phone(800);
    let to = |created: &mut shared::notification::Created| created.to = Some(number.clone());
    for (words, sent) in [
        ("Thanks!", true),
        ("please stop", true),
        (" Stop ", false),
        ("Thanks!", false),
        ("HELP", false),
        ("start", true),
        ("OPTOUT", false),
        ("unstop", true),
        ("Cancel", false),
        ("YES", true),
    ] {
        stage.texts(&tenant, &number, words).await;
        let text = stage.create(&tenant, to).await;
        let call = stage.create(&tenant, |created| {
            to(created);
            created.channel = Channel::Voice;
        });
        let call = call.await;
        stage.minutes(&tenant, 0).await;
        let expect = if sent { (State::Delivered, 1) } else { (State::Suppressed, 0) };
        for id in [&text, &call] {
            assert_eq!((stage.state(&tenant, id).await, stage.accepted(id)), expect, "after {words:?}");
        }
        // Opting out is between a person and one tenant. Both share an account here, so the call shows it and a text would not.
        let elsewhere = stage.create(&other, |created| {
            to(created);
            created.channel = Channel::Voice;
        });
        let elsewhere = elsewhere.await;
        stage.minutes(&other, 0).await;
        assert_eq!(stage.accepted(&elsewhere), 1, "after {words:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twilios_own_reading_of_a_text_comes_before_its_words() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("advanced", |_| ());
    let document = stage.document(&tenant).await;
    let number = phone(801);
    for (body, opt_out_type, expect) in [
        ("ARRETE", "STOP", true),
        ("stop", "HELP", true),
        ("Reprendre", "START", false),
        ("START", "STOP", true),
        ("STOP", "START", false),
    ] {
        stage.time.pass(Duration::from_secs(1));
        let sid = format!("SM{:032x}", stage.time.now().as_second());
        let params = [
            ("AccountSid", ACCOUNT),
            ("MessageSid", sid.as_str()),
            ("From", number.e164()),
            ("To", crate::stage::OUR_NUMBER),
            ("Body", body),
            ("OptOutType", opt_out_type),
        ];
        assert_eq!(stage.post(&format!("/twilio/{tenant}/inbound"), &params).await, 200);
        let opted_out = stage.ledger.has_opted_out(&document, &number).await.unwrap();
        assert_eq!(opted_out, expect, "{body} read as {opt_out_type}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_from_something_that_is_no_phone_is_taken_and_says_nothing() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("short", |_| ());
    for from in ["24273", "ACMEBANK", "whatsapp:+13125550142", ""] {
        let params = [
            ("AccountSid", ACCOUNT),
            ("MessageSid", "SM0123456789abcdef0123456789abcdef"),
            ("From", from),
            ("To", crate::stage::OUR_NUMBER),
            ("Body", "Your code is on its way"),
        ];
        assert_eq!(stage.post(&format!("/twilio/{tenant}/inbound"), &params).await, 200, "{from:?}");
    }
    assert_eq!(stage.items().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_somebody_texts_is_recorded_without_its_words_and_answered_with_silence() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("silence", |_| ());
    for (index, body) in ["STOP", "START", "HELP", "When is my shift?", ""].into_iter().enumerate() {
        let sid = format!("SM{index:032x}");
        let (number, ours) = (phone(805), crate::stage::OUR_NUMBER);
        let params =
            [("AccountSid", ACCOUNT), ("MessageSid", &sid), ("From", number.e164()), ("To", ours), ("Body", body)];
        let answer = stage.answer(&format!("/twilio/{tenant}/inbound"), &params).await;
        assert_eq!(answer.status().as_u16(), 200);
        assert_eq!(answer.headers()["content-type"], "text/xml; charset=utf-8");
        let silence = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response></Response>";
        assert_eq!(answer.text().await.unwrap(), silence, "{body}");
    }
    assert_eq!(stage.items().await, 5);
    let items = stage.ledger.client().scan().table_name(stage.ledger.table()).send().await.unwrap();
    assert!(!format!("{items:?}").contains("shift"), "{items:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_by_twilio_counts_as_opting_out() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("refused", |_| ());
    let number = phone(802);
    // STOP reached Twilio, and our webhook was down.
    stage.callbacks.switch(false);
    let url = format!("{}/twilio/{tenant}/inbound", stage.callbacks.url);
    stage.twilio.inbound(number.e164(), crate::stage::OUR_NUMBER, "STOP", &url).await.unwrap();
    stage.callbacks.switch(true);
    let refused = stage.create(&tenant, |created| created.to = Some(number.clone())).await;
    stage.minutes(&tenant, 0).await;
    let standing = stage.standing(&tenant, &refused).await;
    assert_eq!((standing.state, standing.reason.as_deref()), (State::Failed, Some("21610 recipient has opted out")));
    let call = |created: &mut shared::notification::Created| {
        created.to = Some(number.clone());
        created.channel = Channel::Voice;
    };
    let called = stage.create(&tenant, call).await;
    stage.minutes(&tenant, 0).await;
    assert_eq!((stage.state(&tenant, &called).await, stage.accepted(&called)), (State::Suppressed, 0));
    stage.time.pass(Duration::from_secs(1));
    stage.texts(&tenant, &number, "START").await;
    let called = stage.create(&tenant, call).await;
    stage.minutes(&tenant, 0).await;
    assert_eq!(stage.accepted(&called), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_a_callback_tells_counts_whether_or_not_it_names_the_number() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("told", |_| ());
    let document = stage.document(&tenant).await;
    for named in [true, false] {
        let id = stage.create(&tenant, |_| ()).await;
        stage.callbacks.switch(false);
        stage.send().await;
        stage.twilio.idle().await;
        stage.callbacks.switch(true);
        let number = stage.story(&tenant, &id).await.created().unwrap().to.clone().unwrap();
        let sid = stage.twilio.accepted().last().unwrap().sid.clone();
        let mut more = vec![("ErrorCode", "21610")];
        more.extend(named.then_some(("To", number.e164())));
        stage.time.pass(Duration::from_secs(1));
        assert_eq!(stage.report(&tenant, &id, 1, (&sid, "undelivered"), &more).await, 204);
        stage.sweep(&tenant).await;
        assert!(stage.ledger.has_opted_out(&document, &number).await.unwrap(), "named: {named}");
        // They opt in; the same callback, told once more, does not take that back.
        stage.time.pass(Duration::from_secs(1)); // what is said in one millisecond is in no order
        stage.texts(&tenant, &number, "START").await;
        stage.report(&tenant, &id, 1, (&sid, "undelivered"), &more).await;
        stage.time.pass(Duration::from_secs(1));
        stage.sweep_by(&stage.another_poll(), &tenant).await;
        assert!(!stage.ledger.has_opted_out(&document, &number).await.unwrap(), "named: {named}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_counts_as_of_its_attempt_however_late_it_is_told() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("as-of", |_| ());
    let document = stage.document(&tenant).await;
    for named in [true, false] {
        let number = phone(if named { 810 } else { 811 });
        // Attempted, then START, then the refusal of that attempt: they are in.
        let mut out = Vec::new();
        for _ in 0..2 {
            let id = stage.create(&tenant, |created| created.to = Some(number.clone())).await;
            stage.callbacks.switch(false);
            stage.send().await;
            stage.twilio.idle().await;
            stage.callbacks.switch(true);
            stage.time.pass(Duration::from_secs(1));
            if out.is_empty() {
                stage.texts(&tenant, &number, "START").await;
            }
            // The second one was attempted after the START, so its refusal is true.
            stage.time.pass(Duration::from_secs(1));
            let sid = stage.twilio.accepted().last().unwrap().sid.clone();
            let mut more = vec![("ErrorCode", "21610")];
            more.extend(named.then_some(("To", number.e164())));
            assert_eq!(stage.report(&tenant, &id, 1, (&sid, "undelivered"), &more).await, 204);
            stage.sweep(&tenant).await;
            out.push(stage.ledger.has_opted_out(&document, &number).await.unwrap());
            stage.time.pass(Duration::from_secs(1));
        }
        assert_eq!(out, [false, true], "named: {named}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_refusal_of_a_replayed_text_counts_again() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("twice", |_| ());
    let document = stage.document(&tenant).await;
    let number = phone(803);
    let at = |seconds: i64| stage.time.now() + jiff::SignedDuration::from_secs(seconds);
    let say = async |said, seconds, message: &str| {
        stage.ledger.append_consent(&document, &number, said, at(seconds), message).await.unwrap();
        stage.ledger.has_opted_out(&document, &number).await.unwrap()
    };
    assert!(say(Said::Blocked, 0, "n-1").await);
    assert!(!say(Said::Start, 1, "SM1").await);
    assert!(say(Said::Blocked, 2, "n-2").await);
    assert!(!say(Said::Start, 3, "SM2").await);
    // The first START, which Twilio told again because our answer was lost, is no news.
    assert!(say(Said::Stop, 4, "SM3").await);
    assert!(say(Said::Start, 5, "SM2").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_opts_out_between_two_attempts_gets_no_second() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("between", |_| ());
    let number = phone(804);
    let fault = local::twilio::Fault::before(local::twilio::Trouble::TooManyRequests(None));
    stage.twilio.change(|settings| {
        settings.faults.rules = vec![local::twilio::Rule::on_create(local::twilio::When::Always, fault)];
    });
    let id = stage.create(&tenant, |created| created.to = Some(number.clone())).await;
    stage.send().await;
    assert_eq!(stage.state(&tenant, &id).await, State::Deferred);
    stage.texts(&tenant, &number, "STOP").await;
    let asked = stage.twilio.requests();
    stage.minutes(&tenant, 20).await;
    let standing = stage.standing(&tenant, &id).await;
    assert_eq!((standing.state, standing.attempts, stage.twilio.requests()), (State::Suppressed, 1, asked));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_taken_at_the_address_that_has_twilio_try_again() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("again", |_| ());
    let url = format!("{}/twilio/{tenant}/inbound{}", stage.callbacks.url, CALLBACK_OVERRIDES);
    let (status, _) = stage.twilio.inbound(phone(0).e164(), crate::stage::OUR_NUMBER, "STOP", &url).await.unwrap();
    assert_eq!(status, 200);
    let document = stage.document(&tenant).await;
    assert!(stage.ledger.has_opted_out(&document, &phone(0)).await.unwrap());
}

/// Without its fragment one failure of ours loses a STOP for good.
#[test]
fn wherever_the_address_for_incoming_texts_is_told_it_has_twilio_try_again() {
    for file in ["README.md", "infra/README.md", "template.yaml"] {
        let text = std::fs::read_to_string(format!("{}/../{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let told: Vec<&str> = text.split("/inbound").skip(1).filter(|rest| !rest.starts_with('"')).collect();
        assert!(!told.is_empty(), "{file}");
        assert!(told.iter().all(|rest| rest.starts_with(CALLBACK_OVERRIDES)), "{file}");
    }
}
