//! A fake Twilio: a real HTTP server on 127.0.0.1 that accepts messages, calls and verifications, lets them live, calls back
//! with signed requests, and counts. It never reaches a phone. It plays the API, the Verify and the Messaging host at once.
//!
//! In the order to read: [`Settings`] and [`Rule`] say what it is and what goes wrong, `server` takes requests, `resources` does
//! what they ask, `life` moves messages and calls on, `callbacks` and `posts` report them, and [`AcceptedMessage`] is the count.

mod answer;
mod callbacks;
mod calls;
mod consent;
mod counts;
mod draws;
mod events;
mod faults;
mod inbound;
mod journal;
mod life;
mod listing;
mod magic;
mod messages;
mod overrides;
mod posts;
mod record;
mod request;
mod resources;
mod server;
mod settings;
mod signing;
mod verify;
mod world;

#[cfg(test)]
mod tests;

pub use counts::{AcceptedMessage, CallbackSent, Doubled, Warning};
pub use faults::{Fault, Faults, Operation, Rule, Trouble, When};
pub use record::Kind;
pub use settings::{BodyShown, CallEnd, CallbackBehaviour, FakeAccount, ListOrder, Settings, VerifyBehaviour};

use journal::{Journal, Line};
use serde_json::Value;
use std::io;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use world::World;

/// A running fake Twilio. Dropping it stops the server, the lives and the callbacks.
pub struct FakeTwilio {
    world: Arc<World>,
    base_url: String,
    /// Closing this channel stops everything.
    _running: watch::Sender<()>,
}

impl FakeTwilio {
    /// Starts a fake on a free port. With a journal it takes up what an earlier one accepted; lives that had not ended go on,
    /// and callbacks that had not been answered are sent.
    ///
    /// Errors if no port is free, or the journal can't be opened or read.
    pub async fn start(settings: Settings) -> io::Result<Self> {
        let (journal, lines) = Journal::open(settings.journal.as_deref())?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let (running, stopped) = watch::channel(());
        let world = Arc::new(World::new(settings, journal, stopped));
        for sid in remember(&world, lines) {
            life::begin(&world, &sid);
        }
        world.spawn(server::serve(Arc::clone(&world), listener));
        Ok(Self { world, base_url, _running: running })
    }

    /// Where the three hosts are: `http://127.0.0.1:{port}`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Changes the settings while the fake runs: switches faults, rotates a token, makes a number undeliverable. Other `steps`
    /// count at once, so that lives can be held and let go. The clock, the journal and the number of parallel callbacks stay
    /// as they were.
    pub fn change(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.world.lock().settings);
        self.world.woken.notify_waiters();
    }

    /// Sends an inbound SMS of `from` to our number `to`, as Twilio does: acts on STOP and START, then posts it, signed, to
    /// `webhook_url`. Returns the HTTP status and body of the webhook's answer.
    ///
    /// Errors if no account has the number, or if nobody answered.
    pub async fn inbound(&self, from: &str, to: &str, body: &str, webhook_url: &str) -> io::Result<(u16, String)> {
        let sent = inbound::receive(&self.world, from, to, body, webhook_url).await;
        answered(sent.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no account has this number"))?)
    }

    /// The code of the latest live verification of a number (E.164).
    pub fn code_for(&self, to: &str) -> Option<String> {
        let state = self.world.lock();
        let mut known = state.verifications.iter().rev();
        known.find(|known| known.to == to && known.is_alive()).map(|known| known.code.clone())
    }

    /// Posts any JSON to a sink as Event Streams does, signed with the account's token and with `bodySHA256` in the query.
    /// Returns the HTTP status and body of the answer.
    ///
    /// Errors if nobody answered.
    pub async fn send_events(&self, account_sid: &str, sink_url: &str, events: &Value) -> io::Result<(u16, String)> {
        answered(events::post(&self.world, account_sid, sink_url, events).await)
    }

    /// From now on the life of this account's verifications is posted to `sink_url` as `CloudEvents`.
    pub fn subscribe_events(&self, account_sid: &str, sink_url: &str) {
        self.world.lock().sinks.insert(account_sid.to_owned(), sink_url.to_owned());
    }

    /// Waits until no message or call has anything ahead of it and no callback or event is planned or under way.
    pub async fn idle(&self) {
        self.world.idle().await;
    }
}

fn answered(sent: posts::Sent) -> io::Result<(u16, String)> {
    let status = sent.answers.last().copied().flatten();
    status.map(|status| (status, sent.body)).ok_or_else(|| io::Error::new(io::ErrorKind::TimedOut, "nobody answered"))
}

/// Takes up what the journal holds and names the records that are not over.
fn remember(world: &World, lines: Vec<Line>) -> Vec<String> {
    let mut state = world.lock();
    for line in lines {
        match line {
            Line::Record(record) => {
                if state.records.get(&record.sid).is_none_or(|known| known.revision <= record.revision) {
                    state.records.insert(record);
                }
            }
            Line::Verification(verification) => state.restore(verification),
            Line::Consent { sender, to, opted_out } => state.set_opted_out(&sender, &to, opted_out),
        }
    }
    state.records.iter().filter(|record| record.is_alive()).map(|record| record.sid.clone()).collect()
}
