//! The report as one HTML page that needs nothing else: for somebody from HR, on screen or on paper. The parts that the live
//! page shows too are functions of their own.

use super::chart::{self, thousands};
use super::gather::Gathered;
use super::integrity::Check;
use super::manifest::Chosen;
use super::row::Row;
use super::sums::Sums;
use super::times;
use super::words::{self, Outlook};
use jiff::Timestamp;
use minijinja::value::Serde;
use minijinja::{Environment, Error, Value, context};
use shared::notification::State;
use std::collections::{BTreeMap, BTreeSet};

const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = include_str!("assets/report.js");
const SHELL: &str = include_str!("assets/page.html");
const REPORT: &str = include_str!("assets/report.html");
const TILES: &str = include_str!("assets/tiles.html");
const STATES: &str = include_str!("assets/states.html");
const TABLE: &str = include_str!("assets/table.html");
const ROWS: &str = include_str!("assets/rows.html");
const CUSTOMER: &str = "Customer";
/// The head of the table of notifications.
const HEADINGS: [&str; 10] =
    ["Created (UTC)", CUSTOMER, "Employee", "What for", "How", "To", "State", "Why", "Arrived after", "Notification"];
/// How many reasons are told apart.
const MOST_REASONS: usize = 40;
/// How many findings are shown word by word.
const MOST_FINDINGS: usize = 200;

/// The whole report. `rows` are those that the table shows, in its order.
pub fn report(chosen: &Chosen, gathered: &Gathered, rows: &[Row], as_of: Timestamp) -> Result<String, Error> {
    let sums = &gathered.sums;
    let tenants = tenants(sums);
    let several = tenants.len() > 1;
    let took = sums.took_in_all();
    let found: Vec<Value> =
        gathered.findings.kept().take(MOST_FINDINGS).map(|finding| Value::from(Serde(finding))).collect();
    let found_more = gathered.findings.all().saturating_sub(found.len() as u64);
    let states = by_state(sums);
    let body = render(
        "report.html",
        REPORT,
        context! {
            tenants => several,
            customers => listed(&tenants),
            period => period(sums),
            as_of => minute(as_of),
            exports => exports(chosen),
            tiles => safe(tiles(sums)?),
            on_time => on_time(sums),
            findings => (gathered.findings.all() > 0).then(|| thousands(gathered.findings.all())),
            states => safe(states_table(sums)?),
            legend => Outlook::ALL.map(|outlook| context! { class => outlook.class(), label => outlook.label() }).to_vec(),
            columns => safe(chart::columns(&days(sums))),
            spread => safe(chart::spread(&took.delivered)),
            times => times_rows(sums),
            reasons => reasons(sums),
            facts => thousands(gathered.facts),
            others => others(gathered),
            checks => checks(gathered),
            found => found,
            found_more => (found_more > 0).then(|| format!("And {} more.", thousands(found_more))),
            shown => shown(rows, sums),
            rest => thousands(rows.iter().filter(|row| row.state != State::Delivered).count() as u64),
            options => options(rows),
            table => safe(table(rows, several, false)?),
            glossary => states,
        },
    )?;
    shell("What became of every notification", body, SCRIPT, "'none'")
}

/// A page around a body.
pub fn shell(title: &str, body: String, script: &str, connects_to: &str) -> Result<String, Error> {
    let (body, style, script) = (safe(body), safe(STYLE.to_owned()), safe(script.to_owned()));
    render("page.html", SHELL, context! { title, body, style, script, connects_to => safe(connects_to.to_owned()) })
}

/// The sums that matter most, each on a tile.
pub fn tiles(sums: &Sums) -> Result<String, Error> {
    let counts = sums.by(|group| Outlook::of(group.state));
    let tiles = Outlook::ALL.map(|outlook| {
        let count = counts.get(&outlook).copied().unwrap_or_default();
        let (class, label) = (outlook.class(), outlook.label());
        context! { class, label, count => thousands(count), share => share(count, sums.all), weight => count }
    });
    render("tiles.html", TILES, context! { all => thousands(sums.all), tiles => tiles.to_vec() })
}

