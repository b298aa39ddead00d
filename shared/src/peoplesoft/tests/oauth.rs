//! Signing in with OAuth 2.0 client credentials.

use super::super::{Auth, Class, Client, ClientAuth, Connection, Error, Query};
use super::server::{Reply, Server};
use super::{NO_PAUSES, ask, connection, drain, fixture, names, query};
use crate::clock::Clock;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const ONE_ROW: &str = r#"{"status":"success","data":{"query":{"numrows":1,"rows":[{"A":"1"}]}}}"#;
const START: &str = "2026-03-17T21:45:00Z";

fn oauth(server: &Server, client_auth: ClientAuth) -> Connection {
    let auth = Auth::OAuth2 {
        token_url: format!("{}/token", server.base),
        client_id: "notify:1".to_owned(),
        client_secret: "s3cret/+".into(),
        scope: Some("read".to_owned()),
        audience: Some("https://hr.example.org:443/x/".to_owned()),
        client_auth,
    };
    Connection { auth, ..connection(&format!("{}/N", server.base)) }
}

/// A client, and the seconds its clock is ahead.
fn with_clock(connection: Connection) -> (Client, Arc<AtomicI64>) {
    let ahead = Arc::new(AtomicI64::new(0));
    let shared = Arc::clone(&ahead);
    let start: Timestamp = START.parse().unwrap();
    let clock = Clock::from_fn(move || start + SignedDuration::from_secs(shared.load(Ordering::SeqCst)));
    (Client::new(connection, clock).unwrap().with_pauses(NO_PAUSES), ahead)
}

fn is_token(request: &str) -> bool {
    request.starts_with("POST /token ")
}

fn token(name: &str, expires_in: &str) -> Reply {
    Reply::json(format!(r#"{{"access_token":"{name}","token_type":"Bearer","expires_in":{expires_in}}}"#))
}

fn tokens_asked(server: &Server) -> usize {
    server.requests().iter().filter(|request| is_token(request)).count()
}

#[tokio::test]
async fn a_token_is_asked_for_as_the_rfc_says() {
    let check = async |client_auth: ClientAuth, header: Option<&str>, form: &str| {
        let server =
            Server::start(|request, _| if is_token(request) { token("T1", "3600") } else { Reply::json(ONE_ROW) })
                .await;
        let (client, _) = with_clock(oauth(&server, client_auth));
        ask(&client).await.unwrap();
        let requests = server.requests();
        let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
        let sent = head.lines().find_map(|line| line.strip_prefix("authorization: "));
        assert_eq!((sent, body), (header, form));
        assert!(head.contains("content-type: application/x-www-form-urlencoded"), "{head}");
        assert!(requests[1].contains("\r\nauthorization: Bearer T1\r\n"), "{}", requests[1]);
    };
    // base64 of `notify%3A1:s3cret%2F%2B`
    let form = "grant_type=client_credentials&scope=read&audience=https%3A%2F%2Fhr.example.org%3A443%2Fx%2F";
    check(ClientAuth::Header, Some("Basic bm90aWZ5JTNBMTpzM2NyZXQlMkYlMkI="), form).await;
    check(ClientAuth::Form, None, &format!("{form}&client_id=notify%3A1&client_secret=s3cret%2F%2B")).await;
}

#[tokio::test]
async fn a_token_is_kept_until_shortly_before_it_expires() {
    let check = async |expires_in: &'static str, good_for: i64| {
        let server = Server::start(
            move |request, _| {
                if is_token(request) { token("T", expires_in) } else { Reply::json(ONE_ROW) }
            },
        )
        .await;
        let (client, ahead) = with_clock(oauth(&server, ClientAuth::Header));
        ask(&client).await.unwrap();
        ahead.store(good_for - 1, Ordering::SeqCst);
        ask(&client).await.unwrap();
        assert_eq!(tokens_asked(&server), 1, "{expires_in}");
        ahead.store(good_for, Ordering::SeqCst);
        ask(&client).await.unwrap();
        assert_eq!(tokens_asked(&server), 2, "{expires_in}");
    };
    check("3600", 3540).await;
    check("\"3600\"", 3540).await;
    check("100", 90).await;
    check("null", 270).await;
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let answer = |good: &'static str| {
        move |request: &str, number: usize| match request {
            _ if is_token(request) => token(&format!("T{number}"), "3600"),
            _ if request.contains(&format!("Bearer {good}\r")) => Reply::json(ONE_ROW),
            _ => Reply::new(401, "", ""),
        }
    };
    let server = Server::start(answer("T2")).await; // token, 401, token, rows
    let (client, _) = with_clock(oauth(&server, ClientAuth::Header));
    ask(&client).await.unwrap();
    ask(&client).await.unwrap();
    assert_eq!((server.requests().len(), tokens_asked(&server)), (5, 2));

    let server = Server::start(answer("none")).await;
    let (client, _) = with_clock(oauth(&server, ClientAuth::Header));
    let error = ask(&client).await.unwrap_err();
    assert_eq!((error.class(), server.requests().len(), tokens_asked(&server)), (Class::Credentials, 4, 2));
}

