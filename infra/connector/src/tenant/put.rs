//! Stores a tenant document as a secret: validates it, tries what it names, shows what would change, asks, writes. The only
//! place that writes a secret. Nobody goes live here by accident.

use super::{STDIN, difference, print_problems, read, summary};
use crate::ask;
use crate::cli::{Format, Store};
use crate::deps::{self, Deps};
use crate::failure::{Done, Exit, Failure};
use crate::ping;
use crate::terminal::Terminal;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use serde_json::{Value, json};
use shared::telemetry::said;
use shared::tenant::{Mode, Tenant, TenantId};
use std::path::Path;

/// What the operator takes for granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meant {
    /// The tenant may be new.
    NewOrNot,
    /// The tenant exists.
    Existing,
}

/// Stores a document.
pub async fn put(deps: &Deps, terminal: &mut Terminal<'_>, format: Format, args: &Store, meant: Meant) -> Done {
    let id = &args.tenant;
    if args.file == Path::new(STDIN) && !args.yes {
        return Err(Failure::Usage(
            "the document comes through stdin, so nobody can be asked there: confirm it with --yes".to_owned(),
        ));
    }
    let text = read(terminal, &args.file)?;
    let tenant = match shared::tenant::parse(id, &text) {
        Ok(tenant) => tenant,
        Err(invalid) => {
            print_problems(terminal, format, id, &invalid)?;
            return Ok(Exit::Trouble);
        }
    };
    let stored = current(deps, id).await?;
    if stored.is_none() && meant == Meant::Existing {
        deps.expect_tenant(id).await?;
        return Err(Failure::Trouble(format!(
            "tenant {id} has no current document: connector tenant add {id} FILE gives it one"
        )));
    }
    let mode = mode_of(tenant.mode, stored.as_deref(), args.live);
    let text = with_mode(text, &tenant, mode)?;
    let changes = stored.as_deref().map(|stored| changes(stored, &text));
    if changes.as_ref().is_some_and(Vec::is_empty) {
        terminal.say(&format!("tenant {id} has this document already: nothing to change"))?;
        if mode != tenant.mode {
            terminal.say("it says live, and the tenant stays in dry run without --live")?;
        }
        return done(terminal, format, id, "unchanged", mode);
    }
    if !args.without_ping && !ping::passes(deps, terminal, format, &tenant).await? {
        return Ok(Exit::Trouble);
    }
    terminal.say(&preview(deps, &tenant, changes.as_deref(), mode))?;
    let question =
        if stored.is_some() { format!("Replace the document of {id}?") } else { format!("Add tenant {id}?") };
    if !ask::confirm(terminal, &question, args.yes)? {
        return Ok(Exit::Trouble);
    }
    let secret = deps.secret_name(id);
    if stored.is_some() {
        let put = deps.secrets.put_secret_value().secret_id(&secret).secret_string(text);
        put.send().await.map_err(|error| refused(&secret, "PutSecretValue", &error))?;
        done(terminal, format, id, "replaced", mode)
    } else {
        let create = deps.secrets.create_secret().name(&secret).secret_string(text);
        let create = create.description(format!("Tenant document of {}", tenant.display_name));
        create.send().await.map_err(|error| refused(&secret, "CreateSecret", &error))?;
        done(terminal, format, id, "added", mode)
    }
}

fn done(terminal: &mut Terminal<'_>, format: Format, id: &TenantId, did: &str, mode: Mode) -> Done {
    let mode = summary::mode(mode);
    match format {
        Format::Json => terminal.print_json(&json!({"tenant": id, "did": did, "mode": mode}))?,
        Format::Table => terminal.print(&format!("{id}: {did}, {mode}"))?,
    }
    Ok(Exit::Done)
}

/// The stored document as it stands, if there is one.
async fn current(deps: &Deps, id: &TenantId) -> Result<Option<String>, Failure> {
    let secret = deps.secret_name(id);
    match deps.secrets.get_secret_value().secret_id(&secret).send().await {
        Ok(output) => Ok(Some(output.secret_string.unwrap_or_default())),
        Err(error) if error.as_service_error().is_some_and(GetSecretValueError::is_resource_not_found_exception) => {
            Ok(None)
        }
        Err(error) => Err(refused(&secret, "GetSecretValue", &error)),
    }
}

/// What the document is to say: live only where the document says so, and where the tenant is live already or the operator
/// asks for it.
fn mode_of(wanted: Mode, stored: Option<&str>, live: bool) -> Mode {
    let is_live = |stored: &str| match serde_json::from_str::<Value>(stored) {
        Ok(stored) => stored.get("mode").is_none_or(|mode| mode.is_null() || mode == "live"),
        Err(_) => false, // nothing goes out while it can't be read
    };
    let may = live || stored.is_some_and(is_live);
    if wanted == Mode::Live && may { Mode::Live } else { Mode::DryRun }
}

