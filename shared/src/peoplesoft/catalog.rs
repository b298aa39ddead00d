//! Reads what `PeopleSoft` says about its queries: their names, columns and prompts, and how a scheduled run is doing. It
//! reads XML, since the JSON form of these answers is unknown, and never a row.

use super::error::{Error, Found, Reason};
use super::xmlp::resolved;
use jiff::Timestamp;
use quick_xml::Reader;
use quick_xml::events::Event;
use std::fmt;

/// A column of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its unique field name (`A.EMPLID`), the key in a row.
    pub name: String,
    /// The field's own name (`EMPLID`).
    pub field_name: String,
    /// What it holds.
    pub kind: Kind,
}

/// A prompt of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// Its unique prompt name (`BIND1`, `SINCE`), case-sensitive.
    pub name: String,
    /// The field that it is compared with, if it says.
    pub field_name: String,
    /// What it takes. Date, time and datetime prompts are always required.
    pub kind: Kind,
}

/// `PeopleSoft`'s field types, as far as they matter here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Character and Long Character.
    Character,
    /// Number and Signed Number.
    Number,
    /// A day.
    Date,
    /// A time of day.
    Time,
    /// Both.
    Datetime,
    /// Another word, as it was written.
    Other(String),
}

/// Some of `PeopleSoft`'s public queries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryList {
    /// Their names.
    pub names: Vec<String>,
    /// The server's clock when it answered (the `Date` header, whole seconds).
    pub server_date: Option<Timestamp>,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Character => "Character",
            Self::Number => "Number",
            Self::Date => "Date",
            Self::Time => "Time",
            Self::Datetime => "Datetime",
            Self::Other(word) => word,
        })
    }
}

/// The elements that hold one thing each.
const RECORDS: &[&str] = &["PTQASWRK", "PTQASSTATWRK"];

/// The columns in a `QueryFields` answer.
pub(super) fn fields(xml: &str) -> Result<Vec<Field>, Error> {
    let field = |record: &Record| {
        let field_name = record.get("FieldName").unwrap_or_default();
        let name = record.get("UniqueFieldName").or_else(|| record.get("FieldName"))?;
        Some(Field { name: name.to_owned(), field_name: field_name.to_owned(), kind: record.kind() })
    };
    Ok(records(xml)?.iter().filter_map(field).collect())
}

/// The prompts in a `QueryPrompts` answer.
pub(super) fn prompts(xml: &str) -> Result<Vec<Prompt>, Error> {
    let prompt = |record: &Record| {
        let field_name = record.get("FieldName").unwrap_or_default();
        let name = record.get("UniquePromptName")?;
        Some(Prompt { name: name.to_owned(), field_name: field_name.to_owned(), kind: record.kind() })
    };
    Ok(records(xml)?.iter().filter_map(prompt).collect())
}

/// The names in a `ListQuery` answer.
pub(super) fn names(xml: &str) -> Result<Vec<String>, Error> {
    Ok(records(xml)?.iter().filter_map(|record| record.get("QueryName").map(str::to_owned)).collect())
}

/// The one value that an answer was asked for.
pub(super) fn value(xml: &str, name: &str) -> Result<String, Error> {
    let records = records(xml)?;
    let value = records.iter().find_map(|record| record.get(name));
    value.map(str::to_owned).ok_or(Error::NotSuccess { found: Found::Other })
}

/// The children of one record element: name and text, if any.
struct Record(Vec<(String, String)>);

impl Record {
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(child, _)| child == name);
        found.map(|(_, text)| text.trim()).filter(|text| !text.is_empty())
    }

    fn kind(&self) -> Kind {
        let written = self.get("FieldType").unwrap_or_default();
        // The spelling isn't certain ("Long Character", "DateTime"): compare letters only.
        let letters: String = written.chars().filter(char::is_ascii_alphabetic).collect();
        match letters.to_ascii_lowercase().as_str() {
            "character" | "char" | "longcharacter" | "longchar" => Kind::Character,
            "number" | "signednumber" => Kind::Number,
            "date" => Kind::Date,
            "time" => Kind::Time,
            "datetime" => Kind::Datetime,
            _ => Kind::Other(written.to_owned()),
        }
    }
}

/// The records of an answer, however they are grouped. No record is a good answer; another document is not.
fn records(xml: &str) -> Result<Vec<Record>, Error> {
    let xml = xml.trim_start_matches('\u{feff}').trim();
    if xml.is_empty() {
        return Err(Error::NotSuccess { found: Found::Empty });
    }
    let mut reader = Reader::from_str(xml);
    reader.config_mut().expand_empty_elements = true;
    let (mut records, mut depth, mut record_depth, mut ours) = (Vec::new(), 0_usize, None, false);
    loop {
        let text = match reader.read_event() {
            Ok(Event::Eof) if depth > 0 => return Err(Error::unavailable(Reason::CutOff)),
            Ok(Event::Eof) => break,
            Ok(Event::Start(start)) => {
                depth += 1;
                let name = start.local_name().into_inner();
                ours |= name.starts_with("QAS_");
                match (record_depth, records.last_mut()) {
                    (Some(at), Some(Record(children))) if depth == at + 1 => {
                        children.push((name.to_owned(), String::new()));
                    }
                    (None, _) if RECORDS.contains(&name) => {
                        record_depth = Some(depth);
                        records.push(Record(Vec::new()));
                    }
                    (None, _) if name == "Fault" => {
                        return Err(Error::Query { status: None, code: None });
                    }
                    _ => {}
                }
                continue;
            }
            Ok(Event::End(_)) => {
                record_depth = record_depth.filter(|at| *at != depth);
                depth = depth.saturating_sub(1);
                continue;
            }
            Ok(Event::Text(text)) => text.into_inner().into_owned(),
            Ok(Event::CData(text)) => text.into_inner().into_owned(),
            Ok(Event::GeneralRef(reference)) => resolved(&reference),
            Ok(_) => continue,
            Err(_) if !xml.starts_with('<') => return Err(Error::NotSuccess { found: Found::Other }),
            Err(_) => return Err(Error::unavailable(Reason::Unreadable)),
        };
        let child = records.last_mut().and_then(|Record(children)| children.last_mut());
        if let (true, Some((_, value))) = (record_depth.is_some_and(|at| depth == at + 1), child) {
            value.push_str(&text);
        }
    }
    if ours { Ok(records) } else { Err(Error::NotSuccess { found: Found::Other }) }
}
