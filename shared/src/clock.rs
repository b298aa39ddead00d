//! The time, as an argument. Nothing else in the workspace asks the operating system what time it is, so a test can
//! say it is next Tuesday without waiting for it.

use jiff::{SignedDuration, Timestamp};
use std::fmt;
use std::sync::Arc;

/// No deadline of Lambda's is that long gone when an invocation begins.
const LONG_GONE: SignedDuration = SignedDuration::from_hours(24);
/// How long an invocation may take of which nobody says when it ends.
const UNTOLD: SignedDuration = SignedDuration::from_mins(1);

/// Tells the time. Cheap to clone; clones tell the same time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The machine's own clock. Only a `main.rs`, the operator's command and the local stack choose it.
    #[allow(clippy::disallowed_methods)] // the one place that may ask
    pub fn system() -> Self {
        Self(Arc::new(Timestamp::now))
    }

    /// A clock that says whatever `tell` says.
    pub fn from_fn(tell: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// The time, in UTC with nanoseconds.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }

    /// When the invocation that begins now must be done, by the deadline that came with it: milliseconds since 1970, as Lambda's
    /// Runtime API tells them. `cargo lambda watch` tells a time long gone: that is no deadline, and a minute is taken instead.
    pub fn end_of_invocation(&self, deadline: u64) -> Timestamp {
        let now = self.now();
        let told = i64::try_from(deadline).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
        let told = told.unwrap_or(Timestamp::MAX);
        if told.duration_until(now) > LONG_GONE { now.checked_add(UNTOLD).unwrap_or(Timestamp::MAX) } else { told }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invocation_ends_when_lambda_says_or_in_a_minute_if_nobody_does() {
        let now: Timestamp = "2026-03-02T14:00:00Z".parse().unwrap();
        let clock = Clock::from_fn(move || now);
        let check = |deadline: u64, expected: &str| {
            assert_eq!(clock.end_of_invocation(deadline), expected.parse().unwrap(), "{deadline}");
        };
        let millis = |time: &str| u64::try_from(time.parse::<Timestamp>().unwrap().as_millisecond()).unwrap();
        check(millis("2026-03-02T14:02:00Z"), "2026-03-02T14:02:00Z");
        check(millis("2026-03-02T13:59:59Z"), "2026-03-02T13:59:59Z"); // late, and told so
        check(600_000, "2026-03-02T14:01:00Z");
        check(0, "2026-03-02T14:01:00Z");
        assert_eq!(clock.end_of_invocation(u64::MAX), Timestamp::MAX);
    }
}
