//! A table's stream on a laptop, and the event source mapping that hands it to a function, with Lambda's semantics: in
//! order per partition key, at least once, never skipped. It does not know what the function does with a record.
//!
//! How far the stream has been handed over is stored in the same database as the table, so that both survive, or are
//! lost, together: after a crash records may come again, but none is missed.

mod filter;
mod lane;

pub use filter::{BadPattern, Filter};

use dynoxide::actions::describe_stream::DescribeStreamRequest;
use dynoxide::actions::get_records::GetRecordsRequest;
use dynoxide::actions::get_shard_iterator::GetShardIteratorRequest;
use dynoxide::{AttributeValue, Database, DynoxideError};
use jiff::Timestamp;
use lane::Lane;
use serde_json::{Value, json};
use shared::clock::Clock;
use std::collections::BTreeMap;
use std::future::Future;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// An event source mapping. The names are those of AWS SAM's `DynamoDB` event source, where it has one.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// Whose position in the stream this is; two mappings of one table need two names.
    pub name: String,
    /// The table, which must have a stream.
    pub table: String,
    /// `FilterCriteria`: what does not pass is finished without the function.
    pub filter: Filter,
    /// `BatchSize`: the most records of one call. A call never waits for more (a batching window of 0).
    pub batch_size: usize,
    /// `ParallelizationFactor`: the most calls at once. Records of one partition key always take the same lane.
    pub parallel: usize,
    /// `MaximumRetryAttempts`: how often a batch that made no progress is tried again before it is given up.
    pub retries: u32,
    /// `MaximumRecordAgeInSeconds`: what is older is given up without the function.
    pub maximum_age: Duration,
    /// The time, by which the table stamps its records: the machine's own, but in a test of age.
    pub clock: Clock,
    /// `BisectBatchOnFunctionError`: halve such a batch first, so that one bad record is given up alone.
    pub bisect: bool,
    /// The function's `Timeout`. A call that exceeds it has failed.
    pub timeout: Duration,
    /// The pause after a failure; doubles with each further one in a row.
    pub first_pause: Duration,
    /// The longest such pause.
    pub longest_pause: Duration,
}

/// A batch that was given up: what Lambda writes to the `OnFailure` destination. The records stay in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// The first record's sequence number.
    pub first: String,
    /// The last record's sequence number.
    pub last: String,
    /// How many records.
    pub records: usize,
    /// What the function said the last time.
    pub reason: String,
}

/// Why a stream can't be handed over.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The table is missing or has no stream: create it first, with a stream.
    #[error("the table {0} has no stream")]
    NoStream(String),
    /// The database refuses.
    #[error("the stream can't be read")]
    Database(#[from] DynoxideError),
    /// The database does not understand our requests: a version we were not written for.
    #[error("the stream's position can't be stored")]
    Request(#[from] serde_json::Error),
}

/// A stream that is being handed over. Stops when dropped, in the middle of whatever it does.
pub struct Pump {
    database: Database,
    stream: Stream,
    position: watch::Receiver<Option<String>>,
    _tasks: JoinSet<()>,
}

impl Pump {
    /// Begins where this mapping last got to, or else at the stream's beginning. `function` takes a `DynamoDB` stream
    /// event and answers `{"batchItemFailures": [{"itemIdentifier": SEQUENCE_NUMBER}]}` or an error text; `give_up`
    /// hears of every batch that was given up. Must be called inside a Tokio runtime.
    pub fn start<F, R>(
        database: &Database,
        mapping: Mapping,
        function: F,
        give_up: impl Fn(GivenUp) + Send + Sync + 'static,
    ) -> Result<Self, Error>
    where
        F: Fn(Value) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Value, String>> + Send + 'static,
    {
        let database = database.clone();
        let stream = Stream::of(&database, &mapping.table)?;
        create_positions(&database)?;
        let stored = stored_position(&database, &mapping.name)?;
        let (reached, position) = watch::channel(stored.clone());
        let (finished, from_lanes) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        let (function, give_up): (_, Arc<dyn Fn(GivenUp) + Send + Sync>) = (Arc::new(function), Arc::new(give_up));
        let mut lanes = Vec::new();
        let mapping = Arc::new(mapping);
        for _ in 0..mapping.parallel.max(1) {
            let (records, waiting) = mpsc::unbounded_channel();
            lanes.push(records);
            let (mapping, function, give_up) = (Arc::clone(&mapping), Arc::clone(&function), Arc::clone(&give_up));
            tasks.spawn(Lane { mapping, function, give_up, finished: finished.clone() }.run(waiting));
        }
        let progress = Progress { unfinished: BTreeMap::new(), position: stored };
        let reader = Reader { database: database.clone(), stream: stream.clone(), mapping, lanes, progress };
        tasks.spawn(reader.run(from_lanes, reached));
        Ok(Self { database, stream, position, _tasks: tasks })
    }

    /// Whether everything written to the table so far has been handed over and is finished.
    pub fn idle(&self) -> Result<bool, Error> {
        let position = self.position.borrow().clone();
        Ok(self.stream.read(&self.database, position.as_deref(), 1)?.is_empty())
    }
}

/// The shortest and the longest wait before the stream is read again: short after it brought something, longer while it
/// brings nothing. A wait costs a reader nothing and a newcomer at most this.
const POLL: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(25));
/// The most records that one read brings.
const PAGE: usize = 500;
/// The most records that are read and not finished; a lane that is stuck must not fill the memory.
const MOST_UNFINISHED: usize = 20_000;
/// How stale the stored position may be while there is work. Storing it costs a write to the disk.
const STORE_EVERY: Duration = Duration::from_millis(50);

