//! What it costs to poll a PeopleSoft with many rows: time and memory for ten thousand and for a hundred thousand, each in a
//! process of its own.

use crate::far_end::FarEnd;
use crate::lambda::Lambda;
use crate::usage::{millis, peak_memory};
use std::time::Duration;

const FEW: u32 = 10_000;
const MANY: u32 = 100_000;

/// What one poll took: seconds, processor seconds, and megabytes.
struct Took {
    wall: f64,
    cpu: f64,
    memory: f64,
}

/// Polls the few and the many.
pub async fn measure() {
    let (few, many) = (poll(FEW).await, poll(MANY).await);
    println!(
        "  {MANY} rows take {:.1} times as long as {FEW}, {:.1} times the processor time, {:.2} times the memory",
        many.wall / few.wall,
        many.cpu / few.cpu,
        many.memory / few.memory
    );
}

async fn poll(rows: u32) -> Took {
    let far_end = FarEnd::start(Duration::ZERO, rows).await;
    let mut lambda = Lambda::start("poll", &far_end).await;
    let invocation = lambda.invoke("{}".to_owned()).await;
    let took = Took {
        wall: millis(invocation.wall) / 1000.0,
        cpu: millis(invocation.cpu) / 1000.0,
        memory: peak_memory(lambda.pid()),
    };
    let Took { wall, cpu, memory } = took;
    let at_once = far_end.most_under_way();
    println!(
        "  {rows} rows: {wall:.1} s, {cpu:.1} s of processor time, {memory:.1} MB, {at_once} writes at once at most"
    );
    println!("  asked: {:?}", far_end.asked());
    took
}
