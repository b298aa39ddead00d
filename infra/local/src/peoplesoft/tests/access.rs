//! Who may call: passwords, tokens, and what the log keeps of it.

use super::*;
use std::time::Duration;

async fn with_header(fake: &FakePeopleSoft, authorization: &str) -> u16 {
    let request = Client::new().get(format!("{}/{}", fake.base_url(), day("")));
    let request = if authorization.is_empty() { request } else { request.header("authorization", authorization) };
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn only_the_right_password_opens() {
    let fake = plain().await;
    let check = async |authorization: &str, expect: u16| {
        assert_eq!(with_header(&fake, authorization).await, expect, "{authorization}");
    };
    check("Basic Tk9USUZZOmZha2UtcGFzc3dvcmQ=", 200).await; // NOTIFY:fake-password
    check("basic Tk9USUZZOmZha2UtcGFzc3dvcmQ=", 200).await;
    check("Basic bm90aWZ5OmZha2UtcGFzc3dvcmQ=", 401).await; // notify:fake-password
    check("Basic Tk9USUZZOndyb25n", 401).await; // NOTIFY:wrong
    check("Basic !", 401).await;
    check("Bearer Tk9USUZZOmZha2UtcGFzc3dvcmQ=", 401).await;
    check("", 401).await;
    let got = read(Client::new().get(format!("{}/{}", fake.base_url(), day(""))).send().await.unwrap()).await;
    assert!(got.body.contains("User password failed. (158,45)"));
}

struct Clocked {
    fake: FakePeopleSoft,
    now: Arc<Mutex<Timestamp>>,
}

async fn with_tokens(oauth2: OAuth2) -> Clocked {
    let now = Arc::new(Mutex::new(noon()));
    let clock = Arc::clone(&now);
    let settings = Settings::new(move || *clock.lock().unwrap());
    let fake = fake(Settings { basic: None, oauth2: Some(oauth2), ..settings }).await;
    Clocked { fake, now }
}

/// Status and body of a token request.
async fn ask(fake: &FakePeopleSoft, header: Option<(&str, &str)>, form: &str) -> (u16, serde_json::Value) {
    let mut request = Client::new().post(fake.token_url()).header("content-type", "application/x-www-form-urlencoded");
    if let Some((id, secret)) = header {
        request = request.basic_auth(id, Some(secret));
    }
    let got = read(request.body(form.to_owned()).send().await.unwrap()).await;
    (got.status, got.json())
}

#[tokio::test]
async fn a_token_opens_until_it_expires_or_is_revoked() {
    let clocked = with_tokens(OAuth2 { token_life: Duration::from_mins(1), ..OAuth2::new("id", "s&cret") }).await;
    let Clocked { fake, now } = &clocked;
    let (status, grant) = ask(fake, Some(("id", "s&cret")), "grant_type=client_credentials").await;
    assert_eq!((status, &grant["token_type"], &grant["expires_in"]), (200, &"Bearer".into(), &60.into()));
    let bearer = format!("Bearer {}", grant["access_token"].as_str().unwrap());
    assert_eq!(with_header(fake, &bearer).await, 200);
    *now.lock().unwrap() += Duration::from_secs(59);
    assert_eq!(with_header(fake, &bearer).await, 200);
    *now.lock().unwrap() += Duration::from_secs(1);
    assert_eq!(with_header(fake, &bearer).await, 401);

    let (_, grant) = ask(fake, Some(("id", "s%26cret")), "grant_type=client_credentials").await;
    let bearer = format!("Bearer {}", grant["access_token"].as_str().unwrap());
    assert_eq!(with_header(fake, &bearer).await, 200);
    fake.revoke_tokens();
    assert_eq!(with_header(fake, &bearer).await, 401);
    assert_eq!(fake.token_requests(), 2);
    assert_eq!(with_header(fake, "Basic Tk9USUZZOmZha2UtcGFzc3dvcmQ=").await, 401);
}

#[tokio::test]
async fn a_token_request_is_checked() {
    let scoped = OAuth2 {
        scope: Some("read".to_owned()),
        audience: Some("https://x/".to_owned()),
        ..OAuth2::new("id", "secret")
    };
    let full = "grant_type=client_credentials&scope=read&audience=https%3A%2F%2Fx%2F";
    let in_form = format!("{full}&client_id=id&client_secret=secret");
    let good = Some(("id", "secret"));
    let check =
        async |client_auth: ClientAuth, header: Option<(&str, &str)>, form: &str, status: u16, error: Option<&str>| {
            let clocked = with_tokens(OAuth2 { client_auth, ..scoped.clone() }).await;
            let (got, body) = ask(&clocked.fake, header, form).await;
            assert_eq!((got, body["error"].as_str()), (status, error), "{client_auth:?} {form}");
        };
    check(ClientAuth::Header, good, full, 200, None).await;
    check(ClientAuth::Form, None, &in_form, 200, None).await;
    check(ClientAuth::Either, good, full, 200, None).await;
    check(ClientAuth::Either, None, &in_form, 200, None).await;
    check(ClientAuth::Header, None, &in_form, 401, Some("invalid_client")).await;
    check(ClientAuth::Form, good, full, 401, Some("invalid_client")).await;
    check(ClientAuth::Header, Some(("id", "wrong")), full, 401, Some("invalid_client")).await;
    check(ClientAuth::Header, Some(("di", "secret")), full, 401, Some("invalid_client")).await;
    check(ClientAuth::Header, good, &full.replace("=read", "=write"), 400, Some("invalid_scope")).await;
    check(ClientAuth::Header, good, &full.replace("x%2F", "y%2F"), 400, Some("invalid_request")).await;
    check(
        ClientAuth::Header,
        good,
        &full.replace("client_credentials", "password"),
        400,
        Some("unsupported_grant_type"),
    )
    .await;
    check(ClientAuth::Header, good, "scope=read", 400, Some("invalid_request")).await;
}

#[tokio::test]
async fn without_an_authorization_server_there_is_no_token_endpoint() {
    let fake = plain().await;
    assert_eq!(Client::new().post(fake.token_url()).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn requests_are_counted_and_kept() {
    let fake = plain().await;
    get(&fake, &day("")).await;
    get(&fake, "QueryFields.v1/public/ML_SHIFTS?isconnectedquery=N").await;
    get(&fake, "ListQuery.v1/public/listquery?search=&maxrows=1&isconnectedquery=N").await;
    assert_eq!(fake.count(Alias::ExecuteQuery, None), 1);
    assert_eq!(fake.count(Alias::ExecuteQuery, Some("OTHER")), 0);
    assert_eq!(fake.count(Alias::QueryFields, Some("ML_SHIFTS")), 1);
    let requests = fake.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[0].query.as_deref(), Some("ML_SHIFTS"));
    assert!(requests[0].query_string.ends_with(DAY.trim_start_matches('&')));
    assert!(requests[2].path.ends_with("/PSFT_HR/ListQuery.v1/public/listquery"));
}

#[tokio::test]
async fn the_greatest_parallelism_is_known() {
    let fake = plain().await;
    get(&fake, &day("")).await;
    get(&fake, &day("")).await;
    assert_eq!(fake.parallel_maximum(), 1);
    fake.faults().set(Rule::always(Fault::Hang));
    let url = format!("{}/{}", fake.base_url(), day(""));
    let waiting: Vec<_> = (0..3).map(|_| tokio::spawn(reqwest::get(url.clone()))).collect();
    while fake.parallel_maximum() < 3 {
        tokio::task::yield_now().await;
    }
    drop(fake);
    for request in waiting {
        assert!(request.await.unwrap().is_err());
    }
}

#[tokio::test]
async fn latency_comes_before_every_answer() {
    let latency = Latency { fixed: Duration::from_millis(60), jitter: Duration::from_millis(20) };
    let fake = fake(Settings { latency, ..Settings::new(noon) }).await;
    let begin = std::time::Instant::now();
    assert_eq!(get(&fake, &day("")).await.status, 200);
    assert_eq!(get(&fake, "Nothing.v1").await.status, 404);
    assert!(begin.elapsed() >= Duration::from_millis(120));
}