/// Reads the stream, deals its records to the lanes and stores how far all of them have got.
struct Reader {
    database: Database,
    stream: Stream,
    mapping: Arc<Mapping>,
    lanes: Vec<mpsc::UnboundedSender<Record>>,
    progress: Progress,
}

impl Reader {
    async fn run(
        mut self,
        mut from_lanes: mpsc::UnboundedReceiver<Vec<String>>,
        reached: watch::Sender<Option<String>>,
    ) {
        let mut read_to = self.progress.position.clone();
        let mut wait = POLL.0;
        let mut stored_at = Instant::now();
        loop {
            match self.deal(&mut read_to) {
                Ok(0) => wait = (wait * 2).min(POLL.1),
                Ok(_) => wait = POLL.0,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the stream can't be read; trying again");
                    wait = POLL.1;
                }
            }
            tokio::select! {
                Some(numbers) = from_lanes.recv() => {
                    self.progress.finish(&numbers);
                    while let Ok(numbers) = from_lanes.try_recv() {
                        self.progress.finish(&numbers);
                    }
                }
                () = sleep(wait) => {}
            }
            let due = self.progress.unfinished.is_empty() || stored_at.elapsed() >= STORE_EVERY;
            let Some(position) = self.progress.position.as_deref().filter(|_| due) else {
                continue;
            };
            if reached.borrow().as_deref() == Some(position) {
                continue;
            }
            match store_position(&self.database, &self.mapping.name, position) {
                Ok(()) => {
                    reached.send_replace(Some(position.to_owned()));
                    stored_at = Instant::now();
                }
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the stream's position can't be stored");
                    sleep(POLL.1).await;
                }
            }
        }
    }

    /// Reads what is new after `read_to` and deals it; returns how many records that were.
    fn deal(&mut self, read_to: &mut Option<String>) -> Result<usize, Error> {
        if self.progress.unfinished.len() >= MOST_UNFINISHED {
            return Ok(0);
        }
        let records = self.stream.read(&self.database, read_to.as_deref(), PAGE)?;
        let count = records.len();
        for record in records {
            self.progress.begin(record.number.clone());
            *read_to = Some(record.number.clone());
            if self.mapping.filter.accepts(&record.json) {
                let lane = self.lane_of(&record.json["dynamodb"]["Keys"][&self.stream.partition_key]);
                // A lane that is gone leaves its records unfinished: they come again after a restart.
                let _ = self.lanes[lane].send(record);
            } else {
                self.progress.finish(&[record.number]);
            }
        }
        Ok(count)
    }

    fn lane_of(&self, partition_key: &Value) -> usize {
        let mut hasher = DefaultHasher::new();
        partition_key.to_string().hash(&mut hasher);
        let lanes = u64::try_from(self.lanes.len()).unwrap_or(1);
        usize::try_from(hasher.finish() % lanes).unwrap_or_default()
    }
}

/// How far the stream is finished without a gap. Sequence numbers are as long as each other, so their order as text is
/// their order as numbers.
struct Progress {
    /// Every record after `position` that was read, and whether it is finished.
    unfinished: BTreeMap<String, bool>,
    position: Option<String>,
}

impl Progress {
    fn begin(&mut self, number: String) {
        self.unfinished.insert(number, false);
    }

