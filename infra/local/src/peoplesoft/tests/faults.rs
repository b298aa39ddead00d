//! Every fault, as a plain client sees it, and when faults happen.

use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// What a fault does to a request: the answer, or `None` if there is no whole one.
async fn spoiled(fault: Fault, url: &str) -> Option<Got> {
    let fake = plain().await;
    fake.faults().set(Rule::always(fault));
    let response = try_get(&fake, url).await.ok()?;
    let status = response.status().as_u16();
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    response.text().await.ok().map(|body| Got { status, content_type, body })
}

#[tokio::test]
async fn faults_replace_the_answer() {
    let check = async |fault: Fault, status: u16, content_type: &str, body: &str| {
        let got = spoiled(fault.clone(), &day("")).await.unwrap();
        assert_eq!((got.status, got.content_type.as_str()), (status, content_type), "{fault:?}");
        assert!(got.body.contains(body), "{fault:?}: {}", got.body);
    };
    let (json, xml, html, plain) = (answer::JSON, answer::XML, answer::HTML, answer::PLAIN);
    let element = |set, id| Fault::Broker { status: 200, set, id, message_set: MessageSet::Element };
    check(Fault::Redirect { status: 302, location: "https://sso.example.org/".to_owned() }, 302, html, "Moved").await;
    for status in [202, 400, 401, 403, 404, 429, 500, 502, 503] {
        check(Fault::status(status), status, plain, "says no").await;
    }
    check(Fault::broker(500, 158, 10721), 500, xml, "External System Contact Error (158,10721)]]>").await;
    check(
        Fault::broker(200, 158, 45),
        200,
        xml,
        "<StatusCode>20</StatusCode><MessageID>45</MessageID><DefaultMessage>",
    )
    .await;
    check(Fault::broker(200, 159, 5), 200, xml, "Expected end of tag 'data' (159,5)").await;
    check(Fault::broker(200, 30, 9), 200, xml, "(30,9)").await;
    check(element(158, 536), 200, xml, "<MessageSet>158</MessageSet><MessageID>536</MessageID>").await;
    check(element(158, 10001), 200, xml, "(-1,-1)").await;
    check(Fault::BrokerSuccess, 200, xml, "<IBResponse type=\"success\">").await;
    check(Fault::SoapFault { set: 158, id: 55 }, 200, xml, "<SOAP-ENV:Fault><faultcode>").await;
    check(Fault::SoapFault { set: 158, id: 55 }, 200, xml, "<IBResponse xmlns=\"\" type=\"error\">").await;
    check(Fault::Html, 200, html, "<html>Login required</html>").await;
    check(Fault::Empty, 200, json, "").await;
    check(Fault::Blank, 200, json, "\n").await;
    check(Fault::ContentType("text/plain".to_owned()), 200, "text/plain", r#""status":"success""#).await;
    check(Fault::NotSuccess, 200, json, r#"{"status":"error","#).await;
    check(Fault::RowsMissing, 200, json, r#""numrows":3,"queryname=":"ML_SHIFTS"}"#).await;
    check(Fault::NumrowsOff(2), 200, json, r#""numrows":5,"#).await;
    check(Fault::NumrowsOff(-1), 200, json, r#""numrows":2,"#).await;
    check(Fault::NumrowsOff(-9), 200, json, r#""numrows":4,"#).await;
    assert!(spoiled(Fault::Empty, &day("")).await.unwrap().body.is_empty());
    let half = spoiled(Fault::Unparseable, &day("")).await.unwrap().body;
    let more = spoiled(Fault::Trailing("}".to_owned()), &day("")).await.unwrap().body;
    assert!(more.ends_with("}}") && serde_json::from_str::<serde_json::Value>(&more).is_err());
    assert!(half.starts_with(r#"{"status":"#) && serde_json::from_str::<serde_json::Value>(&half).is_err());
}

#[tokio::test]
async fn faults_spoil_xml_too() {
    let check = async |fault: Fault, body: &str| {
        let got = spoiled(fault.clone(), &day_xml()).await.unwrap();
        assert_eq!((got.status, got.content_type.as_str()), (200, answer::XML), "{fault:?}");
        assert!(got.body.contains(body), "{fault:?}: {}", got.body);
    };
    check(Fault::NotSuccess, "(158,10001)").await;
    check(Fault::RowsMissing, "<query numrows='3' queryname='ML_SHIFTS' ").await;
    check(Fault::NumrowsOff(1), r#"numrows="4""#).await;
    let half = spoiled(Fault::Unparseable, &day_xml()).await.unwrap().body;
    assert!(half.starts_with("<?xml") && !half.contains("</QAS_GETQUERYRESULTS_RESP_MSG>"));
}

#[tokio::test]
async fn retry_after_and_location_are_sent() {
    let fake = plain().await;
    fake.faults().set(Rule::next(1, Fault::Status { status: 503, retry_after: Some("30".to_owned()) }));
    fake.faults().set(Rule::next(1, Fault::Redirect { status: 307, location: "/login".to_owned() }));
    assert_eq!(try_get(&fake, &day("")).await.unwrap().headers()["retry-after"], "30");
    assert_eq!(try_get(&fake, &day("")).await.unwrap().headers()["location"], "/login");
}

#[tokio::test]
async fn a_reset_connection_brings_no_answer() {
    let fake = plain().await;
    fake.faults().set(Rule::next(1, Fault::Reset));
    let error = try_get(&fake, &day("")).await.unwrap_err();
    let mut cause: Option<&dyn std::error::Error> = Some(&error);
    let reset = std::iter::from_fn(|| {
        let this = cause?;
        cause = this.source();
        Some(this.downcast_ref::<io::Error>().map(io::Error::kind))
    });
    assert!(reset.flatten().any(|kind| kind == io::ErrorKind::ConnectionReset), "{error:?}");
    assert_eq!(get(&fake, &day("")).await.status, 200);
}

#[tokio::test]
async fn a_cut_off_body_begins_well() {
    let fake = plain().await;
    let whole = get(&fake, &day("")).await.body.len();
    fake.faults().set(Rule::next(1, Fault::CutOff));
    let mut response = try_get(&fake, &day("")).await.unwrap();
    assert_eq!(response.content_length(), Some(whole as u64));
    let mut read = 0;
    let end = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => read += chunk.len(),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    assert_eq!(read, whole / 2);
    assert!(end.is_err());
}

#[tokio::test]
async fn a_hang_lasts_until_the_caller_leaves_or_the_fake_stops() {
    let fake = plain().await;
    fake.faults().set(Rule::always(Fault::Hang));
    let url = format!("{}/{}", fake.base_url(), day(""));
    let until_asked = async |times| {
        while fake.count(Alias::ExecuteQuery, None) < times {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        answer = reqwest::get(&url) => panic!("{answer:?}"),
        () = until_asked(1) => {} // and the caller leaves
    }
    let waiting = tokio::spawn(reqwest::get(url));
    until_asked(2).await;
    drop(fake);
    assert!(waiting.await.unwrap().is_err());
}

#[tokio::test]
async fn a_query_whose_caller_left_runs_on_for_as_long_as_the_gateway_lets_it() {
    let seconds = Arc::new(AtomicI64::new(0));
    let told = Arc::clone(&seconds);
    let now = move || noon() + jiff::SignedDuration::from_secs(told.load(Ordering::SeqCst));
    let fake = fake(Settings::new(now)).await;
    let url = format!("{}/{}", fake.base_url(), day(""));
    let leaves = async |already: usize| {
        fake.faults().set(Rule::next(1, Fault::Hang));
        let asked = async {
            while fake.count(Alias::ExecuteQuery, None) <= already {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            answer = reqwest::get(&url) => panic!("{answer:?}"),
            () = asked => {}
        }
    };
    leaves(0).await;
    assert_eq!(fake.parallel_maximum(), 1);
    seconds.store(300, Ordering::SeqCst);
    assert_eq!(get(&fake, &day("")).await.status, 200);
    assert_eq!(fake.parallel_maximum(), 1);
    leaves(2).await;
    seconds.store(599, Ordering::SeqCst);
    assert_eq!(get(&fake, &day("")).await.status, 200);
    assert_eq!(fake.parallel_maximum(), 2);
}

#[tokio::test]
async fn a_slow_answer_is_right() {
    let fake = plain().await;
    fake.faults().set(Rule::next(1, Fault::Slow(Duration::from_millis(120))));
    let begin = std::time::Instant::now();
    assert_eq!(get(&fake, &day("")).await.status, 200);
    assert!(begin.elapsed() >= Duration::from_millis(120));
}

#[tokio::test]
async fn rules_apply_in_order_by_number_alias_and_query() {
    let fake = plain().await;
    let fields = "QueryFields.v1/public/ML_SHIFTS?isconnectedquery=N";
    fake.faults().set(Rule::next(2, Fault::status(503)).on(Alias::ExecuteQuery));
    fake.faults().set(Rule::always(Fault::status(403)).for_query("OTHER"));
    fake.faults().set(Rule::next(1, Fault::status(500)));
    assert_eq!(get(&fake, fields).await.status, 500);
    assert_eq!(get(&fake, fields).await.status, 200);
    assert_eq!(get(&fake, &day("")).await.status, 503);
    assert_eq!(get(&fake, &day("")).await.status, 503);
    assert_eq!(get(&fake, &day("")).await.status, 200);
    assert_eq!(get(&fake, &day("").replace("ML_SHIFTS", "OTHER")).await.status, 403);
    fake.faults().clear();
    assert_eq!(get(&fake, &day("").replace("ML_SHIFTS", "OTHER")).await.status, 400);
}

#[tokio::test]
async fn probability_follows_the_seed() {
    let pattern = async |seed: u64| {
        let fake = fake(Settings { seed, ..Settings::new(noon) }).await;
        fake.faults().set(Rule::sometimes(0.5, Fault::status(500)));
        let mut statuses = Vec::new();
        for _ in 0..24 {
            statuses.push(get(&fake, &day("")).await.status);
        }
        statuses
    };
    let first = pattern(1).await;
    assert!(first.contains(&200) && first.contains(&500));
    assert_eq!(pattern(1).await, first);
    assert_ne!(pattern(2).await, first);
}

#[tokio::test]
async fn the_token_endpoint_can_fail_as_well() {
    let fake = fake(Settings { oauth2: Some(OAuth2::new("id", "secret")), ..Settings::new(noon) }).await;
    fake.faults().set(Rule::next(1, Fault::status(503)).on(Alias::Token));
    let ask = || {
        Client::new()
            .post(fake.token_url())
            .basic_auth("id", Some("secret"))
            .body("grant_type=client_credentials")
            .send()
    };
    assert_eq!(ask().await.unwrap().status(), 503);
    assert_eq!(ask().await.unwrap().status(), 200);
}

#[test]
fn every_class_has_faults() {
    let classes: Vec<Class> = Fault::classified().into_iter().map(|(_, class)| class).collect();
    for class in [
        Class::Unavailable,
        Class::Misconfigured,
        Class::Credentials,
        Class::Permission,
        Class::Query,
        Class::NotSuccess,
        Class::Incomplete,
    ] {
        assert!(classes.contains(&class), "{class:?}");
    }
}

#[tokio::test]
async fn dropping_the_fake_closes_its_port() {
    let fake = plain().await;
    let url = format!("{}/{}", fake.base_url(), day(""));
    drop(fake);
    while reqwest::get(&url).await.is_ok() {
        tokio::task::yield_now().await;
    }
}
