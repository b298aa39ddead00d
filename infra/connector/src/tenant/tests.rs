use super::*;
use crate::samples::{at, document};
use crate::world::{Ran, World};
use local::demo::{Demo, Moods};
use serde_json::Value;
use shared::clock::Clock;
use shared::tenant::Mode;
use std::time::Duration;

/// What must never be printed.
const SECRETS: &[&str] =
    &["hunter2", "token-of-twilio", "portal-token", "NOTIFY", "+13125550142", "+13125550100", "another-password"];

async fn world() -> World {
    World::start(at("22:00:00")).await
}

async fn run(world: &World, words: &[&str], typed: &str) -> Ran {
    let ran = world.run(words, typed).await;
    for secret in SECRETS {
        assert!(!ran.data.contains(secret) && !ran.talk.contains(secret), "{secret} in {ran:?}");
    }
    ran
}

fn write(world: &World, name: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut document = document();
    change(&mut document);
    let file = world.file(name);
    std::fs::write(&file, document.to_string()).unwrap();
    file.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_valid_document_is_summed_up_without_its_secrets() {
    let world = world().await;
    let file = write(&world, "st-lukes.json", |_| {});
    let ran = run(&world, &["tenant", "check", &file], "").await;
    assert_eq!(ran.code, 0, "{ran:?}");
    insta::assert_snapshot!(ran.data);
    assert!(ran.talk.ends_with("a valid document for tenant st-lukes\n"), "{ran:?}");
    let shown = run(&world, &["tenant", "show", "st-lukes"], "").await;
    assert_eq!((shown.code, shown.data), (0, ran.data));
}

#[tokio::test]
async fn everything_wrong_with_a_document_is_said_with_its_place() {
    let world = world().await;
    let file = write(&world, "draft.json", |document| {
        document["peoplesoft"]["auth"]["pasword"] = "hunter2".into();
        document["events"][0]["query"] = Value::Null;
        document["twilio"]["account_sid"] = "SK1".into();
    });
    let ran = run(&world, &["tenant", "check", &file, "--tenant", "st-lukes"], "").await;
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!(ran.data);
    let ran = run(&world, &["--format", "json", "tenant", "check", &file], "").await;
    assert_eq!(ran.code, 1);
    let told: Value = serde_json::from_str(&ran.data).unwrap();
    assert_eq!(told["tenant"], "draft");
    assert_eq!(told["problems"][0]["place"], "events[0].query");
}

#[tokio::test]
async fn what_can_not_be_read_is_a_usage_error() {
    let world = world().await;
    let check = |words: &'static [&str], expect: &'static str| {
        let world = &world;
        async move {
            let ran = run(world, words, "").await;
            assert_eq!(ran.code, 2, "{ran:?}");
            assert!(ran.talk.contains(expect), "{ran:?}");
        }
    };
    check(&["tenant", "check", "/nowhere/st-lukes.json"], "can't read /nowhere/st-lukes.json: No such file").await;
    check(&["tenant", "check", "/nowhere/St_Lukes.json"], "say which it is for with --tenant NAME").await;
    check(&["tenant", "check", "-"], "say which it is for with --tenant NAME").await;
    check(&["tenant", "add", "mercy", "/nowhere/mercy.json"], "can't read").await;
    // There is nobody to ask: what would be answered is the document.
    check(&["tenant", "add", "mercy", "-", "--without-ping"], "confirm it with --yes").await;
    check(&["tenant", "rotate", "st-lukes", "-", "--without-ping"], "confirm it with --yes").await;
    for words in [&["tenant", "check", "-", "--tenant", "mercy"][..], &["tenant", "add", "mercy", "-", "--yes"]] {
        for (typed, expect) in
            [("", "Eof error at line 1"), ("{\"a\": 1,\n hunter2}", "Syntax error at line 2, column 2")]
        {
            let ran = run(&world, words, typed).await;
            assert!(ran.code == 2 && ran.data.is_empty(), "{ran:?}");
            assert!(ran.talk.contains("can't read -: it is not JSON") && ran.talk.contains(expect), "{ran:?}");
        }
    }
}

#[tokio::test]
async fn a_document_can_come_through_a_pipe() {
    let world = world().await;
    let ran = run(&world, &["tenant", "check", "-", "--tenant", "mercy"], &document().to_string()).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let add = ["tenant", "add", "mercy", "-", "--yes", "--without-ping"];
    let ran = run(&world, &add, &document().to_string()).await;
    assert_eq!((ran.code, ran.data.as_str()), (0, "mercy: added, dry_run\n"), "{ran:?}");
    let ran = run(&world, &["tenant", "check", "-", "--tenant", "mercy"], "[]").await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.data.contains("(the whole)  must be a JSON object"), "{ran:?}");
}

#[tokio::test]
async fn a_new_tenant_starts_in_dry_run_unless_told_otherwise() {
    let world = world().await;
    let file = write(&world, "mercy.txt", |_| {});
    let mercy = TenantId::parse("mercy").unwrap();
    let declined = run(&world, &["tenant", "add", "mercy", &file, "--without-ping"], "\n").await;
    assert_eq!(declined.code, 1);
    assert!(declined.talk.contains("is new: secret peoplesoft-twilio/tenants/mercy is created"), "{declined:?}");
    assert!(world.deps.tenants.get(&mercy).await.unwrap().is_none());

    let added = run(&world, &["tenant", "add", "mercy", &file, "--without-ping"], "y\n").await;
    assert_eq!((added.code, added.data.as_str()), (0, "mercy: added, dry_run\n"), "{added:?}");
    assert_eq!(world.deps.tenants.get(&mercy).await.unwrap().unwrap().mode, Mode::DryRun);

    // The document says live, which is not enough.
    let again = run(&world, &["tenant", "rotate", "mercy", &file, "--yes"], "").await;
    assert_eq!((again.code, again.data.as_str()), (0, "mercy: unchanged, dry_run\n"), "{again:?}");
    let live = run(&world, &["tenant", "rotate", "mercy", &file, "--live", "--yes", "--without-ping"], "").await;
    assert_eq!((live.code, live.data.as_str()), (0, "mercy: replaced, live\n"), "{live:?}");
    assert!(live.talk.contains("- mode: \"dry_run\"\nmode live: people are texted and called"), "{live:?}");
    assert_eq!(world.deps.tenants.get(&mercy).await.unwrap().unwrap().mode, Mode::Live);
}

