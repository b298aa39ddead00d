//! Texts that are alike: the same words to the same number, of which Twilio's list can't tell whose is which. Everybody gets as
//! many as they are owed, whichever was taken for which.

use crate::stage::{Stage, phone};
use futures::future::join_all;
use jiff::SignedDuration;
use local::twilio::{Fault, Rule, Trouble, When};
use serde_json::json;
use shared::notification::{Attempt, Created, Detail, Disowned, Fact, NotificationId, Outcome, State};
use shared::tenant::TenantId;
use shared::twilio::NewMessage;
use std::time::Duration;

fn alike(created: &mut Created) {
    created.to = Some(phone(700));
    created.body = Some("Your shift has changed.".to_owned());
}

/// A text whose sender died right after it had claimed the attempt.
async fn claimed(stage: &Stage, tenant: &TenantId) -> NotificationId {
    let id = stage.create(tenant, alike).await;
    stage.new_records(); // nobody else is to start it
    let deadline = stage.time.now() + SignedDuration::from_secs(60);
    stage.append(tenant, &id, Detail::Attempt(Attempt { attempt: 1, deadline, request_id: "died".to_owned() })).await;
    id
}

/// Twilio takes such a text, from whomever; answers its sid.
async fn taken(stage: &Stage, tenant: &TenantId) -> String {
    let (to, document) = (phone(700), stage.document(tenant).await);
    let message = NewMessage { to: &to, body: "Your shift has changed.", status_callback: "", validity_seconds: 600 };
    stage.send.twilio.create_message(&document.twilio, &message).await;
    stage.twilio.accepted().last().unwrap().sid.clone()
}

