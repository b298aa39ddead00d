//! The time, as an argument. Nothing else in the workspace asks the operating system what time it is, so a test can
//! say it is next Tuesday without waiting for it.

use jiff::Timestamp;
use std::fmt;
use std::sync::Arc;

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
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
