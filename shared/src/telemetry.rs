//! Logs as JSON lines with fixed field names. Never a phone number, a text or a secret: those have types that don't print.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The filter for our own crates at `level` (`RUST_LOG`'s directives; default info) and everybody else at info at most.
pub fn filter(rust_log: Option<&str>) -> EnvFilter {
    const OURS: &[&str] = &["shared", "poll", "send", "callback", "verify", "local", "connector", "tests"];
    let wanted = rust_log.unwrap_or("info").trim().to_ascii_lowercase();
    let mut directives: Vec<String> = Vec::new();
    for directive in wanted.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
        match directive.split_once('=') {
            None => {
                let others = if matches!(directive, "off" | "error" | "warn") { directive } else { "info" };
                directives.push(others.to_owned());
                directives.extend(OURS.iter().map(|name| format!("{name}={directive}")));
            }
            Some((target, _))
                if OURS.iter().any(|name| target == *name || target.starts_with(&format!("{name}::"))) =>
            {
                directives.push(directive.to_owned());
            }
            Some((target, "off" | "error" | "warn" | "info")) => {
                directives.push(format!("{target}={}", directive.rsplit('=').next().unwrap_or("info")));
            }
            Some((target, _)) => directives.push(format!("{target}=info")),
        }
    }
    EnvFilter::try_new(directives.join(",")).unwrap_or_else(|_| EnvFilter::new("info"))
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
