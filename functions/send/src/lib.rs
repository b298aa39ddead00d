//! Stream to Twilio: takes what the ledger says may start, and makes one attempt at each. Never looks for what may start by
//! itself, and never tries again what Twilio may have taken.
//!
//! Read in this order: [`batch`] (many), [`attempt::start`] (one), [`request`] (the wire), [`pace`] (how fast).

pub mod attempt;
pub mod pace;
pub mod request;

use attempt::{Broken, Started};
use aws_lambda_events::event::dynamodb::{Event, EventRecord};
use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use futures::stream::{self, StreamExt};
use jiff::Timestamp;
use shared::clock::Clock;
use shared::ledger::{self, Ledger};
use shared::metrics::Metrics;
use shared::tenant::Tenants;
use shared::timing::Timing;
use shared::twilio;
use std::sync::Arc;

/// How many records of a batch are worked on at once: a whole batch, so that a tenant whose Twilio is slow, and who has no
/// more places than [`pace::AT_ONCE`], keeps no other tenant's records waiting.
pub const CONCURRENCY: usize = 100;

/// What sending needs.
pub struct Deps {
    /// Where facts are kept.
    pub ledger: Ledger,
    /// Whose facts they are.
    pub tenants: Arc<Tenants>,
    /// The way to Twilio.
    pub twilio: twilio::Client,
    /// The time.
    pub clock: Clock,
    /// How long to wait for what.
    pub timing: Timing,
    /// Where Twilio reaches callback.
    pub callback_base_url: String,
    /// How fast each tenant may go.
    pub pace: pace::Pace,
    /// Where counts go.
    pub metrics: Metrics,
}

/// One invocation: who asks, and until when there is an answer to be had.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Lambda's request id.
    pub request_id: String,
    /// When the invocation ends.
    pub until: Timestamp,
}

/// Works through a batch of stream records and answers which of them are to be handed over again: those that we had no
/// time for, and those for which the ledger or the tenants' secrets could not be reached before anything was claimed.
pub async fn batch(deps: &Deps, event: Event, invocation: &Invocation) -> DynamoDbEventResponse {
    let mut failures: Vec<DynamoDbBatchItemFailure> = stream::iter(event.records)
        .map(|record| async move {
            let sequence = record.change.sequence_number.clone();
            match one(deps, record, invocation).await {
                Ok(Started::NoTime) => {
                    tracing::warn!("no time is left: record handed back to the stream");
                    sequence
                }
                Ok(_) => None,
                Err(Broken::Ledger(error)) if !error.may_pass() => {
                    // Handed back, it would stop everybody behind it for nothing.
                    tracing::error!(error = %error, "a record that can't be acted on is passed over; the sweep will look at it");
                    None
                }
                Err(error) => {
                    tracing::error!(error = %error, "record handed back to the stream");
                    sequence
                }
            }
        })
        .buffer_unordered(CONCURRENCY)
        .filter_map(|sequence| async move { sequence.map(failure) })
        .collect()
        .await;
    failures.sort_by(|a, b| a.item_identifier.cmp(&b.item_identifier));
    let mut response = DynamoDbEventResponse::default();
    response.batch_item_failures = failures;
    response
}

async fn one(deps: &Deps, record: EventRecord, invocation: &Invocation) -> Result<Started, Broken> {
    let (tenant, id, fact) = match ledger::read::fact(record.change.new_image.into()) {
        Ok(whose) => whose,
        Err(error) => {
            // Handing it back would stop everybody behind it. If it is a notification, the sweep will look at it.
            tracing::error!(error = %error, "a stream record that can't be read is passed over");
            return Ok(Started::NotOurs);
        }
    };
    attempt::start(deps, &tenant, &id, fact, invocation).await
}

fn failure(sequence: String) -> DynamoDbBatchItemFailure {
    let mut failure = DynamoDbBatchItemFailure::default();
    failure.item_identifier = Some(sequence);
    failure
}
