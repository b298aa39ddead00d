//! Reading a hundred thousand rows takes hardly more memory than ten thousand: what is thrown away doesn't pile up. Each
//! reading is a process of its own, whose peak the system tells (Linux; elsewhere nothing is measured).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde_json::json;
use shared::clock::Clock;
use shared::peoplesoft::{Client, Query};
use shared::tenant::{TenantId, parse};
use std::convert::Infallible;
use std::process::Command;

const FEW: u64 = 10_000;
const MANY: u64 = 100_000;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, reading, base_url, format] = arguments.as_slice()
        && reading == "read"
    {
        return read(base_url, format);
    }
    if peak().is_none() {
        println!("this system doesn't tell a process's peak of memory: nothing is measured");
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let address = runtime.block_on(serve());
    for format in ["json", "xmlp"] {
        let [few, many] = [FEW, MANY]
            .map(|rows| measure(&format!("http://{address}/{rows}/PSIGW/RESTListeningConnector/N"), format, rows));
        println!("{format}: {few} kB for {FEW} rows, {many} kB for {MANY}");
        assert!(many * 2 < few * 3, "{format}: memory grows with the rows: {few} kB for {FEW}, {many} kB for {MANY}");
    }
}

/// Reads in a process of its own, and tells its peak in kB.
fn measure(base_url: &str, format: &str, rows: u64) -> u64 {
    let output = Command::new(std::env::current_exe().unwrap()).args(["read", base_url, format]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let numbers: Vec<u64> = said.split_whitespace().map(|number| number.parse().unwrap()).collect();
    let [read, peak] = numbers.as_slice() else { panic!("{said}") };
    assert_eq!(*read, rows);
    *peak
}

/// The other process: reads two columns of every row, keeps none, and says how many there were and its peak.
fn read(base_url: &str, format: &str) {
    let document = json!({
        "peoplesoft": {"base_url": base_url, "time_zone": "UTC", "format": format, "max_rows": 1_000_000, "timeout_seconds": 100,
            "auth": {"type": "basic", "oprid": "NOTIFY", "password": "p"}},
        "twilio": {"account_sid": "AC01", "auth_token": "t"},
        "events": [],
    });
    let tenant = parse(&TenantId::parse("t").unwrap(), &document.to_string()).unwrap();
    let clock = Clock::from_fn(|| jiff::Timestamp::UNIX_EPOCH);
    let columns = ["A.EMPLID".to_owned(), "A.STAMP".to_owned()];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let count = runtime.block_on(async {
        let client = Client::new(tenant.peoplesoft.clone(), clock).unwrap();
        let query = Query { name: "Q", prompts: &[], max_rows: client.max_rows(), columns: &columns, blocks: false };
        let mut rows = client.execute(&query).await.unwrap();
        let mut count = 0_u64;
        while let Some(row) = rows.next().await.unwrap() {
            assert!(row.get("A.EMPLID").is_some_and(|id| id.len() == 7) && row.get("A.NOTE").is_none());
            count += 1;
        }
        count
    });
    println!("{count} {}", peak().unwrap());
}

/// The most memory that this process ever held, in kB.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// Serves as many rows as the address says, made as they are sent.
async fn serve() -> std::net::SocketAddr {
    let path = "/{rows}/PSIGW/RESTListeningConnector/N/ExecuteQuery.v1/public/Q/{kind}/NONFILE";
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().route(path, axum::routing::get(answer))).await });
    address
}

async fn answer(Path((rows, kind)): Path<(u64, String)>) -> Response {
    let json = kind.eq_ignore_ascii_case("JSON");
    let (head, tail) = if json {
        (
            format!(r#"{{"status":"success","data":{{"query":{{"numrows":{rows},"queryname=":"Q","rows":["#),
            "]}}}".to_owned(),
        )
    } else {
        (format!("<m><query numrows='{rows}' queryname='Q'>"), "</query></m>".to_owned())
    };
    let note = "what nobody asked for ".repeat(20);
    let row = move |number: u64| {
        if json {
            format!(
                r#"{}{{"attr:rownumber":{number},"A.EMPLID":"{number:07}","A.STAMP":"2026-03-17-16.42.07.000000","A.NOTE":"{note}"}}"#,
                if number == 1 { "" } else { "," }
            )
        } else {
            format!(
                "<row rownumber='{number}'><A.EMPLID><![CDATA[{number:07}]]></A.EMPLID><A.STAMP>2026-03-17-16.42.07.000000</A.STAMP><A.NOTE>{note}</A.NOTE></row>"
            )
        }
    };
    // A hundred rows to a chunk: a server's buffer, not ours.
    let chunks = (0..rows / 100).map(move |chunk| (1..=100).map(|i| row(chunk * 100 + i)).collect::<String>());
    let pieces = std::iter::once(head).chain(chunks).chain(std::iter::once(tail));
    let body = Body::from_stream(stream::iter(pieces.map(|piece| Ok::<_, Infallible>(Bytes::from(piece)))));
    let kind = if json { "application/json" } else { "text/xml; charset=UTF-8" };
    ([(CONTENT_TYPE, kind)], body).into_response()
}
