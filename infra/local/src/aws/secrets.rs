//! Secrets Manager on a laptop: the operations that the functions and the operator's command use, over a directory of
//! documents. It serves a document as it stands, valid or not, encrypts nothing and keeps no old version: what is
//! replaced is gone.
//!
//! `DIR/{tenant}.json` is the `AWSCURRENT` version of the secret `{prefix}{tenant}`, `DIR/{tenant}.pending.json`, if
//! there is one, its `AWSPENDING` version. Files are read at each call, so an edit takes effect at once.

mod directory;

use super::server::Server;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use directory::{Directory, Secret, Stage, Version};
use serde::Deserialize;
use serde_json::{Value, json};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

/// A running Secrets Manager. Stops when dropped.
pub struct Secrets {
    directory: Arc<Directory>,
    server: Server,
}

impl Secrets {
    /// Serves the documents in `dir` as secrets named `{prefix}{tenant}`, on a free port of 127.0.0.1. Must be called
    /// inside a Tokio runtime.
    pub async fn start(dir: PathBuf, prefix: String) -> io::Result<Self> {
        let directory = Arc::new(Directory::open(dir, prefix)?);
        let shared = Arc::clone(&directory);
        let router = Router::new().fallback(move |headers: HeaderMap, body: Bytes| {
            let directory = Arc::clone(&shared);
            async move { answer(&directory, &headers, &body) }
        });
        let server = Server::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), router).await?;
        Ok(Self { directory, server })
    }

    /// `http://127.0.0.1:PORT`, the value for `AWS_ENDPOINT_URL_SECRETS_MANAGER`. Any credentials and region will do.
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// The names in the directory, sorted, that are no secret because they are not `{tenant}.json`, or are the pending
    /// version of a tenant without a current one. Worth a warning: a misspelt name is a tenant that nobody serves.
    pub fn ignored_files(&self) -> io::Result<Vec<String>> {
        self.directory.ignored()
    }
}

/// What any of the operations may ask. Source: AWS Secrets Manager API reference.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Asked {
    secret_id: String,
    name: String,
    secret_string: Option<String>,
    version_id: Option<String>,
    version_stage: Option<String>,
    version_stages: Option<Vec<String>>,
    move_to_version_id: Option<String>,
    remove_from_version_id: Option<String>,
    force_delete_without_recovery: Option<bool>,
    secret_id_list: Option<Vec<String>>,
    filters: Option<Vec<Filter>>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    key: String,
    values: Vec<String>,
}