#[tokio::test]
async fn a_rotation_shows_what_changes_and_no_secret() {
    let world = world().await;
    let file = write(&world, "new.txt", |document| {
        document["peoplesoft"]["auth"]["password"] = "another-password".into();
        document["poll"] = json!({"every_seconds": 30});
        document["only_to"] = json!([]);
    });
    let ran =
        run(&world, &["--format", "json", "tenant", "rotate", "st-lukes", &file, "--without-ping"], "yes\n").await;
    assert_eq!(
        (ran.code, ran.data.as_str()),
        (0, "{\"did\":\"replaced\",\"mode\":\"live\",\"tenant\":\"st-lukes\"}\n"),
        "{ran:?}"
    );
    insta::assert_snapshot!(ran.talk);
    let stored = world.deps.tenants.get(&crate::samples::tenant_id()).await.unwrap().unwrap();
    assert_eq!(stored.poll.every.as_secs(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_document_names_is_tried_before_it_is_stored() {
    let world = World::start(Clock::system().now()).await;
    let moods = Moods { staff: 30, latency: Duration::ZERO, ..Moods::default() };
    let demo = Demo::start(&moods, Clock::system(), None).await.unwrap();
    let document = std::fs::read(demo.tenants().join(format!("{}.json", local::demo::TENANT))).unwrap();
    let good: Value = serde_json::from_slice(&document).unwrap();
    let write = |name: &str, password: &str| {
        let mut document = good.clone();
        document["peoplesoft"]["auth"]["password"] = password.into();
        write(&world, name, |whole| *whole = document)
    };
    let (bad, good) = (
        write("bad.txt", "another-password"),
        write("good.txt", good["peoplesoft"]["auth"]["password"].as_str().unwrap()),
    );
    let mercy = TenantId::parse("mercy").unwrap();

    let refused = run(&world, &["tenant", "add", "mercy", &bad, "--live", "--yes"], "").await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.data.contains("credentials") && !refused.data.contains("Twilio"), "only the trouble: {refused:?}");
    assert!(refused.talk.contains("nothing was stored") && refused.talk.contains("--without-ping"), "{refused:?}");
    let json = run(&world, &["--format", "json", "tenant", "add", "mercy", &bad, "--yes"], "").await;
    assert!(json.code == 1 && json.data.lines().count() > 0, "{json:?}");
    for line in json.data.lines() {
        let check: Value = serde_json::from_str(line).unwrap();
        assert_eq!((&check["tenant"], &check["verdict"]), (&"mercy".into(), &"trouble".into()));
    }
    assert!(world.deps.tenants.get(&mercy).await.unwrap().is_none());

    let added = run(&world, &["tenant", "add", "mercy", &bad, "--live", "--yes", "--without-ping"], "").await;
    assert_eq!((added.code, added.data.as_str()), (0, "mercy: added, live\n"), "{added:?}");
    let replaced = run(&world, &["tenant", "rotate", "mercy", &good, "--yes"], "").await;
    assert_eq!((replaced.code, replaced.data.as_str()), (0, "mercy: replaced, live\n"), "{replaced:?}");
    let asked = demo.peoplesoft.requests().len();
    let again = run(&world, &["tenant", "rotate", "mercy", &good, "--yes"], "").await;
    assert_eq!(again.data, "mercy: unchanged, live\n", "{again:?}");
    assert_eq!(demo.peoplesoft.requests().len(), asked, "what is stored already isn't tried");
    assert!(demo.twilio.accepted().is_empty());
}

#[tokio::test]
async fn only_what_is_valid_is_stored_and_only_what_exists_is_rotated() {
    let world = world().await;
    let bad = write(&world, "bad.txt", |document| document["twilio"] = Value::Null);
    let ran = run(&world, &["tenant", "rotate", "st-lukes", &bad, "--yes"], "").await;
    assert_eq!(ran.code, 1);
    assert!(ran.data.contains("twilio"), "{ran:?}");
    assert!(world.deps.tenants.get(&crate::samples::tenant_id()).await.is_ok());
    let good = write(&world, "good.txt", |_| {});
    let ran = run(&world, &["tenant", "rotate", "mercy", &good, "--yes"], "").await;
    assert_eq!(ran.code, 1);
    assert!(ran.talk.contains("there is no tenant mercy"), "{ran:?}");
}

#[tokio::test]
async fn tenants_are_listed_with_those_that_stand_still() {
    let world = world().await;
    write(&world, "mercy.json", |document| document["twilio"] = Value::Null);
    let ran = run(&world, &["tenant", "list"], "").await;
    assert_eq!(ran.code, 1, "{ran:?}");
    insta::assert_snapshot!(format!("{}---\n{}", ran.data, ran.talk));
    let ran = run(&world, &["tenant", "show", "mercy"], "").await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.talk.contains("connector tenant rotate mercy FILE"), "{ran:?}");
    let ran = run(&world, &["tenant", "show", "nobody"], "").await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.talk.contains("there is no tenant nobody: no secret is named peoplesoft-twilio/tenants/nobody"),
        "{ran:?}"
    );
}
