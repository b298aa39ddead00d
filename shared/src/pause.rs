//! Pauses before something is tried again: longer each time, and not for everybody at once.

use rand::RngExt;
use std::time::Duration;

/// `base`, doubled for every time `before`, and `cap` at most.
pub fn doubled(base: Duration, before: u32, cap: Duration) -> Duration {
    base.saturating_mul(2_u32.saturating_pow(before)).min(cap)
}

/// Full jitter: anything up to the pause.
pub fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::rng().random_range(0.0..=1.0))
}

/// Half of the pause, and jitter over the other half: so that what waits for the same thing doesn't come back all at once.
pub fn spread(pause: Duration) -> Duration {
    pause / 2 + jittered(pause / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_up_to_its_cap() {
        let check = |before, expect| {
            assert_eq!(doubled(Duration::from_secs(30), before, Duration::from_mins(15)), Duration::from_secs(expect));
        };
        check(0, 30);
        check(1, 60);
        check(4, 480);
        check(5, 900);
        check(u32::MAX, 900);
        assert_eq!(doubled(Duration::MAX, 3, Duration::MAX), Duration::MAX);
    }

    #[test]
    fn jitter_stays_within_its_pause() {
        let pause = Duration::from_secs(10);
        let drawn: Vec<Duration> = (0..200).map(|_| jittered(pause)).collect();
        assert!(drawn.iter().all(|one| *one <= pause));
        assert!(drawn.iter().any(|one| *one < pause / 2) && drawn.iter().any(|one| *one > pause / 2));
        assert!((0..200).map(|_| spread(pause)).all(|one| (pause / 2..=pause).contains(&one)));
    }
}
