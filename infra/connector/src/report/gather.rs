//! From exports to rows, sums and findings, in two passes: facts are put aside by notification, then each notification's are
//! folded together. Memory holds one share of the facts at a time, however many there are.

use super::integrity::{self, Check, Finding, Findings};
use super::manifest::{Chosen, Covers};
use super::record::{self, Record};
use super::row::Row;
use super::spill::{Aside, Spill};
use super::sums::Sums;
use jiff::Timestamp;
use shared::ledger::{Item, read, retain_until};
use shared::notification::{Detail, EmployeeKey, Fact, NotificationId, Story};
use shared::tenant::TenantId;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;

/// Retention removes the beginning of a notification first, and the rest as soon as it is as old: as a rule minutes later, and
/// seldom more than the days for which something was held or waited.
const REMOVED_WITHIN: i64 = 7 * 24 * 60 * 60;

/// What was gathered, but for the rows, which were handed over one by one.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Sums over all rows.
    pub sums: Sums,
    /// What can't be.
    pub findings: Findings,
    /// How many facts of notifications there are.
    pub facts: u64,
    /// How many items are of another kind, by kind.
    pub others: BTreeMap<&'static str, u64>,
}

/// What the exports are held against.
#[derive(Clone, Copy)]
struct Times {
    /// States are as of then.
    now: Timestamp,
    /// When the full export was taken, in microseconds since 1970.
    full: Option<i64>,
}

/// Reads the exports, and hands over a row for each notification in the order of their ids. States are as of `now`. `told`
/// hears of each line that was read.
pub fn gather(
    chosen: &Chosen,
    now: Timestamp,
    told: impl Fn(),
    mut take: impl FnMut(Row) -> io::Result<()>,
) -> io::Result<Gathered> {
    let facts = chosen.exports.iter().map(super::manifest::Export::items).sum();
    let mut gathered = Gathered::default();
    for gap in &chosen.gaps {
        let subject = chosen.exports.first().map(|export| export.table.clone()).unwrap_or_default();
        gathered.findings.add(Finding { check: Check::Gap, tenant: None, subject, what: gap.clone() });
    }
    let mut spill = Spill::new(facts)?;
    // Only where exports overlap can there be two versions of a fact.
    let compares = chosen.exports.len() > 1;
    for export in &chosen.exports {
        let seen = match export.covers {
            Covers::Everything(at) | Covers::Changes(_, at) => at.as_microsecond(),
        };
        for file in &export.files {
            let read = record::read(file, |record| {
                told();
                let at = record.written.unwrap_or(seen);
                gathered.sort(record, at, compares, &mut spill)
            })?;
            let name = file.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let mut add = |check, what: String| {
                gathered.findings.add(Finding { check, tenant: None, subject: name.clone(), what });
            };
            for line in read.unreadable {
                add(Check::Unreadable, format!("line {line} is no item of an export"));
            }
            read.damage.into_iter().for_each(|damage| add(Check::Damaged, damage));
        }
    }
    let full = chosen.exports.iter().filter_map(|export| match export.covers {
        Covers::Everything(at) => Some(at.as_microsecond()),
        Covers::Changes(..) => None,
    });
    let times = Times { now, full: full.max() };
    let mut failed = Ok(());
    spill.fold(|asides| {
        if failed.is_ok() {
            failed = gathered.fold(asides, times, &mut take);
        }
    })?;
    failed.map(|()| gathered)
}

impl Gathered {
    /// One line of an export: put aside if it is a notification's, counted if it is of another kind.
    fn sort(&mut self, record: Record, at: i64, compares: bool, spill: &mut Spill) -> io::Result<()> {
        let Record { pk, sk, new, old, .. } = record;
        match lies_beside(&pk, &sk) {
            Some(Beside::Counted(kind)) => {
                *self.others.entry(kind).or_default() += u64::from(new.is_some());
                return Ok(());
            }
            Some(Beside::Moving) => return Ok(()),
            None => {}
        }
        let Some((tenant, id)) = whose(&pk, &sk) else {
            self.find(Check::Unreadable, None, shared::phone::mask(&format!("{pk} {sk}")), "it is none of ours");
            return Ok(());
        };
        let until = new.as_ref().or(old.as_ref()).and_then(retain_until);
        let before = old.map(|old| (retain_until(&old), read_fact(old)));
        let fact = match new.map(read_fact) {
            Some(None) => {
                self.find(Check::Unreadable, Some(&tenant), format!("{id} {sk}"), "it can't be read as a fact");
                return Ok(());
            }
            written => written.flatten(),
        };
        // A changed item shows itself at once where the export tells both images.
        if let (Some(before), Some(_)) = (&before, &fact)
            && *before != (until, fact.clone())
        {
            self.find(Check::Changed, Some(&tenant), format!("{id} {sk}"), "it was something else before");
        }
        if fact.as_ref().is_some_and(|fact| sk.split_once('#').is_none_or(|(_, key)| key != fact.key())) {
            self.find(Check::Misplaced, Some(&tenant), format!("{id} {sk}"), "its key is not that of what it says");
        }
        let print = if compares { print(fact.as_ref(), until) } else { 0 };
        spill.put(Aside { id, tenant, sk, at, fact, print, retain_until: until })
    }

