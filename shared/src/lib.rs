//! What exists: the nouns that the functions, the local stack and the operator's command share. Nothing here is scheduled,
//! triggered or served.
//!
//! Read in this order:
//! - [`tenant`]: one customer, as its secret says;
//! - [`contacts`]: its people and their phones;
//! - [`notification`]: one text or call to one person about one event, and the facts that are known of it;
//! - [`ledger`]: where facts are kept;
//! - [`peoplesoft`] and [`twilio`]: the two systems that we connect, as clients see them;
//! - [`template`], [`phone`], [`moment`]: what is said, to whom, when;
//! - [`gateway`]: a request to us, and its answer;
//! - [`timing`], [`pause`], [`settings`], [`telemetry`], [`metrics`], [`tls`], [`aws`], [`clock`], [`stamp`], [`spelling`], [`web`]: how long, where, and
//!   how it is written down.

pub mod aws;
pub mod clock;
pub mod contacts;
pub mod gateway;
pub mod ledger;
pub mod metrics;
pub mod moment;
pub mod notification;
pub mod pause;
pub mod peoplesoft;
pub mod phone;
pub mod settings;
pub mod spelling;
pub mod stamp;
pub mod telemetry;
pub mod template;
pub mod tenant;
pub mod timing;
pub mod tls;
pub mod twilio;
pub mod web;
