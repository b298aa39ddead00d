//! One HTTP exchange with Twilio, and what is certain when it fails. Never repeats one, and says nothing of what an answer
//! means.

use super::client::Client;
use super::resource::code;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{RequestBuilder, Response, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use std::time::Duration;

/// More of an answer than this is not read. A page of a list has a few hundred kilobytes.
const BODY_LIMIT: usize = 4 << 20;

/// A longer wait than a day is nonsense, and must not overflow anybody's arithmetic.
const RETRY_AFTER_LIMIT: u64 = 86_400;

/// User and password of HTTP Basic.
pub(super) type Credentials<'a> = (&'a str, &'a SecretString);

/// An answer's status line came; what else came is in `body`.
pub(super) struct Answer {
    pub(super) status: u16,
    /// From a header in seconds; the form with a date is left out, since Twilio doesn't use it.
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Body,
}

pub(super) enum Body {
    /// A JSON object, as every answer of Twilio's own.
    Object(Map<String, Value>),
    /// Anything else, such as the HTML of a proxy, or nothing.
    Other,
    /// It broke off.
    Broken,
}

/// Why there is no answer at all.
pub(super) enum Failure {
    /// The address is not a URL; nothing was tried.
    BadAddress,
    /// No connection, so the request never left.
    NotConnected(&'static str),
    /// The request may have left and may have been processed.
    Lost(&'static str),
}

impl Answer {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Twilio's error code: in the classic shape, in RFC 9457's, or in the first of a list of errors.
    pub(super) fn code(&self) -> Option<u32> {
        let Body::Object(fields) = &self.body else { return None };
        let listed = || fields.get("errors")?.as_array()?.first()?.get("code");
        fields.get("code").filter(|value| !value.is_null()).or_else(listed).and_then(code)
    }
}

impl Client {
    pub(super) async fn post(
        &self,
        url: Url,
        credentials: Credentials<'_>,
        form: &[(&str, &str)],
    ) -> Result<Answer, Failure> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self.http.post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
        exchange(request, credentials).await
    }

    pub(super) async fn get(&self, url: Url, credentials: Credentials<'_>) -> Result<Answer, Failure> {
        exchange(self.http.get(url), credentials).await
    }
}

/// `base` with `segments` appended to its path, each escaped where it has to be.
pub(super) fn address(base: &str, segments: &[&str]) -> Result<Url, Failure> {
    let mut url = Url::parse(base).map_err(|_| Failure::BadAddress)?;
    url.path_segments_mut().map_err(|()| Failure::BadAddress)?.pop_if_empty().extend(segments);
    Ok(url)
}

async fn exchange(request: RequestBuilder, (user, password): Credentials<'_>) -> Result<Answer, Failure> {
    let sent = request.basic_auth(user, Some(password.expose_secret())).send().await;
    let response = sent.map_err(|error| failure(&error))?;
    let status = response.status().as_u16();
    let seconds: Option<u64> = header(response.headers(), RETRY_AFTER.as_str()).and_then(|text| text.parse().ok());
    // Twilio's support asks for this id; it is known nowhere else.
    let request_id = header(response.headers(), "twilio-request-id").unwrap_or_default().to_owned();
    let retry_after = seconds.map(|seconds| Duration::from_secs(seconds.min(RETRY_AFTER_LIMIT)));
    let answer = Answer { status, retry_after, body: read(response).await };
    if answer.is_success() {
        tracing::debug!(status, request_id, "Twilio answered");
    } else {
        tracing::info!(status, code = answer.code(), request_id, "Twilio answered");
    }
    Ok(answer)
}

async fn read(mut response: Response) -> Body {
    let mut bytes = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if bytes.len() + chunk.len() > BODY_LIMIT => return Body::Other,
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return serde_json::from_slice(&bytes).map_or(Body::Other, Body::Object),
            Err(_) => return Body::Broken,
        }
    }
}

fn failure(error: &reqwest::Error) -> Failure {
    match (error.is_builder(), error.is_connect(), error.is_timeout()) {
        (true, ..) => Failure::BadAddress,
        (_, true, true) => Failure::NotConnected("connecting took too long"),
        (_, true, false) => Failure::NotConnected("no connection"),
        (_, false, true) => Failure::Lost("no answer in time"),
        (_, false, false) => Failure::Lost("the connection broke before the answer"),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
