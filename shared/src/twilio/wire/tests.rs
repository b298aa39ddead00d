//! Connections: one for each request, at most one opened ahead, and what becomes of that one.

use crate::twilio::tests::far_end::{FarEnd, Step};
use crate::twilio::tests::{SM, client, text_by};
use crate::twilio::{Client, Reply};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What a server does with a connection.
#[derive(Clone, Copy)]
enum Manner {
    /// Takes one request after the other, for as long as they come.
    KeepsAlive,
    /// Answers one request, says nothing of closing, and closes.
    ClosesAfterTheAnswer,
    /// The same, and says so.
    SaysThatItCloses,
    /// Answers one request and resets whatever follows.
    ResetsTheSecond,
    /// Closes before anything is asked, and lets it be known.
    ClosesUnasked,
}

/// A Twilio that counts connections and, of each, the requests. The first connections are treated in ways of their own.
struct Server {
    url: String,
    /// For each connection, how many requests came.
    asked: Arc<Mutex<Vec<usize>>>,
    closed: Arc<Notify>,
}

impl Server {
    async fn start(first: &'static [Manner], others: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (asked, closed) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Notify::new()));
        let server = Self { url, asked: Arc::clone(&asked), closed: Arc::clone(&closed) };
        tokio::spawn(async move {
            let taken = AtomicUsize::new(0);
            while let Ok((stream, _)) = listener.accept().await {
                let number = taken.fetch_add(1, Ordering::SeqCst);
                asked.lock().unwrap().push(0);
                let manner = first.get(number).copied().unwrap_or(others);
                tokio::spawn(serve(stream, manner, number, Arc::clone(&asked), Arc::clone(&closed)));
            }
        });
        server
    }

    fn asked(&self) -> Vec<usize> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    manner: Manner,
    number: usize,
    asked: Arc<Mutex<Vec<usize>>>,
    closed: Arc<Notify>,
) {
    if let Manner::ClosesUnasked = manner {
        stream.shutdown().await.unwrap();
        let _ = stream.read(&mut [0]).await; // until the other side has closed too
        closed.notify_one();
        return;
    }
    let body = json!({"sid": SM, "status": "queued"}).to_string();
    while read_request(&mut stream).await {
        asked.lock().unwrap()[number] += 1;
        if matches!(manner, Manner::ResetsTheSecond) && asked.lock().unwrap()[number] > 1 {
            stream.set_zero_linger().unwrap();
            return;
        }
        let close = if let Manner::SaysThatItCloses = manner { "connection: close\r\n" } else { "" };
        let answer = format!("HTTP/1.1 201 Created\r\n{close}content-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
        if matches!(manner, Manner::ClosesAfterTheAnswer | Manner::SaysThatItCloses) {
            return;
        }
    }
}

/// Reads one request with a body; false if there is none.
async fn read_request(stream: &mut TcpStream) -> bool {
    let mut text = String::new();
    loop {
        let mut some = [0; 4096];
        let Ok(bytes @ 1..) = stream.read(&mut some).await else { return false };
        text.push_str(std::str::from_utf8(&some[..bytes]).unwrap());
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() == length.parse::<usize>().unwrap() {
            return true;
        }
    }
}

async fn accepted(client: &Client, server: &Server) {
    let reply = text_by(client, &server.url).await;
    assert!(matches!(reply, Reply::Accepted(_)), "{reply:?}");
}

#[tokio::test]
async fn the_first_request_finds_a_connection_and_the_others_open_their_own() {
    let server = Server::start(&[], Manner::KeepsAlive).await;
    let client = client();
    client.warm(Some(&server.url)).await;
    for _ in 0..3 {
        accepted(&client, &server).await;
    }
    assert_eq!(server.asked(), [1, 1, 1]);
}

#[tokio::test]
async fn however_a_server_ends_its_connections_nothing_is_asked_twice_and_nothing_is_in_doubt() {
    for manner in [Manner::ClosesAfterTheAnswer, Manner::SaysThatItCloses, Manner::ResetsTheSecond] {
        let server = Server::start(&[], manner).await;
        let client = client();
        client.warm(Some(&server.url)).await;
        for _ in 0..20 {
            accepted(&client, &server).await;
        }
        assert_eq!(server.asked(), [1; 20]);
    }
}

#[tokio::test]
async fn a_connection_that_was_closed_before_it_was_used_leaves_no_doubt() {
    let server = Server::start(&[Manner::ClosesUnasked], Manner::KeepsAlive).await;
    let client = client();
    client.warm(Some(&server.url)).await;
    server.closed.notified().await;
    accepted(&client, &server).await;
    assert_eq!(server.asked(), [0, 1]);
}

#[tokio::test]
async fn a_connection_that_breaks_under_its_request_leaves_doubt_and_is_not_followed_by_another() {
    let far_end = FarEnd::new(vec![Step::Reset]);
    let client = client();
    client.warm(Some(&far_end.url())).await;
    let reply = text_by(&client, &far_end.url()).await;
    assert_eq!(reply, Reply::InDoubt { status: None, why: "the connection broke before the answer" });
    assert_eq!(far_end.received().len(), 1);
}

#[tokio::test]
async fn a_connection_that_has_waited_is_left_alone() {
    let server = Server::start(&[], Manner::KeepsAlive).await;
    let mut client = client();
    client.wire.fresh = Duration::ZERO;
    client.warm(Some(&server.url)).await;
    accepted(&client, &server).await;
    assert_eq!(server.asked(), [0, 1]);
}

#[tokio::test]
async fn a_connection_elsewhere_is_of_no_use() {
    let (server, other) = (Server::start(&[], Manner::KeepsAlive).await, Server::start(&[], Manner::KeepsAlive).await);
    let client = client();
    client.warm(Some(&other.url)).await;
    client.warm(Some("no url")).await;
    accepted(&client, &server).await;
    accepted(&client, &other).await;
    assert_eq!((server.asked(), other.asked()), (vec![1], vec![1]));
}
