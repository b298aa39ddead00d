//! Tenants out of Secrets Manager: one by name, or all of them, cached for a while so that a rotated secret takes effect
//! without a deploy. Never writes a secret.

use super::{Invalid, Problem, Tenant, TenantId, document};
use crate::clock::Clock;
use crate::telemetry::said;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};
use jiff::Timestamp;
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Mutex;

/// How long a document is used before it is fetched again.
pub const MAX_AGE: Duration = Duration::from_mins(5);
/// The least time between two fetches that a bad signature asks for, per tenant: a forger must not make us call AWS at will.
const AFRESH_EVERY: Duration = Duration::from_secs(30);
/// The same after a fetch that failed: Twilio's tries of one callback all lie within 15 seconds, and one of them has to find
/// the tokens.
const AFRESH_AFTER_FAILURE: Duration = Duration::from_secs(2);
/// How long an answer is waited for where a copy can serve on: Twilio waits four seconds for what a callback is answered.
const PATIENCE: Duration = Duration::from_secs(2);
/// After a failure, how long copies serve on before Secrets Manager is asked again: one that doesn't answer must not cost every
/// caller that wait.
const LEFT_ALONE: Duration = Duration::from_secs(15);
/// How many names without a secret are remembered: a made-up one costs a call once in [`MAX_AGE`], and memory not for ever.
const UNKNOWN_KEPT: usize = 1000;
/// Refusals that are about one secret: its key or its policy (Secrets Manager API, `GetSecretValue`, errors).
const OF_ONE_SECRET: &[&str] = &["DecryptionFailure", "AccessDeniedException", "InvalidParameterException"];
/// What `BatchGetSecretValue` takes at once.
const BATCH: usize = 20;

/// Why a tenant can't be had.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Secrets Manager can't be reached or refuses us. Trying again later helps.
    #[error("the secrets of the tenants can't be read: {0}")]
    Unreachable(String),
    /// The document is wrong, or its secret doesn't open. Only mending that helps.
    #[error("tenant {0}: {1}")]
    Invalid(TenantId, Arc<Invalid>),
}

/// All tenants. Cheap to share; fetches each secret once however many ask at the same time.
pub struct Tenants {
    client: Client,
    prefix: String,
    clock: Clock,
    max_age: Duration,
    adjust: Option<Adjust>,
    entries: Mutex<HashMap<TenantId, Arc<Mutex<Entry>>>>,
    listed: Mutex<Option<(Timestamp, Vec<TenantId>)>>,
    /// When Secrets Manager was last asked for a document or for all names, and why it couldn't be reached; `None` if it could.
    failure: std::sync::Mutex<Option<(Timestamp, Error)>>,
}

type Adjust = Box<dyn Fn(&mut Tenant) + Send + Sync>;

#[derive(Default)]
struct Entry {
    fetched_at: Option<Timestamp>,
    /// When somebody asked for the tokens afresh, and what they were or why they couldn't be had.
    afresh: Option<(Timestamp, Result<Vec<SecretString>, Error>)>,
    document: Option<Document>,
    /// SHA-256 of the secret that the document was read from.
    digest: [u8; 32],
}

/// A document, or what is wrong with it.
type Document = Result<Arc<Tenant>, Arc<Invalid>>;

/// What [`Tenants::list`] knows of one tenant.
pub type Listed = (TenantId, Result<Arc<Tenant>, Arc<Invalid>>);

impl Tenants {
    /// Tenants whose secrets are named `prefix` and the tenant's id.
    pub fn new(client: Client, prefix: String, clock: Clock, max_age: Duration) -> Self {
        Self {
            client,
            prefix,
            clock,
            max_age,
            adjust: None,
            entries: Mutex::default(),
            listed: Mutex::default(),
            failure: std::sync::Mutex::default(),
        }
    }

