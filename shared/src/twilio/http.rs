//! One HTTP exchange with Twilio, and what is certain when it fails. Never repeats one, and says nothing of what an answer
//! means.

use super::client::Client;
use super::resource::code;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::body::{Body as _, Incoming};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::http::request::Builder;
use hyper::{Method, Request};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use url::Url;

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
        let request = Request::builder().method(Method::POST).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.exchange(&url, request, credentials, body).await
    }

    pub(super) async fn get(&self, url: Url, credentials: Credentials<'_>) -> Result<Answer, Failure> {
        self.exchange(&url, Request::builder(), credentials, String::new()).await
    }

    async fn exchange(
        &self,
        url: &Url,
        request: Builder,
        credentials: Credentials<'_>,
        body: String,
    ) -> Result<Answer, Failure> {
        let request = request
            .header(AUTHORIZATION, basic(credentials)?)
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, "peoplesoft-twilio");
        let (response, ends) = self.wire.exchange(url, request, body).await?;
        let status = response.status().as_u16();
        let seconds: Option<u64> = header(response.headers(), RETRY_AFTER.as_str()).and_then(|text| text.parse().ok());
        // Twilio's support asks for this id; it is known nowhere else.
        let request_id = header(response.headers(), "twilio-request-id").unwrap_or_default().to_owned();
        let retry_after = seconds.map(|seconds| Duration::from_secs(seconds.min(RETRY_AFTER_LIMIT)));
        let answer = Answer { status, retry_after, body: read(response.into_body(), ends).await };
        if answer.is_success() {
            tracing::debug!(status, request_id, "Twilio answered");
        } else {
            tracing::info!(status, code = answer.code(), request_id, "Twilio answered");
        }
        Ok(answer)
    }
}

/// `base` with `segments` appended to its path, each escaped where it has to be.
pub(super) fn address(base: &str, segments: &[&str]) -> Result<Url, Failure> {
    let mut url = web_address(base)?;
    url.path_segments_mut().map_err(|()| Failure::BadAddress)?.pop_if_empty().extend(segments);
    Ok(url)
}

/// A URL that a connection can be opened to.
pub(super) fn web_address(base: &str) -> Result<Url, Failure> {
    let url = Url::parse(base).map_err(|_| Failure::BadAddress)?;
    if matches!(url.scheme(), "https" | "http") { Ok(url) } else { Err(Failure::BadAddress) }
}

/// The header of HTTP Basic, marked so that nothing prints it.
fn basic((user, password): Credentials<'_>) -> Result<HeaderValue, Failure> {
    let pair = BASE64_STANDARD.encode(format!("{user}:{}", password.expose_secret()));
    let mut value = HeaderValue::try_from(format!("Basic {pair}")).map_err(|_| Failure::BadAddress)?;
    value.set_sensitive(true);
    Ok(value)
}

async fn read(mut body: Incoming, ends: Instant) -> Body {
    let mut bytes = Vec::new();
    loop {
        let frame = timeout_at(ends, poll_fn(|context| Pin::new(&mut body).poll_frame(context)));
        match frame.await {
            Ok(Some(Ok(frame))) => {
                let chunk = frame.into_data().unwrap_or_default(); // else trailers, which say nothing
                if bytes.len() + chunk.len() > BODY_LIMIT {
                    return Body::Other;
                }
                bytes.extend_from_slice(&chunk);
            }
            Ok(None) => return serde_json::from_slice(&bytes).map_or(Body::Other, Body::Object),
            Ok(Some(Err(_))) | Err(_) => return Body::Broken,
        }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
