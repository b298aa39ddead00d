//! The command as a whole, on a ledger and secrets of its own.

use crate::samples::*;
use crate::world::World;
use serde_json::Value;
use shared::ledger::Append;
use shared::ledger::verification::Event;
use shared::notification::{Detail, EmployeeKey, NotificationId, State};
use shared::phone::Channel;

fn employee(id: &str) -> NotificationId {
    NotificationId::of(&tenant_id(), id, "payroll", &["2026-03-15".to_owned()], Channel::Sms)
}

/// Three employees: one has the text, one has not, one's is held.
async fn world() -> World {
    let world = World::start(at("22:00:00")).await;
    let delivered =
        vec![began(), attempt(1, "21:42:08"), accepted(1, "21:42:09"), callback(1, "21:42:10", "delivered", None)];
    world.append(&id(), delivered).await;
    let one = |employee_id: &'static str| began_with(move |created| created.employee_id = employee_id.to_owned());
    world.append(&employee("0042318"), vec![one("0042318"), attempt(1, "21:42:08"), refused(1, "21:42:09")]).await;
    let held = began_with(|created| {
        created.employee_id = "0042319".to_owned();
        created.held = true;
    });
    world.append(&employee("0042319"), vec![held]).await;
    world
}

fn objects(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn an_item_that_can_not_be_read_is_passed_over_and_told_wherever_one_looks() {
    let world = world().await;
    let id = id().to_string();
    let ways: [&[&str]; 5] = [
        &["audit", "show", "st-lukes", &id],
        &["audit", "employee", "st-lukes", "0042317"],
        &["audit", "list", "st-lukes", "--employee", "0042317"],
        &["audit", "list", "st-lukes"],
        &["audit", "stuck", "st-lukes"],
    ];
    let mut before = Vec::new();
    for way in ways {
        before.push(world.run(way, "").await);
    }
    world.spoil(&self::id()).await;
    for (way, before) in ways.into_iter().zip(before) {
        let ran = world.run(way, "").await;
        assert_eq!((ran.code, &ran.data), (before.code, &before.data), "{way:?}");
        assert_eq!(ran.talk.matches("passed over: the item at pk").count(), 1, "{way:?}: {}", ran.talk);
    }
    // Nothing else being there, nothing is known, and that is said, too.
    let other = employee("0042400");
    world.spoil(&other).await;
    let ran = world.run(&["audit", "show", "st-lukes", &other.to_string()], "").await;
    assert!(ran.code == 1 && ran.talk.contains("passed over: ") && ran.talk.contains("knows nothing of"), "{ran:?}");
}

/// Other programs rely on these keys, and on no number being among them.
#[tokio::test]
async fn one_notification_is_one_object_on_one_line() {
    let world = world().await;
    let ran = world.run(&["--format", "json", "audit", "show", "st-lukes", &id().to_string()], "").await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(!ran.data.contains("5550142") && !ran.data.contains("5550100"), "{}", ran.data);
    let pretty = serde_json::to_string_pretty(&objects(&ran.data)[0]).unwrap();
    insta::assert_snapshot!(pretty);
    let keys = [
        "tenant",
        "notification_id",
        "source",
        "kind",
        "employee_id",
        "channel",
        "to",
        "body",
        "state",
        "reason",
        "attempts",
        "sid",
        "created_at",
        "updated_at",
        "history",
    ];
    let places: Vec<usize> = keys.iter().map(|key| ran.data.find(&format!("\"{key}\":")).unwrap()).collect();
    assert_eq!(objects(&ran.data)[0].as_object().unwrap().len(), keys.len());
    assert!(places.is_sorted(), "{places:?}");
}

#[tokio::test]
async fn lists_are_filtered_and_summed_up() {
    let world = world().await;
    let check = |words: &'static [&str], expect: &'static [&str], sums: &'static str| {
        let world = &world;
        async move {
            let ran = world.run(&[&["--format", "json", "audit"], words].concat(), "").await;
            assert_eq!(ran.code, 0, "{ran:?}");
            let found: Vec<String> =
                objects(&ran.data).iter().map(|o| o["employee_id"].as_str().unwrap().to_owned()).collect();
            let mut found_sorted = found.clone();
            found_sorted.sort();
            assert_eq!(found_sorted, expect, "{words:?}");
            assert_eq!(ran.talk.trim(), sums, "{words:?}");
        }
    };
    check(&["list", "st-lukes"], &["0042317", "0042318", "0042319"], "3 notifications: 1 held, 1 delivered, 1 failed")
        .await;
    check(
        &["list", "st-lukes", "--state", "failed,held"],
        &["0042318", "0042319"],
        "2 notifications: 1 held, 1 failed",
    )
    .await;
    check(&["list", "st-lukes", "--since", "10m"], &[], "no notifications").await;
    check(&["list", "st-lukes", "--source", "payroll", "--since", "10m"], &[], "no notifications").await;
    // Not an error: a source may have gone from the document and left notifications behind.
    let unknown = "tenant st-lukes has no source \"shifts\"; its sources: payroll\nno notifications";
    check(&["list", "st-lukes", "--source", "shifts"], &[], unknown).await;
    check(&["list", "st-lukes", "--employee", "0042318"], &["0042318"], "1 notification: 1 failed").await;
    check(&["employee", "st-lukes", "0042317"], &["0042317"], "1 notification: 1 delivered").await;
    check(&["employee", "st-lukes", "42317"], &[], "no notifications").await;
}

