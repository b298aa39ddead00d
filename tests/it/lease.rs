//! The lease: one poll at a time reads a tenant, however many invocations overlap, die or outlast their time.

use crate::polling::{Clinic, Hands, Office, QUERY, TENANT, document, event, query};
use local::peoplesoft::{Alias, Database, Fault, Gate, Rule, Settings};
use poll::source::Polled;
use poll::{Deps, Memory, Report};
use serde_json::{Value as Json, json};
use shared::ledger::cursor::{Cursors, Ended, Lease};
use shared::stamp;
use shared::tenant::TenantId;
use std::sync::Arc;
use std::time::Duration;

const NOW: &str = "2026-03-17T21:00:00Z";
const SOURCES: usize = 6;
const STAFF: usize = 12;
/// What the tenant may take of an invocation, in seconds, where some of its queries hang.
const BUDGET: u16 = 5;

/// What another invocation in another process has: the same ledger and tenants, and no memory.
fn another(office: &Office) -> Deps {
    let deps = &office.deps;
    Deps {
        ledger: deps.ledger.clone(),
        tenants: Arc::clone(&deps.tenants),
        twilio: deps.twilio.clone(),
        clock: deps.clock.clone(),
        timing: deps.timing.clone(),
        metrics: deps.metrics.clone(),
        memory: Memory::default(),
    }
}

async fn run(deps: &Deps) -> Report {
    let until = stamp::after(deps.clock.now(), Duration::from_secs(60));
    poll::run(deps, "one and the same", until).await.unwrap()
}

fn read(report: &Report) -> usize {
    report.sources.iter().filter(|(_, _, polled)| matches!(polled, Polled::Read(_))).count()
}

fn of(source: usize) -> String {
    format!("{QUERY}_{source}")
}

/// The one source of the document, so many times, each with a query of its own.
fn sources(document: &mut Json) {
    let one = document["events"][0].clone();
    let events = (0..SOURCES).map(|number| {
        let mut source = one.clone();
        source["source"] = json!(format!("s{number}"));
        source["query"] = json!(of(number));
        source
    });
    document["events"] = events.collect();
}

