//! One notification as a story that a compliance officer can follow: who, what, where it stands, and one line for each
//! fact in plain words. All of the wording is here. Pure; numbers are masked but for the heading's, on request.

use super::{Audited, record};
use crate::terminal::Look;
use jiff::Timestamp;
use shared::notification::{
    AttemptOutcome, Closed, ClosedReason, Created, Detail, Disowned, Fact, Outcome, Report, Story, Suppressed,
};
use shared::phone::Channel;
use shared::stamp;
use shared::tenant::TenantId;
use shared::twilio::codes;
use std::fmt::Write as _;
use std::time::Duration;

/// How the command's own claims begin: it takes an attempt so that nothing else starts it, and asks Twilio for nothing.
pub const CLAIMANT: &str = "connector ";

/// What happened at one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When.
    pub at: Timestamp,
    /// What.
    pub text: String,
}

/// The heading and the story, a line feed at its end.
pub fn render(audited: &Audited, tenant: &TenantId, reveal: bool, now: Timestamp, look: Look) -> String {
    let mut told = String::new();
    for (name, value) in heading(audited, tenant, reveal) {
        let _ = writeln!(told, "{} {value}", look.bold(&format!("{name:<13}"))); // writing to a String can't fail
    }
    told.push('\n');
    let lines = lines(&audited.story, now);
    let began = lines.first().map_or(now, |line| line.at);
    for line in lines {
        let since = elapsed(stamp::between(began, line.at));
        let _ = writeln!(told, "{}  {since:>12}  {}", stamp::format(line.at), line.text);
    }
    told
}

fn heading(audited: &Audited, tenant: &TenantId, reveal: bool) -> Vec<(&'static str, String)> {
    let Audited { story, standing } = audited;
    let mut heading = vec![("notification", story.id.to_string()), ("tenant", tenant.to_string())];
    match story.created() {
        None => heading.push(("created", "never: we know only what Twilio said of it".to_owned())),
        Some(created) => {
            let event = format!("{} of {}, at {}", created.kind, created.source, stamp::format(created.occurred_at));
            let to = created.to.as_ref().map_or_else(|| "no number".to_owned(), |to| record::number(to, reveal));
            heading.push(("employee", created.employee_id.clone()));
            heading.push(("event", event));
            heading.push(("event key", created.key.join(", ")));
            heading.push(("channel", format!("{} to {to}", created.channel)));
            heading.push(("text", created.body.clone().unwrap_or_else(|| "none".to_owned())));
        }
    }
    heading.push(("state", standing.state.to_string()));
    heading.extend(standing.reason.clone().map(|reason| ("reason", reason)));
    heading.extend(standing.sid.clone().map(|sid| ("sid", sid)));
    heading.push(("attempts", standing.attempts.to_string()));
    heading
}

/// A line for each fact, and one for each attempt that stayed without a clear answer past its deadline: what is not
/// written down is part of the story too.
pub fn lines(story: &Story, now: Timestamp) -> Vec<Line> {
    let line = |fact: &Fact| ((fact.at, place(fact)), sentence(fact));
    let mut lines: Vec<_> = story.facts.iter().map(line).collect();
    for fact in &story.facts {
        let Detail::Attempt(attempt) = &fact.detail else { continue };
        let is_answer = |other: &&Fact| match &other.detail {
            Detail::Outcome(AttemptOutcome { attempt: number, .. }) => *number == attempt.attempt,
            Detail::Callback(report) | Detail::Fetched(report) => report.attempt == attempt.attempt,
            _ => false,
        };
        let answered = story.facts.iter().find(is_answer).is_some_and(|answer| answer.at <= attempt.deadline);
        if !answered && attempt.deadline < now && !attempt.asks_nothing() {
            let text = format!("no clear answer from Twilio: attempt {} is in doubt", attempt.attempt);
            lines.push(((attempt.deadline, (attempt.attempt, 2)), text));
        }
    }
    lines.sort_by_key(|(place, _)| *place); // stable: what has the same place keeps its order
    lines.into_iter().map(|((at, _), text)| Line { at, text }).collect()
}