    /// Some whole notifications, in any order.
    fn fold(
        &mut self,
        mut asides: Vec<Aside>,
        times: Times,
        take: &mut impl FnMut(Row) -> io::Result<()>,
    ) -> io::Result<()> {
        asides.sort_by(|a, b| (&a.id, &a.tenant, &a.sk, a.at).cmp(&(&b.id, &b.tenant, &b.sk, b.at)));
        let mut asides = asides.into_iter().peekable();
        while let Some(first) = asides.next() {
            let (id, tenant) = (first.id.clone(), first.tenant.clone());
            let mut versions = vec![first];
            let mut facts = Vec::new();
            while let Some(next) = asides.next_if(|next| next.id == id && next.tenant == tenant) {
                if next.sk != versions[0].sk {
                    facts.extend(self.last_of(std::mem::take(&mut versions), times));
                }
                versions.push(next);
            }
            facts.extend(self.last_of(versions, times));
            if facts.is_empty() {
                continue; // retention has removed all of it
            }
            self.facts += facts.len() as u64;
            let is_being_removed = is_being_removed(&facts, times.now);
            let story = Story::new(id, facts.into_iter().map(|(fact, _)| fact).collect());
            for (check, what) in integrity::of_story(&story) {
                if check != Check::Unknown || !is_being_removed {
                    self.find(check, Some(&tenant), story.id.to_string(), &what);
                }
            }
            let row = Row::of(&tenant, &story, story.standing(times.now));
            self.sums.add(&row);
            take(row)?;
        }
        Ok(())
    }

    /// What a fact says after all its versions, oldest first, and when retention may remove it. What it may have removed by now
    /// counts as gone, as it does for whoever reads the table.
    fn last_of(&mut self, versions: Vec<Aside>, times: Times) -> Option<(Fact, Option<i64>)> {
        let mut written = versions.iter().filter(|version| version.fact.is_some());
        if let Some(first) = written.next()
            && written.any(|other| other.print != first.print)
        {
            let subject = format!("{} {}", first.id, first.sk);
            self.find(Check::Changed, Some(&first.tenant), subject, "two exports tell it differently");
        }
        let retain_until = versions.iter().rev().find_map(|version| version.retain_until);
        let last = versions.into_iter().next_back()?;
        let in_time = retain_until.is_some_and(|until| until <= last.at / 1_000_000);
        // It was gone before the full export, and nothing tells what it was: an incremental one may know no more than its keys.
        let is_untold = retain_until.is_none() && times.full.is_some_and(|full| last.at < full);
        if last.fact.is_none() && !in_time && !is_untold {
            self.find(Check::RemovedEarly, Some(&last.tenant), format!("{} {}", last.id, last.sk), "it is gone");
        }
        let is_over = retain_until.is_some_and(|until| until <= times.now.as_second());
        last.fact.filter(|_| !is_over).map(|fact| (fact, retain_until))
    }

    fn find(&mut self, check: Check, tenant: Option<&TenantId>, subject: String, what: &str) {
        self.findings.add(Finding { check, tenant: tenant.map(ToString::to_string), subject, what: what.to_owned() });
    }
}

/// What lies beside notifications.
enum Beside {
    /// What is kept, by kind.
    Counted(&'static str),
    /// What changes or goes from day to day, and is no record of anything.
    Moving,
}

fn lies_beside(pk: &str, sk: &str) -> Option<Beside> {
    match pk.split('#').nth(1)? {
        "phone" if sk.starts_with("adopted#") => Some(Beside::Counted("messages found on Twilio's list")),
        "phone" => Some(Beside::Counted("consent")),
        "verify" | "verification" => Some(Beside::Counted("two-factor checks")),
        "verify-starts" | "cursor" => Some(Beside::Moving),
        _ => None,
    }
}

/// Whose fact lies at these keys.
fn whose(pk: &str, sk: &str) -> Option<(TenantId, NotificationId)> {
    let (tenant, employee) = pk.split_once('#')?;
    let (event, _) = sk.split_once('#')?;
    let id = NotificationId::from_halves(EmployeeKey::parse(employee).ok()?, event).ok()?;
    Some((TenantId::parse(tenant).ok()?, id))
}

/// Whether these can be what retention leaves of a notification for a while, or for long: who saw its number was written down
/// later, and may be kept for good.
fn is_being_removed(facts: &[(Fact, Option<i64>)], now: Timestamp) -> bool {
    let told = || facts.iter().filter(|(fact, _)| !matches!(fact.detail, Detail::Revealed(_)));
    let first = told().filter_map(|(_, until)| *until).min();
    told().next().is_none() || first.is_some_and(|first| first - now.as_second() <= REMOVED_WITHIN)
}

fn read_fact(item: Item) -> Option<Fact> {
    read::fact(item).ok().map(|(_, _, fact)| fact)
}

fn print(fact: Option<&Fact>, retain_until: Option<i64>) -> u64 {
    let mut hasher = DefaultHasher::new();
    // A fact came out of an item as an object, and goes back into one.
    let text = fact.and_then(|fact| serde_json::to_string(fact).ok());
    (text, retain_until).hash(&mut hasher);
    hasher.finish()
}
