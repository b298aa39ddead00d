//! What a process used so far, as Linux tells it.

use std::fs;
use std::time::Duration;

/// Processor time of all threads of a running process, in user space and kernel, exec included.
pub fn cpu(pid: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("a running process, on Linux");
    let nanoseconds = threads.map(|thread| {
        let schedule = fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap_or_default();
        schedule.split(' ').next().and_then(|first| first.parse::<u64>().ok()).unwrap_or_default()
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// The most memory that a process ever held, in MB.
pub fn peak_memory(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process, on Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// In milliseconds.
pub fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