async fn sids(stage: &Stage, tenant: &TenantId, id: &NotificationId) -> Vec<String> {
    let story = stage.story(tenant, id).await;
    story.tried()[&1].sids().into_iter().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_an_attempts_if_it_appeared_from_a_minute_before_its_claim_to_a_minute_after_its_deadline() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("edges", |_| ());
    // When the message appears, in seconds after the claim.
    for (appears, expect) in [(-61, false), (-60, true), (0, true), (120, true), (121, false)] {
        let mut found = None;
        let mut id = None;
        for second in -61..=121 {
            if second == appears {
                found = Some(taken(&stage, &tenant).await);
            }
            if second == 0 {
                id = Some(claimed(&stage, &tenant).await);
            }
            stage.time.pass(Duration::from_secs(1));
        }
        let (id, found) = (id.unwrap(), found.unwrap());
        stage.time.pass(Duration::from_mins(10));
        stage.sweep(&tenant).await;
        assert_eq!(sids(&stage, &tenant, &id).await == [found], expect, "{appears} s after the claim");
        stage.time.pass(Duration::from_hours(3)); // out of reach of the next
        stage.sweep(&tenant).await;
        stage.new_records();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_in_doubt_each_gets_the_message_that_is_nearest_to_its_claim_whoever_looks_first() {
    for list in [[true, true], [false, true], [true, false]] {
        let stage = Stage::new().await;
        let tenant = stage.tenant("near", |_| ());
        let mut ids = Vec::new();
        let mut expect = Vec::new();
        for is_taken in list {
            ids.push(claimed(&stage, &tenant).await);
            stage.time.pass(Duration::from_secs(2));
            expect.push(if is_taken { vec![taken(&stage, &tenant).await] } else { Vec::new() });
            stage.time.pass(Duration::from_secs(38)); // well within what the clocks may differ by
        }
        for _ in 0..4 {
            stage.time.pass(Duration::from_mins(6));
            stage.sweep(&tenant).await;
        }
        for (id, expect) in ids.iter().zip(&expect) {
            assert_eq!(sids(&stage, &tenant, id).await, *expect, "{list:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_attempts_at_the_same_time_only_one_gets_the_one_message_however_many_sweeps_there_are() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("one", |_| ());
    let ids = [claimed(&stage, &tenant).await, claimed(&stage, &tenant).await];
    taken(&stage, &tenant).await;
    let polls = [stage.another_poll(), stage.another_poll(), stage.another_poll()];
    for _ in 0..6 {
        stage.time.pass(Duration::from_mins(8));
        let swept = join_all(polls.iter().map(|poll| stage.sweep_by(poll, &tenant))).await;
        assert!(swept.iter().all(|swept| swept.failed == 0), "{swept:?}");
    }
    let mut accepted = 0;
    for id in &ids {
        let story = stage.story(&tenant, id).await;
        let is_accepted = story.tried()[&1].is_accepted();
        assert_ne!(is_accepted, !story.releases().is_empty(), "{story:#?}");
        accepted += usize::from(is_accepted);
    }
    assert_eq!(accepted, 1, "one message at Twilio is one attempt's");
}

/// Two texts that are alike, of which Twilio took one; its answer and its callbacks were lost. Answers which, the other, and the
/// sid. `first` says which of the two it is, by their ids: of what can't be told apart, one looks first.
async fn two(stage: &Stage, tenant: &TenantId, first: bool) -> (NotificationId, NotificationId, String) {
    let mut ids = [stage.create(tenant, alike).await, stage.create(tenant, alike).await];
    ids.sort();
    let [taken, other] = if first { [0, 1] } else { [1, 0] }.map(|index| ids[index].clone());
    stage.callbacks.switch(false);
    let records = stage.new_records();
    for (id, fault) in [(&taken, Fault::after_accepting(Trouble::Reset)), (&other, Fault::before(Trouble::Reset))] {
        stage.twilio.change(|settings| settings.faults.rules = vec![Rule::on_create(When::Always, fault)]);
        let mut own = records.clone();
        own["Records"].as_array_mut().unwrap().retain(|record| {
            let keys = &record["dynamodb"]["Keys"];
            keys["sk"]["S"].as_str().unwrap().starts_with(id.event())
                && keys["pk"]["S"].as_str().unwrap().ends_with(id.employee().as_str())
        });
        assert_eq!(stage.hand_over(&stage.send, &own).await, 0);
    }
    stage.twilio.idle().await;
    stage.twilio.change(|settings| settings.faults.rules.clear());
    stage.callbacks.switch(true);
    let [message] = &stage.twilio.accepted()[..] else { panic!("Twilio took one") };
    assert_eq!(message.notification, Some(taken.to_string()));
    (taken, other, message.sid.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_for_the_wrong_ones_is_given_back_when_a_callback_tells_and_nobody_is_forgotten() {
    for first in [true, false] {
        for minutes in [11, 21, 31] {
            let stage = Stage::new().await;
            let tenant = stage.tenant("mixed", |_| ());
            let (taken, other, sid) = two(&stage, &tenant, first).await;
            // The stream stands still meanwhile, so that what is released has not started.
            for _ in 0..minutes {
                stage.time.pass(Duration::from_mins(1));
                stage.sweep(&tenant).await;
            }
            assert_eq!(stage.report(&tenant, &taken, 1, (&sid, "delivered"), &[]).await, 204);
            stage.minutes(&tenant, 60).await;
            let given_back = |fact: &Fact| matches!(fact.detail, Detail::Disowned(_));
            assert_eq!(stage.story(&tenant, &other).await.facts.iter().any(given_back), !first, "{minutes}");
            for id in [&taken, &other] {
                assert_eq!(stage.state(&tenant, id).await, State::Delivered, "{first} {minutes}");
                assert_eq!(stage.accepted(id), 1, "{first} {minutes}: {:#?}", stage.story(&tenant, id).await);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn once_both_were_texted_a_callback_that_tells_them_apart_texts_nobody_again() {
    for first in [true, false] {
        let stage = Stage::new().await;
        let tenant = stage.tenant("both", |_| ());
        let (taken, other, sid) = two(&stage, &tenant, first).await;
        stage.minutes(&tenant, 60).await;
        assert_eq!(stage.twilio.accepted().len(), 2, "one was found, one was sent again");
        assert_eq!(stage.report(&tenant, &taken, 1, (&sid, "delivered"), &[]).await, 204);
        stage.minutes(&tenant, 26 * 60).await;
        assert_eq!(stage.twilio.accepted().len(), 2, "somebody got a third");
        for id in [&taken, &other] {
            assert_eq!(stage.state(&tenant, id).await, State::Delivered);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn under_hold_the_one_that_turns_out_not_to_be_sent_is_unconfirmed() {
    for first in [true, false] {
        let stage = Stage::new().await;
        let tenant = stage.tenant("hold", |document| document["on_doubt"] = json!({"sms": "hold"}));
        let (taken, other, sid) = two(&stage, &tenant, first).await;
        stage.minutes(&tenant, 60).await;
        assert_eq!(stage.report(&tenant, &taken, 1, (&sid, "delivered"), &[]).await, 204);
        stage.minutes(&tenant, 26 * 60).await;
        let standing = stage.standing(&tenant, &other).await;
        assert_eq!(
            (stage.state(&tenant, &taken).await, standing.state),
            (State::Delivered, State::Unconfirmed),
            "{first}"
        );
        assert_eq!(stage.twilio.accepted().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_number_it_is_of_everybody_who_was_texted_lately_is_asked_once() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("many", |_| ());
    stage.twilio.change(|settings| settings.steps = Duration::from_hours(9)..=Duration::from_hours(9));
    stage.create(&tenant, alike).await; // Twilio has it, so the list shows it for good
    for _ in 0..100 {
        stage.create(&tenant, |_| ()).await;
    }
    stage.send().await;
    claimed(&stage, &tenant).await;
    let mut read = Vec::new();
    for _ in 0..2 {
        stage.time.pass(Duration::from_mins(11));
        let (_, before) = stage.poll.ledger.used_units();
        assert_eq!(stage.sweep(&tenant).await.failed, 0);
        let (_, after) = stage.poll.ledger.used_units();
        read.push(after - before);
    }
    // The first sweep also looks at all of them.
    assert!(read[0] > 100.0 && read[1] < 30.0, "{read:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn twilios_own_answer_is_never_taken_back() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("own", |_| ());
    let id = stage.create(&tenant, alike).await;
    stage.minutes(&tenant, 1).await;
    let sid = sids(&stage, &tenant, &id).await.remove(0);
    let before = stage.standing(&tenant, &id).await;
    let disowned = Disowned { attempt: 1, sid: sid.clone(), holder: id.clone() };
    stage.append(&tenant, &id, Detail::Disowned(disowned)).await;
    assert_eq!(stage.standing(&tenant, &id).await, before);
    let story = stage.story(&tenant, &id).await;
    assert!(matches!(story.tried()[&1].outcome, Some(Outcome::Accepted { .. })));
}