    /// The same tenants, each changed by `adjust` once its document is found good: for trials, which bend time.
    #[must_use]
    pub fn adjusted(mut self, adjust: impl Fn(&mut Tenant) + Send + Sync + 'static) -> Self {
        self.adjust = Some(Box::new(adjust));
        self
    }

    /// One tenant; `None` if it has no secret. A copy past its age is still used if Secrets Manager can't be reached, and not if it
    /// refuses to open the secret: whoever changed a key or a policy has to see what comes of it, not whoever restarts us.
    pub async fn get(&self, id: &TenantId) -> Result<Option<Arc<Tenant>>, Error> {
        let entry = self.entry(id).await;
        let mut entry = entry.lock().await;
        let now = self.clock.now();
        if !entry.is_fresh(now, self.max_age) {
            let has_copy = entry.document.is_some();
            match self.failed_lately(has_copy) {
                Some(_) if has_copy => {}
                Some(error) => return Err(error),
                None => match self.note(self.fetch(id, "AWSCURRENT", has_copy).await) {
                    Ok(json) => self.renew(&mut entry, id, now, json.as_deref()),
                    Err(error @ Error::Unreachable(_)) if has_copy => {
                        tracing::warn!(tenant = %id, error = %error, "secret not refreshed, the cached copy serves on");
                    }
                    Err(error) => return Err(error),
                },
            }
        }
        match &entry.document {
            None => Ok(None),
            Some(Ok(tenant)) => Ok(Some(Arc::clone(tenant))),
            Some(Err(invalid)) => Err(Error::Invalid(id.clone(), Arc::clone(invalid))),
        }
    }

    /// Every tenant that has a secret, in the order of their names, each with its document or what is wrong with it.
    pub async fn list(&self) -> Result<Vec<Listed>, Error> {
        let now = self.clock.now();
        let mut listed = self.listed.lock().await;
        let has_copy = listed.is_some();
        let fresh = listed.as_ref().filter(|(at, _)| crate::stamp::between(*at, now) < self.max_age);
        if fresh.is_none() && (!has_copy || self.failed_lately(has_copy).is_none()) {
            match self.note(self.list_names(has_copy).await) {
                Ok(names) => {
                    if let Err(error) = self.fetch_many(&names, now, has_copy).await {
                        tracing::warn!(error = %error, "secrets not read together; each is read alone");
                    }
                    *listed = Some((now, names));
                }
                Err(error) if has_copy => {
                    tracing::warn!(error = %error, "secrets not listed, the known tenants serve on");
                }
                Err(error) => return Err(error),
            }
        }
        let names = listed.as_ref().map(|(_, names)| names.clone()).unwrap_or_default();
        drop(listed);
        let mut all = Vec::with_capacity(names.len());
        for id in names {
            match self.get(&id).await {
                Ok(Some(tenant)) => all.push((id, Ok(tenant))),
                Ok(None) => {} // deleted since it was listed
                Err(Error::Invalid(_, invalid)) => all.push((id, Err(invalid))),
                Err(error @ Error::Unreachable(_)) => return Err(error),
            }
        }
        Ok(all)
    }

    /// The tokens that may sign for a tenant right now, fetched afresh with the version that is about to become current:
    /// during a rotation Twilio signs with the new one first. Asked again after too short a while, the answer is the same: the
    /// next callback of a rotation must not be lost because the last one has just been verified. Not knowing is such an answer
    /// too, if a short one: a callback that may have been signed with a token that we couldn't read was not forged.
    pub async fn signing_tokens_afresh(&self, id: &TenantId) -> Result<Vec<SecretString>, Error> {
        let entry = self.entry(id).await;
        let mut entry = entry.lock().await;
        let now = self.clock.now();
        if let Some((at, answer)) = &entry.afresh {
            let holds = if answer.is_ok() { AFRESH_EVERY } else { AFRESH_AFTER_FAILURE };
            if crate::stamp::between(*at, now) < holds {
                return answer.clone();
            }
        }
        // Should this fetch be given up half-way, it counts as one.
        entry.afresh = Some((now, Err(Error::Unreachable("they are being fetched".to_owned()))));
        let answer = self.fetch_tokens(id, &mut entry, now).await;
        entry.afresh = Some((self.clock.now(), answer.clone()));
        answer
    }

