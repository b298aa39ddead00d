//! People and their phones, as PeopleSoft has them. Read for notifications and for two-factor checks; nothing is kept.

mod person;

pub use person::{Person, Phone, Preference};

use crate::peoplesoft::{Class, Client, Error, Query};
use crate::tenant::Contacts;
use std::collections::HashMap;
use std::hash::BuildHasher;

/// What a look-up found.
#[derive(Debug, Default)]
pub struct Found {
    /// Whoever was asked for and is there.
    pub people: Vec<Person>,
    /// The columns that the document names and no row has. Unknown, and so none, where no row came.
    pub absent: Vec<String>,
}

/// Reads one employee's contacts, or everybody's. Several rows of one employee are put together. Of everybody, some may be
/// missing: a row limit cuts with or without a word, and whoever it may have cut in two is left out, to be asked for alone. Of one, what came counts even where the answer says that there was more: a
/// phone too few is better than none.
pub async fn read(client: &Client, contacts: &Contacts, employee_id: Option<&str>) -> Result<Found, Error> {
    // An empty value of an optional prompt asks for everybody.
    let prompts = [(contacts.employee_prompt.clone(), employee_id.unwrap_or_default().to_owned())];
    let columns = contacts.columns.all(&[]);
    let query = Query {
        name: &contacts.query,
        prompts: &prompts,
        max_rows: client.max_rows(),
        columns: &columns,
        blocks: false,
    };
    let mut rows = client.execute(&query).await?;
    let mut people = HashMap::new();
    let mut absent = columns.clone();
    let (mut last, mut is_ordered, mut is_cut) = (String::new(), true, false);
    loop {
        match rows.next().await {
            Ok(Some(row)) => {
                absent.retain(|column| row.get(column).is_none());
                let person = Person::read(&row, &contacts.columns);
                is_ordered &= last <= person.employee_id;
                last.clone_from(&person.employee_id);
                add(&mut people, [person]);
            }
            Ok(None) => break,
            Err(error) if error.class() != Class::Incomplete => return Err(error),
            Err(error) if employee_id.is_none_or(|id| people.contains_key(id)) => {
                tracing::warn!(query = contacts.query, %error, "not all contacts came; those that came are used");
                is_cut = true;
                break;
            }
            Err(error) => return Err(error),
        }
    }
    if people.is_empty() {
        absent.clear();
    }
    if employee_id.is_none() && is_ordered {
        people.remove(&last);
    } else if employee_id.is_none() && (is_cut || rows.read() >= u64::from(query.max_rows)) {
        people.clear(); // in no order, anybody's rows may be among those that are missing
    }
    // A query that doesn't filter by its prompt must not hand somebody else's phone to this employee.
    let people = people.into_values().filter(|person| employee_id.is_none_or(|id| person.employee_id == id)).collect();
    Ok(Found { people, absent })
}

/// Adds people to those that are known, completing whoever is among them.
pub fn add<S: BuildHasher>(known: &mut HashMap<String, Person, S>, people: impl IntoIterator<Item = Person>) {
    for person in people {
        match known.get_mut(&person.employee_id) {
            Some(same) => same.complete(&person),
            None => {
                known.insert(person.employee_id.clone(), person);
            }
        }
    }
}
