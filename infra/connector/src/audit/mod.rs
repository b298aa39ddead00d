//! Tells what became of notifications, from the live table: one, an employee's, a tenant's, and what is stuck. Reads only,
//! but for one fact: whoever sees whole phone numbers is written down first.
//!
//! Read in this order: [`run`], [`list`] and [`story`] (for people), [`record`] (for programs), [`stuck`].

pub mod list;
pub mod record;
pub mod story;
pub mod stuck;
mod verification;

use crate::cli::{Audit, AuditWhat, Format, List};
use crate::deps::{self, Deps};
use crate::failure::{Done, Exit, Failure};
use crate::terminal::Terminal;
use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use record::Record;
use shared::ledger::{Error, Ledger, NotAFact, Retention, scan};
use shared::notification::{Detail, EmployeeKey, Fact, NotificationId, Revealed, Standing, Story};
use shared::tenant::TenantId;
use std::io;

/// Writes under way at once.
const WRITES: usize = 16;
/// So many items that are no facts are named; of more it is said how many.
const NAMED: usize = 20;

/// One notification as an audit sees it.
pub struct Audited {
    /// Its facts.
    pub story: Story,
    /// Where it stands now.
    pub standing: Standing,
}

impl Audited {
    /// A story and where it stands at `now`.
    pub fn new(story: Story, now: Timestamp) -> Self {
        let standing = story.standing(now);
        Self { story, standing }
    }

    /// When it was created, or first heard of.
    pub fn began_at(&self) -> Timestamp {
        let created = self.story.created_fact().or(self.story.facts.first());
        created.map_or(Timestamp::MIN, |fact| fact.at)
    }
}

/// Does what was asked.
pub async fn run(deps: &Deps, terminal: &mut Terminal<'_>, format: Format, audit: &Audit) -> Done {
    match &audit.what {
        AuditWhat::Show { tenant, notification } => {
            show(deps, terminal, format, audit.reveal, tenant, notification).await
        }
        AuditWhat::Employee { tenant, employee } => {
            let found = employee_stories(deps, terminal, tenant, employee).await?;
            several(deps, terminal, (format, audit.reveal), tenant, &found).await?;
            verification::print(deps, terminal, format, tenant, employee).await?;
            Ok(Exit::Done)
        }
        AuditWhat::List(wanted) => list(deps, terminal, (format, audit.reveal), wanted).await,
        AuditWhat::Stuck { tenant } => stuck(deps, terminal, (format, audit.reveal), tenant).await,
        AuditWhat::Report(_) | AuditWhat::Export(_) if audit.reveal => {
            Err(Failure::Usage("--reveal is for show, employee, list and stuck".to_owned()))
        }
        AuditWhat::Report(args) => crate::report::run(terminal, format, args),
        AuditWhat::Export(args) => crate::export::run(deps, terminal, format, args).await,
    }
}

async fn stuck(deps: &Deps, terminal: &mut Terminal<'_>, (format, reveal): (Format, bool), tenant: &TenantId) -> Done {
    let now = deps.clock.now();
    let (mut found, odd) = tenant_stories(deps, terminal, tenant).await?;
    let given_up = found.iter().filter(|audited| stuck::is_given_up(audited, now)).count();
    found.retain_mut(|audited| match stuck::why(audited, now) {
        Some(why) => {
            // What keeps it is the reason that counts here.
            audited.standing.reason = Some(why);
            true
        }
        None => false,
    });
    several(deps, terminal, (format, reveal), tenant, &found).await?;
    for remedy in stuck::remedies(&found, tenant) {
        terminal.say(&remedy)?;
    }
    if given_up > 0 {
        let have = if given_up == 1 { "has" } else { "have" };
        terminal.say(&format!(
            "for more than a week {given_up} more {have} had no final word of Twilio's: they count as accepted, and as no trouble"
        ))?;
    }
    // What can't be read may be what is stuck.
    Ok(Exit::trouble_if(!found.is_empty() || odd > 0))
}

async fn list(deps: &Deps, terminal: &mut Terminal<'_>, (format, reveal): (Format, bool), wanted: &List) -> Done {
    let (tenant, now) = (&wanted.tenant, deps.clock.now());
    let mut found = match &wanted.employee {
        Some(employee) => employee_stories(deps, terminal, tenant, employee).await?,
        None => tenant_stories(deps, terminal, tenant).await?.0,
    };
    if let Some(after) = &wanted.after {
        // Looked for among all of them: its own state may have changed since it was shown.
        let place = found.iter().position(|audited| audited.story.id == *after).ok_or_else(|| {
            Failure::Usage(format!(
                "there is no notification {after} of tenant {tenant} to go on after; name the last one that was shown"
            ))
        })?;
        found.drain(..=place);
    }
    found.retain(|audited| list::is_wanted(audited, wanted, now));
    if let (Some(source), true) = (&wanted.source, found.is_empty())
        && let Ok(Some(known)) = deps.tenants.get(tenant).await
        && known.events.iter().all(|event| event.source != *source)
    {
        terminal.say(&deps::no_such_source(&known, source))?;
    }
    let limit = wanted.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let more = found.split_off(found.len().min(limit)).len();
    several(deps, terminal, (format, reveal), tenant, &found).await?;
    if let (Some(last), 1..) = (found.last(), more) {
        terminal.say(&format!("{more} more; go on with the same words and --after {}", last.story.id))?;
    }
    Ok(Exit::Done)
}

