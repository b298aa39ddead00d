//! Faults by switch, seen by a caller that repeats nothing.

use super::super::{FakeTwilio, Fault, Operation, Rule, Trouble, When};
use super::*;

const TEXT: [(&str, &str); 3] = [("To", THEIRS), ("From", OURS), ("Body", "Hello")];

fn switch(fake: &FakeTwilio, rules: Vec<Rule>) {
    fake.change(|settings| settings.faults.rules = rules);
}

#[tokio::test]
async fn refusals_before_anything_is_accepted() {
    let fake = fake().await;
    let check = async |trouble: Trouble, expect: (u16, u64), retry_after: Option<&str>| {
        switch(&fake, vec![Rule::on_create(When::Next(1), Fault::before(trouble))]);
        let answer = fake.post(MESSAGES, &TEXT).await;
        assert_eq!((answer.code(), answer.retry_after.as_deref()), (expect, retry_after), "{trouble:?}");
        assert!(fake.accepted().is_empty(), "{trouble:?}");
    };
    check(Trouble::TooManyRequests(None), (429, 20429), None).await;
    check(Trouble::TooManyRequests(Some(7)), (429, 20429), Some("7")).await;
    check(Trouble::Status(500), (500, 20500), None).await;
    check(Trouble::Status(502), (502, 0), None).await;
    check(Trouble::Status(503), (503, 20503), None).await;
    check(Trouble::Status(504), (504, 0), None).await;
    check(Trouble::Code(20003), (401, 20003), None).await;
    check(Trouble::Code(21211), (400, 21211), None).await;
    check(Trouble::Problem(20429), (429, 20429), None).await;
    check(Trouble::NotJson(503), (503, 0), None).await;
    assert_eq!(fake.post(MESSAGES, &TEXT).await.status, 201, "the next request is past the fault");
    assert_eq!((fake.requests(), fake.accepted().len()), (11, 1));
}

#[tokio::test]
async fn shapes_that_are_not_the_usual_ones() {
    let fake = fake().await;
    switch(&fake, vec![Rule::on_create(When::Next(1), Fault::before(Trouble::Problem(21211)))]);
    let problem = fake.post(MESSAGES, &TEXT).await;
    assert_eq!(problem.content_type, "application/problem+json");
    for field in ["type", "title", "detail"] {
        assert!(!problem.str(field).is_empty(), "{field}");
    }
    assert_eq!(problem.json["status"], 400);
    switch(&fake, vec![Rule::on_create(When::Next(1), Fault::after_accepting(Trouble::NotJson(201)))]);
    let page = fake.post(MESSAGES, &TEXT).await;
    assert_eq!((page.status, page.content_type.as_str(), &page.json), (201, "text/html", &Value::Null));
    assert_eq!(fake.accepted().len(), 1, "said yes, in a way that nobody understands");
}

#[tokio::test]
async fn accepted_and_then_something_else_is_said() {
    let receiver = Receiver::start().await;
    let fake = fake().await;
    let url = format!("{}/status?n=a-1&a=1", receiver.url);
    let form = [&TEXT[..], &[("StatusCallback", url.as_str())]].concat();

    switch(&fake, vec![Rule::on_create(When::Next(1), Fault::after_accepting(Trouble::Status(500)))]);
    assert_eq!(fake.post(MESSAGES, &form).await.code(), (500, 20500));

    switch(&fake, vec![Rule::on_create(When::Next(1), Fault::after_accepting(Trouble::Reset))]);
    let error = answered(posting(&fake, MESSAGES, &form)).await.unwrap_err();
    assert!(error.is_request() && !error.is_connect() && !error.is_timeout(), "{error:?}");

    switch(&fake, vec![Rule::on_create(When::Next(1), Fault::after_accepting(Trouble::Hang))]);
    tokio::select! {
        answer = fake.post(MESSAGES, &form) => panic!("there should be no answer: {answer:?}"),
        () = receiver.arrived(6) => {}
    }

    fake.idle().await;
    assert_eq!(fake.accepted_per_notification(), [("a-1".to_owned(), 3)].into());
    let mut statuses = receiver.statuses();
    statuses.sort();
    assert_eq!(statuses, [["delivered"; 3], ["sent"; 3]].concat(), "each of them lives on");
}

