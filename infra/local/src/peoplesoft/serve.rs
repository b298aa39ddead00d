//! One request from beginning to end: note it, let it go wrong if it is to, check who asks, perform, write. The parts live
//! elsewhere; their order lives here.

use super::address::{Address, Alias};
use super::answer::{Answer, HTML, JSON, PLAIN, XML};
use super::broker;
use super::connection::Cut;
use super::database::Database;
use super::fault::{Fault, Faults, MessageSet};
use super::operation::{self, Done, Form, Refusal};
use super::scheduler::Runs;
use super::settings::{Quirk, Settings};
use super::tally::{Request as Noted, Tally};
use super::token::{self, Tokens};
use super::{json, xml};
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Method, Uri, header};
use axum::response::Response;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Everything that a request may need.
pub(super) struct World {
    pub(super) settings: Settings,
    pub(super) database: Mutex<Database>,
    pub(super) faults: Faults,
    pub(super) tally: Tally,
    pub(super) tokens: Tokens,
    pub(super) runs: Runs,
    /// Closes when the fake is dropped, which ends requests that would hang.
    pub(super) open: watch::Receiver<()>,
}

/// A request without its body.
struct Asked<'a> {
    method: &'a Method,
    headers: &'a HeaderMap,
    address: Option<Address>,
    raw_query: &'a str,
}

/// Answers every request there is.
pub(super) async fn answer(
    State(world): State<Arc<World>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let address = Address::parse(uri.path(), &world.settings.node);
    let asked = Asked { method: &method, headers: &headers, address, raw_query: uri.query().unwrap_or_default() };
    let alias = asked.address.as_ref().map(|address| address.alias);
    let query = asked.address.as_ref().and_then(Address::query).map(str::to_owned);
    let noted =
        Noted { alias, query: query.clone(), path: uri.path().to_owned(), query_string: asked.raw_query.to_owned() };
    let under_way = world.tally.begin(noted, (world.settings.now)());

    let fault = world.faults.pick(alias, query.as_deref());
    let latency = world.settings.latency;
    pause(latency.fixed + latency.jitter.mul_f64(world.faults.draw())).await;
    match &fault {
        Some(Fault::Slow(longer)) => pause(*longer).await,
        Some(Fault::Behind(gate)) => gate.opened().await,
        Some(Fault::Hang) => {
            let mut open = world.open.clone();
            while open.changed().await.is_ok() {}
            cut.now();
        }
        Some(Fault::Reset) => cut.now(),
        _ => {}
    }
    let answer = match fault.as_ref().and_then(instead) {
        Some(answer) => answer,
        None => world.perform(&asked, &body, fault.as_ref()),
    };
    world.tally.end(under_way);
    answer.send(&headers, &world.settings)
}

