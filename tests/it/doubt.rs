//! Attempts in doubt: what Twilio took is found, by however many sweeps at once, and nothing that was found is sent again.

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use local::demo::Moods;
use shared::clock::Clock;
use shared::ledger::{Ledger, read::Consistency};
use shared::metrics::Metrics;
use shared::notification::{Attempt, Created, Detail, Fact, NotificationId, State};
use shared::phone::{Channel, PhoneNumber};
use shared::tenant::Tenant;
use shared::timing::Timing;
use shared::twilio::{Client, NewMessage, Timeouts};
use std::sync::Arc;

use crate::world::World;

/// A second poll function over the same ledger, whose clock says that patience is over.
fn late_poll(world: &World, now: Timestamp) -> poll::Deps {
    let ledger = world.stack.ledger();
    poll::Deps {
        ledger: Ledger::new(ledger.client().clone(), ledger.table().to_owned()),
        tenants: Arc::clone(world.stack.tenants()),
        twilio: Client::new(Timeouts::default()).unwrap(),
        clock: Clock::from_fn(move || now),
        timing: Timing::default(),
        metrics: Metrics::off(Clock::system()),
        memory: poll::Memory::default(),
    }
}

/// A text whose attempt was claimed long ago and has no outcome, as if the sender had died.
async fn doubtful(
    world: &World,
    tenant: &Tenant,
    number: usize,
    body: &str,
    claimed: Timestamp,
) -> (NotificationId, PhoneNumber) {
    let employee = format!("D{number:04}");
    let to = PhoneNumber::try_from(format!("+1312555{number:04}")).unwrap();
    let key = vec![number.to_string()];
    let id = NotificationId::of(&tenant.id, &employee, "doubt", &key, Channel::Sms);
    let created = Created {
        employee_id: employee,
        source: "doubt".to_owned(),
        kind: "custom".to_owned(),
        key,
        channel: Channel::Sms,
        occurred_at: claimed,
        to: Some(to.clone()),
        body: Some(body.to_owned()),
        language: None,
        time_zone: None,
        not_before: None,
        expires_at: claimed.checked_add(SignedDuration::from_hours(24)).unwrap(),
        urgent: false,
        held: false,
        suppressed: None,
        escalate_after_minutes: None,
        escalates: None,
    };
    let deadline = claimed.checked_add(SignedDuration::from_secs(60)).unwrap();
    let attempt = Attempt { attempt: 1, deadline, request_id: "died".to_owned() };
    let ledger = world.stack.ledger();
    // Without a start, so that the running stack leaves it alone.
    ledger.append(tenant, &id, &Fact::new(claimed, Detail::Created(Box::new(created))).due(claimed)).await.unwrap();
    ledger.append(tenant, &id, &Fact::new(claimed, Detail::Attempt(attempt))).await.unwrap();
    (id, to)
}

#[tokio::test(flavor = "multi_thread")]
async fn sweeps_at_once_find_what_twilio_took_and_release_nothing() {
    let world = World::start(Moods { staff: 2, ..Moods::default() }).await;
    world.settle().await;
    let tenant = world.stack.tenants().get(&world.tenant()).await.unwrap().unwrap();
    // Twilio stamps what it takes with the present; patience is over an hour from now.
    let claimed = world.clock.now();
    let twilio = Client::new(Timeouts::default()).unwrap();
    let mut ids = Vec::new();
    for number in 0..20 {
        // Every pair says the same to two people, and every fifth text never reached Twilio.
        let body = format!("Text {}", number / 2);
        let (id, to) = doubtful(&world, &tenant, number, &body, claimed).await;
        let taken = number % 5 != 0;
        if taken {
            let message = NewMessage { to: &to, body: &body, status_callback: "", validity_seconds: 600 };
            twilio.create_message(&tenant.twilio, &message).await;
        }
        ids.push((id, taken));
    }
    let now = claimed.checked_add(SignedDuration::from_hours(1)).unwrap();
    let until = now.checked_add(SignedDuration::from_mins(10)).unwrap();
    let polls: Vec<_> = (0..3).map(|_| late_poll(&world, now)).collect();
    for swept in join_all(polls.iter().map(|poll| poll::sweep::sweep(poll, &tenant, until))).await {
        assert_eq!(swept.failed, 0);
    }
    for (id, taken) in ids {
        let story = world.stack.ledger().story(&tenant.id, &id, Consistency::Strong).await.unwrap();
        let released = !story.releases().is_empty();
        let accepted = story.tried()[&1].is_accepted();
        assert_eq!((accepted, released), (taken, !taken), "{story:#?}");
        if taken {
            assert!(matches!(story.standing(now).state, State::Accepted | State::Delivered));
        }
    }
}
