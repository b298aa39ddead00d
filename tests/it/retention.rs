//! Retention: what the table's time-to-live may remove, and when. Never what may still be acted on, never a fact before the one
//! that it follows, and never what somebody said about being contacted.

use crate::stage::{Stage, phone};
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use shared::ledger::consent::Said;
use shared::ledger::table;
use shared::notification::State;
use shared::phone::Channel;
use shared::tenant::TenantId;
use std::time::Duration;

/// Keeps facts for a day; its notifications may wait for three.
fn forgetful(stage: &Stage) -> TenantId {
    stage.tenant("forgetful", |document| {
        document["retention_days"] = json!(1);
        document["contacts"] = json!({"query": "ML_CONTACTS",
            "columns": {"employee_id": "A.EMPLID", "name": "B.NAME_DISPLAY", "phone": "C.PHONE"}});
        document["events"] = json!([{"source": "stage", "kind": "payroll_posted", "query": "ML_PAYROLL_POSTED",
            "expires_after_minutes": 3 * 24 * 60}]);
    })
}

/// Sort keys of all items but cursors, and when each may be removed.
async fn kept(stage: &Stage) -> Vec<(String, Option<Timestamp>)> {
    let items = stage.ledger.client().scan().table_name(stage.ledger.table()).send().await.unwrap().items.unwrap();
    let text = |value: Option<&AttributeValue>| value.and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
    let until = |value: Option<&AttributeValue>| {
        let seconds = value?.as_n().ok()?.parse().unwrap();
        Some(Timestamp::from_second(seconds).unwrap())
    };
    let items = items.iter().filter(|item| !text(item.get(table::PK)).ends_with("#cursor"));
    items.map(|item| (text(item.get(table::SK)), until(item.get(table::RETAIN_UNTIL)))).collect()
}

/// Removes what may be removed, as DynamoDB does in its own time.
async fn remove_what_is_over(stage: &Stage) {
    let now = AttributeValue::N(stage.time.now().as_second().to_string());
    let client = stage.ledger.client();
    let over = client.scan().table_name(stage.ledger.table()).filter_expression("retain_until <= :now");
    let over = over.expression_attribute_values(":now", now).send().await.unwrap().items.unwrap();
    for mut item in over {
        let delete = client.delete_item().table_name(stage.ledger.table());
        let (pk, sk) = (item.remove(table::PK).unwrap(), item.remove(table::SK).unwrap());
        delete.key(table::PK, pk).key(table::SK, sk).send().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_longer_than_facts_are_kept_is_there_when_its_time_comes() {
    let stage = Stage::new().await;
    let tenant = forgetful(&stage);
    let start = stage.time.now() + SignedDuration::from_hours(45 * 24);
    let id = stage.create(&tenant, |created| {
        created.not_before = Some(start);
        created.expires_at = start + SignedDuration::from_hours(72);
    });
    let id = id.await;
    for _ in 0..44 {
        stage.time.pass(Duration::from_hours(24));
        remove_what_is_over(&stage).await;
    }
    // And when it came, the account is in trouble for two days.
    stage.twilio.change(|settings| {
        let unpaid = local::twilio::Fault::before(local::twilio::Trouble::Code(20005));
        settings.faults.rules = vec![local::twilio::Rule::on_create(local::twilio::When::Always, unpaid)];
    });
    for _ in 0..72 {
        stage.play(&tenant, Duration::from_hours(1), Duration::from_mins(30)).await;
        remove_what_is_over(&stage).await;
    }
    assert_eq!(stage.state(&tenant, &id).await, State::Deferred);
    stage.twilio.change(|settings| settings.faults.rules.clear());
    stage.play(&tenant, Duration::from_hours(2), Duration::from_mins(30)).await;
    assert_eq!((stage.state(&tenant, &id).await, stage.accepted(&id)), (State::Delivered, 1));
    // Whatever is removed first, no notification is left that looks as if it had never been sent.
    let items = kept(&stage).await;
    let (_, created) = items.iter().find(|(sk, _)| sk.ends_with("#created")).unwrap();
    assert!(items.iter().all(|(_, until)| until >= created), "{items:#?}");
    stage.time.pass(Duration::from_hours(24 * 9));
    remove_what_is_over(&stage).await;
    assert_eq!(kept(&stage).await, []);
}

/// Told at once, or only after the sweep let it go: of what is left of it on any day nothing looks unsent.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_removed_before_the_beginning_of_its_story() {
    let stage = Stage::new().await;
    let tenant = forgetful(&stage);
    let lost = stage.create(&tenant, |_| ()).await;
    stage.new_records();
    let told = stage.create(&tenant, |_| ()).await;
    stage.play(&tenant, Duration::from_mins(40), Duration::from_mins(5)).await;
    for id in [told, lost] {
        assert_eq!(stage.state(&tenant, &id).await, State::Delivered);
        let items = kept(&stage).await;
        let of_it: Vec<_> = items.iter().filter(|(sk, _)| sk.starts_with(id.event())).collect();
        let until = |key: &str| of_it.iter().find(|(sk, _)| sk.ends_with(key)).unwrap().1.unwrap();
        assert!(of_it.iter().all(|(_, other)| *other >= Some(until("#created"))), "{of_it:#?}");
        // Nor does what an operator, or the sweep, lets go outlive what came of it.
        for (release, attempt) in of_it.iter().filter_map(|(sk, at)| Some((sk.split_once("#release")?.1, at))) {
            assert!(Some(until(&format!("#attempt{release}"))) >= *attempt, "{of_it:#?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_opted_out_is_never_forgotten_and_an_old_start_is_never_new() {
    let stage = Stage::new().await;
    let tenant = forgetful(&stage);
    let (stopped, blocked, back) = (phone(820), phone(821), phone(822));
    let document = stage.document(&tenant).await;
    stage.texts(&tenant, &stopped, "STOP").await;
    stage.texts(&tenant, &back, "START").await;
    stage.texts(&tenant, &back, "Thanks!").await;
    stage.ledger.append_consent(&document, &blocked, Said::Blocked, stage.time.now(), "refused").await.unwrap();
    stage.time.pass(Duration::from_hours(24 * 400));
    remove_what_is_over(&stage).await;
    assert_eq!(kept(&stage).await.len(), 3, "an ordinary text may go");
    assert!(kept(&stage).await.iter().all(|(_, until)| until.is_none()));
    for to in [&stopped, &blocked] {
        let call = stage.create(&tenant, |created| {
            created.to = Some(to.clone());
            created.channel = Channel::Voice;
        });
        let call = call.await;
        stage.send().await;
        assert_eq!((stage.state(&tenant, &call).await, stage.accepted(&call)), (State::Suppressed, 0));
    }
}
