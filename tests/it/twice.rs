//! Everything arrives twice: the same poll, the same batch, two batches at once. It lands once.

use crate::polling::{Clinic, event, query};
use crate::stage::Stage;
use crate::world::World;
use aws_lambda_events::event::dynamodb::Event;
use local::peoplesoft::Kind;
use serde_json::{Value, json};
use shared::clock::Clock;
use shared::metrics::Metrics;
use shared::tenant::{Tenants, store};
use std::sync::Arc;
use std::time::Duration;

/// Every record of the table's stream that may start an attempt, as Lambda would hand it over, made from the facts themselves.
async fn batch(world: &World) -> Value {
    let client = world.stack.ledger().client();
    let items = client
        .scan()
        .table_name(world.stack.ledger().table())
        .filter_expression("attribute_exists(start_attempt)")
        .send()
        .await
        .unwrap();
    let records: Vec<Value> = items
        .items()
        .iter()
        .enumerate()
        .map(|(number, item)| {
            let image: serde_json::Map<String, Value> = item.iter().map(|(name, value)| (name.clone(), dynamodb_json(value))).collect();
            json!({"eventID": number.to_string(), "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb", "awsRegion": "us-east-1",
                "dynamodb": {"ApproximateCreationDateTime": 0, "Keys": {"pk": image["pk"], "sk": image["sk"]}, "NewImage": image,
                    "SequenceNumber": format!("{number:021}"), "SizeBytes": 1, "StreamViewType": "NEW_IMAGE"}})
        })
        .collect();
    json!({"Records": records})
}

fn dynamodb_json(value: &aws_sdk_dynamodb::types::AttributeValue) -> Value {
    use aws_sdk_dynamodb::types::AttributeValue::{Bool, L, M, N, Null, S};
    match value {
        S(text) => json!({"S": text}),
        N(number) => json!({"N": number}),
        Bool(flag) => json!({"BOOL": flag}),
        Null(flag) => json!({"NULL": flag}),
        L(list) => json!({"L": list.iter().map(dynamodb_json).collect::<Vec<_>>()}),
        M(map) => {
            json!({"M": map.iter().map(|(name, value)| (name.clone(), dynamodb_json(value))).collect::<serde_json::Map<_, _>>()})
        }
        other => panic!("no fact holds {other:?}"),
    }
}

/// The send function as a second Lambda would run it: its own memory, the same world.
async fn second_send(world: &World) -> send::Deps {
    let environment = world.stack.environment();
    let endpoint = environment.iter().find(|(name, _)| *name == "AWS_ENDPOINT_URL_SECRETS_MANAGER").unwrap().1.clone();
    let secrets = aws_sdk_secretsmanager(&endpoint).await;
    let clock = Clock::system();
    send::Deps {
        ledger: world.stack.ledger().clone(),
        tenants: Arc::new(Tenants::new(
            secrets,
            shared::settings::TENANT_SECRET_PREFIX.to_owned(),
            clock.clone(),
            store::MAX_AGE,
        )),
        twilio: shared::twilio::Client::new(shared::twilio::Timeouts::default()).unwrap(),
        callback_base_url: world.stack.callback_base_url().to_owned(),
        metrics: Metrics::off(clock.clone()),
        timing: world.timing.clone(),
        clock,
        pace: send::pace::Pace::default(),
    }
}

async fn aws_sdk_secretsmanager(endpoint: &str) -> aws_sdk_secretsmanager::Client {
    aws_sdk_secretsmanager::Client::new(&local::stack::sdk_config(endpoint.to_owned()).await)
}

