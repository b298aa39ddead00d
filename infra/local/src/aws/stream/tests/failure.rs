//! What reaches the function again after a failure, a panic or a crash, and what never does.

use super::*;
use std::sync::atomic::{AtomicI64, Ordering};

#[tokio::test]
async fn a_batch_is_tried_again_from_the_earliest_failure_on() {
    let (dynamodb, client) = with_table(None).await;
    put_all(&client, "a", &["1", "2", "3", "4"]).await;
    let calls = Mutex::new(0);
    let (pump, mut seen) = pump(&dynamodb, mapping(), move |event| {
        let mut calls = calls.lock().unwrap();
        *calls += 1;
        let calls = *calls;
        Ok(failed(event, |name| calls == 1 && (name == "a/2" || name == "a/4")))
    });
    until_idle(&pump).await;
    assert_eq!(seen.calls_so_far(), [vec!["a/1", "a/2", "a/3", "a/4"], vec!["a/2", "a/3", "a/4"]]);
    assert!(seen.given_up.try_recv().is_err());
}

#[tokio::test]
async fn one_bad_record_is_found_by_halving_and_given_up_alone() {
    let (dynamodb, client) = with_table(None).await;
    put_all(&client, "a", &["1", "2", "3", "4"]).await;
    let bad = |event: &Value| {
        if names(event).iter().any(|name| name == "a/3") {
            return Err("the table is out of reach".to_owned());
        }
        fine(event)
    };
    let (pump, mut seen) = pump(&dynamodb, Mapping { retries: 2, ..mapping() }, bad);
    until_idle(&pump).await;
    let expect: [&[&str]; 6] =
        [&["a/1", "a/2", "a/3", "a/4"], &["a/1", "a/2"], &["a/3", "a/4"], &["a/3"], &["a/3"], &["a/3"]];
    let mut calls = seen.calls_so_far();
    assert_eq!(calls.pop().unwrap(), ["a/4"]);
    assert_eq!(calls, expect);
    let given_up = seen.given_up.try_recv().unwrap();
    assert_eq!((given_up.records, &*given_up.reason), (1, "the table is out of reach"));
    assert_eq!(given_up.first, given_up.last);
    assert!(seen.given_up.try_recv().is_err());
}

#[tokio::test]
async fn without_halving_a_batch_is_given_up_whole() {
    let (dynamodb, client) = with_table(None).await;
    put_all(&client, "a", &["1", "2", "3"]).await;
    let mapping = Mapping { retries: 1, bisect: false, ..mapping() };
    let (pump, mut seen) = pump(&dynamodb, mapping, |event| Ok(failed(event, |name| name != "a/1")));
    until_idle(&pump).await;
    // The first call made progress, so it costs no retry.
    assert_eq!(seen.calls_so_far(), [vec!["a/1", "a/2", "a/3"], vec!["a/2", "a/3"], vec!["a/2", "a/3"]]);
    let given_up = seen.given_up.try_recv().unwrap();
    assert_eq!((given_up.records, &*given_up.reason), (2, "the function reported failed records"));
    assert!(given_up.first < given_up.last);
    put(&client, "a", "4").await;
    assert_eq!(seen.call().await, ["a/4"]);
}

#[tokio::test]
async fn what_is_too_old_is_given_up_and_the_function_never_sees_it_again() {
    let (dynamodb, client) = with_table(None).await;
    put_all(&client, "a", &["1", "2"]).await;
    let (hours, system) = (Arc::new(AtomicI64::new(0)), Clock::system());
    let told = Arc::clone(&hours);
    let clock = Clock::from_fn(move || system.now() + jiff::SignedDuration::from_hours(told.load(Ordering::SeqCst)));
    let hour = Duration::from_hours(1);
    let mapping = Mapping { retries: u32::MAX, bisect: false, maximum_age: hour, clock, ..mapping() };
    let (passes, failures) = (Arc::clone(&hours), AtomicI64::new(0));
    let (pump, mut seen) = pump(&dynamodb, mapping, move |_| {
        if failures.fetch_add(1, Ordering::SeqCst) == 2 {
            passes.store(2, Ordering::SeqCst);
        }
        Err("the table is out of reach".to_owned())
    });
    until_idle(&pump).await;
    assert_eq!(seen.calls_so_far(), [["a/1", "a/2"]; 3]);
    let given_up = seen.given_up.try_recv().unwrap();
    assert_eq!((given_up.records, &*given_up.reason), (2, "older than 3600 s"));
    assert!(seen.given_up.try_recv().is_err());
}

