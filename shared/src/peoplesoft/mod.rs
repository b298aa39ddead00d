//! The client of one tenant's `PeopleSoft`: runs its queries over the Integration Broker's REST listener and streams the
//! rows. It never writes to `PeopleSoft`, and never keeps, prints or hands out a column that it was not asked for.
//!
//! In the order to read them: [`Connection`] says where and as whom, [`Client`] asks, [`Rows`] and [`Row`] are what comes
//! back, [`Error`] is why nothing did, [`time`] reads and writes `PeopleSoft`'s dates.

mod address;
mod auth;
mod blocks;
mod body;
mod catalog;
mod client;
mod connection;
mod error;
mod ib_response;
mod json;
mod reader;
mod request;
mod row;
mod rows;
pub mod time;
mod xmlp;

#[cfg(test)]
mod tests;

pub use catalog::{Field, Kind, Prompt, QueryList};
pub use client::{Client, MAX_AT_ONCE, Pauses, Query, Roads};
pub use connection::{Auth, ClientAuth, Connection, Format};
pub use error::{Class, Error, Found, Reason};
pub use ib_response::MessageCode;
pub use row::{Row, meant};
pub use rows::Rows;
