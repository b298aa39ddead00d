//! The process is killed in the middle of a burst, again and again. Nothing is lost, nothing is doubled.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The operator's command, working on a data file.
fn connector(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_connector-under-test"));
    command
        .args(["local", "--once", "--patience", "3s", "--staff", "120", "--twilio-latency", "20ms", "--data"])
        .arg(data);
    command.stdin(Stdio::null()).stderr(Stdio::null());
    command
}

/// What the fake Twilio has written down, in lines: it goes on growing while the burst lasts.
fn journal(data: &Path) -> usize {
    let mut path = data.as_os_str().to_owned();
    path.push(".twilio.jsonl");
    fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

fn kill_when(data: &Path, mut running: Child, lines: usize) {
    let started = Instant::now();
    while journal(data) < lines {
        assert!(running.try_wait().unwrap().is_none(), "the run ended before it could be killed");
        assert!(started.elapsed() < crate::world::TOO_LONG, "the burst never came");
        std::thread::sleep(Duration::from_millis(5));
    }
    running.kill().unwrap(); // SIGKILL: nothing is tidied up
    running.wait().unwrap();
}

#[test]
fn killed_three_times_in_mid_burst_nothing_is_lost_and_nothing_doubled() {
    let directory = TempDir::new().unwrap();
    let data = directory.path().join("ledger.db");
    for more in [40, 90, 150] {
        let before = journal(&data);
        let running = connector(&data).stdout(Stdio::null()).spawn().unwrap();
        kill_when(&data, running, before + more);
    }
    let output = connector(&data).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("proof: every notification was sent exactly once, or says why not"), "{said}");
    assert!(said.contains("sent twice: none"), "{said}");
}
