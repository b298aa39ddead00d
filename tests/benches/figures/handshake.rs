//! Whether the first text of a process waits for a TLS handshake, where each takes 50 ms.

use crate::far_end::FarEnd;
use crate::lambda::Lambda;
use crate::send::batch;
use crate::usage::{median, millis};
use std::time::Duration;

const HANDSHAKE: Duration = Duration::from_millis(50);
const PROCESSES: usize = 9;

/// Starts several processes, and has each send two texts.
pub async fn measure() {
    let far_end = FarEnd::behind_tls(HANDSHAKE).await;
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for _ in 0..PROCESSES {
        let mut lambda = Lambda::start("send", &far_end).await;
        first.push(millis(lambda.invoke(batch(0, 1)).await.wall));
        second.push(millis(lambda.invoke(batch(1, 1)).await.wall));
    }
    let (first, second) = (median(first), median(second));
    println!("  {first:.1} ms for the first text of a process, of {} ms that a handshake takes", HANDSHAKE.as_millis());
    println!("  {second:.1} ms for the next, which has a connection of its own to Twilio");
}
