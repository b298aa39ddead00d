//! On whose behalf we talk to Twilio: one account's identity, secrets, senders and addresses. Never checks or fetches them;
//! whoever builds an [`Account`] has validated it.

use crate::phone::{PhoneNumber, mask};
use secrecy::SecretString;
use std::fmt;

/// Twilio's own address for messages and calls.
pub const API: &str = "https://api.twilio.com";
/// Twilio's own address for Verify.
pub const VERIFY: &str = "https://verify.twilio.com";

/// One Twilio account (or subaccount) and what it sends with. `Debug` prints no secret and masks numbers.
#[derive(Debug, Clone)]
pub struct Account {
    /// `AC` and 32 hex digits. It is in every path, whichever credentials are used.
    pub account_sid: String,
    /// The primary auth token: signs every callback, and authenticates requests unless there is an API key.
    pub auth_token: SecretString,
    /// The token that is about to become primary. Callbacks signed with it are accepted; requests never use it.
    pub next_auth_token: Option<SecretString>,
    /// Authenticates requests in place of the auth token. It never signs a callback.
    pub api_key: Option<ApiKey>,
    /// Where texts come from. `None`: the account can't text.
    pub sender: Option<Sender>,
    /// Where calls come from: a number of the account or a verified caller id. `None`: the account can't call.
    pub voice_from_number: Option<PhoneNumber>,
    /// `VA` and 32 hex digits. `None`: no two-factor checks.
    pub verify_service_sid: Option<String>,
    /// Of messages and calls; by default [`API`].
    pub api_base_url: String,
    /// Of Verify; by default [`VERIFY`].
    pub verify_base_url: String,
    /// Of messaging services; by default `https://messaging.twilio.com`.
    pub messaging_base_url: String,
}

/// An API key: revocable, and with fewer rights than the auth token (Twilio docs, API keys).
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// `SK` and 32 hex digits.
    pub sid: String,
    /// Shown once by Twilio, when the key is made.
    pub secret: SecretString,
}

/// What a text is sent from. `Debug` masks a number.
#[derive(Clone, PartialEq, Eq)]
pub enum Sender {
    /// A messaging service (`MG…`), which picks a number of its pool.
    MessagingService(String),
    /// A number of the account in E.164, one of its short codes, or a sender name where a country allows one.
    Number(String),
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MessagingService(sid) => f.write_str(sid),
            Self::Number(number) => f.write_str(&mask(number)),
        }
    }
}

impl Account {
    /// User and password of HTTP Basic for REST requests: the API key if there is one, else the account and its token.
    pub fn rest_credentials(&self) -> (&str, &SecretString) {
        match &self.api_key {
            Some(key) => (&key.sid, &key.secret),
            None => (&self.account_sid, &self.auth_token),
        }
    }

    /// The tokens that may have signed a callback, current before next.
    pub fn signing_tokens(&self) -> impl Iterator<Item = &SecretString> {
        std::iter::once(&self.auth_token).chain(&self.next_auth_token)
    }
}

#[cfg(test)]
mod tests {
    use crate::twilio::tests::account;
    use crate::twilio::{ApiKey, Sender};
    use secrecy::ExposeSecret;

    #[test]
    fn an_api_key_wins_over_the_token() {
        let mut account = account("http://localhost");
        let (user, password) = account.rest_credentials();
        assert_eq!((user, password.expose_secret()), (account.account_sid.as_str(), "token-current"));
        account.api_key = Some(ApiKey { sid: "SKkey".into(), secret: "key-secret".into() });
        let (user, password) = account.rest_credentials();
        assert_eq!((user, password.expose_secret()), ("SKkey", "key-secret"));
    }

    #[test]
    fn both_tokens_may_sign_and_neither_prints() {
        let mut account = account("http://localhost");
        account.next_auth_token = Some("token-next".into());
        account.api_key = Some(ApiKey { sid: "SKkey".into(), secret: "key-secret".into() });
        account.sender = Some(Sender::Number("+13125550142".to_owned()));
        let tokens: Vec<_> = account.signing_tokens().map(ExposeSecret::expose_secret).collect();
        assert_eq!(tokens, ["token-current", "token-next"]);
        let printed = format!("{account:?}");
        for secret in ["token-current", "token-next", "key-secret", "5550142"] {
            assert!(!printed.contains(secret), "{secret} in {printed}");
        }
    }
}
