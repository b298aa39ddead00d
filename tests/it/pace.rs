//! Pace: an account in trouble stops its tenant's sending, with growing pauses and one alarm; everything goes out once it is
//! mended. Other tenants notice nothing. What is wrong with one sender, or with what lies between us and Twilio, is waited for
//! alike, and stops nothing else of the tenant's.

use crate::stage::{ACCOUNT, Stage, phone};
use local::twilio::{Fault, Operation, Rule, Trouble, When};
use shared::notification::{NotificationId, State};
use shared::phone::Channel;
use shared::tenant::TenantId;
use std::time::Duration;

fn trouble(stage: &Stage, code: Option<u32>) {
    stage.twilio.change(|settings| {
        let rule = |code| Rule::on_create(When::Always, Fault::before(Trouble::Code(code))).only_account(ACCOUNT);
        settings.faults.rules = code.map(rule).into_iter().collect();
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_with_an_account_pauses_its_tenant_and_everything_goes_out_once_it_is_mended() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("unpaid", |_| ());
    trouble(&stage, Some(20003));
    let mut ids = Vec::new();
    for _ in 0..60 {
        ids.push(stage.create(&tenant, |_| ()).await);
    }
    while stage.send().await > 0 {}
    let first = stage.twilio.requests();
    assert!((1..=send::pace::AT_ONCE).contains(&first), "{first} requests before the pause");
    for id in &ids {
        assert_eq!(stage.state(&tenant, id).await, State::Deferred);
    }
    // Hours of trouble, and new notifications all the while.
    for _ in 0..48 {
        ids.push(stage.create(&tenant, |_| ()).await);
        stage.play(&tenant, Duration::from_mins(5), Duration::from_mins(5)).await;
    }
    let probes = stage.twilio.requests() - first;
    assert!((4..=9).contains(&probes), "{probes} probes in four hours");
    let counted = stage.counted();
    assert_eq!(counted["AccountTrouble"] as usize, probes + 1, "{counted:?}");
    assert!(!counted.contains_key("Failed"), "{counted:?}");
    trouble(&stage, None);
    stage.play(&tenant, Duration::from_mins(90), Duration::from_mins(5)).await;
    for id in &ids {
        let story = stage.story(&tenant, id).await;
        assert_eq!((story.standing(stage.time.now()).state, stage.accepted(id)), (State::Delivered, 1), "{story:#?}");
    }
    // Mended: the next text is sent at once.
    let next = stage.create(&tenant, |_| ()).await;
    stage.send().await;
    assert_eq!(stage.accepted(&next), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_tenants_trouble_and_one_tenants_slowness_are_nobody_elses() {
    let stage = Stage::new().await;
    let mine = "AC00000000000000000000000000000002";
    stage.twilio.change(|settings| {
        let own = settings.accounts[0].clone();
        settings.accounts.push(local::twilio::FakeAccount { account_sid: mine.to_owned(), ..own });
        // An answer that takes longer than anything here, and nobody gives up on it.
        let slow = Fault::before(Trouble::Slow(Duration::from_mins(10)));
        settings.faults.rules = vec![Rule::on_create(When::Always, slow).only_account(ACCOUNT)];
    });
    let slow = stage.tenant("slow", |_| ());
    let quick = stage.tenant("quick", |document| document["twilio"]["account_sid"] = mine.into());
    for _ in 0..60 {
        stage.create(&slow, |_| ()).await;
    }
    let behind = stage.create(&quick, |_| ()).await;
    // One batch holds both; the slow tenant fills its own places and no more.
    let quick_is_sent = async {
        while stage.accepted(&behind) == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        sent = stage.send() => panic!("{sent} were sent, the slow ones too"),
        () = quick_is_sent => {}
    }
    // Nobody has waited for an answer of ten minutes.
    assert!(stage.twilio.most_concurrent_requests() <= send::pace::AT_ONCE + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_defers_for_long_and_raises_no_alarm() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("queue", |_| ());
    trouble(&stage, Some(21611));
    let ids = [stage.create(&tenant, |_| ()).await, stage.create(&tenant, |_| ()).await];
    stage.send().await;
    assert_eq!(stage.twilio.requests(), 2, "one full queue says nothing about the account");
    trouble(&stage, None);
    stage.minutes(&tenant, 2).await;
    assert_eq!(stage.state(&tenant, &ids[0]).await, State::Deferred);
    stage.minutes(&tenant, 10).await;
    for id in &ids {
        assert_eq!(stage.accepted(id), 1);
    }
    assert!(!stage.counted().contains_key("AccountTrouble"));
}

/// Hours in which every text meets the trouble; then it is over. Answers how often one was asked for meanwhile.
async fn hours_of(stage: &Stage, tenant: &TenantId, id: &NotificationId, trouble: Trouble) -> usize {
    stage.twilio.change(|settings| {
        settings.faults.rules = vec![Rule::on(Operation::MessageCreate, When::Always, Fault::before(trouble))];
    });
    let before = stage.twilio.requests();
    stage.send().await;
    assert_eq!(stage.state(tenant, id).await, State::Deferred, "{trouble:?}");
    stage.play(tenant, Duration::from_hours(3), Duration::from_mins(5)).await;
    let asked = stage.twilio.requests() - before;
    stage.twilio.change(|settings| settings.faults.rules.clear());
    stage.play(tenant, Duration::from_mins(75), Duration::from_mins(5)).await;
    asked
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_sender_or_something_in_between_refuses_is_kept_and_goes_out_once_it_is_mended() {
    let codes = [21212, 21606, 21705].map(Trouble::Code);
    let pages = [302, 400, 403, 407, 413, 451].map(Trouble::NotJson);
    for trouble in codes.into_iter().chain(pages) {
        let stage = Stage::new().await;
        let tenant = stage.tenant("sender", |_| ());
        let id = stage.create(&tenant, |_| ()).await;
        let asked = hours_of(&stage, &tenant, &id, trouble).await;
        assert!((4..=12).contains(&asked), "{trouble:?}: {asked} requests in three hours");
        assert_eq!((stage.state(&tenant, &id).await, stage.accepted(&id)), (State::Delivered, 1), "{trouble:?}");
        let counted = stage.counted();
        assert_eq!(counted["AccountTrouble"] as usize, asked, "{counted:?}");
        assert!(!counted.contains_key("Failed"), "{counted:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_whose_texts_have_no_sender_goes_on_calling() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("calls", |_| ());
    trouble(&stage, Some(21606));
    stage.create(&tenant, |_| ()).await;
    stage.send().await;
    stage.twilio.change(|settings| settings.faults.rules[0].operations = vec![Operation::MessageCreate]);
    let call = stage.create(&tenant, |created| created.channel = Channel::Voice).await;
    stage.send().await;
    assert_eq!(stage.accepted(&call), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_follows_a_text_that_has_no_sender() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("follows", |_| ());
    stage.twilio.change(|settings| {
        let gone = Fault::before(Trouble::Code(21606));
        settings.faults.rules = vec![Rule::on(Operation::MessageCreate, When::Always, gone)];
    });
    let text = stage.create(&tenant, |created| created.escalate_after_minutes = Some(15)).await;
    stage.minutes(&tenant, 20).await;
    let mut stories = stage.stories(&tenant).await;
    stories.retain(|story| story.id != text);
    let [call] = &stories[..] else { panic!("{stories:#?}") };
    assert_eq!(stage.accepted(&call.id), 1);
    assert_eq!(stage.state(&tenant, &text).await, State::Deferred);
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_the_account_may_not_reach_is_alone_in_not_being_reached_and_rings() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("abroad", |_| ());
    trouble(&stage, Some(21408));
    let abroad = stage.create(&tenant, |_| ()).await;
    stage.send().await;
    trouble(&stage, None);
    let next = stage.create(&tenant, |_| ()).await;
    stage.minutes(&tenant, 2).await;
    let standing = stage.standing(&tenant, &abroad).await;
    assert_eq!(standing.reason.as_deref(), Some("21408 texts to this country are not enabled"));
    assert_eq!((standing.state, stage.accepted(&next)), (State::Failed, 1));
    assert_eq!(stage.counted()["AccountTrouble"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carriers_block_rings_whether_a_callback_tells_of_it_or_the_sweep_asks() {
    for heard in [true, false] {
        let stage = Stage::new().await;
        let tenant = stage.tenant("blocked", |_| ());
        stage.callbacks.switch(heard);
        stage.twilio.change(|settings| {
            settings.undeliverable.insert(phone(0).e164().to_owned(), 30034);
            settings.undeliverable.insert(phone(1).e164().to_owned(), 30003);
        });
        for _ in 0..2 {
            stage.create(&tenant, |_| ()).await;
        }
        stage.minutes(&tenant, 15).await;
        let lines = stage.lines.lock().unwrap().join("\n");
        assert!(lines.contains(r#""AccountTrouble":1,"reason":"30034""#), "{heard}: {lines}");
        assert_eq!((stage.counted()["AccountTrouble"], stage.counted()["Failed"]), (1, 2), "{heard}");
    }
}
