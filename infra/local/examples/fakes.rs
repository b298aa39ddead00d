//! The demo's PeopleSoft and Twilio as a process of their own, for a stack that runs elsewhere: a deployment on an emulator,
//! or functions under `cargo lambda watch`. Never runs a function itself.
//!
//! Prints one line of JSON: where the fakes are, and the tenant document that names them. Then it answers each line on stdin
//! that says `report` with another, and stops when stdin closes. `--staff N` sets the hospital's size.

use jiff::tz::TimeZone;
use local::demo::{Demo, Moods, PORTAL_TOKEN, TENANT};
use local::peoplesoft::demo::{Expected, hospital};
use local::twilio::FakeTwilio;
use serde_json::{Value, json};
use shared::clock::Clock;
use std::collections::BTreeMap;
use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let moods = moods()?;
    let demo = Demo::start(&moods, Clock::system(), None).await?;
    let expected = expected(&moods)?;
    println!(
        "{}",
        json!({
            "tenant": TENANT,
            "document": demo.tenants().join(format!("{TENANT}.json")),
            "peoplesoft": demo.peoplesoft.listener_url(),
            "twilio": demo.twilio.base_url(),
            "portal_token": PORTAL_TOKEN,
        })
    );
    // Blocks this thread only; the fakes are served by the runtime's others.
    for line in std::io::stdin().lines() {
        if line?.trim() == "report" {
            println!("{}", report(&demo.twilio, &expected));
        }
    }
    Ok(())
}

fn moods() -> Result<Moods, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => Ok(Moods::default()),
        ["--staff", staff] => Ok(Moods { staff: staff.parse()?, ..Moods::default() }),
        _ => Err("usage: fakes [--staff N]".into()),
    }
}

/// How many notifications of each source should reach somebody, and how many should be suppressed for which reason.
fn expected(moods: &Moods) -> Result<Value, Box<dyn Error>> {
    let zone = TimeZone::get("America/Chicago")?;
    let mut counts: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for one in hospital(moods.seed, moods.staff, Clock::system().now(), &zone).expectations {
        let what = match one.outcome {
            Expected::Reaches { .. } => "reached",
            Expected::Suppressed(reason) => reason,
        };
        *counts.entry(one.source).or_default().entry(what).or_default() += 1;
    }
    Ok(json!(counts))
}

/// What Twilio accepted, one by one but without numbers and words, and what became of its callbacks.
fn report(twilio: &FakeTwilio, expected: &Value) -> Value {
    let accepted: Vec<Value> = twilio
        .accepted()
        .into_iter()
        .map(|one| json!({"sid": one.sid, "notification": one.notification, "attempt": one.attempt, "status": one.status}))
        .collect();
    let mut answers: BTreeMap<String, usize> = BTreeMap::new();
    for callback in twilio.callbacks() {
        let last =
            callback.answers.last().copied().flatten().map_or_else(|| "none".to_owned(), |status| status.to_string());
        *answers.entry(last).or_default() += 1;
    }
    json!({
        "expected": expected,
        "accepted": accepted,
        "doubled": twilio.doubled().notifications,
        "requests": twilio.requests(),
        "callbacks": answers,
    })
}
