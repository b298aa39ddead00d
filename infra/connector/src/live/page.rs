//! The live page's parts, mostly those of the report. Pure; whatever is put in is escaped.

use super::snapshot::Snapshot;
use crate::audit::story;
use crate::report::chart::thousands;
use crate::report::page::{render, safe, shell, states_table, table, tiles};
use crate::report::row::Row;
use crate::report::times;
use crate::report::words::{self, Outlook};
use jiff::Timestamp;
use minijinja::{Error, Value, context};
use shared::notification::{State, Story};
use shared::stamp;
use shared::tenant::TenantId;

const SCRIPT: &str = include_str!("assets/live.js");
const WHOLE: &str = include_str!("assets/live.html");
const NOW: &str = include_str!("assets/now.html");
const STORY: &str = include_str!("assets/story.html");
/// More rows than this nobody reads; the search finds the others.
const MOST_ROWS: usize = 200;

/// Which notifications are asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    words: Vec<String>,
    state: String,
}

impl Wanted {
    /// Reads `q=…&state=…`.
    pub(super) fn read(query: &str) -> Self {
        let mut wanted = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "q" => wanted.words = value.to_lowercase().split_whitespace().map(str::to_owned).collect(),
                "state" => wanted.state = value.into_owned(),
                _ => {}
            }
        }
        wanted
    }

    fn is(&self, row: &Row) -> bool {
        let is_state = match self.state.as_str() {
            "" => true,
            "rest" => row.state != State::Delivered,
            word => row.state.as_str() == word,
        };
        is_state
            && (self.words.is_empty() || {
                let text = text(row);
                self.words.iter().all(|word| text.contains(word))
            })
    }
}

/// Everything but what moves.
pub(super) fn whole() -> Result<String, Error> {
    let states = State::ALL.map(|state| context! { word => state.as_str(), label => words::label(state) });
    let body = render("live.html", WHOLE, context! { states => states.to_vec() })?;
    shell("Notifications, live", body, SCRIPT, "'self'")
}

/// What moves.
pub(super) fn now(snapshot: &Snapshot, wanted: &Wanted) -> Result<String, Error> {
    let found: Vec<&Row> = snapshot.rows.iter().filter(|row| wanted.is(row)).collect();
    let count = found.len();
    let rows: Vec<Row> = found.into_iter().take(MOST_ROWS).cloned().collect();
    let tenants = snapshot.sums.by(|group| group.tenant.clone()).len() > 1;
    let shown = if rows.len() < count {
        format!("the latest {} of {}", thousands(rows.len() as u64), thousands(count as u64))
    } else {
        format!("{} shown", thousands(count as u64))
    };
    let nothing = match (count, snapshot.rows.len()) {
        (_, 0) => Some("PeopleSoft has told of nothing yet."),
        (0, _) => Some("None is like that. Empty the search, or choose All."),
        _ => None,
    };
    let values = context! {
        at => snapshot.at.strftime("%H:%M:%S").to_string(),
        tiles => safe(tiles(&snapshot.sums)?),
        states => safe(states_table(&snapshot.sums)?),
        shown,
        odd => thousands(snapshot.odd as u64),
        nothing,
        table => safe(table(&rows, tenants, true)?),
    };
    render("now.html", NOW, values)
}

/// One notification's story.
pub(super) fn story(tenant: &TenantId, story: &Story, now: Timestamp) -> Result<String, Error> {
    let row = Row::of(tenant, story, story.standing(now));
    let lines = story::lines(story, now);
    let began = lines.first().map_or(now, |line| line.at);
    let lines: Vec<Value> = lines
        .into_iter()
        .map(|line| {
            let since = times::in_words(stamp::between(began, line.at));
            let at = line.at.strftime("%Y-%m-%d %H:%M:%S.%3f").to_string();
            context! { at, since, text => line.text }
        })
        .collect();
    let values = context! {
        id => row.id.to_string(),
        tenant => tenant.as_str(),
        employee => row.employee_id,
        kind => row.kind.as_deref().map(words::kind),
        to => row.to,
        body => story.created().and_then(|created| created.body.as_deref()),
        class => Outlook::of(row.state).class(),
        state => words::label(row.state),
        meaning => words::meaning(row.state),
        reason => row.reason.as_deref().map(words::reason),
        lines,
    };
    render("story.html", STORY, values)
}

/// What a search looks through.
fn text(row: &Row) -> String {
    let (id, created) = (row.id.to_string(), row.created_at.map(stamp::format));
    let kind = row.kind.as_deref().map(words::kind);
    let reason = row.reason.as_deref().map(words::reason);
    let parts = [
        Some(row.tenant.as_str()),
        Some(&id),
        created.as_deref(),
        row.employee_id.as_deref(),
        row.source.as_deref(),
        kind.as_deref(),
        row.kind.as_deref(),
        reason.as_deref(),
        row.reason.as_deref(),
        row.sid.as_deref(),
        Some(row.state.as_str()),
        Some(words::label(row.state)),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{at, began, story as told, tenant_id};

    #[test]
    fn a_search_is_for_all_of_its_words() {
        let story = told(vec![began()]);
        let row = Row::of(&tenant_id(), &story, story.standing(at("21:42:08")));
        let check = |query: &str, expect: bool| assert_eq!(Wanted::read(query).is(&row), expect, "{query}");
        check("", true);
        check("q=", true);
        check("q=0042317", true);
        check("q=Payroll+posted%20pending&state=", true);
        check("q=payroll_posted", true);
        check("q=payroll+shift", false);
        check("state=rest", true);
        check("state=pending&q=74efmocyyirrc-zullv4cgzorbinin", true);
        check("state=delivered", false);
    }
}
