//! What `PeopleSoft` says about its queries.

use super::super::{Class, Field, Kind, Prompt};
use super::server::{Reply, Server};
use super::{client, connection, fixture};

#[tokio::test]
async fn fields_are_listed() {
    let server = Server::always(|| Reply::xml(fixture!("query_fields.xml"))).await;
    let fields = client(connection(&format!("{}/PSFT_HR", server.base))).query_fields("ML_PAY").await.unwrap();
    let field =
        |name: &str, field_name: &str, kind| Field { name: name.to_owned(), field_name: field_name.to_owned(), kind };
    let expect = [
        field("A.EMPLID", "EMPLID", Kind::Character),
        field("A.LASTUPDDTTM", "LASTUPDDTTM", Kind::Datetime),
        field("EMPL_RCD", "EMPL_RCD", Kind::Number),
    ];
    assert_eq!(fields, expect);
    assert_eq!(server.lines(), ["GET /PSFT_HR/QueryFields.v1/public/ML_PAY?isconnectedquery=N"]);
}

#[tokio::test]
async fn prompts_are_listed() {
    let server = Server::always(|| Reply::xml(fixture!("query_prompts.xml"))).await;
    let prompts = client(connection(&format!("{}/PSFT_HR", server.base))).query_prompts("ML_PAY").await.unwrap();
    let prompt =
        |name: &str, field_name: &str, kind| Prompt { name: name.to_owned(), field_name: field_name.to_owned(), kind };
    assert_eq!(
        prompts,
        [prompt("SINCE", "LASTUPDDTTM", Kind::Datetime), prompt("COMPANY", "COMPANY", Kind::Character)]
    );
    assert_eq!(server.lines(), ["GET /PSFT_HR/QueryPrompts.v1/public/ML_PAY?isconnectedquery=N&json_resp=false"]);
}

#[tokio::test]
async fn queries_are_listed_with_the_servers_clock() {
    let body = "<QAS_LISTQUERY_RESP_MSG><QAS_LISTQUERY_RESP><PTQASWRK class='R'><QueryName>ML_PAY</QueryName></PTQASWRK></QAS_LISTQUERY_RESP>\
                <QAS_LISTQUERY_RESP><PTQASWRK class='R'><QueryName>ML_SHIFT</QueryName></PTQASWRK></QAS_LISTQUERY_RESP></QAS_LISTQUERY_RESP_MSG>";
    let server = Server::always(move || Reply::new(200, "Date: Tue, 17 Mar 2026 21:44:50 GMT\r\n", body)).await;
    let list = client(connection(&format!("{}/PSFT_HR", server.base))).list_queries("ML_").await.unwrap();
    assert_eq!(list.names, ["ML_PAY", "ML_SHIFT"]);
    assert_eq!(list.server_date, Some("2026-03-17T21:44:50Z".parse().unwrap()));
    assert_eq!(
        server.lines(),
        ["GET /PSFT_HR/ListQuery.v1/public/listquery?search=ML_&maxrows=1000&isconnectedquery=N"]
    );
}

#[tokio::test]
async fn other_answers_are_no_lists() {
    let check = async |body: &'static str, expect: Result<usize, Class>| {
        let server = Server::always(move || Reply::xml(body)).await;
        let got = client(connection(&server.base)).query_prompts("Q").await;
        assert_eq!(got.map(|prompts| prompts.len()).map_err(|error| error.class()), expect, "{body}");
    };
    check("<QAS_LISTQUERYPROMPTS_RESP_MSG/>", Ok(0)).await;
    check("", Err(Class::Misconfigured)).await;
    check("{\"status\":\"success\"}", Err(Class::Misconfigured)).await;
    check("<html>Login</html>", Err(Class::Misconfigured)).await;
    check("<other/>", Err(Class::Misconfigured)).await;
    check("<QAS_LISTQUERYPROMPTS_RESP_MSG>", Err(Class::Unavailable)).await;
    check("<QAS_LISTQUERYPROMPTS_RESP_MSG></x>", Err(Class::Unavailable)).await;
    check(fixture!("password_failed.xml"), Err(Class::Credentials)).await;
    check(fixture!("handler_error.xml"), Err(Class::Query)).await;
    check("<E><Fault>no</Fault></E>", Err(Class::Query)).await;
}

#[test]
fn kinds_are_spelt_in_many_ways() {
    let check = |written: &str, expect: &Kind| {
        let xml = format!(
            "<QAS_X><PTQASWRK><FieldType>{written}</FieldType><UniqueFieldName>A</UniqueFieldName></PTQASWRK></QAS_X>"
        );
        assert_eq!(&super::super::catalog::fields(&xml).unwrap()[0].kind, expect, "{written}");
    };
    for (written, expect) in [
        ("Character", Kind::Character),
        ("Long Character", Kind::Character),
        ("LongCharacter", Kind::Character),
        ("Number", Kind::Number),
        ("signed number", Kind::Number),
        ("Date", Kind::Date),
        ("Time", Kind::Time),
        ("DATETIME", Kind::Datetime),
        ("Date Time", Kind::Datetime),
        ("Date/Time", Kind::Datetime),
        ("Image", Kind::Other("Image".to_owned())),
    ] {
        check(written, &expect);
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_survived(text in "[ -~<>&;/]{0,200}") {
        let _ = super::super::catalog::fields(&text);
        let _ = super::super::catalog::fields(&format!("<QAS_X><PTQASWRK>{text}"));
    }
}
