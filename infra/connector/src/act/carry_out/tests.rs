use super::*;
use crate::samples::*;
use crate::world::World;
use shared::notification::{ClosedReason, State, Story};

async fn errand(world: &World, verb: Verb, by: &str) -> Result<Plan, NotDone> {
    let tenant = tenant();
    let errand = Errand { ledger: world.ledger(), tenant: &tenant, verb, by, why: "the carrier was down" };
    errand.carry_out(&id(), world.deps.clock.now()).await
}

fn last(story: &Story, name: &str) -> Fact {
    story.facts.iter().rfind(|fact| fact.name() == name).cloned().unwrap()
}

#[tokio::test]
async fn a_replay_lets_the_next_attempt_start_and_says_who_and_why() {
    let world = World::start(at("22:00:00")).await;
    world.append(&id(), vec![began(), attempt(1, "21:42:08"), refused(1, "21:42:09")]).await;
    errand(&world, Verb::Replay, "ada").await.unwrap();
    let story = world.story(&id()).await;
    let fact = last(&story, "release");
    assert_eq!((fact.start_attempt, fact.due_at), (Some(2), Some(at("22:10:00"))));
    let Detail::Release(release) = &fact.detail else { panic!("{fact:?}") };
    assert_eq!((release.by.as_deref(), release.why.as_str()), (Some("ada"), "the carrier was down"));
    assert_eq!(release.expires_at, Some("2026-03-18T22:00:00Z".parse().unwrap()));
    assert_eq!(story.standing(at("22:00:01")).state, State::Pending);
    // Once is enough.
    let again = errand(&world, Verb::Replay, "grace").await.unwrap_err().to_string();
    assert_eq!(again, "it is pending and not settled yet");
}

/// A record of the stream that turns up late must not start what was ruled out.
#[tokio::test]
async fn a_replay_takes_what_was_released_and_never_started() {
    let world = World::start(at("22:00:00")).await;
    let expired = vec![
        began(),
        attempt(1, "21:42:08"),
        deferred(1, "21:42:09", "20429", "21:43:00"),
        release(2, "21:43:00", "its pause is over", None),
        closed(ClosedReason::Expired, 2, "21:45:00"),
    ];
    world.append(&id(), expired).await;
    errand(&world, Verb::Replay, "ada").await.unwrap();
    let late = world.ledger().claim(&tenant(), &id(), 2, "send", at("22:00:01"), at("22:01:01")).await.unwrap();
    assert!(late.is_none(), "{late:?}");
    let replayed = world.ledger().claim(&tenant(), &id(), 3, "send", at("22:00:01"), at("22:01:01")).await.unwrap();
    assert!(replayed.is_some());
    assert_eq!(world.standing(&id()).await.state, State::Sending);
}

/// What an operator let go can expire, or end in doubt, before an attempt that nothing released, and be closed again.
#[tokio::test]
async fn a_replay_undoes_a_closing_that_came_after_an_operator() {
    let again = |reason, attempt, time| {
        let mut fact = closed(reason, attempt, time);
        if let Detail::Closed(closed) = &mut fact.detail {
            closed.again = true;
        }
        fact
    };
    let check = |facts: Vec<Fact>, expect: &'static str| async move {
        let world = World::start(at("22:00:00")).await;
        world.append(&id(), facts).await;
        errand(&world, Verb::Replay, "ada").await.unwrap();
        let story = world.story(&id()).await;
        let release = story.facts.iter().rfind(|fact| fact.at == at("22:00:00")).unwrap();
        assert_eq!((story.standing(at("22:00:01")).state, release.key().as_str()), (State::Pending, expect));
    };
    let held = |by| vec![began_with(|created| created.held = true), release(1, "21:43:00", "looked at", Some(by))];
    let expired = vec![
        attempt(1, "21:43:01"),
        deferred(1, "21:43:02", "20429", "21:44:00"),
        again(ClosedReason::Expired, 2, "21:45:00"),
    ];
    check([held("ada"), expired].concat(), "release#003").await;
    let doubtful = vec![attempt(1, "21:43:01"), again(ClosedReason::Unconfirmed, 2, "21:55:00")];
    check([held("ada"), doubtful].concat(), "release#003").await;
    let replayed_before = vec![
        began(),
        attempt(1, "21:42:08"),
        closed(ClosedReason::Unconfirmed, 2, "21:45:00"),
        release(2, "21:46:00", "asked for", Some("ada")),
        attempt(2, "21:46:01"),
        again(ClosedReason::Unconfirmed, 3, "21:56:00"),
    ];
    check(replayed_before, "release#004").await;
}