    async fn fetch_tokens(&self, id: &TenantId, entry: &mut Entry, now: Timestamp) -> Result<Vec<SecretString>, Error> {
        let mut tokens = Vec::new();
        for stage in ["AWSCURRENT", "AWSPENDING"] {
            let Some(json) = self.fetch(id, stage, entry.document.is_some()).await? else { continue };
            match self.parse(id, &json) {
                Ok(tenant) => {
                    tokens.push(tenant.twilio.auth_token);
                    tokens.extend(tenant.twilio.next_auth_token);
                }
                Err(invalid) => {
                    tracing::warn!(tenant = %id, stage, error = %invalid, "a version of the secret is no tenant document");
                }
            }
            if stage == "AWSCURRENT" {
                self.renew(entry, id, now, Some(&json));
            }
        }
        Ok(tokens)
    }

    /// Opens a connection to Secrets Manager before it is needed, by asking for a secret that there can't be: no tenant is
    /// called that. What goes wrong is found out when it is needed.
    pub async fn warm(&self) {
        let _ = self.client.get_secret_value().secret_id(format!("{}-", self.prefix)).send().await;
    }

    fn parse(&self, id: &TenantId, json: &str) -> Result<Tenant, Invalid> {
        let mut tenant = document::parse(id, json)?;
        if let Some(adjust) = &self.adjust {
            adjust(&mut tenant);
        }
        Ok(tenant)
    }

    /// Takes a secret that was just fetched. One that says what it said before leaves the document the same, not only an equal
    /// one: whoever keeps something that belongs to a document, such as PeopleSoft's token, keeps it.
    fn renew(&self, entry: &mut Entry, id: &TenantId, now: Timestamp, json: Option<&str>) {
        entry.fetched_at = Some(now);
        let Some(json) = json else {
            entry.document = None;
            return;
        };
        let digest = <[u8; 32]>::from(Sha256::digest(json));
        if entry.document.is_none() || entry.digest != digest {
            entry.document = Some(self.parse(id, json).map(Arc::new).map_err(Arc::new));
            entry.digest = digest;
        }
    }

    /// Remembers whether an answer came.
    fn note<T>(&self, answer: Result<T, Error>) -> Result<T, Error> {
        let failed = answer.as_ref().err().filter(|error| matches!(error, Error::Unreachable(_)));
        *self.failure() = failed.map(|error| (self.clock.now(), error.clone()));
        answer
    }

    /// What asking again would only repeat, after too short a while.
    fn failed_lately(&self, has_copy: bool) -> Option<Error> {
        let pause = if has_copy { LEFT_ALONE } else { AFRESH_AFTER_FAILURE };
        let failure = self.failure();
        let (_, error) = failure.as_ref().filter(|(at, _)| crate::stamp::between(*at, self.clock.now()) < pause)?;
        Some(error.clone())
    }

