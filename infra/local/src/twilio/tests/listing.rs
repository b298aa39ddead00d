//! Lists: their filters, pages and lag.

use super::super::{FakeTwilio, ListOrder};
use super::*;

/// Names the bodies of a list's rows.
async fn bodies(fake: &FakeTwilio, query: &str) -> Vec<String> {
    let answer = fake.get(&format!("{MESSAGES}?{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json["messages"].as_array().unwrap().iter().map(|row| row["body"].as_str().unwrap().to_owned()).collect()
}

async fn text(fake: &FakeTwilio, to: &str, body: &str) {
    assert_eq!(fake.post(MESSAGES, &[("To", to), ("From", OURS), ("Body", body)]).await.status, 201);
}

#[tokio::test]
async fn filters_name_their_inequality() {
    let hands = Hands::new();
    let fake = FakeTwilio::start(settings(&hands)).await.unwrap();
    text(&fake, THEIRS, "1").await;
    fake.idle().await;
    hands.advance(86_400);
    text(&fake, THEIRS, "2").await;
    text(&fake, "+13125550143", "3").await;
    fake.idle().await;
    hold(&fake);
    text(&fake, THEIRS, "unsent").await;
    let check = async |query: &str, expect: &[&str]| assert_eq!(bodies(&fake, query).await, expect, "{query}");
    check("", &["unsent", "3", "2", "1"]).await;
    check("To=%2B13125550142", &["unsent", "2", "1"]).await;
    check("To=%2B13125550142&From=%2B13125550100", &["unsent", "2", "1"]).await;
    check("From=%2B13125550101", &[]).await;
    check("DateSent=2026-03-04", &["1"]).await;
    check("DateSent%3E=2026-03-05", &["3", "2"]).await;
    check("DateSent>=2026-03-04", &["3", "2", "1"]).await;
    check("DateSent%3C=2026-03-04", &["1"]).await;
    check("Body=1&Status=queued", &["unsent", "3", "2", "1"]).await;
    assert_eq!(fake.get(&format!("{MESSAGES}?DateSent=%3E%3D2026-03-04")).await.code(), (400, 20001));
    fake.change(|settings| settings.list_order = ListOrder::OldestFirst);
    check("To=%2B13125550142", &["1", "2", "unsent"]).await;
}

#[tokio::test]
async fn a_list_lags_and_a_fetch_does_not() {
    let hands = Hands::new();
    let fake = FakeTwilio::start(settings(&hands)).await.unwrap();
    fake.change(|settings| settings.list_lag = Duration::from_mins(10));
    let answer = fake.post(MESSAGES, &[("To", THEIRS), ("From", OURS), ("Body", "1")]).await;
    assert_eq!(fake.get(answer.str("uri")).await.status, 200);
    hands.advance(599);
    assert!(bodies(&fake, "To=%2B13125550142").await.is_empty());
    hands.advance(1);
    assert_eq!(bodies(&fake, "To=%2B13125550142").await, ["1"]);
}

#[tokio::test]
async fn pages_are_followed_to_the_end() {
    let fake = fake().await;
    for body in 0..5 {
        text(&fake, THEIRS, &body.to_string()).await;
    }
    let mut path = format!("{MESSAGES}?To=%2B13125550142&PageSize=2");
    let mut pages = Vec::new();
    loop {
        let answer = fake.get(&path).await;
        let rows = answer.json["messages"].as_array().unwrap().clone();
        pages.push(rows.iter().map(|row| row["body"].as_str().unwrap()).collect::<Vec<_>>().join(","));
        assert_eq!((&answer.json["page"], &answer.json["page_size"]), (&(pages.len() - 1).into(), &2.into()));
        match answer.json["next_page_uri"].as_str() {
            Some(next) => next.clone_into(&mut path),
            None => break,
        }
        text(&fake, THEIRS, "meanwhile").await;
    }
    assert_eq!(pages, ["4,3", "2,1", "0"]);
    assert_eq!(fake.get(&format!("{MESSAGES}?PageSize=1001")).await.code(), (400, 20007));
    assert_eq!(fake.get(&format!("{MESSAGES}?PageSize=0")).await.code(), (400, 20001));
}

#[tokio::test]
async fn calls_are_listed_by_status_too() {
    let fake = fake().await;
    let call = [("To", THEIRS), ("From", OURS), ("Url", "https://a.example/twiml")];
    fake.post(CALLS, &call).await;
    fake.idle().await;
    hold(&fake);
    fake.post(CALLS, &call).await;
    text(&fake, THEIRS, "not a call").await;
    let check = async |query: &str, expect: usize| {
        let answer = fake.get(&format!("{CALLS}?{query}")).await;
        assert_eq!(answer.json["calls"].as_array().unwrap().len(), expect, "{query}");
    };
    check("To=%2B13125550142", 2).await;
    check("Status=completed", 1).await;
    check("StartTime%3E=2026-03-04", 1).await;
}
