//! The operator's command, `connector`, as a library: what it does once it has been told what to do. It reads the ledger
//! and the tenants' secrets, and it never sends anything itself: what an operator lets go, the functions send.
//!
//! Read in this order:
//! - [`cli`]: what may be typed;
//! - [`run`]: who does it;
//! - [`tenant`]: checks, stores and shows tenant documents;
//! - [`ping`]: tries a tenant's real systems;
//! - [`audit`]: tells what became of notifications;
//! - [`report`]: the same of all of them, from an export of the table, which [`export`] has AWS make;
//! - [`act`]: replays, cancels and releases them;
//! - [`local_stack`]: the whole stack on a laptop, and [`live`], its page;
//! - [`ask`], [`terminal`], [`table`], [`failure`]: how it talks to people.

pub mod act;
pub mod ask;
pub mod audit;
pub mod cli;
pub mod deps;
pub mod export;
pub mod failure;
pub mod live;
pub mod local_stack;
pub mod ping;
pub mod report;
pub mod table;
pub mod tenant;
pub mod terminal;

use clap::CommandFactory as _;
use cli::{Audit, AuditWhat, Cli, Command};
pub use deps::Deps;
use failure::{Done, Exit};
use terminal::Terminal;

/// Does what was typed, with the AWS that the environment names, and answers the exit code: 0 done, 1 trouble found or
/// declined, 2 usage or unreadable input.
pub async fn run(cli: Cli, terminal: &mut Terminal<'_>) -> u8 {
    let done = match &cli.command {
        // What needs no AWS doesn't look for it: finding out that there is none takes seconds.
        Command::Completions { shell } => completions(*shell, terminal),
        Command::Local(args) => local_stack::run(terminal, args).await,
        Command::Tenant(cli::Tenant::Check(check)) => tenant::check(terminal, cli.format, check),
        Command::Audit(Audit { what: AuditWhat::Report(args), reveal: false }) => {
            report::run(terminal, cli.format, args)
        }
        _ => match Deps::from_environment(&cli).await {
            Ok(deps) => dispatch(&cli, &deps, terminal).await,
            Err(failure) => Err(failure),
        },
    };
    settle(done, terminal)
}

/// The same with an AWS of the caller's choice.
pub async fn run_with(cli: Cli, deps: &Deps, terminal: &mut Terminal<'_>) -> u8 {
    let done = dispatch(&cli, deps, terminal).await;
    settle(done, terminal)
}

async fn dispatch(cli: &Cli, deps: &Deps, terminal: &mut Terminal<'_>) -> Done {
    match &cli.command {
        Command::Local(args) => local_stack::run(terminal, args).await,
        Command::Tenant(what) => tenant::run(deps, terminal, cli.format, what).await,
        Command::Ping { tenant } => ping::run(deps, terminal, cli.format, tenant).await,
        Command::Audit(audit) => audit::run(deps, terminal, cli.format, audit).await,
        Command::Replay(args) => act::replay(deps, terminal, cli.format, args).await,
        Command::Cancel(args) => act::cancel(deps, terminal, cli.format, args).await,
        Command::ReleaseHeld(args) => act::release_held(deps, terminal, cli.format, args).await,
        Command::Completions { shell } => completions(*shell, terminal),
    }
}

fn completions(shell: cli::Shell, terminal: &mut Terminal<'_>) -> Done {
    let shell = match shell {
        cli::Shell::Bash => clap_complete::Shell::Bash,
        cli::Shell::Zsh => clap_complete::Shell::Zsh,
        cli::Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "connector", &mut script);
    terminal.data.write_all(&script)?;
    Ok(Exit::Done)
}

/// The exit code, and what went wrong on stderr.
fn settle(done: Done, terminal: &mut Terminal<'_>) -> u8 {
    match done {
        Ok(exit) => exit.code(),
        // Whoever reads us has read enough, as `head` does.
        Err(failure) if failure.is_closed_output() => 0,
        Err(failure) => {
            // Where stderr is gone too, the code has to do.
            let _ = writeln!(terminal.talk, "connector: {failure}");
            failure.code()
        }
    }
}

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;
