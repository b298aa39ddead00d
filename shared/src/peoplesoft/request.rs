//! One request to `PeopleSoft` and the judgement of its answer's head. It never follows a redirect, never repeats a refused
//! password, and asks again only where [`Error::tries`] allows it.

use super::auth::Authorization;
use super::body::{Incoming, broken};
use super::client::{Client, MAX_AT_ONCE, Pauses};
use super::error::{Class, Error, Found, Reason};
use super::ib_response;
use super::reader::explain;
use crate::clock::Clock;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderName, RETRY_AFTER};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// The most we read of an answer that isn't rows: an error document, or a list of a thousand queries.
const MAX_SMALL_BODY: usize = 4 * 1024 * 1024;

/// An answer with a good head.
pub(super) struct Answer {
    pub(super) body: Incoming,
    /// The server's clock.
    pub(super) date: Option<Timestamp>,
}

impl Client {
    /// Asks once, and makes something of the answer; with OAuth, once more with a new token if the first was refused, be it in
    /// the answer's head or in its body.
    pub(super) async fn ask<T, F>(&self, url: &str, read: impl Fn(Answer) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut renewed = false;
        loop {
            let authorization = self.inner.authorizer.authorization(&self.inner.http, &self.inner.clock).await?;
            let said = match self.ask_as(url, &authorization).await {
                Ok(answer) => read(answer).await,
                Err(error) => Err(error),
            };
            match said {
                Err(error)
                    if error.class() == Class::Credentials
                        && !renewed
                        && self.inner.authorizer.forget(&authorization).await =>
                {
                    renewed = true;
                }
                said => return said,
            }
        }
    }

    /// A small answer as text. Asks again where that may help.
    pub(super) async fn text(&self, url: &str) -> Result<(String, Option<Timestamp>), Error> {
        let mut tries = Tries::new(self.pauses);
        loop {
            match self.ask(url, Answer::text).await {
                Ok(answer) => return Ok(answer),
                Err(error) => tries.again_after(error).await?,
            }
        }
    }

    async fn ask_as(&self, url: &str, authorization: &Authorization) -> Result<Answer, Error> {
        let inner = &self.inner;
        let places = Arc::clone(&inner.places);
        let place = places.acquire_owned().await.map_err(|_| Error::unavailable(Reason::Stopped))?;
        let asked = Instant::now();
        let request = inner.http.get(url).header(AUTHORIZATION, authorization.header.clone());
        let mut response = match timeout(inner.timeout, request.send()).await {
            Err(_) => return Err(Error::unavailable(Reason::Timeout(inner.timeout))),
            Ok(Err(error)) => return Err(broken(error)),
            Ok(Ok(response)) => response,
        };
        let left = inner.timeout.saturating_sub(asked.elapsed());
        let status = response.status().as_u16();
        tracing::debug!(
            status,
            peoplesoft_places = MAX_AT_ONCE - inner.places.available_permits(),
            "peoplesoft answered"
        );
        if status != 200 {
            let body = limited(&mut response, left).await.unwrap_or_default();
            let worked_before = inner.worked.load(Ordering::Relaxed);
            let retry_after = retry_after(response.headers(), &inner.clock);
            return Err(refusal(status, &String::from_utf8_lossy(&body), retry_after, worked_before));
        }
        if !can_hold_rows(response.headers()) {
            let body = limited(&mut response, left).await.unwrap_or_default();
            let said = explain(&String::from_utf8_lossy(&body));
            return Err(said.unwrap_or(Error::NotSuccess { found: Found::ContentType }));
        }
        let date = timestamp(response.headers(), &DATE);
        Ok(Answer { body: Incoming { response, place, left, timeout: inner.timeout, limit: self.max_body }, date })
    }
}

impl Answer {
    /// All of a small one.
    async fn text(self) -> Result<(String, Option<Timestamp>), Error> {
        let Self { mut body, date } = self;
        let bytes = limited(&mut body.response, body.left).await.map_err(|error| match error {
            Error::Unavailable { reason: Reason::Timeout(_), .. } => Error::unavailable(Reason::Timeout(body.timeout)),
            error => error,
        })?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        match explain(&text) {
            Some(error) => Err(error),
            None => Ok((text, date)),
        }
    }
}

/// What an answer other than 200 means: the first rule that fits.
fn refusal(status: u16, body: &str, retry_after: Option<Duration>, worked_before: bool) -> Error {
    let message = ib_response::find(body).filter(|response| !response.success).map(|response| response.code);
    match status {
        300..=399 => Error::Redirected { status },
        401 => Error::Credentials { status: Some(status), code: message },
        403 => Error::Permission { status: Some(status), code: message },
        404 => Error::NotFound { worked_before },
        429 | 503 => Error::TooManyRequests { status, retry_after },
        _ => match message {
            Some(code) => Error::of_message(code, Some(status)),
            None if status >= 500 => Error::unavailable(Reason::Status(status)),
            None => Error::Query { status: Some(status), code: None },
        },
    }
}

/// Counts the requests spent on one question, and pauses between them.
pub(super) struct Tries {
    made: u32,
    pauses: Pauses,
}

impl Tries {
    pub(super) fn new(pauses: Pauses) -> Self {
        Self { made: 1, pauses }
    }

    /// Returns after a pause if the question may be asked again, else gives the error back.
    pub(super) async fn again_after(&mut self, error: Error) -> Result<(), Error> {
        if self.made >= error.tries() {
            return Err(error);
        }
        let full = self.pauses.retry * 2_u32.pow(self.made.saturating_sub(1).min(8));
        self.made += 1;
        // A fresh RandomState is seeded at random, which is all that jitter needs: from half to the whole pause.
        let share = RandomState::new().hash_one(self.made) % 512;
        let pause = full / 2 + full / 1024 * u32::try_from(share).unwrap_or_default();
        tracing::warn!(%error, pause_ms = pause.as_millis(), "asking peoplesoft again");
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

/// The body of a small answer: as much as we care to read, within the time.
pub(super) async fn limited(response: &mut reqwest::Response, time: Duration) -> Result<Vec<u8>, Error> {
    let reading = async {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            if body.len() + chunk.len() > MAX_SMALL_BODY {
                return Err(Error::TooLarge { what: "the body", limit: MAX_SMALL_BODY as u64 });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    };
    timeout(time, reading).await.unwrap_or(Err(Error::unavailable(Reason::Timeout(time))))
}

/// JSON, XML, plain text, or nothing said: what the listener's handlers may call their documents. The body decides then.
fn can_hold_rows(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(CONTENT_TYPE) else {
        return true;
    };
    let kind = kind.to_str().unwrap_or_default().to_ascii_lowercase();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.is_empty() || (kind.contains("json") || kind.contains("xml") || kind == "text/plain") && !kind.contains("html")
}

/// Seconds, or a date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap, clock: &Clock) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = timestamp(headers, &RETRY_AFTER)?;
    Some(Duration::try_from(until.duration_since(clock.now())).unwrap_or_default())
}

fn timestamp(headers: &HeaderMap, name: &HeaderName) -> Option<Timestamp> {
    let text = headers.get(name)?.to_str().ok()?;
    rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()
}
