//! A made-up notification for the tests of this crate.

use jiff::{SignedDuration, Timestamp};
use shared::notification::{Created, Detail, Fact, NotificationId};
use shared::phone::{Channel, PhoneNumber};

/// So many seconds after it was created.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_773_783_720).unwrap() + SignedDuration::from_secs(seconds)
}

pub(crate) fn id() -> NotificationId {
    NotificationId::parse("74efmocyyirrc-zullv4cgzorbinin").unwrap()
}

/// The fact that it begins with: it starts at once.
pub(crate) fn created(change: impl FnOnce(&mut Created)) -> Fact {
    let mut created = Created {
        employee_id: "0042317".to_owned(),
        source: "payroll".to_owned(),
        kind: "payroll_posted".to_owned(),
        key: vec!["2026-03-15".to_owned()],
        channel: Channel::Sms,
        occurred_at: at(0),
        to: Some(PhoneNumber::try_from("+13125550142".to_owned()).unwrap()),
        body: Some("Hi Ada".to_owned()),
        language: None,
        time_zone: None,
        not_before: None,
        expires_at: at(86_400),
        urgent: false,
        held: false,
        suppressed: None,
        escalate_after_minutes: None,
        escalates: None,
    };
    change(&mut created);
    Fact::new(at(0), Detail::Created(Box::new(created))).starting(1)
}
