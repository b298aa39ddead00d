//! What we send: the URL grammar, the headers, and what is refused before anything is sent.

use super::super::{Auth, Class, Client, Connection, Error, Format, Query};
use super::server::{Reply, Server};
use super::{client, clock, connection, drain, fixture, names};
use std::time::Duration;

const NO_ROWS: &str = r#"{"status":"success","data":{"query":{"numrows":0,"rows":[]}}}"#;

fn prompts(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[tokio::test]
async fn urls_follow_the_grammar() {
    let server = Server::always(|| Reply::json(NO_ROWS)).await;
    let check = async |format: Format, name: &str, pairs: &[(&str, &str)], max_rows: u32, expect: &str| {
        let mut connection = connection(&format!("{}/PSIGW/RESTListeningConnector/PSFT_HR/", server.base));
        connection.format = format;
        let (prompts, columns) = (prompts(pairs), names(&["A"]));
        let query = Query { name, prompts: &prompts, max_rows, columns: &columns, blocks: false };
        let (rows, end) = drain(client(connection).execute(&query).await.unwrap()).await;
        assert!(end.is_ok() && rows.is_empty());
        let expect = format!("GET /PSIGW/RESTListeningConnector/PSFT_HR/ExecuteQuery.v1/public/{expect}");
        assert_eq!(server.lines().last(), Some(&expect));
    };
    let json = Format::Json;
    check(json, "ML_PAY", &[], 100, "ML_PAY/JSON/NONFILE?isconnectedquery=N&maxrows=100&json_resp=true").await;
    check(Format::Xmlp, "ML_PAY", &[], 0, "ML_PAY/XMLP/NONFILE?isconnectedquery=N&maxrows=0").await;
    check(
        json,
        "ML_PAY",
        &[("SINCE", "2026-03-17-16.42.07.000000"), ("UNTIL", "2026-03-17 16:52:07"), ("COMPANY", "")],
        10_000,
        "ML_PAY/JSON/NONFILE?isconnectedquery=N&maxrows=10000&prompt_uniquepromptname=SINCE,UNTIL,COMPANY&prompt_fieldvalue=2026-03-17-16.42.07.000000,2026-03-17%2016%3A52%3A07,&json_resp=true",
    )
    .await;
    check(json, "Q", &[("EMPLID", "12345")], 1, "Q/JSON/NONFILE?isconnectedquery=N&maxrows=1&prompt_uniquepromptname=EMPLID&prompt_fieldvalue=12345&json_resp=true").await;
    check(json, "Q/x?y", &[("P&Q", "a=b+c#d%e é'")], 1, "Q%2Fx%3Fy/JSON/NONFILE?isconnectedquery=N&maxrows=1&prompt_uniquepromptname=P%26Q&prompt_fieldvalue=a%3Db%2Bc%23d%25e%20%C3%A9%27&json_resp=true").await;
}

#[tokio::test]
async fn a_comma_is_refused_before_the_request() {
    let server = Server::always(|| Reply::json(NO_ROWS)).await;
    let client = client(connection(&server.base));
    for (name, value) in [("NAME", "Quill,Ada"), ("A,B", "x"), (" ", "x")] {
        let pairs = prompts(&[(name, value)]);
        for blocks in [false, true] {
            let query = Query { name: "Q", prompts: &pairs, max_rows: 1, columns: &[], blocks };
            let error = client.execute(&query).await.unwrap_err();
            assert!(matches!(error, Error::BadPrompt { .. }), "{error:?}");
            assert_eq!(error.class(), Class::Query);
            assert!(!format!("{error:?}{error}{query:?}").contains("Quill"));
        }
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn each_request_carries_its_credentials_and_no_cookie() {
    let headers = "Content-Type: application/json\r\nSet-Cookie: PSSESSION=1\r\n";
    let server = Server::always(move || Reply::new(200, headers, NO_ROWS)).await;
    let client = client(connection(&server.base));
    for _ in 0..2 {
        client.execute(&super::query("Q", &[])).await.unwrap();
    }
    for request in server.requests() {
        let request = request.to_ascii_lowercase();
        assert!(request.contains("\r\nauthorization: basic tk9usuzzonmzy3jlda==\r\n"), "{request}");
        assert!(request.contains("\r\naccept-encoding: gzip\r\n") && !request.contains("cookie"), "{request}");
    }
}

#[test]
fn a_connection_that_cannot_work_is_refused() {
    let check = |change: fn(&mut Connection), expect: &str| {
        let mut connection = connection("https://hr.example.org/PSIGW/RESTListeningConnector/PSFT_HR");
        change(&mut connection);
        let error = Client::new(connection, clock()).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains(expect), "{error}");
        assert_eq!(error.class(), Class::Misconfigured);
    };
    check(|c| c.base_url = "hr.example.org".to_owned(), "base_url");
    check(|c| c.base_url = "ftp://hr.example.org/x".to_owned(), "base_url");
    check(|c| c.base_url = "https://u:p@hr.example.org/x".to_owned(), "base_url");
    check(|c| c.base_url = "https://hr.example.org/x?y=1".to_owned(), "base_url");
    check(|c| c.timeout = Duration::ZERO, "timeout");
    check(|c| c.timeout = Duration::from_mins(5), "timeout");
    check(|c| c.ca_certificate_pem = Some("no certificate".to_owned()), "ca_certificate_pem");
    let oauth = |token_url: &str| Auth::OAuth2 {
        token_url: token_url.to_owned(),
        client_id: "x".to_owned(),
        client_secret: "y".into(),
        scope: None,
        audience: None,
        client_auth: super::super::ClientAuth::Header,
    };
    assert!(Client::new(Connection { auth: oauth("nowhere"), ..connection("https://h/x") }, clock()).is_err());
    assert!(Client::new(Connection { auth: oauth("https://h/token"), ..connection("https://h/x") }, clock()).is_ok());
}

#[test]
fn a_private_authority_is_taken() {
    let one = fixture!("authority.pem");
    for pem in [one, &format!("{one}\n{one}")] {
        let connection = connection("https://hr.example.org/x");
        assert!(Client::new(Connection { ca_certificate_pem: Some(pem.to_owned()), ..connection }, clock()).is_ok());
    }
}

#[test]
fn nothing_prints_a_secret() {
    let connection = connection("https://hr.example.org/x");
    let printed = format!("{connection:?} {:?}", client(connection.clone()));
    assert!(!printed.contains("s3cret") && !printed.contains("NOTIFY"), "{printed}");
}

#[tokio::test]
async fn json_asked_and_xml_sent_is_read_all_the_same() {
    let server = Server::always(|| Reply::xml(fixture!("soap_rows.xml"))).await;
    let columns = names(&["EMPLID"]);
    let rows = client(connection(&server.base)).execute(&super::query("Q", &columns)).await.unwrap();
    let (rows, end) = drain(rows).await;
    end.unwrap();
    assert_eq!(rows.iter().map(|row| row.get("EMPLID").unwrap()).collect::<Vec<_>>(), ["0042318", "0042319"]);
}