#[tokio::test]
async fn a_reset_is_a_reset_on_the_wire() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let fake = fake().await;
    switch(&fake, vec![Rule::on_create(When::Next(1), Fault::before(Trouble::Reset))]);
    let mut stream = tokio::net::TcpStream::connect(fake.base_url().trim_start_matches("http://")).await.unwrap();
    let basic = data_encoding::BASE64.encode(format!("{ACCOUNT}:{TOKEN}").as_bytes());
    let request =
        format!("POST {MESSAGES} HTTP/1.1\r\nhost: a\r\nauthorization: Basic {basic}\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let error = stream.read(&mut [0; 1]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_fault_can_be_for_one_number_or_account_or_operation() {
    let fake = fake().await;
    let stuck = Fault::before(Trouble::Code(20005));
    switch(&fake, vec![Rule::on_create(When::Always, stuck).only_to("+13125550199")]);
    assert_eq!(fake.post(MESSAGES, &[("To", "+13125550199"), TEXT[1], TEXT[2]]).await.code(), (403, 20005));
    assert_eq!(fake.post(MESSAGES, &TEXT).await.status, 201);
    switch(&fake, vec![Rule::on_create(When::Always, stuck).only_account("AC00000000000000000000000000000002")]);
    assert_eq!(fake.post(MESSAGES, &TEXT).await.status, 201);
    switch(&fake, vec![Rule::on_create(When::Always, stuck).only_account(ACCOUNT)]);
    assert_eq!(fake.post(MESSAGES, &TEXT).await.code(), (403, 20005));
    switch(&fake, vec![Rule::on(Operation::MessageList, When::Always, Fault::before(Trouble::Status(503)))]);
    assert_eq!(fake.get(MESSAGES).await.code(), (503, 20503));
    assert_eq!(fake.post(MESSAGES, &TEXT).await.status, 201);
}

#[tokio::test]
async fn an_invalid_request_is_refused_rather_than_lost() {
    let fake = fake().await;
    switch(&fake, vec![Rule::on_create(When::Always, Fault::after_accepting(Trouble::Hang))]);
    assert_eq!(fake.post(MESSAGES, &TEXT[..2]).await.code(), (400, 21602));
}

#[tokio::test]
async fn what_is_drawn_depends_on_the_request_and_not_on_its_turn() {
    let outcomes = async |numbers: &[usize]| {
        let fake = fake().await;
        fake.change(|settings| settings.seed = 7);
        switch(&fake, vec![Rule::on_create(When::Probability(0.5), Fault::before(Trouble::Status(500)))]);
        let mut outcomes = Vec::new();
        for number in numbers {
            let to = format!("+131255501{number:02}");
            outcomes.push((*number, fake.post(MESSAGES, &[("To", &to), TEXT[1], TEXT[2]]).await.status));
        }
        outcomes.sort_unstable();
        outcomes
    };
    let forwards: Vec<usize> = (0..20).collect();
    let backwards: Vec<usize> = (0..20).rev().collect();
    let drawn = outcomes(&forwards).await;
    assert_eq!(drawn, outcomes(&backwards).await);
    let failed = drawn.iter().filter(|(_, status)| *status == 500).count();
    assert!((1..20).contains(&failed), "{failed} of 20");
}

#[tokio::test]
async fn slow_answers_come_after_the_work() {
    let receiver = Receiver::start().await;
    let fake = fake().await;
    let slow = |delay| vec![Rule::on_create(When::Next(1), Fault::before(Trouble::Slow(delay)))];
    let url = format!("{}/status", receiver.url);
    let form = [&TEXT[..], &[("StatusCallback", url.as_str())]].concat();
    switch(&fake, slow(Duration::from_millis(20)));
    assert_eq!(fake.post(MESSAGES, &form).await.status, 201);
    fake.idle().await;
    switch(&fake, slow(Duration::from_mins(10)));
    tokio::select! {
        answer = fake.post(MESSAGES, &form) => panic!("the answer should be slower: {answer:?}"),
        () = receiver.arrived(4) => {}
    }
    assert_eq!(fake.accepted().len(), 2);
}

#[tokio::test]
async fn too_much_at_once_is_refused() {
    let fake = fake().await;
    let receiver = Receiver::start().await;
    fake.change(|settings| settings.faults.concurrency_limit = Some(2));
    switch(&fake, vec![Rule::on_create(When::Next(2), Fault::after_accepting(Trouble::Hang))]);
    let form = [&TEXT[..], &[("StatusCallback", receiver.url.as_str())]].concat();
    let third = async {
        receiver.arrived(4).await; // so the first two have been accepted, and hang
        fake.post(MESSAGES, &form).await
    };
    tokio::select! {
        _ = fake.post(MESSAGES, &form) => panic!("the first should hang"),
        _ = fake.post(MESSAGES, &form) => panic!("the second should hang"),
        answer = third => assert_eq!(answer.code(), (429, 20429)),
    }
    assert_eq!((fake.most_concurrent_requests(), fake.accepted().len()), (3, 2));
}

#[tokio::test]
async fn a_dropped_fake_is_gone() {
    let fake = fake().await;
    let url = fake.base_url().to_owned();
    assert_eq!(fake.get(MESSAGES).await.status, 200);
    drop(fake);
    // The listener closes as soon as its task is told; a connection that sneaks in before gets no answer either.
    let request = client().get(format!("{url}{MESSAGES}")).basic_auth(ACCOUNT, Some(TOKEN));
    assert!(answered(request).await.is_err());
}
