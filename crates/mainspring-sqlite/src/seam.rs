//! The seams to the machine: its monotonic clock, for how long a lock is waited for, and its
//! threads. Nothing here decides anything about jobs.

use std::io;
use std::time::{Duration, Instant};

use mainspring_core::error::{Error, ErrorKind};

/// A point on the machine's own monotonic clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IoInstant(Instant);

impl IoInstant {
    #[expect(
        clippy::disallowed_methods,
        reason = "how long a lock is held or waited for is I/O time, which no clock of ours moves"
    )]
    pub(crate) fn now() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        Self::now().0.saturating_duration_since(self.0)
    }
}

/// Waits for somebody else's lock, or leaves one free for somebody else.
#[expect(
    clippy::disallowed_methods,
    reason = "SQLite has no other way to wait for a lock of another connection"
)]
pub(crate) fn rest(time: Duration) {
    std::thread::sleep(time);
}

/// Starts a named thread, whose log goes where that of the present one goes.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the seam that starts threads"
)]
pub(crate) fn thread(
    name: &str,
    run: impl FnOnce() + Send + 'static,
) -> Result<std::thread::JoinHandle<()>, Error> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    let log = tracing::dispatcher::get_default(tracing::Dispatch::clone);
    let run = move || {
        // Nobody listens yet; whoever does later must not be kept out.
        if log.is::<tracing::subscriber::NoSubscriber>() {
            drop(log);
            return run();
        }
        tracing::dispatcher::with_default(&log, run);
    };
    thread.spawn(run).map_err(|error: io::Error| {
        Error::new(ErrorKind::Io, format!("the thread {name} cannot start"))
            .with_source(error)
            .with_hint("raise the limit of threads for this process")
    })
}
