//! Looking people up: one by one while they are few, all at once when they are many. Remembers what it found for the length
//! of one reading.

use futures::stream::{self, StreamExt, TryStreamExt};
use shared::contacts::{Person, add, read};
use shared::peoplesoft::{Client, Error};
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
    /// Completes people whose own rows give no phone.
    pub async fn complete(&mut self, client: &Client, tenant: &Tenant, people: &mut [Person]) -> Result<(), Error> {
        let Some(contacts) = &tenant.contacts else { return Ok(()) };
        let lacks = |person: &Person| person.phones.iter().all(|phone| phone.number.is_empty());
        let wanted: HashSet<String> =
            people.iter().filter(|person| lacks(person)).map(|person| person.employee_id.clone()).collect();
        self.look_up(client, contacts, wanted).await?;
        for person in people.iter_mut().filter(|person| lacks(person)) {
            if let Some(known) = self.people.get(&person.employee_id) {
                person.phones.clear();
                person.complete(known);
            }
        }
        Ok(())
    }

    async fn look_up(&mut self, client: &Client, contacts: &Contacts, wanted: HashSet<String>) -> Result<(), Error> {
        let mut unknown: Vec<String> =
            wanted.into_iter().filter(|id| !self.asked.contains(id) && !self.people.contains_key(id)).collect();
        if !self.read_all && self.asked.len() + unknown.len() > ONE_BY_ONE {
            self.read_all = true;
            // An empty value of an optional prompt asks for everybody.
            add(&mut self.people, read(client, contacts, "").await?);
            unknown.retain(|id| !self.people.contains_key(id));
        }
        // Whoever a full read leaves out may have fallen to a row limit that nobody told us of.
        let found: Vec<Vec<Person>> = stream::iter(unknown.clone())
            .map(|id| async move { read(client, contacts, &id).await })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        for people in found {
            add(&mut self.people, people);
        }
        self.asked.extend(unknown);
        Ok(())
    }
}
