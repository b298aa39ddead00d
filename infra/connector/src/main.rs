//! The operator's command: reads the command line, sets up logging and the three streams, and runs. Everything else is in
//! the library.

use clap::Parser as _;
use connector::cli::{Cli, Command};
use connector::terminal::{Look, Terminal};
use std::io::IsTerminal as _;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    // An operator reads the answer, not the log, unless they ask for it.
    let usual = if matches!(cli.command, Command::Local(_)) { "error" } else { "warn" };
    let rust_log = shared::settings::rust_log().unwrap_or_else(|| usual.to_owned());
    shared::telemetry::init_plain(Some(&rust_log));
    let mut terminal = Terminal {
        data: &mut std::io::stdout(),
        talk: &mut std::io::stderr(),
        answers: &mut std::io::stdin().lock(),
        look: Look::of_stdout(),
        watched: std::io::stderr().is_terminal(),
    };
    ExitCode::from(connector::run(cli, &mut terminal).await)
}
