//! What is remembered of one periodic, for people and metrics.

use std::time::Duration;

use crate::event::WorkOutcome;
use crate::time::Timestamp;

/// How one run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum RunOutcome {
    /// The body returned without an error.
    Succeeded,
    /// The body returned an error.
    Failed,
    /// The body panicked.
    Panicked,
    /// The body ran into its limit and was dropped.
    TimedOut,
    /// The run was asked to stop, cut off, or dropped before its body began.
    Cancelled,
}

impl From<&WorkOutcome> for RunOutcome {
    /// Keeps how it ended and leaves the texts behind, which would cost memory per periodic.
    fn from(outcome: &WorkOutcome) -> Self {
        match outcome {
            WorkOutcome::Succeeded => Self::Succeeded,
            WorkOutcome::Failed(_) => Self::Failed,
            WorkOutcome::Panicked(_) => Self::Panicked,
            WorkOutcome::TimedOut => Self::TimedOut,
            WorkOutcome::Cancelled | WorkOutcome::Dropped => Self::Cancelled,
        }
    }
}

/// One run that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The instant the plan asked for.
    pub scheduled_for: Timestamp,
    /// When the body started.
    pub started: Timestamp,
    /// How long the body took, in monotonic time.
    pub took: Duration,
    /// How it ended.
    pub outcome: RunOutcome,
}

/// What is remembered of one periodic.
///
/// The counters count from the start of the process and saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The run that ended last.
    pub last: Option<Run>,
    /// Runs that have started.
    pub runs: u64,
    /// Runs that ended with an error or ran into their limit.
    pub failures: u64,
    /// Runs that ended in a panic.
    pub panics: u64,
    /// Runs that were cancelled.
    pub cancelled: u64,
    /// Fires that did not run because another run was going on, or because of the shutdown.
    pub skipped: u64,
    /// Fires that did not run on their own because they were noticed too late.
    pub missed: u64,
    /// Runs going on now.
    pub running: u32,
}

impl Record {
    pub(super) fn ended(&mut self, run: Run) {
        self.running = self.running.saturating_sub(1);
        match run.outcome {
            RunOutcome::Succeeded => {}
            RunOutcome::Failed | RunOutcome::TimedOut => {
                self.failures = self.failures.saturating_add(1)
            }
            RunOutcome::Panicked => self.panics = self.panics.saturating_add(1),
            RunOutcome::Cancelled => self.cancelled = self.cancelled.saturating_add(1),
        }
        self.last = Some(run);
    }
}
