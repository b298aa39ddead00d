//! One notification as a line of the report: what became of it and when. Its number is masked, and its text isn't in it.

use jiff::Timestamp;
use serde::Serialize;
use shared::notification::{Detail, Fact, NotificationId, Outcome, Standing, State, Story};
use shared::phone::Channel;
use shared::stamp;
use shared::tenant::TenantId;
use shared::twilio;
use shared::twilio::status::Verdict;
use std::io::{self, Write};
use std::time::Duration;

/// One notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Whose it is.
    pub tenant: TenantId,
    /// Which.
    pub id: NotificationId,
    /// Who was to be told.
    pub employee_id: Option<String>,
    /// Where the event came from.
    pub source: Option<String>,
    /// What kind of event.
    pub kind: Option<String>,
    /// Text or call.
    pub channel: Option<Channel>,
    /// To which number, masked.
    pub to: Option<String>,
    /// Where it stands.
    pub state: State,
    /// Why, where there is a why.
    pub reason: Option<String>,
    /// How many attempts were made.
    pub attempts: u32,
    /// Twilio's id of the message or call.
    pub sid: Option<String>,
    /// When the event happened, as PeopleSoft says.
    pub occurred_at: Option<Timestamp>,
    /// When it was created, or first heard of.
    pub created_at: Option<Timestamp>,
    /// From when on it would have been too late to start.
    pub expires_at: Option<Timestamp>,
    /// When we first knew that Twilio had taken it.
    pub accepted_at: Option<Timestamp>,
    /// When we first knew that it had arrived.
    pub delivered_at: Option<Timestamp>,
    /// When we learnt the last of it.
    pub updated_at: Option<Timestamp>,
}

/// The columns of the CSV, in order.
pub const COLUMNS: [&str; 18] = [
    "tenant",
    "notification_id",
    "employee_id",
    "source",
    "kind",
    "channel",
    "to",
    "state",
    "reason",
    "attempts",
    "sid",
    "occurred_at",
    "created_at",
    "expires_at",
    "accepted_at",
    "delivered_at",
    "updated_at",
    "on_time",
];

impl Row {
    /// The row of a story that stands there.
    pub fn of(tenant: &TenantId, story: &Story, standing: Standing) -> Self {
        let created = story.created();
        let is_delivered = standing.state == State::Delivered;
        let at = |fact: &Fact| fact.at;
        let counting = || story.facts.iter().filter(|fact| !story.is_taken_back(fact));
        Self {
            tenant: tenant.clone(),
            id: story.id.clone(),
            employee_id: created.map(|created| created.employee_id.clone()),
            source: created.map(|created| created.source.clone()),
            kind: created.map(|created| created.kind.clone()),
            channel: created.map(|created| created.channel),
            to: created.and_then(|created| created.to.as_ref()).map(shared::phone::PhoneNumber::masked),
            state: standing.state,
            reason: standing.reason,
            attempts: standing.attempts,
            sid: standing.sid,
            occurred_at: created.map(|created| created.occurred_at),
            created_at: story.created_fact().or(story.facts.first()).map(at),
            expires_at: story.expires_at(),
            accepted_at: counting().filter(|fact| word_of_twilio(fact).is_some()).map(at).min(),
            delivered_at: counting().filter(|fact| is_delivered && says_delivered(fact)).map(at).min(),
            updated_at: story.facts.last().map(at),
        }
    }

    /// Whether it arrived before it would have been too late to start it; `None` where it didn't arrive.
    pub fn is_on_time(&self) -> Option<bool> {
        Some(self.delivered_at? <= self.expires_at?)
    }

    /// From the event to when Twilio had taken it.
    pub fn until_accepted(&self) -> Option<Duration> {
        Some(stamp::between(self.began()?, self.accepted_at?))
    }

    /// From the event to when it had arrived.
    pub fn until_delivered(&self) -> Option<Duration> {
        Some(stamp::between(self.began()?, self.delivered_at?))
    }

    /// The event, or, where that lies ahead (a deadline, a shift), when we knew of it.
    fn began(&self) -> Option<Timestamp> {
        Some(self.occurred_at?.min(self.created_at?))
    }

    /// Writes it as a line of CSV.
    pub fn write_csv(&self, out: &mut impl Write) -> io::Result<()> {
        let text = |text: &Option<String>| harmless(text.as_deref().unwrap_or_default());
        let time = |at: Option<Timestamp>| at.map(stamp::format).unwrap_or_default();
        let on_time = match self.is_on_time() {
            Some(true) => "yes",
            Some(false) => "no",
            None => "",
        };
        let cells: [String; COLUMNS.len()] = [
            self.tenant.to_string(),
            self.id.to_string(),
            text(&self.employee_id),
            text(&self.source),
            text(&self.kind),
            self.channel.map(|channel| channel.to_string()).unwrap_or_default(),
            self.to.clone().unwrap_or_default(),
            self.state.to_string(),
            text(&self.reason),
            self.attempts.to_string(),
            self.sid.clone().unwrap_or_default(),
            time(self.occurred_at),
            time(self.created_at),
            time(self.expires_at),
            time(self.accepted_at),
            time(self.delivered_at),
            time(self.updated_at),
            on_time.to_owned(),
        ];
        write_line(out, cells.iter().map(String::as_str))
    }
}

