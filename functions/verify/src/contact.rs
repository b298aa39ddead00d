//! Whose phone: asked of PeopleSoft at every start and kept nowhere, so that a number that changed there has changed here.
//! Somebody who doesn't exist, has no usable phone or may not be contacted comes to the same: nobody.

use crate::answer::Refusal;
use crate::{Deps, locale};
use shared::contacts::{self, Person};
use shared::phone::PhoneNumber;
use shared::template::language_tag;
use shared::tenant::Tenant;
use std::sync::Arc;
use std::time::Duration;

/// How long PeopleSoft may take. With Twilio's ten seconds it stays within the thirty that an HTTP API gives us.
const PATIENCE: Duration = Duration::from_secs(15);

/// The longest that an employee's id can be. EMPLID has 11 characters; some customers' own keys are longer.
const LONGEST_ID: usize = 40;

/// Somebody who can be sent a code.
pub struct Contact {
    /// Where to.
    pub number: PhoneNumber,
    /// In which language, if Verify has theirs.
    pub locale: Option<&'static str>,
}

/// Looks an employee up.
pub async fn find(deps: &Deps, tenant: &Arc<Tenant>, employee_id: &str) -> Result<Option<Contact>, Refusal> {
    let Some(contacts) = &tenant.contacts else {
        let why = "the tenant document has no \"contacts\", by which verify looks phones up";
        return Err(Refusal::Unavailable(why.to_owned()));
    };
    if !is_plain(employee_id) {
        return Ok(None);
    }
    let reading = async {
        let client = deps.clients.of(tenant, &deps.clock)?;
        contacts::read(&client, contacts, Some(employee_id)).await
    };
    let people = match tokio::time::timeout(PATIENCE, reading).await {
        Ok(Ok(found)) => found.people,
        failed => {
            deps.metrics.count(&tenant.id, "VerifyFailed", 1, Some("peoplesoft"));
            let why = match failed {
                Ok(Err(error)) => format!("{error}. {}", error.remedy()),
                _ => format!("PeopleSoft takes longer than {} s to say a phone", PATIENCE.as_secs()),
            };
            return Err(Refusal::Unavailable(why));
        }
    };
    Ok(people.first().and_then(|person| of_person(tenant, person)))
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
