//! What each request does: looks its account up, changes the world, shows the resource. Faults and transport are `server`'s.

use super::answer::{Answer, Refusal, iso8601, rfc2822};
use super::faults::Operation;
use super::journal::Line;
use super::record::{Kind, Record, Step};
use super::request::Request;
use super::server::Route;
use super::settings::FakeAccount;
use super::world::{State, World};
use super::{calls, life, listing, messages, verify};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

/// Whose request it is, if it may ask for this at all.
pub(super) fn admit(state: &State, route: &Route, request: &Request) -> Result<FakeAccount, Refusal> {
    let account = state.authenticate(request).ok_or_else(|| Refusal::code(20003))?;
    let owns = match route.operation {
        Operation::MessagingServiceFetch => account.messaging_services.contains(&route.owner),
        Operation::VerifyServiceFetch
        | Operation::VerificationStart
        | Operation::VerificationFetch
        | Operation::VerificationUpdate
        | Operation::VerificationCheck => account.verify_services.contains(&route.owner),
        _ => account.account_sid == route.owner,
    };
    if !owns {
        return Err(Refusal::not_found(&request.path));
    }
    if state.settings.test_credentials && !route.operation.creates() {
        return Err(Refusal::code(20008));
    }
    Ok(account.clone())
}

/// Does what is asked. Never waits.
pub(super) fn act(
    world: &Arc<World>,
    account: &FakeAccount,
    route: &Route,
    request: &Request,
) -> Result<Answer, Refusal> {
    match route.operation {
        Operation::MessageCreate => create(world, account, request, Kind::Message),
        Operation::CallCreate => create(world, account, request, Kind::Call),
        Operation::MessageUpdate => update(world, route, request, Kind::Message),
        Operation::CallUpdate => update(world, route, request, Kind::Call),
        Operation::MessageFetch => fetch(world, route, request, Kind::Message),
        Operation::CallFetch => fetch(world, route, request, Kind::Call),
        Operation::MessageList => listing::list(world, route, request, Kind::Message),
        Operation::CallList => listing::list(world, route, request, Kind::Call),
        Operation::AccountFetch => Ok(account_view(account, world.clock.now())),
        Operation::NumberList => Ok(number_list(account, request)),
        Operation::MessagingServiceFetch | Operation::VerifyServiceFetch => {
            Ok(service_view(account, route, world.clock.now()))
        }
        Operation::VerificationStart => verify::start(world, account, route, &request.form),
        Operation::VerificationFetch => verify::look(world, route, request, false),
        Operation::VerificationUpdate => verify::look(world, route, request, true),
        Operation::VerificationCheck => verify::check(world, route, request),
    }
}

fn create(world: &Arc<World>, account: &FakeAccount, request: &Request, kind: Kind) -> Result<Answer, Refusal> {
    let now = world.clock.now();
    let (record, test) = {
        let state = world.lock();
        let record = match kind {
            Kind::Message => messages::accept(&state, account, &request.form, now)?,
            Kind::Call => calls::accept(&state, account, &request.form, now)?,
        };
        (record, state.settings.test_credentials)
    };
    let answer = Answer::json(201, &record.view());
    if !test {
        let sid = record.sid.clone();
        world.keep(record);
        life::begin(world, &sid);
    }
    Ok(answer)
}

fn fetch(world: &World, route: &Route, request: &Request, kind: Kind) -> Result<Answer, Refusal> {
    let state = world.lock();
    let record =
        state.records.get(&route.sid).filter(|record| record.kind == kind && record.account_sid == route.owner);
    record
        .map(|record| Answer::json(200, &record.view_later(state.settings.body_shown)))
        .ok_or_else(|| Refusal::not_found(&request.path))
}

/// `Status=canceled` for what has not begun yet, or an empty `Body` to redact a message.
fn update(world: &Arc<World>, route: &Route, request: &Request, kind: Kind) -> Result<Answer, Refusal> {
    let now = world.clock.now();
    let record = {
        let mut state = world.lock();
        let found = state.records.get_mut(&route.sid);
        let record = found.filter(|record| record.kind == kind && record.account_sid == route.owner);
        let record = record.ok_or_else(|| Refusal::not_found(&request.path))?;
        match (request.form.get("Status"), request.form.any("Body")) {
            (Some("canceled"), _) => cancel(record)?,
            (None, Some("")) if kind == Kind::Message => record.body.clear(),
            _ => return Err(Refusal::parameter("Status")),
        }
        record.updated = now;
        record.revision += 1;
        record.clone()
    };
    let (answer, sid) = (Answer::json(200, &record.view()), record.sid.clone());
    world.journal.write(&Line::Record(record));
    world.woken.notify_waiters();
    life::begin(world, &sid);
    Ok(answer)
}

/// A message is cancelled while scheduled, and calls back; a call while queued, and doesn't.
fn cancel(record: &mut Record) -> Result<(), Refusal> {
    let step = match (record.kind, record.status.as_str()) {
        (Kind::Message, "scheduled") => Step::reported("canceled"),
        (Kind::Call, "queued") => Step::silent("canceled"),
        _ => return Err(Refusal::parameter("Status")),
    };
    record.script.truncate(record.done);
    record.script.push(step);
    record.done += 1;
    "canceled".clone_into(&mut record.status);
    Ok(())
}

fn account_view(account: &FakeAccount, now: Timestamp) -> Answer {
    let sid = &account.account_sid;
    Answer::json(
        200,
        &json!({
            "sid": sid, "friendly_name": "A fake account", "status": "active", "type": "Full", "owner_account_sid": sid,
            "auth_token": Value::Null, "date_created": rfc2822(now), "date_updated": rfc2822(now),
            "uri": format!("/2010-04-01/Accounts/{sid}.json"), "subresource_uris": {},
        }),
    )
}

fn number_list(account: &FakeAccount, request: &Request) -> Answer {
    let wanted = request.query.get("PhoneNumber");
    let numbers = account.numbers.iter().filter(|number| wanted.is_none_or(|wanted| *number == wanted));
    let view = |number: &String| {
        json!({"account_sid": account.account_sid, "phone_number": number, "friendly_name": number,
            "capabilities": {"voice": true, "sms": true, "mms": true, "fax": false}})
    };
    let numbers: Vec<Value> = numbers.map(view).collect();
    Answer::json(
        200,
        &json!({"incoming_phone_numbers": numbers, "page": 0, "page_size": 50, "next_page_uri": Value::Null}),
    )
}

/// A messaging or a Verify service, as far as they look alike.
fn service_view(account: &FakeAccount, route: &Route, now: Timestamp) -> Answer {
    Answer::json(
        200,
        &json!({
            "sid": route.owner, "account_sid": account.account_sid, "friendly_name": "A fake service",
            "date_created": iso8601(now), "date_updated": iso8601(now), "status_callback": Value::Null,
            "inbound_request_url": Value::Null, "use_inbound_webhook_on_number": false, "validity_period": 36000,
            "smart_encoding": false, "code_length": 6,
        }),
    )
}
