//! What reaches the function when all goes well; `failure` has the rest.

mod failure;

use super::*;
use crate::aws::dynamodb::DynamoDb;
use crate::aws::dynamodb::tests::{TABLE, put, put_more, with_table};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue as Attribute;
use futures::future::join_all;
use std::collections::HashMap;
use std::sync::Mutex;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;

fn mapping() -> Mapping {
    Mapping {
        name: "send".to_owned(),
        table: TABLE.to_owned(),
        filter: Filter::default(),
        batch_size: 10,
        parallel: 1,
        retries: 3,
        maximum_age: Duration::MAX,
        clock: Clock::system(),
        bisect: true,
        timeout: Duration::from_secs(20),
        first_pause: Duration::from_millis(1),
        longest_pause: Duration::from_millis(4),
    }
}

/// `pk/sk` of every record of an event.
fn names(event: &Value) -> Vec<String> {
    let text = |record: &Value, key: &str| record["dynamodb"]["Keys"][key]["S"].as_str().unwrap().to_owned();
    let records = event["Records"].as_array().unwrap().iter();
    records.map(|record| format!("{}/{}", text(record, "pk"), text(record, "sk"))).collect()
}

/// The answer that reports the records of these names as failed.
fn failed(event: &Value, bad: impl Fn(&str) -> bool) -> Value {
    let pairs = names(event).into_iter().zip(event["Records"].as_array().unwrap());
    let failures = pairs.filter(|(name, _)| bad(name));
    let failures = failures.map(|(_, record)| json!({"itemIdentifier": record["dynamodb"]["SequenceNumber"]}));
    json!({"batchItemFailures": failures.collect::<Vec<_>>()})
}

/// What a pump called its function with, and what it gave up, in order.
struct Seen {
    calls: UnboundedReceiver<Vec<String>>,
    given_up: UnboundedReceiver<GivenUp>,
}

impl Seen {
    async fn call(&mut self) -> Vec<String> {
        tokio::time::timeout(Duration::from_secs(20), self.calls.recv()).await.expect("a call").unwrap()
    }

    fn calls_so_far(&mut self) -> Vec<Vec<String>> {
        std::iter::from_fn(|| self.calls.try_recv().ok()).collect()
    }
}

/// A pump whose function notes what it is called with and answers what `answer` says.
fn pump<A>(dynamodb: &DynamoDb, mapping: Mapping, answer: A) -> (Pump, Seen)
where
    A: Fn(&Value) -> Result<Value, String> + Send + Sync + 'static,
{
    let (call, calls) = mpsc::unbounded_channel();
    let (note, given_up) = mpsc::unbounded_channel();
    let function = move |event: Value| {
        call.send(names(&event)).unwrap();
        let answer = answer(&event);
        async move { answer }
    };
    (
        Pump::start(dynamodb.database(), mapping, function, move |batch| {
            note.send(batch).unwrap();
        })
        .unwrap(),
        Seen { calls, given_up },
    )
}

#[allow(clippy::unnecessary_wraps)] // the shape of every answer here
fn fine(_: &Value) -> Result<Value, String> {
    Ok(json!({"batchItemFailures": []}))
}

async fn until_idle(pump: &Pump) {
    let idle = async {
        while !pump.idle().unwrap() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), idle).await.expect("the pump never became idle");
}

async fn put_all(client: &Client, pk: &str, sks: &[&str]) {
    for sk in sks {
        put(client, pk, sk).await;
    }
}

#[tokio::test]
async fn a_record_that_passes_the_filter_arrives_as_a_dynamodb_event() {
    let (dynamodb, client) = with_table(None).await;
    let starts = r#"{"eventName":["INSERT"],"dynamodb":{"NewImage":{"start_attempt":{"N":[{"exists":true}]}}}}"#;
    let filter = Filter::parse(&[starts]).unwrap();
    let (send, mut events) = mpsc::unbounded_channel();
    let function = move |event: Value| {
        send.send(event).unwrap();
        async { Ok(Value::Null) }
    };
    let pump = Pump::start(dynamodb.database(), Mapping { filter, ..mapping() }, function, |_| ()).unwrap();
    put(&client, "t#e", "v#attempt#001").await;
    put_more(&client, "t#e", "v#created", &[("start_attempt", Attribute::N("1".to_owned()))]).await;
    put(&client, "t#e", "v#attempt#001#outcome").await;
    // An overwrite is no INSERT.
    put_more(&client, "t#e", "v#created", &[("start_attempt", Attribute::N("2".to_owned()))]).await;
    until_idle(&pump).await;
    let event = events.try_recv().unwrap();
    assert!(events.try_recv().is_err(), "only one record passes");

    let record = &event["Records"][0];
    let check = |pointer: &str, expect: Value| assert_eq!(record.pointer(pointer), Some(&expect), "{pointer}");
    check("/eventName", json!("INSERT"));
    check("/eventSource", json!("aws:dynamodb"));
    check("/eventVersion", json!("1.1"));
    check("/dynamodb/Keys", json!({"pk": {"S": "t#e"}, "sk": {"S": "v#created"}}));
    check("/dynamodb/NewImage", json!({"pk": {"S": "t#e"}, "sk": {"S": "v#created"}, "start_attempt": {"N": "1"}}));
    check("/dynamodb/StreamViewType", json!("NEW_IMAGE"));
    let table = client.describe_table().table_name(TABLE).send().await.unwrap().table.unwrap();
    check("/eventSourceARN", json!(table.latest_stream_arn.unwrap()));
    assert!(record["dynamodb"]["SizeBytes"].as_u64().unwrap() > 0);
    let parsed: aws_lambda_events::dynamodb::Event = serde_json::from_value(event.clone()).unwrap();
    assert_eq!(parsed.records[0].change.sequence_number.as_deref(), record["dynamodb"]["SequenceNumber"].as_str());
    assert!(parsed.records[0].change.approximate_creation_date_time.timestamp() > 1_600_000_000);
}

