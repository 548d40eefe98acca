//! How a queue is worked on.

use mainspring_core::job::Rate;

/// How many jobs of the default queue run at once in one process unless
/// [`App::queue`](crate::app::App::queue) says otherwise: enough to keep a network busy, few enough
/// for a usual pool of database connections.
pub const DEFAULT_QUEUE_SLOTS: usize = 20;

/// The most jobs of one queue that may run at once in one process; each is a task.
pub const SLOTS_MAX: usize = 10_000;

/// How a queue is worked on: how many of its jobs run at once in this process, and what all
/// processes share.
///
/// ```
/// use mainspring_core::job::Rate;
/// use mainspring_runtime::jobs::Queue;
/// use std::time::Duration;
///
/// Queue::new(20)
///     .rate(Rate::new(100, Duration::from_secs(60)))
///     .global_limit(5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "give it to `App::queue_with`"]
pub struct Queue {
    pub(super) slots: usize,
    pub(super) rate: Option<Rate>,
    pub(super) limit: Option<u32>,
}

impl Queue {
    /// So many jobs at once in this process, from 1 to [`SLOTS_MAX`].
    pub const fn new(slots: usize) -> Self {
        Self {
            slots,
            rate: None,
            limit: None,
        }
    }

    /// Limits how often jobs of the queue start, in all processes together. Every process that
    /// works on the queue must say the same.
    pub const fn rate(mut self, rate: Rate) -> Self {
        self.rate = Some(rate);
        self
    }

    /// Limits how many jobs of the queue run at once, in all processes together. Every process that
    /// works on the queue must say the same.
    pub const fn global_limit(mut self, jobs: u32) -> Self {
        self.limit = Some(jobs);
        self
    }
}
