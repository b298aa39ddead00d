//! Why a `PeopleSoft` gave no rows, or not all of them, told for whoever reads it at night. It never holds a value of a
//! prompt or of a row, a URL, or `PeopleSoft`'s own message text: they can name an employee or a user.

use super::connection::GATEWAY_TIMEOUT;
use super::ib_response::{BROKEN_DOCUMENT, Meaning, MessageCode};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What went wrong. Cloning keeps the cause, so that callers who shared a request can share its failure.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Nothing usable came, and a later round may well succeed.
    #[error("PeopleSoft is unavailable: {reason}")]
    Unavailable {
        /// What exactly happened.
        reason: Reason,
        /// The HTTP client's error, without the URL.
        source: Option<Arc<reqwest::Error>>,
    },
    /// 429 or 503: a proxy asks us to wait.
    #[error("PeopleSoft or a proxy before it is overloaded (HTTP {status})")]
    TooManyRequests {
        /// The HTTP status.
        status: u16,
        /// How long it asks us to wait, if it says.
        retry_after: Option<Duration>,
    },
    /// A 3xx. The listener sends none, so something else answered: a proxy or a single-sign-on page. Never followed.
    #[error("PeopleSoft's address redirects (HTTP {status}): a proxy or single sign-on stands before it")]
    Redirected {
        /// The HTTP status.
        status: u16,
    },
    /// 404: wrong node, alias or version, an inactive service operation, or a listener that is down.
    #[error("PeopleSoft's listener doesn't know the address (HTTP 404)")]
    NotFound {
        /// Whether this client had a good answer before: then it is more likely down than misspelt.
        worked_before: bool,
    },
    /// The connection's settings can't work.
    #[error("the PeopleSoft connection is misconfigured: {what}")]
    Misconfigured {
        /// Which setting, and what is wrong with it.
        what: &'static str,
    },
    /// 401, or a message that says so. `PeopleSoft` has one status for a wrong password and a missing permission.
    #[error("PeopleSoft refuses the credentials ({})", Refusal(*status, *code))]
    Credentials {
        /// The HTTP status, if it wasn't 200.
        status: Option<u16>,
        /// The message's code, if there was one.
        code: Option<MessageCode>,
    },
    /// The OAuth server gives us no token.
    #[error("the token server refuses the client (HTTP {status}, {code})")]
    TokenRefused {
        /// The HTTP status.
        status: u16,
        /// RFC 6749's error code, or `unknown`.
        code: &'static str,
    },
    /// Something answers at the OAuth server's address, and not with a token: another page, a proxy, or a login.
    #[error("token_url answers HTTP {status} without a bearer token")]
    NoToken {
        /// The HTTP status.
        status: u16,
    },
    /// 403, or a message that says so.
    #[error("PeopleSoft refuses permission ({})", Refusal(*status, *code))]
    Permission {
        /// The HTTP status, if it wasn't 200.
        status: Option<u16>,
        /// The message's code, if there was one.
        code: Option<MessageCode>,
    },
    /// `PeopleSoft` understood us and didn't run the query: unknown query, bad prompt, or its own code failed.
    #[error("PeopleSoft rejects the query ({})", Refusal(*status, *code))]
    Query {
        /// The HTTP status, if it wasn't 200.
        status: Option<u16>,
        /// The message's code, if there was one.
        code: Option<MessageCode>,
    },
    /// A run in the Process Scheduler ended without rows.
    #[error("the scheduled query run failed (status {status})")]
    RunFailed {
        /// `PeopleSoft`'s word for it.
        status: &'static str,
    },
    /// HTTP 200, and not the rows. Must never be read as "no rows".
    #[error("PeopleSoft answered, but not with rows: {found}")]
    NotSuccess {
        /// What came in their place.
        found: Found,
    },
    /// The rows that came aren't as many as the answer says. All that came were handed out.
    #[error("PeopleSoft announced {expected} rows and sent {got}")]
    Incomplete {
        /// `numrows`.
        expected: u64,
        /// How many came.
        got: u64,
    },
    /// The answer is larger than we are willing to read.
    #[error("PeopleSoft's answer is too large: {what} over {limit} bytes")]
    TooLarge {
        /// Which part.
        what: &'static str,
        /// The most that we read of it, decompressed.
        limit: u64,
    },
    /// A prompt that can't be sent. Nothing was asked.
    #[error("prompt {prompt:?} can't be sent: {why}")]
    BadPrompt {
        /// Its unique name, or the format.
        prompt: String,
        /// Why not.
        why: &'static str,
    },
    /// Several columns fit the configured name.
    #[error("column {column:?} could be any of {candidates:?}")]
    AmbiguousColumn {
        /// As configured.
        column: String,
        /// As sent.
        candidates: Vec<String>,
    },
}

