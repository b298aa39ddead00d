//! People, as rows of PeopleSoft describe them: names, phones, languages and wishes, put together from an event's own row and
//! the contacts. Decides which phone to use; sends nothing.

use crate::peoplesoft::Row;
use crate::phone::{PhoneNumber, Unusable};
use crate::tenant::{self, Columns, Tenant};

/// What rows say of one employee. Empty means that they don't say.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// EMPLID, leading zeros and all.
    pub employee_id: String,
    /// The whole name, in whatever order it was given.
    pub name: String,
    /// What to call them.
    pub first_name: String,
    /// Their family's name.
    pub last_name: String,
    /// Department, for templates.
    pub department: String,
    /// Job title, for templates.
    pub job_title: String,
    /// `PeopleSoft` code or BCP 47 tag.
    pub language: String,
    /// A time zone's name or code.
    pub time_zone: String,
    /// Their wish.
    pub preference: Preference,
    /// Whether they opted out; `None` if no row says.
    pub opted_out: Option<bool>,
    /// The meanings of columns that hold a word that nobody knows. It was taken for the strictest.
    pub unknown: Vec<&'static str>,
    /// Their phones, as given.
    pub phones: Vec<Phone>,
}

/// A phone as a row gives it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Phone {
    /// Free text.
    pub number: String,
    /// Dialling or ISO code, or blank.
    pub country_code: String,
    /// `PeopleSoft`'s `PHONE_TYPE`.
    pub kind: String,
    /// `PeopleSoft`'s `PREF_PHONE_FLAG`.
    pub preferred: bool,
}

/// How somebody wants to be reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Preference {
    /// They don't say.
    #[default]
    Any,
    /// By text.
    Sms,
    /// By call.
    Voice,
    /// Not at all.
    None,
}

impl Person {
    /// What one row says.
    pub fn read(row: &Row, columns: &Columns) -> Self {
        let text =
            |meaning: &str| columns.get(meaning).and_then(|column| row.get(column)).unwrap_or_default().to_owned();
        let (preference, opted_out) = (text("channel_preference"), text("opted_out"));
        let unknown = [
            ("channel_preference", Preference::read(&preference).is_none()),
            ("opted_out", flag(&opted_out).is_none()),
        ];
        let mut person = Self {
            employee_id: text("employee_id"),
            name: text("name"),
            first_name: text("first_name"),
            last_name: text("last_name"),
            department: text("department"),
            job_title: text("job_title"),
            language: text("language"),
            time_zone: text("time_zone"),
            preference: Preference::read(&preference).unwrap_or(Preference::None),
            opted_out: Some(flag(&opted_out).unwrap_or(true)).filter(|_| !opted_out.is_empty()),
            unknown: unknown.into_iter().filter_map(|(meaning, is_unknown)| is_unknown.then_some(meaning)).collect(),
            phones: Vec::new(),
        };
        let (first, last) = split_name(&person.name);
        fill(&mut person.first_name, first);
        fill(&mut person.last_name, last);
        if person.name.is_empty() {
            let both = format!("{} {}", person.first_name, person.last_name);
            both.trim().clone_into(&mut person.name);
        }
        // A row without the column says nothing of phones, not even that there is none.
        if columns.get("phone").is_some_and(|column| row.get(column).is_some()) {
            let phone = Phone {
                number: text("phone"),
                country_code: text("country_code"),
                kind: text("phone_type"),
                preferred: flag(&text("preferred_phone")).unwrap_or_default(),
            };
            person.phones.push(phone);
        }
        person
    }

