//! What a tenant document says, without anything secret: for people as tables, for programs as an object. Pure.

use crate::table;
use crate::terminal::Look;
use comfy_table::Cell;
use serde::Serialize;
use shared::peoplesoft::{Auth, Format};
use shared::tenant::{Channels, Columns, Doubt, EventSource, Mode, QuietHours, Tenant, TenantId};
use shared::twilio::Sender;
use std::collections::BTreeMap;
use std::time::Duration;

/// The columns of a list of tenants.
pub const HEADER: &[&str] = &["tenant", "name", "mode", "peoplesoft", "sources", "twilio account"];

/// What a document says.
#[derive(Debug, Serialize)]
pub struct Summary {
    tenant: TenantId,
    display_name: String,
    mode: &'static str,
    only_to: Vec<String>,
    peoplesoft: PeopleSoft,
    twilio: Twilio,
    poll: String,
    quiet_hours: String,
    on_doubt: String,
    default_language: String,
    default_region: String,
    retention_days: u64,
    portal_tokens: usize,
    contacts: Option<Contacts>,
    sources: Vec<Source>,
}

#[derive(Debug, Serialize)]
struct PeopleSoft {
    address: String,
    node: String,
    auth: &'static str,
    format: &'static str,
    time_zone: String,
}

#[derive(Debug, Serialize)]
struct Twilio {
    account_sid: String,
    credentials: &'static str,
    texts_from: Option<String>,
    calls_from: Option<String>,
    verify_service_sid: Option<String>,
}

#[derive(Debug, Serialize)]
struct Contacts {
    query: String,
    prompts: Vec<String>,
    columns: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
struct Source {
    #[serde(rename = "source")]
    name: String,
    kind: &'static str,
    query: String,
    prompts: Vec<String>,
    columns: BTreeMap<String, String>,
    key: Vec<String>,
    channels: String,
    urgent: bool,
    expires_after_minutes: u64,
    languages: Vec<String>,
}

impl Summary {
    /// What a tenant's document says.
    pub fn of(tenant: &Tenant) -> Self {
        let (connection, account) = (&tenant.peoplesoft, &tenant.twilio);
        let (address, node) = connection.base_url.rsplit_once('/').unwrap_or((&connection.base_url, ""));
        Self {
            tenant: tenant.id.clone(),
            display_name: tenant.display_name.clone(),
            mode: mode(tenant.mode),
            only_to: tenant.only_to.iter().map(ToString::to_string).collect(), // masked
            peoplesoft: PeopleSoft {
                address: address.to_owned(),
                node: node.to_owned(),
                auth: match connection.auth {
                    Auth::Basic { .. } => "basic",
                    Auth::OAuth2 { .. } => "oauth2",
                },
                format: match connection.format {
                    Format::Json => "json",
                    Format::Xmlp => "xmlp",
                },
                time_zone: zone(&connection.time_zone),
            },
            twilio: Twilio {
                account_sid: account.account_sid.clone(),
                credentials: if account.api_key.is_some() { "api key" } else { "auth token" },
                texts_from: account.sender.as_ref().map(|sender| match sender {
                    Sender::MessagingService(sid) => sid.clone(),
                    Sender::Number(number) => shared::phone::mask(number),
                }),
                calls_from: account.voice_from_number.as_ref().map(ToString::to_string),
                verify_service_sid: account.verify_service_sid.clone(),
            },
            poll: format!(
                "every {} s, {} s overlap, events up to {} h old, more than {} at once are held",
                tenant.poll.every.as_secs(),
                tenant.poll.overlap.as_secs(),
                tenant.poll.max_event_age.as_secs() / 3600,
                tenant.poll.max_notifications_per_poll
            ),
            quiet_hours: tenant.quiet_hours.as_ref().map_or_else(|| "none".to_owned(), quiet_hours),
            on_doubt: format!("sms {}, voice {}", doubt(tenant.on_doubt.sms), doubt(tenant.on_doubt.voice)),
            default_language: tenant.default_language.clone(),
            default_region: tenant.default_region.clone(),
            retention_days: tenant.retention.as_secs() / 86_400,
            portal_tokens: tenant.portal_tokens.len(),
            contacts: tenant.contacts.as_ref().map(|contacts| Contacts {
                query: contacts.query.clone(),
                prompts: vec![contacts.employee_prompt.clone()],
                columns: columns(&contacts.columns),
            }),
            sources: tenant.events.iter().map(source).collect(),
        }
    }

    /// A line in a list of tenants.
    pub fn row(&self) -> Vec<Cell> {
        let sources: Vec<&str> = self.sources.iter().map(|source| source.name.as_str()).collect();
        vec![
            Cell::new(&self.tenant),
            Cell::new(&self.display_name),
            Cell::new(self.mode),
            Cell::new(format!("{}/{}", self.peoplesoft.address, self.peoplesoft.node)),
            Cell::new(if sources.is_empty() { "-".to_owned() } else { sources.join(", ") }),
            Cell::new(&self.twilio.account_sid),
        ]
    }

