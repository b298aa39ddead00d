//! What it costs to start each function: processor time from exec until it asks for its first event, next to a function that
//! only says hello. They take turns, so that what else the machine does strikes all of them alike.

use crate::far_end::FarEnd;
use crate::lambda::{FUNCTIONS, HELLO, Lambda};
use crate::usage::{cpu, median, millis};
use std::collections::BTreeMap;
use std::time::Duration;

const ROUNDS: usize = 25;

/// Starts every function many times.
pub async fn measure() {
    let far_end = FarEnd::start(Duration::ZERO, 0).await;
    let mut all: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for _ in 0..ROUNDS {
        for name in std::iter::once(HELLO).chain(FUNCTIONS) {
            let lambda = Lambda::start(name, &far_end).await;
            all.entry(name).or_default().push(millis(cpu(lambda.pid())));
        }
    }
    let hello = median(all[HELLO].clone());
    println!("  {HELLO:8} {hello:.2} ms of processor time");
    for function in FUNCTIONS {
        let used = median(all[function].clone());
        println!("  {function:8} {used:.2} ms, {:.1} times hello", used / hello);
    }
}