    fn finish(&mut self, numbers: &[String]) {
        for number in numbers {
            if let Some(finished) = self.unfinished.get_mut(number) {
                *finished = true;
            }
        }
        while let Some(first) = self.unfinished.first_entry().filter(|first| *first.get()) {
            self.position = Some(first.remove_entry().0);
        }
    }
}

/// A record of a stream.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its sequence number.
    pub number: String,
    /// What a function gets as one of an event's `Records`.
    pub json: Value,
}

impl Record {
    /// How long it has been on the stream.
    fn age(&self, now: Timestamp) -> Duration {
        let written = self.json["dynamodb"]["ApproximateCreationDateTime"].as_f64().unwrap_or_default();
        let age = now.as_duration().as_secs_f64() - written;
        Duration::try_from_secs_f64(age).unwrap_or_default() // by a clock that is slow it is from the future: new
    }
}

/// A table's stream. dynoxide gives it a single shard that never ends.
#[derive(Clone, Debug)]
pub struct Stream {
    arn: String,
    shard: String,
    partition_key: String,
}

impl Stream {
    /// The stream of a table.
    pub fn of(database: &Database, table: &str) -> Result<Self, Error> {
        let none = || Error::NoStream(table.to_owned());
        let metadata =
            database.get_table_metadata(table)?.filter(|metadata| metadata.stream_enabled).ok_or_else(none)?;
        let schema: Value = serde_json::from_str(&metadata.key_schema)?;
        let keys = schema.as_array().ok_or_else(none)?;
        let partition_key = keys.iter().find(|key| key["KeyType"] == "HASH").ok_or_else(none)?;
        let arn = dynoxide::streams::stream_arn(table, metadata.stream_label.as_deref().unwrap_or_default());
        let request = DescribeStreamRequest { stream_arn: arn.clone(), ..Default::default() };
        let mut shards = database.describe_stream(request)?.stream_description.shards;
        Ok(Self {
            arn,
            shard: shards.pop().ok_or_else(none)?.shard_id,
            partition_key: partition_key["AttributeName"].as_str().unwrap_or_default().to_owned(),
        })
    }

    /// At most `limit` records after a sequence number, or from the beginning, oldest first.
    pub fn read(&self, database: &Database, after: Option<&str>, limit: usize) -> Result<Vec<Record>, Error> {
        let kind = if after.is_some() { "AFTER_SEQUENCE_NUMBER" } else { "TRIM_HORIZON" };
        let iterator = database.get_shard_iterator(GetShardIteratorRequest {
            stream_arn: self.arn.clone(),
            shard_id: self.shard.clone(),
            shard_iterator_type: kind.to_owned(),
            sequence_number: after.map(str::to_owned),
        })?;
        let shard_iterator = iterator.shard_iterator.unwrap_or_default();
        let records = database.get_records(GetRecordsRequest { shard_iterator, limit: Some(limit) })?.records;
        let told = records.into_iter().map(|record| {
            let number = record.dynamodb.sequence_number.clone();
            let mut json = serde_json::to_value(record)?;
            json["eventSourceARN"] = json!(self.arn);
            Ok(Record { number, json })
        });
        told.collect()
    }
}

/// The table of positions: `mapping` (S, the key) and `position` (S, the last sequence number before which, itself
/// included, everything is finished).
const POSITIONS: &str = "local-stream-position";

fn create_positions(database: &Database) -> Result<(), Error> {
    let request = json!({
        "TableName": POSITIONS,
        "KeySchema": [{"AttributeName": "mapping", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "mapping", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    });
    match database.create_table(serde_json::from_value(request)?) {
        Ok(_) | Err(DynoxideError::ResourceInUseException(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn stored_position(database: &Database, mapping: &str) -> Result<Option<String>, Error> {
    let request = json!({"TableName": POSITIONS, "Key": {"mapping": {"S": mapping}}});
    let found = database.get_item(serde_json::from_value(request)?)?.item;
    Ok(match found.and_then(|mut item| item.remove("position")) {
        Some(AttributeValue::S(position)) => Some(position),
        _ => None,
    })
}

fn store_position(database: &Database, mapping: &str, position: &str) -> Result<(), Error> {
    let item = json!({"mapping": {"S": mapping}, "position": {"S": position}});
    database.put_item(serde_json::from_value(json!({"TableName": POSITIONS, "Item": item}))?)?;
    Ok(())
}

#[cfg(test)]
mod tests;
