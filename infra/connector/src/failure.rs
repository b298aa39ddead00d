//! How a command ends. Every text says what to do about it.

use shared::ledger;
use std::io;

/// How a command that did its work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done; an empty list too.
    Done,
    /// Trouble was found, or the operator declined.
    Trouble,
}

/// What every command answers.
pub type Done = Result<Exit, Failure>;

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It was asked wrongly, or what it was given can't be read.
    #[error("{0}")]
    Usage(String),
    /// What it needs isn't there or refuses us.
    #[error("{0}")]
    Trouble(String),
    /// Nobody takes what it prints.
    #[error("can't write: {0}")]
    Output(#[from] io::Error),
}

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Trouble => 1,
        }
    }

    /// [`Exit::Trouble`] if there is any.
    pub fn trouble_if(trouble: bool) -> Self {
        if trouble { Self::Trouble } else { Self::Done }
    }
}

impl Failure {
    /// The process's exit code.
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Trouble(_) | Self::Output(_) => 1,
        }
    }

    /// Whether the reader of our output has gone.
    pub fn is_closed_output(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// The table could not be used.
    pub fn ledger(table: &str, error: &ledger::Error) -> Self {
        let remedy = match error {
            ledger::Error::Unreachable(why) if why.contains("ResourceNotFound") => {
                "there is no such table here: check its name (--table or TABLE_NAME) and AWS_REGION"
            }
            ledger::Error::Unreachable(why) if why.contains("AccessDenied") => "your AWS identity may not use it",
            ledger::Error::Unreachable(_) => {
                "check AWS_REGION, your AWS credentials and, for a local stack, AWS_ENDPOINT_URL_DYNAMODB"
            }
            ledger::Error::Refused(_) => "check the table's keys: is it one that this connector's template made?",
            ledger::Error::NotAFact(_) => "the item was not written by this connector; the others can still be read",
        };
        Self::Trouble(format!("table {table}: {error}\n  {remedy}"))
    }
}