/// A page after the other shows everything once, in the order of the whole.
#[tokio::test]
async fn a_long_list_is_read_in_pages() {
    let world = world().await;
    let ids = |data: &str| -> Vec<String> {
        objects(data).iter().map(|one| one["notification_id"].as_str().unwrap().to_owned()).collect()
    };
    let list = ["--format", "json", "audit", "list", "st-lukes"];
    let all = ids(&world.run(&list, "").await.data);
    let first = world.run(&[&list[..], &["--limit", "2"]].concat(), "").await;
    assert_eq!(ids(&first.data), all[..2]);
    assert!(first.talk.ends_with(&format!("1 more; go on with the same words and --after {}\n", all[1])), "{first:?}");
    let second = world.run(&[&list[..], &["--limit", "2", "--after", &all[1]]].concat(), "").await;
    assert_eq!(ids(&second.data), all[2..]);
    assert_eq!(second.talk.lines().count(), 1, "{second:?}");
    // Filters go on where they were, though what was shown last doesn't fit them any more.
    let delivered = ["--state", "delivered", "--after", &all[0]];
    let after = world.run(&[&list[..], &delivered].concat(), "").await;
    let expect: Vec<String> = all[1..].iter().filter(|one| **one == id().to_string()).cloned().collect();
    assert_eq!(ids(&after.data), expect, "{after:?}");
    let nobody = employee("nobody").to_string();
    let unknown = world.run(&[&list[..], &["--after", &nobody]].concat(), "").await;
    assert_eq!((unknown.code, unknown.data.as_str()), (2, ""), "{unknown:?}");
    assert!(unknown.talk.contains("name the last one that was shown"), "{unknown:?}");
}

