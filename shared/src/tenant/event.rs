//! Where a tenant's events come from: queries, prompts, columns, templates. Read out of the document here; asked of
//! `PeopleSoft` elsewhere.

use super::kind::{self, Defaults, Kind};
use super::refused;
use super::section::Section;
use crate::phone::Channel;
use crate::template::{Template, Variables};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// One query of `PeopleSoft` that yields events.
#[derive(Debug, Clone)]
pub struct EventSource {
    /// Its name in the ledger's keys and cursors: `[a-z0-9][a-z0-9_-]{0,39}`.
    pub source: String,
    /// What its events are.
    pub kind: Kind,
    /// The PS Query's name.
    pub query: String,
    /// Unique prompt name of the window's beginning.
    pub since_prompt: String,
    /// Unique prompt name of the window's end.
    pub until_prompt: String,
    /// How a window's ends are written, as strftime.
    pub prompt_format: String,
    /// Prompts that always have the same value.
    pub fixed_prompts: Vec<(String, String)>,
    /// A prompt for "employee id greater than", for instants that hold more rows than a page.
    pub page_prompt: Option<String>,
    /// Whether to run it in the Process Scheduler and fetch its result by blocks.
    pub blocks: bool,
    /// Which column means what.
    pub columns: Columns,
    /// The columns that make an event this event.
    pub key: Vec<String>,
    /// How to tell people.
    pub channels: Channels,
    /// Whether quiet hours don't apply.
    pub urgent: bool,
    /// How long after its creation, or after it may start, a notification may still start.
    pub expires_after: Duration,
    /// How long before its due date an event's notification may start; only where there is a `due_at` column.
    pub remind_before: Duration,
    /// The texts, by language.
    pub templates: BTreeMap<String, Template>,
}

/// How an event's notifications go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channels {
    /// By text.
    Sms,
    /// By call.
    Voice,
    /// By text, and by call if the text isn't delivered in time.
    SmsThenVoice {
        /// In minutes after the text's first attempt.
        escalate_after_minutes: u32,
    },
}

impl EventSource {
    /// The columns whose values make a notification's id: the employee's and the key's.
    pub fn keyed_by(&self) -> Vec<String> {
        self.columns.get("employee_id").map(str::to_owned).into_iter().chain(self.key.iter().cloned()).collect()
    }

    /// Whether any of the texts says this of the employee.
    pub fn says(&self, variable: &str) -> bool {
        self.templates.values().any(|template| template.of_employee().iter().any(|used| used == variable))
    }
}

impl Channels {
    /// Whether this channel is among them.
    pub fn include(self, channel: Channel) -> bool {
        match (self, channel) {
            (Self::Sms | Self::SmsThenVoice { .. }, Channel::Sms)
            | (Self::Voice | Self::SmsThenVoice { .. }, Channel::Voice) => true,
            (Self::Sms, Channel::Voice) | (Self::Voice, Channel::Sms) => false,
        }
    }
}

/// The columns that are read out of a row, by what they mean. Nothing else of a row is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    /// By the meanings of [`MEANINGS`].
    pub known: BTreeMap<&'static str, String>,
    /// By the names that the templates use: `event.{name}`.
    pub fields: BTreeMap<String, String>,
}

/// What a column can mean, besides the template's own fields.
pub const MEANINGS: &[&str] = &[
    "employee_id",
    "occurred_at",
    "due_at",
    "name",
    "first_name",
    "last_name",
    "phone",
    "country_code",
    "phone_type",
    "preferred_phone",
    "language",
    "department",
    "job_title",
    "channel_preference",
    "opted_out",
    "time_zone",
];

impl Columns {
    /// The columns that must be in the rows. That is every one that the document names: without it everybody would be without a
    /// phone, every text with a hole, or every opt-out unheard.
    pub fn needed(&self) -> impl Iterator<Item = &str> {
        self.fields.values().chain(self.known.values()).map(String::as_str)
    }

    /// The column of a meaning.
    pub fn get(&self, meaning: &str) -> Option<&str> {
        self.known.get(meaning).map(String::as_str)
    }

    /// Every column to read, each once.
    pub fn all<'a>(&'a self, key: &'a [String]) -> Vec<String> {
        let mut all: Vec<String> = self.known.values().chain(self.fields.values()).chain(key).cloned().collect();
        all.sort();
        all.dedup();
        all
    }

    /// Reads the `columns` of an event source or of the contacts.
    pub fn read(section: &Section<'_>, defaults: &[(&'static str, &str)]) -> Self {
        let mut columns = Self::default();
        for &meaning in MEANINGS {
            let default = defaults.iter().find(|(name, _)| *name == meaning).map(|(_, column)| (*column).to_owned());
            // A null says that there is no such column, where the kind's default would have one.
            let column = if section.has(meaning) { section.text(meaning) } else { default };
            if let Some(column) = column {
                check_column(section, meaning, &column);
                columns.known.insert(meaning, column);
            }
        }
        for (name, column) in section.text_map("fields") {
            check_column(section, &format!("fields.{name}"), &column);
            columns.fields.insert(name, column);
        }
        columns
    }

    /// What the templates may say of an employee, given these columns.
    pub fn employee_variables(&self) -> impl Iterator<Item = &'static str> {
        let named = ["name", "first_name", "last_name"].iter().any(|meaning| self.known.contains_key(meaning));
        let all_names: &[&str] = if named { &["name", "first_name", "last_name"] } else { &[] };
        let rest = ["department", "job_title"].into_iter().filter(|meaning| self.known.contains_key(meaning));
        std::iter::once("id").chain(all_names.iter().copied()).chain(rest).collect::<Vec<_>>().into_iter()
    }
}

