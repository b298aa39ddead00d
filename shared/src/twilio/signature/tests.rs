//! Holds signing and verifying to the published vectors, and to what no vector covers.

use super::*;
use serde::Deserialize;

const FORM: Option<&str> = Some("application/x-www-form-urlencoded");
const JSON: Option<&str> = Some("application/json");
const URL: &str = "https://example.org/twilio/a/status?n=x-y&a=1";

#[derive(Deserialize)]
struct Vectors {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    level: String,
    auth_token: String,
    url: String,
    content_type: String,
    body: String,
    params: Vec<(String, String)>,
    signature: String,
    valid: bool,
    signed_url: Option<String>,
}

fn vectors() -> Vec<Vector> {
    let text = include_str!("../../../../tests/fixtures/twilio_signatures.json");
    serde_json::from_str::<Vectors>(text).unwrap().vectors
}

fn tokens(tokens: &[&str]) -> Vec<SecretString> {
    tokens.iter().map(|token| SecretString::from(*token)).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|&(name, value)| (name.into(), value.into())).collect()
}

/// Those of the libraries pass as well, since a URL is taken as it stands.
#[test]
fn every_published_vector() {
    let vectors = vectors();
    assert!(vectors.iter().filter(|vector| vector.level == "core").count() >= 20);
    for Vector { id, auth_token, url, content_type, body, params, signature, valid, signed_url, .. } in vectors {
        let token = tokens(&[&auth_token]);
        let got = verify(&token, &url, Some(&content_type), body.as_bytes(), Some(&signature));
        assert_eq!(got.is_ok(), valid, "{id}: {got:?}");
        if let Some(signed_url) = signed_url {
            assert_eq!(sign(&auth_token, &signed_url, &params), signature, "{id}");
        }
        if content_type == FORM.unwrap() {
            assert_eq!(form_params(body.as_bytes()), params, "{id}");
        }
    }
}

#[test]
fn what_was_signed_is_accepted_and_nothing_else() {
    let body = b"MessageStatus=sent&To=%2B13125550142&Empty=&Empty=&Name=Zo%C3%AB+B";
    let signature = sign("current", URL, &form_params(body));
    let check = |given: &[&str], url: &str, body: &[u8], signature: Option<&str>, expect| {
        assert_eq!(verify(&tokens(given), url, FORM, body, signature).map(drop), expect);
    };
    let mismatch = Err(Rejected::Mismatch);
    check(&["current"], URL, body, Some(&signature), Ok(()));
    check(&["other", "current"], URL, body, Some(&signature), Ok(()));
    check(&["current", "other"], URL, body, Some(&signature), Ok(()));
    check(&["other"], URL, body, Some(&signature), mismatch);
    check(&[], URL, body, Some(&signature), mismatch);
    check(&["current"], &URL.replace("a=1", "a=2"), body, Some(&signature), mismatch);
    check(&["current"], &URL.replace("/a/", "/b/"), body, Some(&signature), mismatch);
    check(&["current"], URL, b"MessageStatus=delivered", Some(&signature), mismatch);
    check(&["current"], URL, b"", Some(&signature), mismatch);
    check(&["current"], URL, body, Some(&signature.to_lowercase()), mismatch);
    check(&["current"], URL, body, Some(&signature[..10]), mismatch);
    check(&["current"], URL, body, Some(&format!("{signature}=")), mismatch);
    check(&["current"], URL, body, Some(&format!(" {signature}")), mismatch);
    check(&["current"], URL, body, Some(""), Err(Rejected::Unsigned));
    check(&["current"], URL, body, None, Err(Rejected::Unsigned));
}

/// A tenant without a token must not be open to everybody who can compute an HMAC with an empty key.
#[test]
fn an_empty_token_accepts_nothing() {
    let forged = sign("", URL, &[]);
    assert_eq!(verify(&tokens(&[""]), URL, FORM, b"", Some(&forged)), Err(Rejected::Mismatch));
}

