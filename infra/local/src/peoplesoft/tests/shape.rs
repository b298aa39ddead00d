//! The documents, letter by letter where a real system's were recorded.

use super::*;

#[tokio::test]
async fn a_json_result_has_the_recorded_keys_in_the_recorded_order() {
    let fake = plain().await;
    let got = get(&fake, &window("2026-03-17-09.00.00.000000", "2026-03-17-09.00.00.000000")).await;
    assert_eq!(got.content_type, "application/json; charset=UTF-8");
    assert_eq!(
        got.body,
        r#"{"status":"success","data":{"query":{"numrows":1,"queryname=":"ML_SHIFTS","rows":[{"attr:rownumber":1,"A.EMPLID":"0001","A.COMPANY":"SLH","A.START_DT":"2026-03-19","A.START_TIME":" 9:05","A.LASTUPDDTTM":"2026-03-17-09.00.00.000000","HOURS":8,"EXPR1_1":""}]}}}"#
    );
    let none = get(&fake, &window("2026-03-18-00.00.00.000000", "2026-03-19-00.00.00.000000")).await;
    assert_eq!(none.body, r#"{"status":"success","data":{"query":{"numrows":0,"queryname=":"ML_SHIFTS","rows":[]}}}"#);
}

#[tokio::test]
async fn json_follows_the_quirks() {
    let quirks =
        [Quirk::PlainQueryname, Quirk::EmptyIsSpace, Quirk::NumbersAreTexts, Quirk::NoRowsMember, Quirk::ExtraMembers];
    let fake = fake(Settings { quirks: quirks.to_vec(), ..Settings::new(noon) }).await;
    let got = get(&fake, &day("&filterfields=EXPR1_1,HOURS&maxrows=1").replace("maxrows=100&", "")).await;
    assert_eq!(
        got.body,
        r#"{"status":"success","data":{"query":{"numrows":1,"queryname":"ML_SHIFTS","rows":[{"attr:rownumber":1,"HOURS":"8","EXPR1_1":" "}],"total_rows":0,"groups":[]}}}"#
    );
    let none = get(&fake, &window("2026-03-18-00.00.00.000000", "2026-03-19-00.00.00.000000")).await;
    assert!(none.json()["data"]["query"].get("rows").is_none());
}

#[tokio::test]
async fn an_xml_result_has_cdata_bare_numbers_and_dates_and_empty_elements() {
    let fake = plain().await;
    let mut row = shift("0009", "]]>&<", at(12, 0, 0));
    row.values[5] = Value::Empty;
    fake.database().push("ML_SHIFTS", row).unwrap();
    let url = day_xml().replace("2026-03-17-00.00.00.000000", "2026-03-17-12.00.00.000000");
    let got = get(&fake, &url).await;
    assert_eq!(got.content_type, "text/xml; charset=UTF-8");
    assert_eq!(
        got.body,
        r#"<?xml version="1.0"?>
<QAS_GETQUERYRESULTS_RESP_MSG xmlns="http://xmlns.oracle.com/Enterprise/Tools/schemas/QAS_GETQUERYRESULTS_RESP_MSG.VERSION_2">
  <query xmlns="http://xmlns.oracle.com/Enterprise/Tools/schemas/QAS_QUERYRESULTS_XMLP_RESP.VERSION_1" numrows="1" queryname="ML_SHIFTS">
    <row rownumber="1">
      <A.EMPLID><![CDATA[0009]]></A.EMPLID>
      <A.COMPANY><![CDATA[]]]]><![CDATA[>&<]]></A.COMPANY>
      <A.START_DT>2026-03-19</A.START_DT>
      <A.START_TIME> 9:05</A.START_TIME>
      <A.LASTUPDDTTM>2026-03-17-12.00.00.000000</A.LASTUPDDTTM>
      <HOURS>0</HOURS>
      <EXPR1_1/>
    </row>
  </query>
</QAS_GETQUERYRESULTS_RESP_MSG>
"#
    );
    let none = get(&fake, &url.replace("2026-03-17", "2026-03-18")).await;
    assert!(none.body.contains("<query numrows='0' queryname='ML_SHIFTS' xmlns='http://xmlns.oracle.com/Enterprise/Tools/schemas/QAS_QUERYRESULTS_XMLP_RESP.VERSION_1'/>"));
}

