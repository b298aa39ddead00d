//! How often: our own limits, on top of Twilio's five codes and five checks of one verification. They are counted from facts,
//! so they hold over every process and every restart.

use jiff::Timestamp;
use shared::stamp;
use std::time::Duration;

/// How long a code can be checked: Twilio's default (Twilio docs, Verify, rate limits and timeouts). A Verify service that
/// was set to less says so itself, by finding nothing.
pub const CODE_LIFE: Duration = Duration::from_mins(10);

/// Codes for one employee in any [`WINDOW`]. It is what Twilio allows for one verification; ours also holds when the same
/// person has several numbers in turn, or approves and starts again.
pub const STARTS_PER_EMPLOYEE: u8 = 5;

/// Codes for one employee in any [`DAY`]: more than anybody needs who signs in at every break of a double shift. Whoever has
/// somebody texted all day, or guesses all day, is stopped by it.
pub const STARTS_PER_EMPLOYEE_AND_DAY: u8 = 30;

/// Checks for one employee in any [`WINDOW`]: mistyping through two codes. Twilio takes five for one code, so a day has 150 at
/// six digits: guessing takes twelve years for an even chance at one, and shows in the audit on the first day.
pub const CHECKS_PER_EMPLOYEE: usize = 10;

/// What the limits per employee look back on: as long as a code lives, so that whoever waited can have a new one.
pub const WINDOW: Duration = CODE_LIFE;

/// What [`STARTS_PER_EMPLOYEE_AND_DAY`] looks back on.
pub const DAY: Duration = Duration::from_hours(24);

/// Codes for all employees of a tenant in one minute of the clock, those for nobody included: shift change at a hospital
/// of ten thousand stays below it, and a portal gone wild costs some dollars a minute and learns few names. Requests that
/// are under way at the same moment don't see each other, so it may be passed by a few.
pub const STARTS_PER_TENANT_AND_MINUTE: usize = 300;

/// How long until there is room for another, if `limit` of them already lie in the window before `now`.
pub fn wait(
    times: impl IntoIterator<Item = Timestamp>,
    limit: usize,
    window: Duration,
    now: Timestamp,
) -> Option<Duration> {
    let begins = stamp::before(now, window);
    let mut recent: Vec<Timestamp> = times.into_iter().filter(|at| *at > begins).collect();
    recent.sort_unstable();
    let blocking = recent.len().checked_sub(limit).and_then(|index| recent.get(index))?;
    Some(stamp::between(now, stamp::after(*blocking, window)))
}

/// How long until the next minute of the clock.
pub fn rest_of_minute(now: Timestamp) -> Duration {
    let into = now.as_second().rem_euclid(60);
    Duration::from_secs(60 - into.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_773_783_720 + seconds).unwrap()
    }

    #[test]
    fn a_window_slides() {
        let check = |times: &[i64], now: i64, expect: Option<u64>| {
            let wait = wait(times.iter().map(|second| at(*second)), 3, WINDOW, at(now));
            assert_eq!(wait.map(|wait| wait.as_secs()), expect, "{times:?} at {now}");
        };
        check(&[], 0, None);
        check(&[0, 1], 2, None);
        check(&[0, 1, 2], 3, Some(597));
        check(&[2, 0, 1], 599, Some(1));
        check(&[0, 1, 2], 600, None);
        check(&[0, 1, 2, 3], 600, Some(1));
        check(&[0, 1, 2, 3, 4], 10, Some(592));
    }

    #[test]
    fn a_minute_ends() {
        assert_eq!(rest_of_minute(at(0)).as_secs(), 60);
        assert_eq!(rest_of_minute(at(59)).as_secs(), 1);
    }
}
