//! Which rows come, in which order, and what cuts them short.

use super::*;

async fn ids(fake: &FakePeopleSoft, url: &str) -> Vec<String> {
    get(fake, url).await.column("A.EMPLID")
}

#[tokio::test]
async fn a_window_is_inclusive_at_both_ends_to_the_microsecond() {
    let fake = plain().await;
    let check = async |since: &str, until: &str, expect: &[&str]| {
        let url = window(&format!("2026-03-17-{since}"), &format!("2026-03-17-{until}"));
        assert_eq!(ids(&fake, &url).await, expect, "{since} to {until}");
    };
    check("09.00.00.000000", "11.00.00.000000", &["0001", "0003", "0002"]).await;
    check("09.00.00.000001", "11.00.00.000000", &["0003", "0002"]).await;
    check("09.00.00.000000", "10.59.59.999999", &["0001", "0003"]).await;
    check("10.00.00.000000", "10.00.00.000000", &["0003"]).await;
    check("11.00.00.000000", "09.00.00.000000", &[]).await;
}

#[tokio::test]
async fn character_prompts_filter_by_equality_and_an_empty_optional_one_not_at_all() {
    let fake = plain().await;
    let check = async |company: &str, expect: &[&str]| {
        let url = day("")
            .replace("SINCE,UNTIL", "COMPANY,SINCE,UNTIL")
            .replace("fieldvalue=", &format!("fieldvalue={company},"));
        assert_eq!(ids(&fake, &url).await, expect, "{company}");
    };
    check("SLH", &["0001", "0003"]).await;
    check("XYZ", &["0002"]).await;
    check("slh", &[]).await;
    check("", &["0001", "0003", "0002"]).await;
}

#[tokio::test]
async fn a_page_prompt_continues_inside_one_instant() {
    let fake = plain().await;
    fake.database().change("ML_SHIFTS", |row| row.time = at(10, 0, 0)).unwrap();
    let page = |after: &str| {
        day("")
            .replace("maxrows=100", "maxrows=2")
            .replace("SINCE,UNTIL", "SINCE,UNTIL,AFTER")
            .replace("23.59.59.000000", &format!("23.59.59.000000,{after}"))
    };
    assert_eq!(ids(&fake, &page("")).await, ["0001", "0002"]);
    assert_eq!(ids(&fake, &page("0002")).await, ["0003"]);
    assert!(ids(&fake, &page("0003")).await.is_empty());
}

#[tokio::test]
async fn date_prompts_take_whole_days() {
    let by_day =
        [Prompt::required("FROM", Kind::Date, Filter::Since), Prompt::required("TO", Kind::Date, Filter::Until)];
    let query = Query { prompts: by_day.to_vec(), ..three().queries["ML_SHIFTS"].clone() };
    let fake = FakePeopleSoft::start(Database::default().with("ML_SHIFTS", query), Settings::new(noon)).await.unwrap();
    let url = |from: &str, to: &str| window(from, to).replace("SINCE,UNTIL", "FROM,TO");
    assert_eq!(ids(&fake, &url("2026-03-17", "2026-03-17")).await.len(), 3);
    assert_eq!(ids(&fake, &url("2026-03-16", "2026-03-16")).await.len(), 0);
    assert_eq!(get(&fake, &url("2026-03-17-00.00.00.000000", "2026-03-17")).await.status, 400);
}

#[tokio::test]
async fn caps_cut_the_newest_rows_and_say_nothing() {
    let check = async |silent_cap: Option<usize>, max_rows: &str, quirks: &[Quirk], rows: usize, numrows: usize| {
        let fake = fake(Settings { silent_cap, quirks: quirks.to_vec(), ..Settings::new(noon) }).await;
        let got = get(&fake, &day("").replace("maxrows=100", &format!("maxrows={max_rows}"))).await;
        assert_eq!(got.column("A.EMPLID"), ["0001", "0003", "0002"][..rows]);
        assert_eq!(got.json()["data"]["query"]["numrows"], numrows);
        assert_eq!(got.json()["status"], "success");
    };
    check(None, "2", &[], 2, 2).await;
    check(Some(1), "2", &[], 1, 1).await;
    check(Some(5), "2", &[], 2, 2).await;
    check(Some(1), "-1", &[], 1, 1).await;
    check(Some(2), "0", &[], 2, 2).await;
    check(None, "0", &[], 3, 3).await;
    check(Some(1), "100", &[Quirk::NumrowsBeforeCap], 1, 3).await;
}

