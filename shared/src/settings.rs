//! The environment, read in this one place. What is missing or contradicts itself is said at start-up, by name.

use crate::web;
use secrecy::SecretString;
use std::time::Duration;

/// What a function is told by its environment about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `TABLE_NAME`: the ledger's table.
    pub table_name: String,
    /// `TENANT_SECRET_PREFIX`: what the tenants' secrets are called before the tenant's id.
    pub tenant_secret_prefix: String,
    /// `CALLBACK_BASE_URL`: where Twilio reaches callback, without a slash at its end; it may have a path. Missing where a
    /// function never needs it.
    pub callback_base_url: Option<String>,
    /// `TWILIO_URL`: where a function that calls Twilio opens its first connection while it starts, before anybody asks. Missing:
    /// nowhere. Only the tenants' documents say where each is called.
    pub twilio_url: Option<String>,
}

/// The default of `TENANT_SECRET_PREFIX`.
pub const TENANT_SECRET_PREFIX: &str = "peoplesoft-twilio/tenants/";

/// A variable that is missing or wrong. Set it and start again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable {name} {what}")]
pub struct Wrong {
    /// The variable.
    pub name: &'static str,
    /// What is wrong with it.
    pub what: String,
}

impl Settings {
    /// Reads the process's environment.
    #[allow(clippy::disallowed_methods)] // the one place that may
    pub fn from_environment() -> Result<Self, Wrong> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads any environment.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Wrong> {
        let given = |name| variable(name).filter(|value| !value.trim().is_empty());
        let table_name = given("TABLE_NAME")
            .ok_or(Wrong { name: "TABLE_NAME", what: "is missing: name the ledger's DynamoDB table".to_owned() })?;
        let url = |name| {
            let checked = |url: String| web::base(&url).map_err(|what| Wrong { name, what });
            given(name).map(checked).transpose()
        };
        Ok(Self {
            table_name,
            tenant_secret_prefix: given("TENANT_SECRET_PREFIX").unwrap_or_else(|| TENANT_SECRET_PREFIX.to_owned()),
            callback_base_url: url("CALLBACK_BASE_URL")?,
            twilio_url: url("TWILIO_URL")?,
        })
    }

    /// `CALLBACK_BASE_URL`, for a function that can't do without.
    pub fn require_callback_base_url(&self) -> Result<String, Wrong> {
        self.callback_base_url
            .clone()
            .ok_or(Wrong { name: "CALLBACK_BASE_URL", what: "is missing: say where Twilio reaches the callback function, for instance https://abc.execute-api.us-east-1.amazonaws.com".to_owned() })
    }
}

/// What Lambda tells a function about AWS. Read here and not by the SDK's own chain of profiles, files and metadata
/// services, which a function has no use for.
#[derive(Debug, Clone)]
pub struct Aws {
    /// `AWS_REGION`.
    pub region: String,
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: SecretString,
    /// `AWS_SESSION_TOKEN`, which Lambda always gives.
    pub session_token: Option<SecretString>,
    /// `AWS_ENDPOINT_URL_DYNAMODB`, else `AWS_ENDPOINT_URL`: where DynamoDB is, if not where it always is.
    pub dynamodb_url: Option<String>,
    /// `AWS_ENDPOINT_URL_SECRETS_MANAGER`, else `AWS_ENDPOINT_URL`: the same for Secrets Manager.
    pub secrets_manager_url: Option<String>,
}

impl Aws {
    /// Reads the process's environment.
    #[allow(clippy::disallowed_methods)] // the one place that may
    pub fn from_environment() -> Result<Self, Wrong> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads any environment.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Wrong> {
        let given = |name| variable(name).filter(|value| !value.trim().is_empty());
        let required = |name| {
            given(name).ok_or(Wrong { name, what: "is missing: Lambda sets it; elsewhere, set it yourself".to_owned() })
        };
        let endpoint = |name| given(name).or_else(|| given("AWS_ENDPOINT_URL"));
        Ok(Self {
            region: required("AWS_REGION")?,
            access_key_id: required("AWS_ACCESS_KEY_ID")?,
            secret_access_key: required("AWS_SECRET_ACCESS_KEY")?.into(),
            session_token: given("AWS_SESSION_TOKEN").map(Into::into),
            dynamodb_url: endpoint("AWS_ENDPOINT_URL_DYNAMODB"),
            secrets_manager_url: endpoint("AWS_ENDPOINT_URL_SECRETS_MANAGER"),
        })
    }
}