#[tokio::test]
async fn a_token_is_replaced_wherever_an_answer_refuses_it() {
    let check = async |status: u16, step: &'static str| {
        let server = Server::start(move |request, _| match request {
            _ if is_token(request) => token("T", "3600"),
            _ if request.contains(step) => Reply::new(status, "", fixture!("password_failed.xml")),
            _ => answer(request),
        })
        .await;
        let (client, _) = with_clock(oauth(&server, ClientAuth::Header));
        let error = ask_all(&client).await.unwrap_err();
        assert_eq!(
            (error.class(), tokens_asked(&server)),
            (Class::Credentials, 2),
            "{status} {step}: once, not for ever"
        );

        let server = Server::start(move |request, number| match request {
            _ if is_token(request) => token(&format!("T{number}"), "3600"),
            _ if request.contains(step) && request.contains("Bearer T0\r") => {
                Reply::new(status, "", fixture!("password_failed.xml"))
            }
            _ => answer(request),
        })
        .await;
        let (client, _) = with_clock(oauth(&server, ClientAuth::Header));
        ask_all(&client).await.unwrap();
        assert_eq!(tokens_asked(&server), 2, "{status} {step}");
    };
    for status in [200, 401, 500] {
        for step in
            ["/QueryFields.v1/", "/ExecuteQuery.v1/", "/ExecuteQueryPoll.v1/", "/QueryStatus.v1/", "/QueryResults.v1/"]
        {
            check(status, step).await;
        }
    }
}

/// A good answer to every question.
fn answer(request: &str) -> Reply {
    Reply::xml(match request {
        _ if request.contains("/QueryFields.v1/") => fixture!("query_fields.xml").to_owned(),
        _ if request.contains("/ExecuteQueryPoll.v1/") => fixture!("poll_started.xml").to_owned(),
        _ if request.contains("/QueryStatus.v1/") => fixture!("poll_running.xml").replace("running", "success"),
        _ if request.contains("/QueryResults.v1/") => {
            "<m><query numrows='1'><row><A>1</A></row></query><s><status>finalBlockRetrieved</status></s></m>"
                .to_owned()
        }
        _ => return Reply::json(ONE_ROW),
    })
}

/// Asks every kind of question.
async fn ask_all(client: &Client) -> Result<(), Error> {
    client.query_fields("Q").await?;
    let columns = names(&["A"]);
    for blocks in [false, true] {
        drain(client.execute(&Query { blocks, ..query("Q", &columns) }).await?).await.1?;
    }
    Ok(())
}

#[tokio::test]
async fn two_who_were_refused_together_share_the_new_token() {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let server = Server::start(move |request, number| match request {
        _ if is_token(request) => token(&format!("T{number}"), "3600"),
        _ if request.contains("Bearer T0\r") => Reply::new(401, "", "").behind(&held),
        _ => Reply::json(ONE_ROW),
    })
    .await;
    let (client, _) = with_clock(oauth(&server, ClientAuth::Header));
    let (first, second, ()) = tokio::join!(ask(&client), ask(&client), async {
        while server.at_once() < 2 {
            tokio::task::yield_now().await;
        }
        gate.add_permits(2);
    });
    assert_eq!((first.unwrap().len(), second.unwrap().len(), tokens_asked(&server)), (1, 1, 2));
}