/// Writes the names of the columns.
pub fn write_csv_header(out: &mut impl Write) -> io::Result<()> {
    write_line(out, COLUMNS)
}

fn write_line<'a>(out: &mut impl Write, cells: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
    for (number, cell) in cells.into_iter().enumerate() {
        if number > 0 {
            out.write_all(b",")?;
        }
        if cell.contains([',', '"', '\n', '\r']) {
            write!(out, "\"{}\"", cell.replace('"', "\"\""))?;
        } else {
            out.write_all(cell.as_bytes())?;
        }
    }
    out.write_all(b"\r\n")
}

/// What somebody typed, so that a spreadsheet doesn't take it for a formula.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

/// Twilio's word for a message or call, where the fact is one: it has it.
fn word_of_twilio(fact: &Fact) -> Option<(&str, &str)> {
    match &fact.detail {
        Detail::Outcome(outcome) => match &outcome.outcome {
            Outcome::Accepted { sid, status, .. } => Some((sid, status)),
            _ => None,
        },
        Detail::Callback(report) | Detail::Fetched(report) => Some((&report.sid, &report.status)),
        _ => None,
    }
}

fn says_delivered(fact: &Fact) -> bool {
    word_of_twilio(fact).is_some_and(|(sid, word)| {
        let channel = twilio::Channel::of_sid(sid).unwrap_or(twilio::Channel::Message);
        twilio::status::standing(channel, word).verdict == Verdict::Delivered
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{accepted, at, attempt, began, began_with, callback, closed, story, tenant_id};
    use shared::notification::ClosedReason;

    fn row(facts: Vec<Fact>) -> Row {
        let story = story(facts);
        let standing = story.standing(at("23:00:00"));
        Row::of(&tenant_id(), &story, standing)
    }

    #[test]
    fn times_are_those_when_we_first_knew() {
        let delivered = row(vec![
            began(),
            attempt(1, "21:42:08"),
            accepted(1, "21:42:09"),
            callback(1, "21:42:20", "delivered", None),
            callback(1, "21:42:15", "sent", None),
        ]);
        assert_eq!(delivered.accepted_at, Some(at("21:42:09")));
        assert_eq!(delivered.delivered_at, Some(at("21:42:20")));
        assert_eq!(delivered.until_accepted(), Some(Duration::from_secs(129)));
        assert_eq!(delivered.until_delivered(), Some(Duration::from_secs(140)));
        assert_eq!(delivered.is_on_time(), Some(true));
        // The callback overtook the outcome.
        let overtaken =
            row(vec![began(), attempt(1, "21:42:08"), callback(1, "21:42:09", "sent", None), accepted(1, "21:42:10")]);
        assert_eq!((overtaken.accepted_at, overtaken.delivered_at), (Some(at("21:42:09")), None));
        assert_eq!(overtaken.is_on_time(), None);
        let late = row(vec![
            began_with(|created| created.expires_at = at("21:42:19")),
            attempt(1, "21:42:08"),
            callback(1, "21:42:20", "delivered", None),
        ]);
        assert_eq!(late.is_on_time(), Some(false));
        // A deadline that lies ahead is no time to count from.
        let ahead = row(vec![
            began_with(|created| created.occurred_at = at("23:59:59")),
            attempt(1, "21:42:08"),
            accepted(1, "21:42:10"),
        ]);
        assert_eq!(ahead.until_accepted(), Some(Duration::from_secs(3)));
    }

    #[test]
    fn a_line_of_csv() {
        let mut written = Vec::new();
        write_csv_header(&mut written).unwrap();
        let facts = vec![began(), attempt(1, "21:42:08"), accepted(1, "21:42:09")];
        row(facts).write_csv(&mut written).unwrap();
        let mut cancelled = closed(ClosedReason::Cancelled, 1, "21:43:00");
        if let Detail::Closed(closed) = &mut cancelled.detail {
            closed.why = Some("=HYPERLINK(\"x\"), he said".to_owned());
        }
        row(vec![began(), cancelled]).write_csv(&mut written).unwrap();
        insta::assert_snapshot!(String::from_utf8(written).unwrap().replace('\r', ""));
    }
}
