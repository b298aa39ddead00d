//! From a row to a notification: a pure function of the row, the person, the tenant and the time. Reads and writes nothing.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use shared::contacts::{Person, Preference};
use shared::notification::{Created, Detail, Fact, NotificationId, Suppressed};
use shared::peoplesoft::Row;
use shared::peoplesoft::time::{self, When};
use shared::phone::{Channel, Unusable};
use shared::stamp;
use shared::template::{self, Filling, forbidden_content, language_tag};
use shared::tenant::{Channels, EventSource, Tenant, TenantId};
use shared::timing::Timing;
use std::collections::BTreeMap;
use std::time::Duration;

/// The longest text that Twilio takes, in characters (Twilio docs, Messages resource, `Body`).
const LONGEST_TEXT: usize = 1600;

/// How long before quiet hours a reminder starts that can't come after them: room for everybody's, at a sender's pace.
const BEFORE_QUIET: Duration = Duration::from_hours(1);

/// What a row says happened, apart from the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub occurred: When,
    /// When something is due, if anything is.
    pub due: Option<When>,
    /// What makes it this event.
    pub key: Vec<String>,
}

/// Why a row can't be told. The row is reported and holds nothing up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRow {
    /// A column that must be there is not among the row's.
    #[error("column {0:?} is missing from the row; check its unique field name with connector ping")]
    Missing(String),
    /// A column that must not be blank is.
    #[error("column {0:?} is blank")]
    Blank(String),
    /// A date that isn't one.
    #[error("column {0:?}: {1}")]
    Date(String, time::Shape),
    /// A word that nobody knows, in a column of this meaning. Its notification is on the ledger: a wish counts as the strictest,
    /// and a time zone as the tenant's own.
    #[error("{0} is a word that nobody knows")]
    Unknown(&'static str),
    /// More than an item of the ledger's table holds.
    #[error("a column of the key, or of the employee, is longer than the ledger has room for")]
    TooLarge,
}

/// When a row's event happened, whatever else is wrong with the row.
pub fn occurred(row: &Row, tenant: &Tenant, source: &EventSource) -> Result<When, BadRow> {
    let column = source.columns.get("occurred_at").unwrap_or_default();
    date(row, column, &tenant.peoplesoft.time_zone)?.ok_or_else(|| BadRow::Blank(column.to_owned()))
}

fn present<'r>(row: &'r Row, column: &str) -> Result<&'r str, BadRow> {
    row.get(column).ok_or_else(|| BadRow::Missing(column.to_owned()))
}

fn date(row: &Row, column: &str, zone: &TimeZone) -> Result<Option<When>, BadRow> {
    time::parse_when(present(row, column)?, zone).map_err(|shape| BadRow::Date(column.to_owned(), shape))
}

impl Event {
    /// Reads the rest of a row. What is due is due where the employee is, if the row says where that is.
    pub fn read(row: &Row, occurred: When, tenant: &Tenant, source: &EventSource) -> Result<Self, BadRow> {
        let named = |meaning: &str| source.columns.get(meaning);
        let own = named("time_zone").and_then(|column| tenant.zone(row.get(column)?));
        let zone = own.as_ref().unwrap_or(&tenant.peoplesoft.time_zone);
        let due = named("due_at").map(|column| date(row, column, zone)).transpose()?.flatten();
        let key = source.key.iter().map(|column| present(row, column).map(str::to_owned));
        let key: Vec<String> = key.collect::<Result<_, _>>()?;
        let employee = named("employee_id").unwrap_or_default();
        if present(row, employee)?.is_empty() {
            return Err(BadRow::Blank(employee.to_owned()));
        }
        // The first such event would be the only one that this employee is ever told.
        if key.iter().all(String::is_empty) {
            return Err(BadRow::Blank(source.key.join(", ")));
        }
        Ok(Self { occurred, due, key })
    }

    /// The instant, as the ledger keeps it.
    pub fn occurred_at(&self) -> Timestamp {
        stamp::whole_millis(self.occurred.earliest)
    }
}

