//! Connection overrides: the wishes in the fragment of a callback URL (Twilio docs, Webhooks connection overrides). The
//! fragment is cut off here, before anything is signed or sent.

use std::time::Duration;

/// How one callback is to be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Overrides {
    pub(super) connect_timeout: Duration,
    pub(super) read_timeout: Duration,
    pub(super) total: Duration,
    /// Tries after the first.
    pub(super) retries: u32,
    pub(super) retry_on: RetryOn,
    /// Something in the fragment made no sense: Twilio leaves warning 11243 and goes by the defaults for it.
    pub(super) bad: bool,
}

/// Which failures are tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(clippy::struct_excessive_bools)] // four independent switches, named as Twilio names them
pub(super) struct RetryOn {
    pub(super) answers_4xx: bool,
    pub(super) answers_5xx: bool,
    pub(super) connect: bool,
    pub(super) read: bool,
}

impl Default for Overrides {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(15),
            total: Duration::from_secs(15),
            retries: 1,
            retry_on: RetryOn { connect: true, ..RetryOn::default() },
            bad: false,
        }
    }
}

impl Overrides {
    /// Splits a URL into what is called (and signed) and how.
    pub(super) fn split(url: &str) -> (&str, Self) {
        match url.split_once('#') {
            Some((url, fragment)) => (url, Self::read(fragment)),
            None => (url, Self::default()),
        }
    }

    fn read(fragment: &str) -> Self {
        let mut read = Self::default();
        for part in fragment.split('&').filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            if read.set(key, value).is_none() {
                read.bad = true;
            }
        }
        read
    }

    fn set(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "ct" => self.connect_timeout = millis(value, 10_000)?,
            "rt" => self.read_timeout = millis(value, 15_000)?,
            "tt" => self.total = millis(value, 15_000)?,
            "rc" => self.retries = value.parse().ok().filter(|retries| *retries <= 5)?,
            "rp" => self.retry_on = RetryOn::read(value)?,
            "sni" | "e" => {} // the edge of the caller: nothing of it shows here
            _ => return None,
        }
        Some(())
    }
}

impl RetryOn {
    fn read(list: &str) -> Option<Self> {
        let mut read = Self::default();
        for item in list.split(',') {
            match item {
                "4xx" => read.answers_4xx = true,
                "5xx" => read.answers_5xx = true,
                "ct" => read.connect = true,
                "rt" => read.read = true,
                "all" => read = Self { answers_4xx: true, answers_5xx: true, connect: true, read: true },
                _ => return None,
            }
        }
        Some(read)
    }
}

fn millis(value: &str, most: u64) -> Option<Duration> {
    value.parse().ok().filter(|millis| (100..=most).contains(millis)).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fragment_says_how_and_is_cut_off() {
        let check = |url: &str, expect_url: &str, change: fn(&mut Overrides)| {
            let mut expect = Overrides::default();
            change(&mut expect);
            assert_eq!(Overrides::split(url), (expect_url, expect), "{url}");
        };
        check("http://a/b?n=1", "http://a/b?n=1", |_| {});
        check("http://a/b?n=1#", "http://a/b?n=1", |_| {});
        check("http://a/b?n=1&a=1#rc=5&rp=5xx,ct,rt&rt=4000", "http://a/b?n=1&a=1", |expect| {
            expect.retries = 5;
            expect.retry_on = RetryOn { answers_4xx: false, answers_5xx: true, connect: true, read: true };
            expect.read_timeout = Duration::from_secs(4);
        });
        check("http://a#rp=all&tt=100&ct=10000&sni=n&e=dublin", "http://a", |expect| {
            expect.retry_on = RetryOn { answers_4xx: true, answers_5xx: true, connect: true, read: true };
            expect.total = Duration::from_millis(100);
            expect.connect_timeout = Duration::from_secs(10);
        });
        for bad in ["http://a#rp=6xx", "http://a#rc=6", "http://a#rt=99", "http://a#ct=10001", "http://a#what=1"] {
            check(bad, "http://a", |expect| expect.bad = true);
        }
    }
}