/// Support's question, with what the portal did beside the texts. No code and no whole number is there to be shown.
#[tokio::test]
async fn an_employees_two_factor_checks_lie_beside_the_notifications() {
    let world = world().await;
    let key = EmployeeKey::of(&tenant_id(), "0042317");
    for fact in two_factor_checks() {
        let appended = world.ledger().append_verification(&tenant(), &key, &fact).await.unwrap();
        assert_eq!(appended, Append::Appended, "{fact:?}");
    }
    // Twilio tells of it as well, some of it in words that a terminal must not see.
    for (id, kind, time) in [("EZ1", "a.pending", "21:50:02"), ("EZ2", "odd.\u{1b}[31m", "21:50:32")] {
        let (id, kind, event) = (id.to_owned(), kind.to_owned(), r#"{"data":{"to":"+*********42"}}"#.to_owned());
        let event = Event { at: at(time), id, sid: Some(verification_sid()), kind, event };
        world.ledger().append_verification_event(&tenant(), &event).await.unwrap();
    }
    let ran = world.run(&["audit", "employee", "st-lukes", "0042317"], "").await;
    assert_eq!(ran.code, 0, "{ran:?}");
    insta::assert_snapshot!(ran.data);
    let revealed = world.run(&["audit", "employee", "st-lukes", "0042317", "--reveal"], "").await;
    let checks = |data: &str| data.split_once("two-factor checks").map(|(_, checks)| checks.to_owned());
    assert_eq!(checks(&revealed.data), checks(&ran.data), "there is nothing more to reveal of a check");

    let ran = world.run(&["--format", "json", "audit", "employee", "st-lukes", "0042317"], "").await;
    let printed = objects(&ran.data);
    assert_eq!(printed.len(), 2, "{ran:?}");
    let last = &printed[1];
    assert_eq!((&last["tenant"], &last["employee_id"]), (&"st-lukes".into(), &"0042317".into()));
    let facts: Vec<&str> =
        last["verifications"].as_array().unwrap().iter().map(|fact| fact["fact"].as_str().unwrap()).collect();
    assert_eq!(facts, ["asked", "started", "check", "checked", "check", "checked", "asked", "not_sent"]);
    let told = &last["told_by_twilio"][0];
    assert_eq!((&told["id"], &told["event"]["data"]["to"]), (&"EZ1".into(), &"+*********42".into()));
    assert!(!last.to_string().contains("5550142"), "{last}");
    // What can't be read among them is passed over, and told.
    for (pk, sk) in [
        (format!("st-lukes#verify#{key}"), "asked#077"),
        (format!("st-lukes#verification#{}", verification_sid()), "event#EZ9"),
    ] {
        world.spoil_at(&pk, sk).await;
    }
    let spoilt = world.run(&["--format", "json", "audit", "employee", "st-lukes", "0042317"], "").await;
    assert_eq!((spoilt.code, &spoilt.data), (0, &ran.data), "{spoilt:?}");
    assert_eq!(spoilt.talk.matches("passed over: the item at pk").count(), 2, "{spoilt:?}");
    // Somebody else's aren't shown, and where there are none nothing is said of them.
    let ran = world.run(&["audit", "employee", "st-lukes", "0042318"], "").await;
    assert!(!ran.data.contains("two-factor"), "{ran:?}");
}

#[tokio::test]
async fn whole_numbers_are_shown_to_somebody_with_a_name() {
    let world = world().await;
    let words = ["--format", "json", "audit", "list", "st-lukes", "--state", "delivered", "--reveal"];
    let ran = world.run(&words, "").await;
    assert_eq!(objects(&ran.data)[0]["to"], "+13125550142", "{ran:?}");
    let seen = |story: &shared::notification::Story| {
        let by = |detail: &Detail| match detail {
            Detail::Revealed(revealed) => Some(revealed.by.clone()),
            _ => None,
        };
        story.facts.iter().filter_map(|fact| by(&fact.detail)).collect::<Vec<_>>()
    };
    assert_eq!(seen(&world.story(&id()).await), ["ada"]);
    assert!(seen(&world.story(&employee("0042318")).await).is_empty());
    let ran = world.run(&["audit", "show", "st-lukes", &id().to_string()], "").await;
    assert!(ran.data.contains("the whole phone number was shown to ada"), "{ran:?}");
    assert!(ran.data.contains("sms to +*********42"), "{ran:?}");
    let ran = world.run(&["audit", "show", "st-lukes", &id().to_string(), "--reveal"], "").await;
    assert!(ran.data.contains("sms to +13125550142"), "{ran:?}");
}

#[tokio::test]
async fn what_is_stuck_is_trouble() {
    let world = world().await;
    let ran = world.run(&["audit", "stuck", "st-lukes"], "").await;
    assert_eq!(ran.code, 1, "{ran:?}");
    insta::assert_snapshot!(format!("{}---\n{}", ran.data, ran.talk));
    let ran = world.run(&["release-held", "st-lukes", "payroll", "--yes"], "").await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let ran = world.run(&["audit", "stuck", "st-lukes"], "").await;
    assert_eq!((ran.code, ran.data.as_str()), (0, ""), "{ran:?}");
    // What can't be read may be what is stuck.
    world.spoil(&id()).await;
    let ran = world.run(&["audit", "stuck", "st-lukes"], "").await;
    assert_eq!((ran.code, ran.data.as_str()), (1, ""), "{ran:?}");
}

/// Nobody asks Twilio about it any more, and no command ends it: it must not be trouble every morning.
#[tokio::test]
async fn what_twilio_never_gave_its_final_word_on_is_trouble_for_a_week() {
    let world = World::start(at("22:00:00")).await;
    world.append(&id(), vec![began(), attempt(1, "21:42:08"), accepted(1, "21:42:09")]).await;
    for (now, code, listed, told) in [
        ("2026-03-18T21:00:00Z", 0, 0, "no notifications\n"),
        ("2026-03-24T21:42:00Z", 1, 1, "1 notification: 1 accepted\n"),
        ("2026-03-24T21:43:00Z", 0, 0, "no notifications\nfor more than a week 1 more has had no final word"),
    ] {
        world.now(now.parse().unwrap());
        let ran = world.run(&["audit", "stuck", "st-lukes"], "").await;
        assert_eq!((ran.code, ran.data.matches("no final word since").count()), (code, listed), "{now}: {ran:?}");
        assert!(ran.talk.starts_with(told), "{now}: {ran:?}");
    }
}

/// What an operator says lies beside the notification for years, and is shown wherever that is.
#[tokio::test]
async fn a_number_in_an_operators_words_is_masked_before_they_are_written() {
    let world = world().await;
    let id = employee("0042319");
    let words = ["cancel", "st-lukes", &id.to_string(), "--yes", "--why", "called her on +1 (312) 555-0142, and 1+1"];
    let ran = world.run(&words, "").await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let reason = world.standing(&id).await.reason.unwrap();
    assert_eq!(reason, "called her on +* (***) ***-**42, and 1+1");
    assert!(!format!("{ran:?}").contains("555"), "{ran:?}");
}

#[tokio::test]
async fn the_unknown_comes_with_what_to_do() {
    let world = world().await;
    let nobody = employee("nobody").to_string();
    let check = |words: Vec<String>, expect: &'static str| {
        let world = &world;
        async move {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let ran = world.run(&words, "").await;
            assert_eq!(ran.code, 1, "{ran:?}");
            assert!(ran.talk.contains(expect), "{ran:?}");
            assert_eq!(ran.data, "", "{ran:?}");
        }
    };
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    check(words(&format!("audit show st-lukes {nobody}")), "find it with: connector audit employee st-lukes EMPLID")
        .await;
    check(words(&format!("audit show mercy {nobody}")), "there is no tenant mercy").await;
    check(words("audit list mercy"), "connector tenant list shows those that exist").await;
    check(words("audit employee mercy 1"), "there is no tenant mercy").await;
    check(words("audit stuck mercy"), "there is no tenant mercy").await;
    check(words(&format!("replay st-lukes {nobody} --yes")), "nothing can be done with any of them").await;
    check(words(&format!("replay mercy {nobody} --yes")), "there is no tenant mercy").await;
    check(
        words("release-held st-lukes shifts --yes"),
        "tenant st-lukes has no source \"shifts\"; its sources: payroll",
    )
    .await;
}

