//! Twilio's event stream: the life of a verification beside our own facts, each event once, no number whole.

use super::portal::Portal;
use local::demo::TENANT;
use serde_json::{Value, json};
use shared::ledger::verification::Event;
use shared::twilio::signature;

const ACCOUNT: &str = "AC00000000000000000000000000000001";
const TOKEN: &str = local::demo::AUTH_TOKEN;

fn sink(portal: &Portal) -> String {
    format!("{}/twilio/{TENANT}/events", portal.stack.callback_base_url())
}

async fn events(portal: &Portal, sid: Option<&str>) -> Vec<Event> {
    let (events, odd) = portal.stack.ledger().verification_events(&portal.tenant(), sid).await.unwrap();
    assert!(odd.is_empty(), "{odd:?}");
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn the_life_of_a_verification_is_on_the_ledger() {
    let portal = Portal::open().await;
    portal.demo.twilio.subscribe_events(ACCOUNT, &sink(&portal));
    let (id, number) = portal.reachable(0);
    let sid = portal.start(id).await.sid().to_owned();
    let (right, _) = portal.codes(number);
    assert!(portal.check(id, &right).await.approved());
    portal.demo.twilio.idle().await;
    let told = events(&portal, Some(&sid)).await;
    let mut words: Vec<&str> = told.iter().map(|event| event.kind.rsplit('.').next().unwrap()).collect();
    words.sort_unstable();
    assert_eq!(words, ["approved", "pending"]);
    for event in &told {
        let kept: Value = serde_json::from_str(&event.event).unwrap();
        assert_eq!((&kept["id"], &kept["data"]["verification_sid"]), (&json!(event.id), &json!(sid)));
        assert!(!event.event.contains(&number[1..]), "{event:?}");
        assert!(kept["data"]["to"].as_str().unwrap().ends_with(&number[number.len() - 2..]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_element_is_kept_once_known_or_not() {
    let portal = Portal::open().await;
    let sid = "VE0123456789abcdef0123456789abcdef";
    let known = |id: &str| {
        json!({"specversion": "1.0", "id": id, "type": "com.twilio.accountsecurity.verify.verification.expired",
            "data": {"verification_sid": sid, "to": "+13125550142", "verification_status": "EXPIRED"}})
    };
    let test = json!({"specversion": "1.0", "type": "com.twilio.eventstreams.test-event", "source": "Sink", "id": ACCOUNT,
        "time": "2026-06-10T06:02:54.377Z", "data": {"test_id": "cae2f9e2-c277-4612-8ad3-93c1a7a3ef88"}});
    let odd = json!({"type": "of.next.year", "data": {"account_sid": "AC99999999999999999999999999999999", "who": "call +13125550142", "from": 13_125_550_142_u64}});
    let many: Vec<Value> = (0..100).map(|number| known(&format!("EZ{number}"))).collect();
    for batch in [json!([known("EZ1"), test, odd]), json!([known("EZ1"), 7, null]), json!([]), json!(many)] {
        for _ in 0..2 {
            let answer = portal.demo.twilio.send_events(ACCOUNT, &sink(&portal), &batch).await.unwrap();
            assert_eq!(answer, (204, String::new()), "{batch}");
        }
    }
    let told = events(&portal, Some(sid)).await;
    assert_eq!(told.len(), 100);
    assert!(told.iter().all(|event| event.sid.as_deref() == Some(sid) && !event.event.contains("3125550")));
    let others = events(&portal, None).await;
    let mut kinds: Vec<&str> = others.iter().map(|event| event.kind.as_str()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["", "", "com.twilio.eventstreams.test-event", "of.next.year"]);
    assert!(others.iter().all(|event| !event.event.contains("3125550")), "{others:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed_with_its_body_is_refused_and_leaves_no_trace() {
    let portal = Portal::open().await;
    let before = portal.items().await.len();
    let (url, body) = (sink(&portal), json!([{"id": "EZ1", "type": "x"}]).to_string());
    let hashed = |body: &str| format!("{url}?bodySHA256={}", signature::body_sha256(body.as_bytes()));
    let post = async |url: &str, signed_url: &str, token: &str, kind: &str, body: &str| {
        let request = reqwest::Client::new().post(url).header("content-type", kind).body(body.to_owned());
        let request = request.header("x-twilio-signature", signature::sign(token, signed_url, &[]));
        request.send().await.unwrap().status().as_u16()
    };
    let json_type = "application/json";
    let (good, other) = (hashed(&body), hashed("[]"));
    assert_eq!(post(&url, &url, TOKEN, json_type, &body).await, 403, "the bare URL: the body is unsigned");
    assert_eq!(post(&good, &url, TOKEN, json_type, &body).await, 403, "a hash that wasn't signed");
    assert_eq!(post(&other, &other, TOKEN, json_type, &body).await, 403, "another body");
    assert_eq!(post(&good, &good, "somebody-elses-token", json_type, &body).await, 403, "another token");
    assert_eq!(post(&good.replace(TENANT, "nobody"), &good, TOKEN, json_type, &body).await, 403, "another tenant");
    for bad in ["", "{", "{}", "null", "7", "[{]"] {
        assert_eq!(post(&hashed(bad), &hashed(bad), TOKEN, json_type, bad).await, 400, "{bad:?}");
    }
    assert_eq!(portal.items().await.len(), before);
    // However Twilio names the type, as long as it isn't a form.
    let batch = "application/cloudevents-batch+json";
    assert_eq!(post(&good, &good, TOKEN, batch, &body).await, 204);
    assert_eq!(events(&portal, None).await.len(), 1);
}
