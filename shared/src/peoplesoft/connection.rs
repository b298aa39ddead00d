//! Where one tenant's `PeopleSoft` is and as whom we call it. Plain data: it opens no connection and prints no secret.

use super::error::Error;
use jiff::tz::TimeZone;
use secrecy::SecretString;
use std::fmt;
use std::time::Duration;
use url::Url;

/// The gateway and the application server end a synchronous request after this long (`PeopleTools` docs, gateway and
/// application server timeouts). A client that gives up later than that can't learn anything more.
pub(super) const GATEWAY_TIMEOUT: Duration = Duration::from_mins(5);

/// Everything needed to reach one `PeopleSoft`.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Up to and including the node: `https://host:port/PSIGW/RESTListeningConnector/PSFT_HR`. No query, no user.
    pub base_url: String,
    /// Who we are to it.
    pub auth: Auth,
    /// The database's base time zone: its datetimes carry no offset.
    pub time_zone: TimeZone,
    /// Certificates (PEM, one or more) to trust besides the public ones, for a gateway with a private authority.
    pub ca_certificate_pem: Option<String>,
    /// How long one request may keep us waiting in all. Above zero and below the gateway's 300 seconds.
    pub timeout: Duration,
    /// The tenant's usual `maxrows`; a [`super::Query`] names its own.
    pub max_rows: u32,
    /// The form that rows are asked for in.
    pub format: Format,
}

/// How a request is authenticated (`PeopleTools` docs, Integration Broker, securing REST operations).
#[derive(Clone)]
pub enum Auth {
    /// HTTP Basic, with a `PeopleSoft` user.
    Basic {
        /// The user id.
        oprid: String,
        /// Its password, kept in `PeopleSoft`: delegated LDAP passwords may not work on this listener.
        password: SecretString,
    },
    /// OAuth 2.0 client credentials (RFC 6749, section 4.4). `PeopleSoft` only checks tokens (since `PeopleTools` 8.59); another
    /// server issues them.
    OAuth2 {
        /// The token endpoint.
        token_url: String,
        /// Our name there.
        client_id: String,
        /// Our secret there.
        client_secret: SecretString,
        /// Sent as `scope` if given.
        scope: Option<String>,
        /// Sent as `audience` if given.
        audience: Option<String>,
        /// Where the name and the secret go.
        client_auth: ClientAuth,
    },
}

/// Where a token request carries the client's name and secret (RFC 6749, section 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientAuth {
    /// In an `Authorization: Basic` header, which every server must support.
    #[default]
    Header,
    /// As `client_id` and `client_secret` in the form.
    Form,
}

/// The form of a query's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// `JSON/NONFILE` with `json_resp=true`: undocumented, works since `PeopleTools` 8.55.
    #[default]
    Json,
    /// `XMLP/NONFILE`: the documented XML.
    Xmlp,
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A user id or a client id isn't a secret, but half of what an attacker needs, and of no use in a log.
        f.write_str(match self {
            Self::Basic { .. } => "Basic",
            Self::OAuth2 { .. } => "OAuth2",
        })
    }
}

impl Connection {
    /// The base URL without a trailing slash, if all of this can be used.
    pub(super) fn checked_base(&self) -> Result<String, Error> {
        let base = self.base_url.trim_end_matches('/');
        let url = Url::parse(base).map_err(|_| Error::Misconfigured { what: "base_url is not a URL" })?;
        let plain =
            url.query().is_none() && url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
        if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none_or(str::is_empty) || !plain {
            return Err(Error::Misconfigured { what: "base_url must be http(s), without query, fragment or user" });
        }
        if self.timeout.is_zero() || self.timeout >= GATEWAY_TIMEOUT {
            return Err(Error::Misconfigured { what: "timeout must be above 0 and below the gateway's 300 seconds" });
        }
        Ok(base.to_owned())
    }
}