#[tokio::test]
async fn a_panic_and_a_call_without_end_are_failures() {
    let (dynamodb, client) = with_table(None).await;
    put_all(&client, "a", &["panics", "hangs", "works"]).await;
    let function = |event: Value| async move {
        match &*names(&event)[0] {
            "a/panics" => panic!("on purpose"),
            "a/hangs" => std::future::pending().await,
            _ => Ok(Value::Null),
        }
    };
    let (note, mut given_up) = mpsc::unbounded_channel();
    let mapping = Mapping { batch_size: 1, retries: 0, timeout: Duration::from_millis(20), ..mapping() };
    let pump = Pump::start(dynamodb.database(), mapping, function, move |batch| {
        note.send(batch).unwrap();
    })
    .unwrap();
    until_idle(&pump).await;
    let reasons: Vec<String> = std::iter::from_fn(|| given_up.try_recv().ok()).map(|batch| batch.reason).collect();
    assert_eq!(reasons, ["the function panicked", "the function took too long"]);
}

#[tokio::test]
async fn after_a_crash_nothing_is_skipped_and_what_was_finished_is_not_repeated() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let (dynamodb, client) = with_table(Some(&data)).await;
    put_all(&client, "a", &["1", "2"]).await;
    let (first, mut seen) = pump(&dynamodb, mapping(), fine);
    until_idle(&first).await;
    assert_eq!(seen.calls_so_far(), [["a/1", "a/2"]]);
    drop(first);

    // Dies while the function is at work on a/3, with a/4 behind it and b/1 done in another lane.
    put_all(&client, "a", &["3", "4"]).await;
    let (say, mut said) = mpsc::unbounded_channel();
    let function = move |event: Value| {
        let say = say.clone();
        async move {
            say.send(names(&event)).unwrap();
            if names(&event)[0].starts_with("a/") { std::future::pending().await } else { Ok(Value::Null) }
        }
    };
    let lanes = Mapping { batch_size: 1, parallel: 8, ..mapping() };
    let second = Pump::start(dynamodb.database(), lanes, function, |_| ()).unwrap();
    assert_eq!(said.recv().await.unwrap(), ["a/3"]);
    // Of ten other keys, most are not in the lane of "a"; one that is done is enough.
    for number in 0..10 {
        put(&client, &format!("b-{number}"), "1").await;
    }
    assert!(said.recv().await.unwrap()[0].starts_with("b-"));
    assert!(!second.idle().unwrap());
    drop(second);
    drop(client);
    drop(dynamodb);

    let (dynamodb, client) = with_table(Some(&data)).await;
    let (third, mut seen) = pump(&dynamodb, Mapping { batch_size: 100, ..mapping() }, fine);
    until_idle(&third).await;
    let mut expect = vec!["a/3".to_owned(), "a/4".to_owned()];
    expect.extend((0..10).map(|number| format!("b-{number}/1")));
    assert_eq!(seen.calls_so_far().concat(), expect);
    put(&client, "a", "5").await;
    assert_eq!(seen.call().await, ["a/5"]);
}

#[test]
fn the_position_never_passes_what_is_unfinished() {
    let mut progress = Progress { unfinished: BTreeMap::new(), position: None };
    for number in ["1", "2", "3", "4"] {
        progress.begin(number.to_owned());
    }
    let mut check = |finished: &str, expect: Option<&str>| {
        progress.finish(&[finished.to_owned()]);
        assert_eq!(progress.position.as_deref(), expect, "after {finished}");
    };
    check("2", None);
    check("4", None);
    check("1", Some("2"));
    check("9", Some("2"));
    check("3", Some("4"));
}
