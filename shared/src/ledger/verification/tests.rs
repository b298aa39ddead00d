use super::*;
use crate::phone::PhoneNumber;
use crate::twilio::verify::Channel;

const SID: &str = "VE0123456789abcdef0123456789abcdef";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_773_783_720 + seconds).unwrap()
}

fn masked() -> Masked {
    Masked::from(&PhoneNumber::try_from("+13125550142".to_owned()).unwrap())
}

fn started(seconds: i64, sid: &str) -> Fact {
    let started = Started {
        sid: sid.to_owned(),
        number: 1,
        employee_id: "0042317".to_owned(),
        channel: Channel::Sms,
        to: masked(),
        expires_at: at(seconds + 600),
        resent: false,
    };
    Fact::new(at(seconds), Detail::Started(started))
}

fn check(started_at: i64, number: u32) -> Fact {
    let (sid, request_id) = (SID.to_owned(), "r".to_owned());
    Fact::new(at(started_at + 10), Detail::Check(Check { started_at: at(started_at), sid, number, request_id }))
}

fn checked(started_at: i64, number: u32, result: CheckResult) -> Fact {
    let checked = Checked { started_at: at(started_at), sid: SID.to_owned(), number, result, code: None };
    Fact::new(at(started_at + 11), Detail::Checked(checked))
}

#[test]
fn facts_lie_where_the_design_says() {
    let expect = |fact: &Fact, key: &str| assert_eq!(fact.key(), key);
    let asked = Asked {
        number: 7,
        employee_id: "0042317".to_owned(),
        channel: Channel::Call,
        to: masked(),
        request_id: "r".to_owned(),
    };
    let place = format!("2026-03-17T21:42:00.000Z#{SID}");
    expect(&Fact::new(at(0), Detail::Asked(asked)), "asked#000007");
    let not_sent = NotSent { number: 7, why: "limited".to_owned(), code: Some(60203) };
    expect(&Fact::new(at(0), Detail::NotSent(not_sent)), "not_sent#000007");
    expect(&started(0, SID), &format!("{place}#started"));
    expect(&check(0, 2), &format!("{place}#check#2"));
    expect(&checked(0, 2, CheckResult::Wrong), &format!("{place}#checked#2"));
}

#[test]
fn facts_come_back_from_an_item_as_they_were() {
    for fact in [started(0, SID), check(0, 1), checked(0, 1, CheckResult::Unknown)] {
        let mut item: Item = serde_dynamo::to_item(&fact).unwrap();
        item.insert(PK.to_owned(), AttributeValue::S("t#verify#e".to_owned()));
        item.insert(SK.to_owned(), AttributeValue::S(fact.key()));
        assert!(!format!("{item:?}").contains("3125550"), "{item:?}");
        assert_eq!(read(item).unwrap(), fact);
    }
    let alien: Item = [(SK.to_owned(), AttributeValue::S("asked#000001".to_owned()))].into();
    assert!(read(alien).unwrap_err().to_string().contains("asked#000001"));
}

#[test]
fn a_history_knows_its_latest_start_and_whether_it_is_over() {
    let other = "VEfedcba9876543210fedcba9876543210";
    let history = History(vec![
        started(0, SID),
        check(0, 1),
        checked(0, 1, CheckResult::Wrong),
        started(60, SID),
        check(60, 1),
        started(30, other),
    ]);
    assert_eq!(history.latest_start().unwrap().0, at(60));
    assert_eq!((history.begun(SID), history.begun(other), history.begun("VE")), (Some(at(0)), Some(at(30)), None));
    assert_eq!(history.checks().count(), 2);
    assert!(!history.is_approved(SID));
    let History(mut facts) = history;
    facts.push(checked(60, 1, CheckResult::Approved));
    let history = History(facts);
    assert!(history.is_approved(SID) && !history.is_approved(other));
}