#[tokio::test]
async fn nothing_is_done_before_the_operator_agrees() {
    let world = world().await;
    let failed = employee("0042318");
    let before = world.story(&failed).await;
    let ran = world.run(&["replay", "st-lukes", &failed.to_string()], "\n").await;
    assert_eq!((ran.code, ran.data.as_str()), (1, ""), "{ran:?}");
    assert!(ran.talk.contains("Send 1 notification again? [y/N]"), "{ran:?}");
    assert_eq!(world.story(&failed).await, before);

    let ran = world
        .run(&["replay", "st-lukes", &failed.to_string(), "--why", "asked for by HR", "--by", "grace"], "y\n")
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.data, format!("{failed}  released attempt 2, until 2026-03-18T22:00:00.000Z\n"));
    assert_eq!(world.standing(&failed).await.state, State::Pending);
    let told = world.run(&["audit", "show", "st-lukes", &failed.to_string()], "").await.data;
    assert!(
        told.contains("released attempt 2 by grace: asked for by HR; it may start until 2026-03-18T22:00:00.000Z"),
        "{told}"
    );
}

/// What can be done is done, and the exit code says that it wasn't all.
#[tokio::test]
async fn some_of_many() {
    let world = world().await;
    let (delivered, failed) = (id().to_string(), employee("0042318").to_string());
    let ran = world.run(&["--format", "json", "replay", "st-lukes", &delivered, &failed, &failed, "--yes"], "").await;
    assert_eq!(ran.code, 1, "{ran:?}");
    let mut done: Vec<(String, String)> = Vec::new();
    for object in objects(&ran.data) {
        let text = |key: &str| object[key].as_str().unwrap().to_owned();
        done.push((text("notification_id"), text("did")));
    }
    assert_eq!(done, [(delivered, "nothing".to_owned()), (failed.clone(), "released".to_owned())]);
    let ran = world.run(&["cancel", "st-lukes", &failed, "--yes"], "").await;
    assert_eq!((ran.code, ran.data), (0, format!("{failed}  cancelled before attempt 2\n")));
    assert_eq!(world.standing(&employee("0042318")).await.state, State::Cancelled);
    let ran = world.run(&["release-held", "st-lukes", "payroll", "--yes"], "").await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let ran = world.run(&["release-held", "st-lukes", "payroll", "--yes"], "").await;
    assert_eq!((ran.code, ran.talk.as_str()), (0, "nothing of payroll is held\n"), "{ran:?}");
}

