//! What it costs to take one of Twilio's status callbacks, with a store that answers at once: next to a function that only says
//! hello, and one that only puts an item.

use crate::far_end::{AUTH_TOKEN, FarEnd};
use crate::lambda::{CALLBACK_BASE_URL, HELLO, Lambda, PUT};
use crate::usage::{median, millis};
use base64::prelude::{BASE64_STANDARD, Engine};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha1::Sha1;
use std::time::Duration;

const WARM_UP: usize = 50;
const CALLBACKS: usize = 2000;

/// Takes callbacks one after the other, at first alone, and then in turn with functions that do less with the same events.
pub async fn measure() {
    let far_end = FarEnd::start(Duration::ZERO, 0).await;
    take(&far_end, &["callback"]).await;
    println!("  in turn with others:");
    take(&far_end, &[HELLO, PUT, "callback"]).await;
}

async fn take(far_end: &FarEnd, functions: &[&str]) {
    let mut all = Vec::new();
    for name in functions {
        all.push(Used { lambda: Lambda::start(name, far_end).await, wall: Vec::new(), cpu: Vec::new() });
    }
    far_end.asked();
    for number in 0..WARM_UP + CALLBACKS {
        for (name, used) in functions.iter().zip(&mut all) {
            let invocation = used.lambda.invoke(callback(number)).await;
            assert!(
                *name == HELLO || invocation.answer["statusCode"] == json!(204),
                "it is taken: {}",
                invocation.answer
            );
            if number >= WARM_UP {
                used.wall.push(millis(invocation.wall));
                used.cpu.push(millis(invocation.cpu));
            }
        }
    }
    for (name, used) in functions.iter().zip(all) {
        println!("  {name:8} {:.3} ms, {:.3} ms of processor time", median(used.wall), median(used.cpu));
    }
    println!("  (medians of {CALLBACKS}) asked for {} callbacks: {:?}", WARM_UP + CALLBACKS, far_end.asked());
}

/// A function, and what it took.
struct Used {
    lambda: Lambda,
    wall: Vec<f64>,
    cpu: Vec<f64>,
}

/// A callback as the HTTP API hands it over, signed.
pub fn callback(number: usize) -> String {
    let mut event: Value = serde_json::from_str(include_str!("../../fixtures/events/callback-status.json")).unwrap();
    let sid = format!("SM{number:032x}");
    let form = BASE64_STANDARD.decode(event["body"].as_str().unwrap()).unwrap();
    let mut fields: Vec<(String, String)> = form_urlencoded::parse(&form).into_owned().collect();
    for (name, value) in &mut fields {
        if name.ends_with("Sid") && value.starts_with("SM") {
            value.clone_from(&sid);
        }
    }
    let path = event["rawPath"].as_str().unwrap();
    let query = event["rawQueryString"].as_str().unwrap();
    let signature = signature(&format!("{CALLBACK_BASE_URL}{path}?{query}"), &fields);
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
    event["headers"]["x-twilio-signature"] = json!(signature);
    event["body"] = json!(BASE64_STANDARD.encode(form));
    event.to_string()
}

/// Twilio's signature: the URL and every field in the order of names, under HMAC-SHA1.
fn signature(url: &str, fields: &[(String, String)]) -> String {
    let mut sorted = fields.to_vec();
    sorted.sort();
    let mut mac = Hmac::<Sha1>::new_from_slice(AUTH_TOKEN.as_bytes()).unwrap();
    mac.update(url.as_bytes());
    for (name, value) in sorted {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}