/// How facts of one instant follow each other: attempt by attempt, from its release to what became of it.
fn place(fact: &Fact) -> (u32, u8) {
    match &fact.detail {
        Detail::Created(_) => (0, 0),
        Detail::Release(release) => (release.attempt, 0),
        Detail::Attempt(attempt) => (attempt.attempt, 1),
        Detail::Outcome(outcome) => (outcome.attempt, 2),
        Detail::Callback(report) | Detail::Fetched(report) => (report.attempt, 3),
        Detail::Disowned(disowned) => (disowned.attempt, 4),
        Detail::Closed(closed) => (closed.attempt, 5),
        Detail::Look(_) | Detail::Revealed(_) => (u32::MAX, 0),
    }
}

/// What a fact says, in plain words. Never a whole phone number.
pub fn sentence(fact: &Fact) -> String {
    match &fact.detail {
        Detail::Created(created) => created_sentence(created),
        Detail::Attempt(attempt) if attempt.request_id.starts_with(CLAIMANT) => {
            format!("attempt {} taken by {}, so that nothing else starts it", attempt.attempt, attempt.request_id)
        }
        Detail::Attempt(attempt) if attempt.asks_nothing() => {
            let who = attempt.request_id.split('#').next().unwrap_or_default();
            format!("attempt {} taken ({who}), so that nothing else starts it", attempt.attempt)
        }
        Detail::Attempt(attempt) => format!("attempt {} taken by {}", attempt.attempt, attempt.request_id),
        Detail::Outcome(outcome) => outcome_sentence(outcome),
        Detail::Callback(report) => report_sentence("callback", report),
        Detail::Fetched(report) => report_sentence("asked Twilio", report),
        Detail::Look(look) => match fact.due_at {
            Some(due) => format!("looked: {}; next look at {}", look.why, stamp::format(due)),
            None => format!("looked for the last time: {}", look.why),
        },
        Detail::Release(release) => {
            let by = release.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
            let until = release.expires_at.map(|end| format!("; it may start until {}", stamp::format(end)));
            format!("released attempt {}{by}: {}{}", release.attempt, release.why, until.unwrap_or_default())
        }
        Detail::Closed(closed) => closed_sentence(closed),
        Detail::Disowned(Disowned { attempt, sid, holder }) => {
            format!(
                "{sid} is not attempt {attempt}'s: Twilio called back for {holder} with it; attempt {attempt} is presumed lost"
            )
        }
        Detail::Revealed(revealed) => format!("the whole phone number was shown to {}", revealed.by),
    }
}

fn created_sentence(created: &Created) -> String {
    let what = match created.channel {
        Channel::Sms => "a text",
        Channel::Voice => "a call",
    };
    let to = created.to.as_ref().map_or_else(|| "nobody".to_owned(), ToString::to_string);
    let mut told = format!("created: {what} to {to} about {}", created.kind);
    if let Some(text) = &created.escalates {
        let _ = write!(told, ", since the text {text} did not arrive");
    }
    if let Some(suppressed) = created.suppressed {
        let _ = write!(told, "; suppressed, never to be sent: {}", suppressed_words(suppressed));
        return told;
    }
    let until = stamp::format(created.expires_at);
    let _ = match (created.held, created.not_before) {
        (true, _) => write!(told, "; held for an operator, since its source yielded too many at once"),
        (false, Some(not_before)) => write!(told, "; to start at {}, until {until}", stamp::format(not_before)),
        (false, None) => write!(told, "; to start at once, until {until}"),
    };
    if let Some(minutes) = created.escalate_after_minutes {
        let _ = write!(told, "; a call follows if it has not arrived {minutes} minutes after its first attempt");
    }
    told
}

