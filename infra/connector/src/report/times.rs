//! How long things took, counted in classes, so that a hundred million of them take no more memory than a hundred. Classes are
//! narrow: a percentile is never off by more than one part in 64.

use std::time::Duration;

/// Each power of two is divided into so many classes.
const STEPS: usize = 1 << STEP_BITS;
const STEP_BITS: u32 = 6;
/// Milliseconds up to 2^40: 34 years.
const CLASSES: usize = (40 - STEP_BITS as usize + 1) * STEPS;

/// Durations, counted.
#[derive(Debug, Clone)]
pub struct Times {
    classes: Vec<u64>,
    count: u64,
}

impl Default for Times {
    fn default() -> Self {
        Self { classes: vec![0; CLASSES], count: 0 }
    }
}

impl Times {
    /// Counts one.
    pub fn add(&mut self, took: Duration) {
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.classes[class(millis)] += 1;
        self.count += 1;
    }

    /// Counts all of others too.
    pub fn add_all(&mut self, others: &Self) {
        for (class, other) in self.classes.iter_mut().zip(&others.classes) {
            *class += other;
        }
        self.count += others.count;
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The time within which so many percent of them were done: nearest rank, rounded up to its class. `None` of nothing.
    pub fn percentile(&self, percent: u64) -> Option<Duration> {
        let rank = (self.count * percent).div_ceil(100).max(1);
        let mut passed = 0;
        let found = self.classes.iter().position(|count| {
            passed += count;
            passed >= rank
        })?;
        Some(Duration::from_millis(last_of(found)))
    }

    /// How many took longer than `from` and at most `to`, as far as classes tell them apart.
    pub fn between(&self, from: Duration, to: Duration) -> u64 {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let (from, to) = (millis(from), millis(to));
        let counted = self.classes.iter().enumerate().filter(|(class, _)| (from..to).contains(&(last_of(*class))));
        counted.map(|(_, count)| count).sum()
    }
}

/// The class of a number of milliseconds.
#[allow(clippy::cast_possible_truncation)] // below CLASSES
fn class(millis: u64) -> usize {
    let above = (64 - millis.leading_zeros()).saturating_sub(STEP_BITS + 1);
    let class = (above as usize * STEPS) + (millis >> above) as usize;
    class.min(CLASSES - 1)
}

/// The greatest number of milliseconds in a class.
fn last_of(class: usize) -> u64 {
    let above = (class / STEPS).saturating_sub(1);
    let step = class - above * STEPS;
    (((step as u64) + 1) << above) - 1
}

/// `0.4 s`, `12 s`, `3 min 20 s`, `2 h 05 min`, `3 d 04 h`
pub fn in_words(took: Duration) -> String {
    let seconds = took.as_secs();
    match seconds {
        0..10 => format!("{}.{} s", seconds, took.subsec_millis() / 100),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {:02} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_without_a_gap_and_narrow() {
        for millis in (0..5000).chain([1 << 20, (1 << 20) + 1, 86_400_000, (1 << 40) - 1]) {
            let class = class(millis);
            assert!(last_of(class) >= millis, "{millis}");
            assert!(class == 0 || last_of(class - 1) < millis, "{millis}");
            assert!(last_of(class) - millis <= millis / 64, "{millis}");
        }
        assert_eq!(class(u64::MAX), CLASSES - 1);
    }

    #[test]
    fn percentiles_are_those_of_the_nearest_rank() {
        let check = |millis: &[u64], percent: u64, expect: Option<u64>| {
            let mut times = Times::default();
            for millis in millis {
                times.add(Duration::from_millis(*millis));
            }
            let found = times.percentile(percent).map(|took| u64::try_from(took.as_millis()).unwrap());
            match (found, expect) {
                (Some(found), Some(expect)) => {
                    assert!((expect..=expect + expect / 64).contains(&found), "{millis:?} {percent}: {found}");
                }
                other => assert_eq!(other.0, other.1),
            }
        };
        check(&[], 50, None);
        check(&[7], 99, Some(7));
        check(&[1, 2, 3, 4], 50, Some(2));
        let hundred: Vec<u64> = (1..=100).map(|n| n * 1000).collect();
        check(&hundred, 50, Some(50_000));
        check(&hundred, 90, Some(90_000));
        check(&hundred, 99, Some(99_000));
        check(&hundred, 100, Some(100_000));
    }

    #[test]
    fn sums_of_times() {
        let (mut one, mut other) = (Times::default(), Times::default());
        one.add(Duration::from_secs(1));
        other.add(Duration::from_secs(10));
        other.add(Duration::from_mins(10));
        one.add_all(&other);
        assert_eq!(one.count(), 3);
        assert_eq!(one.between(Duration::ZERO, Duration::from_secs(5)), 1);
        assert_eq!(one.between(Duration::from_secs(5), Duration::from_hours(5)), 2);
    }

    #[test]
    fn durations_in_words() {
        let check = |seconds: f64, expect: &str| assert_eq!(in_words(Duration::from_secs_f64(seconds)), expect);
        check(0.45, "0.4 s");
        check(12.0, "12 s");
        check(200.0, "3 min 20 s");
        check(7500.0, "2 h 05 min");
        check(273_600.0, "3 d 04 h");
    }
}
