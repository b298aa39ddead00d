//! The command line: what may be typed, and what `--help` says about it. Parses; does nothing.

#![allow(clippy::doc_markdown)] // --help prints these comments as they are, backticks included

mod examples;

use crate::audit::record;
use clap::builder::{PossibleValuesParser, StringValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use shared::notification::{NotificationId, State};
use shared::stamp;
use shared::tenant::TenantId;
use std::path::PathBuf;
use std::time::Duration;

/// Looks after the connector between Oracle PeopleSoft and Twilio: its tenants, what became of every notification, and
/// what an operator may do about it.
///
/// Data goes to stdout, talk to stderr. Whatever changes something shows what it would do and asks; the default is no.
#[derive(Debug, Parser)]
#[command(name = "connector", version, max_term_width = 110, arg_required_else_help = true, after_help = examples::ROOT)]
pub struct Cli {
    /// How data is printed: a table for people, or json, one object per line, for programs.
    #[arg(long, global = true, value_enum, default_value_t = Format::Table, hide_possible_values = true)]
    #[arg(value_name = "table|json", help_heading = GLOBAL)]
    pub format: Format,
    /// The ledger's DynamoDB table, in place of TABLE_NAME in the environment.
    #[arg(long, global = true, value_name = "NAME", help_heading = GLOBAL)]
    pub table: Option<String>,
    /// What the tenants' secrets are called before the tenant's name, in place of TENANT_SECRET_PREFIX.
    #[arg(long, global = true, value_name = "PREFIX", help_heading = GLOBAL)]
    pub secret_prefix: Option<String>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// One object per line, for programs.
    Json,
}

/// What the operator can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the whole stack in one process, around a demo hospital or tenants of your own.
    Local(Box<crate::local_stack::Local>),
    /// Check, store and show tenant documents; never a secret.
    #[command(subcommand)]
    Tenant(Tenant),
    /// Try a tenant's real systems: change nothing and text nobody.
    ///
    /// PeopleSoft's address, credentials and clock; each query, its prompts and columns, and a row of it; what the texts
    /// would look like; Twilio's account and senders; and whether callbacks reach us. Exit code 1 if anything doesn't
    /// work, with what to do about it.
    #[command(after_help = examples::PING)]
    Ping {
        /// The tenant.
        #[arg(value_parser = TenantId::parse)]
        tenant: TenantId,
    },
    /// Tell what became of notifications, from the ledger.
    Audit(Audit),
    /// Send notifications again that came to nothing.
    ///
    /// Only what failed, was undelivered, unconfirmed or expired, or was a dry run. What is unconfirmed may have arrived
    /// after all: replaying it may text twice.
    #[command(after_help = examples::REPLAY)]
    Replay(Act),
    /// Rule out notifications that have not started.
    ///
    /// Only what is held, scheduled, pending or deferred. Once an attempt is under way it is too late.
    #[command(after_help = examples::CANCEL)]
    Cancel(Act),
    /// Let go what a source yielded too much of at once.
    ///
    /// A poll that finds more than the tenant's max_notifications_per_poll holds all of them until somebody has looked.
    #[command(after_help = examples::RELEASE)]
    ReleaseHeld(ReleaseHeld),
    /// Print a script that completes this command in a shell.
    #[command(after_help = examples::COMPLETIONS)]
    Completions {
        /// Which shell.
        #[arg(value_enum, hide_possible_values = true, value_name = "bash|zsh|fish")]
        shell: Shell,
    },
}