fn invocation(name: &str) -> send::Invocation {
    send::Invocation { request_id: name.to_owned(), until: jiff::Timestamp::MAX }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_poll_twice_appends_nothing_twice() {
    let world = World::of(60).await;
    let first = world.settle().await;
    let (polls, sent) = (world.stack.polls(|polls| polls.count), world.demo.twilio.accepted().len());
    // The overlap brings the same rows again with every poll.
    tokio::time::timeout(crate::world::TOO_LONG, async {
        while world.stack.polls(|polls| polls.count) < polls + 3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
    let second = world.settle().await;
    assert_eq!(second.stories.len(), first.stories.len());
    assert_eq!(world.demo.twilio.accepted().len(), sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_batch_twice_and_two_at_once_send_once() {
    let world = World::of(60).await;
    world.settle().await;
    let (requests, batch) = (world.demo.twilio.requests(), batch(&world).await);
    let (one, other) = (second_send(&world).await, second_send(&world).await);
    let (first_call, second_call) = (invocation("one"), invocation("other"));
    let event = || serde_json::from_value::<Event>(batch.clone()).unwrap();
    assert!(event().records.len() > 40);
    let (first, second) =
        tokio::join!(send::batch(&one, event(), &first_call), send::batch(&other, event(), &second_call));
    assert!(first.batch_item_failures.is_empty() && second.batch_item_failures.is_empty());
    assert_eq!(world.demo.twilio.requests(), requests, "an attempt was made again");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_senders_race_for_fresh_notifications_and_each_is_sent_once() {
    const COUNT: usize = 40;
    let stage = Stage::new().await;
    let tenant = stage.tenant("race", |_| ());
    let mut ids = Vec::new();
    for _ in 0..COUNT {
        ids.push(stage.create(&tenant, |_| ()).await);
    }
    // Nothing was handed over yet: both are given the same forty, in turns.
    let (records, one, other) = (stage.new_records(), stage.another_send(), stage.another_send());
    let failed = tokio::join!(stage.hand_over(&one, &records), stage.hand_over(&other, &records));
    assert_eq!((failed, stage.twilio.requests()), ((0, 0), COUNT));
    for id in &ids {
        assert_eq!(stage.accepted(id), 1);
    }
    assert!(stage.prove(&tenant).await.holds());
}

#[tokio::test]
async fn an_event_is_told_once_although_its_channel_changes_while_it_is_read_again() {
    for (first, then) in [("sms", "voice"), ("voice", "sms")] {
        let mut clinic = Clinic::open("2026-03-17T21:00:00Z", query(), |_, document| {
            document["events"][0]["channels"] = json!([first]);
        })
        .await;
        clinic.read().await;
        clinic.add(event("2026-03-17T16:00:30", "1", "told"));
        clinic.later(60);
        assert_eq!(clinic.read().await.created, 1);
        // In the overlap of a process that has just started.
        clinic.change(|document| document["events"][0]["channels"] = json!([then]));
        clinic.office.forget();
        clinic.add(event("2026-03-17T16:00:40", "2", "late"));
        let added = clinic.read().await;
        assert_eq!((added.created, added.known), (1, 1), "{first}, then {then}");
        let told: Vec<_> = clinic.created().await.into_iter().map(|created| created.channel.to_string()).collect();
        assert_eq!(told, [first, then]);
    }
}

#[tokio::test]
async fn what_was_told_by_another_key_is_held_for_somebody_to_look_at() {
    for dated in [false, true] {
        let mut query = query();
        for prompt in query.prompts.iter_mut().filter(|_| dated) {
            prompt.kind = Kind::Date;
        }
        let mut clinic = Clinic::open("2026-03-17T21:00:00Z", query, |_, document| {
            document["poll"]["start_at"] = json!("2026-03-17");
            if dated {
                document["events"][0]["prompt_format"] = json!("%Y-%m-%d");
            }
        })
        .await;
        for (second, who) in [(10, "1"), (20, "2")] {
            clinic.add(event(&format!("2026-03-17T15:59:{second}"), who, who));
        }
        assert_eq!(clinic.read().await.created, 2);
        clinic.change(|document| document["events"][0]["key"] = json!(["A.NO", "C.PHONE"]));
        clinic.office.forget();
        clinic.add(event("2026-03-17T16:04:00", "3", "news"));
        let added = clinic.read().await;
        assert_eq!((added.created, added.held), (3, 2), "by day: {dated}");
        assert!(clinic.created().await.iter().filter(|one| one.held).all(|one| one.key.len() == 2));
        // From then on it is the key as any other.
        clinic.add(event("2026-03-17T16:04:30", "4", "late"));
        clinic.later(60);
        let added = clinic.read().await;
        assert_eq!((added.created, added.held), (1, 0));
    }
}

#[tokio::test]
async fn a_source_that_comes_later_tells_what_happens_from_then_on() {
    let named = |name: &str, start_at: Value| {
        let name = name.to_owned();
        move |document: &mut Value| {
            document["events"][0]["source"] = json!(name);
            document["poll"]["start_at"] = start_at;
        }
    };
    let rows = [event("2026-03-17T15:30:00", "1", "one"), event("2026-03-17T15:59:00", "2", "two")];
    let clinic = Clinic::open("2026-03-17T21:00:00Z", query().with_rows(rows), |_, document| {
        document["poll"]["start_at"] = json!("2026-03-17");
    })
    .await;
    assert_eq!(clinic.read().await.created, 2);
    // Renamed, with the start that the tenant had from the first.
    clinic.change(named("renamed", json!("2026-03-17")));
    assert_eq!(clinic.read().await.created, 0);
    clinic.add(event("2026-03-17T16:05:30", "3", "three"));
    clinic.later(60);
    assert_eq!(clinic.read().await.created, 1);
    // A start that is later than anything the tenant was read for is meant for whatever comes now.
    clinic.change(named("again", json!("2026-03-17T21:05:15Z")));
    assert_eq!(clinic.read().await.created, 1);
}
