//! The `Authorization` header: Basic as it is, or an OAuth 2.0 bearer token, fetched when needed and shared by all who need
//! it. It never asks the token server twice where once will do, and no secret is ever printed.

use super::connection::{Auth, ClientAuth};
use super::error::{Error, Reason};
use super::request::limited;
use crate::clock::Clock;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use url::form_urlencoded;

/// The longest a token server may take.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a token without `expires_in` is used. RFC 6749 leaves it to us; a refused one is replaced anyway.
const UNSTATED_LIFE: SignedDuration = SignedDuration::from_mins(5);
/// A token is replaced this long before it expires (a tenth of its life, if that is less), so that it lasts a request.
const MARGIN: SignedDuration = SignedDuration::from_mins(1);
/// RFC 6749, section 5.2. Anything else a server says isn't repeated, since it may hold our own words.
const TOKEN_ERRORS: &[&str] = &[
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
];

/// Knows how to sign in.
pub(super) enum Authorizer {
    Basic(HeaderValue),
    OAuth2(Box<Tokens>),
}

/// The one token that all requests share.
pub(super) struct Tokens {
    auth: Auth,
    cache: Mutex<Cache>,
    /// Requests for a token so far, good or not.
    asked: AtomicU64,
}

/// The header of one request, and which token it was.
#[derive(Clone)]
pub(super) struct Authorization {
    pub(super) header: HeaderValue,
    token: u64,
}

#[derive(Default)]
struct Cache {
    token: Option<Token>,
    /// Why the last fetch gave none, for those who waited for it.
    failure: Option<Error>,
}

struct Token {
    authorization: Authorization,
    use_until: Timestamp,
}

impl Authorizer {
    pub(super) fn new(auth: &Auth) -> Result<Self, Error> {
        Ok(match auth {
            Auth::Basic { oprid, password } => Self::Basic(basic(oprid, password)?),
            Auth::OAuth2 { token_url, .. } => {
                url::Url::parse(token_url).map_err(|_| Error::Misconfigured { what: "token_url is not a URL" })?;
                Self::OAuth2(Box::new(Tokens { auth: auth.clone(), cache: Mutex::default(), asked: AtomicU64::new(0) }))
            }
        })
    }

    /// The header to send, with a token that is good for a while yet.
    pub(super) async fn authorization(&self, http: &reqwest::Client, clock: &Clock) -> Result<Authorization, Error> {
        match self {
            Self::Basic(header) => Ok(Authorization { header: header.clone(), token: 0 }),
            Self::OAuth2(tokens) => tokens.authorization(http, clock).await,
        }
    }

    /// Forgets the token that was just refused, unless somebody has replaced it already. `false`: there is nothing to
    /// renew, as with Basic, where repeating a refused password locks the account.
    pub(super) async fn forget(&self, refused: &Authorization) -> bool {
        match self {
            Self::Basic(_) => false,
            Self::OAuth2(tokens) => {
                tokens.cache.lock().await.token.take_if(|token| token.authorization.token == refused.token);
                true
            }
        }
    }
}

impl Tokens {
    async fn authorization(&self, http: &reqwest::Client, clock: &Clock) -> Result<Authorization, Error> {
        let before = self.asked.load(Ordering::Acquire);
        // Held while asking: whoever comes meanwhile waits for this token instead of asking for another.
        let mut cache = self.cache.lock().await;
        if let Some(token) = cache.token.as_ref().filter(|token| clock.now() < token.use_until) {
            return Ok(token.authorization.clone());
        }
        let number = self.asked.load(Ordering::Acquire);
        if let (true, Some(failure)) = (number != before, &cache.failure) {
            return Err(failure.clone()); // refused while we waited: asking again at once would not help
        }
        let answer = fetch(&self.auth, http, clock, number + 1).await;
        self.asked.store(number + 1, Ordering::Release);
        match answer {
            Ok(token) => {
                let authorization = token.authorization.clone();
                *cache = Cache { token: Some(token), failure: None };
                Ok(authorization)
            }
            Err(error) => {
                *cache = Cache { token: None, failure: Some(error.clone()) };
                Err(error)
            }
        }
    }
}