fn check_column(section: &Section<'_>, key: &str, column: &str) {
    if column.trim().is_empty() {
        section.problem(key, "must name a column; use null for none");
    }
    if let Some(reason) = refused::reason(column) {
        section.problem(key, reason);
    }
}

/// Reads `events[i]`.
pub fn read(section: Section<'_>, default_language: &str, contacts: Option<&Columns>) -> Option<EventSource> {
    let before = section.problems().count();
    let source = source(&section);
    if section.value("kind").is_none() {
        section.problem("kind", "is required");
    }
    let kind = section.choice("kind", kind::WORDS, Kind::Custom);
    let defaults = kind.defaults();
    let query = section.required_text("query").unwrap_or_default();
    let prompt_format = prompt_format(&section);
    let since_prompt = section.text("since_prompt").unwrap_or_else(|| "SINCE".to_owned());
    let until_prompt = section.text("until_prompt").unwrap_or_else(|| "UNTIL".to_owned());
    let page_prompt = section.text("page_prompt");
    let fixed_prompts = section.text_map("fixed_prompts");
    check_prompts(&section, [Some(&since_prompt), Some(&until_prompt), page_prompt.as_ref()], &fixed_prompts);
    let columns = columns(&section, &defaults, contacts);
    let key = key(&section, &defaults);
    let channels = channels(&section);
    let templates = templates(&section, defaults.templates, default_language, &variables(&columns, contacts));
    let expires_after = section.number("expires_after_minutes", 1440, 1..=60 * 24 * 60);
    let remind_before = section.number("remind_before_minutes", 0, 0..=365 * 24 * 60);
    if remind_before > 0 && columns.get("due_at").is_none() {
        section.problem("remind_before_minutes", "needs a \"due_at\" among the columns");
    }
    let read = EventSource {
        source,
        kind,
        query,
        since_prompt,
        until_prompt,
        prompt_format,
        fixed_prompts,
        page_prompt,
        blocks: section.choice("mode", &[("rows", false), ("blocks", true)], false),
        columns,
        key,
        channels,
        urgent: section.flag("urgent", false),
        expires_after: Duration::from_secs(60 * u64::from(expires_after)),
        remind_before: Duration::from_secs(60 * u64::from(remind_before)),
        templates,
    };
    let problems = section.problems().clone();
    section.finish();
    (problems.count() == before).then_some(read)
}

/// The source's name, which is part of keys.
fn source(section: &Section<'_>) -> String {
    let source = section.required_text("source").unwrap_or_default();
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    let fits = source.len() <= 40 && source.bytes().all(plain) && !source.starts_with(['-', '_']);
    if !source.is_empty() && !fits {
        section.problem("source", "must be 1 to 40 of a-z, 0-9, '-' and '_', beginning with a letter or digit");
    }
    source
}

fn prompt_format(section: &Section<'_>) -> String {
    let format = section.text("prompt_format").unwrap_or_else(|| kind::PROMPT_FORMAT.to_owned());
    if jiff::fmt::strtime::format(&format, jiff::civil::date(2026, 1, 2).at(3, 4, 5, 0)).is_err() {
        section.problem(
            "prompt_format",
            "is no strftime format for a date and a time without zone; the default is \"%Y-%m-%d-%H.%M.%S.000000\"",
        );
    }
    format
}

/// The columns of the query: what the document names, and else what the kind takes for granted.
fn columns(section: &Section<'_>, defaults: &Defaults, contacts: Option<&Columns>) -> Columns {
    let columns = match section.section("columns") {
        Some(below) => {
            let mut columns = Columns::read(&below, defaults.columns);
            // The kind's own texts need the kind's own fields; other texts say which they need.
            if below.value("fields").is_none() && section.value("templates").is_none() {
                columns.fields = defaults.fields();
            }
            below.finish();
            columns
        }
        None => Columns {
            known: defaults.columns.iter().map(|(meaning, column)| (*meaning, (*column).to_owned())).collect(),
            fields: defaults.fields(),
        },
    };
    for meaning in ["employee_id", "occurred_at"] {
        if columns.get(meaning).is_none() {
            section.problem(&format!("columns.{meaning}"), "is required");
        }
    }
    if columns.get("phone").is_none() && contacts.is_none_or(|contacts| contacts.get("phone").is_none()) {
        section.problem("columns.phone", "no phone: name the column, or a \"phone\" among the columns of \"contacts\"");
    }
    columns
}

