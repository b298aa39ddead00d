//! The tenant document: JSON in, a checked [`Tenant`] out, or everything that is wrong with it at once.

use super::section::{Problem, Problems, Section};
use super::{Contacts, Doubt, EventSource, Mode, OnDoubt, Poll, QuietHours, Tenant, TenantId, event};
use crate::peoplesoft;
use crate::phone::{self, PhoneNumber};
use crate::template::language_tag;
use crate::tenant::event::Columns;
use crate::{tls, web};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use secrecy::SecretString;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::time::Duration;

/// Everything that is wrong with a tenant document. Correct the document; trying again doesn't help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// In the order of their places.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        write!(f, "the tenant document has {count} {}", if count == 1 { "problem" } else { "problems" })?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for Invalid {}

/// Reads a tenant document.
pub fn parse(id: &TenantId, json: &str) -> Result<Tenant, Invalid> {
    let problems = Problems::default();
    let value: serde_json::Value = serde_json::from_str(json).map_err(|error| Invalid {
        problems: vec![Problem {
            place: String::new(),
            what: format!(
                "is not JSON: {:?} error at line {}, column {}",
                error.classify(),
                error.line(),
                error.column()
            ),
        }],
    })?;
    let tenant = Section::open("", &value, &problems).and_then(|section| read(id, section));
    let problems = problems.into_list();
    match tenant {
        Some(tenant) if problems.is_empty() => Ok(tenant),
        _ => Err(Invalid { problems }),
    }
}

fn read(id: &TenantId, section: Section<'_>) -> Option<Tenant> {
    let peoplesoft = section.required_section("peoplesoft").and_then(peoplesoft_connection);
    let zone = peoplesoft.as_ref().map_or(TimeZone::UTC, |connection| connection.time_zone.clone());
    let default_language = section.text("default_language").unwrap_or_else(|| "en".to_owned());
    let language = language_tag(&default_language).unwrap_or_else(|| {
        section.problem("default_language", "is no language: use a tag like \"en\" or a PeopleSoft code like \"ENG\"");
        "en".to_owned()
    });
    let default_region = section.text("default_region").unwrap_or_else(|| "US".to_owned()).to_ascii_uppercase();
    if !phone::is_region(&default_region) {
        section.problem("default_region", "is no ISO country of two letters");
    }
    let only_to = only_to(&section, &default_region);
    let contacts = section.section("contacts").and_then(contacts);
    let events = events(&section, &language, contacts.as_ref().map(|contacts| &contacts.columns));
    let twilio = section.required_section("twilio").and_then(|below| super::document_twilio::read(below, &events));
    let quiet_hours = quiet_hours(&section, &zone);
    let poll = poll(&section, &zone);
    let on_doubt = on_doubt(&section);
    let time_zones = time_zones(&section);
    let retention_days = section.number("retention_days", 2555, 1..=36500);
    let display_name = section.text("display_name").unwrap_or_else(|| id.to_string());
    let mode = section.choice("mode", &[("live", Mode::Live), ("dry_run", Mode::DryRun)], Mode::Live);
    let portal_tokens = portal_tokens(&section);
    let verify_rate_limit = section.text("verify_rate_limit");
    // What is missing must not keep anything else from being looked at.
    section.finish();
    Some(Tenant {
        id: id.clone(),
        display_name,
        mode,
        only_to,
        peoplesoft: peoplesoft?,
        twilio: twilio?,
        default_region,
        default_language: language,
        poll,
        quiet_hours,
        on_doubt,
        retention: Duration::from_secs(86_400 * u64::from(retention_days)),
        portal_tokens,
        verify_rate_limit,
        time_zones,
        contacts,
        events,
    })
}

fn peoplesoft_connection(section: Section<'_>) -> Option<peoplesoft::Connection> {
    let base_url = peoplesoft_base_url(&section);
    let auth = section.required_section("auth").and_then(peoplesoft_auth);
    if section.value("time_zone").is_none() {
        section.problem(
            "time_zone",
            "is required: the base time zone of the PeopleSoft database, for instance \"America/Chicago\"",
        );
    }
    let time_zone = section.parsed("time_zone", iana_zone);
    let timeout = section.number("timeout_seconds", 60, 1..=290);
    let max_rows = section.number("max_rows", 10_000, 1..=1_000_000);
    let ca_certificate_pem = section.text("ca_certificate_pem");
    if ca_certificate_pem.as_deref().is_some_and(|pem| tls::authorities(pem).is_err()) {
        section.problem(
            "ca_certificate_pem",
            "holds no certificate in PEM form, or a damaged one: it is the whole text, from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----, with \\n for the ends of its lines",
        );
    }
    let format = section.choice(
        "format",
        &[("json", peoplesoft::Format::Json), ("xmlp", peoplesoft::Format::Xmlp)],
        peoplesoft::Format::Json,
    );
    section.finish();
    Some(peoplesoft::Connection {
        base_url: base_url?,
        auth: auth?,
        time_zone: time_zone?,
        ca_certificate_pem,
        timeout: Duration::from_secs(timeout.into()),
        max_rows,
        format,
    })
}

