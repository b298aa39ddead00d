//! The proof of the `PeopleSoft` client: recorded payloads, every row of the classification table over real sockets,
//! and readers that take any bytes.

mod catalogs;
mod classification;
mod damage;
mod oauth;
mod polling;
mod readers;
mod requests;
mod server;
mod streaming;
mod times;

use super::{Auth, Client, Connection, Error, Format, Pauses, Query, Row, Rows};
use crate::clock::Clock;
use jiff::tz::TimeZone;
use secrecy::SecretString;
use std::time::Duration;

/// A recorded payload.
macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../../../tests/fixtures/peoplesoft/", $name))
    };
}
use fixture;

const NO_PAUSES: Pauses = Pauses { retry: Duration::ZERO, run: Duration::ZERO, longest_run: Duration::ZERO };

fn connection(base_url: &str) -> Connection {
    Connection {
        base_url: base_url.to_owned(),
        auth: Auth::Basic { oprid: "NOTIFY".to_owned(), password: SecretString::from("s3cret") },
        time_zone: TimeZone::get("America/Chicago").unwrap(),
        ca_certificate_pem: None,
        timeout: Duration::from_secs(30),
        max_rows: 10_000,
        format: Format::Json,
    }
}

fn clock() -> Clock {
    Clock::from_fn(|| "2026-03-17T21:45:00Z".parse().unwrap())
}

fn client(connection: Connection) -> Client {
    Client::new(connection, clock()).unwrap().with_pauses(NO_PAUSES)
}

fn names(columns: &[&str]) -> Vec<String> {
    columns.iter().map(|&column| column.to_owned()).collect()
}

/// A query without prompts.
fn query<'a>(name: &'a str, columns: &'a [String]) -> Query<'a> {
    Query { name, prompts: &[], max_rows: 10_000, columns, blocks: false }
}

/// Everything that comes, and how it ends.
async fn drain(mut rows: Rows) -> (Vec<Row>, Result<(), Error>) {
    let mut all = Vec::new();
    loop {
        match rows.next().await {
            Ok(Some(row)) => all.push(row),
            Ok(None) => return (all, Ok(())),
            Err(error) => return (all, Err(error)),
        }
    }
}

/// Asks once for column `A` of a query, and tells how it ends.
async fn ask(client: &Client) -> Result<Vec<Row>, Error> {
    let (rows, end) = drain(client.execute(&query("Q", &names(&["A"]))).await?).await;
    end.map(|()| rows)
}
