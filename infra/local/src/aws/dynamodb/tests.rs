//! The embedded database through the real client, and its file through `SQLite`.

use super::*;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    StreamSpecification, StreamViewType,
};
use rusqlite::{Connection, StatementStatus};
use std::fs;

pub(in super::super) const TABLE: &str = "ledger";

pub(in super::super) fn client(dynamodb: &DynamoDb) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .http_client(shared::aws::wire::plain())
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "test"))
        .endpoint_url(dynamodb.endpoint_url());
    Client::from_conf(config.build())
}

fn definition() -> CreateTableInputBuilder {
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    let text = |name: &str| {
        AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build().unwrap()
    };
    let stream = StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewImage);
    CreateTableInputBuilder::default()
        .table_name(TABLE)
        .attribute_definitions(text("pk"))
        .attribute_definitions(text("sk"))
        .key_schema(key("pk", KeyType::Hash))
        .key_schema(key("sk", KeyType::Range))
        .billing_mode(BillingMode::PayPerRequest)
        .stream_specification(stream.build().unwrap())
}

/// A database with the table, and a client for it.
pub(in super::super) async fn with_table(data: Option<&Path>) -> (DynamoDb, Client) {
    let dynamodb = DynamoDb::start(data).await.unwrap();
    let client = client(&dynamodb);
    ensure_table(&client, definition(), "retain_until").await.unwrap();
    (dynamodb, client)
}

pub(in super::super) async fn put(client: &Client, pk: &str, sk: &str) {
    put_more(client, pk, sk, &[]).await;
}

pub(in super::super) async fn put_more(client: &Client, pk: &str, sk: &str, more: &[(&str, AttributeValue)]) {
    let mut request = client.put_item().table_name(TABLE);
    request = request.item("pk", AttributeValue::S(pk.to_owned())).item("sk", AttributeValue::S(sk.to_owned()));
    for (name, value) in more {
        request = request.item(*name, value.clone());
    }
    request.send().await.unwrap();
}

async fn found(client: &Client, pk: &str, sk: &str) -> bool {
    let request = client.get_item().table_name(TABLE);
    let request = request.key("pk", AttributeValue::S(pk.to_owned())).key("sk", AttributeValue::S(sk.to_owned()));
    request.send().await.unwrap().item.is_some()
}

/// What dynoxide asks to number a record, and to read a page of them.
const NUMBERING: &str =
    "SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1 FROM _stream_records WHERE table_name = ?1";
const READING: &str =
    "SELECT event_name, keys_json, new_image, old_image, sequence_number, created_at, user_identity, event_id
     FROM _stream_records
     WHERE table_name = ?1 AND shard_id = ?2 AND CAST(sequence_number AS INTEGER) > ?3
     ORDER BY CAST(sequence_number AS INTEGER) ASC
     LIMIT ?4";

fn plan(file: &Path, statement: &str) -> String {
    let connection = Connection::open(file).unwrap();
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
    for parameter in 1..=statement.parameter_count() {
        statement.raw_bind_parameter(parameter, "1").unwrap();
    }
    let mut rows = statement.raw_query();
    let mut plan = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        plan.push(row.get::<_, String>("detail").unwrap());
    }
    plan.join("\n")
}

/// How many steps `SQLite` takes to number the table's next record.
fn numbering_steps(file: &Path) -> i32 {
    let connection = Connection::open(file).unwrap();
    let mut statement = connection.prepare(NUMBERING).unwrap();
    let number: i64 = statement.query_row([TABLE], |row| row.get(0)).unwrap();
    assert!(number > 1, "the table has records");
    statement.get_status(StatementStatus::VmStep)
}

#[tokio::test]
async fn stream_records_are_numbered_and_read_by_the_index_in_a_file_and_in_memory() {
    let directory = tempfile::tempdir().unwrap();
    let check = async |data: Option<&Path>| {
        let (dynamodb, client) = with_table(data).await;
        put(&client, "a", "1").await;
        let file = directory.path().join(if data.is_some() { "copy-of-file" } else { "copy-of-memory" });
        dynamodb.database().vacuum_into(file.to_str().unwrap()).unwrap();
        for statement in [NUMBERING, READING] {
            let plan = plan(&file, statement);
            assert!(plan.contains("INDEX local_stream_records_by_number (table_name=?"), "{plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        }
    };
    check(None).await;
    check(Some(&directory.path().join("data"))).await;
}

#[tokio::test]
async fn numbering_a_record_takes_as_many_steps_after_many_writes_as_after_few() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name);
    let (dynamodb, client) = with_table(None).await;
    for (until, copy) in [(10, "few"), (300, "many")] {
        for number in 0..until {
            put(&client, "a", &format!("{copy} {number}")).await;
        }
        dynamodb.database().vacuum_into(file(copy).to_str().unwrap()).unwrap();
    }
    assert_eq!(numbering_steps(&file("few")), numbering_steps(&file("many")));
    // The same without the index, lest the count above says nothing.
    for copy in ["few", "many"] {
        Connection::open(file(copy)).unwrap().execute_batch("DROP INDEX local_stream_records_by_number").unwrap();
    }
    assert!(numbering_steps(&file("many")) > 10 * numbering_steps(&file("few")));
}