#[tokio::test]
async fn without_a_table_it_says_how_to_name_one() {
    let mut world = world().await;
    world.deps.ledger = None;
    let ran = world.run(&["audit", "list", "st-lukes"], "").await;
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.talk.contains("Give --table NAME, or set TABLE_NAME"), "{ran:?}");
    assert_eq!(world.run(&["tenant", "list"], "").await.code, 0);
}

#[tokio::test]
async fn a_wrong_table_comes_with_what_to_do() {
    let mut world = world().await;
    let client = world.ledger().client().clone();
    world.deps.ledger = Some(shared::ledger::Ledger::new(client, "other".to_owned()));
    for words in [vec!["audit", "list", "st-lukes"], vec!["audit", "employee", "st-lukes", "1"]] {
        let ran = world.run(&words, "").await;
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.talk.contains("table other: ") && ran.talk.contains("there is no such table here"), "{ran:?}");
    }
}

#[tokio::test]
async fn shells_are_taught_the_command() {
    let world = world().await;
    for (shell, expect) in [("bash", "_connector()"), ("zsh", "#compdef connector"), ("fish", "complete -c connector")]
    {
        let ran = world.run(&["completions", shell], "").await;
        assert_eq!(ran.code, 0);
        assert!(ran.data.contains(expect) && ran.data.contains("release-held"), "{shell}");
    }
}
