//! The life of a message or call: one task each walks it through its script and reports its statuses. It decides neither the
//! script (`messages`, `calls`) nor what a report says (`callbacks`).

use super::callbacks::{self, Report};
use super::draws;
use super::journal::Line;
use super::record::{Kind, Record, Step};
use super::world::World;
use jiff::Timestamp;
use rand::RngExt;
use rand::seq::SliceRandom;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep_until};

/// Lets a stored record live until its script is over and its reports are settled; one that was stored by an earlier fake takes
/// up where it was.
pub(super) fn begin(world: &Arc<World>, sid: &str) {
    let Some(record) = world.lock().records.get(sid).filter(|record| record.is_alive()).cloned() else {
        return;
    };
    let (reports, inbox) = unbounded_channel();
    for step in record.unsettled() {
        let _ = reports.send(Report::of(world, &record, step)); // the receiver is right here
    }
    let task = Arc::clone(world);
    world.spawn_counted(async move {
        // Side by side, so that a slow receiver of callbacks doesn't slow life down.
        tokio::join!(live(&task, record.sid, reports), report(&task, inbox));
    });
}

async fn live(world: &Arc<World>, sid: String, reports: UnboundedSender<Report>) {
    let mut since = Instant::now();
    loop {
        let woken = world.woken.notified(); // before the look, so that no change is missed
        let Some(pause) = pause(world, &sid) else { return };
        tokio::select! {
            () = woken => continue,
            () = sleep_until(since + pause) => {}
        }
        let Some((record, step)) = advance(world, &sid) else {
            return;
        };
        world.journal.write(&Line::Record(record.clone()));
        if record.script[step].reported && record.status_callback.is_some() {
            let _ = reports.send(Report::of(world, &record, step)); // the receiver ends only after this sender
        }
        since = Instant::now();
    }
}

/// How long until the next status, if there is one.
fn pause(world: &World, sid: &str) -> Option<Duration> {
    let state = world.lock();
    let record = state.records.get(sid).filter(|record| record.done < record.script.len())?;
    let steps = state.settings.steps.clone();
    let about = ("pause", &record.to, &record.body, record.done);
    let step =
        if steps.is_empty() { *steps.start() } else { draws::source(state.settings.seed, about).random_range(steps) };
    // Whoever lets calls start at once empties the queue.
    let queued = record.done == 0 && !state.settings.call_spacing.is_zero();
    Some(if queued { record.queue_time + step } else { step })
}

/// Takes the next step of the script and returns the record as it is then.
fn advance(world: &World, sid: &str) -> Option<(Record, usize)> {
    let now = world.clock.now();
    let mut state = world.lock();
    let record = state.records.get_mut(sid).filter(|record| record.done < record.script.len())?;
    take_step(record, now);
    Some((record.clone(), record.done - 1))
}

fn take_step(record: &mut Record, now: Timestamp) {
    if record.script[record.done].status == "sending" && record.is_stale(now) {
        record.script.truncate(record.done);
        record.script.push(Step::failing("failed", 30036));
    }
    let step = record.script[record.done].clone();
    record.done += 1;
    record.revision += 1;
    record.updated = now;
    record.error_code = step.error_code;
    match (record.kind, step.status.as_str()) {
        (Kind::Message, "sent") | (Kind::Call, "in-progress") => record.begun = Some(now),
        _ => {}
    }
    // `initiated` occurs in callbacks only.
    if step.status != "initiated" {
        record.status = step.status;
    }
}

/// Sends the reports of one record, one after the other, or all at the end and shuffled.
async fn report(world: &Arc<World>, mut inbox: UnboundedReceiver<Report>) {
    let mut held = Vec::new();
    while let Some(report) = inbox.recv().await {
        if world.lock().settings.callbacks.shuffled {
            held.push(report);
        } else {
            callbacks::deliver(world, report).await;
        }
    }
    for report in shuffled(world, held) {
        callbacks::deliver(world, report).await;
    }
}

/// Another order than the true one, wherever there are two to choose from.
fn shuffled(world: &World, mut reports: Vec<Report>) -> Vec<Report> {
    let Some(first) = reports.first().map(|report| report.step) else {
        return reports;
    };
    let seed = world.lock().settings.seed;
    let (to, body) = (reports[0].to.clone(), reports[0].body.clone());
    reports.shuffle(&mut draws::source(seed, ("order", to, body)));
    if reports[0].step == first {
        reports.rotate_left(1);
    }
    reports
}
