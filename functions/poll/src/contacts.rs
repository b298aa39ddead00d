//! Looking people up: one by one while they are few, all at once when they are many. Remembers what it found for the length
//! of one reading.

use crate::pages::Error;
use futures::stream::{self, StreamExt, TryStreamExt};
use shared::contacts::{Person, add, read};
use shared::peoplesoft::{self, Client};
use shared::tenant::{Contacts, Tenant};
use std::collections::{HashMap, HashSet};

/// Up to this many employees are asked for one by one.
const ONE_BY_ONE: usize = 25;
/// Requests at once; the client's own bound for one PeopleSoft lies above it.
const AT_ONCE: usize = 8;

/// What was looked up so far.
#[derive(Default)]
pub struct Book {
    people: HashMap<String, Person>,
    asked: HashSet<String>,
    read_all: bool,
}

impl Book {
    /// Whether this person can't be completed without asking PeopleSoft.
    pub fn must_ask(&self, tenant: &Tenant, person: &Person) -> bool {
        let id = &person.employee_id;
        tenant.contacts.is_some() && lacks_phone(person) && !self.asked.contains(id) && !self.people.contains_key(id)
    }

    /// Completes people whose own rows give no phone.
    pub async fn complete(&mut self, client: &Client, tenant: &Tenant, people: &mut [Person]) -> Result<(), Error> {
        let Some(contacts) = &tenant.contacts else { return Ok(()) };
        let wanted = people.iter().filter(|person| self.must_ask(tenant, person));
        let wanted: HashSet<String> = wanted.map(|person| person.employee_id.clone()).collect();
        self.look_up(client, contacts, wanted).await?;
        self.check_columns(contacts)?;
        for person in people.iter_mut().filter(|person| lacks_phone(person)) {
            if let Some(known) = self.people.get(&person.employee_id) {
                person.phones.clear();
                person.complete(known);
            }
        }
        Ok(())
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
                Err(error) if error.class() == peoplesoft::Class::Query => {
                    tracing::warn!(query = contacts.query, error = %error, "the contacts can't be read all at once, so they are asked for one by one; make the employee prompt optional");
                }
                Err(error) => return Err(error),
            }
            wanted.retain(|id| !self.people.contains_key(id));
        }
        // Whoever a full read leaves out may have fallen to a row limit that nobody told us of.
        let found: Vec<Vec<Person>> = stream::iter(wanted.clone())
            .map(|id| async move { read(client, contacts, &id).await })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        for people in found {
            add(&mut self.people, people);
        }
        self.asked.extend(wanted);
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

fn lacks_phone(person: &Person) -> bool {
    person.phones.iter().all(|phone| phone.number.is_empty())
}
