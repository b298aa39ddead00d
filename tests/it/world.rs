//! What the tests stand on: the local stack with both fakes, and waiting without sleeping for luck.

use jiff::Timestamp;
use local::demo::{Demo, Moods};
use local::progress::{self, Progress};
use local::proof::{self, Proof};
use local::stack::{Options, Stack};
use shared::clock::Clock;
use shared::metrics::Metrics;
use shared::notification::{State, Story};
use shared::tenant::TenantId;
use shared::timing::Timing;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Longer than anything here takes: a test that waits this long has failed.
pub const TOO_LONG: Duration = Duration::from_mins(10);

/// How often everything is read, where a test waits for it.
pub const OFTEN: Duration = Duration::from_millis(300);

/// A running stack around the demo hospital.
pub struct World {
    pub demo: Demo,
    pub stack: Stack,
    pub clock: Clock,
    pub timing: Timing,
}

impl World {
    /// Starts a hospital of some size, with a Twilio in some mood.
    pub async fn start(moods: Moods) -> Self {
        Self::start_with(moods, |_| ()).await
    }

    /// The same, after a change of the fakes that holds from the first request on.
    async fn start_with(moods: Moods, change: impl FnOnce(&Demo)) -> Self {
        let clock = Clock::system();
        let demo = Demo::start(&moods, clock.clone(), None).await.unwrap();
        change(&demo);
        let timing = Timing::with_patience(Duration::from_secs(4));
        let stack = start_stack(demo.tenants(), &timing, &clock, OFTEN).await;
        Self { demo, stack, clock, timing }
    }

    /// A small hospital and a quick Twilio.
    pub async fn of(staff: usize) -> Self {
        Self::of_with(staff, |_| ()).await
    }

    /// The same, after a change of the fakes that holds from the first request on.
    pub async fn of_with(staff: usize, change: impl FnOnce(&Demo)) -> Self {
        Self::start_with(Moods { staff, latency: Duration::ZERO, ..Moods::default() }, change).await
    }

    /// The demo's tenant.
    pub fn tenant(&self) -> TenantId {
        TenantId::parse(local::demo::TENANT).unwrap()
    }

    /// Waits until nothing moves any more, and looks at everything.
    pub async fn settle(&self) -> Progress {
        until_still(&self.stack, &self.timing, &self.clock).await
    }

    /// The comparison of ledger and Twilio.
    pub fn prove(&self, progress: &Progress) -> Proof {
        let stories: Vec<Story> = progress.stories.iter().map(|(_, story)| story.clone()).collect();
        proof::prove(&stories, self.clock.now(), &self.demo.twilio.accepted())
    }
}

/// Starts a stack over a directory of tenant documents, whose sources are read so often.
pub async fn start_stack(tenants: &Path, timing: &Timing, clock: &Clock, every: Duration) -> Stack {
    start_measured(tenants, timing, clock, every, Metrics::off(clock.clone())).await
}

/// The same, with its metrics.
pub async fn start_measured(
    tenants: &Path,
    timing: &Timing,
    clock: &Clock,
    every: Duration,
    metrics: Metrics,
) -> Stack {
    let options = Options {
        tenants: tenants.to_owned(),
        listen: "127.0.0.1:0".parse().unwrap(),
        callback_base_url: None,
        poll_every: every,
        data: None,
        timing: timing.clone(),
        clock: clock.clone(),
        adjust: Some(Box::new(move |tenant| tenant.poll.every = every)),
        metrics,
    };
    Stack::start(options).await.unwrap()
}

/// Waits until nothing moves any more.
pub async fn until_still(stack: &Stack, timing: &Timing, clock: &Clock) -> Progress {
    let looking = async {
        loop {
            if stack.stream_is_idle() {
                let progress = progress::look(stack, timing, clock.now()).await.unwrap();
                if progress.is_still() {
                    return progress;
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(TOO_LONG, looking).await.expect("nothing came to rest")
}

/// How many notifications are in each state.
pub fn states(progress: &Progress, now: Timestamp) -> BTreeMap<State, usize> {
    progress.states(now)
}
