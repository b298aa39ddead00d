//! The world on a laptop: what AWS, PeopleSoft and Twilio would be, in one process, around the very functions that are
//! deployed. Servers listen on loopback and stop when dropped.
//!
//! Read in this order: [`stack`] (everything together), [`polls`] (what its schedule came to), [`demo`] (a hospital to try it
//! with), [`progress`] (how far a run has come), [`proof`] (whether everybody got one text), [`export`] (the table, as AWS
//! exports it); then [`aws`], and the fakes [`peoplesoft`] and [`twilio`].

pub mod aws;
mod common;
pub mod demo;
pub mod export;
#[cfg(test)]
mod made;
pub mod peoplesoft;
pub mod polls;
pub mod progress;
pub mod proof;
mod routes;
pub mod stack;
pub mod twilio;
