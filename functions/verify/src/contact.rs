//! Whose phone: asked of PeopleSoft at every start and kept nowhere, so that a number that changed there has changed here.
//! Somebody who doesn't exist, has no usable phone or may not be contacted comes to the same: nobody.

use crate::answer::Refusal;
use crate::{Deps, locale, start};
use jiff::Timestamp;
use shared::contacts::{self, Found, Person};
use shared::peoplesoft::{self, Class};
use shared::phone::PhoneNumber;
use shared::stamp;
use shared::template::language_tag;
use shared::tenant::{Contacts, Tenant};
use std::sync::Arc;
use std::time::Duration;

/// How long PeopleSoft may take, if that leaves Twilio its time.
const PATIENCE: Duration = Duration::from_secs(15);

/// What every row must have: without the one everybody looks like somebody else, without the other like nobody.
const NEEDED: [&str; 2] = ["employee_id", "phone"];

/// The longest that an employee's id can be. EMPLID has 11 characters; some customers' own keys are longer.
const LONGEST_ID: usize = 40;

/// Somebody who can be sent a code.
pub struct Contact {
    /// Where to.
    pub number: PhoneNumber,
    /// In which language, if Verify has theirs.
    pub locale: Option<&'static str>,
}

/// Why nobody could be looked up.
struct Failure {
    why: String,
    /// Whether it lasts until somebody mends it.
    lasts: bool,
}

impl From<peoplesoft::Error> for Failure {
    fn from(error: peoplesoft::Error) -> Self {
        let lasts = match error.class() {
            Class::Misconfigured | Class::Credentials | Class::Permission | Class::Query => true,
            Class::Unavailable | Class::Incomplete => false,
        };
        Self { why: format!("{error}. {}", error.remedy()), lasts }
    }
}

/// Looks an employee up, by a moment from which Twilio has its time until the invocation ends at `until`.
pub async fn find(
    deps: &Deps,
    tenant: &Arc<Tenant>,
    employee_id: &str,
    until: Timestamp,
) -> Result<Option<Contact>, Refusal> {
    if !is_plain(employee_id) {
        return Ok(None);
    }
    match look_up(deps, tenant, employee_id, until).await {
        Ok(person) => Ok(person.and_then(|person| of_person(tenant, &person))),
        Err(Failure { why, lasts }) => {
            deps.metrics.count(&tenant.id, "VerifyFailed", 1, Some("peoplesoft"));
            if lasts {
                deps.metrics.count(&tenant.id, "VerifyTrouble", 1, Some("peoplesoft"));
            }
            Err(Refusal::Unavailable(why))
        }
    }
}

async fn look_up(
    deps: &Deps,
    tenant: &Arc<Tenant>,
    employee_id: &str,
    until: Timestamp,
) -> Result<Option<Person>, Failure> {
    let failure = |why: &str, lasts| Failure { why: why.to_owned(), lasts };
    let Some(contacts) = &tenant.contacts else {
        return Err(failure("the tenant document has no \"contacts\", by which verify looks phones up", true));
    };
    let now = deps.clock.now();
    if deps.clients.is_refused(tenant, now) {
        let why = "PeopleSoft refused the credentials within the last minutes, and isn't asked with them again yet: accounts lock";
        return Err(failure(why, true));
    }
    let patience = stamp::between(now, until).saturating_sub(start::FOR_TWILIO).min(PATIENCE);
    if patience.is_zero() {
        return Err(failure("too little of the invocation is left to ask PeopleSoft and then Twilio", false));
    }
    let client = deps.clients.of(tenant, &deps.clock)?;
    let found = match tokio::time::timeout(patience, contacts::read(&client, contacts, Some(employee_id))).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            if error.class() == Class::Credentials {
                deps.clients.note_refusal(&tenant.id, deps.clock.now());
            }
            return Err(error.into());
        }
        Err(_) => {
            let why = format!("PeopleSoft takes longer than {} s to say a phone", patience.as_secs_f32());
            return Err(failure(&why, false));
        }
    };
    if let Some(column) = lacking(&found, contacts) {
        let why =
            format!("the rows of the query {} have no column {column:?}: correct contacts.columns", contacts.query);
        return Err(failure(&why, true));
    }
    Ok(found.people.into_iter().next())
}

/// The column that is in the document, is needed, and is in none of the rows that came.
fn lacking<'a>(found: &Found, contacts: &'a Contacts) -> Option<&'a str> {
    let mut needed = NEEDED.into_iter().filter_map(|meaning| contacts.columns.get(meaning));
    needed.find(|column| found.absent.iter().any(|absent| absent == column))
}

fn of_person(tenant: &Tenant, person: &Person) -> Option<Contact> {
    let number = person.phone(tenant).ok().filter(|number| tenant.allows(number))?;
    let language = language_tag(&person.language);
    let locale = locale::of(language.as_deref().unwrap_or(&tenant.default_language));
    Some(Contact { number, locale })
}

/// Whether PeopleSoft can be asked for such an id. A comma separates prompts, and `%` or `_` may mean anybody where a query
/// compares by LIKE.
fn is_plain(employee_id: &str) -> bool {
    employee_id.len() <= LONGEST_ID && employee_id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_could_mean_somebody_else_is_nobodys() {
        let check = |id: &str, expect: bool| assert_eq!(is_plain(id), expect, "{id:?}");
        check("0042317", true);
        check("KU-0042.1", true);
        check("0042317,0042318", false);
        check("%", false);
        check("004231_", false);
        check("0042317 ", false);
        check(&"1".repeat(41), false);
    }
}