async fn fetch(auth: &Auth, http: &reqwest::Client, clock: &Clock, number: u64) -> Result<Token, Error> {
    let request = token_request(auth, http)?;
    let asked_at = clock.now();
    let mut response = request.send().await.map_err(out_of_reach)?;
    let status = response.status().as_u16();
    let body = limited(&mut response, TOKEN_TIMEOUT).await.map_err(|_| Error::unavailable(Reason::TokenServer))?;
    match status {
        200 => token(&body, asked_at, number).ok_or(Error::NoToken { status }),
        400 | 401 | 403 => Err(Error::TokenRefused { status, code: refusal(&body) }),
        429 | 500.. => Err(Error::unavailable(Reason::TokenServer)),
        _ => Err(Error::NoToken { status }),
    }
}

fn token_request(auth: &Auth, http: &reqwest::Client) -> Result<reqwest::RequestBuilder, Error> {
    let Auth::OAuth2 { token_url, client_id, client_secret, scope, audience, client_auth } = auth else {
        return Err(Error::Misconfigured { what: "auth is not OAuth 2.0" });
    };
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    for (name, value) in [("scope", scope), ("audience", audience)] {
        if let Some(value) = value {
            form.append_pair(name, value);
        }
    }
    let mut request = http.post(token_url).header(ACCEPT, "application/json").timeout(TOKEN_TIMEOUT);
    match client_auth {
        ClientAuth::Header => {
            // RFC 6749, section 2.3.1: both are form-encoded before they go into the header.
            let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let secret = SecretString::from(encoded(client_secret.expose_secret()));
            request = request.header(AUTHORIZATION, basic(&encoded(client_id), &secret)?);
        }
        ClientAuth::Form => {
            form.append_pair("client_id", client_id).append_pair("client_secret", client_secret.expose_secret());
        }
    }
    Ok(request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.finish()))
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: SecretString,
    token_type: Option<String>,
    /// Seconds; a number, but some servers quote it.
    expires_in: Option<serde_json::Value>,
}

/// The token of an answer; `None` if there is none that can be used.
fn token(body: &[u8], asked_at: Timestamp, number: u64) -> Option<Token> {
    let answer = serde_json::from_slice::<TokenAnswer>(body).ok()?;
    let bearer = answer.token_type.is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
    let token = answer.access_token.expose_secret();
    if !bearer || token.is_empty() {
        return None;
    }
    let mut header = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
    header.set_sensitive(true);
    let seconds = answer.expires_in.and_then(|life| life.as_i64().or_else(|| life.as_str()?.trim().parse().ok()));
    let life = seconds.map_or(UNSTATED_LIFE, |seconds| SignedDuration::from_secs(seconds.clamp(0, 86_400)));
    let use_until = asked_at + (life - MARGIN.min(life / 10));
    Some(Token { authorization: Authorization { header, token: number }, use_until })
}

fn refusal(body: &[u8]) -> &'static str {
    let answer = serde_json::from_slice::<serde_json::Value>(body).unwrap_or_default();
    let code = answer.get("error").and_then(serde_json::Value::as_str).unwrap_or_default();
    TOKEN_ERRORS.iter().find(|known| **known == code).copied().unwrap_or("unknown")
}

fn out_of_reach(error: reqwest::Error) -> Error {
    Error::Unavailable { reason: Reason::TokenServer, source: Some(Arc::new(error.without_url())) }
}

fn basic(user: &str, password: &SecretString) -> Result<HeaderValue, Error> {
    let pair = format!("{user}:{}", password.expose_secret());
    let mut header = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))
        .map_err(|_| Error::Misconfigured { what: "the user or password can't be sent" })?;
    header.set_sensitive(true);
    Ok(header)
}
