//! An AWS whose every answer a test makes up.

use crate::stage::wire::client;
use axum::Json;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Answers requests as `answer` says of their target (`secretsmanager.ListSecrets`) and body, for as long as the runtime lives;
/// tells where.
pub async fn answering(answer: impl Fn(&str, &str) -> (StatusCode, Value) + Send + Sync + 'static) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = Arc::new(answer);
    let respond = move |headers: HeaderMap, body: String| {
        let answer = Arc::clone(&answer);
        async move {
            let (status, body) = answer(headers["x-amz-target"].to_str().unwrap(), &body);
            (status, Json(body))
        }
    };
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(respond)).await.unwrap() });
    url
}

/// Stands in front of `target` and passes requests on. While it is `silent` it takes them and never answers.
pub async fn falling_silent(target: String, silent: Arc<AtomicBool>) -> String {
    let (listener, client) = (tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap(), client());
    let url = format!("http://{}", listener.local_addr().unwrap());
    let pass = move |headers: HeaderMap, body: String| {
        let (request, silent) = (client.post(&target).headers(headers).body(body), silent.load(Ordering::SeqCst));
        async move {
            if silent {
                return std::future::pending().await;
            }
            let answer = request.send().await.unwrap();
            (answer.status(), answer.text().await.unwrap())
        }
    };
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(pass)).await.unwrap() });
    url
}

/// A refusal that asking again doesn't change.
pub fn refused(kind: &str) -> (StatusCode, Value) {
    (StatusCode::BAD_REQUEST, json!({"__type": kind, "Message": "no"}))
}
