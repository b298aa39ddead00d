//! Proves the client on the wire: real requests to a far end that answers, or misbehaves, as it is told.

mod answers;
mod asking;
pub(super) mod far_end;
mod reading;
mod verifying;

use crate::phone::PhoneNumber;
use crate::twilio::{Account, Client, NewMessage, Reply, Sender, Timeouts};
use std::time::Duration;
use tokio::net::TcpSocket;

pub(super) const AC: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub(super) const SM: &str = "SMaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub(super) const CA: &str = "CAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub(super) const MG: &str = "MGaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub(super) const VE: &str = "VEaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

const CALLBACK: &str = "https://example.org/twilio/t/status?n=x-y&a=1#rc=5&rp=5xx,ct,rt&rt=4000";

/// An account whose every host is `base_url`.
pub(super) fn account(base_url: &str) -> Account {
    Account {
        account_sid: AC.into(),
        auth_token: "token-current".into(),
        next_auth_token: None,
        api_key: None,
        sender: Some(Sender::MessagingService(MG.into())),
        voice_from_number: Some(number("+15005550006")),
        verify_service_sid: Some("VAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".into()),
        api_base_url: base_url.into(),
        verify_base_url: base_url.into(),
        messaging_base_url: base_url.into(),
    }
}

fn number(e164: &str) -> PhoneNumber {
    PhoneNumber::try_from(e164.to_owned()).unwrap()
}

pub(super) fn client() -> Client {
    Client::new(Timeouts::default()).unwrap()
}

/// Gives up soon, for a far end that never answers.
fn hasty_client(connect_ms: u64, total_ms: u64) -> Client {
    let (connect, total) = (Duration::from_millis(connect_ms), Duration::from_millis(total_ms));
    let timeouts = Timeouts { connect, total, ..Timeouts::default() };
    Client::new(timeouts).unwrap()
}

/// A base URL that refuses connections, as long as the socket is held: its port is taken, and nobody listens.
fn closed_port() -> (String, TcpSocket) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    (format!("http://{}", socket.local_addr().unwrap()), socket)
}

pub(super) async fn text_by(client: &Client, base_url: &str) -> Reply {
    let to = number("+13125550142");
    let message = NewMessage { to: &to, body: "Hola Zoë & co", status_callback: CALLBACK, validity_seconds: 3600 };
    client.create_message(&account(base_url), &message).await
}

async fn text(base_url: &str) -> Reply {
    text_by(&client(), base_url).await
}
