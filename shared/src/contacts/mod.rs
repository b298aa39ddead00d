//! People and their phones, as PeopleSoft has them. Read for notifications and for two-factor checks; nothing is kept.

mod person;

pub use person::{Person, Phone, Preference};

use crate::peoplesoft::{Class, Client, Error, Query};
use crate::tenant::Contacts;
use std::collections::HashMap;
use std::hash::BuildHasher;

/// Reads one employee's contacts, or everybody's if `employee_id` is empty. Several rows of one employee are put together.
/// Of everybody, some may be missing: a row limit cuts with or without a word. Of one, what came counts even where the answer
/// says that there was more: a phone too few is better than none.
pub async fn read(client: &Client, contacts: &Contacts, employee_id: &str) -> Result<Vec<Person>, Error> {
    let prompts = [(contacts.employee_prompt.clone(), employee_id.to_owned())];
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
    loop {
        match rows.next().await {
            Ok(Some(row)) => add(&mut people, [Person::read(&row, &contacts.columns)]),
            Ok(None) => break,
            Err(error) if error.class() != Class::Incomplete => return Err(error),
            Err(error) if employee_id.is_empty() || people.contains_key(employee_id) => {
                tracing::warn!(query = contacts.query, %error, "not all contacts came; those that came are used");
                break;
            }
            Err(error) => return Err(error),
        }
    }
    // A query that doesn't filter by its prompt must not hand somebody else's phone to this employee.
    Ok(people.into_values().filter(|person| employee_id.is_empty() || person.employee_id == employee_id).collect())
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