/// A clinic with several sources, each of which tells everybody something, and a PeopleSoft that takes its time. Nobody's phone is known
/// without asking.
async fn slow_clinic() -> Clinic {
    let mut database = Database::default().with("ML_CONTACTS", crate::contacts::everybody(STAFF));
    for source in 0..SOURCES {
        let rows = (0..STAFF).map(|employee| {
            let mut row = event("2026-03-17T15:58:00", &format!("{employee:04}"), &format!("{source}"));
            row.values[3] = local::peoplesoft::Value::Empty;
            row
        });
        database = database.with(&of(source), query().with_rows(rows.collect::<Vec<_>>()));
    }
    Clinic::with(NOW, database, |settings, document| {
        settings.latency.fixed = Duration::from_millis(60);
        crate::contacts::looks_up(settings, document);
        sources(document);
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn overlapping_invocations_never_ask_one_peoplesoft_more_than_ten_things_at_once() {
    let alone = slow_clinic().await;
    assert_eq!(read(&alone.run().await), SOURCES);
    let most = alone.peoplesoft.parallel_maximum();
    assert!((2..=10).contains(&most), "{most} requests at once");

    let clinic = slow_clinic().await;
    let (second, third) = (another(&clinic.office), another(&clinic.office));
    let (first, second, third) = tokio::join!(clinic.run(), run(&second), run(&third));
    let mut turns = [read(&first), read(&second), read(&third)];
    turns.sort_unstable();
    assert_eq!(turns, [0, 0, SOURCES], "one reads all sources, the others none");
    let most = clinic.peoplesoft.parallel_maximum();
    assert!((2..=10).contains(&most), "{most} requests at once");
    for query in (0..SOURCES).map(of).chain(["ML_CONTACTS".to_owned()]) {
        let asked = |clinic: &Clinic| clinic.peoplesoft.count(Alias::ExecuteQuery, Some(&query));
        assert_eq!(asked(&clinic), asked(&alone), "{query}");
    }
    assert_eq!(clinic.created().await.len(), SOURCES * STAFF);
    // And the next turn is anybody's.
    clinic.later(60);
    assert_eq!(read(&run(&another(&clinic.office)).await), SOURCES);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lease_of_an_invocation_that_died_ends_by_itself_and_nothing_is_lost() {
    let clinic = Clinic::open(NOW, query(), |_, _| ()).await;
    clinic.add(event("2026-03-17T16:00:00", "1", "before"));
    clinic.peoplesoft.faults().set(Rule::next(1, Fault::Hang));
    tokio::select! {
        report = clinic.run() => panic!("not read: {report:?}"),
        () = async { while clinic.asked() == 0 { tokio::task::yield_now().await } } => {}
    }
    // It had 58 seconds, and 15 more to append what it read.
    clinic.add(event("2026-03-17T16:00:30", "2", "after"));
    clinic.later(72);
    assert!(matches!(clinic.poll().await, Polled::NotNow));
    assert_eq!(clinic.asked(), 1);
    clinic.later(1);
    assert_eq!(clinic.read().await.created, 2);
    assert_eq!(clinic.told().await, ["after", "before"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_that_outlasts_its_lease_changes_nothing_of_its_successors() {
    let clinic = Clinic::open(NOW, query(), |_, _| ()).await;
    clinic.read().await;
    let watermark = clinic.watermark().await;
    clinic.later(60);
    clinic.add(event("2026-03-17T16:00:30", "1", "one"));
    let gate = Gate::shut();
    clinic.peoplesoft.faults().set(Rule::next(1, Fault::Behind(gate.clone())));
    clinic.peoplesoft.faults().set(Rule::next(1, Fault::Hang));
    let (second, third) = (another(&clinic.office), another(&clinic.office));
    let until_asked = async |times| {
        while clinic.asked() < times {
            tokio::task::yield_now().await;
        }
    };
    let outlasts = clinic.run();
    let takes_over = async {
        until_asked(2).await;
        clinic.later(600);
        tokio::select! {
            report = run(&second) => panic!("not read: {report:?}"),
            () = until_asked(3) => {}
        }
        // The successor died, and nobody else has its turn while its lease lasts.
        assert_eq!(read(&run(&third).await), 0);
        gate.open();
    };
    let (first, ()) = tokio::join!(outlasts, takes_over);
    assert!(!matches!(first.sources[0].2, Polled::NotNow));
    assert_eq!(clinic.watermark().await, watermark);
    assert_eq!(read(&run(&third).await), 0, "the lease is still the successor's");
    clinic.later(600);
    assert_eq!(read(&run(&third).await), 1);
    assert_eq!(clinic.told().await, ["one"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_there_was_no_time_for_is_first_next_time() {
    let mut database = Database::default();
    for source in 0..SOURCES {
        database = database.with(&of(source), query());
    }
    let mut clinic = Clinic::with(NOW, database, |_: &mut Settings, document| sources(document)).await;
    for source in 0..4 {
        clinic.peoplesoft.faults().set(Rule::always(Fault::Hang).for_query(&of(source)));
    }
    clinic.office.deps.timing.tenant_budget = Duration::from_secs(BUDGET.into());
    let hanging = |clinic: &Clinic| -> usize {
        (0..4).map(|source| clinic.peoplesoft.count(Alias::ExecuteQuery, Some(&of(source)))).sum()
    };
    let became = async |clinic: &Clinic| {
        // The four that hang wait for as long as the tenant's time lasts. Meanwhile it goes by on the clock, which stands still
        // otherwise: until all four have been asked.
        let before = hanging(clinic);
        let goes_by = async {
            while hanging(clinic) < before + 4 {
                tokio::task::yield_now().await;
            }
            clinic.later(BUDGET.into());
        };
        let (report, ()) = tokio::join!(clinic.run(), goes_by);
        let mut sources = report.sources;
        sources.sort_by_key(|(_, source, _)| source.clone());
        let word = |polled: &Polled| match polled {
            Polled::Read(_) => "read",
            Polled::NotNow => "not now",
            Polled::LeftOut => "left out",
            Polled::Failed { .. } => "failed",
        };
        sources.iter().map(|(_, _, polled)| word(polled)).collect::<Vec<_>>()
    };
    assert_eq!(became(&clinic).await, ["failed", "failed", "failed", "failed", "left out", "left out"]);
    for source in [4, 5] {
        assert_eq!(
            clinic.peoplesoft.count(Alias::ExecuteQuery, Some(&of(source))),
            0,
            "a question that nobody waits for"
        );
    }
    // By then the others may be asked again, too.
    clinic.later(600);
    assert_eq!(became(&clinic).await, ["failed", "failed", "failed", "failed", "read", "read"]);
}

#[tokio::test]
async fn a_refused_password_is_not_tried_for_every_source() {
    let mut database = Database::default();
    for source in 0..SOURCES {
        database = database.with(&of(source), query());
    }
    let clinic = Clinic::with(NOW, database, |_, document| sources(document)).await;
    let turn = async |expect: &str| {
        let before = clinic.peoplesoft.count(Alias::ExecuteQuery, None);
        for (_, source, polled) in clinic.run().await.sources {
            match polled {
                Polled::Read(_) => assert_eq!(expect, "read", "{source}"),
                Polled::Failed { error, .. } => assert!(error.to_string().contains(expect), "{source}: {error}"),
                other => panic!("{source}: {other:?}"),
            }
        }
        clinic.later(1000);
        clinic.peoplesoft.count(Alias::ExecuteQuery, None) - before
    };
    assert_eq!(turn("read").await, SOURCES);
    clinic.peoplesoft.faults().set(Rule::always(Fault::status(401)));
    let refused = turn("refuses the credentials").await;
    assert!((1..=4).contains(&refused), "{refused} of {SOURCES}, those that were under way together");
    assert_eq!(turn("refuses the credentials").await, 1);
    assert_eq!(turn("refuses the credentials").await, 1);
    clinic.peoplesoft.faults().clear();
    assert_eq!(turn("read").await, SOURCES);
}

#[tokio::test]
async fn a_lease_goes_to_whoever_read_the_cursors_last() {
    let hands = Hands::at(NOW);
    let office = Office::open(hands.clone(), &[(TENANT.to_owned(), document())]).await;
    let (ledger, tenant) = (&office.deps.ledger, TenantId::parse(TENANT).unwrap());
    let take = async |cursors: &Cursors| -> Option<Lease> {
        let (now, until) = (hands.now(), stamp::after(hands.now(), Duration::from_secs(60)));
        ledger.take_lease(&tenant, cursors, "request", now, until).await.unwrap()
    };
    let before = ledger.cursors(&tenant).await.unwrap();
    let first = take(&before).await.unwrap();
    assert_eq!(take(&before).await, None, "somebody was quicker");
    let during = ledger.cursors(&tenant).await.unwrap();
    assert_eq!(take(&during).await, None, "somebody has it");
    assert!(ledger.give_lease(&tenant, first.clone()).await.unwrap());
    assert_eq!(take(&before).await, None, "what was read before may have changed");
    let after = ledger.cursors(&tenant).await.unwrap();
    let second = take(&after).await.unwrap();
    assert!(!ledger.give_lease(&tenant, first).await.unwrap(), "it is somebody else's");
    assert_eq!(take(&ledger.cursors(&tenant).await.unwrap()).await, None);
    // Nobody gives it back, and it ends.
    hands.advance(60);
    let late = ledger.cursors(&tenant).await.unwrap();
    assert!(take(&late).await.is_some_and(|third| third != second));

    // Whoever finds the cursor elsewhere leaves it alone.
    let new = ledger.first_cursor(&tenant, "payroll", hands.now()).await.unwrap();
    let [minute, hour] = [60, 3600].map(|seconds| stamp::after(hands.now(), Duration::from_secs(seconds)));
    assert!(ledger.move_cursor(&tenant, &new, &[], Ended::Read(hands.now()), minute).await.unwrap());
    assert!(!ledger.move_cursor(&tenant, &new, &[], Ended::Read(minute), hour).await.unwrap());
    assert!(
        !ledger
            .move_cursor(&tenant, &new, &[], Ended::Failed { failures: 7, resume_at: None, created: 0 }, hour)
            .await
            .unwrap()
    );
    let cursors = ledger.cursors(&tenant).await.unwrap();
    let known = cursors.get("payroll").unwrap();
    assert_eq!((known.watermark, known.floor, known.failures), (Some(hands.now()), hands.now(), 0));
    // A source that is seen again keeps its floor.
    let again = ledger.first_cursor(&tenant, "payroll", hour).await.unwrap();
    assert_eq!(&again, known);
}
