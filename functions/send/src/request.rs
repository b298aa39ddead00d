//! The wire: one text or call, asked for once. Asks again only what was certainly not processed, and only within the
//! attempt's own deadline.

use crate::Deps;
use jiff::Timestamp;
use shared::notification::{Created, NotificationId};
use shared::pause;
use shared::phone::{Channel, PhoneNumber};
use shared::stamp;
use shared::tenant::Tenant;
use shared::timing::Timing;
use shared::twilio::codes::Class;
use shared::twilio::status::CANCELED;
use shared::twilio::{self, NewCall, NewMessage, Reply};
use std::time::Duration;

/// Connection overrides in the callback URL's fragment (Twilio docs, Webhooks connection overrides): by default a 5xx or a
/// slow answer of ours would lose the callback. Five tries of at most 4 s fit into Twilio's 15 s in all.
pub const CALLBACK_OVERRIDES: &str = "#rc=5&rp=5xx,ct,rt&rt=4000";

/// The longest that Twilio keeps a text in its queue (Twilio docs, Messages resource, `ValidityPeriod`).
const LONGEST_VALIDITY: Duration = Duration::from_hours(10);

/// The least time that Twilio is given to send a text; it advises against 5 s or less (Twilio docs, Messages resource,
/// `ValidityPeriod`).
const LEAST_VALIDITY: Duration = Duration::from_secs(6);

/// The first pause, at most, before a request that was not processed is repeated; doubles.
const RETRY_BASE: Duration = Duration::from_millis(100);
/// The longest such pause.
const RETRY_CAP: Duration = Duration::from_secs(3);

/// How long before its end a text must be asked for at the latest. Twilio counts from when it takes the text, which may be as
/// late as our patience with its answer ends.
pub fn least_notice(timing: &Timing) -> Duration {
    timing.twilio_timeout + LEAST_VALIDITY
}

/// What is asked for.
pub struct Request<'a> {
    /// On whose account.
    pub tenant: &'a Tenant,
    /// Which notification.
    pub id: &'a NotificationId,
    /// What it is about.
    pub created: &'a Created,
    /// Who is to be reached.
    pub to: &'a PhoneNumber,
    /// What is to be said.
    pub body: &'a str,
    /// Which attempt.
    pub attempt: u32,
    /// When it must have left Twilio's queue.
    pub ends: Timestamp,
}

/// Asks, and asks again while the answer is that it was not processed, a few times and for a short while. `None` if nothing
/// was asked, because it is too late for it.
pub async fn ask(deps: &Deps, request: &Request<'_>, deadline: Timestamp) -> Option<Reply> {
    let callback = format!(
        "{}/twilio/{}/status?n={}&a={}{CALLBACK_OVERRIDES}",
        deps.callback_base_url, request.tenant.id, request.id, request.attempt
    );
    // A request that might outlast the attempt's deadline could still be under way when the sweep presumes it lost.
    let last_start = stamp::before(deadline, deps.timing.twilio_timeout).min(match request.created.channel {
        Channel::Sms => stamp::before(request.ends, least_notice(&deps.timing)),
        Channel::Voice => request.ends,
    });
    let started = deps.clock.now();
    if started >= last_start {
        return None;
    }
    let mut tries = 0;
    loop {
        let reply = once(deps, request, &callback).await;
        let Reply::NotProcessed { retry_after, .. } = &reply else { return Some(reply) };
        let pause = pause::jittered(pause::doubled(RETRY_BASE, tries, RETRY_CAP)).max(retry_after.unwrap_or_default());
        let again_at = stamp::after(deps.clock.now(), pause);
        let spent = stamp::between(started, again_at);
        if tries >= deps.timing.retries || spent > deps.timing.retry_window || again_at >= last_start {
            return Some(reply);
        }
        tries += 1;
        tokio::time::sleep(pause).await;
        // However long the pause really took.
        if deps.clock.now() >= last_start {
            return Some(reply);
        }
    }
}

async fn once(deps: &Deps, request: &Request<'_>, callback: &str) -> Reply {
    let account = &request.tenant.twilio;
    match request.created.channel {
        Channel::Sms => {
            let left = stamp::between(deps.clock.now(), request.ends).saturating_sub(deps.timing.twilio_timeout);
            let left = left.clamp(LEAST_VALIDITY, LONGEST_VALIDITY).as_secs();
            let validity_seconds = u32::try_from(left).unwrap_or(u32::MAX);
            let message =
                NewMessage { to: request.to, body: request.body, status_callback: callback, validity_seconds };
            deps.twilio.create_message(account, &message).await
        }
        Channel::Voice => {
            let language = request.created.language.as_deref().unwrap_or(&request.tenant.default_language);
            let twiml = twilio::say_twiml(request.body, language);
            let call = NewCall { to: request.to, twiml: &twiml, status_callback: callback };
            in_time(deps, request, deps.twilio.create_call(account, &call).await).await
        }
    }
}

/// Takes a call back out of Twilio's queue that would be dialled after its end: an account's calls are started one a second,
/// and no period of validity ends their waiting (Twilio docs, Call resource, `QueueTime`).
async fn in_time(deps: &Deps, request: &Request<'_>, mut reply: Reply) -> Reply {
    if let Reply::Accepted(call) = &mut reply
        && call.queue_time.is_some_and(|wait| stamp::after(deps.clock.now(), wait) >= request.ends)
        && deps.twilio.cancel_call(&request.tenant.twilio, &call.sid).await
    {
        CANCELED.clone_into(&mut call.status);
    }
    reply
}

/// A class of refusal in the ledger's words.
pub fn word(class: Class) -> &'static str {
    match class {
        Class::Recipient => "recipient",
        Class::Content => "content",
        Class::Bug => "bug",
        Class::Config => "config",
        Class::Permission => "permission",
        Class::NotTwilio => "not_twilio",
        Class::Account => "account",
        Class::OptedOut => "opted_out",
        Class::Wait => "wait",
        Class::WaitLong => "wait_long",
        Class::Unknown => "unknown",
        Class::Other => "other",
    }
}
