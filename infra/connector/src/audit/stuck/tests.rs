use super::*;
use crate::samples::*;
use shared::notification::{Fact, Revealed};

#[test]
fn what_is_stuck() {
    let check = |facts: Vec<Fact>, now: &str, expect: Option<&str>| {
        let now = now.parse().unwrap();
        let audited = Audited::new(story(facts), now);
        assert_eq!(why(&audited, now).as_deref(), expect, "{:?} at {now}", audited.standing);
    };
    let today = |time: &str| format!("2026-03-17T{time}Z");
    let soon = |facts, time: &str, expect| check(facts, &today(time), expect);

    soon(vec![began()], "21:45:00", None);
    soon(vec![began()], "21:54:07", None); // due two minutes ago: the sweep is on its way
    soon(vec![began()], "21:54:08", Some("should have started, and been looked at by 2026-03-17T21:52:07.000Z"));
    soon(vec![began(), looked("21:52:08", "", Some("22:02:08"))], "21:54:08", None);
    soon(vec![began_with(|created| created.held = true)], "21:42:08", Some("held since 2026-03-17T21:42:07.000Z"));
    let later = || began_with(|created| created.not_before = Some(at("22:00:00")));
    soon(vec![later()], "22:01:00", None);
    soon(vec![later()], "22:02:01", Some("should have been released at 2026-03-17T22:00:00.000Z"));
    soon(vec![began(), attempt(1, "21:42:08")], "21:43:00", None);
    soon(
        vec![began(), attempt(1, "21:42:08")],
        "21:43:09",
        Some("no clear answer from Twilio, in doubt since 2026-03-17T21:43:08.000Z"),
    );
    let paused = || vec![began(), attempt(1, "21:42:08"), deferred(1, "21:42:09", "20429", "21:43:00")];
    soon(paused(), "21:45:00", None);
    soon(paused(), "21:45:01", Some("should have been tried again at 2026-03-17T21:43:00.000Z"));
    let accepted =
        || vec![began(), attempt(1, "21:42:08"), accepted(1, "21:42:09"), callback(1, "21:42:10", "sent", None)];
    check(accepted(), "2026-03-18T21:42:08Z", None);
    check(accepted(), "2026-03-18T21:42:09Z", Some("accepted at 2026-03-17T21:42:08.000Z and no final word since"));
    let mut delivered = accepted();
    delivered.push(callback(1, "21:42:11", "delivered", None));
    check(delivered, "2026-04-01T00:00:00Z", None);
    check(vec![began(), attempt(1, "21:42:08"), refused(1, "21:42:09")], "2026-04-01T00:00:00Z", None);
    // What retention leaves for a while, once it has removed the beginning.
    check(vec![attempt(1, "21:42:08")], "2033-03-17T21:42:08Z", None);
    check(
        vec![Fact::new(at("21:42:08"), Detail::Revealed(Revealed { by: "ada".to_owned() }))],
        "2033-03-17T21:42:08Z",
        None,
    );
}

#[test]
fn each_kind_of_trouble_has_a_remedy() {
    let now = at("22:00:00");
    let found = vec![
        Audited::new(story(vec![began()]), now),
        Audited::new(story(vec![began_with(|created| created.held = true)]), now),
        Audited::new(story(vec![began_with(|created| created.held = true)]), now),
    ];
    let remedies = remedies(&found, &tenant_id());
    assert_eq!(remedies.len(), 2, "{remedies:?}");
    assert!(remedies[0].starts_with("held: look at them, then connector release-held st-lukes SOURCE"), "{remedies:?}");
    assert!(remedies[1].starts_with("pending: nothing starts them"), "{remedies:?}");
}
