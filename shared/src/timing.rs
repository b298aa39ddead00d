//! How long we wait for what. One place, so that a trial can shorten all of it in proportion and a reader can see it at once.

use std::time::Duration;

/// The waiting times of polling, of sending and of the sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// How long one request to Twilio may take.
    pub twilio_timeout: Duration,
    /// How long a request that was certainly not processed is tried again inside one invocation.
    pub retry_window: Duration,
    /// How many times it is tried again inside that window.
    pub retries: u32,
    /// How long an attempt may go without an outcome before it is in doubt. Longer than `twilio_timeout` and
    /// `retry_window` together, so that no attempt is doubted while its request is still under way.
    pub attempt_deadline: Duration,
    /// How long an attempt in doubt is looked for before it is presumed lost.
    pub patience: Duration,
    /// The first look at a notification that started.
    pub first_look: Duration,
    /// The later looks at one that was accepted and never heard of again, counted from when its attempt
    /// began. The first is also the longest wait between two attempts of what was not sent, and the last ends all doubt.
    pub later_looks: [Duration; 3],
    /// The first pause after a request that was not processed; doubles.
    pub retry_base: Duration,
    /// The longest such pause.
    pub retry_cap: Duration,
    /// The first pause after trouble with the account; doubles.
    pub account_base: Duration,
    /// The longest such pause.
    pub account_cap: Duration,
    /// The most that one tenant may take of an invocation, so that one that hangs doesn't keep its place for long.
    pub tenant_budget: Duration,
    /// The first pause of an event source after PeopleSoft could not be read; doubles.
    pub source_retry_base: Duration,
    /// The longest such pause.
    pub source_retry_cap: Duration,
    /// How long a source is left alone after PeopleSoft refused our credentials: [`CREDENTIALS_PAUSE`].
    pub credentials_pause: Duration,
    /// How long a source is left alone after a request that timed out: the query goes on running there for as long as the
    /// gateway lets it (PeopleTools: 300 s).
    pub timeout_pause: Duration,
    /// The longest pause that a proxy before PeopleSoft may ask for with `Retry-After`.
    pub asked_pause_cap: Duration,
    /// How far behind its own watermark the sweep looks again, for index entries that turned up late.
    pub look_back: Duration,
}

/// How long PeopleSoft is left alone after it refused our credentials: accounts lock.
pub const CREDENTIALS_PAUSE: Duration = Duration::from_mins(5);

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

impl Default for Timing {
    fn default() -> Self {
        Self {
            twilio_timeout: 10 * SECOND,
            retry_window: 5 * SECOND,
            retries: 3,
            attempt_deadline: MINUTE,
            patience: 30 * MINUTE,
            first_look: 10 * MINUTE,
            later_looks: [HOUR, 6 * HOUR, 24 * HOUR],
            retry_base: 30 * SECOND,
            retry_cap: 15 * MINUTE,
            account_base: 5 * MINUTE,
            account_cap: HOUR,
            tenant_budget: 100 * SECOND,
            source_retry_base: 30 * SECOND,
            source_retry_cap: 15 * MINUTE,
            credentials_pause: CREDENTIALS_PAUSE,
            timeout_pause: 5 * MINUTE,
            asked_pause_cap: HOUR,
            look_back: 5 * MINUTE,
        }
    }
}

impl Timing {
    /// The same waits, shortened in proportion so that an attempt in doubt is presumed lost after `patience`. For trials:
    /// a real Twilio lists a message minutes after it took it, so a short patience may text twice.
    #[must_use]
    pub fn with_patience(patience: Duration) -> Self {
        let usual = Self::default();
        let scale = |wait: Duration| {
            let ratio = patience.as_secs_f64() / usual.patience.as_secs_f64();
            if ratio >= 1.0 { wait } else { wait.mul_f64(ratio) }
        };
        let twilio_timeout = patience.clamp(2 * SECOND, usual.twilio_timeout);
        let retry_window = (twilio_timeout / 2).min(usual.retry_window);
        let attempt_deadline = (twilio_timeout + retry_window + SECOND).min(usual.attempt_deadline);
        let attempt_deadline = if patience >= usual.patience { usual.attempt_deadline } else { attempt_deadline };
        Self {
            twilio_timeout,
            retry_window,
            retries: usual.retries,
            attempt_deadline,
            patience,
            first_look: scale(usual.first_look).max(attempt_deadline + Duration::from_millis(200)),
            later_looks: usual.later_looks.map(|look| scale(look).max(attempt_deadline * 2)),
            retry_base: scale(usual.retry_base).max(Duration::from_millis(200)),
            retry_cap: scale(usual.retry_cap).max(SECOND),
            account_base: scale(usual.account_base).max(SECOND),
            account_cap: scale(usual.account_cap).max(5 * SECOND),
            tenant_budget: usual.tenant_budget,
            source_retry_base: scale(usual.source_retry_base).max(SECOND),
            source_retry_cap: scale(usual.source_retry_cap).max(5 * SECOND),
            credentials_pause: usual.credentials_pause,
            timeout_pause: scale(usual.timeout_pause).max(SECOND),
            asked_pause_cap: scale(usual.asked_pause_cap).max(SECOND),
            look_back: usual.look_back,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_patience_never_doubts_a_request_under_way() {
        for seconds in [0, 1, 3, 10, 60, 600, 1800, 7200] {
            let timing = Timing::with_patience(Duration::from_secs(seconds));
            assert!(timing.attempt_deadline > timing.twilio_timeout + timing.retry_window, "{timing:?}");
            assert!(timing.first_look > timing.attempt_deadline, "{timing:?}");
        }
        assert_eq!(Timing::with_patience(Timing::default().patience), Timing::default());
    }
}
