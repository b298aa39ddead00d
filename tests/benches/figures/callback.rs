//! What it costs to take one of Twilio's status callbacks, with a store that answers at once.

use crate::far_end::{AUTH_TOKEN, FarEnd};
use crate::lambda::{CALLBACK_BASE_URL, Lambda};
use crate::usage::{median, millis};
use base64::prelude::{BASE64_STANDARD, Engine};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha1::Sha1;
use std::time::Duration;

const WARM_UP: usize = 50;
const CALLBACKS: usize = 2000;

/// Takes callbacks one after the other.
pub async fn measure() {
    let far_end = FarEnd::start(Duration::ZERO, 0).await;
    let mut lambda = Lambda::start("callback", &far_end).await;
    let (mut wall, mut cpu) = (Vec::new(), Vec::new());
    for number in 0..WARM_UP + CALLBACKS {
        if number == WARM_UP {
            far_end.asked();
        }
        let invocation = lambda.invoke(callback(number)).await;
        assert_eq!(invocation.answer["statusCode"], json!(204), "it is taken");
        if number >= WARM_UP {
            wall.push(millis(invocation.wall));
            cpu.push(millis(invocation.cpu));
        }
    }
    println!("  {:.3} ms each, {:.3} ms of processor time (both the median of {CALLBACKS})", median(wall), median(cpu));
    println!("  asked for {CALLBACKS} callbacks: {:?}", far_end.asked());
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
