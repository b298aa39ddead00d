//! What takes too long for a test: whether time grows as what is to be done does.
//!
//! `cargo run --profile trial -p tests --example large -- stack 10000 100000` sends a text to so many people through the whole local
//! stack, `… -- sweep 1000000` sweeps a tenant with so many settled notifications and a hundred that are due.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::unused_self,
    dead_code, // the tests have more than this needs
    unreachable_pub
)]

#[path = "../it/settled.rs"]
mod settled;
#[path = "../it/stage.rs"]
mod stage;

use local::demo::{Demo, Moods, TENANT};
use local::progress;
use local::stack::{Options, Stack};
use serde_json::{Value, json};
use shared::clock::Clock;
use shared::metrics::Metrics;
use shared::notification::State;
use shared::timing::Timing;
use std::process::ExitCode;
use std::time::{Duration, Instant};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let sizes: Vec<usize> = arguments.iter().skip(1).map_while(|size| size.parse().ok()).collect();
    match arguments.first().map(String::as_str) {
        Some("stack") if !sizes.is_empty() => {
            for staff in sizes {
                through_the_stack(staff).await;
            }
        }
        Some("sweep") if !sizes.is_empty() => {
            for settled in sizes {
                println!("{settled} settled, 100 due: {}", settled::sweep(settled, 100).await);
            }
        }
        _ => {
            eprintln!("large stack|sweep SIZE...");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// One payroll for so many people: from the first poll until Twilio has reported every text.
async fn through_the_stack(staff: usize) {
    let clock = Clock::system();
    let moods = Moods { staff, latency: Duration::ZERO, ..Moods::default() };
    let demo = Demo::start(&moods, clock.clone(), None).await.unwrap();
    let path = demo.tenants().join(format!("{TENANT}.json"));
    let mut document: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    document["poll"]["max_notifications_per_poll"] = json!(staff * 2);
    document["events"].as_array_mut().unwrap().retain(|event| event["source"] == json!("payroll"));
    std::fs::write(&path, document.to_string()).unwrap();
    // A reading that takes longer than one poll may is gone on with in the next, and here without a pause.
    let second = Duration::from_secs(1);
    let timing =
        Timing { timeout_pause: second, source_retry_base: second, source_retry_cap: second, ..Timing::default() };
    let options = Options {
        tenants: demo.tenants().to_owned(),
        listen: "127.0.0.1:0".parse().unwrap(),
        callback_base_url: None,
        poll_every: Duration::from_secs(2),
        data: None,
        timing: timing.clone(),
        clock: clock.clone(),
        adjust: None,
        metrics: Metrics::off(clock.clone()),
    };
    let began = Instant::now();
    let stack = Stack::start(options).await.unwrap();
    let mut requests = 0;
    while !is_over(&stack, &demo, &mut requests).await {
        eprint!("\r{:6.0} s: Twilio was asked for {requests} texts", began.elapsed().as_secs_f64());
    }
    let took = began.elapsed().as_secs_f64();
    eprint!("\r{:60}\r", "");
    let progress = progress::look(&stack, &timing, clock.now()).await.unwrap();
    let looked = began.elapsed().as_secs_f64() - took;
    let states = progress.states(clock.now());
    // Two of so many share a phone and a name, so that their texts read alike: counted are notifications.
    let doubled = demo.twilio.doubled().notifications;
    assert!(progress.is_still() && doubled.is_empty(), "still moving: {:?}; sent twice: {doubled:?}", progress.moving);
    assert_eq!(states.values().sum::<usize>(), staff, "somebody was forgotten: {states:?}");
    let delivered = states.get(&State::Delivered).copied().unwrap_or_default();
    println!(
        "{staff} people: {delivered} texts delivered in {took:.1} s, {:.2} ms each; {states:?}, read in {looked:.1} s",
        took * 1e3 / delivered as f64
    );
}

/// Whether the payroll was read to its end and all that came of it is over. Reads nothing of the table: that takes its time, and the
/// database's.
async fn is_over(stack: &Stack, demo: &Demo, requests: &mut usize) -> bool {
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = std::mem::replace(requests, demo.twilio.requests());
    let is_read = stack.polls(|polls| polls.sources.values().any(|source| source.read > 0));
    if !is_read || *requests != before || !stack.stream_is_idle() {
        return false;
    }
    demo.twilio.idle().await;
    stack.stream_is_idle() && *requests == demo.twilio.requests()
}
