//! The URL grammar: what is taken, and the sentence for what isn't.

use super::*;

async fn check(fake: &FakePeopleSoft, url: &str, status: u16, sentence: &str) {
    let got = get(fake, url).await;
    assert_eq!(got.status, status, "{url}: {}", got.body);
    assert!(got.body.contains(sentence), "{url}: {}", got.body);
}

#[tokio::test]
async fn what_the_grammar_allows_is_taken() {
    let fake = plain().await;
    let good = day("");
    check(&fake, &good, 200, "success").await;
    for (from, to) in [
        ("public", "PUBLIC"),
        ("JSON", "json"),
        ("NONFILE", "nonfile"),
        ("isconnectedquery=N", "isconnectedquery=n"),
        ("maxrows=100", "maxrows=-1"),
        ("maxrows=100", "maxrows=0"),
        ("&json_resp", "&prompt_psqueryname=&json_resp"),
        ("SINCE,UNTIL&prompt_fieldvalue=", "COMPANY,SINCE,UNTIL&prompt_fieldvalue=,"),
        ("2026-03-17-00.00.00.000000", "2026-03-17%2000:00:00"),
        ("2026-03-17-00.00.00.000000", "2026-03-17+00:00:00.0"),
        ("2026-03-17-00.00.00.000000", "2026-03-17%2000%3A00%3A00.000001"),
    ] {
        check(&fake, &good.replace(from, to), 200, r#""numrows":3"#).await;
    }
}

#[tokio::test]
async fn what_the_grammar_forbids_is_refused_with_a_reason() {
    let fake = plain().await;
    let good = day("");
    for (from, to, sentence) in [
        ("public", "private", "Query ML_SHIFTS does not exist"),
        ("public", "shared", "neither public nor private"),
        ("ML_SHIFTS", "ML_OTHER", "Query ML_OTHER does not exist"),
        ("ML_SHIFTS", "ml_shifts", "Query ml_shifts does not exist"),
        ("NONFILE", "FILE", "not NONFILE"),
        ("isconnectedquery=N&", "", "isconnectedquery is required"),
        ("isconnectedquery=N", "isconnectedquery=Y", "not a connected query"),
        ("isconnectedquery=N", "isconnectedquery=0", "neither Y nor N"),
        ("maxrows=100&", "", "maxrows is required"),
        ("maxrows=100", "maxrows=-2", "maxrows"),
        ("maxrows=100", "maxrows=all", "maxrows"),
        ("maxrows=100", "maxrows=1&maxrows=1", "given twice"),
        ("maxrows", "maxRows", "Unknown parameter maxRows"),
        ("SINCE", "since", "Unknown prompt since"),
        ("SINCE,UNTIL", "SINCE,SINCE", "Prompt SINCE is given twice"),
        ("SINCE,UNTIL", "SINCE", "1 prompt names but 2 prompt values"),
        ("SINCE,UNTIL", "SINCE%2CUNTIL", "holds an encoded comma"),
        ("SINCE,UNTIL", "SINCE,UNTIL,COMPANY", "3 prompt names but 2 prompt values"),
        (DAY, "", "Prompt SINCE is required"),
        ("2026-03-17-00.00.00.000000", "", "Prompt SINCE is required"),
        ("2026-03-17-23.59.59.000000", "", "Prompt UNTIL is required"),
        ("2026-03-17-00.00.00.000000", "2026-03-17", "SINCE is not a valid Datetime"),
        ("2026-03-17-00.00.00.000000", "2026-03-17-00.00.00", "SINCE is not a valid Datetime"),
        ("2026-03-17-00.00.00.000000", "2026-03-17T00:00:00", "SINCE is not a valid Datetime"),
        ("2026-03-17-00.00.00.000000", "2026-03-17-00:00:00.000000", "SINCE is not a valid Datetime"),
        ("2026-03-17-00.00.00.000000", "2026-02-30-00.00.00.000000", "SINCE is not a valid Datetime"),
        ("2026-03-17-00.00.00.000000", "2026-03-17-24.00.00.000000", "SINCE is not a valid Datetime"),
        ("2026-03-17-00.00.00.000000", "17%20Mar%202026", "SINCE is not a valid Datetime"),
    ] {
        check(&fake, &good.replacen(from, to, 1), 400, sentence).await;
    }
    check(&fake, &day("&filterfields=A.EMPLID,A.emplid"), 400, "Unknown filter field A.emplid").await;
    check(&fake, &day("&json_resp=yes").replace("json_resp=true&", ""), 400, "neither true nor false").await;
    check(&fake, "ListQuery.v1/public/listquery?search=&maxrows=10&isconnectedquery=Y", 400, "not a connected query")
        .await;
}

#[tokio::test]
async fn other_paths_are_not_found_and_other_methods_not_allowed() {
    let fake = plain().await;
    for path in [
        "ExecuteQuery.v2/public/ML_SHIFTS/JSON/NONFILE",
        "executequery.v1/public/ML_SHIFTS/JSON/NONFILE",
        "ExecuteQuery.v1/public/ML_SHIFTS/JSON",
        "ExecuteQuery.v1/public/ML_SHIFTS/JSON/NONFILE/",
        "ListQuery.v1/public/list",
        "QueryStatus.v1/status",
        "",
    ] {
        assert_eq!(get(&fake, path).await.status, 404, "{path}");
    }
    let elsewhere = fake.base_url().replace(fake.node(), "PSFT_EP");
    assert_eq!(reqwest::get(format!("{elsewhere}/{}", day(""))).await.unwrap().status(), 404);
    // Among them only what has no known alias is a stray.
    assert_eq!(fake.strays(), 4);
    assert_eq!(fake.count(Alias::ExecuteQuery, Some("ML_SHIFTS")), 2);

    let post =
        Client::new().post(format!("{}/{}", fake.base_url(), day(""))).basic_auth("NOTIFY", Some("fake-password"));
    assert_eq!(post.send().await.unwrap().status(), 405);
}

#[tokio::test]
async fn a_json_request_without_json_resp_brings_xml() {
    let fake = plain().await;
    let got = get(&fake, &day("").replace("json_resp=true", "json_resp=false")).await;
    assert_eq!(got.content_type, "text/xml; charset=UTF-8");
    assert!(got.body.contains("<QAS_GETQUERYRESULTS_RESP_MSG"));
}

#[tokio::test]
async fn errors_have_the_form_that_the_settings_say() {
    let missing =
        |kind: &str, json: &str| format!("ExecuteQuery.v1/public/NO/{kind}/NONFILE?isconnectedquery=N&maxrows=1{json}");
    let check = async |quirks: &[Quirk], kind: &str, json: &str, status: u16, start: &str| {
        let fake = fake(Settings { quirks: quirks.to_vec(), ..Settings::new(noon) }).await;
        let got = get(&fake, &missing(kind, json)).await;
        assert_eq!(got.status, status);
        assert!(got.body.starts_with(start), "{}", got.body);
    };
    let as_json = r#"{"status":"error","data":{"message":"Query NO "#;
    let as_xml = "<?xml version=\"1.0\"?>\n<IBResponse type=\"error\">";
    check(&[], "JSON", "&json_resp=true", 400, as_json).await;
    check(&[Quirk::ErrorsAre200], "JSON", "&json_resp=true", 200, as_json).await;
    check(&[Quirk::XmlErrors], "JSON", "&json_resp=true", 400, as_xml).await;
    check(&[], "JSON", "", 400, as_xml).await;
    check(&[Quirk::ErrorsAre200], "XMLP", "", 200, as_xml).await;
}
