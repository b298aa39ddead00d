//! What stands between a portal and a code for longer than a moment: it rings, and nothing is made worse by asking on.

use super::portal::Portal;
use axum::extract::{Form, State};
use http::StatusCode;
use local::peoplesoft::{Alias, Fault as PeopleSoftFault, Rule as PeopleSoftRule};
use local::twilio::{Fault, Operation, Rule, Trouble, When};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

fn asked(portal: &Portal) -> usize {
    portal.demo.peoplesoft.count(Alias::ExecuteQuery, Some("ML_CONTACTS"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_password_is_not_offered_again_for_minutes_or_until_the_document_is_another() {
    let portal = Portal::open().await;
    portal.demo.peoplesoft.faults().set(PeopleSoftRule::always(PeopleSoftFault::status(401)));
    for index in 0..10 {
        assert_eq!(portal.start(portal.reachable(index).0).await.refusal(), (503, "unavailable"));
    }
    assert_eq!(asked(&portal), 1, "accounts lock");
    assert_eq!(portal.counted("VerifyFailed").len(), 10);
    assert!(portal.counted("VerifyTrouble").iter().all(|reason| reason == "peoplesoft"));
    let (id, _) = portal.reachable(0);
    portal.change(|document| document["peoplesoft"]["auth"]["password"] = json!("another-password"));
    assert_eq!((portal.start(id).await.status, asked(&portal)), (503, 2));
    portal.demo.peoplesoft.faults().clear();
    assert_eq!((portal.start(id).await.status, asked(&portal)), (503, 2), "mended there, and not asked again yet");
    portal.change(|document| document["peoplesoft"]["auth"]["password"] = json!(local::peoplesoft::demo::PASSWORD));
    assert_eq!((portal.start(id).await.status, asked(&portal)), (202, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_was_mended_in_peoplesoft_is_tried_again_after_minutes() {
    let portal = Portal::open().await;
    let (id, _) = portal.reachable(0);
    portal.demo.peoplesoft.faults().set(PeopleSoftRule::always(PeopleSoftFault::status(401)));
    assert_eq!(portal.start(id).await.status, 503);
    portal.demo.peoplesoft.faults().clear();
    portal.advance(300);
    assert_eq!((portal.start(id).await.status, asked(&portal)), (202, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_without_a_column_that_a_code_needs_are_trouble_and_not_people_without_phones() {
    for column in ["phone", "employee_id"] {
        let portal = Portal::open_with(|document| document["contacts"]["columns"][column] = json!("C.RENAMED")).await;
        assert_eq!(portal.start(portal.reachable(0).0).await.refusal(), (503, "unavailable"), "{column}");
        assert_eq!((portal.counted("VerifyFailed").len(), portal.counted("VerifyTrouble").len()), (1, 1), "{column}");
        // Whoever isn't there has no row to lack it.
        assert_eq!(portal.start("9999999").await.refusal(), (404, "not_found"), "{column}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_twilio_refuses_the_account_rings_too() {
    let portal = Portal::open().await;
    let (id, _) = portal.reachable(0);
    assert_eq!(portal.start(id).await.status, 202);
    let refused = Rule::on(Operation::VerificationCheck, When::Next(1), Fault::before(Trouble::Code(20003)));
    portal.demo.twilio.change(|settings| settings.faults.rules = vec![refused]);
    assert_eq!(portal.check(id, "123456").await.refusal(), (503, "unavailable"));
    assert_eq!(portal.counted("VerifyTrouble"), ["20003"]);
}

/// A Twilio without the locale that it is asked for, which takes long to say so.
#[derive(Default)]
struct Slow {
    /// The locales that it was asked for.
    asked: Mutex<Vec<Option<String>>>,
    passed: OnceLock<Arc<AtomicI64>>,
}

async fn say_no(State(slow): State<Arc<Slow>>, Form(form): Form<BTreeMap<String, String>>) -> (StatusCode, String) {
    slow.asked.lock().unwrap().push(form.get("Locale").cloned());
    if let Some(passed) = slow.passed.get() {
        passed.fetch_add(20_000, Ordering::SeqCst);
    }
    (StatusCode::NOT_FOUND, json!({"code": 20404, "message": "not found", "status": 404}).to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_asked_of_twilio_that_there_is_no_time_to_write_down() {
    let slow = Arc::new(Slow::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let twilio = axum::Router::new().fallback(say_no).with_state(Arc::clone(&slow));
    let server = tokio::spawn(async move { axum::serve(listener, twilio).await });
    let portal = Portal::open_with(|document| {
        document["twilio"]["verify_base_url"] = json!(format!("http://{address}"));
    })
    .await;
    let (id, _) = portal.reachable(0);
    assert_eq!(portal.start(id).await.status, 503);
    assert_eq!(slow.asked.lock().unwrap().drain(..).collect::<Vec<_>>(), [Some("en".to_owned()), None]);
    slow.passed.set(portal.passed()).unwrap();
    assert_eq!(portal.start(id).await.status, 503);
    assert_eq!(slow.asked.lock().unwrap().drain(..).collect::<Vec<_>>(), [Some("en".to_owned())]);
    server.abort();
}
