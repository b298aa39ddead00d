//! Looking people up: one by one while they are few, all at once when they are many. Remembers what it found for the length
//! of one reading.

use crate::pages::Error;
use crate::turn::Turn;
use futures::stream::{self, StreamExt};
use shared::contacts::{Person, add, read};
use shared::peoplesoft::{self, Class, Client};
use shared::tenant::{Contacts, Tenant};
use std::collections::{HashMap, HashSet};
use tokio::time::timeout;

/// Up to this many employees are asked for one by one.
const ONE_BY_ONE: usize = 25;
/// Requests at once; the client's own bound for one PeopleSoft lies above it.
const AT_ONCE: usize = 8;
/// Look-ups of one reading that may fail before the trouble counts as the query's own, and nobody else is asked for.
const MOST_FAILURES: usize = 5;

/// What was looked up so far.
#[derive(Default)]
pub struct Book {
    people: HashMap<String, Person>,
    asked: HashSet<String>,
    read_all: bool,
    /// Whose look-up failed, while others' went well. They aren't asked for again in this reading.
    failed: HashSet<String>,
    trouble: Option<peoplesoft::Error>,
}

impl Book {
    /// Whether this person can't be completed without asking PeopleSoft, for the first time or once more.
    pub fn must_ask(&self, tenant: &Tenant, person: &Person) -> bool {
        let id = &person.employee_id;
        tenant.contacts.is_some() && lacks_phone(person) && !self.asked.contains(id) && !self.people.contains_key(id)
    }

    /// Completes people whose own rows give no phone, and after an error whoever was found before it. Somebody whose own
    /// look-up fails holds up nobody else: they must be asked for once more, and [`Book::trouble`] says why. Asks nobody beyond
    /// the turn's time.
    pub async fn complete(&mut self, turn: &Turn<'_>, people: &mut [Person]) -> Result<(), Error> {
        let Some(contacts) = &turn.tenant.contacts else { return Ok(()) };
        let wanted = people.iter().filter(|person| self.must_ask(turn.tenant, person));
        let wanted: HashSet<String> = wanted.map(|person| person.employee_id.clone()).collect();
        let looking_up = self.look_up(turn.client, contacts, wanted);
        let looked_up = timeout(turn.left(), looking_up).await.map_or(Err(Error::TimeOver), |found| Ok(found?));
        self.check_columns(contacts)?;
        for person in people.iter_mut().filter(|person| lacks_phone(person)) {
            if let Some(known) = self.people.get(&person.employee_id) {
                person.phones.clear();
                person.complete(known);
            }
        }
        looked_up
    }

    /// Why somebody could not be looked up, if anybody couldn't.
    pub fn trouble(&mut self) -> Result<(), Error> {
        self.trouble.take().map_or(Ok(()), |error| Err(error.into()))
    }

    async fn look_up(
        &mut self,
        client: &Client,
        contacts: &Contacts,
        mut wanted: HashSet<String>,
    ) -> Result<(), peoplesoft::Error> {
        if !self.read_all && self.asked.len() + wanted.len() > ONE_BY_ONE {
            self.read_all = true;
            // An empty value of an optional prompt asks for everybody.
            match read(client, contacts, "").await {
                Ok(people) => add(&mut self.people, people),
                Err(error) if error.class() == Class::Query => {
                    tracing::warn!(query = contacts.query, error = %error, "the contacts can't be read all at once, so they are asked for one by one; make the employee prompt optional");
                }
                Err(error) => return Err(error),
            }
            wanted.retain(|id| !self.people.contains_key(id));
        }
        // Whoever a full read leaves out may have fallen to a row limit that nobody told us of.
        wanted.retain(|id| !self.failed.contains(id));
        let mut answers = stream::iter(wanted)
            .map(|id| async move { (read(client, contacts, &id).await, id) })
            .buffer_unordered(AT_ONCE);
        while let Some((found, id)) = answers.next().await {
            match found {
                Ok(people) => {
                    add(&mut self.people, people);
                    self.asked.insert(id);
                }
                // No prompt can ask for such an id, so nobody in the contacts has it.
                Err(peoplesoft::Error::BadPrompt { .. }) if id.contains(',') => {
                    self.asked.insert(id);
                }
                Err(error) if is_ones_own(&error) && self.failed.len() < MOST_FAILURES => {
                    self.failed.insert(id);
                    self.trouble.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Rows without a phone column would leave everybody without a phone.
    fn check_columns(&self, contacts: &Contacts) -> Result<(), Error> {
        let no_phones = !self.people.is_empty() && self.people.values().all(|person| person.phones.is_empty());
        match contacts.columns.get("phone").filter(|_| no_phones) {
            Some(column) => Err(Error::NoSuchColumn { query: contacts.query.clone(), column: column.to_owned() }),
            None => Ok(()),
        }
    }
}

/// Whether it may be the trouble of the one employee who was asked for, such as a record that PeopleSoft's own code trips over.
fn is_ones_own(error: &peoplesoft::Error) -> bool {
    matches!(error.class(), Class::Query | Class::Incomplete)
}

fn lacks_phone(person: &Person) -> bool {
    person.phones.iter().all(|phone| phone.number.is_empty())
}
