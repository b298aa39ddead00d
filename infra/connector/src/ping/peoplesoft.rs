//! Whether PeopleSoft can be reached, knows us, and has the time that we have; then each of its queries.

use super::{Check, query};
use futures::stream::{self, StreamExt};
use jiff::{SignedDuration, Timestamp};
use shared::clock::Clock;
use shared::peoplesoft::{Class, Client, Error, QueryList};
use shared::tenant::Tenant;

const OF: &str = "peoplesoft";
/// How far apart two clocks may be. Windows end at our time, so rows that are stamped by a clock ahead of ours come late.
const APART: SignedDuration = SignedDuration::from_secs(60);
/// Queries that are tried at once.
const AT_ONCE: usize = 3;

/// Every check of PeopleSoft.
pub async fn checks(tenant: &Tenant, clock: &Clock) -> Vec<Check> {
    let client = match Client::new(tenant.peoplesoft.clone(), clock.clone()) {
        Ok(client) => client,
        Err(error) => return vec![Check::trouble(OF, "reachable", error.to_string(), error.remedy())],
    };
    let asked = clock.now();
    let (mut checks, go_on) = match client.list_queries(&prefix(tenant)).await {
        Ok(list) => (vec![reached(tenant), Check::ok(OF, "credentials", "accepted"), time(&list, asked)], true),
        Err(error) => not_listed(tenant, &error),
    };
    if !go_on {
        let names = tenant.contacts.iter().map(|_| "contacts").chain(tenant.events.iter().map(|e| e.source.as_str()));
        checks.extend(names.map(|of| Check::skipped(of, "query", "PeopleSoft can't be asked")));
        return checks;
    }
    let (client, now) = (&client, clock.now());
    let contacts = tenant.contacts.iter().map(|contacts| query::Asked::contacts(tenant, contacts));
    let sources = tenant.events.iter().map(|source| query::Asked::source(tenant, source));
    // Collected, since a stream over borrowed iterators is no future that can be sent.
    let asked: Vec<_> =
        contacts.chain(sources).map(|asked| async move { query::checks(client, asked, now).await }).collect();
    let tried: Vec<Vec<Check>> = stream::iter(asked).buffered(AT_ONCE).collect().await;
    checks.extend(tried.into_iter().flatten());
    checks
}

/// What the queries' names begin with, so that the list is short and holds what somebody may have meant.
fn prefix(tenant: &Tenant) -> String {
    let names = tenant.events.iter().map(|source| source.query.as_str());
    let mut names = names.chain(tenant.contacts.iter().map(|contacts| contacts.query.as_str()));
    let Some(first) = names.next() else { return String::new() };
    let shared = names.fold(first, |prefix, name| {
        let same = prefix.char_indices().zip(name.chars()).find(|((_, a), b)| a != b);
        let end = same.map_or(prefix.len().min(name.len()), |((at, _), _)| at);
        prefix.get(..end).unwrap_or_default()
    });
    shared.to_owned()
}

fn reached(tenant: &Tenant) -> Check {
    Check::ok(OF, "reachable", tenant.peoplesoft.base_url.clone())
}

fn time(list: &QueryList, asked: Timestamp) -> Check {
    let Some(theirs) = list.server_date else {
        return Check::ok(OF, "clock", "PeopleSoft doesn't say what time it is");
    };
    let apart = theirs.duration_since(asked);
    // Its answer has whole seconds.
    let found = match apart.as_secs() {
        -2..=2 => "the same as ours".to_owned(),
        seconds if seconds > 0 => format!("{seconds} s ahead of ours"),
        seconds => format!("{} s behind ours", -seconds),
    };
    if apart.abs() <= APART {
        Check::ok(OF, "clock", found)
    } else {
        let remedy =
            "Set PeopleSoft's servers, or this machine, by a time server: events are asked for up to our own time.";
        Check::trouble(OF, "clock", found, remedy)
    }
}

/// What a refused list means: it may be that nothing works, or only that listing isn't allowed, which nothing else needs.
fn not_listed(tenant: &Tenant, error: &Error) -> (Vec<Check>, bool) {
    let refused = |check: &str| Check::trouble(OF, check, error.to_string(), error.remedy());
    match error.class() {
        Class::Unavailable | Class::Misconfigured => {
            (vec![refused("reachable"), Check::skipped(OF, "credentials", "PeopleSoft can't be asked")], false)
        }
        // An account can lock: not another question with these.
        Class::Credentials => (vec![reached(tenant), refused("credentials")], false),
        Class::Permission | Class::Query | Class::Incomplete => {
            let why = format!("queries can't be listed (ListQuery), which nothing but ping needs: {error}");
            (vec![reached(tenant), Check::skipped(OF, "clock", why)], true)
        }
    }
}
