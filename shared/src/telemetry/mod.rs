//! Logs as JSON lines with fixed field names. Never a phone number, a text or a secret: those have types that don't print.

mod said;

pub use said::said;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The filter for our own crates at `level` (`RUST_LOG`'s directives; default info) and everybody else at info at most. What
/// can't be read of it is passed over.
pub fn filter(rust_log: Option<&str>) -> Targets {
    const OURS: &[&str] = &["shared", "poll", "send", "callback", "verify", "local", "connector", "tests"];
    let is_ours = |target: &str| OURS.contains(&target.split("::").next().unwrap_or_default());
    let mut filter = Targets::new().with_default(LevelFilter::INFO);
    for directive in rust_log.unwrap_or_default().to_ascii_lowercase().split(',').map(str::trim) {
        let (target, level) = match directive.split_once('=') {
            Some((target, level)) => (Some(target.trim()), level.trim()),
            None => (None, directive),
        };
        let Some(level) = level.parse::<LevelFilter>().ok().filter(|_| !level.is_empty()) else { continue };
        filter = match target {
            None => {
                filter.with_default(level.min(LevelFilter::INFO)).with_targets(OURS.iter().map(|name| (*name, level)))
            }
            Some(target) if is_ours(target) => filter.with_target(target, level),
            Some(target) => filter.with_target(target, level.min(LevelFilter::INFO)),
        };
    }
    filter
}

/// An error and what it came from, on one line. Our own errors leave their cause to their source; of others, some print it
/// themselves, and then it isn't said twice.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes
        .map(ToString::to_string)
        .fold(error.to_string(), |told, cause| if told.ends_with(&cause) { told } else { format!("{told}: {cause}") })
}

/// Sends logs to stdout as JSON lines, the way CloudWatch takes them. For a `main.rs`; may be called once.
pub fn init_json(rust_log: Option<&str>) {
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .without_time()
        .with_ansi(false);
    let _ = tracing_subscriber::registry().with(filter(rust_log)).with(lines).try_init();
}

/// Sends logs to stderr for people, for the operator's command.
pub fn init_plain(rust_log: Option<&str>) {
    let lines = tracing_subscriber::fmt::layer().compact().with_writer(std::io::stderr);
    let _ = tracing_subscriber::registry().with(filter(rust_log)).with(lines).try_init();
}
