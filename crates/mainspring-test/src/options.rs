//! How a test runs: what the attribute's options say.

use std::time::Duration;

use mainspring_core::clock::SETTLE_LIMIT;
use mainspring_core::time::Timestamp;

use crate::time::timestamp;

/// What the wall clock shows at the start of a test unless it says otherwise: a Thursday, a new
/// year, winter in the north.
pub const START: &str = "2026-01-01T00:00:00Z";

/// The worker threads of a multi-threaded test unless it says otherwise: the fewest that can
/// disagree.
const WORKER_THREADS: usize = 2;

/// How a test runs; `#[mainspring::test(…)]` writes one.
///
/// ```
/// use mainspring_test::Options;
///
/// let options = Options::new().start("2026-03-28T00:00:00Z").multi_thread().seed(7);
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) start: Timestamp,
    pub(crate) workers: Option<usize>,
    pub(crate) seed: u64,
    pub(crate) settle_limit: Duration,
}

impl Options {
    /// One thread, at [`START`], with seed 0.
    pub fn new() -> Self {
        Self {
            start: timestamp(START),
            workers: None,
            seed: 0,
            settle_limit: SETTLE_LIMIT,
        }
    }

    /// What the wall clock shows at first.
    ///
    /// # Panics
    /// When the text names no instant.
    #[must_use]
    #[track_caller]
    pub fn start(mut self, instant: &str) -> Self {
        self.start = timestamp(instant);
        self
    }

    /// Runs the app's tasks on two worker threads, so that they really overlap.
    #[must_use]
    pub fn multi_thread(self) -> Self {
        self.worker_threads(WORKER_THREADS)
    }

    /// Runs the app's tasks on this many worker threads, at least one.
    #[must_use]
    pub fn worker_threads(mut self, threads: usize) -> Self {
        self.workers = Some(threads.max(1));
        self
    }

    /// The seed of ids and jitter: the same seed, the same run.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How long the clock waits in real time for the system to settle; see
    /// [`ManualClock::with_settle_limit`](mainspring_core::clock::ManualClock::with_settle_limit).
    #[must_use]
    pub fn settle_limit(mut self, limit: Duration) -> Self {
        self.settle_limit = limit;
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}