/// An exception, by AWS's name and in AWS's words.
struct Exception(&'static str, String);

impl From<io::Error> for Exception {
    fn from(error: io::Error) -> Self {
        Self("InternalServiceError", format!("The secret's file can't be read or written: {error}"))
    }
}

const NOT_FOUND: &str = "ResourceNotFoundException";
const INVALID: &str = "InvalidParameterException";
/// Largest secret, in bytes. Source: AWS, "Secrets Manager quotas".
const LARGEST: usize = 65_536;

fn answer(directory: &Directory, headers: &HeaderMap, body: &[u8]) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let done = serde_json::from_slice::<Asked>(body)
        .map_err(|error| Exception("SerializationException", error.to_string()))
        .and_then(|asked| perform(directory, target.trim_start_matches("secretsmanager."), &asked));
    let (status, body) = match done {
        Ok(body) => (StatusCode::OK, body),
        Err(Exception(name, message)) => {
            let ours = name == "InternalServiceError";
            let status = if ours { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::BAD_REQUEST };
            (status, json!({ "__type": name, "Message": message }))
        }
    };
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let kind = header::HeaderValue::from_static("application/x-amz-json-1.1");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn perform(directory: &Directory, operation: &str, asked: &Asked) -> Result<Value, Exception> {
    match operation {
        "GetSecretValue" => value_of(&secret(directory, &asked.secret_id)?, asked),
        "BatchGetSecretValue" => batch(directory, asked),
        "ListSecrets" => list(directory, asked),
        "DescribeSecret" => Ok(description(&secret(directory, &asked.secret_id)?, "VersionIdsToStages")),
        "CreateSecret" => create(directory, asked),
        "PutSecretValue" | "UpdateSecret" => put(directory, asked),
        "UpdateSecretVersionStage" => move_stage(directory, asked),
        "DeleteSecret" => {
            let secret = secret(directory, &asked.secret_id)?;
            directory.delete(&secret.tenant, asked.force_delete_without_recovery == Some(true))?;
            Ok(json!({ "ARN": secret.arn, "Name": secret.name }))
        }
        other => {
            Err(Exception("UnknownOperationException", format!("{other:?} is not an operation of the local stack")))
        }
    }
}

/// The secret by its name, its ARN, or its ARN without the suffix.
fn secret(directory: &Directory, id: &str) -> Result<Secret, Exception> {
    let name = id.split_once(":secret:").map_or(id, |(_, name)| name);
    let without_suffix = name.rsplit_once('-').and_then(|(name, _)| directory.tenant(name));
    for tenant in [directory.tenant(name), without_suffix].into_iter().flatten() {
        if let Some(secret) = directory.secret(tenant)?.filter(|secret| secret.is_called(id)) {
            return Ok(secret);
        }
    }
    Err(Exception(NOT_FOUND, "Secrets Manager can't find the specified secret.".to_owned()))
}

fn value_of(secret: &Secret, asked: &Asked) -> Result<Value, Exception> {
    let stage = asked.version_stage.as_deref();
    let version = match (&asked.version_id, stage) {
        (Some(id), _) => secret.versions.iter().find(|version| version.id == *id).ok_or_else(|| {
            let message = format!("Secrets Manager can't find the specified secret value for VersionId: {id}");
            Exception(NOT_FOUND, message)
        })?,
        (None, stage) => {
            let stage = stage.unwrap_or(Stage::Current.label());
            secret.at(stage).ok_or_else(|| {
                let message =
                    format!("Secrets Manager can't find the specified secret value for staging label: {stage}");
                Exception(NOT_FOUND, message)
            })?
        }
    };
    if let Some(stage) = stage.filter(|stage| !version.labels().contains(stage)) {
        let message = format!("The version {} does not have the staging label {stage}.", version.id);
        return Err(Exception("InvalidRequestException", message));
    }
    Ok(json!({
        "ARN": secret.arn, "Name": secret.name, "VersionId": version.id, "SecretString": version.text,
        "VersionStages": version.labels(), "CreatedDate": version.changed,
    }))
}

fn batch(directory: &Directory, asked: &Asked) -> Result<Value, Exception> {
    let (ids, next) = match (&asked.secret_id_list, &asked.filters) {
        (Some(ids), None) if ids.len() > 20 => {
            let message = "1 validation error detected: Value at 'secretIdList' failed to satisfy constraint: Member must have length less than or equal to 20";
            return Err(Exception("ValidationException", message.to_owned()));
        }
        (Some(ids), None) => (ids.clone(), None),
        (None, Some(_)) => {
            let (tenants, next) = page(directory, asked, 20)?;
            (tenants.iter().map(|tenant| directory.name(tenant)).collect(), next)
        }
        _ => {
            return Err(Exception(INVALID, "You must provide either SecretIdList or Filters, not both.".to_owned()));
        }
    };
    let (mut values, mut errors) = (Vec::new(), Vec::new());
    for id in ids {
        match secret(directory, &id).and_then(|secret| value_of(&secret, &Asked::default())) {
            Ok(value) => values.push(value),
            Err(Exception(code, message)) => {
                errors.push(json!({ "SecretId": id, "ErrorCode": code, "Message": message }));
            }
        }
    }
    Ok(json!({ "SecretValues": values, "Errors": errors, "NextToken": next }))
}

fn list(directory: &Directory, asked: &Asked) -> Result<Value, Exception> {
    let (tenants, next) = page(directory, asked, 100)?;
    let mut secrets = Vec::new();
    for tenant in tenants {
        match directory.secret(&tenant) {
            Ok(Some(secret)) => secrets.push(description(&secret, "SecretVersionsToStages")),
            // Gone since the directory was read.
            Ok(None) => {}
            // To list is not to read: what can't be read is still there, and only its own tenant's trouble.
            Err(_) => secrets.push(json!({ "Name": directory.name(&tenant) })),
        }
    }
    Ok(json!({ "SecretList": secrets, "NextToken": next }))
}

/// One page of tenants that the filters let through, in the order of their names, and the token of the next page. The
/// token is the last name, so a secret that appears or vanishes between two pages moves no other.
fn page(directory: &Directory, asked: &Asked, most: usize) -> Result<(Vec<String>, Option<String>), Exception> {
    let size = asked.max_results.unwrap_or(most);
    if !(1..=most).contains(&size) {
        return Err(Exception(INVALID, format!("MaxResults must be between 1 and {most}.")));
    }
    let filters = asked.filters.as_deref().unwrap_or_default();
    if let Some(other) = filters.iter().find(|filter| filter.key != "name") {
        return Err(Exception(INVALID, format!("The local stack can't filter by {:?}, only by name.", other.key)));
    }
    let after = match &asked.next_token {
        None => None,
        Some(token) => {
            let name = URL_SAFE_NO_PAD.decode(token).ok().and_then(|name| String::from_utf8(name).ok());
            let invalid = || Exception("InvalidNextTokenException", "The NextToken value is invalid.".to_owned());
            Some(name.ok_or_else(invalid)?)
        }
    };
    let mut tenants = directory.tenants()?;
    tenants.retain(|tenant| {
        let name = directory.name(tenant);
        after.as_ref().is_none_or(|after| tenant > after) && filters.iter().all(|filter| filter.accepts(&name))
    });
    let next = (tenants.len() > size).then(|| URL_SAFE_NO_PAD.encode(&tenants[size - 1]));
    tenants.truncate(size);
    Ok((tenants, next))
}

impl Filter {
    /// By the beginning of the name; `!` in front means the opposite. Source: AWS, `ListSecrets`, Filter.
    fn accepts(&self, name: &str) -> bool {
        self.values.iter().any(|value| match value.strip_prefix('!') {
            Some(value) => !name.starts_with(value),
            None => name.starts_with(value.as_str()),
        })
    }
}

fn description(secret: &Secret, versions: &str) -> Value {
    let stages: Value = secret.versions.iter().map(|version| (version.id.clone(), json!(version.labels()))).collect();
    let changed = secret.versions.iter().map(|version| version.changed).fold(0.0, f64::max);
    json!({ "ARN": secret.arn, "Name": secret.name, "CreatedDate": changed, "LastChangedDate": changed, versions: stages })
}

fn create(directory: &Directory, asked: &Asked) -> Result<Value, Exception> {
    let tenant = directory.tenant(&asked.name).ok_or_else(|| {
        let message = format!("A secret of the local stack is named {:?} and a tenant id.", directory.prefix());
        Exception(INVALID, message)
    })?;
    let text = text_of(asked)?;
    if !directory.create(tenant, text)? {
        // The SDK repeats a create whose answer it lost, and must then be told that it worked.
        let same =
            directory.secret(tenant)?.is_some_and(|secret| secret.at("AWSCURRENT").is_some_and(|v| v.text == text));
        if !same {
            let message = format!("The operation failed because the secret {} already exists.", asked.name);
            return Err(Exception("ResourceExistsException", message));
        }
    }
    let secret = secret(directory, &asked.name)?;
    Ok(json!({ "ARN": secret.arn, "Name": secret.name, "VersionId": Version::id_of(text) }))
}

fn put(directory: &Directory, asked: &Asked) -> Result<Value, Exception> {
    let secret = secret(directory, &asked.secret_id)?;
    let text = text_of(asked)?;
    let labels = asked.version_stages.clone().unwrap_or_else(|| vec![Stage::Current.label().to_owned()]);
    let stages: Vec<Stage> = labels.iter().map(|label| stage(label)).collect::<Result<_, _>>()?;
    for stage in stages {
        directory.write(&secret.tenant, stage, text)?;
    }
    Ok(json!({ "ARN": secret.arn, "Name": secret.name, "VersionId": Version::id_of(text), "VersionStages": labels }))
}

/// Moves a label to another version, or takes it off. A version that carries both labels keeps both, as in AWS, until
/// `AWSPENDING` is taken off.
fn move_stage(directory: &Directory, asked: &Asked) -> Result<Value, Exception> {
    let secret = secret(directory, &asked.secret_id)?;
    let label = asked.version_stage.as_deref().unwrap_or_default();
    let stage = stage(label)?;
    let attached = secret.at(label).map(|version| version.id.as_str());
    if asked.remove_from_version_id.as_deref() != attached && attached != asked.move_to_version_id.as_deref() {
        let message = format!(
            "The parameter RemoveFromVersionId must name the version that the staging label {label} is attached to: {}.",
            attached.unwrap_or("none"),
        );
        return Err(Exception(INVALID, message));
    }
    match &asked.move_to_version_id {
        Some(id) => {
            let version = secret.versions.iter().find(|version| version.id == *id).ok_or_else(|| {
                let message = format!("Secrets Manager can't find the specified secret value for VersionId: {id}");
                Exception(NOT_FOUND, message)
            })?;
            directory.write(&secret.tenant, stage, &version.text)?;
        }
        None if stage == Stage::Pending => directory.remove_pending(&secret.tenant)?,
        None => return Err(Exception(INVALID, "AWSCURRENT can be moved, not removed.".to_owned())),
    }
    Ok(json!({ "ARN": secret.arn, "Name": secret.name }))
}

fn stage(label: &str) -> Result<Stage, Exception> {
    let known = [Stage::Current, Stage::Pending].into_iter().find(|stage| stage.label() == label);
    known.ok_or_else(|| Exception(INVALID, format!("The local stack knows no staging label {label:?}.")))
}

fn text_of(asked: &Asked) -> Result<&str, Exception> {
    let fits = |text: &&str| (1..=LARGEST).contains(&text.len());
    let message = || format!("A secret of the local stack is a SecretString of 1 to {LARGEST} bytes.");
    asked.secret_string.as_deref().filter(fits).ok_or_else(|| Exception(INVALID, message()))
}

#[cfg(test)]
mod tests;