/// The meaning of a column in which somebody's rows hold a word that nobody knows, if any do.
pub fn unknown(tenant: &Tenant, person: &Person) -> Option<&'static str> {
    let is_odd = !person.time_zone.is_empty() && tenant.zone(&person.time_zone).is_none();
    person.unknown.first().copied().or(is_odd.then_some("time_zone"))
}

/// A notification that is ready to be appended.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Its id.
    pub id: NotificationId,
    /// What it says.
    pub created: Created,
}

/// Puts a notification together.
pub fn draft(
    tenant: &Tenant,
    source: &EventSource,
    event: &Event,
    row: &Row,
    person: &Person,
    now: Timestamp,
) -> Draft {
    let (channel, escalate_after_minutes) = channel(source.channels, person.preference);
    let zone = tenant.zone(&person.time_zone).unwrap_or_else(|| tenant.usual_zone().clone());
    let phone = person.phone(tenant);
    let (language, body) = body(tenant, source, event, row, person, &zone);
    let forbidden = body.as_deref().is_some_and(|body| forbidden_content(body).is_some());
    let reminds_of = event.due.filter(|_| !source.remind_before.is_zero());
    let start = start(tenant, source, reminds_of, &zone, now);
    let suppressed = if is_stale(tenant, event, now) || start.is_none() {
        Some(Suppressed::Stale)
    } else if person.opted_out == Some(true) {
        Some(Suppressed::OptedOut)
    } else if channel.is_none() {
        Some(Suppressed::Preference)
    } else {
        match (&phone, &body) {
            (Err(Unusable::Blank), _) => Some(Suppressed::NoPhone),
            (Err(_), _) => Some(Suppressed::UnusablePhone),
            (Ok(_), None) => Some(Suppressed::Template),
            (Ok(_), Some(_)) if forbidden => Some(Suppressed::Content),
            (Ok(_), Some(body)) if body.chars().count() > LONGEST_TEXT => Some(Suppressed::TooLong),
            (Ok(number), Some(_)) if !tenant.allows(number) => Some(Suppressed::NotAllowed),
            (Ok(_), Some(_)) => None,
        }
    };
    let channel = channel.unwrap_or(match source.channels {
        Channels::Voice => Channel::Voice,
        Channels::Sms | Channels::SmsThenVoice { .. } => Channel::Sms,
    });
    let start = start.unwrap_or(now).max(now);
    let expires_at = stamp::after(start, source.expires_after);
    // A reminder is good for as long as what it reminds of is still to come.
    let over = reminds_of.map(|due| due.latest).filter(|over| start < *over);
    let created = Created {
        employee_id: person.employee_id.clone(),
        source: source.source.clone(),
        kind: source.kind.as_str().to_owned(),
        key: event.key.clone(),
        channel,
        occurred_at: event.occurred_at(),
        to: phone.ok(),
        // What must not be said isn't kept either, nor what is too long to be said.
        body: body.filter(|_| !forbidden).map(|body| body.chars().take(LONGEST_TEXT).collect()),
        language,
        time_zone: zone.iana_name().map(str::to_owned),
        not_before: Some(start).filter(|start| *start > now),
        expires_at: stamp::whole_millis(over.map_or(expires_at, |over| over.min(expires_at))),
        urgent: source.urgent,
        held: false,
        suppressed,
        escalate_after_minutes,
        escalates: None,
    };
    Draft { id: NotificationId::of(&tenant.id, &person.employee_id, &source.source, &event.key, channel), created }
}

impl Draft {
    /// The id that the same event would have, told by the other channel.
    pub fn by_the_other_channel(&self, tenant: &TenantId) -> NotificationId {
        let Created { employee_id, source, key, channel, .. } = &self.created;
        let other = match channel {
            Channel::Sms => Channel::Voice,
            Channel::Voice => Channel::Sms,
        };
        NotificationId::of(tenant, employee_id, source, key, other)
    }