#[test]
fn a_body_that_is_no_form_must_be_hashed() {
    let body = br#"[{"id": "EZ1"}]"#;
    let hash = body_sha256(body);
    let check = |url: &str, content_type: Option<&str>, body: &[u8], expect: Result<(), Rejected>| {
        let signature = sign("token", url, &[]);
        assert_eq!(
            verify(&tokens(&["token"]), url, content_type, body, Some(&signature)),
            expect.map(|()| Vec::new()),
            "{url} {content_type:?}"
        );
    };
    let covered = format!("{URL}&bodySHA256={hash}");
    check(&covered, JSON, body, Ok(()));
    check(&covered, Some("application/cloudevents-batch+json; charset=utf-8"), body, Ok(()));
    check(&covered, None, body, Ok(()));
    check(&format!("https://example.org/?bodySHA256={}", body_sha256(b"")), JSON, b"", Ok(()));
    check(&covered, JSON, b"[]", Err(Rejected::BodyChanged));
    check(&covered, JSON, b"", Err(Rejected::BodyChanged));
    check(&format!("{URL}&bodySHA256={}", hash.to_uppercase()), JSON, body, Err(Rejected::BodyChanged));
    check(&format!("{URL}&bodySHA256={}", &hash[..63]), JSON, body, Err(Rejected::BodyChanged));
    check(&format!("{URL}&bodySHA256="), JSON, body, Err(Rejected::BodyChanged));
    check(&format!("{covered}&bodySHA256={hash}"), JSON, body, Err(Rejected::BodyNotCovered));
    check(URL, JSON, body, Err(Rejected::BodyNotCovered));
    check(URL, JSON, b"", Err(Rejected::BodyNotCovered));
    check(URL, None, body, Err(Rejected::BodyNotCovered));
    check(URL, Some(""), body, Err(Rejected::BodyNotCovered));
    check(URL, Some("text/application/x-www-form-urlencoded"), body, Err(Rejected::BodyNotCovered));
    // Neither of them says what a type that only begins like a form's holds.
    check(&covered, Some("application/x-www-form-urlencoded-too"), body, Ok(()));
    check(URL, Some("application/x-www-form-urlencoded-too"), body, Err(Rejected::BodyNotCovered));
}

#[test]
fn a_form_is_known_by_its_type_and_nothing_at_all_counts_as_one() {
    let check = |content_type: Option<&str>, body: &[u8]| {
        let params = form_params(body);
        let signature = sign("token", URL, &params);
        let verified = verify(&tokens(&["token"]), URL, content_type, body, Some(&signature));
        assert_eq!(verified, Ok(params), "{content_type:?}");
    };
    check(Some("application/x-www-form-urlencoded; charset=UTF-8"), b"a=1");
    check(Some("Application/X-WWW-Form-Urlencoded"), b"a=1");
    check(FORM, b"");
    check(None, b"");
}

#[test]
fn the_fragment_is_not_signed() {
    let overrides = format!("{URL}#rc=5&rp=5xx,ct,rt&rt=4000");
    let signature = sign("token", URL, &[]);
    assert_eq!(sign("token", &overrides, &[]), signature);
    assert_eq!(verify(&tokens(&["token"]), &overrides, FORM, b"", Some(&signature)), Ok(Vec::new()));
    // Nor does it cover a body.
    let hash = body_sha256(b"[]");
    let hidden = format!("{URL}#?bodySHA256={hash}");
    let inside = format!("{URL}#&bodySHA256={hash}");
    for url in [hidden, inside] {
        let verified = verify(&tokens(&["token"]), &url, JSON, b"[]", Some(&signature));
        assert_eq!(verified, Err(Rejected::BodyNotCovered), "{url}");
    }
}

#[test]
fn a_body_that_is_too_long_is_not_read() {
    let check = |content_type: Option<&str>, body: &[u8], expect: Option<Rejected>| {
        let is_form = content_type == FORM;
        let params = if is_form { form_params(body) } else { Vec::new() };
        let url = if is_form { URL.to_owned() } else { format!("{URL}&bodySHA256={}", body_sha256(body)) };
        let signature = sign("token", &url, &params);
        let verified = verify(&tokens(&["token"]), &url, content_type, body, Some(&signature));
        assert_eq!(verified.err(), expect, "{content_type:?} {}", body.len());
    };
    check(FORM, "a&".repeat(LONGEST_FORM / 2).as_bytes(), None);
    check(FORM, "a&".repeat(LONGEST_FORM / 2 + 1).as_bytes(), Some(Rejected::TooLong));
    check(JSON, &vec![b' '; LONGEST_BODY], None);
    check(JSON, &vec![b' '; LONGEST_BODY + 1], Some(Rejected::TooLong));
}

#[test]
fn repeated_values_count_once_and_in_order() {
    let once = sign("token", URL, &pairs(&[("a", "1"), ("a", "2"), ("b", "")]));
    assert_eq!(once, sign("token", URL, &pairs(&[("b", ""), ("a", "2"), ("a", "1"), ("a", "2")])));
    assert_ne!(once, sign("token", URL, &pairs(&[("a", "1"), ("a", "2")])));
}

#[test]
fn ports_are_tried_both_ways() {
    let check = |url: &str, expect: &[&str]| assert_eq!(candidates(url), expect);
    check("https://h/p?q", &["https://h/p?q", "https://h:443/p?q"]);
    check("http://h", &["http://h", "http://h:80"]);
    check("https://h:8443/p:1", &["https://h:8443/p:1", "https://h/p:1"]);
    check("https://h?q=a:1", &["https://h?q=a:1", "https://h:443?q=a:1"]);
    check("https://u:p@h/", &["https://u:p@h/", "https://u:p@h:443/"]);
    check("https://[::1]/", &["https://[::1]/", "https://[::1]:443/"]);
    check("https://[::1]:9/", &["https://[::1]:9/", "https://[::1]/"]);
    check("wss://h/", &["wss://h/"]);
    check("nonsense", &["nonsense"]);
}
