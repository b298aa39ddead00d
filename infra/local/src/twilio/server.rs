//! The HTTP side: one server on 127.0.0.1 that plays Twilio's three hosts, its own accept loop so that a connection can be reset
//! or left hanging, and the table of routes. What a request does is in `resources`.

use super::answer::{Answer, Refusal};
use super::draws;
use super::faults::{Fault, Operation, Trouble};
use super::request::Request;
use super::resources;
use super::world::World;
use axum::body::{Body, to_bytes};
use http::{Method, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// More than any request that Twilio takes.
const MAX_BODY: usize = 1 << 20;

/// What a path and a method ask for.
pub(super) struct Route {
    pub(super) operation: Operation,
    /// The `AC…`, `MG…` or `VA…` of the path.
    pub(super) owner: String,
    /// The sid below it, if any.
    pub(super) sid: String,
}

/// Takes connections until the fake is dropped.
pub(super) async fn serve(world: Arc<World>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let task = Arc::clone(&world);
                world.spawn(async move { connection(task, stream).await });
            }
            Err(error) => {
                tracing::warn!(%error, "the fake Twilio can't take a connection");
                sleep(Duration::from_millis(20)).await; // out of file descriptors, most likely
            }
        }
    }
}

/// Serves one connection. A request that ends in [`HungUp`] ends it with a reset and without a byte of answer.
async fn connection(world: Arc<World>, stream: TcpStream) {
    let answered = service_fn(move |request| Box::pin(respond(Arc::clone(&world), request)));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), answered);
    if poll_fn(|context| connection.poll_without_shutdown(context)).await.is_err() {
        // Without lingering, closing a socket is a reset. An error here leaves an ordinary close.
        let _ = connection.into_parts().io.into_inner().set_zero_linger();
    }
}

/// The connection is to be reset instead of answered.
#[derive(Debug)]
struct HungUp;

impl fmt::Display for HungUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("hung up on purpose")
    }
}

impl std::error::Error for HungUp {}

async fn respond(world: Arc<World>, request: hyper::Request<Incoming>) -> Result<Response<Body>, HungUp> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(Body::new(body), MAX_BODY).await.map_err(|_| HungUp)?;
    let request = Request::read(parts.method, &parts.uri, &parts.headers, &body);
    let mut answer = answer(&world, &request).await?;
    if request.path.starts_with("/2010-04-01/") && !request.json {
        answer = answer.in_xml();
    }
    let mut response = Response::builder()
        .status(answer.status)
        .header("content-type", answer.content_type)
        .header("twilio-request-id", draws::sid("RQ"))
        .header("twilio-concurrent-requests", world.lock().creates_in_flight.to_string());
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(answer.body)).map_err(|_| HungUp)
}

async fn answer(world: &Arc<World>, request: &Request) -> Result<Answer, HungUp> {
    let route = match route(request) {
        Ok(route) => route,
        Err(refusal) => return Ok(Answer::refusal(&refusal)),
    };
    let in_flight = InFlight::enter(world, route.operation);
    let account = match resources::admit(&world.lock(), &route, request) {
        Ok(account) => account,
        Err(refusal) => return Ok(Answer::refusal(&refusal)),
    };
    if in_flight.too_many() {
        return Ok(Answer::refusal(&Refusal::code(20429)));
    }
    let fault = world.lock().strike(route.operation, &account.account_sid, request);
    // Nothing is awaited between here and the record of what was done, so a caller who gives up can't undo it.
    let done = match fault {
        Some(Fault { processed: false, trouble }) if !matches!(trouble, Trouble::Slow(_)) => None,
        _ => Some(resources::act(world, &account, &route, request)),
    };
    let latency = world.lock().settings.latency;
    sleep(latency).await;
    match (done, fault) {
        (Some(Ok(answer)), None) => Ok(answer),
        (Some(Err(refusal)), _) => Ok(Answer::refusal(&refusal)),
        (Some(Ok(answer)), Some(fault)) => suffer(fault.trouble, answer).await,
        (None, fault) => {
            let trouble = fault.map_or(Trouble::Status(500), |fault| fault.trouble);
            suffer(trouble, Answer::failure(500)).await
        }
    }
}