/// Why `PeopleSoft` counts as unavailable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// No connection: name, route, port or TLS.
    NoConnection,
    /// No answer, or not all of it, in the time we give one request. The query may still be running.
    Timeout(Duration),
    /// The connection broke, or the body ended before its announced end.
    Broken,
    /// The document ends in the middle.
    CutOff,
    /// The document isn't well-formed.
    Unreadable,
    /// A 5xx without a word from `PeopleSoft` itself.
    Status(u16),
    /// `PeopleSoft`'s gateway can't reach what is behind it (158,10721).
    Gateway,
    /// A scheduled run isn't done after the longest time we wait for it.
    StillRunning,
    /// The OAuth server is out of reach or failing.
    TokenServer,
    /// Our own reading stopped, for instance because the process is ending.
    Stopped,
}

/// What came instead of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// An HTML page, most often a login page.
    Html,
    /// Nothing, or white space.
    Empty,
    /// A content type that is neither JSON nor XML nor plain text.
    ContentType,
    /// Something else: other text, or a document of another kind.
    Other,
    /// An `IBResponse` that reports success: an acknowledgement.
    Acknowledgement,
    /// JSON whose `status` isn't `success`.
    Status,
    /// A success without rows that doesn't say `numrows` 0 either.
    NoRows,
}

/// What to do about an [`Error`], in six kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Nothing was read. Leave the watermark and ask again next round.
    Unavailable,
    /// An address or a setting is wrong, here or at a proxy. Somebody must look.
    Misconfigured,
    /// Don't repeat quickly: an account can lock. Somebody must look.
    Credentials,
    /// The user may not run this. Somebody must look.
    Permission,
    /// The query, its prompts or its columns are wrong. Somebody must look.
    Query,
    /// Use what came, leave the watermark, ask for less at a time.
    Incomplete,
}

impl Error {
    /// What kind of trouble it is.
    pub fn class(&self) -> Class {
        match self {
            Self::Unavailable { .. } | Self::TooManyRequests { .. } | Self::NotFound { worked_before: true } => {
                Class::Unavailable
            }
            Self::Redirected { .. }
            | Self::NotFound { worked_before: false }
            | Self::Misconfigured { .. }
            | Self::NoToken { .. } => Class::Misconfigured,
            Self::NotSuccess { found } => match found {
                Found::Html | Found::Empty | Found::ContentType | Found::Other => Class::Misconfigured,
                Found::Acknowledgement | Found::Status | Found::NoRows => Class::Query,
            },
            Self::Credentials { .. } | Self::TokenRefused { .. } => Class::Credentials,
            Self::Permission { .. } => Class::Permission,
            Self::Query { .. } | Self::RunFailed { .. } | Self::BadPrompt { .. } | Self::AmbiguousColumn { .. } => {
                Class::Query
            }
            Self::Incomplete { .. } | Self::TooLarge { .. } => Class::Incomplete,
        }
    }

