//! Texts with holes in them: parsed and checked when a tenant is validated, filled when a notification is created. Never
//! reads anything but the variables it was checked against.

mod filters;
mod guard;
mod language;

pub use guard::forbidden_content;
pub use language::{choose, language_tag};

use jiff::tz::TimeZone;
use minijinja::{Environment, ErrorKind, UndefinedBehavior, value::Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A text in one language, checked.
#[derive(Debug, Clone)]
pub struct Template {
    source: Arc<str>,
    /// What it says of the employee, by the names after `employee.`
    of_employee: Arc<[String]>,
}

/// The names that a template may use.
#[derive(Debug, Clone, Default)]
pub struct Variables {
    /// After `employee.`
    pub employee: Vec<String>,
    /// After `event.`
    pub event: Vec<String>,
}

/// What fills a template for one employee and one event.
#[derive(Clone)]
pub struct Filling<'a> {
    /// Values after `employee.`
    pub employee: &'a BTreeMap<String, String>,
    /// Values after `event.`
    pub event: &'a BTreeMap<String, String>,
    /// The employee's time zone, in which instants are shown.
    pub time_zone: &'a TimeZone,
    /// BCP 47 tag of the text's language, which decides how dates look.
    pub language: &'a str,
}

/// Why a text can't be used as a template. Correct the tenant document.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is empty.
    #[error("the text is empty")]
    Empty,
    /// It isn't valid template syntax.
    #[error("not a valid template: {0}")]
    Syntax(String),
    /// It names something that there is no column for.
    #[error("{name:?} is unknown; known are {known}")]
    Unknown {
        /// The name as written.
        name: String,
        /// What could have been written.
        known: String,
    },
    /// It can't be rendered, for instance since a filter doesn't fit.
    #[error("can't be rendered: {0}")]
    Render(String),
}

impl Template {
    /// Reads and checks a template: its syntax, every name it uses, and that it renders with sample values.
    pub fn parse(source: &str, variables: &Variables) -> Result<Self, Error> {
        if source.trim().is_empty() {
            return Err(Error::Empty);
        }
        let environment = environment(&TimeZone::UTC, "en");
        let template = environment.template_from_str(source).map_err(|error| Error::Syntax(error.to_string()))?;
        let (known, used) = (variables.all(), template.undeclared_variables(true));
        if let Some(name) = used.iter().find(|name| !known.contains(name)) {
            return Err(Error::Unknown { name: name.clone(), known: known.join(", ") });
        }
        let of_employee = used.iter().filter_map(|name| name.strip_prefix("employee.")).map(str::to_owned).collect();
        let template = Self { source: source.into(), of_employee };
        let sample = |names: &[String], text: &str| names.iter().map(|name| (name.clone(), text.to_owned())).collect();
        // A sample that is a date and a time at once: what a filter refuses now, it would refuse for every employee.
        let filling = Filling {
            employee: &sample(&variables.employee, "Sample"),
            event: &sample(&variables.event, "2026-03-20 09:30:00"),
            time_zone: &TimeZone::UTC,
            language: "en",
        };
        template.fill(&filling).map_err(|error| Error::Render(said_of_samples(&error)))?;
        Ok(template)
    }

    /// What it says of the employee, by the names after `employee.`
    pub fn of_employee(&self) -> &[String] {
        &self.of_employee
    }

    /// Fills the holes. Surrounding white space is cut off.
    pub fn render(&self, filling: &Filling<'_>) -> Result<String, Error> {
        self.fill(filling).map_err(|error| Error::Render(without_values(&error)))
    }

    fn fill(&self, filling: &Filling<'_>) -> Result<String, minijinja::Error> {
        let environment = environment(filling.time_zone, filling.language);
        let context = BTreeMap::from([
            ("employee", Value::from(filling.employee.clone())),
            ("event", Value::from(filling.event.clone())),
        ]);
        Ok(environment.render_str(&self.source, context)?.trim().to_owned())
    }
}

