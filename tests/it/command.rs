//! The operator's command against a stack that drives systems it did not start: given only a tenant document, and addresses
//! through the environment.

use local::demo::{Demo, Moods};
use local::peoplesoft::{Fault, Rule};
use serde_json::{Value, json};
use shared::clock::Clock;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

fn connector(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_connector-under-test"));
    command.args(arguments).stdin(Stdio::null()).env_remove("RUST_LOG");
    command
}

/// A stack in a process of its own, killed when dropped, and what a second shell needs.
struct Running {
    process: Child,
    environment: Vec<(String, String)>,
}

impl Running {
    fn start(tenants: &Path) -> Self {
        let directory = tenants.to_str().unwrap();
        let mut process = connector(&["local", "--tenants", directory, "--poll-every", "300ms", "--patience", "3s"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut environment = Vec::new();
        for line in lines {
            if let Some((name, value)) = line.strip_prefix("export ").and_then(|line| line.split_once('=')) {
                environment.push((name.to_owned(), value.to_owned()));
                if name == "AWS_SECRET_ACCESS_KEY" {
                    break;
                }
            }
        }
        Self { process, environment }
    }

    fn ask(&self, arguments: &[&str]) -> Output {
        connector(arguments).envs(self.environment.iter().map(|(name, value)| (name, value))).output().unwrap()
    }

    fn list(&self, tenant: &str) -> Vec<Value> {
        let output = self.ask(&["--format", "json", "audit", "list", tenant]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_document_is_all_it_takes_and_the_audit_answers_from_a_second_shell() {
    let demo = Demo::start(&Moods { staff: 40, latency: Duration::ZERO, ..Moods::default() }, Clock::system(), None)
        .await
        .unwrap();
    let directory = TempDir::new().unwrap();
    let document = demo.tenants().join(format!("{}.json", local::demo::TENANT));
    std::fs::copy(document, directory.path().join("acme.json")).unwrap();
    let running = Running::start(directory.path());
    let settled = async {
        loop {
            let all = tokio::task::block_in_place(|| running.list("acme"));
            if all.len() > 40 && all.iter().all(|one| matches!(one["state"].as_str(), Some("delivered" | "suppressed")))
            {
                return all;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let all = tokio::time::timeout(crate::world::TOO_LONG, settled).await.unwrap();
    assert!(demo.twilio.doubled().is_empty());
    let sent: Vec<&Value> = all.iter().filter(|one| one["state"] == "delivered").collect();
    assert_eq!(sent.len(), demo.twilio.accepted().len());
    for one in sent {
        for key in [
            "tenant",
            "notification_id",
            "source",
            "kind",
            "employee_id",
            "channel",
            "to",
            "body",
            "state",
            "reason",
            "attempts",
            "sid",
            "created_at",
            "updated_at",
            "history",
        ] {
            assert!(one.get(key).is_some(), "{key} is missing: {one}");
        }
        assert_eq!(one["attempts"], 1);
        assert!(one["to"].as_str().unwrap().starts_with("+***"), "{one}");
        assert!(one["history"].as_array().unwrap().len() >= 4, "{one}");
    }
    let text = serde_json::to_string(&all).unwrap();
    assert!(demo.twilio.accepted().iter().all(|message| !text.contains(&message.to)), "a number is not masked");

    // Nobody's notification, and nobody: said so, with the documented exit codes.
    let output = running.ask(&["audit", "show", "acme", "abcdefghijklm-abcdefghijklmnop"]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(running.ask(&["audit", "show", "acme", "nonsense"]).status.code(), Some(2));
    let stuck = running.ask(&["audit", "stuck", "acme"]);
    assert_eq!(stuck.status.code(), Some(0), "{}", String::from_utf8_lossy(&stuck.stdout));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_finds_nothing_names_the_sources_that_had_nothing() {
    let demo = Demo::start(&Moods { staff: 3, ..Moods::default() }, Clock::system(), None).await.unwrap();
    let directory = TempDir::new().unwrap();
    let document = std::fs::read(demo.tenants().join(format!("{}.json", local::demo::TENANT))).unwrap();
    let mut document: Value = serde_json::from_slice(&document).unwrap();
    document["poll"]["start_at"] = Value::Null; // from now on: everything has happened before
    std::fs::write(directory.path().join("acme.json"), document.to_string()).unwrap();
    let mut once = connector(&["local", "--once", "--tenants", directory.path().to_str().unwrap()]);
    let output = tokio::task::block_in_place(|| once.output().unwrap());
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("no events: acme/payroll"), "{said}");
    assert!(demo.twilio.accepted().is_empty());
}

/// A run of `local --once` around one tenant whose hospital somebody has spoilt: how it ended, and what it printed and said.
async fn once_around(spoil: impl FnOnce(&Demo)) -> (bool, String, String) {
    once_with(spoil, |_| (), &[]).await
}

/// The same with a changed document and more arguments.
async fn once_with(
    spoil: impl FnOnce(&Demo),
    change: impl FnOnce(&mut Value),
    more: &[&str],
) -> (bool, String, String) {
    let moods = Moods { staff: 8, latency: Duration::ZERO, ..Moods::default() };
    let demo = Demo::start(&moods, Clock::system(), None).await.unwrap();
    spoil(&demo);
    let directory = TempDir::new().unwrap();
    let document = std::fs::read(demo.tenants().join(format!("{}.json", local::demo::TENANT))).unwrap();
    let mut document: Value = serde_json::from_slice(&document).unwrap();
    change(&mut document);
    std::fs::write(directory.path().join("acme.json"), document.to_string()).unwrap();
    // Polls so often that one is under way whenever the run ends.
    let tenants = directory.path().to_str().unwrap();
    let arguments = ["local", "--once", "--tenants", tenants, "--patience", "3s", "--poll-every", "5ms"];
    let output = tokio::task::block_in_place(|| connector(&arguments).args(more).output().unwrap());
    let [data, talk] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (output.status.success(), data, talk)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_says_what_its_proof_does_not_cover() {
    let verdict = |data: &str| data[data.find("\nproof").unwrap() + 1..].to_owned();
    let (well, data, talk) = once_around(|_| ()).await;
    assert!(well && verdict(&data).lines().count() == 1, "{data}");
    assert!(!talk.contains("ERROR"), "the run's end is nobody's trouble: {talk}");

    let (well, data, _) = once_around(|demo| demo.peoplesoft.faults().set(Rule::always(Fault::status(401)))).await;
    assert!(well && data.contains("not read: acme/payroll: PeopleSoft refuses the credentials"), "{data}");
    assert_eq!(
        verdict(&data),
        "proof: none, since nothing could be read\nnot in it: sources that could not be read (4 of 4, see above)\n"
    );

    let (well, data, _) = once_around(|demo| {
        let shifts = Rule::always(Fault::status(403)).for_query("ML_SHIFT_CHANGED");
        demo.peoplesoft.faults().set(shifts);
        let mut database = demo.peoplesoft.database();
        let rows = &mut database.query_mut("ML_PAYROLL_POSTED").unwrap().rows;
        for row in rows.iter_mut().take(2) {
            let time = row.values.iter_mut().find(|value| **value == local::peoplesoft::Value::RowTime).unwrap();
            *time = local::peoplesoft::Value::from("17 Mar 2026");
        }
    })
    .await;
    assert!(well && data.contains("not read: acme/shifts: PeopleSoft refuses permission"), "{data}");
    let bad = "can't be told: 2 of the rows of acme/payroll; the last: column \"A.LASTUPDDTTM\": a value of the form \"99 AAA 9999\"";
    assert!(data.contains(bad) && !data.contains("no events: acme/payroll"), "{data}");
    let expect = [
        "proof: every notification was sent exactly once, or says why not",
        "not in it: sources that could not be read (1 of 4, see above)",
        "not in it: rows that can't be told (2, see above)",
    ];
    assert_eq!(verdict(&data).lines().collect::<Vec<_>>(), expect);
}

#[tokio::test(flavor = "multi_thread")]
async fn quiet_hours_can_be_tried_at_any_time_of_day() {
    let at = async |clock: &str| {
        let quiet = |document: &mut Value| {
            document["quiet_hours"] = json!({"start": "21:00", "end": "08:00", "time_zone": "America/Chicago"});
        };
        let (well, data, _) = once_with(|_| (), quiet, &["--quiet-hours-clock", clock]).await;
        assert!(well, "{clock}: {data}");
        data
    };
    let night = at("23:00").await;
    assert!(night.contains(" scheduled (not before "), "{night}");
    for day in ["12:00", "off"] {
        let data = at(day).await;
        assert!(data.contains("delivered") && !data.contains("scheduled"), "{day}: {data}");
    }
}

/// Passes callbacks on to a stack behind it, as a tunnel does; answers where it is, and what passes.
async fn tunnel(env_file: PathBuf) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/base", listener.local_addr().unwrap());
    let passed = Arc::<Mutex<Vec<String>>>::default();
    let (noted, client) = (Arc::clone(&passed), crate::stage::wire::client());
    let pass = move |uri: axum::http::Uri, headers: axum::http::HeaderMap, body: String| {
        let said = std::fs::read_to_string(&env_file).unwrap();
        let behind = said.split_whitespace().find(|word| word.starts_with("http://127.0.0.2:")).unwrap().to_owned();
        let request = client.post(format!("{behind}{uri}")).headers(headers).body(body);
        noted.lock().unwrap().push(uri.path().to_owned());
        async move { request.send().await.unwrap().status() }
    };
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(pass)).await.unwrap() });
    (url, passed)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_behind_a_tunnel_is_reached_through_it() {
    let directory = TempDir::new().unwrap();
    let env_file = directory.path().join("local.env");
    let (url, passed) = tunnel(env_file.clone()).await;
    let mut once = connector(&["local", "--once", "--staff", "8", "--listen", "127.0.0.2:0"]);
    once.args(["--callback-base-url", &format!("{url}/"), "--env-file", env_file.to_str().unwrap()]);
    let output = tokio::task::block_in_place(|| once.output().unwrap());
    let data = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && !data.contains("waiting:"), "{data}");
    let passed = passed.lock().unwrap();
    let path = format!("/base/twilio/{}/status", local::demo::TENANT);
    assert!(!passed.is_empty() && passed.iter().all(|one| *one == path), "{passed:?}");
    let lines = std::fs::read_to_string(env_file).unwrap();
    assert!(data.starts_with(&lines) && lines.contains(&format!("\nexport CALLBACK_BASE_URL={url}\n")), "{lines}");
}

#[test]
fn a_proof_that_fails_says_so_and_ends_in_exit_code_1() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("ledger.db");
    let run = || {
        let mut once = connector(&["local", "--once", "--staff", "4", "--patience", "3s", "--data"]);
        let output = once.arg(&file).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, data) = run();
    assert_eq!(code, Some(0), "{data}");
    // Twilio has one message more than it was asked for.
    let journal = directory.path().join("ledger.db.twilio.jsonl");
    let lines = std::fs::read_to_string(&journal).unwrap();
    let text = lines.lines().rfind(|line| line.contains("\"SM")).unwrap().to_owned();
    let sid = &text[text.find("\"SM").unwrap() + 1..][..34];
    let another = text.replace(sid, "SMffffffffffffffffffffffffffffffff");
    std::fs::write(&journal, format!("{lines}{another}\n")).unwrap();
    let (code, data) = run();
    assert_eq!(code, Some(1), "{data}");
    assert!(data.contains("sent twice: 1: ") && data.contains("proof FAILED: see above"), "{data}");
}

#[test]
fn what_cannot_be_run_says_why_and_what_to_do() {
    let check = |arguments: &[&str], code: i32, expect: &str| {
        let output = connector(arguments).env_remove("TABLE_NAME").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(expect), "{arguments:?}: {said}");
    };
    check(&["local", "--once", "--tenants", "/nowhere/to/be/found"], 2, "--tenants");
    // Why, once, and what now.
    let directory = TempDir::new().unwrap();
    let tenants = directory.path().to_str().unwrap();
    let trouble = |tenants: &str, arguments: &[&str], why: &str, what_now: &str| {
        let arguments = [&["local", "--once", "--tenants", tenants], arguments].concat();
        let output = connector(&arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert_eq!(said.matches(why).count(), 1, "{arguments:?}: {said}");
        assert!(said.lines().last().unwrap().contains(what_now), "{arguments:?}: {said}");
    };
    trouble("/nowhere/to/be/found", &[], "No such file or directory", "--tenants");
    let missing = directory.path().join("nowhere").join("ledger.db");
    trouble(tenants, &["--data", missing.to_str().unwrap()], "No such file or directory", "--data");
    let nonsense = directory.path().join("nonsense.db");
    std::fs::write(&nonsense, "no database at all ".repeat(100)).unwrap();
    trouble(tenants, &["--data", nonsense.to_str().unwrap()], "not a valid SQLite database", "--data");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    trouble(tenants, &["--listen", &taken.local_addr().unwrap().to_string()], "in use", "--listen");
    check(&["local", "--poll-every", "often"], 2, "500ms");
    check(&["local", "--tenants", ".", "--chaos"], 2, "cannot be used with");
    check(&["audit", "list", "Not-A-Tenant"], 2, "tenant id");
    check(&["audit", "list", "acme"], 2, "TABLE_NAME");
    check(&["tenant", "check", "/nowhere/to/be/found.json"], 2, "/nowhere/to/be/found.json");
}