    /// The fact to append: what it starts, and when the sweep must look.
    pub fn into_fact(self, timing: &Timing, now: Timestamp) -> (NotificationId, Fact) {
        let created = self.created;
        let (idle, not_before, escalate) =
            (created.suppressed.is_some() || created.held, created.not_before, created.escalate_after_minutes);
        let fact = Fact::new(now, Detail::Created(Box::new(created)));
        let fact = match not_before {
            _ if idle => fact,
            Some(not_before) => fact.due(not_before),
            None => {
                let escalation = escalate.map(|minutes| Duration::from_secs(60 * u64::from(minutes)));
                fact.starting(1)
                    .due(stamp::after(now, escalation.map_or(timing.first_look, |wait| wait.min(timing.first_look))))
            }
        };
        (self.id, fact)
    }
}

/// The channel that suits both the event and the person, and after how many minutes a call follows a text.
fn channel(channels: Channels, preference: Preference) -> (Option<Channel>, Option<u32>) {
    match (channels, preference) {
        (_, Preference::None) => (None, None),
        (Channels::SmsThenVoice { escalate_after_minutes }, Preference::Any) => {
            (Some(Channel::Sms), Some(escalate_after_minutes))
        }
        (Channels::Sms, Preference::Any) => (Some(Channel::Sms), None),
        (Channels::Voice, Preference::Any) => (Some(Channel::Voice), None),
        (_, Preference::Sms) => (Some(Channel::Sms).filter(|channel| channels.include(*channel)), None),
        (_, Preference::Voice) => (Some(Channel::Voice).filter(|channel| channels.include(*channel)), None),
    }
}

/// The first instant at which it may go out. A reminder that quiet hours would put off until what it reminds of is over goes out
/// before they begin; `None` if that is past.
fn start(
    tenant: &Tenant,
    source: &EventSource,
    reminds_of: Option<When>,
    zone: &TimeZone,
    now: Timestamp,
) -> Option<Timestamp> {
    let wanted = reminds_of.map_or(now, |due| stamp::before(due.earliest, source.remind_before).max(now));
    let hours = tenant.quiet_hours.as_ref().filter(|_| !source.urgent);
    let mut start = hours.map_or(wanted, |hours| hours.next_allowed(wanted, zone));
    if let (Some(hours), Some(due)) = (hours, reminds_of)
        && wanted < due.latest
        && due.latest <= start
    {
        let quiet = hours.began(wanted, zone)?;
        start = hours.next_allowed(stamp::before(quiet, BEFORE_QUIET).max(now), zone);
        if quiet <= start {
            return None;
        }
    }
    Some(stamp::whole_millis(start))
}

/// What is due in the future is never stale, however long ago it was decided. A date alone lasts until its day is over.
pub fn is_stale(tenant: &Tenant, event: &Event, now: Timestamp) -> bool {
    let old = stamp::between(event.occurred.latest, now) > tenant.poll.max_event_age;
    old && event.due.is_none_or(|due| due.latest <= now)
}

fn body(
    tenant: &Tenant,
    source: &EventSource,
    event: &Event,
    row: &Row,
    person: &Person,
    zone: &TimeZone,
) -> (Option<String>, Option<String>) {
    let wanted = language_tag(&person.language).unwrap_or_default();
    let Some((language, template)) = template::choose(&source.templates, &wanted, &tenant.default_language) else {
        return (None, None);
    };
    let employee: BTreeMap<String, String> =
        person.variables().map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let text = |column: &str| row.get(column).unwrap_or_default().to_owned();
    // A date alone is no instant: in another time zone it would become the day before.
    let date = |meaning: &str, when: When| match source.columns.get(meaning) {
        Some(column) if when.is_date => text(column),
        _ => stamp::format(when.earliest),
    };
    let mut about: BTreeMap<String, String> = [
        ("kind".to_owned(), source.kind.as_str().to_owned()),
        ("occurred_at".to_owned(), date("occurred_at", event.occurred)),
    ]
    .into();
    about.extend(event.due.map(|due| ("due_at".to_owned(), date("due_at", due))));
    about.extend(source.columns.fields.iter().map(|(name, column)| (name.clone(), text(column))));
    let filling = Filling { employee: &employee, event: &about, time_zone: zone, language };
    let text = template.render(&filling).ok().filter(|text| !text.is_empty());
    (Some(language.to_owned()), text)
}
