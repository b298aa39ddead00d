//! Two-factor checks, through the real wire: a portal, the functions, a ledger, a fake PeopleSoft and a fake Twilio. Every
//! answer that any of these tests gets is held against the document that portals are given.

mod checking;
mod contract;
mod events;
mod portal;
mod secrecy;
mod starting;
mod trouble;
