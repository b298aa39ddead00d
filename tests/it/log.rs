//! Everything that is logged, at every level, by whatever runs on this thread. A test that listens runs on one thread, so that
//! its subscriber hears all that it does.

use std::io;
use std::sync::{Arc, Mutex};
use tracing::Dispatch;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt;

/// Listens until it is dropped.
pub struct Log {
    lines: Lines,
    _guard: DefaultGuard,
    _another: Dispatch,
}

impl Log {
    pub fn listen() -> Self {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = tracing_subscriber::fmt::layer().json().with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(shared::telemetry::filter(Some("trace"))).with(layer);
        // While there is only one subscriber, a log line that another test's thread comes by first, with nobody listening
        // there, is taken for one that nobody wants anywhere. So there are two.
        let another = Dispatch::new(tracing_subscriber::registry());
        Self { lines, _guard: tracing::subscriber::set_default(subscriber), _another: another }
    }

    /// What was logged so far, as JSON lines.
    pub fn text(&self) -> String {
        String::from_utf8(self.lines.0.lock().unwrap().clone()).unwrap()
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