    /// What to do about it, for the operator.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Unavailable { reason, .. } => reason.remedy(),
            Self::TooManyRequests { .. } => {
                "Wait; if it lasts, ask who runs the proxy before PeopleSoft for a higher limit."
            }
            Self::Redirected { .. } => {
                "Let /PSIGW/RESTListeningConnector past the proxy's single sign-on, and check host, port and https in the tenant document."
            }
            Self::NotFound { .. } => {
                "Check the node name in the tenant document, and in PeopleSoft that the query service operations are active and the REST listener runs."
            }
            Self::Misconfigured { .. } => "Correct the tenant document.",
            Self::Credentials { .. } => {
                "Check the user and password (or the token's audience and user mapping), that the account isn't locked, and that its permission list holds the query service operations. Don't retry by hand: the account can lock."
            }
            Self::TokenRefused { .. } => {
                "Check token_url, client_id, client_secret, scope and audience with whoever runs the OAuth server."
            }
            Self::NoToken { status: 300..=399 } => {
                "A proxy or single sign-on stands before token_url: let it past, or correct the address. Redirects aren't followed."
            }
            Self::NoToken { .. } => {
                "Correct token_url: it is the address that gives tokens for client credentials (it often ends in /token), not the server's front page."
            }
            Self::Permission { .. } => {
                "Give the user a permission list with the query service operations and access to the query's records."
            }
            Self::Query { .. } => {
                "Run the query in PeopleSoft's Query Manager as the same user: it must be public, and its prompts must have the names and formats of the tenant document."
            }
            Self::RunFailed { .. } => {
                "Look at the run in Process Monitor, and whether the Process Scheduler and Pub/Sub are up."
            }
            Self::NotSuccess { found } => match found {
                Found::Html | Found::ContentType | Found::Other => {
                    "Something other than PeopleSoft's REST listener answers at this address: look for a proxy or a login page."
                }
                Found::Empty => "Look at the gateway's log (msgLog.html): the operation answered with nothing.",
                Found::Acknowledgement => "The operation at this address doesn't return rows: check node and alias.",
                Found::Status | Found::NoRows => {
                    "Run the query in PeopleSoft's Query Manager as the same user, and look at the service operation's log."
                }
            },
            Self::Incomplete { .. } => {
                "A smaller window is asked for next; if it lasts, look for row limits of the user and the application server."
            }
            Self::TooLarge { .. } => "Lower max_rows, or remove long columns from the query.",
            Self::BadPrompt { .. } => "Correct the prompt in the tenant document; values can't hold a comma.",
            Self::AmbiguousColumn { .. } => {
                "Write the column in the tenant document with its alias, as `connector ping` lists it."
            }
        }
    }

    /// How long to leave `PeopleSoft` alone, if there is a reason to: a proxy said so, or a request that we gave up on may
    /// still be running there until the gateway's own timeout.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooManyRequests { retry_after, .. } => *retry_after,
            Self::Unavailable { reason: Reason::Timeout(after), .. } => Some(GATEWAY_TIMEOUT.saturating_sub(*after)),
            _ => None,
        }
    }

    pub(super) fn unavailable(reason: Reason) -> Self {
        Self::Unavailable { reason, source: None }
    }

    /// What an `IBResponse` with this code means, at this HTTP status.
    pub(super) fn of_message(code: MessageCode, status: Option<u16>) -> Self {
        let code_known = Some(code);
        match code.meaning() {
            Meaning::Credentials => Self::Credentials { status, code: code_known },
            Meaning::Permission => Self::Permission { status, code: code_known },
            Meaning::Query => Self::Query { status, code: code_known },
            Meaning::Gateway => Self::unavailable(Reason::Gateway),
        }
    }

    /// How many requests one round may spend on this: more than one only where the same question can get a better answer.
    pub(super) fn tries(&self) -> u32 {
        match self {
            Self::Unavailable { reason: Reason::Status(_), .. } => 3,
            Self::Query { code: Some(code), .. } if *code == BROKEN_DOCUMENT => 2,
            _ => 1,
        }
    }
}

impl Reason {
    fn remedy(self) -> &'static str {
        match self {
            Self::NoConnection => {
                "Check host, port, firewall and the gateway's certificate; a private authority's belongs in ca_certificate_pem."
            }
            Self::Timeout(_) => {
                "The query takes longer than timeout_seconds: leave it alone for five minutes, then lower max_rows, or add an index on its time column. No poll can wait longer than 100 seconds."
            }
            Self::Broken | Self::CutOff | Self::Unreadable => {
                "It is asked again next round; if it lasts, look at proxies and the gateway's log (msgLog.html)."
            }
            Self::Status(_) | Self::Gateway => {
                "It is asked again next round; if it lasts, look at the application server's and the gateway's logs."
            }
            Self::StillRunning => {
                "Look at the run in Process Monitor; the next round starts another. It must be done within the 100 seconds that a poll has."
            }
            Self::TokenServer => "Check token_url, and whether the OAuth server is up and within reach.",
            Self::Stopped => "Nothing to do at PeopleSoft; it is asked again next round.",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoConnection => f.write_str("no connection"),
            Self::Timeout(after) => write!(f, "no complete answer within {} s", after.as_secs_f64()),
            Self::Broken => f.write_str("the connection broke"),
            Self::CutOff => f.write_str("the document is cut off"),
            Self::Unreadable => f.write_str("the document can't be parsed"),
            Self::Status(status) => write!(f, "HTTP {status}"),
            Self::Gateway => f.write_str("its gateway can't reach the system behind it (158,10721)"),
            Self::StillRunning => f.write_str("the scheduled query run isn't done"),
            Self::TokenServer => f.write_str("the token server can't be reached or fails"),
            Self::Stopped => f.write_str("reading stopped on our side"),
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Html => "an HTML page",
            Self::Empty => "an empty body",
            Self::ContentType => "a content type that can't hold rows",
            Self::Other => "a document of another kind",
            Self::Acknowledgement => "an acknowledgement",
            Self::Status => "a status other than success",
            Self::NoRows => "no rows, though it doesn't say that there are none",
        })
    }
}

/// `HTTP 401, message (158,45)`, as far as known.
struct Refusal(Option<u16>, Option<MessageCode>);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}", self.0.unwrap_or(200))?;
        self.1.map_or(Ok(()), |code| write!(f, ", message {code}"))
    }
}
