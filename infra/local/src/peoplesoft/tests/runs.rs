//! The poll protocol from start to last block.

use super::*;

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    text.split_once(before).and_then(|(_, rest)| rest.split_once(after)).map_or("", |(inside, _)| inside)
}

#[tokio::test]
async fn a_run_is_queued_then_running_then_read_block_by_block() {
    let scheduler = Scheduler { questions_until_done: 2, rows_per_block: 2 };
    let fake = fake(Settings { scheduler, ..Settings::new(noon) }).await;
    let started = get(&fake, &day_xml().replace("ExecuteQuery.", "ExecuteQueryPoll.")).await;
    let id = between(&started.body, "<QueryInstance>", "</QueryInstance>");
    assert_eq!(id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
    assert!(started.body.contains("<QAS_EXEQRYSYNCPOLL_RESP_MSG xmlns="));

    let status =
        async |id: &str| get(&fake, &format!("QueryStatus.v1/getstatus?instanceid={id}&json_resp=false")).await.body;
    let block = async |number: &str| {
        get(&fake, &format!("QueryResults.v1/getresults?blocknumber={number}&instanceid={id}&json_resp=false")).await
    };
    assert!(block("1").await.body.contains("<status>queued</status>"));
    assert!(status(id).await.contains("<Status>running</Status><NumColumns>0</NumColumns>"));
    assert!(
        status(id).await.contains("<Status>success</Status><NumColumns>7</NumColumns><TotalBlocks>0</TotalBlocks>")
    );
    assert!(status("00000000-0000-0000-0000-000000000000").await.contains("<Status>idNotFound</Status>"));

    let first = block("1").await.body;
    assert!(first.contains("<status>blockRetrieved</status>") && first.contains(r#"numrows="2""#));
    assert_eq!(first.matches("<row ").count(), 2);
    let last = block("2").await.body;
    assert!(last.contains("<status>finalBlockRetrieved</status>") && last.contains(r#"<row rownumber="1">"#));
    assert!(last.contains("<A.EMPLID><![CDATA[0002]]></A.EMPLID>"));
    for number in ["0", "3", "x"] {
        assert_eq!(block(number).await.status, 400, "{number}");
    }
}

#[tokio::test]
async fn a_run_without_rows_has_one_block() {
    let scheduler = Scheduler { questions_until_done: 0, rows_per_block: 2 };
    let fake = fake(Settings { scheduler, ..Settings::new(noon) }).await;
    let url = day_xml().replace("ExecuteQuery.", "ExecuteQueryPoll.").replace("2026-03-17", "2026-03-18");
    let started = get(&fake, &url).await;
    let id = between(&started.body, "<QueryInstance>", "</QueryInstance>");
    let block = get(&fake, &format!("QueryResults.v1/getresults?blocknumber=1&instanceid={id}")).await.body;
    assert!(block.contains("<query numrows='0' ") && block.contains("finalBlockRetrieved"));
}

#[tokio::test]
async fn a_run_is_validated_before_it_starts() {
    let fake = plain().await;
    let url = day_xml().replace("ExecuteQuery.", "ExecuteQueryPoll.");
    assert_eq!(get(&fake, &url.replace("SINCE", "BIND1")).await.status, 400);
    assert_eq!(get(&fake, &url.replace("XMLP/NONFILE?", "JSON/NONFILE?json_resp=true&")).await.status, 400);
}
