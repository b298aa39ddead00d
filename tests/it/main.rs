//! The proof: everything together, through the real wire. One binary, since it links once.
//!
//! `world` is what the others stand on; each of them is named for what it proves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::unused_self,
    unreachable_pub
)]

mod alike;
mod answers;
mod aws;
mod callbacks;
mod chaos;
mod command;
mod consent;
mod contacts;
mod cost;
mod crash;
mod cut;
mod doubt;
mod end_to_end;
mod escalation;
mod fold;
mod handbook;
mod kill;
mod kinds;
mod layout;
mod lease;
mod log;
mod lookups;
mod metrics;
mod pace;
mod ping;
mod polling;
mod reasons;
mod redaction;
mod restore;
mod retention;
mod rotation;
mod sending;
mod settled;
mod stage;
mod sweep;
mod template;
mod tenants;
mod thousand;
mod time;
mod times;
mod twice;
mod verify;
mod windows;
mod world;
