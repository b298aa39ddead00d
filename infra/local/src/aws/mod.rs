//! What AWS is to the functions, on a laptop: a table, secrets, a stream that calls a function, and an HTTP API. Every
//! part is a real server on a real port, so that the functions' own clients, signatures and event types are what gets
//! used; nothing here knows what the functions do.
//!
//! Read in this order: [`dynamodb`], [`stream`] (what the table's stream does to a function), [`gateway`] (what a
//! request does), [`secrets`].

pub mod dynamodb;
pub mod gateway;
pub mod secrets;
mod server;
pub mod stream;