/// A table of tenants and kinds by states.
pub fn states_table(sums: &Sums) -> Result<String, Error> {
    let counts = sums.by(|group| (group.tenant.clone(), group.kind.clone(), group.state));
    let states: Vec<State> = sums.by(|group| group.state).into_keys().collect();
    let kinds: BTreeSet<_> = counts.keys().map(|(tenant, kind, _)| (tenant, kind)).collect();
    let rows: Vec<Value> = kinds
        .into_iter()
        .map(|(tenant, kind)| {
            let of = |state| counts.get(&(tenant.clone(), kind.clone(), state)).copied().unwrap_or_default();
            let all: u64 = State::ALL.into_iter().map(of).sum();
            let counts: Vec<String> = states.iter().map(|state| some(of(*state))).collect();
            context! { tenant, kind => words::kind(kind), all => thousands(all), counts }
        })
        .collect();
    let tenants = tenants(sums).len() > 1;
    let states = by_state(sums);
    render("states.html", STATES, context! { tenants, states, rows, all => thousands(sums.all) })
}

/// The table of notifications. `links` makes each row lead to its story, where without them its head sorts it.
pub fn table(rows: &[Row], tenants: bool, links: bool) -> Result<String, Error> {
    let rows: Vec<Value> = rows.iter().map(row).collect();
    let rows = safe(render("rows.html", ROWS, context! { rows, tenants, links })?);
    let headings: Vec<&str> = HEADINGS.iter().copied().filter(|heading| tenants || *heading != CUSTOMER).collect();
    render("table.html", TABLE, context! { rows, headings, sorts => !links })
}

/// Renders one of our templates; what is put in is escaped, and what isn't there leaves nothing.
pub fn render(name: &str, source: &str, values: Value) -> Result<String, Error> {
    let mut environment = Environment::new();
    environment.set_formatter(
        |out, state, value| {
            if value.is_none() { Ok(()) } else { minijinja::escape_formatter(out, state, value) }
        },
    );
    environment.render_named_str(name, source, values)
}

/// What is HTML already.
pub fn safe(html: String) -> Value {
    Value::from_safe_string(html)
}

fn row(row: &Row) -> Value {
    let took = row.until_delivered();
    context! {
        tenant => row.tenant.as_str(),
        id => row.id.to_string(),
        created => row.created_at.map(second),
        employee => row.employee_id.as_deref(),
        kind => row.kind.as_deref().map(words::kind),
        channel => row.channel.map(|channel| match channel {
            shared::phone::Channel::Sms => "text",
            shared::phone::Channel::Voice => "call",
        }),
        to => row.to.as_deref(),
        word => row.state.as_str(),
        class => Outlook::of(row.state).class(),
        state => words::label(row.state),
        reason => row.reason.as_deref().map(words::reason),
        took => took.map(times::in_words),
        took_millis => took.map(|took| took.as_millis().to_string()),
    }
}

fn tenants(sums: &Sums) -> Vec<String> {
    sums.by(|group| group.tenant.clone()).into_keys().collect()
}

fn listed(tenants: &[String]) -> String {
    const NAMED: usize = 4;
    match tenants {
        [] => "no customers".to_owned(),
        few if few.len() <= NAMED => few.join(", "),
        many => format!("{} customers", many.len()),
    }
}

fn period(sums: &Sums) -> String {
    let days: Vec<_> = sums.by(|group| group.day).into_keys().collect();
    match days.as_slice() {
        [] => "never".to_owned(),
        [day] => format!("on {day}"),
        [first, .., last] => format!("from {first} to {last}"),
    }
}

fn exports(chosen: &Chosen) -> String {
    match chosen.exports.as_slice() {
        [one] => format!("export {}", one.id),
        many => format!("{} exports", many.len()),
    }
}

fn on_time(sums: &Sums) -> String {
    let delivered: u64 = sums.by(|group| group.state).get(&State::Delivered).copied().unwrap_or_default();
    match (delivered, sums.late) {
        (0, _) => "None has arrived.".to_owned(),
        (_, 0) => "All that arrived came in time.".to_owned(),
        (all, late) => format!("{} of {} that arrived came after their time.", thousands(late), thousands(all)),
    }
}