async fn pause(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

/// The answer that a fault gives without looking at the request; `None` if it only spoils the right one.
fn instead(fault: &Fault) -> Option<Answer> {
    Some(match fault {
        Fault::Redirect { status, location } => {
            Answer::new(*status, HTML, "<html>Moved</html>").with(header::LOCATION, location)
        }
        Fault::Status { status, retry_after } => {
            let answer = Answer::new(*status, PLAIN, "Something before or inside PeopleSoft says no.\n");
            match retry_after {
                Some(after) => answer.with(header::RETRY_AFTER, after),
                None => answer,
            }
        }
        Fault::Broker { status, set, id, message_set } => {
            Answer::new(*status, XML, broker::error(*set, *id, *message_set))
        }
        Fault::BrokerSuccess => Answer::new(200, XML, broker::success()),
        Fault::SoapFault { set, id } => Answer::new(200, XML, broker::soap_fault(*set, *id)),
        Fault::Html => Answer::new(200, HTML, "<html>Login required</html>"),
        Fault::Empty => Answer::new(200, JSON, ""),
        Fault::Blank => Answer::new(200, JSON, " \r\n\t \n"),
        // Nothing of it will be sent.
        Fault::Reset | Fault::Hang => Answer::new(200, PLAIN, ""),
        Fault::Slow(_)
        | Fault::Behind(_)
        | Fault::CutOff
        | Fault::ContentType(_)
        | Fault::NotSuccess
        | Fault::RowsMissing
        | Fault::NumrowsOff(_)
        | Fault::Unparseable
        | Fault::Trailing(_) => return None,
    })
}

impl World {
    fn perform(&self, asked: &Asked<'_>, body: &[u8], fault: Option<&Fault>) -> Answer {
        let mut answer = match &asked.address {
            Some(address) if address.alias == Alias::Token => self.grant(asked, body),
            Some(_) if !self.admits(asked.headers) => {
                Answer::new(401, XML, broker::error(158, 45, MessageSet::TextOnly))
            }
            Some(_) if asked.method != Method::GET => Answer::new(405, PLAIN, "Method not allowed.\n"),
            Some(address) => self.result(address, asked.raw_query, fault),
            None => Answer::new(404, PLAIN, "Not found.\n"),
        };
        match fault {
            Some(Fault::ContentType(other)) => answer.content_type.clone_from(other),
            Some(Fault::Unparseable) => answer.body.truncate(answer.body.len() / 2),
            Some(Fault::Trailing(more)) => answer.body.extend(more.bytes()),
            Some(Fault::CutOff) => answer.cut_off = true,
            _ => {}
        }
        answer
    }

    fn result(&self, address: &Address, raw_query: &str, fault: Option<&Fault>) -> Answer {
        let json = operation::wants_json(address, raw_query);
        if fault == Some(&Fault::NotSuccess) {
            return if json {
                Answer::new(200, JSON, json::error("The query could not be run."))
            } else {
                Answer::new(200, XML, broker::thrown("The query could not be run."))
            };
        }
        let database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        match operation::perform(address, raw_query, &database, &self.runs, &self.settings) {
            Ok(Done::Rows(mut table, form)) => {
                match fault {
                    Some(Fault::RowsMissing) => table.hide_rows(),
                    Some(Fault::NumrowsOff(by)) => table.miscount(*by),
                    _ => {}
                }
                match form {
                    Form::Json => Answer::new(200, JSON, json::results(&table, &self.settings)),
                    Form::Xml => {
                        let status = self.settings.has(Quirk::StatusElement).then_some("finalBlockRetrieved");
                        Answer::new(200, XML, xml::results(&table, status))
                    }
                }
            }
            Ok(Done::Document(document)) => Answer::new(200, XML, document),
            Err(Refusal::NotFound) => Answer::new(404, PLAIN, "Not found.\n"),
            Err(Refusal::Query(sentence)) => {
                let status = if self.settings.has(Quirk::ErrorsAre200) { 200 } else { 400 };
                if json && !self.settings.has(Quirk::XmlErrors) {
                    Answer::new(status, JSON, json::error(&sentence))
                } else {
                    Answer::new(status, XML, broker::thrown(&sentence))
                }
            }
        }
    }

    fn grant(&self, asked: &Asked<'_>, form: &[u8]) -> Answer {
        match &self.settings.oauth2 {
            None => Answer::new(404, PLAIN, "Not found.\n"),
            Some(_) if asked.method != Method::POST => Answer::new(405, PLAIN, "Method not allowed.\n"),
            Some(server) => {
                let now = (self.settings.now)();
                let (status, body) = self.tokens.grant(server, authorization(asked.headers), form, now);
                Answer::new(status, JSON, body).with(header::CACHE_CONTROL, "no-store")
            }
        }
    }

    /// Whether the request's credentials are good, of either kind that the settings allow.
    fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(header) = authorization(headers) else {
            return false;
        };
        let by_password = self.settings.basic.as_ref().is_some_and(|user| {
            token::basic(header).is_some_and(|given| given == (user.oprid.clone(), user.password.clone()))
        });
        let bearer = header.strip_prefix("Bearer ").map(str::trim);
        by_password || bearer.is_some_and(|token| self.tokens.accepts(token, (self.settings.now)()))
    }
}

fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()
}

/// The router has no routes: the grammar of the paths is older than routers.
pub(super) fn router(world: Arc<World>) -> axum::Router {
    axum::Router::new().fallback(answer).with_state(world)
}
