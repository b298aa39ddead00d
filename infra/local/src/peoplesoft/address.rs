//! The URL grammar of the REST listening connector: which operation a path means, and the query string in its raw pieces.
//! Decides nothing about a query's rows.

use percent_encoding::percent_decode_str;

/// What a request asks for: the alias in the URL, or the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Alias {
    /// Runs a query and waits for it.
    ExecuteQuery,
    /// Lists the columns of a query.
    QueryFields,
    /// Lists the prompts of a query.
    QueryPrompts,
    /// Lists the queries.
    ListQuery,
    /// Runs a query in the Process Scheduler.
    ExecuteQueryPoll,
    /// Tells how such a run is doing.
    QueryStatus,
    /// Gives the result of such a run, block by block.
    QueryResults,
    /// The authorization server's token endpoint, which in the real world is another machine.
    Token,
}

/// A request's path, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) alias: Alias,
    /// The decoded segments after the alias.
    pub(super) rest: Vec<String>,
}

/// The path of the token endpoint.
pub(super) const TOKEN_PATH: &str = "/oauth2/v1/token";

/// The path of the REST listening connector, up to the node.
pub(super) const LISTENER_PATH: &str = "/PSIGW/RESTListeningConnector";

const ALIASES: [(&str, Alias); 7] = [
    ("ExecuteQuery.v1", Alias::ExecuteQuery),
    ("QueryFields.v1", Alias::QueryFields),
    ("QueryPrompts.v1", Alias::QueryPrompts),
    ("ListQuery.v1", Alias::ListQuery),
    ("ExecuteQueryPoll.v1", Alias::ExecuteQueryPoll),
    ("QueryStatus.v1", Alias::QueryStatus),
    ("QueryResults.v1", Alias::QueryResults),
];

impl Address {
    /// Understands a raw path; `None` is a 404: another node, alias, version or listener.
    pub(super) fn parse(path: &str, node: &str) -> Option<Self> {
        if path == TOKEN_PATH {
            return Some(Self { alias: Alias::Token, rest: Vec::new() });
        }
        let mut segments = path.strip_prefix(LISTENER_PATH)?.strip_prefix('/')?.split('/').map(decode_percent);
        if segments.next()?? != node {
            return None;
        }
        let name = segments.next()??;
        let alias = ALIASES.iter().find(|(known, _)| *known == name)?.1;
        Some(Self { alias, rest: segments.collect::<Option<_>>()? })
    }

    /// The name of the query, where the path has one.
    pub(super) fn query(&self) -> Option<&str> {
        match self.alias {
            Alias::ExecuteQuery | Alias::ExecuteQueryPoll | Alias::QueryFields | Alias::QueryPrompts => {
                self.rest.get(1).map(String::as_str)
            }
            Alias::ListQuery | Alias::QueryStatus | Alias::QueryResults | Alias::Token => None,
        }
    }
}

/// The query string, its values still encoded: a comma that separates looks different from one that belongs to a value.
pub(super) struct Parameters<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Parameters<'a> {
    /// Splits a query string and refuses names that `known` doesn't list, or that come twice.
    pub(super) fn parse(raw: &'a str, known: &[&str]) -> Result<Self, String> {
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        for piece in raw.split('&').filter(|piece| !piece.is_empty()) {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            if !known.contains(&name) {
                return Err(format!("Unknown parameter {name}."));
            }
            if pairs.iter().any(|(seen, _)| *seen == name) {
                return Err(format!("Parameter {name} is given twice."));
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// A value as it stands in the URL.
    pub(super) fn raw(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// A decoded value.
    pub(super) fn get(&self, name: &str) -> Result<Option<String>, String> {
        self.raw(name).map(|raw| decode(raw).ok_or_else(|| format!("Parameter {name} is not UTF-8."))).transpose()
    }

    /// A decoded value that must be there.
    pub(super) fn need(&self, name: &str) -> Result<String, String> {
        self.get(name)?.ok_or_else(|| format!("Parameter {name} is required."))
    }

    /// A list whose separators are unencoded commas. Whether `%2C` separates on a real system is unknown, so it is
    /// refused: nobody should come to rely on either reading.
    pub(super) fn list(&self, name: &str) -> Result<Option<Vec<String>>, String> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        raw.split(',')
            .map(|piece| {
                let value = decode(piece).ok_or_else(|| format!("Parameter {name} is not UTF-8."))?;
                if value.contains(',') { Err(format!("Parameter {name} holds an encoded comma.")) } else { Ok(value) }
            })
            .collect::<Result<_, _>>()
            .map(Some)
    }
}

/// Undoes percent-encoding, and plus for space as Java servlets do in a query string.
fn decode(raw: &str) -> Option<String> {
    decode_percent(&raw.replace('+', " "))
}

fn decode_percent(raw: &str) -> Option<String> {
    percent_decode_str(raw).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}
