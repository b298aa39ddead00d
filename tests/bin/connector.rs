//! The operator's command, built beside the tests so that they can run it as a process, and kill it.

use clap::Parser as _;
use connector::terminal::{Look, Terminal};
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let mut terminal = Terminal {
        data: &mut std::io::stdout(),
        talk: &mut std::io::stderr(),
        answers: &mut std::io::stdin().lock(),
        look: Look::default(),
        watched: false,
    };
    ExitCode::from(connector::run(connector::cli::Cli::parse(), &mut terminal).await)
}
