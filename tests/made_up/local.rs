//! Writes an export, in AWS's format, of what `connector local --data FILE` has left: `local-export FILE DIRECTORY`. Call it when
//! that run is over. Changes nothing in FILE.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a tool of the tests

use local::aws::dynamodb::DynamoDb;
use local::stack::{TABLE, sdk_config};
use shared::clock::Clock;
use std::path::Path;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, directory] = arguments.as_slice() else {
        panic!("local-export FILE DIRECTORY");
    };
    assert!(Path::new(file).exists(), "there is no {file}: name what connector local --data was given");
    let dynamodb = DynamoDb::start(Some(Path::new(file))).await.unwrap();
    let client = aws_sdk_dynamodb::Client::new(&sdk_config(dynamodb.endpoint_url().to_owned()).await);
    let export = local::export::write(&client, TABLE, Path::new(directory), Clock::system().now()).await.unwrap();
    println!("{}", export.display());
}
