//! How fast the functions are: each release binary runs as a process of its own against a Runtime API, a DynamoDB, a Secrets
//! Manager and a Twilio that live here and answer at once. What is compared is compared within one run, and nothing fails for
//! being slow.
//!
//! `cargo bench -p benches` measures everything, `cargo bench -p benches --bench figures -- start send` what is named;
//! `--as-built` measures the binaries that are there, however they were built.
//!
//! Read in this order: [`lambda`] (a function and its Runtime API), [`far_end`] (what it talks to), [`usage`] (what it used),
//! then the measurements.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::cast_precision_loss, unreachable_pub)]

mod callback;
mod count;
mod far_end;
mod handshake;
mod lambda;
mod poll;
mod send;
mod size;
mod start;
mod tls;
mod usage;

const ALL: [&str; 7] = ["size", "start", "handshake", "send", "callback", "count", "poll"];

fn main() {
    // `cargo bench` passes `--bench`, as it would to a harness.
    let asked: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if let Some(unknown) = asked.iter().find(|name| !ALL.contains(&name.as_str())) {
        eprintln!("there is no measurement {unknown}; there are {}", ALL.join(", "));
        std::process::exit(2);
    }
    if !std::env::args().any(|argument| argument == "--as-built") {
        lambda::build();
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for name in ALL.into_iter().filter(|name| asked.is_empty() || asked.iter().any(|asked| asked == name)) {
        println!("{name}");
        match name {
            "size" => size::measure(),
            "start" => runtime.block_on(start::measure()),
            "handshake" => runtime.block_on(handshake::measure()),
            "send" => runtime.block_on(send::measure()),
            "callback" => runtime.block_on(callback::measure()),
            "count" => runtime.block_on(count::measure()),
            _ => runtime.block_on(poll::measure()),
        }
    }
}
