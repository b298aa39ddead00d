//! The page as a browser gets it: what it shows, to whom, and what it never shows.

use super::*;
use crate::samples::{accepted, at, attempt, began, began_with, callback, id, refused, tenant_id};
use crate::world::World;
use shared::phone::Channel;

/// A page of two notifications: one that arrived and one that was refused.
async fn page() -> (World, Live) {
    let world = World::start(at("22:00:00")).await;
    let arrived =
        vec![began(), attempt(1, "21:42:08"), accepted(1, "21:42:09"), callback(1, "21:42:10", "delivered", None)];
    world.append(&id(), arrived).await;
    let other = began_with(|created| "0042318".clone_into(&mut created.employee_id));
    world.append(&refused_id(), vec![other, attempt(1, "21:42:08"), refused(1, "21:42:09")]).await;
    let live = start(world.ledger().clone(), world.deps.clock.clone()).await.unwrap();
    (world, live)
}

fn refused_id() -> NotificationId {
    NotificationId::of(&tenant_id(), "0042318", "payroll", &["2026-03-15".to_owned()], Channel::Sms)
}

async fn get(live: &Live, path: &str) -> (u16, String) {
    get_as(live, path, &live.address().to_string()).await
}

async fn get_as(live: &Live, path: &str, host: &str) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}{path}", live.address());
    let answer = client.get(url).header(header::HOST, host).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn it_shows_the_sums_and_the_rows_that_are_searched_for() {
    let (_world, live) = page().await;
    let check = |path: &'static str, rows: usize| {
        let live = &live;
        async move {
            let (status, html) = get(live, path).await;
            assert_eq!((status, html.matches("<tr data-state=").count()), (200, rows), "{path}: {html}");
            // The sums are of everything, whatever is searched for.
            assert!(html.contains("data-sum=\"all\">2<") && html.contains("data-sum=\"delivered\">1<"), "{html}");
            assert!(!html.contains("5550142") && !html.contains("None<"), "{html}");
            html
        }
    };
    check("/now", 2).await;
    check("/now?q=0042318", 1).await;
    check("/now?q=payroll&state=delivered", 1).await;
    check("/now?state=rest", 1).await;
    assert!(check("/now?q=nobody", 0).await.contains("None is like that"));
    assert_eq!(get(&live, "/").await.0, 200);
}

#[tokio::test]
async fn what_can_not_be_read_is_counted_and_hides_nothing_else() {
    let (world, live) = page().await;
    world.spoil(&id()).await;
    let (_, html) = get(&live, "/now").await;
    assert_eq!(html.matches("<tr data-state=").count(), 2, "{html}");
    assert!(html.contains("can't be read and are passed over: 1<"), "{html}");
    let (status, html) = get(&live, &format!("/story/st-lukes/{}", id())).await;
    assert!(status == 200 && html.contains("callback: delivered"), "{html}");
}

#[tokio::test]
async fn it_tells_a_story_and_knows_when_there_is_none() {
    let (_world, live) = page().await;
    let (status, html) = get(&live, &format!("/story/st-lukes/{}", id())).await;
    assert_eq!(status, 200);
    assert!(html.contains("callback: delivered") && html.contains("+*********42"), "{html}");
    assert!(!html.contains("5550142"), "{html}");
    for nowhere in ["/story/st-lukes/nonsense", "/story/Not-A-Tenant/x", "/story/", "/elsewhere"] {
        assert_eq!(get(&live, nowhere).await.0, 404, "{nowhere}");
    }
    assert_eq!(get(&live, &format!("/story/mercy/{}", id())).await.0, 404);
}

/// A name of somebody else's that points at loopback is how a page from elsewhere would read this one.
#[tokio::test]
async fn it_answers_to_loopback_alone() {
    let (_world, live) = page().await;
    let port = live.address().port();
    let check = |host: String, status: u16| {
        let live = &live;
        async move { assert_eq!(get_as(live, "/now", &host).await.0, status, "{host}") }
    };
    check(format!("127.0.0.1:{port}"), 200).await;
    check(format!("localhost:{port}"), 200).await;
    check(format!("[::1]:{port}"), 200).await;
    check(format!("elsewhere.example:{port}"), 403).await;
    check("10.0.0.7".to_owned(), 403).await;
}
