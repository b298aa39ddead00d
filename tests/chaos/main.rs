//! Chaos at any size: `cargo run --profile trial -p tests --example chaos -- NOTIFICATIONS [SEED]`. The same as the tests of that name, which are
//! small and keep to two seeds; prints what came of it, and fails if anybody got anything twice or was forgotten.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::unused_self,
    dead_code, // the stage has more than this needs
    unreachable_pub
)]

#[path = "../it/chaos.rs"]
mod chaos;
#[path = "../it/stage.rs"]
mod stage;

use std::process::ExitCode;
use std::time::Instant;

#[tokio::main]
async fn main() -> ExitCode {
    let numbers: Vec<u64> = std::env::args().skip(1).map_while(|argument| argument.parse().ok()).collect();
    let Some(count) = numbers.first() else {
        eprintln!("chaos NOTIFICATIONS [SEED]");
        return ExitCode::from(2);
    };
    let seed = numbers.get(1).copied().unwrap_or_else(|| rand::random::<u32>().into());
    println!("seed {seed}");
    let began = Instant::now();
    let outcome = Box::pin(chaos::run(*count as usize, seed)).await;
    println!("{outcome:#?}\nin {} s", began.elapsed().as_secs());
    if outcome.holds(*count as usize) {
        println!("nobody got anything twice, and nobody was forgotten");
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
