//! What all notifications add up to: counts by tenant, kind, day, state and reason, and how long they took. Grows with the
//! number of kinds, days and reasons, not with the number of notifications.

use super::row::Row;
use super::times::Times;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;
use shared::notification::State;
use std::collections::BTreeMap;

/// What notifications are counted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Group {
    /// Whose they are.
    pub tenant: String,
    /// What kind of event; `unknown` where nothing says.
    pub kind: String,
    /// The day on which they were created, UTC.
    pub day: Date,
    /// Where they stand.
    pub state: State,
    /// Why, without what differs from one to the next.
    pub reason: Option<String>,
}

/// How long the notifications of a tenant and kind took, from the event.
#[derive(Debug, Clone, Default)]
pub struct Took {
    /// Until Twilio had them.
    pub accepted: Times,
    /// Until they had arrived.
    pub delivered: Times,
}

/// All sums.
#[derive(Debug, Clone, Default)]
pub struct Sums {
    groups: BTreeMap<Group, u64>,
    took: BTreeMap<(String, String), Took>,
    /// How many notifications there are.
    pub all: u64,
    /// How many arrived after their time.
    pub late: u64,
}

impl Sums {
    /// Counts one notification.
    pub fn add(&mut self, row: &Row) {
        let kind = row.kind.clone().unwrap_or_else(|| "unknown".to_owned());
        let day = row.created_at.map(|at| at.to_zoned_datetime(TimeZone::UTC).date()).unwrap_or_default();
        let took = self.took.entry((row.tenant.to_string(), kind.clone())).or_default();
        row.until_accepted().into_iter().for_each(|time| took.accepted.add(time));
        row.until_delivered().into_iter().for_each(|time| took.delivered.add(time));
        let reason = row.reason.as_deref().map(without_times);
        let group = Group { tenant: row.tenant.to_string(), kind, day, state: row.state, reason };
        *self.groups.entry(group).or_default() += 1;
        self.all += 1;
        self.late += u64::from(row.is_on_time() == Some(false));
    }

    /// Every group and how many are in it.
    pub fn groups(&self) -> impl Iterator<Item = (&Group, u64)> {
        self.groups.iter().map(|(group, count)| (group, *count))
    }

    /// How many there are of each of something.
    pub fn by<K: Ord>(&self, key: impl Fn(&Group) -> K) -> BTreeMap<K, u64> {
        let mut counts = BTreeMap::new();
        for (group, count) in &self.groups {
            *counts.entry(key(group)).or_default() += count;
        }
        counts
    }

    /// How long they took, by tenant and kind; only where anything was accepted.
    pub fn took(&self) -> impl Iterator<Item = (&str, &str, &Took)> {
        let any = self.took.iter().filter(|(_, took)| took.accepted.count() > 0);
        any.map(|((tenant, kind), took)| (tenant.as_str(), kind.as_str(), took))
    }

    /// How long all took.
    pub fn took_in_all(&self) -> Took {
        let mut all = Took::default();
        for took in self.took.values() {
            all.accepted.add_all(&took.accepted);
            all.delivered.add_all(&took.delivered);
        }
        all
    }
}

/// A reason without the time at its end, which is another for each notification.
pub fn without_times(reason: &str) -> String {
    if reason.starts_with("not before ") {
        return "its time has not come".to_owned();
    }
    reason.split("; again at ").next().unwrap_or(reason).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_told_without_their_times() {
        let check = |reason: &str, expect: &str| assert_eq!(without_times(reason), expect);
        check("no_phone", "no_phone");
        check("30006 landline or unreachable carrier", "30006 landline or unreachable carrier");
        check("quiet_hours; again at 2026-03-18T13:00:00.000Z", "quiet_hours");
        check("not before 2026-03-18T13:00:00.000Z", "its time has not come");
    }
}