#[tokio::test]
async fn records_arrive_in_order_and_in_batches() {
    let (dynamodb, client) = with_table(None).await;
    put_all(&client, "a", &["1", "2", "3", "4", "5"]).await;
    let (pump, mut seen) = pump(&dynamodb, Mapping { batch_size: 2, ..mapping() }, fine);
    until_idle(&pump).await;
    assert_eq!(seen.calls_so_far(), [vec!["a/1", "a/2"], vec!["a/3", "a/4"], vec!["a/5"]]);
    put(&client, "a", "6").await;
    assert_eq!(seen.call().await, ["a/6"]);
}

#[tokio::test]
async fn lanes_run_side_by_side_and_keep_the_order_of_each_key() {
    let (dynamodb, client) = with_table(None).await;
    let keys: Vec<String> = (0..40).map(|number| format!("key-{number}")).collect();
    for step in ["0", "1", "2", "3", "4"] {
        join_all(keys.iter().map(|key| put(&client, key, step))).await;
    }
    // No call ends before three run: with one lane this would never end.
    let running = Arc::new(Semaphore::new(0));
    let order: Arc<Mutex<HashMap<String, Vec<String>>>> = Arc::default();
    let (function_running, function_order) = (Arc::clone(&running), Arc::clone(&order));
    let function = move |event: Value| {
        let (running, order) = (Arc::clone(&function_running), Arc::clone(&function_order));
        async move {
            running.add_permits(1);
            let together = running.acquire_many(3).await.unwrap();
            drop(together);
            for name in names(&event) {
                let (key, step) = name.split_once('/').unwrap();
                order.lock().unwrap().entry(key.to_owned()).or_default().push(step.to_owned());
                tokio::task::yield_now().await;
            }
            Ok(Value::Null)
        }
    };
    let mapping = Mapping { parallel: 8, batch_size: 3, ..mapping() };
    let pump = Pump::start(dynamodb.database(), mapping, function, |_| ()).unwrap();
    until_idle(&pump).await;
    let order = order.lock().unwrap();
    assert_eq!(order.len(), keys.len());
    for (key, steps) in order.iter() {
        assert_eq!(steps, &["0", "1", "2", "3", "4"], "{key}");
    }
}

#[tokio::test]
async fn two_mappings_of_one_table_have_positions_of_their_own() {
    let (dynamodb, client) = with_table(None).await;
    put(&client, "a", "1").await;
    let (first, mut first_seen) = pump(&dynamodb, mapping(), fine);
    until_idle(&first).await;
    let (second, mut second_seen) = pump(&dynamodb, Mapping { name: "other".to_owned(), ..mapping() }, fine);
    until_idle(&second).await;
    assert_eq!(first_seen.calls_so_far(), second_seen.calls_so_far());
}

#[tokio::test]
async fn a_dropped_pump_calls_no_more() {
    let (dynamodb, client) = with_table(None).await;
    let (pump, mut seen) = pump(&dynamodb, mapping(), fine);
    put(&client, "a", "1").await;
    assert_eq!(seen.call().await, ["a/1"]);
    drop(pump);
    put(&client, "a", "2").await;
    // The function is dropped with the tasks, and its channel with it.
    assert_eq!(seen.calls.recv().await, None);
}

#[tokio::test]
async fn a_table_without_a_stream_is_an_error() {
    let (dynamodb, _client) = with_table(None).await;
    for table in ["missing", POSITIONS] {
        create_positions(dynamodb.database()).unwrap();
        let mapping = Mapping { table: table.to_owned(), ..mapping() };
        let function = |_| async { Ok(Value::Null) };
        let refused = Pump::start(dynamodb.database(), mapping, function, |_| ()).err().unwrap();
        assert_eq!(refused.to_string(), format!("the table {table} has no stream"));
    }
}
