use super::*;
use crate::samples::*;
use crate::world::World;
use jiff::Timestamp;
use shared::notification::{ClosedReason, Fact};

fn proposal(verb: Verb, facts: Vec<Fact>, now: Timestamp) -> Proposal {
    let story = story(facts);
    let plan = plan::plan(verb, &tenant(), &story, now);
    Proposal { audited: Audited::new(story, now), plan }
}

async fn previewed(verb: Verb, facts: Vec<Vec<Fact>>, change: fn(&mut Tenant)) -> String {
    let world = World::start(at("22:00:00")).await;
    let mut tenant = tenant();
    change(&mut tenant);
    let errand = Errand { ledger: world.ledger(), tenant: &tenant, verb, by: "ada", why: "the carrier was down" };
    let proposals: Vec<_> = facts.into_iter().map(|facts| proposal(verb, facts, at("22:00:00"))).collect();
    preview(&errand, &proposals)
}

#[tokio::test]
async fn a_preview_says_what_would_be_done() {
    let doubtful = vec![began(), attempt(1, "21:42:08"), closed(ClosedReason::Unconfirmed, 2, "21:55:00")];
    let failed = vec![began(), attempt(1, "21:42:08"), refused(1, "21:42:09")];
    let delivered = vec![began(), attempt(1, "21:42:08"), callback(1, "21:42:09", "delivered", None)];
    let facts = vec![doubtful, failed, delivered, vec![]];
    insta::assert_snapshot!(previewed(Verb::Replay, facts, |_| {}).await);
}

#[tokio::test]
async fn a_preview_of_many_counts_the_rest_and_knows_of_dry_run() {
    let held = || vec![began_with(|created| created.held = true)];
    let told = previewed(Verb::ReleaseHeld, vec![held(); 53], |tenant| tenant.mode = Mode::DryRun).await;
    assert_eq!(told.lines().filter(|line| line.contains("attempt 1 may start at once")).count(), 50, "{told}");
    assert!(told.contains("\n… and 3 more\n"), "{told}");
    assert!(told.ends_with("\nThe tenant is in dry run: nobody is really texted or called."), "{told}");
    let told = previewed(Verb::Cancel, vec![held()], |tenant| tenant.mode = Mode::DryRun).await;
    assert!(!told.contains("dry run"), "{told}");
}
