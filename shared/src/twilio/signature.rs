//! The signature by which Twilio proves that a request comes from it, both halves: the one that verifies, and the one that
//! signs, for whoever plays Twilio. Never parses what it hasn't verified, and never falls open: a body that the signature
//! doesn't cover is refused.
//!
//! Source: Twilio docs, Security ("Validating signatures"), and the request validators of its official libraries.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use subtle::{Choice, ConstantTimeEq};

/// Name of the header that carries the signature.
pub const HEADER: &str = "X-Twilio-Signature";

/// Name of the query parameter that carries [`body_sha256`] when the body is not a form.
pub const BODY_HASH: &str = "bodySHA256";

/// A longer form isn't read. What Twilio posts of one message or call has a few kilobytes; a form of millions of parameters
/// would take a function's memory before anybody knew whose it is.
pub const LONGEST_FORM: usize = 64 << 10;

/// Any other longer body isn't read either.
pub const LONGEST_BODY: usize = 1 << 20;

/// Why a request is not from Twilio as far as we can tell. To the caller all of them are one dull 403.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// No signature, or an empty one.
    #[error("the request is not signed")]
    Unsigned,
    /// The body is longer than anything of Twilio's.
    #[error("the body is too long")]
    TooLong,
    /// The body is not a form and the URL doesn't carry exactly one hash of it, so the signature doesn't cover it.
    #[error("the signature does not cover the body")]
    BodyNotCovered,
    /// The body is not the one that was hashed.
    #[error("the body is not the one that was signed")]
    BodyChanged,
    /// No token gives this signature: a forgery, another account's, a token we don't know yet, or a URL that is not the
    /// one Twilio called. Fetching the tokens afresh may help, once.
    #[error("the signature fits no token")]
    Mismatch,
}

/// Verifies a request by any of the account's auth tokens, and answers what it verified: the decoded parameters of a form, in
/// order of arrival; none if the body is something else.
///
/// `url` is the whole URL as Twilio called it, port, case, escapes and query untouched; `body` the raw bytes, before any
/// parsing. A form (by `content_type`, or nothing at all: neither type nor body) is covered through its parameters, anything
/// else through `bodySHA256` in the URL.
pub fn verify<'a>(
    tokens: impl IntoIterator<Item = &'a SecretString>,
    url: &str,
    content_type: Option<&str>,
    body: &[u8],
    signature: Option<&str>,
) -> Result<Vec<(String, String)>, Rejected> {
    let signature = signature.filter(|signature| !signature.is_empty()).ok_or(Rejected::Unsigned)?;
    let url = without_fragment(url);
    let is_form = is_form(content_type, body);
    if body.len() > if is_form { LONGEST_FORM } else { LONGEST_BODY } {
        return Err(Rejected::TooLong);
    }
    let params = if is_form {
        form_params(body)
    } else {
        check_body(url, body)?;
        Vec::new()
    };
    let (candidates, covered) = (candidates(url), covered(&params));
    // Every token and candidate is tried, so that the time taken tells nothing about which one came close.
    let mut fits = Choice::from(0);
    for token in tokens.into_iter().map(ExposeSecret::expose_secret).filter(|token| !token.is_empty()) {
        for url in &candidates {
            fits |= authenticate(token, url, &covered).as_bytes().ct_eq(signature.as_bytes());
        }
    }
    if fits.into() { Ok(params) } else { Err(Rejected::Mismatch) }
}

/// The signature of a request to `url` with the decoded form parameters `params`, in any order; none if the body is not a
/// form. A fragment is neither sent nor signed.
pub fn sign(token: &str, url: &str, params: &[(String, String)]) -> String {
    authenticate(token, without_fragment(url), &covered(params))
}

fn authenticate(token: &str, url: &str, covered: &[u8]) -> String {
    let mut mac = keyed(token);
    mac.update(url.as_bytes());
    mac.update(covered);
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

/// What is signed of parameters: by name and then by value, each distinct pair once, the order that Twilio's own libraries agree
/// on.
fn covered(params: &[(String, String)]) -> Vec<u8> {
    let distinct: BTreeSet<_> = params.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    distinct.into_iter().flat_map(|(name, value)| [name, value]).flatten().copied().collect()
}

fn without_fragment(url: &str) -> &str {
    url.split('#').next().unwrap_or_default()
}

/// SHA-256 of a body in lower-case hex, as `bodySHA256` has it.
pub fn body_sha256(body: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(body))
}

/// The parameters of a form body, decoded, in order of arrival; repeated and empty ones are kept.
pub fn form_params(body: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(body).into_owned().collect()
}

#[allow(clippy::expect_used)] // HMAC takes a key of any length, RFC 2104
fn keyed(token: &str) -> Hmac<Sha1> {
    Hmac::new_from_slice(token.as_bytes()).expect("HMAC takes any key")
}

/// Decided by the type alone: going by the presence of `bodySHA256` would let a JSON body without it pass unsigned.
fn is_form(content_type: Option<&str>, body: &[u8]) -> bool {
    match content_type.map(|full| full.split(';').next().unwrap_or_default().trim()) {
        Some(media_type) => media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded"),
        None => body.is_empty(), // such as a GET: nothing that a signature over the URL would leave out
    }
}

fn check_body(url: &str, body: &[u8]) -> Result<(), Rejected> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let mut hashes = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == BODY_HASH);
    match (hashes.next(), hashes.next()) {
        (Some((_, hash)), None) if hash == body_sha256(body).as_str() => Ok(()),
        (Some(_), None) => Err(Rejected::BodyChanged),
        (None, _) | (Some(_), Some(_)) => Err(Rejected::BodyNotCovered),
    }
}

/// The URLs that Twilio may have signed for a call of `url`: its back ends keep, drop and add the port inconsistently.
fn candidates(url: &str) -> Vec<String> {
    let mut candidates = vec![url.to_owned()];
    let Some((scheme, rest)) = url.split_once("://") else {
        return candidates;
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let host_starts = authority.rfind('@').map_or(0, |at| at + 1);
    // The colons of an IPv6 address are inside brackets.
    let port_starts = authority[host_starts..].rfind([':', ']']).map(|at| host_starts + at);
    match port_starts.filter(|at| authority[*at..].starts_with(':')) {
        Some(colon) => candidates.push(format!("{scheme}://{}{path}", &authority[..colon])),
        None if scheme.eq_ignore_ascii_case("https") => candidates.push(format!("{scheme}://{authority}:443{path}")),
        None if scheme.eq_ignore_ascii_case("http") => candidates.push(format!("{scheme}://{authority}:80{path}")),
        None => {}
    }
    candidates
}

#[cfg(test)]
mod tests;
