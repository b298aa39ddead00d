//! An answer on its way out: status, type, body, and the last things that can happen to it (byte-order mark, gzip, being
//! cut off).

use super::settings::{Quirk, Settings};
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{self, Write as _};

pub(super) const JSON: &str = "application/json; charset=UTF-8";
pub(super) const XML: &str = "text/xml; charset=UTF-8";
pub(super) const PLAIN: &str = "text/plain; charset=UTF-8";
pub(super) const HTML: &str = "text/html; charset=UTF-8";

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) body: Vec<u8>,
    /// At most one of `Retry-After` and `Location`, besides what every answer has.
    pub(super) extra: Option<(header::HeaderName, String)>,
    /// The body ends in the middle and the connection with it.
    pub(super) cut_off: bool,
}

impl Answer {
    pub(super) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, content_type: content_type.to_owned(), body: body.into(), extra: None, cut_off: false }
    }

    pub(super) fn with(self, name: header::HeaderName, value: &str) -> Self {
        Self { extra: Some((name, value.to_owned())), ..self }
    }

    /// Puts the answer on the wire.
    pub(super) fn send(mut self, request: &HeaderMap, settings: &Settings) -> Response {
        if settings.has(Quirk::ByteOrderMark) && !self.body.is_empty() {
            self.body.splice(0..0, *b"\xef\xbb\xbf");
        }
        let accepts = request.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let compress = settings.has(Quirk::Gzip) && accepts.to_ascii_lowercase().contains("gzip");
        let body = if compress { gzip(&self.body).unwrap_or(self.body) } else { self.body };

        let now = (settings.now)();
        let mut response = Response::builder()
            .status(StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
            .header(header::CONTENT_TYPE, self.content_type)
            .header(header::CONTENT_LENGTH, body.len())
            .header(header::DATE, now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
        if compress {
            response = response.header(header::CONTENT_ENCODING, "gzip");
        }
        if let Some((name, value)) = self.extra {
            response = response.header(name, value);
        }
        let body = if self.cut_off { half(&body) } else { Body::from(body) };
        response.body(body).unwrap_or_else(|_| Response::new(Body::empty()))
    }
}

/// The first half, then an error, between which the server gets the time to send that half.
fn half(whole: &[u8]) -> Body {
    let first = Bytes::copy_from_slice(&whole[..whole.len() / 2]);
    Body::from_stream(futures::stream::unfold(Some(first), |first| async move {
        match first {
            Some(first) if !first.is_empty() => Some((Ok(first), Some(Bytes::new()))),
            _ => {
                tokio::task::yield_now().await;
                Some((Err(io::Error::from(io::ErrorKind::BrokenPipe)), None))
            }
        }
    }))
}

fn gzip(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}
