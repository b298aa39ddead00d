//! Inbound messages: somebody texts one of our numbers. Twilio acts on the keyword, replies by itself, and posts the message to
//! the webhook all the same; what the webhook answers is handed back, and no `TwiML` is obeyed.

use super::consent::{self, Keyword};
use super::draws;
use super::journal::Line;
use super::posts::{self, Payload, Post, Sent};
use super::record::{Kind, Record};
use super::world::World;
use jiff::Timestamp;
use shared::twilio::segments;
use std::time::Duration;

/// Receives a message for a number of some account and posts it; `None` if no account has the number.
pub(super) async fn receive(world: &World, from: &str, to: &str, body: &str, webhook_url: &str) -> Option<Sent> {
    let (account, advanced) = {
        let state = world.lock();
        let account =
            state.settings.accounts.iter().find(|account| account.numbers.iter().any(|number| number == to))?;
        (account.clone(), state.settings.advanced_opt_out)
    };
    let now = world.clock.now();
    let service = account.messaging_services.first().cloned();
    let received = message(&account.account_sid, service.clone(), from, to, body, now);
    let keyword = Keyword::read(body, to);
    if let Some(keyword) = keyword {
        if keyword != Keyword::Help {
            for sender in consent::senders(&account, to) {
                let opted_out = keyword == Keyword::Stop;
                world.lock().set_opted_out(&sender, from, opted_out);
                world.journal.write(&Line::Consent { sender, to: from.to_owned(), opted_out });
            }
        }
        let reply = message(&account.account_sid, service, to, from, keyword.reply(), now);
        world.keep(Record {
            direction: "outbound-reply".to_owned(),
            status: "delivered".to_owned(),
            begun: Some(now),
            ..reply
        });
    }
    let mut params = params(&received);
    if let Some(keyword) = keyword.filter(|_| advanced) {
        params.push(("OptOutType".to_owned(), keyword.opt_out_type().to_owned()));
    }
    let post = Post {
        account_sid: account.account_sid,
        url: webhook_url.to_owned(),
        payload: Payload::Form(params),
        for_call: false,
        forged: false,
    };
    world.keep(received);
    Some(posts::send(world, &post).await)
}

fn message(account_sid: &str, service: Option<String>, from: &str, to: &str, body: &str, now: Timestamp) -> Record {
    Record {
        kind: Kind::Message,
        sid: draws::sid("SM"),
        account_sid: account_sid.to_owned(),
        to: to.to_owned(),
        from: from.to_owned(),
        messaging_service_sid: service,
        body: body.to_owned(),
        direction: "inbound".to_owned(),
        status: "received".to_owned(),
        error_code: None,
        created: now,
        updated: now,
        begun: Some(now),
        validity_seconds: 0,
        queue_time: Duration::ZERO,
        status_callback: None,
        answered_by: None,
        script: Vec::new(),
        done: 0,
        revision: 0,
    }
}

fn params(message: &Record) -> Vec<(String, String)> {
    let segments = segments::size(&message.body).segments.to_string();
    let mut params = vec![
        ("ToCountry", "US"),
        ("ToState", ""),
        ("ToCity", ""),
        ("ToZip", ""),
        ("FromCountry", "US"),
        ("FromState", ""),
        ("FromCity", ""),
        ("FromZip", ""),
        ("MessageSid", &message.sid),
        ("SmsSid", &message.sid),
        ("SmsMessageSid", &message.sid),
        ("SmsStatus", "received"),
        ("AccountSid", &message.account_sid),
        ("From", &message.from),
        ("To", &message.to),
        ("Body", &message.body),
        ("NumMedia", "0"),
        ("NumSegments", &segments),
        ("ApiVersion", "2010-04-01"),
    ];
    if let Some(service) = &message.messaging_service_sid {
        params.push(("MessagingServiceSid", service));
    }
    params.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