/// What can be done with tenant documents.
#[derive(Debug, Subcommand)]
pub enum Tenant {
    /// Validate a document without storing it.
    ///
    /// Prints everything that is wrong with it at once, or what it says. Exit code 1 if something is wrong, 2 if it isn't there
    /// or isn't JSON.
    #[command(after_help = examples::CHECK)]
    Check(Check),
    /// List the tenants that have a secret.
    #[command(after_help = examples::TENANT_LIST)]
    List,
    /// Show what a tenant's stored document says, without its secrets.
    #[command(after_help = examples::TENANT_SHOW)]
    Show {
        /// The tenant.
        #[arg(value_parser = TenantId::parse)]
        tenant: TenantId,
    },
    /// Store a document as a tenant's secret, new or in place of the old one.
    ///
    /// Tries the PeopleSoft and the Twilio that it names first, as ping does: if anything there is in trouble, nothing is
    /// stored, and the exit code is 1. A new tenant starts in dry run, and nobody goes from dry run to live without --live.
    #[command(after_help = examples::ADD)]
    Add(Store),
    /// Replace the stored document of a tenant that exists, for instance with a new password.
    ///
    /// Tries the PeopleSoft and the Twilio that it names first, as ping does: if anything there is in trouble, nothing is
    /// stored, and the exit code is 1. The functions use the new document within five minutes; no deploy is needed.
    #[command(after_help = examples::ROTATE)]
    Rotate(Store),
}

/// `tenant check`
#[derive(Debug, Args)]
pub struct Check {
    /// The document, JSON; - for stdin.
    pub file: PathBuf,
    /// The tenant's name; otherwise the file's, without .json.
    #[arg(long, value_parser = TenantId::parse, value_name = "NAME")]
    pub tenant: Option<TenantId>,
}

/// `tenant add` and `tenant rotate`
#[derive(Debug, Args)]
pub struct Store {
    /// The tenant: 1 to 40 of a-z, 0-9 and '-'.
    #[arg(value_parser = TenantId::parse)]
    pub tenant: TenantId,
    /// The document, JSON; - for stdin, which goes with --yes.
    pub file: PathBuf,
    /// Let a document that says live be live: from now on people are texted and called.
    #[arg(long)]
    pub live: bool,
    /// Store it without trying PeopleSoft and Twilio first, for instance while a firewall isn't open yet.
    #[arg(long)]
    pub without_ping: bool,
    /// Agree without being asked.
    #[arg(long)]
    pub yes: bool,
}

/// What can be told from the ledger.
#[derive(Debug, Args)]
pub struct Audit {
    /// Show whole phone numbers. Each notification shown gets a fact that says who saw it.
    #[arg(long, global = true)]
    pub reveal: bool,
    /// What to tell.
    #[command(subcommand)]
    pub what: AuditWhat,
}

/// What can be told from the ledger.
#[derive(Debug, Subcommand)]
pub enum AuditWhat {
    /// Tell one notification's story.
    #[command(after_help = examples::SHOW)]
    Show {
        /// Whose it is.
        #[arg(value_parser = TenantId::parse)]
        tenant: TenantId,
        /// Its id, as the lists and Twilio's callback URLs (n=) show it.
        #[arg(value_parser = NotificationId::parse)]
        notification: NotificationId,
    },
    /// List one employee's notifications, and two-factor checks if there are any.
    ///
    /// With --format json, the two-factor checks are one last object, with a key `verifications`.
    #[command(after_help = examples::EMPLOYEE)]
    Employee {
        /// Whose employee it is.
        #[arg(value_parser = TenantId::parse)]
        tenant: TenantId,
        /// The EMPLID; leading zeros count.
        #[arg(value_name = "EMPLID")]
        employee: String,
    },
    /// List a tenant's notifications, oldest first.
    #[command(after_help = examples::LIST)]
    List(List),
    /// List what isn't settled and should be; exit code 1 if there is any.
    ///
    /// In doubt, held, past its time without having started, or accepted by Twilio more than a day ago without a final
    /// word.
    #[command(after_help = examples::STUCK)]
    Stuck {
        /// The tenant.
        #[arg(value_parser = TenantId::parse)]
        tenant: TenantId,
    },
    #[allow(missing_docs)] // said on the type, for --help
    Report(crate::report::Report),
    #[allow(missing_docs)]
    Export(crate::export::ExportTable),
}

