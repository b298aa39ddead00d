//! The authorization server next to the fake `PeopleSoft`: grants client credentials and remembers until when. The real
//! `PeopleSoft` never issues a token; it only checks one.

use super::settings::{ClientAuth, OAuth2};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The tokens that were granted, with the instant at which each ends.
#[derive(Default)]
pub(super) struct Tokens(Mutex<HashMap<String, Timestamp>>);

/// A status and a JSON body.
pub(super) type Grant = (u16, String);

impl Tokens {
    /// Answers a token request (RFC 6749, sections 4.4, 5.1 and 5.2).
    pub(super) fn grant(&self, server: &OAuth2, authorization: Option<&str>, form: &[u8], now: Timestamp) -> Grant {
        let form: HashMap<String, String> = form_urlencoded::parse(form).into_owned().collect();
        let field = |name: &str| form.get(name).map(String::as_str);
        let from_header = authorization.and_then(basic);
        let from_form = field("client_id").zip(field("client_secret"));
        let client = match server.client_auth {
            ClientAuth::Header => from_header,
            ClientAuth::Form => from_form.map(|(id, secret)| (id.to_owned(), secret.to_owned())),
            ClientAuth::Either => from_header.or(from_form.map(|(id, secret)| (id.to_owned(), secret.to_owned()))),
        };
        let known = client.is_some_and(|(id, secret)| is(&id, &server.client_id) && is(&secret, &server.client_secret));
        let wanted = |name: &str, wanted: &Option<String>| wanted.is_none() || field(name) == wanted.as_deref();
        if !known {
            return error(401, "invalid_client", "Client authentication failed.");
        }
        match field("grant_type") {
            Some("client_credentials") => {}
            Some(_) => return error(400, "unsupported_grant_type", "Only client_credentials is granted."),
            None => return error(400, "invalid_request", "grant_type is missing."),
        }
        if !wanted("scope", &server.scope) {
            return error(400, "invalid_scope", "The scope is unknown.");
        }
        if !wanted("audience", &server.audience) {
            return error(400, "invalid_request", "The audience is unknown.");
        }
        let token = format!("fake.{:032x}", rand::random::<u128>());
        let life = jiff::SignedDuration::try_from(server.token_life).unwrap_or(jiff::SignedDuration::MAX);
        let end = now.checked_add(life).unwrap_or(Timestamp::MAX);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(token.clone(), end);
        let seconds = server.token_life.as_secs();
        (200, format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":{seconds}}}"#))
    }

    /// Whether this token is good now.
    pub(super) fn accepts(&self, token: &str, now: Timestamp) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(token).is_some_and(|end| now < *end)
    }

    /// Makes every token granted so far worthless.
    pub(super) fn revoke(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// User and password of an `Authorization: Basic` header. The scheme's case doesn't matter.
pub(super) fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    let decoded = STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let text = String::from_utf8(decoded).ok()?;
    text.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
}

/// RFC 6749 form-encodes id and secret inside the header; many clients and servers don't. Either is accepted.
fn is(given: &str, known: &str) -> bool {
    given == known || form_urlencoded::byte_serialize(known.as_bytes()).collect::<String>() == given
}

fn error(status: u16, code: &str, description: &str) -> Grant {
    (status, format!(r#"{{"error":"{code}","error_description":"{description}"}}"#))
}