#[tokio::test]
async fn a_replay_stops_where_the_attempt_has_just_been_started() {
    let world = World::start(at("22:00:00")).await;
    let facts =
        vec![began(), release(2, "21:43:00", "its pause is over", None), closed(ClosedReason::Expired, 2, "21:45:00")];
    world.append(&id(), facts).await;
    let tenant = tenant();
    let errand = Errand { ledger: world.ledger(), tenant: &tenant, verb: Verb::Replay, by: "ada", why: "" };
    world.append(&id(), vec![attempt(2, "22:00:00")]).await;
    let refused = errand.take(&id(), 2, at("22:00:00"), "it started just now").await.unwrap_err().to_string();
    assert_eq!(refused, "it started just now, attempt 2 is taken");
}

#[tokio::test]
async fn a_cancelled_notification_can_not_be_started_any_more() {
    let world = World::start(at("21:42:08")).await;
    world.append(&id(), vec![began()]).await;
    errand(&world, Verb::Cancel, "ada").await.unwrap();
    let late = world.ledger().claim(&tenant(), &id(), 1, "send", at("21:42:09"), at("21:43:09")).await.unwrap();
    assert!(late.is_none(), "{late:?}");
    let standing = world.standing(&id()).await;
    assert_eq!((standing.state, standing.reason.as_deref()), (State::Cancelled, Some("the carrier was down")));
    // Long after the deadline of the attempt that was taken for it, too.
    world.now("2026-03-20T00:00:00Z".parse().unwrap());
    assert_eq!(world.standing(&id()).await.state, State::Cancelled);
    assert_eq!(last(&world.story(&id()).await, "closed").key(), "closed");
}

/// What an operator let go, another may still stop, as long as nothing has started.
#[tokio::test]
async fn what_was_released_by_hand_can_be_cancelled() {
    let check = |facts: Vec<Fact>, verb: Verb| async move {
        let world = World::start(at("22:00:00")).await;
        world.append(&id(), facts).await;
        errand(&world, verb, "ada").await.unwrap();
        assert_eq!(world.standing(&id()).await.state, State::Pending);
        errand(&world, Verb::Cancel, "grace").await.unwrap();
        assert_eq!(world.standing(&id()).await.state, State::Cancelled);
    };
    check(vec![began_with(|created| created.held = true)], Verb::ReleaseHeld).await;
    check(vec![began(), attempt(1, "21:42:08"), refused(1, "21:42:09")], Verb::Replay).await;
    check(vec![began(), closed(ClosedReason::Expired, 1, "21:45:00")], Verb::Replay).await;
}

/// One operator lets go what another one has just cancelled: what was shown to the first was minutes old.
#[tokio::test]
async fn what_is_cancelled_stays_so_though_somebody_lets_it_go() {
    let world = World::start(at("22:00:00")).await;
    world.append(&id(), vec![began_with(|created| created.held = true)]).await;
    errand(&world, Verb::Cancel, "ada").await.unwrap();
    let tenant = tenant();
    let late = Errand { ledger: world.ledger(), tenant: &tenant, verb: Verb::ReleaseHeld, by: "grace", why: "" };
    late.release(&id(), 1, at("23:00:00"), at("22:00:00")).await.unwrap();
    world.now(at("22:30:00"));
    assert_eq!(world.standing(&id()).await.state, State::Cancelled);
}

#[tokio::test]
async fn cancelling_comes_too_late_once_an_attempt_is_taken() {
    let world = World::start(at("21:42:08")).await;
    world.append(&id(), vec![began(), attempt(1, "21:42:08")]).await;
    let refused = errand(&world, Verb::Cancel, "ada").await.unwrap_err().to_string();
    assert_eq!(refused, "it is sending: too late");
    assert!(world.story(&id()).await.facts.iter().all(|fact| fact.name() != "closed"));
}

#[tokio::test]
async fn a_command_that_was_broken_off_can_be_finished() {
    let world = World::start(at("21:42:10")).await;
    world.append(&id(), vec![began(), claim(1, "21:42:08", "connector ada 00ff")]).await;
    errand(&world, Verb::Cancel, "ada").await.unwrap();
    assert_eq!(world.standing(&id()).await.state, State::Cancelled);
}

#[tokio::test]
async fn what_was_held_starts_with_its_first_attempt() {
    let world = World::start(at("22:00:00")).await;
    world.append(&id(), vec![began_with(|created| created.held = true)]).await;
    errand(&world, Verb::ReleaseHeld, "ada").await.unwrap();
    let fact = last(&world.story(&id()).await, "release");
    assert_eq!((fact.key().as_str(), fact.start_attempt), ("release#001", Some(1)));
    let again = errand(&world, Verb::ReleaseHeld, "ada").await.unwrap_err().to_string();
    assert_eq!(again, "it is pending, not held");
}