    /// What texts may say of them, by the names after `employee.`
    pub fn variables(&self) -> [(&'static str, &str); 6] {
        [
            ("id", &self.employee_id),
            ("name", &self.name),
            ("first_name", &self.first_name),
            ("last_name", &self.last_name),
            ("department", &self.department),
            ("job_title", &self.job_title),
        ]
    }

    /// Whether their rows say nothing by which this is known: one of [`variables`](Self::variables), their language, clock or wishes.
    pub fn lacks(&self, meaning: &str) -> bool {
        match meaning {
            "language" => self.language.is_empty(),
            "time_zone" => self.time_zone.is_empty(),
            "opted_out" => self.opted_out.is_none(),
            "channel_preference" => self.preference == Preference::Any,
            word => self.variables().contains(&(word, "")),
        }
    }

    /// Adds what another row says, where this one is silent. An opt-out in either counts, and so does the stricter wish.
    pub fn complete(&mut self, other: &Self) {
        for (own, others) in [
            (&mut self.name, &other.name),
            (&mut self.first_name, &other.first_name),
            (&mut self.last_name, &other.last_name),
            (&mut self.department, &other.department),
            (&mut self.job_title, &other.job_title),
            (&mut self.language, &other.language),
            (&mut self.time_zone, &other.time_zone),
        ] {
            fill(own, others.clone());
        }
        self.opted_out = self.opted_out.max(other.opted_out);
        self.unknown.extend(&other.unknown);
        if self.preference == Preference::Any || other.preference == Preference::None {
            self.preference = other.preference;
        }
        for phone in &other.phones {
            if !self.phones.contains(phone) {
                self.phones.push(phone.clone());
            }
        }
    }

    /// The phone to use: the preferred one, else the first of the wanted types, else any; of those that can be used at all. If
    /// none can, the reason is that of the best of them.
    pub fn phone(&self, tenant: &Tenant) -> Result<PhoneNumber, Unusable> {
        let usual = [tenant::PHONE_TYPE.to_owned()];
        let wanted = tenant.contacts.as_ref().map_or(&usual[..], |contacts| &contacts.phone_types);
        let rank = |phone: &&Phone| {
            let kind = wanted.iter().position(|kind| kind.eq_ignore_ascii_case(&phone.kind)).unwrap_or(wanted.len());
            (!phone.preferred, kind)
        };
        let mut phones: Vec<&Phone> = self.phones.iter().collect();
        phones.sort_by_key(rank);
        let mut why = Unusable::Blank;
        for phone in phones {
            match PhoneNumber::parse(&phone.number, &phone.country_code, &tenant.default_region) {
                Ok(number) => return Ok(number),
                Err(reason) if why == Unusable::Blank => why = reason,
                Err(_) => {}
            }
        }
        Err(why)
    }
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Person").field("phones", &self.phones.len()).finish_non_exhaustive()
    }
}

impl Preference {
    /// `None`: a word that nobody knows.
    fn read(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "" => Some(Self::Any),
            "sms" | "s" | "text" => Some(Self::Sms),
            "voice" | "v" | "call" => Some(Self::Voice),
            "none" | "n" => Some(Self::None),
            _ => None,
        }
    }
}

/// `Last,First Middle` and `First Last`. A title or suffix after a second comma is dropped.
fn split_name(name: &str) -> (String, String) {
    let name = name.trim();
    if let Some((last, rest)) = name.split_once(',') {
        let given = rest.split(',').next().unwrap_or_default().trim();
        return (given.split_whitespace().next().unwrap_or_default().to_owned(), last.trim().to_owned());
    }
    let mut words = name.split_whitespace();
    let first = words.next().unwrap_or_default().to_owned();
    (first, words.next_back().unwrap_or_default().to_owned())
}

fn fill(own: &mut String, other: String) {
    if own.is_empty() {
        *own = other;
    }
}

/// What a flag says; blank is no. `None`: a word that nobody knows.
fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "y" | "yes" | "1" | "true" | "t" => Some(true),
        "" | "n" | "no" | "0" | "false" | "f" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_orders_of_a_name_are_understood() {
        let check = |name: &str, first: &str, last: &str| {
            assert_eq!(split_name(name), (first.to_owned(), last.to_owned()), "{name:?}");
        };
        check("Quill,Ada Mary", "Ada", "Quill");
        check("Quill, Ada", "Ada", "Quill");
        check("de la Cruz,José,Jr.", "José", "de la Cruz");
        check("Ada Quill", "Ada", "Quill");
        check("Ada Mary Quill", "Ada", "Quill");
        check("Ada", "Ada", "");
        check("", "", "");
    }

    #[test]
    fn wishes_and_flags() {
        let check = |text: &str, expect: Preference| assert_eq!(Preference::read(text), Some(expect), "{text:?}");
        for (texts, expect) in [
            (["S", "s", "sms"], Preference::Sms),
            (["V", "v", "Voice"], Preference::Voice),
            (["N", "n", "none"], Preference::None),
        ] {
            for text in texts {
                check(text, expect);
            }
        }
        check("", Preference::Any);
        assert_eq!(["email", "X"].map(Preference::read), [None, None]);
        assert_eq!(["Y", "1", "true"].map(flag), [Some(true); 3]);
        assert_eq!(["N", "0", "false", ""].map(flag), [Some(false); 4]);
        assert_eq!(["X", "2026-01-01"].map(flag), [None, None]);
    }

    #[test]
    fn a_completed_person_keeps_her_own_words_and_the_stricter_wish() {
        let mut own = Person { name: "Ada Quill".to_owned(), preference: Preference::Sms, ..Person::default() };
        let other = Person {
            name: "A. Quill".to_owned(),
            language: "ESP".to_owned(),
            preference: Preference::None,
            opted_out: Some(true),
            ..Person::default()
        };
        own.complete(&other);
        assert_eq!(
            (own.name.as_str(), own.language.as_str(), own.preference, own.opted_out),
            ("Ada Quill", "ESP", Preference::None, Some(true))
        );
    }
}
