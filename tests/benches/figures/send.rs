//! What it costs to send: one batch of a hundred texts, with a Twilio that takes 100 ms for each.

use crate::far_end::{AWS_CONNECTION, FarEnd, OTHER_CONNECTION};
use crate::lambda::Lambda;
use crate::usage::{median, millis, peak_memory};
use serde_json::{Value, json};
use std::time::Duration;

const TEXTS: usize = 100;
const TWILIO: Duration = Duration::from_millis(100);
const BATCHES: usize = 10;

/// Sends several batches, and a first one that finds everything cold.
pub async fn measure() {
    let far_end = FarEnd::start(TWILIO, 0).await;
    let mut lambda = Lambda::start("send", &far_end).await;
    far_end.asked();
    lambda.invoke(batch(0, 1)).await;
    let asked = far_end.asked();
    let opened = |what| asked.get(what).copied().unwrap_or_default();
    let (aws, twilio) = (opened(AWS_CONNECTION), opened(OTHER_CONNECTION));
    println!("  connections that the first text of a process has to open: {aws} to AWS, {twilio} to Twilio");
    let (mut wall, mut cpu) = (Vec::new(), Vec::new());
    for number in 1..=BATCHES {
        far_end.asked();
        let invocation = lambda.invoke(batch(number, TEXTS)).await;
        assert_eq!(invocation.answer["batchItemFailures"], json!([]), "nothing is handed back");
        wall.push(millis(invocation.wall));
        cpu.push(millis(invocation.cpu) / TEXTS as f64);
    }
    let at_once = far_end.most_under_way();
    let least = TEXTS.div_ceil(at_once) as f64 * millis(TWILIO);
    let (wall, cpu) = (median(wall), median(cpu));
    println!("  {TEXTS} texts, {at_once} at once: {wall:.0} ms, {:.2} times what Twilio alone takes", wall / least);
    println!("  {cpu:.3} ms of processor time a text, {:.1} MB at most", peak_memory(lambda.pid()));
    println!("  asked for one batch: {:?}", far_end.asked());
}

/// A stream's batch of texts that may start, no two alike.
pub fn batch(number: usize, texts: usize) -> String {
    let event: Value = serde_json::from_str(include_str!("../../fixtures/events/send.json")).unwrap();
    let records: Vec<Value> = (0..texts)
        .map(|text| {
            let mut record = event["Records"][0].clone();
            let employee = format!("74efmocy{}", base32(number * TEXTS + text, 5));
            record["dynamodb"]["NewImage"]["pk"]["S"] = json!(format!("st-lukes#{employee}"));
            record["dynamodb"]["Keys"]["pk"]["S"] = json!(format!("st-lukes#{employee}"));
            record["dynamodb"]["SequenceNumber"] = json!(format!("{:021}", number * TEXTS + text));
            record
        })
        .collect();
    json!({"Records": records}).to_string()
}

/// A number in as many characters of an id.
fn base32(mut number: usize, characters: usize) -> String {
    let digits = b"abcdefghijklmnopqrstuvwxyz234567";
    let digit = |_| {
        let digit = digits[number % 32];
        number /= 32;
        char::from(digit)
    };
    (0..characters).map(digit).collect()
}
