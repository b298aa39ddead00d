//! The HTTP API through plain HTTP clients, one of them so plain that it sends what it is given.

use super::*;
use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use std::net::Ipv4Addr;
use std::sync::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

fn any_port() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

fn noon() -> Timestamp {
    "2026-03-12T12:00:00.25Z".parse().unwrap()
}

/// Answers with the event, so that a test sees what a function would.
async fn echo(event: Value) -> Result<Value, String> {
    Ok(json!({"statusCode": 200, "headers": {"content-type": "application/json"}, "body": event.to_string()}))
}

async fn echoing() -> Gateway {
    let routes = vec![Route::new("POST", "/twilio/{tenant}/status", echo), Route::new("GET", "/health", echo)];
    Gateway::start(any_port(), routes, noon).await.unwrap()
}

/// A gateway whose `POST /` answers this.
async fn answering(answer: Value) -> Gateway {
    let function = move |_| {
        let answer = answer.clone();
        async move { Ok(answer) }
    };
    Gateway::start(any_port(), vec![Route::new("POST", "/", function)], noon).await.unwrap()
}

fn url(gateway: &Gateway, path_and_query: &str) -> String {
    format!("http://{}{path_and_query}", gateway.address())
}

async fn event_of(request: reqwest::RequestBuilder) -> Value {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

/// Status and body of the answer to a request written by hand, which no client library tidied.
async fn raw(gateway: &Gateway, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

#[tokio::test]
async fn a_form_arrives_in_base64_with_everything_that_was_signed() {
    let gateway = echoing().await;
    let form = "MessageSid=SM1&MessageStatus=delivered&Body=a%20b+c";
    let request = reqwest::Client::new()
        .post(url(&gateway, "/twilio/st-lukes/status?n=e-v&a=1&x=%2F%3F+z&a=2"))
        .header("content-type", "application/x-www-form-urlencoded; charset=UTF-8")
        .header("X-Twilio-Signature", "abc=")
        .header("User-Agent", "TwilioProxy/1.1")
        .header("X-Twice", "one")
        .header("X-Twice", "two")
        .header("Cookie", "a=1; b=2")
        .header("X-Forwarded-For", "198.51.100.7")
        .body(form);
    let event = event_of(request).await;
    let check =
        |pointer: &str, expect: Value| assert_eq!(event.pointer(pointer), Some(&expect), "{pointer} in {event}");
    check("/version", json!("2.0"));
    check("/routeKey", json!("POST /twilio/{tenant}/status"));
    check("/rawPath", json!("/twilio/st-lukes/status"));
    check("/rawQueryString", json!("n=e-v&a=1&x=%2F%3F+z&a=2"));
    check("/queryStringParameters", json!({"n": "e-v", "a": "1,2", "x": "/? z"}));
    check("/pathParameters", json!({"tenant": "st-lukes"}));
    check("/isBase64Encoded", json!(true));
    check("/body", json!(STANDARD.encode(form)));
    check("/headers/x-twilio-signature", json!("abc="));
    check("/headers/x-twice", json!("one,two"));
    check("/headers/content-type", json!("application/x-www-form-urlencoded; charset=UTF-8"));
    check("/headers/content-length", json!(form.len().to_string()));
    check("/headers/host", json!(gateway.address().to_string()));
    check("/headers/x-forwarded-for", json!("198.51.100.7, 127.0.0.1"));
    check("/cookies", json!(["a=1", "b=2"]));
    assert_eq!(event.pointer("/headers/cookie"), None);
    check("/requestContext/stage", json!("$default"));
    let http = json!({"method": "POST", "path": "/twilio/st-lukes/status", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "TwilioProxy/1.1"});
    check("/requestContext/http", http);
    check("/requestContext/timeEpoch", json!(1_773_316_800_250_i64));
    check("/requestContext/time", json!("12/Mar/2026:12:00:00 +0000"));
    let parsed: ApiGatewayV2httpRequest = serde_json::from_value(event.clone()).unwrap();
    assert_eq!(parsed.raw_query_string.as_deref(), Some("n=e-v&a=1&x=%2F%3F+z&a=2"));
    assert_eq!(parsed.path_parameters["tenant"], "st-lukes");
    assert!(parsed.is_base64_encoded && parsed.request_context.request_id.is_some());
}

#[tokio::test]
async fn only_text_is_handed_over_as_text() {
    let gateway = echoing().await;
    let check = async |kind: Option<&str>, body: &'static [u8], encoded: bool| {
        let mut request = reqwest::Client::new().post(url(&gateway, "/twilio/t/status")).body(body);
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let event = event_of(request).await;
        assert_eq!(event["isBase64Encoded"], encoded, "{kind:?}");
        let expect = if encoded { STANDARD.encode(body) } else { String::from_utf8(body.to_vec()).unwrap() };
        assert_eq!(event["body"], expect, "{kind:?}");
    };
    check(Some("application/json"), b"{\"a\": 1}", false).await;
    check(Some("Application/JSON; charset=utf-8"), b"[]", false).await;
    check(Some("text/plain"), "caf\u{e9}".as_bytes(), false).await;
    check(Some("application/xml"), b"<a/>", false).await;
    check(Some("application/javascript"), b"1", false).await;
    check(Some("application/json"), b"\xff\xfe", true).await;
    check(Some("application/x-www-form-urlencoded"), b"a=1", true).await;
    check(Some("application/octet-stream"), b"a", true).await;
    check(None, b"a=1", true).await;
    let bare = event_of(reqwest::Client::new().get(url(&gateway, "/health"))).await;
    for absent in ["body", "cookies", "queryStringParameters", "pathParameters"] {
        assert_eq!(bare.get(absent), None, "{absent}");
    }
    assert_eq!((&bare["isBase64Encoded"], &bare["rawQueryString"]), (&json!(false), &json!("")));
}

#[tokio::test]
async fn the_path_is_decoded_and_cut_at_a_decoded_question_mark() {
    let gateway = echoing().await;
    let check = async |path: &str, raw_path: &str, query: &str, tenant: &str| {
        let request = format!("POST {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
        let (status, body) = raw(&gateway, &request).await;
        assert_eq!(status, "HTTP/1.1 200 OK", "{path}");
        let event: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(event["rawPath"], raw_path, "{path}");
        assert_eq!(event["rawQueryString"], query, "{path}");
        assert_eq!(event["pathParameters"]["tenant"], tenant, "{path}");
    };
    check("/twilio/st%2Dlukes/status?n=%41", "/twilio/st-lukes/status", "n=%41", "st-lukes").await;
    check("/twilio/a%2Fb/status", "/twilio/a/b/status", "", "a/b").await;
    check("/twilio/a%3Fb/status?c", "/twilio/a", "c", "a?b").await;
    check("/twilio/caf%C3%A9+1/%73tatus?", "/twilio/caf\u{e9}+1/status", "", "caf\u{e9}+1").await;
}

#[tokio::test]
async fn a_request_without_a_route_is_not_found() {
    let gateway = echoing().await;
    let check = async |method: &str, path: &str| {
        let request = format!("{method} {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
        let (status, body) = raw(&gateway, &request).await;
        assert_eq!((&*status, &*body), ("HTTP/1.1 404 Not Found", r#"{"message":"Not Found"}"#), "{method} {path}");
    };
    check("GET", "/twilio/t/status").await;
    check("POST", "/twilio/t/status/").await;
    check("POST", "/twilio//status").await;
    check("POST", "/twilio/t/u/status").await;
    check("POST", "/Twilio/t/status").await;
    check("POST", "/").await;
    check("PUT", "/health").await;
}

#[tokio::test]
async fn an_answer_becomes_a_response() {
    let check = async |answer: Value, status: u16, kind: Option<&str>, body: &[u8]| {
        let gateway = answering(answer.clone()).await;
        let response = reqwest::Client::new().post(url(&gateway, "/")).send().await.unwrap();
        assert_eq!(response.status(), status, "{answer}");
        let found = response.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
        assert_eq!(found.as_deref(), kind, "{answer}");
        assert_eq!(response.bytes().await.unwrap(), body, "{answer}");
    };
    let xml = json!({"statusCode": 200, "headers": {"Content-Type": "text/xml", "content-length": "99"}, "body": "<Response/>"});
    check(xml, 200, Some("text/xml"), b"<Response/>").await;
    check(json!({"statusCode": 204, "headers": {}, "body": null}), 204, None, b"").await;
    check(json!({"statusCode": 403, "body": "no"}), 403, Some("text/plain;charset=UTF-8"), b"no").await;
    let binary =
        json!({"statusCode": 200, "headers": {"content-type": "image/png"}, "body": "/w==", "isBase64Encoded": true});
    check(binary, 200, Some("image/png"), b"\xff").await;
    check(json!({"approved": true}), 200, Some("application/json"), br#"{"approved":true}"#).await;
    check(json!("hello"), 200, Some("application/json"), b"hello").await;
    let failed = br#"{"message":"Internal Server Error"}"#;
    let json = Some("application/json");
    check(json!({"statusCode": "soon"}), 500, json, failed).await;
    check(json!({"statusCode": 100}), 500, json, failed).await;
    check(json!({"statusCode": 200, "headers": {"bad name": "x"}}), 500, json, failed).await;
    check(json!({"statusCode": 200, "body": "%", "isBase64Encoded": true}), 500, json, failed).await;

    let gateway = answering(json!({"statusCode": 200, "headers": {"retry-after": 7}, "cookies": ["a=1", "b=2"]})).await;
    let response = reqwest::Client::new().post(url(&gateway, "/")).send().await.unwrap();
    assert_eq!(response.headers()["retry-after"], "7");
    assert_eq!(response.headers().get_all("set-cookie").iter().collect::<Vec<_>>(), ["a=1", "b=2"]);
}

#[tokio::test]
async fn a_function_that_fails_or_panics_answers_500_and_the_next_one_is_served() {
    let fails = |_| async { Err("secret detail".to_owned()) };
    let panics = |_| async { panic!("on purpose") };
    let routes = vec![
        Route::new("GET", "/fails", fails),
        Route::new("GET", "/panics", panics),
        Route::new("GET", "/works", echo),
    ];
    let gateway = Gateway::start(any_port(), routes, noon).await.unwrap();
    let client = reqwest::Client::new();
    for path in ["/fails", "/panics", "/fails"] {
        let response = client.get(url(&gateway, path)).send().await.unwrap();
        assert_eq!(response.status(), 500, "{path}");
        assert_eq!(response.bytes().await.unwrap(), &br#"{"message":"Internal Server Error"}"#[..], "{path}");
    }
    assert_eq!(client.get(url(&gateway, "/works")).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_large_body_and_a_slow_function_are_cut_off() {
    let never = |_| std::future::pending::<Result<Value, String>>();
    let limits = Limits { body_bytes: 1000, function: Duration::from_millis(20) };
    let routes = vec![Route::new("POST", "/never", never), Route::new("POST", "/echo", echo)];
    let gateway = Gateway::start_with(TcpListener::bind(any_port()).await.unwrap(), routes, noon, limits).unwrap();
    let post = |path: &str, bytes: usize| reqwest::Client::new().post(url(&gateway, path)).body("x".repeat(bytes));
    let check = async |path: &str, bytes: usize, status: u16, body: Option<&str>| {
        let response = post(path, bytes).send().await.unwrap();
        assert_eq!(response.status(), status, "{path} {bytes}");
        if let Some(body) = body {
            assert_eq!(response.bytes().await.unwrap(), body.as_bytes(), "{path} {bytes}");
        }
    };
    check("/echo", 1000, 200, None).await;
    check("/echo", 1001, 413, Some(r#"{"message":"Request Entity Too Large"}"#)).await;
    check("/never", 1, 503, Some(r#"{"message":"Service Unavailable"}"#)).await;
    assert_eq!(Limits::OF_AN_HTTP_API.body_bytes, 10_485_760);
    assert_eq!(Limits::OF_AN_HTTP_API.function, Duration::from_secs(30));
}

/// A function that says that it began, waits for a word, and says that it ended.
fn in_three_steps() -> (Route, mpsc::UnboundedReceiver<&'static str>, mpsc::UnboundedSender<()>) {
    let (say, said) = mpsc::unbounded_channel();
    let (go, word) = mpsc::unbounded_channel::<()>();
    let word = Arc::new(Mutex::new(Some(word)));
    let function = move |_| {
        let (say, mut word) = (say.clone(), word.lock().unwrap().take().unwrap());
        async move {
            say.send("began").unwrap();
            word.recv().await;
            say.send("ended").unwrap();
            Ok(json!({"statusCode": 204}))
        }
    };
    (Route::new("POST", "/", function), said, go)
}

#[tokio::test]
async fn a_function_ends_what_it_began_when_its_caller_hangs_up() {
    let (route, mut said, go) = in_three_steps();
    let gateway = Gateway::start(any_port(), vec![route], noon).await.unwrap();
    let mut caller = TcpStream::connect(gateway.address()).await.unwrap();
    caller.write_all(b"POST / HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
    assert_eq!(said.recv().await, Some("began"));
    drop(caller);
    // The gateway answers others meanwhile, and has seen that one leave by the time it has.
    let other = reqwest::get(url(&gateway, "/")).await.unwrap();
    assert_eq!(other.status(), 404);
    go.send(()).unwrap();
    assert_eq!(said.recv().await, Some("ended"));
}

#[tokio::test]
async fn a_dropped_gateway_stops_its_functions_and_its_port() {
    let (route, mut said, _go) = in_three_steps();
    let gateway = Gateway::start(any_port(), vec![route], noon).await.unwrap();
    let address = gateway.address();
    let mut caller = TcpStream::connect(address).await.unwrap();
    caller.write_all(b"POST / HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
    assert_eq!(said.recv().await, Some("began"));
    drop(gateway);
    let closed = async {
        assert_eq!(said.recv().await, None, "it was stopped before it ended");
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), closed).await.expect("it stops and the port closes");
}
