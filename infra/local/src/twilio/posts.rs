//! How the fake's own requests travel: signed with the account's token, tried again as the connection overrides say. What they
//! carry is decided elsewhere.

use super::overrides::Overrides;
use super::signing;
use super::world::World;
use reqwest::{Client, redirect};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// A request to somebody's webhook.
pub(super) struct Post {
    /// Whose token signs.
    pub(super) account_sid: String,
    /// With its fragment, if any.
    pub(super) url: String,
    pub(super) payload: Payload,
    /// Calls sign an https URL without its port.
    pub(super) for_call: bool,
    /// Sign with a token that nobody has.
    pub(super) forged: bool,
}

pub(super) enum Payload {
    Form(Vec<(String, String)>),
    Json(Vec<u8>),
}

/// What came of a post.
pub(super) struct Sent {
    /// The HTTP status of each try; none if there was no answer.
    pub(super) answers: Vec<Option<u16>>,
    /// The body of the last answer.
    pub(super) body: String,
    pub(super) bad_overrides: bool,
}

/// Posts until an answer is good, or not worth another try, or the time is up.
pub(super) async fn send(world: &World, post: &Post) -> Sent {
    let (url, overrides) = Overrides::split(&post.url);
    let (token, retry_pause) = {
        let state = world.lock();
        let token = state.account(&post.account_sid).map(|account| account.auth_token.clone()).unwrap_or_default();
        (token, state.settings.callbacks.retry_pause)
    };
    let request = Signed::new(url, post, &token);
    let mut sent = Sent { answers: Vec::new(), body: String::new(), bad_overrides: overrides.bad };
    let Ok(_permit) = world.permits.acquire().await else {
        return sent;
    }; // never closed
    let Some(client) = world.clients.get(overrides.connect_timeout, overrides.read_timeout) else {
        return sent;
    };
    // When the time is up, what has been heard so far stands.
    let _ = timeout(overrides.total, tries(&client, &request, &overrides, retry_pause, &mut sent)).await;
    sent
}

async fn tries(client: &Client, request: &Signed, overrides: &Overrides, pause: Duration, sent: &mut Sent) {
    for _ in 0..=overrides.retries {
        if !sent.answers.is_empty() {
            sleep(pause).await;
        }
        sent.answers.push(None); // stands if the time is up before an answer
        let again = match request.once(client).await {
            Ok((status, body)) => {
                sent.body = body;
                sent.answers.pop();
                sent.answers.push(Some(status));
                match status {
                    400..=499 => overrides.retry_on.answers_4xx,
                    500.. => overrides.retry_on.answers_5xx,
                    _ => false,
                }
            }
            Err(error) if error.is_connect() => overrides.retry_on.connect,
            Err(_) => overrides.retry_on.read,
        };
        if !again {
            return;
        }
    }
}

/// A request that is the same at each try.
struct Signed {
    url: String,
    content_type: &'static str,
    body: Vec<u8>,
    signature: String,
    idempotency_token: String,
}

impl Signed {
    fn new(url: &str, post: &Post, token: &str) -> Self {
        let token = if post.forged { "a token that nobody has" } else { token };
        let signed_url = if post.for_call { without_https_port(url) } else { url.to_owned() };
        let idempotency_token = format!("{:032x}", rand::random::<u128>());
        match &post.payload {
            Payload::Form(params) => Self {
                url: url.to_owned(),
                // The charset is an assumption; a receiver has to bear it.
                content_type: "application/x-www-form-urlencoded; charset=UTF-8",
                body: form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish().into_bytes(),
                signature: signing::sign(token, &signed_url, params),
                idempotency_token,
            },
            Payload::Json(body) => {
                let url = signing::with_body_hash(url, body);
                let signature = signing::sign(token, &url, &[]);
                Self { url, content_type: "application/json", body: body.clone(), signature, idempotency_token }
            }
        }
    }

    async fn once(&self, client: &Client) -> reqwest::Result<(u16, String)> {
        let request = client
            .post(&self.url)
            .header("content-type", self.content_type)
            .header("accept", "*/*")
            .header("x-twilio-signature", &self.signature)
            .header("i-twilio-idempotency-token", &self.idempotency_token)
            .body(self.body.clone());
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        Ok((status, answer.text().await?))
    }
}

/// The port is documented to be signed for messages and left out for calls, over https; over http it is always signed.
fn without_https_port(url: &str) -> String {
    let Some(rest) = url.strip_prefix("https://") else {
        return url.to_owned();
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("https://{host}{path}")
        }
        _ => url.to_owned(),
    }
}

/// HTTP clients by connect and read timeout, which belong to a client and not to a request.
#[derive(Default)]
pub(super) struct Clients(Mutex<HashMap<(Duration, Duration), Client>>);

impl Clients {
    fn get(&self, connect_timeout: Duration, read_timeout: Duration) -> Option<Client> {
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&(connect_timeout, read_timeout)) {
            return Some(client.clone());
        }
        let client = Client::builder()
            .connect_timeout(connect_timeout)
            .read_timeout(read_timeout)
            .redirect(redirect::Policy::none())
            .user_agent("TwilioProxy/1.1")
            .no_proxy()
            .build();
        match client {
            Ok(client) => {
                clients.insert((connect_timeout, read_timeout), client.clone());
                Some(client)
            }
            Err(error) => {
                tracing::error!(%error, "the fake Twilio can't make an HTTP client for its callbacks");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_over_https_sign_no_port() {
        let check = |url: &str, expect: &str| assert_eq!(without_https_port(url), expect);
        check("https://a.example:8443/b?c=1:2", "https://a.example/b?c=1:2");
        check("https://a.example:8443", "https://a.example");
        check("https://a.example/b:80", "https://a.example/b:80");
        check("http://a.example:8080/b", "http://a.example:8080/b");
    }
}