/// Every notification of a tenant, oldest first, and how many items can't be read: they are said and passed over.
pub async fn tenant_stories(
    deps: &Deps,
    terminal: &mut Terminal<'_>,
    tenant: &TenantId,
) -> Result<(Vec<Audited>, usize), Failure> {
    let (ledger, now) = (deps.ledger()?, deps.clock.now());
    let spinner = terminal.spinner("items read");
    let scanned = scan::tenant(ledger, tenant, now, |items| spinner.set_position(items)).await;
    spinner.finish_and_clear();
    let scanned = scanned.map_err(|error| Failure::ledger(ledger.table(), &error))?;
    pass_over(terminal, &scanned.odd)?;
    if scanned.stories.is_empty() {
        deps.expect_tenant(tenant).await?;
    }
    Ok((audited(scanned.stories, now), scanned.odd.len()))
}

async fn employee_stories(
    deps: &Deps,
    terminal: &mut Terminal<'_>,
    tenant: &TenantId,
    employee: &str,
) -> Result<Vec<Audited>, Failure> {
    let (ledger, now) = (deps.ledger()?, deps.clock.now());
    let scanned = scan::employee(ledger, tenant, &EmployeeKey::of(tenant, employee), now).await;
    let scanned = scanned.map_err(|error| Failure::ledger(ledger.table(), &error))?;
    pass_over(terminal, &scanned.odd)?;
    if scanned.stories.is_empty() {
        deps.expect_tenant(tenant).await?;
    }
    Ok(audited(scanned.stories, now))
}

fn pass_over(terminal: &mut Terminal<'_>, odd: &[NotAFact]) -> io::Result<()> {
    odd.iter().take(NAMED).try_for_each(|odd| terminal.say(&format!("passed over: {odd}")))?;
    match odd.len().saturating_sub(NAMED) {
        0 => Ok(()),
        more => terminal.say(&format!("passed over: {more} more items that are no facts")),
    }
}

fn audited(stories: Vec<Story>, now: Timestamp) -> Vec<Audited> {
    let mut audited: Vec<_> = stories.into_iter().map(|story| Audited::new(story, now)).collect();
    audited.sort_by_cached_key(|audited| (audited.began_at(), audited.story.id.clone()));
    audited
}

async fn show(
    deps: &Deps,
    terminal: &mut Terminal<'_>,
    format: Format,
    reveal: bool,
    tenant: &TenantId,
    id: &NotificationId,
) -> Done {
    let (ledger, now) = (deps.ledger()?, deps.clock.now());
    let scanned = scan::notification(ledger, tenant, id, now).await;
    let mut scanned = scanned.map_err(|error| Failure::ledger(ledger.table(), &error))?;
    pass_over(terminal, &scanned.odd)?;
    let Some(story) = scanned.stories.pop() else {
        deps.expect_tenant(tenant).await?;
        return Err(Failure::Trouble(format!(
            "table {} knows nothing of notification {id} of tenant {tenant}\n  find it with: connector audit employee \
             {tenant} EMPLID, or: connector audit list {tenant} --since 3d",
            ledger.table()
        )));
    };
    let audited = Audited::new(story, now);
    if reveal {
        write_down(deps, ledger, tenant, std::slice::from_ref(&audited)).await?;
    }
    match format {
        Format::Table => {
            let told = story::render(&audited, tenant, reveal, now, terminal.look);
            terminal.data.write_all(told.as_bytes())?;
        }
        Format::Json => terminal.print_json(&Record::of(tenant, &audited, reveal))?,
    }
    Ok(Exit::Done)
}

/// Prints a list of notifications, and what they add up to.
async fn several(
    deps: &Deps,
    terminal: &mut Terminal<'_>,
    (format, reveal): (Format, bool),
    tenant: &TenantId,
    found: &[Audited],
) -> Result<(), Failure> {
    if reveal {
        write_down(deps, deps.ledger()?, tenant, found).await?;
    }
    match format {
        Format::Table if found.is_empty() => {}
        Format::Table => terminal.print(&list::render(found, reveal, terminal.look))?,
        Format::Json => {
            for audited in found {
                terminal.print_json(&Record::of(tenant, audited, reveal))?;
            }
        }
    }
    terminal.say(&list::sums(found))?;
    Ok(())
}

/// Appends to each notification who is about to see its numbers. Before they are shown: what can't be written down stays
/// masked.
async fn write_down(deps: &Deps, ledger: &Ledger, tenant: &TenantId, shown: &[Audited]) -> Result<(), Failure> {
    let retention = deps.tenants.get(tenant).await.ok().flatten().map(|tenant| Retention::of(&tenant));
    let revealed = Revealed { by: deps.operator.clone() };
    let fact = Fact::new(deps.clock.now(), Detail::Revealed(revealed));
    let written: Result<(), Error> = stream::iter(shown)
        .map(|audited| ledger.append_keeping(tenant, &audited.story.id, &fact, retention))
        .buffer_unordered(WRITES)
        .try_for_each(|_| async { Ok(()) })
        .await;
    written.map_err(|error| {
        let failure = Failure::ledger(ledger.table(), &error);
        Failure::Trouble(format!("no number is shown, since it could not be written down who saw it: {failure}"))
    })
}