/// The states that occur, in the order of a notification's life.
fn by_state(sums: &Sums) -> Vec<Value> {
    let counts = sums.by(|group| group.state);
    counts.into_iter().map(|(state, count)| state_and_count(state, count)).collect()
}

fn options(rows: &[Row]) -> Vec<Value> {
    let mut counts: BTreeMap<State, u64> = BTreeMap::new();
    for row in rows {
        *counts.entry(row.state).or_default() += 1;
    }
    counts.into_iter().map(|(state, count)| state_and_count(state, count)).collect()
}

fn state_and_count(state: State, count: u64) -> Value {
    let (word, label, meaning) = (state.as_str(), words::label(state), words::meaning(state));
    context! { word, label, meaning, count => thousands(count) }
}

fn days(sums: &Sums) -> chart::Days {
    let mut days = chart::Days::new();
    for (group, count) in sums.groups() {
        *days.entry(group.day).or_default().entry(Outlook::of(group.state)).or_default() += count;
    }
    days
}

fn times_rows(sums: &Sums) -> Vec<Value> {
    let cells = |times: &times::Times| {
        let within = |percent| times.percentile(percent).map_or_else(|| "-".to_owned(), times::in_words);
        [thousands(times.count()), within(50), within(90), within(99)]
    };
    sums.took()
        .map(|(tenant, kind, took)| {
            let cells = [cells(&took.accepted), cells(&took.delivered)].concat();
            context! { tenant, kind => words::kind(kind), cells }
        })
        .collect()
}

fn reasons(sums: &Sums) -> Vec<Value> {
    let counts = sums.by(|group| (group.state, group.reason.clone()));
    let mut counts: Vec<_> = counts.into_iter().filter(|((state, _), _)| *state != State::Delivered).collect();
    counts.sort_by_key(|((state, _), count)| (std::cmp::Reverse(*count), *state));
    let greatest = counts.first().map_or(1, |(_, count)| *count);
    let of_one = |((state, reason), count): ((State, Option<String>), u64)| {
        let (class, state) = (Outlook::of(state).class(), words::label(state));
        let why = reason.as_deref().map(words::reason).unwrap_or_default();
        context! { class, state, why, count => thousands(count), bar => safe(chart::bar(count, greatest)) }
    };
    let rest: u64 = counts.iter().skip(MOST_REASONS).map(|(_, count)| count).sum();
    let mut shown: Vec<Value> = counts.into_iter().take(MOST_REASONS).map(of_one).collect();
    if rest > 0 {
        let bar = safe(chart::bar(rest, greatest));
        shown.push(context! { state => "other reasons", class => "unsent", count => thousands(rest), bar });
    }
    shown
}

fn others(gathered: &Gathered) -> String {
    let others: Vec<String> =
        gathered.others.iter().map(|(kind, count)| format!("{kind} ({})", thousands(*count))).collect();
    if others.is_empty() { String::new() } else { format!("; beside them lie: {}", others.join(", ")) }
}

fn checks(gathered: &Gathered) -> Vec<Value> {
    let of_one = |check: Check| {
        let count = gathered.findings.count(check);
        context! { word => check.as_str(), rule => check.rule(), count => (count > 0).then(|| thousands(count)) }
    };
    Check::ALL.map(of_one).to_vec()
}

fn shown(rows: &[Row], sums: &Sums) -> String {
    let missing = sums.all - rows.len() as u64;
    if missing == 0 {
        return "This file holds all of them.".to_owned();
    }
    format!(
        "This file holds {} of {}, the latest of each kind and first of all those that did not arrive; the CSV file has every one.",
        thousands(rows.len() as u64),
        thousands(sums.all)
    )
}

/// `97.4 %`
fn share(count: u64, all: u64) -> String {
    let tenths = (count * 1000 + all / 2).checked_div(all).unwrap_or_default();
    format!("{}.{} %", tenths / 10, tenths % 10)
}

fn some(count: u64) -> String {
    if count == 0 { "-".to_owned() } else { thousands(count) }
}

fn second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M").to_string()
}
