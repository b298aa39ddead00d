//! The event that an HTTP API makes of a request, payload format 2.0 (AWS, "Working with AWS Lambda proxy integrations
//! for HTTP APIs"). It loses what AWS loses and keeps what AWS keeps, so that a function that rebuilds a signed URL
//! from it is put to the same test.

use axum::http::header::{CONTENT_TYPE, COOKIE, HeaderMap};
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use std::net::SocketAddr;

/// What the event says that the request does not.
pub(super) struct Context {
    /// `POST /twilio/{tenant}/status`
    pub(super) route_key: String,
    pub(super) parameters: Vec<(&'static str, String)>,
    pub(super) peer: SocketAddr,
    pub(super) request_id: String,
    pub(super) now: Timestamp,
}

/// Forms the event. Keys without a value (`body`, `cookies`, …) are left out.
pub(super) fn form(head: &Parts, body: &[u8], context: &Context) -> Value {
    let decoded_path = decoded(head.uri.path());
    let raw_path = decoded_path.split('?').next().unwrap_or_default();
    let query = head.uri.query().unwrap_or_default();
    let source_ip = context.peer.ip().to_string();
    let headers = headers(&head.headers, body.len(), &source_ip);
    let host = headers.get("host").cloned().unwrap_or_default();
    let mut event = json!({
        "version": "2.0",
        "routeKey": context.route_key,
        "rawPath": raw_path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": host,
            "domainPrefix": host.as_str().and_then(|host| host.split('.').next()).unwrap_or_default(),
            "http": {
                "method": head.method.as_str(),
                "path": raw_path,
                "protocol": format!("{:?}", head.version),
                "sourceIp": source_ip,
                "userAgent": headers.get("user-agent").cloned().unwrap_or_default(),
            },
            "requestId": context.request_id,
            "routeKey": context.route_key,
            "stage": "$default",
            "time": context.now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": context.now.as_millisecond(),
        },
        "isBase64Encoded": false,
    });
    let cookies = cookies(&head.headers);
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    let parameters = joined(form_urlencoded::parse(query.as_bytes()).map(|(k, v)| (k.into_owned(), v.into_owned())));
    if !parameters.is_empty() {
        event["queryStringParameters"] = Value::Object(parameters);
    }
    if !context.parameters.is_empty() {
        let named = context.parameters.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        event["pathParameters"] = Value::Object(joined(named));
    }
    if !body.is_empty() {
        let text = std::str::from_utf8(body).ok().filter(|_| is_text(&head.headers));
        event["isBase64Encoded"] = json!(text.is_none());
        event["body"] = json!(text.map_or_else(|| STANDARD.encode(body), str::to_owned));
    }
    event
}

/// Percent-decodes; a plus stays a plus.
pub(super) fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Whether the body is handed over as text. Everything else, forms included, goes in base64.
fn is_text(headers: &HeaderMap) -> bool {
    let full = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = full.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.starts_with("text/") || matches!(&*kind, "application/json" | "application/xml" | "application/javascript")
}

/// The headers that end at the gateway: cookies have a place of their own, the rest concerns the connection.
const NOT_PASSED_ON: [&str; 5] = ["cookie", "connection", "keep-alive", "transfer-encoding", "expect"];

fn headers(original: &HeaderMap, body_bytes: usize, source_ip: &str) -> Map<String, Value> {
    let passed = original.iter().filter(|(name, _)| !NOT_PASSED_ON.contains(&name.as_str()));
    let passed = passed.map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes())));
    let mut headers = joined(passed);
    // AWS says https here. We are not, and a program that needs to know should not be told otherwise.
    headers.insert("x-forwarded-proto".to_owned(), json!("http"));
    let before = headers.get("x-forwarded-for").and_then(Value::as_str);
    let forwarded = before.map_or_else(|| source_ip.to_owned(), |before| format!("{before}, {source_ip}"));
    headers.insert("x-forwarded-for".to_owned(), json!(forwarded));
    if body_bytes > 0 {
        headers.insert("content-length".to_owned(), json!(body_bytes.to_string()));
    }
    headers
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(COOKIE).iter().map(|value| text(value.as_bytes()));
    lines.flat_map(|line| line.split(';').map(|cookie| cookie.trim().to_owned()).collect::<Vec<_>>()).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A map in which what comes twice is joined by a comma.
fn joined(pairs: impl Iterator<Item = (String, String)>) -> Map<String, Value> {
    let mut map = Map::new();
    for (name, value) in pairs {
        let whole = match map.get(&name).and_then(Value::as_str) {
            Some(before) => format!("{before},{value}"),
            None => value,
        };
        map.insert(name, json!(whole));
    }
    map
}
