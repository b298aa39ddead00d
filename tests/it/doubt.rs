//! Attempts in doubt: what Twilio took is found, by however many sweeps at once, and nothing that was found is sent again.

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use local::demo::Moods;
use local::twilio::{BodyShown, Fault, Operation, Rule, Trouble, When};
use shared::clock::Clock;
use shared::ledger::{Ledger, read::Consistency};
use shared::metrics::Metrics;
use shared::notification::{Attempt, Created, Detail, Fact, NotificationId, Outcome, State};
use shared::phone::{Channel, PhoneNumber};
use shared::timing::Timing;
use shared::twilio::{Client, NewMessage, Reply, Timeouts};
use std::sync::Arc;

use crate::stage::{Stage, phone};
use crate::world::World;
use http::{HeaderMap, Uri};
use shared::tenant::{Tenant, TenantId};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Notify;

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
            let reply = twilio.create_message(&tenant.twilio, &message).await;
            assert!(matches!(reply, Reply::Accepted(_)), "{reply:?}");
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

/// A text whose answer and callbacks are lost. Twilio took it, or never saw it.
async fn unheard(stage: &Stage, tenant: &TenantId, fault: Fault, change: impl FnOnce(&mut Created)) -> NotificationId {
    stage.callbacks.switch(false);
    let id = stage.create(tenant, change).await;
    stage.twilio.change(|settings| settings.faults.rules = vec![Rule::on_create(When::Always, fault)]);
    stage.send().await;
    stage.twilio.idle().await;
    stage.twilio.change(|settings| settings.faults.rules.clear());
    stage.callbacks.switch(true);
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn where_twilios_list_can_not_be_read_for_a_day_nothing_is_sent_again_and_a_person_decides() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("unread", |_| ());
    let id = unheard(&stage, &tenant, Fault::before(Trouble::Reset), |created| {
        created.expires_at = created.occurred_at + SignedDuration::from_mins(90);
    });
    let id = id.await;
    let unread = Rule::on(Operation::MessageList, When::Always, Fault::before(Trouble::Status(500)));
    stage.twilio.change(|settings| settings.faults.rules = vec![unread]);
    let mut looks = 0;
    for hour in 1..=23 {
        stage.play(&tenant, Duration::from_hours(1), Duration::from_mins(5)).await;
        // In every hour: that is what keeps an alarm going.
        let now = stage.story(&tenant, &id).await.looks().len();
        assert!(now > looks, "no look in hour {hour}");
        looks = now;
    }
    assert!(looks < 60, "{looks} looks");
    assert_eq!(stage.counted()["InDoubt"] as usize, looks + 1);
    assert_eq!(stage.state(&tenant, &id).await, State::InDoubt);
    stage.play(&tenant, Duration::from_hours(26), Duration::from_mins(10)).await;
    let standing = stage.standing(&tenant, &id).await;
    let why = "Twilio's list could not be read, or did not decide it";
    assert_eq!((standing.state, standing.reason.as_deref()), (State::Unconfirmed, Some(why)));
    assert!(stage.story(&tenant, &id).await.looks().len() < looks + 4);
    assert_eq!((stage.twilio.requests(), stage.counted()["Unconfirmed"]), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_whose_sender_died_is_counted_as_in_doubt() {
    let stage = Stage::new().await;
    let tenant = stage.tenant("died", |_| ());
    let id = stage.create(&tenant, |_| ()).await;
    stage.new_records();
    let deadline = stage.time.now() + SignedDuration::from_secs(60);
    stage.append(&tenant, &id, Detail::Attempt(Attempt { attempt: 1, deadline, request_id: "died".to_owned() })).await;
    stage.time.pass(Duration::from_mins(11));
    stage.sweep(&tenant).await;
    assert_eq!(stage.counted()["InDoubt"], 1);
}

const WITHOUT_WORDS: [BodyShown; 2] = [BodyShown::Null, BodyShown::Empty];

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_found_although_twilio_shows_its_words_altered_or_not_at_all() {
    use BodyShown::{AfterTrialNotice, AsSent, Empty, Null, SmartEncoded};
    for shown in [AsSent, AfterTrialNotice, SmartEncoded, Null, Empty] {
        let stage = Stage::new().await;
        let tenant = stage.tenant("shown", |_| ());
        stage.twilio.change(|settings| settings.body_shown = shown);
        let id = unheard(&stage, &tenant, Fault::after_accepting(Trouble::Reset), |created| {
            created.body = Some("“Café” — your shift’s at\u{a0}8…".to_owned());
        });
        let id = id.await;
        stage.minutes(&tenant, 60).await;
        assert_eq!((stage.state(&tenant, &id).await, stage.accepted(&id)), (State::Delivered, 1), "{shown:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_texts_without_words_what_is_somebody_elses_is_not_taken_for_ones_own() {
    for shown in WITHOUT_WORDS {
        let stage = Stage::new().await;
        let tenant = stage.tenant("others", |_| ());
        stage.twilio.change(|settings| settings.body_shown = shown);
        let (early, near) = (phone(700), |created: &mut Created| created.to = Some(phone(700)));
        // One of an hour before, one of the same moment that Twilio has answered for, and one that never reached it.
        let before = stage.create(&tenant, |created| created.to = Some(early)).await;
        stage.send().await;
        stage.time.pass(Duration::from_hours(1));
        let beside = stage.create(&tenant, near).await;
        stage.send().await;
        let lost = unheard(&stage, &tenant, Fault::before(Trouble::Reset), near).await;
        stage.minutes(&tenant, 60).await;
        for id in [&before, &beside, &lost] {
            assert_eq!((stage.state(&tenant, id).await, stage.accepted(id)), (State::Delivered, 1), "{shown:?}");
        }
        let story = stage.story(&tenant, &lost).await;
        assert_eq!(story.tried()[&1].outcome, Some(&Outcome::PresumedLost), "{shown:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_in_doubt_to_one_number_a_text_without_words_is_the_nearer_ones() {
    let (taken, lost) = (Fault::after_accepting(Trouble::Reset), Fault::before(Trouble::Reset));
    for shown in WITHOUT_WORDS {
        for faults in [[taken, lost], [lost, taken]] {
            let stage = Stage::new().await;
            let tenant = stage.tenant("nearer", |_| ());
            stage.twilio.change(|settings| settings.body_shown = shown);
            let mut ids = Vec::new();
            for fault in faults {
                ids.push(unheard(&stage, &tenant, fault, |created| created.to = Some(phone(700))).await);
                stage.time.pass(Duration::from_secs(20));
            }
            stage.minutes(&tenant, 60).await;
            for id in &ids {
                assert_eq!((stage.state(&tenant, id).await, stage.accepted(id)), (State::Delivered, 1), "{faults:?}");
            }
        }
    }
}

/// Stands in front of Twilio, where it shows its lists: tells who comes, and lets them in when it is opened.
struct Gate {
    url: String,
    came: Arc<Notify>,
    open: Arc<Notify>,
}

impl Gate {
    async fn in_front_of(twilio: String) -> Self {
        let (listener, client) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), reqwest::Client::new());
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (came, open) = (Arc::<Notify>::default(), Arc::<Notify>::default());
        let (comes, opens) = (Arc::clone(&came), Arc::clone(&open));
        let pass = move |uri: Uri, headers: HeaderMap| {
            let (request, opens) = (client.get(format!("{twilio}{uri}")).headers(headers), Arc::clone(&opens));
            comes.notify_one();
            async move {
                opens.notified().await;
                request.send().await.unwrap().text().await.unwrap()
            }
        };
        tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(pass)).await.unwrap() });
        Self { url, came, open }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_that_comes_late_takes_no_text_that_was_sent_meanwhile_for_the_lost_one() {
    let mut stage = Stage::new().await;
    // So short that what is sent again lies within what the lost attempt could have asked for.
    stage.timing = Timing::with_patience(Duration::from_secs(2));
    stage.restart();
    let tenant = stage.tenant("late", |_| ());
    let id = unheard(&stage, &tenant, Fault::before(Trouble::Reset), |_| ()).await;
    stage.time.pass(Duration::from_secs(10));
    let gate = Gate::in_front_of(stage.twilio.base_url().to_owned()).await;
    let (late, mut document) = (stage.another_poll(), Tenant::clone(&*stage.document(&tenant).await));
    document.twilio.api_base_url.clone_from(&gate.url);
    let until = stage.time.now() + SignedDuration::from_mins(2);
    let others = async {
        gate.came.notified().await;
        stage.sweep(&tenant).await;
        stage.send().await;
        stage.twilio.idle().await;
        gate.open.notify_one();
    };
    tokio::join!(poll::sweep::sweep(&late, &document, until), others);
    let story = stage.story(&tenant, &id).await;
    let tried = story.tried();
    assert_eq!(tried[&1].outcome, Some(&Outcome::PresumedLost));
    assert_eq!((tried[&1].is_accepted(), tried[&2].is_accepted()), (false, true), "{story:#?}");
    assert_eq!((stage.state(&tenant, &id).await, stage.accepted(&id)), (State::Delivered, 1));
}