impl Variables {
    fn all(&self) -> Vec<String> {
        let mut all: Vec<String> = self.employee.iter().map(|name| format!("employee.{name}")).collect();
        all.extend(self.event.iter().map(|name| format!("event.{name}")));
        all.sort();
        all.dedup();
        all
    }
}

/// A strict environment: an unknown name is an error, no filters but our own, and nothing is escaped, since a text message is
/// no web page.
fn environment(time_zone: &TimeZone, language: &str) -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    filters::add(&mut environment, time_zone.clone(), language);
    environment
}

/// The whole message, which can only quote samples, and what there is instead of an unknown filter.
fn said_of_samples(error: &minijinja::Error) -> String {
    match (error.kind(), error.detail(), error.line()) {
        (ErrorKind::UnknownFilter, Some(detail), _) => format!("{detail}; known are {}", filters::NAMES),
        (kind, Some(detail), Some(line)) => format!("{kind}: {detail}, in line {line}"),
        _ => without_values(error),
    }
}

/// The kind of error and its line. Not the message, which may quote an employee's values.
fn without_values(error: &minijinja::Error) -> String {
    match error.line() {
        Some(line) => format!("{} in line {line}", error.kind()),
        None => error.kind().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Variables {
            employee: own(&["id", "first_name", "name"]),
            event: own(&["kind", "occurred_at", "check_date", "start"]),
        }
    }

    fn render(source: &str, language: &str) -> String {
        let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let zone = TimeZone::get("America/Chicago").unwrap();
        let filling = Filling {
            employee: &map(&[("id", "7"), ("first_name", "Ada"), ("name", "Ada <Quill>")]),
            event: &map(&[
                ("kind", "k"),
                ("occurred_at", "2026-03-17T21:42:07Z"),
                ("check_date", "2026-03-20"),
                ("start", " 7:00"),
            ]),
            time_zone: &zone,
            language,
        };
        Template::parse(source, &variables()).unwrap().render(&filling).unwrap()
    }

    #[test]
    fn a_text_is_filled() {
        assert_eq!(
            render("Hi {{ employee.first_name }}, pay of {{ event.check_date }}.", "en"),
            "Hi Ada, pay of 2026-03-20."
        );
        assert_eq!(render("{{ employee.name }}", "en"), "Ada <Quill>");
        assert_eq!(render("{{ event.check_date | date }} {{ event.start | time }}", "en"), "Mar 20, 2026 7:00 AM");
        assert_eq!(render("{{ event.check_date | date }} {{ event.start | time }}", "es"), "20/03/2026 07:00");
        assert_eq!(
            render("{{ event.occurred_at | date }} {{ event.occurred_at | time }}", "en"),
            "Mar 17, 2026 4:42 PM"
        );
        assert_eq!(render("{{ event.check_date | date('%d.%m.') }}", "de"), "20.03.");
        assert_eq!(render("{{ employee.first_name | upper }} {{ 'PAT' | title }}", "en"), "ADA Pat");
        assert_eq!(render("{% if employee.first_name == 'Ada' %}yes{% else %}no{% endif %}", "en"), "yes");
    }

    #[test]
    fn an_unknown_name_is_an_error_when_the_tenant_is_validated() {
        let check = |source: &str, expect: &str| {
            let error = Template::parse(source, &variables()).unwrap_err().to_string();
            assert!(error.contains(expect), "{source}: {error}");
        };
        check("Hi {{ employee.frist_name }}", "\"employee.frist_name\" is unknown; known are");
        check("Hi {{ salary }}", "\"salary\" is unknown");
        check("Hi {{ employee.first_name", "not a valid template");
        check("{{ event.check_date | money }}", "filter money is unknown; known are capitalize, date,");
        check("{{ employee.name | date }}", "not a date or time, in line 1");
        check("  ", "empty");
        check("{% if event.nope %}x{% endif %}", "\"event.nope\" is unknown");
    }
}
