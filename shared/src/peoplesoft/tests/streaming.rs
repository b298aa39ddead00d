//! Large answers, slow readers, many at once.

use super::super::{Client, Error, Reason};
use super::server::{Reply, Server};
use super::{client, connection, drain, names, query};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const FIRST: &str = r#"{"status":"success","data":{"query":{"rows":[{"A":"first"}"#;

/// So many rows of `{"A": "…"}` with a column of `ballast` bytes that nobody asked for.
fn many(rows: usize, ballast: usize) -> Reply {
    let piece = format!(r#",{{"A":"row","B":"{}"}}"#, "x".repeat(ballast));
    Reply::long(FIRST, &piece, rows - 1, &format!(r#"],"numrows":{rows}}}}}}}"#))
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_hundred_thousand_rows_stream_through() {
    let server = Server::always(|| many(100_000, 40)).await;
    let columns = names(&["A"]);
    let mut rows = client(connection(&server.base)).execute(&query("Q", &columns)).await.unwrap();
    let mut bytes = 0;
    while let Some(row) = rows.next().await.unwrap() {
        bytes += row.get("A").unwrap().len(); // each row is dropped here
    }
    assert_eq!((rows.read(), bytes), (100_000, "first".len() + 99_999 * "row".len()));
}

/// Waits until the server can write no more, and says how much it wrote.
async fn standing_still(server: &Server) -> usize {
    let mut before = server.written();
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = server.written();
        if now == before {
            return now;
        }
        before = now;
    }
}

#[tokio::test]
async fn a_reader_that_pauses_holds_back_the_sender() {
    const TOTAL: usize = 64 * 1024 * 1024;
    let server = Server::always(|| many(TOTAL / 4096, 4096)).await;
    let columns = names(&["A"]);
    let mut rows = client(connection(&server.base)).execute(&query("Q", &columns)).await.unwrap();
    rows.next().await.unwrap().unwrap();
    let written = standing_still(&server).await;
    assert!(written < TOTAL / 2, "{written} bytes left the server while one row was read");
    drop(rows);
}

#[tokio::test]
async fn dropping_the_rows_ends_the_connection() {
    // Far more than anybody would read: only a closed connection ends this.
    let server = Server::always(|| many(1_000_000_000, 1000)).await;
    let columns = names(&["A"]);
    let mut rows = client(connection(&server.base)).execute(&query("Q", &columns)).await.unwrap();
    rows.next().await.unwrap().unwrap();
    drop(rows);
    standing_still(&server).await;
}

#[tokio::test]
async fn the_time_between_rows_is_not_the_networks() {
    const TIMEOUT: Duration = Duration::from_secs(3);
    let server = Server::always(|| many(2000, 400)).await;
    let mut connection = connection(&server.base);
    connection.timeout = TIMEOUT; // far longer than so small an answer is under way
    let columns = names(&["A"]);
    let mut rows = client(connection).execute(&query("Q", &columns)).await.unwrap();
    rows.next().await.unwrap().unwrap();
    tokio::time::sleep(TIMEOUT + Duration::from_millis(500)).await;
    let (rest, end) = drain(rows).await;
    assert_eq!((rest.len(), end.is_ok()), (1999, true), "{end:?}");
}

#[tokio::test]
async fn a_body_that_stops_coming_times_out() {
    let server = Server::start(|_, _| {
        let start = format!("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{FIRST}");
        Reply::raw(start).then_hold()
    })
    .await;
    let mut connection = connection(&server.base);
    connection.timeout = Duration::from_secs(3); // long enough for what does come
    let columns = names(&["A"]);
    let (rows, end) = drain(client(connection).execute(&query("Q", &columns)).await.unwrap()).await;
    assert_eq!(rows.len(), 1);
    assert!(matches!(end, Err(Error::Unavailable { reason: Reason::Timeout(_), .. })), "{end:?}");
}

#[tokio::test]
async fn a_body_that_drips_times_out_as_a_whole() {
    let server = Server::always(|| many(1_000_000, 0).drip(Duration::from_millis(100))).await;
    let mut connection = connection(&server.base);
    connection.timeout = Duration::from_secs(3); // each piece comes well within it
    let columns = names(&["A"]);
    let (rows, end) = drain(client(connection).execute(&query("Q", &columns)).await.unwrap()).await;
    assert!((1..=30).contains(&rows.len()), "{}", rows.len());
    assert!(matches!(end, Err(Error::Unavailable { reason: Reason::Timeout(_), .. })), "{end:?}");
}

#[tokio::test]
async fn gzip_is_read_and_a_cut_one_is_not_complete() {
    let document = format!(r#"{FIRST},{{"A":"second"}}],"numrows":2}}}}}}"#);
    let check = async |body: Vec<u8>, expect: Result<usize, Reason>| {
        let headers = "Content-Type: application/json\r\nContent-Encoding: gzip\r\n";
        let server = Server::always(move || Reply::new(200, headers, &body)).await;
        let columns = names(&["A"]);
        let got = match client(connection(&server.base)).execute(&query("Q", &columns)).await {
            Ok(rows) => drain(rows).await,
            Err(error) => (Vec::new(), Err(error)),
        };
        let end = got.1.map(|()| got.0.len()).map_err(|error| match error {
            Error::Unavailable { reason, .. } => reason,
            other => panic!("{other:?}"),
        });
        assert_eq!(end, expect);
    };
    let whole = gzipped(&document);
    check(whole.clone(), Ok(2)).await;
    check(whole[..whole.len() - 12].to_vec(), Err(Reason::Broken)).await;
    check(document.clone().into_bytes(), Err(Reason::Broken)).await; // not gzip at all
}

#[tokio::test]
async fn a_body_beyond_all_measure_is_refused() {
    // A few kilobytes that unpack to more than we read.
    let body = gzipped(&format!("{FIRST}{}", format!(r#"{},{{"A":"row"}}"#, " ".repeat(1024)).repeat(2000)));
    assert!(body.len() < 100_000);
    let headers = "Content-Type: application/json\r\nContent-Encoding: gzip\r\n";
    let server = Server::always(move || Reply::new(200, headers, &body)).await;
    let columns = names(&["A"]);
    let mut client = client(connection(&server.base));
    client.max_body = 1024 * 1024;
    let (rows, end) = drain(client.execute(&query("Q", &columns)).await.unwrap()).await;
    assert!(matches!(end, Err(Error::TooLarge { limit: 1_048_576, .. })) && rows.len() > 900, "{} {end:?}", rows.len());
}

async fn count(client: Client) -> usize {
    let columns = names(&["A"]);
    drain(client.execute(&query("Q", &columns)).await.unwrap()).await.0.len()
}

#[tokio::test]
async fn ten_requests_are_under_way_at_once_and_no_more() {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let server = Server::always(move || many(3, 10).behind(&held)).await;
    let client = client(connection(&server.base));
    let mut callers = JoinSet::new();
    for _ in 0..30 {
        callers.spawn(count(client.clone()));
    }
    while server.at_once() < 10 {
        tokio::task::yield_now().await;
    }
    gate.add_permits(30);
    assert_eq!(callers.join_all().await, [3; 30]);
    assert_eq!(server.most_at_once(), 10);
}

#[tokio::test]
async fn answers_that_wait_for_their_reader_are_under_way_and_leave_room_for_questions() {
    // As many as one poll reads at once, each far larger than what the network holds.
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let server = Server::start(move |_, number| match number {
        0..4 => many(20_000, 1000),
        _ => many(3, 10).behind(&held),
    })
    .await;
    let client = client(connection(&server.base));
    let columns = names(&["A"]);
    let mut open = Vec::new();
    for _ in 0..4 {
        let mut rows = client.execute(&query("Q", &columns)).await.unwrap();
        rows.next().await.unwrap().unwrap();
        open.push(rows);
    }
    let mut callers = JoinSet::new();
    for _ in 0..30 {
        callers.spawn(count(client.clone()));
    }
    while server.at_once() < 10 {
        tokio::task::yield_now().await;
    }
    gate.add_permits(30);
    assert_eq!(callers.join_all().await, [3; 30]);
    assert_eq!(server.most_at_once(), 10);
    for rows in open {
        assert!(drain(rows).await.1.is_ok());
    }
}