/// Turns the answer that would have been into the one that trouble makes of it.
async fn suffer(trouble: Trouble, answer: Answer) -> Result<Answer, HungUp> {
    match trouble {
        Trouble::TooManyRequests(None) => Ok(Answer::refusal(&Refusal::code(20429))),
        Trouble::TooManyRequests(Some(seconds)) => {
            Ok(Answer::refusal(&Refusal::code(20429)).with_header("retry-after", seconds.to_string()))
        }
        Trouble::Status(status) => Ok(Answer::failure(status)),
        Trouble::Code(code) => Ok(Answer::refusal(&Refusal::code(code))),
        Trouble::NotJson(status) => Ok(Answer::html(status)),
        Trouble::Problem(code) => Ok(Answer::problem(code)),
        Trouble::Reset => Err(HungUp),
        Trouble::Hang => std::future::pending().await,
        Trouble::Slow(delay) => {
            sleep(delay).await;
            Ok(answer)
        }
    }
}

fn route(request: &Request) -> Result<Route, Refusal> {
    let path = request.path.strip_suffix(".json").unwrap_or(&request.path);
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let (get, post, owner, sid) = match segments.as_slice() {
        ["2010-04-01", "Accounts", owner] => (Some(Operation::AccountFetch), None, *owner, ""),
        ["2010-04-01", "Accounts", owner, "IncomingPhoneNumbers"] => (Some(Operation::NumberList), None, *owner, ""),
        ["2010-04-01", "Accounts", owner, "Messages"] => {
            (Some(Operation::MessageList), Some(Operation::MessageCreate), *owner, "")
        }
        ["2010-04-01", "Accounts", owner, "Messages", sid] => {
            (Some(Operation::MessageFetch), Some(Operation::MessageUpdate), *owner, *sid)
        }
        ["2010-04-01", "Accounts", owner, "Calls"] => {
            (Some(Operation::CallList), Some(Operation::CallCreate), *owner, "")
        }
        ["2010-04-01", "Accounts", owner, "Calls", sid] => {
            (Some(Operation::CallFetch), Some(Operation::CallUpdate), *owner, *sid)
        }
        ["v1", "Services", owner] => (Some(Operation::MessagingServiceFetch), None, *owner, ""),
        ["v2", "Services", owner] => (Some(Operation::VerifyServiceFetch), None, *owner, ""),
        ["v2", "Services", owner, "Verifications"] => (None, Some(Operation::VerificationStart), *owner, ""),
        ["v2", "Services", owner, "Verifications", sid] => {
            (Some(Operation::VerificationFetch), Some(Operation::VerificationUpdate), *owner, *sid)
        }
        ["v2", "Services", owner, "VerificationCheck"] => (None, Some(Operation::VerificationCheck), *owner, ""),
        _ => return Err(Refusal::not_found(&request.path)),
    };
    let operation = match request.method {
        Method::GET => get,
        Method::POST => post,
        _ => None,
    };
    let operation = operation.ok_or_else(|| Refusal::code(20004))?;
    Ok(Route { operation, owner: owner.to_owned(), sid: sid.to_owned() })
}

/// Counts a create for as long as it is under way, refused ones included.
struct InFlight<'a> {
    world: &'a World,
    counts: bool,
}

impl<'a> InFlight<'a> {
    fn enter(world: &'a World, operation: Operation) -> Self {
        let counts = operation.creates();
        if counts {
            let mut state = world.lock();
            state.creates += 1;
            state.creates_in_flight += 1;
            state.most_creates_in_flight = state.most_creates_in_flight.max(state.creates_in_flight);
        }
        Self { world, counts }
    }

    fn too_many(&self) -> bool {
        let state = self.world.lock();
        self.counts && state.settings.faults.concurrency_limit.is_some_and(|limit| state.creates_in_flight > limit)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if self.counts {
            self.world.lock().creates_in_flight -= 1;
        }
    }
}
