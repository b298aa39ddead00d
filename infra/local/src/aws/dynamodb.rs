//! `DynamoDB` on a laptop: the embedded database `dynoxide`, in memory or in a file, served on a free loopback port
//! for the ordinary AWS SDK. It never expires an item: the database knows TTL, but removes only when asked, and nobody
//! asks.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableInputBuilder;
use aws_sdk_dynamodb::types::{TimeToLiveSpecification, TimeToLiveStatus};
use dynoxide::{Database, DynoxideError};
use shared::telemetry::said;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Why the table could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process works on the same data; two would number stream records against each other. Stop it, or name
    /// another file.
    #[error("{0} is in use by another process")]
    InUse(PathBuf),
    /// The file or its lock can't be read or written.
    #[error("can't open the data file {0}")]
    File(PathBuf, #[source] io::Error),
    /// The path is not UTF-8, which `SQLite`'s API wants.
    #[error("the path {0} is not UTF-8")]
    Path(PathBuf),
    /// The database refuses: not a database, written by a newer version, or damaged.
    #[error("the embedded database doesn't open")]
    Database(#[from] DynoxideError),
    /// The index on the stream records could not be made.
    #[error("the embedded database could not be prepared")]
    Index(#[from] rusqlite::Error),
    /// No port or no temporary directory.
    #[error("the embedded database can't be served")]
    Serve(#[source] io::Error),
    /// A table could not be made or described.
    #[error("the table {0} can't be created")]
    Table(String, #[source] BoxError),
}

impl Error {
    /// What to do about it, for the operator.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::InUse(_) => "stop that process, or name another file with --data",
            Self::File(..) | Self::Path(_) => {
                "name another file with --data, in a directory that is there and may be written to"
            }
            Self::Database(_) | Self::Index(_) | Self::Table(..) => {
                "the file may be another program's or version's, or damaged: name another with --data"
            }
            Self::Serve(_) => {
                "look for a free port on loopback, and for room in the directory of temporary files (TMPDIR)"
            }
        }
    }
}

/// A running `DynamoDB`. Stops accepting when dropped, and lets go of the data file.
pub struct DynamoDb {
    database: Database,
    endpoint_url: String,
    _running: oneshot::Sender<()>,
    /// Held for as long as the file is ours; the system lets go of it when the process dies, however it dies.
    _lock: Option<File>,
}

impl DynamoDb {
    /// Opens `data`, or a database in memory, and serves it on 127.0.0.1. A file survives the process being killed at
    /// any point: `SQLite`'s write-ahead log is synchronised before a write is answered. Must be called inside a Tokio
    /// runtime.
    pub async fn start(data: Option<&Path>) -> Result<Self, Error> {
        let (database, lock) = match data {
            Some(path) => {
                let (path, lock) = lock(path)?;
                (open(&path)?, Some(lock))
            }
            None => (in_memory()?, None),
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(Error::Serve)?;
        let endpoint_url = format!("http://{}", listener.local_addr().map_err(Error::Serve)?);
        let (running, dropped) = oneshot::channel::<()>();
        let stopped = async {
            let _ = dropped.await;
        };
        let serving = dynoxide::server::serve_with_shutdown(listener, database.clone(), stopped);
        tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "the embedded DynamoDB stopped");
            }
        });
        Ok(Self { database, endpoint_url, _running: running, _lock: lock })
    }

    /// `http://127.0.0.1:PORT`, the value for `AWS_ENDPOINT_URL_DYNAMODB`. Any credentials and region will do.
    pub fn endpoint_url(&self) -> &str {
        &self.endpoint_url
    }

    /// The database behind the port, for [`super::stream`].
    pub fn database(&self) -> &Database {
        &self.database
    }
}

/// Creates the table, unless it is there, and switches its expiry on `ttl_attribute` on. An existing table is left as
/// it is, whatever the definition says.
pub async fn ensure_table(
    client: &Client,
    definition: CreateTableInputBuilder,
    ttl_attribute: &str,
) -> Result<(), Error> {
    let table = definition.get_table_name().clone().unwrap_or_default();
    let failed = |why: String| Error::Table(table.clone(), why.into());
    if let Err(error) = definition.send_with(client).await
        && !error.as_service_error().is_some_and(CreateTableError::is_resource_in_use_exception)
    {
        return Err(failed(said(&error)));
    }
    let described =
        client.describe_time_to_live().table_name(&table).send().await.map_err(|error| failed(said(&error)))?;
    // DynamoDB refuses to enable what is enabled, so ask first.
    let status = described.time_to_live_description().and_then(|ttl| ttl.time_to_live_status());
    if status == Some(&TimeToLiveStatus::Enabled) {
        return Ok(());
    }
    let expiry = TimeToLiveSpecification::builder().enabled(true).attribute_name(ttl_attribute).build();
    let expiry = expiry.map_err(|error| failed(error.to_string()))?;
    let update = client.update_time_to_live().table_name(&table).time_to_live_specification(expiry);
    update.send().await.map_err(|error| failed(said(&error)))?;
    Ok(())
}

/// dynoxide 3.2 numbers a stream record one past the highest number of the table's records, and finds that one by
/// reading all of them, in every write: the ten-thousandth write costs a thousand times the tenth. With this index
/// `SQLite` takes the highest from the index's end. The column is text and dynoxide casts it, so the index is on the
/// cast.
const INDEX: &str = "CREATE INDEX IF NOT EXISTS local_stream_records_by_number
    ON _stream_records (table_name, CAST(sequence_number AS INTEGER))";

/// Opens a file with the index. The index goes in through a connection of our own, since dynoxide gives none away;
/// dynoxide opens the file first, to make its tables, and again after it, to plan with the index from the start.
fn open(path: &Path) -> Result<Database, Error> {
    let text = path.to_str().ok_or_else(|| Error::Path(path.to_owned()))?;
    drop(Database::new(text)?);
    rusqlite::Connection::open(path)?.execute_batch(INDEX)?;
    Ok(Database::new(text)?)
}

/// A database in memory, with the index: nobody but dynoxide can reach into its memory, so it restores an empty file.
fn in_memory() -> Result<Database, Error> {
    let directory = tempfile::tempdir().map_err(Error::Serve)?;
    let path = directory.path().join("empty");
    drop(open(&path)?);
    let database = Database::memory()?;
    database.restore_from(path.to_str().ok_or_else(|| Error::Path(path.clone()))?)?;
    Ok(database)
}

/// Makes sure that the file exists and that we are alone with it: `FILE.lock` beside it is locked. `SQLite` itself
/// would let two processes share the file, and each would hand the same stream to its own functions.
fn lock(data: &Path) -> Result<(PathBuf, File), Error> {
    let failed = |error| Error::File(data.to_owned(), error);
    OpenOptions::new().create(true).append(true).open(data).map_err(failed)?;
    // Two names of one file (a link, a relative path) must find the same lock.
    let path = data.canonicalize().map_err(failed)?;
    let mut name = path.clone().into_os_string();
    name.push(".lock");
    let file = OpenOptions::new().create(true).append(true).open(name).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok((path, file)),
        Err(TryLockError::WouldBlock) => Err(Error::InUse(path)),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

#[cfg(test)]
pub(super) mod tests;
