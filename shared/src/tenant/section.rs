//! Reads one JSON object of a tenant document key by key, and collects everything that is wrong with it instead of stopping
//! at the first. Problems name the place and never the value, since a value may be a secret.

use crate::spelling;
use secrecy::SecretString;
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;

/// One thing wrong with a tenant document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where: `events[0].columns.phone`. Empty for the document as a whole.
    pub place: String,
    /// What is wrong, and what to do about it.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.is_empty() { f.write_str(&self.what) } else { write!(f, "{}: {}", self.place, self.what) }
    }
}

/// Everything found wrong so far. Clones share one list.
#[derive(Debug, Clone, Default)]
pub struct Problems(Rc<RefCell<Vec<Problem>>>);

impl Problems {
    /// Adds one.
    pub fn add(&self, place: impl Into<String>, what: impl Into<String>) {
        self.0.borrow_mut().push(Problem { place: place.into(), what: what.into() });
    }

    /// All of them, in the order of their places.
    pub fn into_list(self) -> Vec<Problem> {
        let mut list = self.0.take();
        list.sort();
        list.dedup();
        list
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.borrow().len()
    }
}

/// One object of the document, being read. Call [`Section::finish`] when every known key has been asked for.
pub struct Section<'a> {
    place: String,
    object: &'a Map<String, Value>,
    asked: RefCell<BTreeSet<&'static str>>,
    problems: Problems,
}

impl<'a> Section<'a> {
    /// Begins to read `value`, which stands at `place`. `None`, with a problem, if it is no object.
    pub fn open(place: &str, value: &'a Value, problems: &Problems) -> Option<Self> {
        let Value::Object(object) = value else {
            problems.add(place, "must be a JSON object");
            return None;
        };
        Some(Self { place: place.to_owned(), object, asked: RefCell::default(), problems: problems.clone() })
    }

    /// The place of a key below this section.
    pub fn place(&self, key: &str) -> String {
        if self.place.is_empty() { key.to_owned() } else { format!("{}.{key}", self.place) }
    }

    /// Reports a problem with a key.
    pub fn problem(&self, key: &str, what: impl Into<String>) {
        self.problems.add(self.place(key), what);
    }

    /// The shared list of problems.
    pub fn problems(&self) -> &Problems {
        &self.problems
    }

    /// Whether the key is there at all, `null` included.
    pub fn has(&self, key: &'static str) -> bool {
        self.asked.borrow_mut().insert(key);
        self.object.contains_key(key)
    }

    /// The raw value; `null` and absent are the same.
    pub fn value(&self, key: &'static str) -> Option<&'a Value> {
        self.asked.borrow_mut().insert(key);
        self.object.get(key).filter(|value| !value.is_null())
    }

    /// A section below, if it is there.
    pub fn section(&self, key: &'static str) -> Option<Section<'a>> {
        Section::open(&self.place(key), self.value(key)?, &self.problems)
    }

    /// A section below that has to be there.
    pub fn required_section(&self, key: &'static str) -> Option<Section<'a>> {
        if self.value(key).is_none() {
            self.problem(key, "is required");
        }
        self.section(key)
    }

    /// A text.
    pub fn text(&self, key: &'static str) -> Option<String> {
        if let Value::String(text) = self.value(key)? {
            Some(text.clone())
        } else {
            self.problem(key, "must be a text");
            None
        }
    }

    /// A text that has to be there and not be blank.
    pub fn required_text(&self, key: &'static str) -> Option<String> {
        if self.value(key).is_none() {
            self.problem(key, "is required");
            return None;
        }
        let text = self.text(key)?;
        if text.trim().is_empty() {
            self.problem(key, "must not be blank");
            return None;
        }
        Some(text)
    }

    /// A secret text.
    pub fn secret(&self, key: &'static str) -> Option<SecretString> {
        self.text(key).map(SecretString::from)
    }

    /// A secret text that has to be there and not be blank.
    pub fn required_secret(&self, key: &'static str) -> Option<SecretString> {
        self.required_text(key).map(SecretString::from)
    }

    /// A text read by `parse`, whose error says what would be right.
    pub fn parsed<T>(&self, key: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.text(key)?;
        parse(&text).map_err(|what| self.problem(key, what)).ok()
    }

    /// A whole number within bounds, or the default.
    pub fn number(&self, key: &'static str, default: u32, bounds: std::ops::RangeInclusive<u32>) -> u32 {
        let Some(value) = self.value(key) else { return default };
        match value.as_u64().and_then(|number| u32::try_from(number).ok()) {
            Some(number) if bounds.contains(&number) => number,
            _ => {
                self.problem(key, format!("must be a whole number from {} to {}", bounds.start(), bounds.end()));
                default
            }
        }
    }

    /// True or false, or the default.
    pub fn flag(&self, key: &'static str, default: bool) -> bool {
        match self.value(key) {
            None => default,
            Some(Value::Bool(flag)) => *flag,
            Some(_) => {
                self.problem(key, "must be true or false");
                default
            }
        }
    }

    /// One of some words, or the default.
    pub fn choice<T: Copy>(&self, key: &'static str, words: &[(&str, T)], default: T) -> T {
        let all = || words.iter().map(|(word, _)| format!("{word:?}")).collect::<Vec<_>>().join(" or ");
        match self.value(key) {
            None => default,
            Some(Value::String(text)) => words.iter().find(|(word, _)| word == text).map_or_else(
                || {
                    self.problem(key, format!("must be {}", all()));
                    default
                },
                |(_, choice)| *choice,
            ),
            Some(_) => {
                self.problem(key, format!("must be {}", all()));
                default
            }
        }
    }

    /// A list of texts; empty if absent.
    pub fn texts(&self, key: &'static str) -> Vec<String> {
        match self.value(key) {
            None => Vec::new(),
            Some(Value::Array(values)) => values
                .iter()
                .enumerate()
                .filter_map(|(i, value)| {
                    let text = value.as_str().map(str::to_owned);
                    if text.is_none() {
                        self.problem(&format!("{key}[{i}]"), "must be a text");
                    }
                    text
                })
                .collect(),
            Some(_) => {
                self.problem(key, "must be a list of texts");
                Vec::new()
            }
        }
    }

    /// An object of texts, in the order of the document's keys; empty if absent. Numbers are taken as their text.
    pub fn text_map(&self, key: &'static str) -> Vec<(String, String)> {
        match self.value(key) {
            None => Vec::new(),
            Some(Value::Object(object)) => object
                .iter()
                .filter(|(_, value)| !value.is_null())
                .filter_map(|(name, value)| {
                    let text = match value {
                        Value::String(text) => Some(text.clone()),
                        Value::Number(number) => Some(number.to_string()),
                        _ => None,
                    };
                    if text.is_none() {
                        self.problem(&format!("{key}.{name}"), "must be a text");
                    }
                    text.map(|text| (name.clone(), text))
                })
                .collect(),
            Some(_) => {
                self.problem(key, "must be an object of texts");
                Vec::new()
            }
        }
    }

    /// Reports every key that nobody asked for.
    pub fn finish(self) {
        let asked = self.asked.borrow();
        for key in self.object.keys().filter(|key| !asked.contains(key.as_str())) {
            let close = spelling::nearest(key, asked.iter().copied());
            let hint = close.map_or_else(String::new, |known| format!("; did you mean {known:?}?"));
            self.problem(key, format!("unknown key{hint}"));
        }
    }
}
