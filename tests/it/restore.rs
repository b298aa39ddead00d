//! A ledger that was restored to a point in time, and put into service as the runbook says where nothing could be carried over.

use crate::stage::Stage;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use shared::ledger::table;
use shared::notification::{NotificationId, State};
use std::time::Duration;

/// Loses all facts of a notification but its beginning, as if they had come after the restore point.
async fn forget(stage: &Stage, tenant: &shared::tenant::TenantId, id: &NotificationId) {
    let story = stage.story(tenant, id).await;
    for fact in story.facts.iter().filter(|fact| fact.name() != "created") {
        let delete = stage.ledger.client().delete_item().table_name(stage.ledger.table());
        let delete = delete.key(table::PK, AttributeValue::S(table::employee_pk(tenant, id.employee())));
        delete.key(table::SK, AttributeValue::S(format!("{}#{}", id.event(), fact.key()))).send().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_restored_ledger_has_forgotten_is_not_told_again_by_way_of_dry_run() {
    let mut stage = Stage::new().await;
    let step = Duration::from_mins(5);
    let tenant = stage.tenant("restored", |_| ());
    let told = stage.create(&tenant, |_| ()).await;
    stage.play(&tenant, step, step).await;
    assert_eq!((stage.state(&tenant, &told).await, stage.accepted(&told)), (State::Delivered, 1));
    forget(&stage, &tenant, &told).await;

    stage.tenant("restored", |document| document["mode"] = json!("dry_run"));
    stage.restart();
    stage.play(&tenant, 4 * step, step).await;
    assert_eq!((stage.state(&tenant, &told).await, stage.accepted(&told)), (State::DryRun, 1));

    stage.tenant("restored", |_| ());
    let next = stage.create(&tenant, |_| ()).await;
    stage.play(&tenant, 4 * step, step).await;
    assert_eq!((stage.state(&tenant, &told).await, stage.accepted(&told)), (State::DryRun, 1));
    assert_eq!((stage.state(&tenant, &next).await, stage.accepted(&next)), (State::Delivered, 1));
}
