//! Looking people up: one by one while they are few, all at once when they are many. Remembers what it found for the length
//! of one reading.

use crate::pages::Error;
use crate::turn::Turn;
use futures::stream::{self, StreamExt};
use shared::contacts::{Found, Person, Phone, add, read};
use shared::peoplesoft::{self, Class, Client, Reason};
use shared::tenant::{Columns, Contacts, EventSource, Tenant};
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
    /// What the contacts give, besides phones, and somebody's notification depends on.
    given: Vec<&'static str>,
    people: HashMap<String, Person>,
    /// Columns that no row of the contacts has.
    absent: Vec<String>,
    asked: HashSet<String>,
    read_all: bool,
    /// Whether a full read takes too long, as far as is known: everybody is asked for one by one then.
    is_slow: bool,
    /// Whose look-up failed, while others' went well. They aren't asked for again in this reading.
    failed: HashSet<String>,
    trouble: Option<peoplesoft::Error>,
}

impl Book {
    /// An empty one, for the events of a source. `is_slow` is what the last one [was](Self::is_slow).
    pub fn of(tenant: &Tenant, source: &EventSource, is_slow: bool) -> Self {
        let contacts = tenant.contacts.as_ref().map(|contacts| &contacts.columns);
        let words = contacts.into_iter().flat_map(Columns::employee_variables).filter(|word| source.says(word));
        let language = ["language"].into_iter().filter(|_| source.templates.len() > 1);
        let others = ["opted_out", "channel_preference", "time_zone"].into_iter().chain(language);
        let others = others.filter(|meaning| contacts.is_some_and(|columns| columns.get(meaning).is_some()));
        Self { given: words.chain(others).collect(), is_slow, ..Self::default() }
    }

    /// Whether the contacts of everybody take longer to come than we may wait.
    pub fn is_slow(&self) -> bool {
        self.is_slow
    }

    /// Whether this person can't be completed without asking PeopleSoft, for the first time or once more.
    pub fn must_ask(&self, tenant: &Tenant, person: &Person) -> bool {
        let id = &person.employee_id;
        tenant.contacts.is_some()
            && self.is_wanting(tenant, person)
            && !self.asked.contains(id)
            && !self.people.contains_key(id)
    }

    /// Completes people whose own rows give no phone that can be used, or leave out what the contacts give; and
    /// after an error whoever was found before it. Somebody whose own look-up fails holds up nobody else: they must be asked for
    /// once more, and [`Book::trouble`] says why. Asks nobody beyond the turn's time.
    pub async fn complete(&mut self, turn: &Turn<'_>, mut people: Vec<&mut Person>) -> Result<(), Error> {
        let tenant = turn.tenant;
        let Some(contacts) = &tenant.contacts else { return Ok(()) };
        let wanted = people.iter().filter(|person| self.must_ask(tenant, person));
        let wanted: HashSet<String> = wanted.map(|person| person.employee_id.clone()).collect();
        let looking_up = self.look_up(turn.client, contacts, wanted);
        let looked_up = timeout(turn.left(), looking_up).await.map_or(Err(Error::TimeOver), |found| Ok(found?));
        if let Err(error) = &looked_up {
            tracing::warn!(tenant = %tenant.id, query = contacts.query, error = %error, "the contacts could not be read");
        }
        self.check_columns(contacts)?;
        for person in people.iter_mut().filter(|person| self.is_wanting(tenant, person)) {
            if let Some(known) = self.people.get(&person.employee_id) {
                // A phone that comes with the event is the one that is meant, unless only the contacts' can be used.
                let is_usable = person.phone(tenant).is_ok();
                let own = std::mem::take(&mut person.phones);
                person.complete(known);
                if is_usable || own.iter().any(is_given) && person.phone(tenant).is_err() {
                    person.phones = own;
                }
            }
        }
        looked_up
    }

    /// Whether their own row leaves something out that the contacts may give.
    fn is_wanting(&self, tenant: &Tenant, person: &Person) -> bool {
        person.phone(tenant).is_err() || self.given.iter().any(|meaning| person.lacks(meaning))
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
        if !self.read_all && !self.is_slow && self.asked.len() + wanted.len() > ONE_BY_ONE {
            self.read_all = true;
            self.is_slow = true; // unless it comes to an end: the turn's time may be over first
            let everybody = read(client, contacts, None).await;
            self.is_slow = everybody.as_ref().is_err_and(is_timeout);
            match everybody {
                Ok(found) => self.add(found),
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
            .map(|id| async move { (read(client, contacts, Some(&id)).await, id) })
            .buffer_unordered(AT_ONCE);
        while let Some((found, id)) = answers.next().await {
            match found {
                Ok(found) => {
                    self.add(found);
                    self.asked.insert(id);
                }
                // No prompt can ask for such an id, so nobody in the contacts has it.
                Err(peoplesoft::Error::BadPrompt { .. }) if id.contains(',') => {
                    self.asked.insert(id);
                }
                Err(error) if is_ones_own(&error) && self.failed.len() < MOST_FAILURES => {
                    self.failed.insert(id);
                    if self.trouble.is_none() {
                        tracing::warn!(query = contacts.query, error = %error, "somebody could not be looked up in the contacts");
                        self.trouble = Some(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn add(&mut self, found: Found) {
        if !found.people.is_empty() {
            self.absent = found.absent;
        }
        add(&mut self.people, found.people);
    }

    /// Rows without one of these columns would leave everybody without a phone, every text with a hole, or every wish unheard.
    fn check_columns(&self, contacts: &Contacts) -> Result<(), Error> {
        match contacts.columns.needed().find(|column| self.absent.iter().any(|absent| absent == column)) {
            Some(column) => Err(Error::NoSuchColumn { query: contacts.query.clone(), column: column.to_owned() }),
            None => Ok(()),
        }
    }
}

/// Whether it may be the trouble of the one employee who was asked for, such as a record that PeopleSoft's own code trips over.
fn is_ones_own(error: &peoplesoft::Error) -> bool {
    matches!(error.class(), Class::Query | Class::Incomplete)
}

fn is_timeout(error: &peoplesoft::Error) -> bool {
    matches!(error, peoplesoft::Error::Unavailable { reason: Reason::Timeout(_), .. })
}

fn is_given(phone: &Phone) -> bool {
    !phone.number.is_empty()
}