#[tokio::test]
async fn every_acknowledged_write_survives_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let (_running, client) = with_table(Some(&data)).await;
    let connection = Connection::open(&data).unwrap();
    let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    // FULL: the log is synchronised at each commit, so a power cut loses no more than a kill does. A connection's own
    // setting; this one, like dynoxide's, has the library's default.
    assert_eq!(connection.query_row("PRAGMA synchronous", [], |row| row.get::<_, i64>(0)), Ok(2));
    for number in 0..40 {
        put(&client, "a", &number.to_string()).await;
    }
    // What is on the disk while the database is open and busy is what a kill leaves there.
    let killed = directory.path().join("killed");
    for suffix in ["", "-wal"] {
        let name = |path: &Path| format!("{}{suffix}", path.display());
        fs::copy(name(&data), name(&killed)).unwrap();
    }
    let (restarted, client) = with_table(Some(&killed)).await;
    for number in 0..40 {
        assert!(found(&client, "a", &number.to_string()).await, "write {number}");
    }
    assert!(plan(&killed, NUMBERING).contains("local_stream_records_by_number"));
    drop(restarted);
}

#[tokio::test]
async fn a_data_file_is_opened_once_at_a_time_by_any_of_its_names() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let link = directory.path().join("link");
    let (first, client) = with_table(Some(&data)).await;
    put(&client, "a", "1").await;
    std::os::unix::fs::symlink(&data, &link).unwrap();
    for name in [&data, &link] {
        let refused = DynamoDb::start(Some(name)).await.err().unwrap();
        assert!(matches!(&refused, Error::InUse(_)), "{refused}");
        assert!(refused.to_string().ends_with("data is in use by another process"), "{refused}");
    }
    drop(first);
    let (_second, client) = with_table(Some(&link)).await;
    assert!(found(&client, "a", "1").await);
}

#[tokio::test]
async fn what_is_no_database_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("notes.txt");
    let text = "not a database, but someone's notes\n".repeat(40);
    fs::write(&data, &text).unwrap();
    let refused = DynamoDb::start(Some(&data)).await.err().unwrap();
    assert!(matches!(refused, Error::Database(_)), "{refused}");
    assert_eq!(fs::read_to_string(&data).unwrap(), text);
    let missing = directory.path().join("no/such/directory/data");
    assert!(matches!(DynamoDb::start(Some(&missing)).await.err().unwrap(), Error::File(..)));
}

#[tokio::test]
async fn a_table_is_ensured_once_or_twice_alike() {
    let (_running, client) = with_table(None).await;
    put(&client, "a", "1").await;
    ensure_table(&client, definition(), "retain_until").await.unwrap();
    assert!(found(&client, "a", "1").await);
    let table = client.describe_table().table_name(TABLE).send().await.unwrap().table.unwrap();
    assert!(table.stream_specification.unwrap().stream_enabled);
    assert_eq!(table.table_status, Some("ACTIVE".into()));
    let expiry = client.describe_time_to_live().table_name(TABLE).send().await.unwrap();
    let expiry = expiry.time_to_live_description.unwrap();
    assert_eq!(expiry.attribute_name.as_deref(), Some("retain_until"));
    let impossible = definition()
        .key_schema(KeySchemaElement::builder().attribute_name("x").key_type(KeyType::Hash).build().unwrap());
    let refused = ensure_table(&client, impossible.table_name("other"), "retain_until").await.unwrap_err();
    assert_eq!(refused.to_string(), "the table other can't be created");
}

#[tokio::test]
async fn the_port_is_closed_when_dropped() {
    let (running, client) = with_table(None).await;
    drop(running);
    let gone = async {
        while client.list_tables().send().await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), gone).await.expect("it still answers");
}
