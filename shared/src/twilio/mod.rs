//! Twilio, as far as we use it: texts, calls, Verify, their callbacks and signatures. Knows nothing of tenants,
//! notifications or the ledger, and never repeats a request on its own: whether a second try is safe is the caller's to say.
//!
//! In reading order: [`Account`] says on whose behalf, [`Client`] makes one request, [`Reply`] says what is known afterwards
//! and [`codes`] why; [`signature`] and [`callback`] take what Twilio tells us later, and [`status`] what its words mean.

mod account;
pub mod callback;
mod channel;
mod client;
pub mod codes;
mod http;
mod read;
mod reply;
mod resource;
mod say;
pub mod segments;
pub mod signature;
pub mod status;
#[cfg(test)]
mod tests;
pub mod verify;
mod wire;

pub use account::{API, Account, ApiKey, Sender, VERIFY};
pub use channel::Channel;
pub use client::{Client, NewCall, NewMessage, Timeouts};
pub use read::{AccountState, ReadError};
pub use reply::Reply;
pub use resource::{MOST_KEPT, Resource};
pub use say::say_twiml;
