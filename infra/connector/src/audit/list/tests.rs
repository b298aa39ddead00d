use super::*;
use crate::cli::Since;
use crate::samples::*;
use shared::notification::{Fact, Suppressed};

fn audited(facts: Vec<Fact>) -> Audited {
    Audited::new(story(facts), at("22:00:00"))
}

fn some() -> Vec<Audited> {
    vec![
        audited(vec![
            began(),
            attempt(1, "21:42:08"),
            accepted(1, "21:42:09"),
            callback(1, "21:42:10", "delivered", None),
        ]),
        audited(vec![began(), attempt(1, "21:42:08"), refused(1, "21:42:09")]),
        audited(vec![began_with(|created| {
            created.to = None;
            created.suppressed = Some(Suppressed::NoPhone);
        })]),
        audited(vec![began_with(|created| created.held = true)]),
        audited(vec![callback(1, "21:50:00", "sent", None)]),
    ]
}

#[test]
fn the_table() {
    insta::assert_snapshot!(render(&some(), false, Look::default()));
}

#[test]
fn the_table_on_a_terminal_wraps_the_reason_alone() {
    let narrow = Look { colour: false, width: Some(150) };
    insta::assert_snapshot!(render(&some(), true, narrow));
}

#[test]
fn states_have_colours_on_a_terminal_alone() {
    let colourful = render(&some(), false, Look { colour: true, width: Some(200) });
    assert!(colourful.contains('\u{1b}'), "{colourful}");
    assert!(!render(&some(), false, Look::default()).contains('\u{1b}'));
}

#[test]
fn what_they_add_up_to() {
    assert_eq!(sums(&[]), "no notifications");
    assert_eq!(sums(&some()[..1]), "1 notification: 1 delivered");
    assert_eq!(sums(&some()), "5 notifications: 1 suppressed, 1 held, 1 accepted, 1 delivered, 1 failed");
}

#[test]
fn filters_leave_out_what_was_not_asked_for() {
    let everything = || List {
        tenant: tenant_id(),
        since: None,
        states: Vec::new(),
        source: None,
        employee: None,
        limit: None,
        after: None,
    };
    let check = |change: fn(&mut List), expect: &[usize]| {
        let mut wanted = everything();
        change(&mut wanted);
        let some = some();
        let found: Vec<usize> = (0..some.len()).filter(|i| is_wanted(&some[*i], &wanted, at("22:00:00"))).collect();
        assert_eq!(found, expect, "{wanted:?}");
    };
    check(|_| {}, &[0, 1, 2, 3, 4]);
    check(|wanted| wanted.since = Since::parse("15m").ok(), &[4]);
    check(|wanted| wanted.since = Since::parse("2h").ok(), &[0, 1, 2, 3, 4]);
    check(|wanted| wanted.since = Since::parse("2026-03-17T21:42:07Z").ok(), &[0, 1, 2, 3, 4]);
    check(|wanted| wanted.states = vec![State::Held, State::Failed], &[1, 3]);
    check(|wanted| wanted.source = Some("payroll".to_owned()), &[0, 1, 2, 3]);
    check(|wanted| wanted.source = Some("shifts".to_owned()), &[]);
    check(|wanted| wanted.employee = Some("0042317".to_owned()), &[0, 1, 2, 3]);
    check(|wanted| wanted.employee = Some("42317".to_owned()), &[]);
}
