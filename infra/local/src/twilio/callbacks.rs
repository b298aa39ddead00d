//! Status callbacks: what each says, and what goes wrong with it. How one travels is `posts`.

use super::answer::rfc2822;
use super::journal::Line;
use super::posts::{self, Payload, Post};
use super::record::{Kind, Record};
use super::world::World;
use super::{CallbackSent, Warning, draws};
use jiff::Timestamp;
use std::sync::Arc;

/// One status to call back about.
#[derive(Clone)]
pub(super) struct Report {
    pub(super) step: usize,
    pub(super) to: String,
    pub(super) body: String,
    kind: Kind,
    sid: String,
    account_sid: String,
    status: String,
    url: String,
    params: Vec<(String, String)>,
}

impl Report {
    /// The report about a step of a record that has just been taken.
    pub(super) fn of(world: &World, record: &Record, step: usize) -> Self {
        let (seed, without_to) = {
            let state = world.lock();
            (state.settings.seed, state.settings.callbacks.without_to)
        };
        let status = record.script[step].status.clone();
        let now = world.clock.now();
        let params = match record.kind {
            Kind::Message => {
                let bare = status == "sent" && draws::chance(seed, ("to", &record.to, &record.body), without_to);
                message_params(record, step, !bare, now)
            }
            Kind::Call => call_params(record, step, now),
        };
        Self {
            step,
            to: record.to.clone(),
            body: record.body.clone(),
            kind: record.kind,
            sid: record.sid.clone(),
            account_sid: record.account_sid.clone(),
            status,
            url: record.status_callback.clone().unwrap_or_default(),
            params,
        }
    }
}

/// Sends a report, or loses it, delays it, doubles it, or lets a forger come first, as the settings and the seed say.
pub(super) async fn deliver(world: &Arc<World>, report: Report) {
    let (seed, behaviour) = {
        let state = world.lock();
        (state.settings.seed, state.settings.callbacks.clone())
    };
    let happens = |what: &str, probability: f64| {
        draws::chance(seed, (what, &report.to, &report.body, &report.status), probability)
    };
    if happens("dropped", behaviour.dropped) {
        settle(world, &report);
        return;
    }
    let doubled = happens("doubled", behaviour.doubled);
    let forged = happens("forged", behaviour.forged);
    let (probability, delay) = behaviour.late;
    if happens("late", probability) {
        let task = Arc::clone(world);
        world.spawn_counted(async move {
            tokio::time::sleep(delay).await;
            send(&task, &report, doubled, forged).await;
        });
    } else {
        send(world, &report, doubled, forged).await;
    }
}

async fn send(world: &Arc<World>, report: &Report, doubled: bool, forged: bool) {
    if forged {
        post(world, report, true).await;
    }
    if doubled {
        tokio::join!(post(world, report, false), post(world, report, false));
    } else {
        post(world, report, false).await;
    }
    settle(world, report);
}

async fn post(world: &Arc<World>, report: &Report, forged: bool) {
    let params = if forged { forgery(report) } else { report.params.clone() };
    let post = Post {
        account_sid: report.account_sid.clone(),
        url: report.url.clone(),
        payload: Payload::Form(params),
        for_call: report.kind == Kind::Call,
        forged,
    };
    let sent = posts::send(world, &post).await;
    let mut state = world.lock();
    let sid = report.sid.clone();
    if sent.bad_overrides {
        state.warnings.push(Warning { code: 11243, sid: sid.clone() });
    }
    match sent.answers.last().copied().flatten() {
        None => state.warnings.push(Warning { code: 11200, sid: sid.clone() }),
        Some(400..) if report.kind == Kind::Call => state.warnings.push(Warning { code: 15003, sid: sid.clone() }),
        Some(_) => {}
    }
    state.callbacks.push(CallbackSent { sid, status: report.status.clone(), forged, answers: sent.answers });
}

/// Nothing more is to be done about this report, also not by a fake that is started later.
fn settle(world: &World, report: &Report) {
    let record = {
        let mut state = world.lock();
        let Some(record) = state.records.get_mut(&report.sid) else {
            return;
        };
        record.script[report.step].settled = true;
        record.revision += 1;
        record.clone()
    };
    world.journal.write(&Line::Record(record));
}

/// The same callback with the status turned into a failure.
fn forgery(report: &Report) -> Vec<(String, String)> {
    let mut params = report.params.clone();
    for (name, value) in &mut params {
        if matches!(name.as_str(), "MessageStatus" | "SmsStatus" | "CallStatus") {
            "failed".clone_into(value);
        }
    }
    params
}

fn message_params(record: &Record, step: usize, with_to: bool, now: Timestamp) -> Vec<(String, String)> {
    let Some(step) = record.script.get(step) else {
        return Vec::new();
    };
    let status = step.status.as_str();
    let mut params = vec![
        ("AccountSid", record.account_sid.clone()),
        ("From", record.from.clone()),
        ("MessageSid", record.sid.clone()),
        ("MessageStatus", status.to_owned()),
        ("SmsSid", record.sid.clone()),
        ("SmsStatus", status.to_owned()),
        ("ApiVersion", "2010-04-01".to_owned()),
    ];
    if with_to {
        params.push(("To", record.to.clone()));
    }
    if let Some(service) = &record.messaging_service_sid {
        params.push(("MessagingServiceSid", service.clone()));
    }
    if let Some(code) = step.error_code {
        params.push(("ErrorCode", code.to_string()));
        params.push(("ErrorMessage", format!("Error {code}")));
    }
    if matches!(status, "delivered" | "undelivered") {
        params.push(("RawDlrDoneDate", now.strftime("%y%m%d%H%M").to_string()));
    }
    owned(params)
}

fn call_params(record: &Record, step: usize, now: Timestamp) -> Vec<(String, String)> {
    let status = record.script[step].status.as_str();
    let sequence = record.script[..step].iter().filter(|step| step.reported).count();
    let mut params = vec![
        ("CallSid", record.sid.clone()),
        ("AccountSid", record.account_sid.clone()),
        ("From", record.from.clone()),
        ("To", record.to.clone()),
        ("Caller", record.from.clone()),
        ("Called", record.to.clone()),
        ("CallStatus", status.to_owned()),
        ("ApiVersion", "2010-04-01".to_owned()),
        ("Direction", record.direction.clone()),
        ("Timestamp", rfc2822(now)),
        ("SequenceNumber", sequence.to_string()),
        ("CallbackSource", "call-progress-events".to_owned()),
        ("CalledCountry", String::new()),
    ];
    if let Some(answered_by) = record.answered_by.as_ref().filter(|_| record.begun.is_some()) {
        params.push(("AnsweredBy", answered_by.clone()));
    }
    let sip = match status {
        "completed" => "200",
        "busy" => "486",
        "no-answer" => "487",
        "failed" => "404",
        _ => return owned(params),
    };
    let seconds = record.begun.map_or(0, |begun| now.duration_since(begun).as_secs().max(0));
    params.push(("CallDuration", seconds.to_string()));
    params.push(("Duration", (seconds / 60 + 1).to_string()));
    params.push(("SipResponseCode", sip.to_owned()));
    owned(params)
}

fn owned(params: Vec<(&str, String)>) -> Vec<(String, String)> {
    params.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