#[tokio::test]
async fn the_status_element_is_there_by_quirk() {
    let fake = fake(Settings { quirks: vec![Quirk::StatusElement], ..Settings::new(noon) }).await;
    assert!(get(&fake, &day_xml()).await.body.contains("<status>finalBlockRetrieved</status>"));
}

#[tokio::test]
async fn the_self_check_lists_columns_prompts_and_queries() {
    let fake = plain().await;
    let fields = get(&fake, "QueryFields.v1/public/ML_SHIFTS?isconnectedquery=N").await;
    let namespace = "http://xmlns.oracle.com/Enterprise/Tools/schemas/QAS_LISTQUERYFIELDS_RESP";
    let start = format!(
        "<?xml version=\"1.0\"?>\n<QAS_LISTQUERYFIELDS_RESP_MSG xmlns=\"{namespace}_MSG.VERSION_1\">\n  <QAS_LISTQUERYFIELDS_RESP>\n    \
         <PTQASWRK class=\"R\" xmlns=\"{namespace}.VERSION_1\"><ColumnNumber>1</ColumnNumber><FieldName>EMPLID</FieldName>\
         <FieldType>Character</FieldType><FieldLength>30</FieldLength><FieldDecimal>0</FieldDecimal><HeadingText>EMPLID</HeadingText>\
         <UniqueFieldName>A.EMPLID</UniqueFieldName></PTQASWRK>\n  </QAS_LISTQUERYFIELDS_RESP>\n"
    );
    assert!(fields.body.starts_with(&start), "{}", fields.body);
    assert_eq!(fields.body.matches("<QAS_LISTQUERYFIELDS_RESP>").count(), 7);
    assert!(fields.body.contains("<FieldName>SCHED_HRS</FieldName><FieldType>Number</FieldType>"));

    let prompts = get(&fake, "QueryPrompts.v1/public/ML_SHIFTS?isconnectedquery=N&json_resp=false").await;
    assert_eq!(prompts.body.matches("<QAS_LISTQUERYPROMPTS_RESP>").count(), 4);
    assert!(prompts.body.contains("<FieldType>Datetime</FieldType>"));
    assert!(prompts.body.contains("<UniquePromptName>UNTIL</UniquePromptName>"));

    let list = async |prefix: &str| {
        get(&fake, &format!("ListQuery.v1/public/listquery?search={prefix}&maxrows=1000&isconnectedquery=N")).await.body
    };
    assert!(list("ML_").await.contains("<QueryName>ML_SHIFTS</QueryName>"));
    assert!(!list("XX").await.contains("QAS_LISTQUERY_RESP>"));
}

#[tokio::test]
async fn grouped_entries_share_one_response_element() {
    let fake = fake(Settings { quirks: vec![Quirk::GroupedEntries], ..Settings::new(noon) }).await;
    let fields = get(&fake, "QueryFields.v1/public/ML_SHIFTS?isconnectedquery=N").await;
    assert_eq!(fields.body.matches("<QAS_LISTQUERYFIELDS_RESP>").count(), 1);
    assert_eq!(fields.body.matches("<PTQASWRK ").count(), 7);
}

#[tokio::test]
async fn bodies_are_marked_and_compressed_by_quirk_for_those_who_accept_it() {
    let fake = fake(Settings { quirks: vec![Quirk::ByteOrderMark, Quirk::Gzip], ..Settings::new(noon) }).await;
    // This client undoes gzip by itself and takes the header away when it did.
    let got = get(&fake, &day("")).await;
    assert!(got.body.starts_with("\u{feff}{"));
    let raw = Client::builder().no_gzip().build().unwrap();
    let ask = || raw.get(format!("{}/{}", fake.base_url(), day(""))).basic_auth("NOTIFY", Some("fake-password"));
    let packed = ask().header("accept-encoding", "deflate, gzip").send().await.unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    assert_eq!(packed.bytes().await.unwrap()[..2], [0x1f, 0x8b]);
    let unpacked = ask().send().await.unwrap();
    assert!(unpacked.headers().get("content-encoding").is_none());
}

#[tokio::test]
async fn the_date_header_tells_the_settings_time() {
    let fake = plain().await;
    let response = try_get(&fake, &day("")).await.unwrap();
    assert_eq!(response.headers()["date"], "Tue, 17 Mar 2026 17:00:00 GMT");
}