/// The columns that tell one event of an employee from the next.
fn key(section: &Section<'_>, defaults: &Defaults) -> Vec<String> {
    let key = if section.value("key").is_some() {
        section.texts("key")
    } else {
        defaults.key.iter().map(|&c| c.to_owned()).collect()
    };
    if key.is_empty() {
        section.problem("key", "name at least one column that tells one event of an employee from the next");
    }
    for (i, column) in key.iter().enumerate() {
        check_column(section, &format!("key[{i}]"), column);
    }
    key
}

/// Prompts are told apart by their names, and names and values by the commas between them.
fn check_prompts(section: &Section<'_>, own: [Option<&String>; 3], fixed: &[(String, String)]) {
    let own = ["since_prompt", "until_prompt", "page_prompt"].into_iter().zip(own);
    let own = own.filter_map(|(key, name)| Some((key.to_owned(), name?, None)));
    let fixed = fixed.iter().map(|(name, value)| (format!("fixed_prompts.{name}"), name, Some(value)));
    let mut names: Vec<&str> = Vec::new();
    for (key, name, value) in own.chain(fixed) {
        if name.trim().is_empty() {
            section.problem(&key, "must name a prompt");
        }
        if name.contains(',') || value.is_some_and(|value| value.contains(',')) {
            section.problem(&key, "PeopleSoft separates prompts by commas, so neither name nor value can hold one");
        }
        if names.contains(&name.as_str()) {
            section.problem(&key, format!("prompt {name:?} stands twice"));
        }
        names.push(name);
    }
}

fn channels(section: &Section<'_>) -> Channels {
    let escalate_after_minutes = section.number("escalate_after_minutes", 15, 1..=7 * 24 * 60);
    let names = section.texts("channels");
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let channels = match names.as_slice() {
        [] | ["sms"] => Channels::Sms,
        ["voice"] => Channels::Voice,
        ["sms", "voice"] => Channels::SmsThenVoice { escalate_after_minutes },
        _ => {
            section.problem("channels", "must be [\"sms\"], [\"voice\"] or [\"sms\", \"voice\"]");
            Channels::Sms
        }
    };
    if section.value("escalate_after_minutes").is_some() && !matches!(channels, Channels::SmsThenVoice { .. }) {
        section.problem("escalate_after_minutes", "only goes with \"channels\": [\"sms\", \"voice\"]");
    }
    channels
}

fn variables(columns: &Columns, contacts: Option<&Columns>) -> Variables {
    let mut employee: Vec<String> = columns.employee_variables().map(str::to_owned).collect();
    employee.extend(contacts.into_iter().flat_map(Columns::employee_variables).map(str::to_owned));
    let mut event: Vec<String> = vec!["kind".to_owned(), "occurred_at".to_owned()];
    event.extend(columns.get("due_at").map(|_| "due_at".to_owned()));
    event.extend(columns.fields.keys().cloned());
    Variables { employee, event }
}

fn templates(
    section: &Section<'_>,
    defaults: &[(&str, &str)],
    default_language: &str,
    variables: &Variables,
) -> BTreeMap<String, Template> {
    let sources: Vec<(String, String)> = match section.value("templates") {
        None => defaults.iter().map(|(language, text)| ((*language).to_owned(), (*text).to_owned())).collect(),
        Some(Value::Object(_)) => section.text_map("templates"),
        Some(_) => {
            section.problem(
                "templates",
                "must be an object of texts by language, for instance {\"en\": \"Hi {{ employee.first_name }}\"}",
            );
            return BTreeMap::new();
        }
    };
    let mut templates = BTreeMap::new();
    for (language, text) in sources {
        let place = format!("templates.{language}");
        let Some(tag) = crate::template::language_tag(&language) else {
            section.problem(&place, "is no language: use a tag like \"en\" or a PeopleSoft code like \"ENG\"");
            continue;
        };
        match Template::parse(&text, variables) {
            Ok(template) => {
                templates.insert(tag, template);
            }
            Err(error) => section.problem(&place, error.to_string()),
        }
    }
    let fallback = crate::template::language_tag(default_language).unwrap_or_default();
    if section.value("templates").is_none() && defaults.is_empty() {
        section.problem("templates", "is required for a custom kind");
    } else if crate::template::choose(&templates, &fallback, &fallback).is_none() && templates.keys().len() > 0 {
        section.problem("templates", format!("has no text for the default language {default_language:?}"));
    } else if templates.is_empty() && section.value("templates").is_some() {
        section.problem("templates", "needs at least one usable text");
    }
    templates
}