/// The address up to and including the node, from `host`, `port` and `node`, or from `base_url` with or without the node.
fn peoplesoft_base_url(section: &Section<'_>) -> Option<String> {
    const LISTENER: &str = "RESTListeningConnector";
    let (node, host) = (section.text("node"), section.text("host"));
    let port = section.number("port", 443, 1..=65_535);
    if let Some(node) = &node
        && (node.is_empty() || !node.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
    {
        section.problem("node", "is no node name: letters, digits and '_'");
        return None;
    }
    if section.value("base_url").is_none() {
        let Some(host) = host else {
            section.problem("host", "is required, unless there is a \"base_url\"");
            return None;
        };
        let Some(node) = node else {
            section.problem("node", "is required: the name of the default local node");
            return None;
        };
        let url = format!("https://{host}:{port}/PSIGW/{LISTENER}/{node}");
        if !host.is_ascii() {
            section.problem("host", web::PUNYCODE);
            return None;
        }
        if host.contains(['/', ':', '@', '?', '#']) || url::Url::parse(&url).is_err() {
            section.problem("host", "must be a host name alone, without scheme, port or path");
            return None;
        }
        return Some(url);
    }
    for (key, is_given) in [("host", host.is_some()), ("port", section.value("port").is_some())] {
        if is_given {
            section.problem("base_url", format!("contradicts {key:?}: give one of them"));
        }
    }
    let base = section.parsed("base_url", web::base)?;
    let last = base.rsplit('/').next().unwrap_or_default();
    match node {
        Some(node) if last == node => Some(base),
        Some(node) => Some(format!("{base}/{node}")),
        None if base.contains(&format!("/{LISTENER}/")) => Some(base),
        None => {
            section.problem("node", "is required, unless \"base_url\" ends in one");
            None
        }
    }
}

fn peoplesoft_auth(section: Section<'_>) -> Option<peoplesoft::Auth> {
    let auth = match section.required_text("type")?.as_str() {
        "basic" => {
            let (oprid, password) = (section.required_text("oprid"), section.required_secret("password"));
            if oprid.as_deref().is_some_and(|oprid| oprid.contains(':')) {
                section.problem("oprid", "can't hold a ':'");
            }
            oprid.zip(password).map(|(oprid, password)| peoplesoft::Auth::Basic { oprid, password })
        }
        "oauth2" => {
            if section.value("token_url").is_none() {
                section.problem("token_url", "is required");
            }
            let token_url = section.parsed("token_url", web::address);
            let (client_id, client_secret) =
                (section.required_text("client_id"), section.required_secret("client_secret"));
            let client_auth = section.choice(
                "client_auth",
                &[("header", peoplesoft::ClientAuth::Header), ("form", peoplesoft::ClientAuth::Form)],
                peoplesoft::ClientAuth::Header,
            );
            let (scope, audience) = (section.text("scope"), section.text("audience"));
            token_url.zip(client_id).zip(client_secret).map(|((token_url, client_id), client_secret)| {
                peoplesoft::Auth::OAuth2 { token_url, client_id, client_secret, scope, audience, client_auth }
            })
        }
        _ => {
            section.problem("type", "must be \"basic\" or \"oauth2\"");
            return None; // which keys belong here isn't known
        }
    };
    section.finish();
    auth
}

fn only_to(section: &Section<'_>, region: &str) -> Vec<PhoneNumber> {
    let read = |(i, text): (usize, &String)| {
        let number = PhoneNumber::parse(text, "", region);
        number.map_err(|why| section.problem(&format!("only_to[{i}]"), why.to_string())).ok()
    };
    section.texts("only_to").iter().enumerate().filter_map(read).collect()
}

fn contacts(section: Section<'_>) -> Option<Contacts> {
    let query = section.required_text("query");
    let employee_prompt = section.text("employee_prompt").unwrap_or_else(|| "EMPLID".to_owned());
    let columns = section.required_section("columns").map(|below| {
        let columns = Columns::read(&below, &[]);
        if columns.get("employee_id").is_none() {
            below.problem("employee_id", "is required");
        }
        below.finish();
        columns
    });
    let mut phone_types = section.texts("phone_types");
    if phone_types.is_empty() {
        phone_types = vec![super::PHONE_TYPE.to_owned()];
    }
    section.finish();
    Some(Contacts { query: query?, employee_prompt, columns: columns?, phone_types })
}

fn events(section: &Section<'_>, language: &str, contacts: Option<&Columns>) -> Vec<EventSource> {
    let Some(value) = section.value("events") else {
        section.problem("events", "is required; [] for a tenant that only verifies");
        return Vec::new();
    };
    let Some(list) = value.as_array() else {
        section.problem("events", "must be a list");
        return Vec::new();
    };
    let mut sources = HashSet::new();
    let mut events = Vec::new();
    for (i, value) in list.iter().enumerate() {
        let place = format!("events[{i}]");
        let Some(event) =
            Section::open(&place, value, section.problems()).and_then(|below| event::read(below, language, contacts))
        else {
            continue;
        };
        if !sources.insert(event.source.clone()) {
            section.problem(
                &format!("events[{i}].source"),
                format!("{:?} stands twice; sources need names of their own", event.source),
            );
        }
        events.push(event);
    }
    events
}

fn poll(section: &Section<'_>, zone: &TimeZone) -> Poll {
    let below = section.section("poll");
    let number = |key, default, bounds| below.as_ref().map_or(default, |below| below.number(key, default, bounds));
    let poll = Poll {
        every: Duration::from_secs(number("every_seconds", 60, 1..=86_400).into()),
        overlap: Duration::from_secs(number("overlap_seconds", 600, 0..=86_400).into()),
        start_at: below.as_ref().and_then(|below| below.parsed("start_at", |text| start_at(text, zone))),
        max_event_age: Duration::from_secs(3600 * u64::from(number("max_event_age_hours", 24, 1..=24 * 365))),
        max_notifications_per_poll: number("max_notifications_per_poll", 5000, 1..=10_000_000),
    };
    if let Some(below) = below {
        below.finish();
    }
    poll
}

fn start_at(text: &str, zone: &TimeZone) -> Result<Timestamp, String> {
    peoplesoft::time::parse_datetime(text, zone)
        .ok()
        .flatten()
        .ok_or_else(|| "must be a date, or a date and time, for instance \"2026-03-17T00:00:00Z\"; without an offset it is PeopleSoft's own time".to_owned())
}

/// Absent means the usual hours in PeopleSoft's time zone, null means none.
fn quiet_hours(section: &Section<'_>, zone: &TimeZone) -> Option<QuietHours> {
    if section.has("quiet_hours") && section.value("quiet_hours").is_none() {
        return None;
    }
    let usual = QuietHours {
        start: jiff::civil::time(21, 0, 0, 0),
        end: jiff::civil::time(8, 0, 0, 0),
        time_zone: zone.clone(),
    };
    let Some(below) = section.section("quiet_hours") else { return Some(usual) };
    let clock = |text: &str| match crate::moment::Moment::parse(text) {
        Some(crate::moment::Moment::Time(time)) => Ok(time),
        _ => Err("must be a time of day like \"21:00\"".to_owned()),
    };
    let hours = QuietHours {
        start: below.parsed("start", clock).unwrap_or(usual.start),
        end: below.parsed("end", clock).unwrap_or(usual.end),
        time_zone: below.parsed("time_zone", iana_zone).unwrap_or(usual.time_zone),
    };
    below.finish();
    Some(hours)
}

fn on_doubt(section: &Section<'_>) -> OnDoubt {
    let words = &[("resend", Doubt::Resend), ("hold", Doubt::Hold)];
    let below = section.section("on_doubt");
    let choice = |key, default| below.as_ref().map_or(default, |below| below.choice(key, words, default));
    let on_doubt = OnDoubt { sms: choice("sms", Doubt::Resend), voice: choice("voice", Doubt::Hold) };
    if let Some(below) = below {
        below.finish();
    }
    on_doubt
}

fn time_zones(section: &Section<'_>) -> BTreeMap<String, TimeZone> {
    let mut zones = BTreeMap::new();
    for (code, name) in section.text_map("time_zones") {
        match iana_zone(&name) {
            Ok(zone) => {
                zones.insert(code, zone);
            }
            Err(what) => section.problem(&format!("time_zones.{code}"), what),
        }
    }
    zones
}

/// The fewest characters of a portal's token.
const SHORTEST_PORTAL_TOKEN: usize = 8;

fn portal_tokens(section: &Section<'_>) -> Vec<SecretString> {
    let token = |key| {
        let text = section.text(key)?;
        // What a header can carry.
        if text.len() < SHORTEST_PORTAL_TOKEN || !text.bytes().all(|b| b.is_ascii_graphic()) {
            let what = format!(
                "must be {SHORTEST_PORTAL_TOKEN} or more letters, digits and signs, without white space; make one with: openssl rand -hex 32"
            );
            section.problem(key, what);
            return None;
        }
        Some(SecretString::from(text))
    };
    [token("portal_token"), token("next_portal_token")].into_iter().flatten().collect()
}

fn iana_zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| "is no time zone of the IANA database, for instance \"America/Chicago\"".to_owned())
}