    /// The document as tables, without a line feed at the end.
    pub fn render(&self, look: Look) -> String {
        let rows = self.lines().into_iter().map(|(name, value)| vec![Cell::new(name), Cell::new(value)]).collect();
        let mut all = vec![table::render(&["tenant", self.tenant.as_str()], rows, &[1], look)];
        if let Some(contacts) = &self.contacts {
            let pairs = [
                ("query", contacts.query.clone()),
                ("prompts", contacts.prompts.join(", ")),
                ("columns", pairs(&contacts.columns)),
            ];
            all.push(block("contacts", "", &pairs, look));
        }
        for source in &self.sources {
            let pairs = [
                ("kind", source.kind.to_owned()),
                ("query", source.query.clone()),
                ("prompts", source.prompts.join(", ")),
                ("columns", pairs(&source.columns)),
                ("key", source.key.join(", ")),
                (
                    "channels",
                    if source.urgent {
                        format!("{}, quiet hours or not", source.channels)
                    } else {
                        source.channels.clone()
                    },
                ),
                ("expires", format!("after {} minutes", source.expires_after_minutes)),
                ("texts", source.languages.join(", ")),
            ];
            all.push(block("source", &source.name, &pairs, look));
        }
        all.join("\n\n")
    }

    fn lines(&self) -> Vec<(&'static str, String)> {
        let (peoplesoft, twilio) = (&self.peoplesoft, &self.twilio);
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
        let only_to = if self.only_to.is_empty() { "everybody".to_owned() } else { self.only_to.join(", ") };
        vec![
            ("name", self.display_name.clone()),
            ("mode", self.mode.to_owned()),
            ("contacts only", only_to),
            ("PeopleSoft", peoplesoft.address.clone()),
            ("node", peoplesoft.node.clone()),
            ("sign-on", format!("{}, rows as {}", peoplesoft.auth, peoplesoft.format)),
            ("time zone", peoplesoft.time_zone.clone()),
            ("Twilio", format!("{} by {}", twilio.account_sid, twilio.credentials)),
            ("texts from", or_none(&twilio.texts_from)),
            ("calls from", or_none(&twilio.calls_from)),
            ("Verify", or_none(&twilio.verify_service_sid)),
            ("portals", format!("{} token(s)", self.portal_tokens)),
            ("poll", self.poll.clone()),
            ("quiet hours", self.quiet_hours.clone()),
            ("on doubt", self.on_doubt.clone()),
            ("language", format!("{}, numbers of {}", self.default_language, self.default_region)),
            ("kept for", format!("{} days", self.retention_days)),
        ]
    }
}

/// The word of the document.
pub fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Live => "live",
        Mode::DryRun => "dry_run",
    }
}

fn block(what: &str, name: &str, pairs: &[(&str, String)], look: Look) -> String {
    let rows = pairs.iter().map(|(name, value)| vec![Cell::new(name), Cell::new(value)]).collect();
    table::render(&[what, name], rows, &[1], look)
}

fn source(event: &EventSource) -> Source {
    let mut prompts = vec![event.since_prompt.clone(), event.until_prompt.clone()];
    prompts.extend(event.fixed_prompts.iter().map(|(name, value)| format!("{name}={value}")));
    prompts.extend(event.page_prompt.clone());
    Source {
        name: event.source.clone(),
        kind: event.kind.as_str(),
        query: event.query.clone(),
        prompts,
        columns: columns(&event.columns),
        key: event.key.clone(),
        channels: match event.channels {
            Channels::Sms => "sms".to_owned(),
            Channels::Voice => "voice".to_owned(),
            Channels::SmsThenVoice { escalate_after_minutes } => {
                format!("sms, then voice after {escalate_after_minutes} minutes")
            }
        },
        urgent: event.urgent,
        expires_after_minutes: minutes(event.expires_after),
        languages: event.templates.keys().cloned().collect(),
    }
}

fn columns(columns: &Columns) -> BTreeMap<String, String> {
    let known = columns.known.iter().map(|(meaning, column)| ((*meaning).to_owned(), column.clone()));
    let fields = columns.fields.iter().map(|(field, column)| (format!("fields.{field}"), column.clone()));
    known.chain(fields).collect()
}

fn pairs(columns: &BTreeMap<String, String>) -> String {
    columns.iter().map(|(meaning, column)| format!("{meaning}={column}")).collect::<Vec<_>>().join(", ")
}

fn quiet_hours(hours: &QuietHours) -> String {
    format!("{} to {}, {}", hours.start.strftime("%H:%M"), hours.end.strftime("%H:%M"), zone(&hours.time_zone))
}

fn doubt(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::Resend => "resend",
        Doubt::Hold => "hold",
    }
}

fn zone(zone: &jiff::tz::TimeZone) -> String {
    zone.iana_name().unwrap_or("UTC").to_owned()
}

fn minutes(duration: Duration) -> u64 {
    duration.as_secs() / 60
}