/// What the operator's command is told: by its flags, else by its environment. Not every command needs a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorSettings {
    /// `--table`, else `TABLE_NAME`.
    pub table_name: Option<String>,
    /// `--secret-prefix`, else `TENANT_SECRET_PREFIX`, else [`TENANT_SECRET_PREFIX`].
    pub tenant_secret_prefix: String,
    /// `CALLBACK_BASE_URL`, without a slash at its end: where Twilio reaches us, for a command that tries it.
    pub callback_base_url: Option<String>,
}

impl OperatorSettings {
    /// Reads the process's environment for what the flags don't say.
    #[allow(clippy::disallowed_methods)] // the one place that may
    pub fn from_environment(table: Option<String>, secret_prefix: Option<String>) -> Self {
        let given = |flag: Option<String>, name| {
            flag.or_else(|| std::env::var(name).ok()).filter(|value| !value.trim().is_empty())
        };
        Self {
            table_name: given(table, "TABLE_NAME"),
            tenant_secret_prefix: given(secret_prefix, "TENANT_SECRET_PREFIX")
                .unwrap_or_else(|| TENANT_SECRET_PREFIX.to_owned()),
            callback_base_url: given(None, "CALLBACK_BASE_URL").map(|url| url.trim_end_matches('/').to_owned()),
        }
    }
}

/// The user who runs the command, for facts that name who did something: `CONNECTOR_USER`, else the first of `USER`, `LOGNAME`
/// and `USERNAME` that says anything.
#[allow(clippy::disallowed_methods)] // the one place that may
pub fn operator() -> String {
    let named = ["CONNECTOR_USER", "USER", "LOGNAME", "USERNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.trim().is_empty()));
    named.unwrap_or_else(|| "unknown".to_owned())
}

/// Whether `SSL_CERT_FILE` or `SSL_CERT_DIR` names the authorities to trust, instead of the machine's own.
#[allow(clippy::disallowed_methods)] // the one place that may
pub fn names_authorities() -> bool {
    ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| std::env::var_os(name).is_some())
}

/// `RUST_LOG`, for the log's filter.
#[allow(clippy::disallowed_methods)] // the one place that may
pub fn rust_log() -> Option<String> {
    std::env::var("RUST_LOG").ok()
}

/// How long before the end of an invocation nothing new is begun.
pub const INVOCATION_MARGIN: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let read = |pairs: &[(&str, &str)]| {
            let pairs: Vec<(String, String)> = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            Settings::read(move |name| pairs.iter().find(|(k, _)| k == name).map(|(_, v)| v.clone()))
        };
        assert_eq!(read(&[]).unwrap_err().name, "TABLE_NAME");
        assert_eq!(read(&[("TABLE_NAME", " ")]).unwrap_err().name, "TABLE_NAME");
        assert_eq!(
            read(&[("TABLE_NAME", "t"), ("CALLBACK_BASE_URL", "example.org")]).unwrap_err().name,
            "CALLBACK_BASE_URL"
        );
        assert_eq!(read(&[("TABLE_NAME", "t"), ("TWILIO_URL", "twilio")]).unwrap_err().name, "TWILIO_URL");
        let settings = read(&[("TABLE_NAME", "t"), ("CALLBACK_BASE_URL", "https://example.org/base/")]).unwrap();
        assert_eq!(settings.tenant_secret_prefix, TENANT_SECRET_PREFIX);
        assert_eq!(settings.twilio_url, None);
        assert_eq!(settings.require_callback_base_url().unwrap(), "https://example.org/base");
    }
    #[test]
    fn aws_is_where_the_environment_says() {
        let read = |pairs: &[(&str, &str)]| {
            let lambda =
                [("AWS_REGION", "eu-west-1"), ("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "s3cret")];
            let find = |name: &str| lambda.iter().chain(pairs).rev().find(|(key, _)| *key == name);
            Aws::read(|name| find(name).map(|(_, value)| (*value).to_owned()))
        };
        let aws = read(&[]).unwrap();
        assert_eq!((aws.region.as_str(), aws.dynamodb_url.as_deref()), ("eu-west-1", None));
        assert!(!format!("{aws:?}").contains("s3cret"));
        let aws = read(&[("AWS_ENDPOINT_URL", "http://a"), ("AWS_ENDPOINT_URL_DYNAMODB", "http://b")]).unwrap();
        assert_eq!(aws.dynamodb_url.as_deref(), Some("http://b"));
        assert_eq!(aws.secrets_manager_url.as_deref(), Some("http://a"));
        assert_eq!(read(&[("AWS_REGION", "")]).unwrap_err().name, "AWS_REGION");
    }
}
