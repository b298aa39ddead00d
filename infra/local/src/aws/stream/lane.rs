//! One of the parallel lanes of a stream: calls the function with one batch after the other and decides, as Lambda
//! does, what of a failed batch is tried again, halved or given up. It never lets a record overtake another.

use super::{GivenUp, Mapping, Record};
use futures::FutureExt as _;
use serde_json::{Value, json};
use shared::pause;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

pub(super) struct Lane<F> {
    pub(super) mapping: Arc<Mapping>,
    pub(super) function: Arc<F>,
    pub(super) give_up: Arc<dyn Fn(GivenUp) + Send + Sync>,
    /// Takes the sequence numbers of what is finished, be it done or given up.
    pub(super) finished: mpsc::UnboundedSender<Vec<String>>,
}

/// Records that go to the function together.
struct Batch {
    records: Vec<Record>,
    /// How often it was tried again without any progress.
    retries: u32,
}

/// What the function made of a batch.
struct Answer {
    /// How many records from the front are done.
    done: usize,
    /// Why the others are not.
    reason: String,
}

impl<F, R> Lane<F>
where
    F: Fn(Value) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Value, String>> + Send + 'static,
{
    pub(super) async fn run(self, mut waiting: mpsc::UnboundedReceiver<Record>) {
        let mut records = Vec::new();
        while waiting.recv_many(&mut records, self.mapping.batch_size.max(1)).await > 0 {
            self.settle(std::mem::take(&mut records)).await;
        }
    }

    /// Calls the function until every record of the batch is done or given up.
    async fn settle(&self, records: Vec<Record>) {
        // The next batch is the last one here; the others follow it in the stream.
        let mut batches = vec![Batch { records, retries: 0 }];
        let mut failures_in_a_row = 0;
        while let Some(mut batch) = batches.pop() {
            batch.records = self.young_enough(batch.records);
            if batch.records.is_empty() {
                continue;
            }
            let answer = self.call(&batch.records).await;
            let undone = batch.records.split_off(answer.done);
            if !batch.records.is_empty() {
                self.finish(&batch.records);
                failures_in_a_row = 0;
            }
            if undone.is_empty() {
                continue;
            }
            tracing::warn!(
                mapping = self.mapping.name,
                records = undone.len(),
                reason = answer.reason,
                "a batch failed"
            );
            if answer.done > 0 {
                batches.push(Batch { records: undone, retries: 0 });
            } else if self.mapping.bisect && undone.len() > 1 {
                // Halving is not counted as a retry, by Lambda either.
                let mut first = undone;
                let second = first.split_off(first.len().div_ceil(2));
                batches.push(Batch { records: second, retries: batch.retries });
                batches.push(Batch { records: first, retries: batch.retries });
            } else if batch.retries < self.mapping.retries {
                batches.push(Batch { records: undone, retries: batch.retries + 1 });
            } else {
                self.abandon(&undone, answer.reason);
                failures_in_a_row = 0;
                continue;
            }
            sleep(pause(&self.mapping, failures_in_a_row)).await;
            failures_in_a_row += 1;
        }
    }

    /// Gives up what is too old by now, which is at the front, and answers the rest.
    fn young_enough(&self, mut records: Vec<Record>) -> Vec<Record> {
        let (now, oldest) = (self.mapping.clock.now(), self.mapping.maximum_age);
        let young = records.iter().position(|record| record.age(now) <= oldest).unwrap_or(records.len());
        let rest = records.split_off(young);
        if !records.is_empty() {
            self.abandon(&records, format!("older than {} s", oldest.as_secs()));
        }
        rest
    }

    async fn call(&self, records: &[Record]) -> Answer {
        let event = json!({ "Records": records.iter().map(|record| &record.json).collect::<Vec<_>>() });
        // A panic is the function's failure, not the stream's.
        let call = AssertUnwindSafe(async { (self.function)(event).await }).catch_unwind();
        match timeout(self.mapping.timeout, call).await {
            Ok(Ok(Ok(answer))) => {
                Answer { done: done(&answer, records), reason: "the function reported failed records".to_owned() }
            }
            Ok(Ok(Err(reason))) => Answer { done: 0, reason },
            Ok(Err(_)) => Answer { done: 0, reason: "the function panicked".to_owned() },
            Err(_) => Answer { done: 0, reason: "the function took too long".to_owned() },
        }
    }

    fn finish(&self, records: &[Record]) {
        // Nobody listens only when the pump is being dropped.
        let _ = self.finished.send(records.iter().map(|record| record.number.clone()).collect());
    }

    fn abandon(&self, records: &[Record], reason: String) {
        if let (Some(first), Some(last)) = (records.first(), records.last()) {
            let (first, last) = (first.number.clone(), last.number.clone());
            (self.give_up)(GivenUp { first, last, records: records.len(), reason });
        }
        self.finish(records);
    }
}

/// How many records from the front are done: all before the earliest that is reported as failed. A report that names no
/// record of the batch fails all of it (AWS, "Reporting batch item failures").
fn done(answer: &Value, records: &[Record]) -> usize {
    let failures = match &answer["batchItemFailures"] {
        Value::Null => return records.len(),
        Value::Array(failures) => failures,
        _ => return 0,
    };
    let mut done = records.len();
    for failure in failures {
        let number = failure["itemIdentifier"].as_str().unwrap_or_default();
        done = done.min(records.iter().position(|record| record.number == number).unwrap_or(0));
    }
    done
}

fn pause(mapping: &Mapping, failures_in_a_row: u32) -> Duration {
    pause::doubled(mapping.first_pause, failures_in_a_row, mapping.longest_pause)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::clock::Clock;

    #[test]
    fn everything_before_the_earliest_failure_is_done() {
        let records = ["1", "2", "3"].map(|number| Record { number: number.to_owned(), json: Value::Null });
        let check = |answer: Value, expect: usize| assert_eq!(done(&answer, &records), expect, "{answer}");
        check(json!(null), 3);
        check(json!({}), 3);
        check(json!({"batchItemFailures": null}), 3);
        check(json!({"batchItemFailures": []}), 3);
        check(json!({"batchItemFailures": [{"itemIdentifier": "2"}]}), 1);
        check(json!({"batchItemFailures": [{"itemIdentifier": "3"}, {"itemIdentifier": "2"}]}), 1);
        check(json!({"batchItemFailures": [{"itemIdentifier": "1"}]}), 0);
        check(json!({"batchItemFailures": [{"itemIdentifier": ""}]}), 0);
        check(json!({"batchItemFailures": [{"itemIdentifier": null}]}), 0);
        check(json!({"batchItemFailures": [{"itemIdentifier": "9"}]}), 0);
        check(json!({"batchItemFailures": [{"wrong": "2"}]}), 0);
        check(json!({"batchItemFailures": "2"}), 0);
    }

    #[test]
    fn a_pause_doubles_up_to_the_longest() {
        let mapping = Mapping {
            name: String::new(),
            table: String::new(),
            filter: super::super::Filter::default(),
            batch_size: 1,
            parallel: 1,
            retries: 0,
            maximum_age: Duration::MAX,
            clock: Clock::system(),
            bisect: false,
            timeout: Duration::ZERO,
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(5),
        };
        let check = |failures: u32, millis: u64| assert_eq!(pause(&mapping, failures), Duration::from_millis(millis));
        check(0, 100);
        check(3, 800);
        check(6, 5000);
        check(u32::MAX, 5000);
    }
}
