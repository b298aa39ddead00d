//! Reads the prompts of a request: names and values by position, each in the one format that its kind allows.

use super::address::Parameters;
use super::database::Answered;
use super::schema::{Kind, Prompt};
use jiff::civil::{Date, DateTime, Time};

/// Matches the request's prompts with the query's. The error is the sentence to answer with.
pub(super) fn answered<'q>(
    prompts: &'q [Prompt],
    parameters: &Parameters<'_>,
) -> Result<Vec<(&'q Prompt, Answered)>, String> {
    let names = parameters.list("prompt_uniquepromptname")?.unwrap_or_default();
    let values = parameters.list("prompt_fieldvalue")?.unwrap_or_default();
    // A query without prompts may be sent both parameters empty.
    let nothing = |list: &[String]| matches!(list, [] | [_]) && list.iter().all(String::is_empty);
    let pairs: Vec<(String, String)> = if nothing(&names) && nothing(&values) {
        Vec::new()
    } else if names.len() == values.len() {
        names.into_iter().zip(values).collect()
    } else {
        return Err(format!("{} prompt names but {} prompt values.", names.len(), values.len()));
    };
    for (position, (name, _)) in pairs.iter().enumerate() {
        if !prompts.iter().any(|prompt| prompt.unique_name == *name) {
            return Err(format!("Unknown prompt {name}."));
        }
        if pairs[..position].iter().any(|(seen, _)| seen == name) {
            return Err(format!("Prompt {name} is given twice."));
        }
    }
    let mut answers = Vec::new();
    for prompt in prompts {
        let value = pairs.iter().find(|(name, _)| *name == prompt.unique_name).map(|(_, value)| value.as_str());
        match value.filter(|value| !value.is_empty()) {
            Some(value) => answers.push((prompt, read(prompt, value)?)),
            None if prompt.must_be_answered() => return Err(format!("Prompt {} is required.", prompt.unique_name)),
            None => {}
        }
    }
    Ok(answers)
}

fn read(prompt: &Prompt, value: &str) -> Result<Answered, String> {
    let bad = || format!("Prompt {} is not a valid {}.", prompt.unique_name, prompt.kind.word());
    match prompt.kind {
        Kind::Character | Kind::LongCharacter => Ok(Answered::Text(value.to_owned())),
        Kind::Number | Kind::SignedNumber => {
            value.parse::<f64>().map(|_| Answered::Text(value.to_owned())).map_err(|_| bad())
        }
        Kind::Datetime => datetime(value).map(Answered::At).ok_or_else(bad),
        Kind::Date => {
            let date = date(value).ok_or_else(bad)?;
            // A day is compared as a whole: its last instant is what the end of a window means.
            let whole = matches!(prompt.filter, super::schema::Filter::Until);
            Ok(Answered::At(date.to_datetime(if whole { Time::MAX } else { Time::MIN })))
        }
        Kind::Time => Err(bad()), // no query here filters by time of day
    }
}

/// `YYYY-MM-DD-HH.MM.SS.ffffff` or `YYYY-MM-DD HH:MM:SS[.f]`, nothing else.
fn datetime(text: &str) -> Option<DateTime> {
    let (day, rest) = text.split_at_checked(10)?;
    let (separator, rest) = rest.split_at_checked(1)?;
    let (clock, fraction) = rest.split_at_checked(8)?;
    let between = match (separator, fraction.len()) {
        ("-", 7) => '.',
        (" ", 0 | 2..=10) => ':',
        _ => return None,
    };
    let nanoseconds = match fraction.strip_prefix('.') {
        Some(digits) => digits_of(&format!("{digits:0<9}"), 9)?,
        None if fraction.is_empty() => 0,
        None => return None,
    };
    let parts: Vec<&str> = clock.split(between).collect();
    let &[hour, minute, second] = parts.as_slice() else {
        return None;
    };
    let part = |text: &str| digits_of(text, 2).and_then(|number| i8::try_from(number).ok());
    let time = Time::new(part(hour)?, part(minute)?, part(second)?, nanoseconds).ok()?;
    Some(date(day)?.to_datetime(time))
}

/// `YYYY-MM-DD`.
fn date(text: &str) -> Option<Date> {
    let parts: Vec<&str> = text.split('-').collect();
    let &[year, month, day] = parts.as_slice() else {
        return None;
    };
    let small = |text: &str| digits_of(text, 2).and_then(|number| i8::try_from(number).ok());
    Date::new(i16::try_from(digits_of(year, 4)?).ok()?, small(month)?, small(day)?).ok()
}

fn digits_of(text: &str, length: usize) -> Option<i32> {
    (text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}