    /// What a panic elsewhere left behind is still good: every change is one step.
    fn failure(&self) -> MutexGuard<'_, Option<(Timestamp, Error)>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn entry(&self, id: &TenantId) -> Arc<Mutex<Entry>> {
        let mut entries = self.entries.lock().await;
        if entries.len() >= UNKNOWN_KEPT && !entries.contains_key(id) {
            entries.retain(|_, entry| entry.try_lock().map_or(true, |entry| entry.document.is_some()));
        }
        Arc::clone(entries.entry(id.clone()).or_default())
    }

    async fn fetch(&self, id: &TenantId, stage: &str, has_copy: bool) -> Result<Option<String>, Error> {
        let name = format!("{}{id}", self.prefix);
        match soon(has_copy, self.client.get_secret_value().secret_id(name).version_stage(stage).send()).await? {
            Ok(output) => Ok(output.secret_string),
            Err(error) => match error.as_service_error() {
                // The second is what a secret says that is marked for deletion: whoever did that wants it gone.
                Some(
                    GetSecretValueError::ResourceNotFoundException(_) | GetSecretValueError::InvalidRequestException(_),
                ) => Ok(None),
                // This one secret doesn't open. The others may, and must not be kept waiting.
                Some(refused) if refused.code().is_some_and(|code| OF_ONE_SECRET.contains(&code)) => {
                    let code = refused.code().unwrap_or_default();
                    let what = format!("can't be opened ({code}): mend the secret's key or its policy");
                    let problems = vec![Problem { place: String::new(), what }];
                    Err(Error::Invalid(id.clone(), Arc::new(Invalid { problems })))
                }
                _ => Err(unreachable(&error)),
            },
        }
    }

    async fn list_names(&self, has_copy: bool) -> Result<Vec<TenantId>, Error> {
        let filter = Filter::builder().key(FilterNameStringType::Name).values(&self.prefix).build();
        let mut pages = self.client.list_secrets().filters(filter).into_paginator().send();
        let mut names = Vec::new();
        while let Some(page) = soon(has_copy, pages.next()).await? {
            for secret in page.map_err(|error| unreachable(&error))?.secret_list.unwrap_or_default() {
                let Some(name) = secret.name.as_deref().and_then(|name| name.strip_prefix(&self.prefix)) else {
                    continue;
                };
                match TenantId::parse(name) {
                    Ok(id) => names.push(id),
                    Err(error) => tracing::warn!(error = %error, "a secret under the tenants' prefix is ignored"),
                }
            }
        }
        names.sort();
        Ok(names)
    }

    async fn fetch_many(&self, names: &[TenantId], now: Timestamp, has_copy: bool) -> Result<(), Error> {
        let mut stale = Vec::new();
        for id in names {
            if !self.entry(id).await.lock().await.is_fresh(now, self.max_age) {
                stale.push(id.clone());
            }
        }
        for batch in stale.chunks(BATCH) {
            let ids = batch.iter().map(|id| format!("{}{id}", self.prefix)).collect();
            let asked = self.client.batch_get_secret_value().set_secret_id_list(Some(ids)).send();
            let output = soon(has_copy, asked).await?.map_err(|error| unreachable(&error))?;
            for secret in output.secret_values.unwrap_or_default() {
                let id = secret.name.as_deref().and_then(|name| name.strip_prefix(&self.prefix)).map(TenantId::parse);
                let (Some(Ok(id)), Some(json)) = (id, secret.secret_string) else { continue };
                let entry = self.entry(&id).await;
                self.renew(&mut *entry.lock().await, &id, now, Some(&json));
            }
            for error in output.errors.unwrap_or_default() {
                // Asked for one by one when it is needed, which says what is wrong.
                tracing::warn!(
                    secret = error.secret_id,
                    code = error.error_code,
                    "a tenant's secret was not among the batch"
                );
            }
        }
        Ok(())
    }
}

impl Entry {
    fn is_fresh(&self, now: Timestamp, max_age: Duration) -> bool {
        self.fetched_at.is_some_and(|at| crate::stamp::between(at, now) < max_age)
    }
}

/// An answer, unless it takes longer than whoever has a copy should wait.
async fn soon<T>(has_copy: bool, answer: impl Future<Output = T>) -> Result<T, Error> {
    if !has_copy {
        return Ok(answer.await);
    }
    let late = |_| Error::Unreachable(format!("no answer within {} s", PATIENCE.as_secs()));
    tokio::time::timeout(PATIENCE, answer).await.map_err(late)
}

fn unreachable<E: std::error::Error + ProvideErrorMetadata + 'static>(error: &SdkError<E>) -> Error {
    Error::Unreachable(said(error))
}