/// The text to store: as the operator wrote it, unless its mode is another.
fn with_mode(text: String, tenant: &Tenant, mode: Mode) -> Result<String, Failure> {
    if tenant.mode == mode {
        return Ok(text);
    }
    let unlikely = |error: serde_json::Error| Failure::Trouble(format!("the document can't be written again: {error}"));
    let mut document: Value = serde_json::from_str(&text).map_err(unlikely)?;
    if let Some(document) = document.as_object_mut() {
        document.insert("mode".to_owned(), json!(summary::mode(mode)));
    }
    serde_json::to_string_pretty(&document).map_err(unlikely)
}

fn changes(stored: &str, text: &str) -> Vec<String> {
    let read = |text: &str| serde_json::from_str::<Value>(text).ok();
    match (read(stored), read(text)) {
        (Some(stored), Some(text)) => difference::between(&stored, &text),
        _ => vec!["~ the whole: the stored document is no JSON".to_owned()],
    }
}

fn preview(deps: &Deps, tenant: &Tenant, changes: Option<&[String]>, mode: Mode) -> String {
    let (id, name) = (&tenant.id, deps.secret_name(&tenant.id));
    let mut told = match changes {
        None => format!("{id} ({}) is new: secret {name} is created", tenant.display_name),
        Some(changes) => format!("{id} ({}): secret {name} changes\n  {}", tenant.display_name, changes.join("\n  ")),
    };
    told.push_str(match (mode, tenant.mode) {
        (Mode::Live, _) => "\nmode live: people are texted and called",
        (Mode::DryRun, Mode::DryRun) => "\nmode dry_run, as the document says: nobody is texted or called",
        (Mode::DryRun, Mode::Live) => {
            "\nmode dry_run: nobody is texted or called; --live makes it live, as the document says"
        }
    });
    told
}

/// Secrets Manager's own words, which name secrets and rights and never a value, and what to do.
fn refused<E: std::error::Error + ProvideErrorMetadata + 'static>(
    secret: &str,
    right: &str,
    error: &SdkError<E>,
) -> Failure {
    let SdkError::ServiceError(service) = error else { return deps::unreachable(&Unreached(said(error))) };
    let remedy = match service.err().code() {
        Some("AccessDeniedException") => format!("your AWS identity needs secretsmanager:{right} on it, and its key"),
        Some("InvalidRequestException") => format!(
            "if it is marked for deletion: aws secretsmanager restore-secret --secret-id {secret}, or choose another tenant id"
        ),
        Some("DecryptionFailure" | "EncryptionFailure") => "mend the secret's key or its policy".to_owned(),
        _ => format!("secretsmanager:{right} was asked for; try again, and look at what it says"),
    };
    Failure::Trouble(format!("Secrets Manager refuses secret {secret}: {}\n  {remedy}", said(error)))
}

/// No answer came from Secrets Manager.
#[derive(Debug, thiserror::Error)]
#[error("Secrets Manager can't be reached: {0}")]
struct Unreached(String);

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_secretsmanager::config::http::HttpResponse;
    use aws_sdk_secretsmanager::error::ErrorMetadata;

    #[test]
    fn a_refusal_names_the_secret_and_the_right_that_is_missing() {
        let check = |code: &str, expect: &[&str]| {
            let metadata = ErrorMetadata::builder().code(code).message("no").build();
            let raw = HttpResponse::new(400.try_into().unwrap(), "".into());
            let error = SdkError::service_error(GetSecretValueError::generic(metadata), raw);
            let told = refused("p/mercy", "PutSecretValue", &error).to_string();
            assert!(told.starts_with(&format!("Secrets Manager refuses secret p/mercy: {code}: no\n  ")), "{told}");
            assert!(expect.iter().all(|part| told.contains(part)), "{told}");
        };
        check("AccessDeniedException", &["needs secretsmanager:PutSecretValue on it"]);
        check("InvalidRequestException", &["restore-secret --secret-id p/mercy"]);
        check("DecryptionFailure", &["key"]);
        check("LimitExceededException", &["secretsmanager:PutSecretValue"]);
    }

    #[test]
    fn nobody_goes_live_without_being_told_to() {
        let check = |wanted, stored: Option<&str>, live, expect| {
            assert_eq!(mode_of(wanted, stored, live), expect, "{wanted:?} {stored:?} {live}");
        };
        check(Mode::Live, None, false, Mode::DryRun);
        check(Mode::Live, None, true, Mode::Live);
        check(Mode::DryRun, None, true, Mode::DryRun);
        check(Mode::Live, Some(r#"{"mode": "dry_run"}"#), false, Mode::DryRun);
        check(Mode::Live, Some(r#"{"mode": "dry_run"}"#), true, Mode::Live);
        check(Mode::Live, Some(r#"{"mode": "live"}"#), false, Mode::Live);
        check(Mode::Live, Some("{}"), false, Mode::Live);
        check(Mode::DryRun, Some("{}"), false, Mode::DryRun);
        check(Mode::Live, Some("not JSON"), false, Mode::DryRun);
        check(Mode::Live, Some(r#"{"mode": "lvie"}"#), false, Mode::DryRun);
    }
}
