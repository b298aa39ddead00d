//! Lists of messages and calls: filters, pages, and the lag that real lists have. A fetch by sid doesn't pass through here.

use super::answer::{Answer, Refusal};
use super::record::{Kind, Record};
use super::request::Request;
use super::server::Route;
use super::settings::ListOrder;
use super::world::World;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Lists what the request asks for, one page.
pub(super) fn list(world: &World, route: &Route, request: &Request, kind: Kind) -> Result<Answer, Refusal> {
    let filter = Filter::read(request, kind)?;
    let size = page_size(request)?;
    let page: usize = request.query.get("Page").unwrap_or("0").parse().map_err(|_| Refusal::parameter("Page"))?;
    let now = world.clock.now();
    let state = world.lock();
    let lag = SignedDuration::try_from(state.settings.list_lag).unwrap_or(SignedDuration::MAX);
    let mut rows: Vec<&Record> = state.records.sent_to(request.query.get("To"));
    rows.retain(|row| {
        row.kind == kind
            && row.account_sid == route.owner
            && now.duration_since(row.created) >= lag
            && filter.admits(row)
    });
    if state.settings.list_order == ListOrder::NewestFirst {
        rows.reverse();
    }
    // The token names the last row that the caller has, so that rows which come meanwhile shift nothing.
    let token = request.query.get("PageToken").and_then(|token| token.strip_prefix("PA"));
    let start = token.and_then(|sid| rows.iter().position(|row| row.sid == sid)).map_or(page * size, |last| last + 1);
    let shown: Vec<&Record> = rows.iter().skip(start).take(size).copied().collect();
    let more = rows.len() > start + shown.len();
    let next = shown.last().filter(|_| more).map(|last| (page + 1, format!("PA{}", last.sid)));
    let name = if kind == Kind::Message { "messages" } else { "calls" };
    Ok(Answer::json(
        200,
        &json!({
            name: shown.iter().map(|row| row.view_later(state.settings.body_shown)).collect::<Vec<Value>>(),
            "page": page, "page_size": size, "start": page * size, "end": (page * size + shown.len()).saturating_sub(1),
            "uri": uri(request, size, page, None), "first_page_uri": uri(request, size, 0, None),
            "next_page_uri": next.map(|(page, token)| uri(request, size, page, Some(token))), "previous_page_uri": Value::Null,
        }),
    ))
}

fn page_size(request: &Request) -> Result<usize, Refusal> {
    match request.query.get("PageSize").map(str::parse) {
        None => Ok(50),
        Some(Ok(size @ 1..=1000)) => Ok(size),
        Some(Ok(1001..)) => Err(Refusal::code(20007)),
        Some(_) => Err(Refusal::parameter("PageSize")),
    }
}

/// The same list, another page, relative to the host.
fn uri(request: &Request, size: usize, page: usize, token: Option<String>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let pairs = request.query.pairs().iter();
    query.extend_pairs(pairs.filter(|(name, _)| !matches!(name.as_str(), "PageSize" | "Page" | "PageToken")));
    query.append_pair("PageSize", &size.to_string()).append_pair("Page", &page.to_string());
    if let Some(token) = token {
        query.append_pair("PageToken", &token);
    }
    format!("{}?{}", request.path, query.finish())
}

/// What a row must be like, but for `To`.
struct Filter<'a> {
    from: Option<&'a str>,
    status: Option<&'a str>,
    on: Option<Date>,
    since: Option<Date>,
    until: Option<Date>,
}

impl<'a> Filter<'a> {
    /// The inequality of a date belongs to the parameter's name: `DateSent>=2024-01-01` is the key `DateSent>`.
    fn read(request: &'a Request, kind: Kind) -> Result<Self, Refusal> {
        let query = &request.query;
        let name = if kind == Kind::Message { "DateSent" } else { "StartTime" };
        let date = |suffix: &str| {
            let text = query.get(&format!("{name}{suffix}"));
            text.map(|text| day(text).ok_or_else(|| Refusal::parameter(name))).transpose()
        };
        Ok(Self {
            from: query.get("From"),
            // Messages have no filter by status: it is ignored.
            status: query.get("Status").filter(|_| kind == Kind::Call),
            on: date("")?,
            since: date(">")?,
            until: date("<")?,
        })
    }

    /// A row that has not been sent or answered yet has no date, and matches no date.
    fn admits(&self, row: &Record) -> bool {
        let day = row.begun.map(utc_day);
        let dated = |wanted: Option<Date>, fits: fn(Date, Date) -> bool| {
            wanted.is_none_or(|wanted| day.is_some_and(|day| fits(day, wanted)))
        };
        self.from.is_none_or(|from| row.visible_from() == Some(from))
            && self.status.is_none_or(|status| row.status == status)
            && dated(self.on, |day, wanted| day == wanted)
            && dated(self.since, |day, wanted| day >= wanted)
            && dated(self.until, |day, wanted| day <= wanted)
    }
}

fn day(text: &str) -> Option<Date> {
    text.get(..10)?.parse().ok()
}

fn utc_day(at: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(at).date()
}