/// `audit list`
#[derive(Debug, Args)]
pub struct List {
    /// The tenant.
    #[arg(value_parser = TenantId::parse)]
    pub tenant: TenantId,
    /// Only what was created since: 30m, 2h, 3d, 2w, or a time such as 2026-03-17T00:00:00Z.
    #[arg(long, value_parser = Since::parse, value_name = "WHEN")]
    pub since: Option<Since>,
    /// Only in this state; may be repeated, or be several with commas between them.
    #[arg(long = "state", value_delimiter = ',', value_parser = state_parser(), value_name = "STATE")]
    pub states: Vec<State>,
    /// Only from this source of the tenant document.
    #[arg(long, value_name = "SOURCE")]
    pub source: Option<String>,
    /// Only of this employee.
    #[arg(long, value_name = "EMPLID")]
    pub employee: Option<String>,
    /// Show so many at most, and say how to go on.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// Go on after this notification, the last one that was shown.
    #[arg(long, value_parser = NotificationId::parse, value_name = "NOTIFICATION")]
    pub after: Option<NotificationId>,
}

/// `replay` and `cancel`
#[derive(Debug, Args)]
pub struct Act {
    /// Whose they are.
    #[arg(value_parser = TenantId::parse)]
    pub tenant: TenantId,
    /// Their ids.
    #[arg(required = true, value_parser = NotificationId::parse, value_name = "NOTIFICATION")]
    pub notifications: Vec<NotificationId>,
    /// Who, why, and whether to ask.
    #[command(flatten)]
    pub consent: Consent,
}

/// `release-held`
#[derive(Debug, Args)]
pub struct ReleaseHeld {
    /// The tenant.
    #[arg(value_parser = TenantId::parse)]
    pub tenant: TenantId,
    /// The source of the tenant document.
    pub source: String,
    /// Who, why, and whether to ask.
    #[command(flatten)]
    pub consent: Consent,
}

/// Who does it and why, for the ledger.
#[derive(Debug, Args)]
pub struct Consent {
    /// Why, for the ledger.
    #[arg(long, value_name = "TEXT", default_value = "no reason given", value_parser = masked())]
    pub why: String,
    /// Who, for the ledger; otherwise CONNECTOR_USER or the user who runs the command.
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// Agree without being asked.
    #[arg(long)]
    pub yes: bool,
}

/// An operator's words as the ledger keeps them, for years and beside the notification: without whole phone numbers.
fn masked() -> impl TypedValueParser<Value = String> {
    StringValueParser::new().map(|words| record::mask_within(&words))
}

/// The shells that can complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// For bash.
    Bash,
    /// For zsh.
    Zsh,
    /// For fish.
    Fish,
}

/// A beginning, as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// So long ago.
    Ago(Duration),
    /// At an instant.
    At(Timestamp),
}

impl Since {
    /// Reads `2h`, `3d` or RFC 3339.
    pub fn parse(text: &str) -> Result<Self, String> {
        const UNITS: &[(char, u64)] = &[('s', 1), ('m', 60), ('h', 3600), ('d', 86_400), ('w', 7 * 86_400)];
        let text = text.trim();
        let ago = UNITS.iter().find_map(|(unit, seconds)| {
            let count: u64 = text.strip_suffix(*unit)?.parse().ok()?;
            count.checked_mul(*seconds).map(Duration::from_secs)
        });
        if let Some(ago) = ago {
            return Ok(Self::Ago(ago));
        }
        text.parse()
            .map(Self::At)
            .map_err(|_| "use 30m, 2h, 3d, 2w, or a time with its offset such as 2026-03-17T00:00:00Z".to_owned())
    }

    /// The instant that it means at `now`.
    pub fn instant(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(ago) => stamp::before(now, ago),
            Self::At(at) => at,
        }
    }
}

fn state_parser() -> impl clap::builder::TypedValueParser<Value = State> {
    PossibleValuesParser::new(State::ALL.map(State::as_str)).try_map(|word| {
        let state = State::ALL.into_iter().find(|state| state.as_str() == word);
        state.ok_or("no such state")
    })
}

/// The heading over the options that every command has.
const GLOBAL: &str = "Options of every command";

#[cfg(test)]
mod tests;