#[tokio::test]
async fn a_scrambled_query_is_out_of_order_the_same_way_each_time() {
    let fake = plain().await;
    fake.database().query_mut("ML_SHIFTS").unwrap().order = Order::Scrambled;
    for _ in 0..2 {
        assert_eq!(ids(&fake, &day("")).await, ["0002", "0001", "0003"]);
    }
    assert_eq!(ids(&fake, &window("2026-03-17-09.00.00.000000", "2026-03-17-10.00.00.000000")).await, ["0003", "0001"]);
}

#[tokio::test]
async fn a_late_commit_appears_behind_rows_already_seen() {
    let now = Arc::new(Mutex::new(noon()));
    let clock = Arc::clone(&now);
    let fake = fake(Settings::new(move || *clock.lock().unwrap())).await;
    let commit = "2026-03-17T17:05:00Z".parse().unwrap();
    fake.database().push("ML_SHIFTS", shift("0000", "SLH", at(8, 0, 0)).visible_from(commit)).unwrap();
    assert_eq!(ids(&fake, &day("")).await, ["0001", "0003", "0002"]);
    *now.lock().unwrap() = commit;
    assert_eq!(ids(&fake, &day("")).await, ["0000", "0001", "0003", "0002"]);
}

#[tokio::test]
async fn rows_come_change_and_go_while_the_server_runs() {
    let fake = plain().await;
    fake.database().push("ML_SHIFTS", shift("0003", "SLH", at(10, 0, 0))).unwrap();
    assert_eq!(ids(&fake, &day("")).await, ["0001", "0003", "0003", "0002"]);
    assert_eq!(fake.database().confirm_again("ML_SHIFTS", at(10, 0, 0), at(12, 0, 0)), Ok(2));
    assert_eq!(ids(&fake, &day("")).await, ["0001", "0002", "0003", "0003"]);
    let unconfirmed = fake.database().remove("ML_SHIFTS", |row| row.time == at(12, 0, 0)).unwrap();
    assert_eq!(unconfirmed.len(), 2);
    assert_eq!(ids(&fake, &day("")).await, ["0001", "0002"]);
    assert_eq!(fake.database().confirm_again("NO", at(1, 0, 0), at(2, 0, 0)), Err(NoSuchQuery("NO".to_owned())));
}

#[tokio::test]
async fn instants_become_civil_times_of_the_base_zone_twice_in_the_repeated_hour() {
    let time_zone = jiff::tz::TimeZone::get("America/Chicago").unwrap();
    let fake = fake(Settings { time_zone, ..Settings::new(noon) }).await;
    let check = |instant: &str, expect: &str| {
        assert_eq!(TimeFormat::Dotted.write(fake.civil(instant.parse().unwrap())), expect);
    };
    check("2026-11-01T06:30:00Z", "2026-11-01-01.30.00.000000");
    check("2026-11-01T07:30:00Z", "2026-11-01-01.30.00.000000");
    check("2026-03-08T08:00:00Z", "2026-03-08-03.00.00.000000");
}

#[test]
fn row_times_are_written_in_every_recorded_form() {
    let time = at(9, 5, 7);
    assert_eq!(TimeFormat::Dotted.write(time), "2026-03-17-09.05.07.000000");
    assert_eq!(TimeFormat::Spaced.write(time), "2026-03-17 09:05:07.000000");
    assert_eq!(TimeFormat::Iso.write(time), "2026-03-17T09:05:07");
}
