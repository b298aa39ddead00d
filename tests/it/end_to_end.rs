//! From PeopleSoft to the phone and back: everybody gets one text or a reason.

use crate::world::World;
use aws_sdk_dynamodb::types::AttributeValue;
use local::demo::Moods;
use local::peoplesoft::demo::Expected;
use shared::ledger::table;
use shared::notification::{EmployeeKey, State};
use std::collections::BTreeMap;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_employees_get_one_text_each_or_a_reason() {
    let world = World::of(300).await;
    let progress = world.settle().await;
    let proof = world.prove(&progress);
    assert!(proof.holds(), "{proof:?}");
    let payroll: Vec<_> =
        progress.stories.iter().filter(|(_, story)| story.created().unwrap().source == "payroll").collect();
    assert_eq!(payroll.len(), 300);
    // What the hospital's own list of phones and wishes says, person by person.
    let zone = jiff::tz::TimeZone::get("America/Chicago").unwrap();
    let expected = local::peoplesoft::demo::hospital(Moods::default().seed, 300, world.clock.now(), &zone).expectations;
    let expected: BTreeMap<EmployeeKey, _> = expected
        .into_iter()
        .filter(|one| one.source == "payroll")
        .map(|one| (EmployeeKey::of(&world.tenant(), &one.employee_id), one.outcome))
        .collect();
    let accepted: BTreeMap<String, String> =
        world.demo.twilio.accepted().into_iter().map(|message| (message.notification.unwrap(), message.to)).collect();
    for (_, story) in payroll {
        let standing = story.standing(world.clock.now());
        match &expected[story.id.employee()] {
            Expected::Reaches { to, .. } => {
                assert_eq!(standing.state, State::Delivered, "{story:?}");
                assert_eq!(&accepted[&story.id.to_string()], to);
            }
            Expected::Suppressed(reason) => {
                assert_eq!(
                    (standing.state, standing.reason.as_deref()),
                    (State::Suppressed, Some(*reason)),
                    "{story:?}"
                );
                assert!(!accepted.contains_key(&story.id.to_string()));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_is_no_fact_ends_no_run_and_is_told() {
    let world = World::of(10).await;
    let before = world.settle().await;
    assert!(before.odd.is_empty());
    let (tenant, story) = &before.stories[0];
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let ledger = world.stack.ledger();
    let put = ledger.client().put_item().table_name(ledger.table()).item("fact", text("something new"));
    let put = put.item(table::PK, text(&table::employee_pk(tenant, story.id.employee())));
    put.item(table::SK, text(&format!("{}#look#077", story.id.event()))).send().await.unwrap();
    let after = world.settle().await;
    assert_eq!((after.odd.len(), after.stories.len()), (1, before.stories.len()));
}

#[tokio::test(flavor = "multi_thread")]
async fn on_twilios_bad_day_still_nobody_is_texted_twice_or_forgotten() {
    let world = World::start(Moods { staff: 150, chaos: true, latency: Duration::ZERO, seed: 7 }).await;
    let progress = world.settle().await;
    let proof = world.prove(&progress);
    assert!(proof.holds(), "{proof:?}");
    let states = crate::world::states(&progress, world.clock.now());
    assert!(states.keys().all(|state| matches!(state, State::Delivered | State::Suppressed)), "{states:?}");
    assert!(world.demo.twilio.requests() > proof.at_twilio, "the bad day was a good one: nothing was ever refused");
}
