//! Signs what the fake sends, with the production code: a receiver that verifies is held to the same signatures as Twilio's.
//! Nothing else in the fake touches the connector's own code, so that the two can't share a misunderstanding.

use shared::twilio::signature;

/// The value of `X-Twilio-Signature` for a form (its decoded pairs) or, without pairs, for a body whose hash is in `url`.
pub(super) fn sign(auth_token: &str, url: &str, params: &[(String, String)]) -> String {
    signature::sign(auth_token, url, params)
}

/// `url` with the `bodySHA256` of a body that isn't a form (Twilio docs, Webhooks security).
pub(super) fn with_body_hash(url: &str, body: &[u8]) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}bodySHA256={}", signature::body_sha256(body))
}