fn suppressed_words(suppressed: Suppressed) -> &'static str {
    match suppressed {
        Suppressed::NoPhone => "PeopleSoft has no phone number for the employee",
        Suppressed::UnusablePhone => "the phone number in PeopleSoft can't be used",
        Suppressed::OptedOut => "the employee asked not to be contacted",
        Suppressed::Preference => "the employee wants none of the channels on offer",
        Suppressed::Stale => "the event was too old when it was read, or over before it could be told",
        Suppressed::Content => "the text held an amount of money or a national id",
        Suppressed::NotAllowed => "the number is not among those that the tenant may contact (only_to)",
        Suppressed::TooLong => "the text is longer than Twilio takes",
        Suppressed::Template => "the text could not be put together for this employee",
    }
}

fn outcome_sentence(AttemptOutcome { attempt, outcome }: &AttemptOutcome) -> String {
    match outcome {
        Outcome::Accepted { sid, status, evidence } => match evidence.as_deref() {
            None => format!("Twilio accepted it as {sid} ({status})"),
            Some("list") => format!("attempt {attempt} found on Twilio's list: accepted as {sid} ({status})"),
            Some(evidence) => format!("attempt {attempt} known by {evidence}: accepted as {sid} ({status})"),
        },
        Outcome::Refused { code, class } => format!("Twilio refused attempt {attempt}: {} ({class})", meaning(*code)),
        Outcome::Deferred { code, retry_at } => deferred_sentence(*attempt, code, *retry_at),
        Outcome::PresumedLost => format!("attempt {attempt} presumed lost: no sign of it turned up at Twilio"),
        Outcome::DryRun => format!("dry run: attempt {attempt} did everything but ask Twilio"),
    }
}

fn deferred_sentence(attempt: u32, code: &str, retry_at: Timestamp) -> String {
    let retry_at = stamp::format(retry_at);
    match code {
        "quiet_hours" => format!("attempt {attempt} waits for the end of quiet hours, at {retry_at}"),
        "account_paused" => {
            format!("attempt {attempt} waits, since the Twilio account is in trouble; again at {retry_at}")
        }
        "connection" => format!("attempt {attempt} did not reach Twilio; again at {retry_at}"),
        "not_started" => format!("attempt {attempt} was never started: nothing was asked of Twilio"),
        "not_set_up" => format!("attempt {attempt} can't be made as the tenant's document is; again at {retry_at}"),
        _ if let Some(status) = code.strip_prefix("http_") => {
            format!(
                "attempt {attempt} did not reach Twilio: something in between answered {status}; again at {retry_at}"
            )
        }
        _ => {
            let code = code.parse().map_or_else(|_| code.to_owned(), meaning);
            format!("Twilio did not process attempt {attempt}: {code}; again at {retry_at}")
        }
    }
}

fn report_sentence(how: &str, report: &Report) -> String {
    // The first attempt is the rule, and goes without saying.
    let attempt = if report.attempt > 1 { format!(" about attempt {}", report.attempt) } else { String::new() };
    let error = report.error_code.map(|code| format!(", error {}", meaning(code))).unwrap_or_default();
    format!("{how}{attempt}: {}{error}", report.status)
}

fn closed_sentence(closed: &Closed) -> String {
    let why = closed.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let by = closed.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
    match closed.closed {
        ClosedReason::OptedOut => format!("closed: the employee had opted out before attempt {}{why}", closed.attempt),
        ClosedReason::Expired => format!("closed: its time was over before attempt {}{why}", closed.attempt),
        ClosedReason::Unconfirmed => {
            format!("closed: nothing is known of the last attempt, and it is not said twice{by}{why}")
        }
        ClosedReason::Cancelled => format!("cancelled{by} before attempt {}{why}", closed.attempt),
    }
}

/// `30006 landline or unreachable carrier`
fn meaning(code: u32) -> String {
    codes::meaning(code).map_or_else(|| code.to_string(), |meaning| format!("{code} {meaning}"))
}

/// `+0.4 s`, `+12 min 05 s`, `+3 h 04 min`, `+2 d 03 h`
fn elapsed(since: Duration) -> String {
    let seconds = since.as_secs();
    match seconds {
        0..60 => format!("+{}.{} s", seconds, since.subsec_millis() / 100),
        60..3600 => format!("+{} min {:02} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("+{} h {:02} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("+{} d {:02} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
mod tests;
