//! A request as the fake reads it: who, what path, which parameters. It judges nothing.

use data_encoding::BASE64;
use http::{HeaderMap, Method, Uri, header};

/// One request, read to its end.
pub(super) struct Request {
    pub(super) method: Method,
    /// As sent, without the query.
    pub(super) path: String,
    /// Whether the path ends in `.json`; the 2010 API answers XML otherwise.
    pub(super) json: bool,
    /// User name and password of HTTP Basic, if they could be read.
    pub(super) credentials: Option<(String, String)>,
    /// Of the query, decoded, in order.
    pub(super) query: Params,
    /// Of a form body, decoded, in order. Any other body has none: Twilio doesn't read it.
    pub(super) form: Params,
}

impl Request {
    pub(super) fn read(method: Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Self {
        let is_form = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|value| {
            value.split(';').next().unwrap_or_default().trim() == "application/x-www-form-urlencoded"
        });
        Self {
            method,
            path: uri.path().to_owned(),
            json: uri.path().strip_suffix(".json").is_some(),
            credentials: basic(headers),
            query: Params::read(uri.query().unwrap_or_default().as_bytes()),
            form: if is_form { Params::read(body) } else { Params::default() },
        }
    }
}

/// Parameters in order of arrival; a name may come again.
#[derive(Default)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    fn read(encoded: &[u8]) -> Self {
        Self(form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// The first value of `name`, even if empty.
    pub(super) fn any(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first value of `name`, unless it is empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.any(name).filter(|value| !value.is_empty())
    }

    /// Every value of `name`, in order.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Everything, in order.
    pub(super) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }
}

fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    let decoded = BASE64.decode(encoded.trim().as_bytes()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, password) = text.split_once(':')?;
    scheme.eq_ignore_ascii_case("basic").then(|| (user.to_owned(), password.to_owned()))
}

/// Whether `text` is a number in E.164 form, as `To` must be.
pub(super) fn is_e164(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (8..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}