#[tokio::test]
async fn many_who_need_a_token_share_one_request() {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let server = Server::start(
        move |request, _| {
            if is_token(request) { token("T", "3600").behind(&held) } else { Reply::json(ONE_ROW) }
        },
    )
    .await;
    let (client, _) = with_clock(oauth(&server, ClientAuth::Header));
    let mut callers = JoinSet::new();
    for _ in 0..20 {
        let client = client.clone();
        callers.spawn(async move { ask(&client).await.unwrap().len() });
    }
    while server.at_once() == 0 {
        tokio::task::yield_now().await;
    }
    gate.add_permits(20);
    assert_eq!(callers.join_all().await.iter().sum::<usize>(), 20);
    assert_eq!(tokens_asked(&server), 1);
}

#[tokio::test]
async fn a_refusal_is_shared_too_and_asked_again_later() {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let refused = r#"{"error":"invalid_client","error_description":"notify:1 s3cret"}"#;
    let server = Server::always(move || Reply::new(401, "", refused).behind(&held)).await;
    let (client, _) = with_clock(oauth(&server, ClientAuth::Header));
    let waiting = || {
        let client = client.clone();
        async move { ask(&client).await.unwrap_err().to_string() }
    };
    let (first, second, ()) = tokio::join!(waiting(), waiting(), async {
        while server.at_once() == 0 {
            tokio::task::yield_now().await;
        }
        gate.add_permits(1);
    });
    assert_eq!(first, "the token server refuses the client (HTTP 401, invalid_client)");
    assert_eq!((&first, tokens_asked(&server)), (&second, 1));
    gate.add_permits(1);
    assert_eq!(waiting().await, first);
    assert_eq!(tokens_asked(&server), 2);
}

#[tokio::test]
async fn a_token_server_fails_in_its_own_ways() {
    let check = async |reply: fn() -> Reply, expect: &str, class: Class| {
        let server = Server::always(reply).await;
        let (client, _) = with_clock(oauth(&server, ClientAuth::Form));
        let error = ask(&client).await.unwrap_err();
        assert_eq!((error.to_string().as_str(), error.class(), server.requests().len()), (expect, class, 1));
        assert!(!format!("{error:?}").contains("s3cret"));
    };
    let refused = |what: &str| format!("the token server refuses the client (HTTP 400, {what})");
    check(|| Reply::new(400, "", r#"{"error":"invalid_scope"}"#), &refused("invalid_scope"), Class::Credentials).await;
    check(|| Reply::new(400, "", r#"{"error":"s3cret"}"#), &refused("unknown"), Class::Credentials).await;
    check(|| Reply::new(400, "", "<html>"), &refused("unknown"), Class::Credentials).await;
    let down = "PeopleSoft is unavailable: the token server can't be reached or fails";
    check(|| Reply::new(500, "", ""), down, Class::Unavailable).await;
    check(|| Reply::new(429, "", ""), down, Class::Unavailable).await;
    check(|| Reply::raw(""), down, Class::Unavailable).await;
    let none = |status: u16| format!("token_url answers HTTP {status} without a bearer token");
    check(|| Reply::new(302, "Location: /login\r\n", ""), &none(302), Class::Misconfigured).await;
    check(|| Reply::new(404, "", ""), &none(404), Class::Misconfigured).await;
    check(|| Reply::new(200, "", "<html>"), &none(200), Class::Misconfigured).await;
    check(|| Reply::json("{}"), &none(200), Class::Misconfigured).await;
    check(|| Reply::json(r#"{"access_token":""}"#), &none(200), Class::Misconfigured).await;
    check(|| Reply::json(r#"{"access_token":"T","token_type":"mac"}"#), &none(200), Class::Misconfigured).await;
    check(|| Reply::json(r#"{"access_token":"a\nb"}"#), &none(200), Class::Misconfigured).await;
}
