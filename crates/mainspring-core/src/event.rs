//! What happened, told once: events feed metrics, logs and, in tests, the recorder.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::time::Timestamp;

/// Something that happened in an app.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A supervised task panicked.
    TaskPanicked {
        /// The task's name.
        task: Arc<str>,
        /// The panic's message.
        message: String,
    },
    /// A supervised task was started again after it had panicked.
    TaskRestarted {
        /// The task's name.
        task: Arc<str>,
    },
    /// A component changed its state.
    Component {
        /// The component's name.
        name: Arc<str>,
        /// `starting`, `started`, `failed`, `stopping`, `stopped` or `abandoned`.
        state: &'static str,
    },
    /// A follow-up ended, or never ran.
    FollowUp {
        /// The follow-up's name.
        name: Arc<str>,
        /// How it ended.
        outcome: WorkOutcome,
        /// How long its body ran.
        took: Duration,
    },
    /// A run of a periodic ended, or was skipped.
    PeriodicRun {
        /// The periodic's name.
        name: Arc<str>,
        /// The instant its plan asked for.
        scheduled_for: Timestamp,
        /// How it ended.
        outcome: WorkOutcome,
        /// How long its body ran.
        took: Duration,
    },
    /// An attempt of a job ended.
    Job {
        /// The job's kind.
        kind: Arc<str>,
        /// The job.
        id: crate::job::JobId,
        /// The number of the attempt.
        attempt: u32,
        /// How it ended: a word of [`Verdict::as_str`](crate::job::Verdict::as_str), or `fenced`
        /// when it was too late.
        outcome: &'static str,
        /// How long its body ran.
        took: Duration,
    },
    /// A durable schedule fired and enqueued a job.
    ScheduleFired {
        /// The schedule's name.
        name: Arc<str>,
        /// The instant its plan asked for.
        scheduled_for: Timestamp,
    },
    /// An action answered.
    Action {
        /// The action's name.
        name: Arc<str>,
        /// The HTTP status of the answer.
        status: u16,
        /// From the request's head to the answer's head.
        took: Duration,
    },
}

/// How a unit of work ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkOutcome {
    /// The body returned without an error.
    Succeeded,
    /// The body returned this error.
    Failed(String),
    /// The body panicked with this message.
    Panicked(String),
    /// The body ran into its limit and was dropped.
    TimedOut,
    /// The body was dropped because the app was stopping or an overlap policy said so.
    Cancelled,
    /// The body never ran: a bound was reached, its handler failed, or an overlap policy skipped
    /// it.
    Dropped,
}

impl WorkOutcome {
    /// The outcome as a metric label.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed(_) => "failed",
            Self::Panicked(_) => "panicked",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
            Self::Dropped => "dropped",
        }
    }
}

/// Where events go; cheap to clone.
#[derive(Clone)]
pub struct Events(Arc<dyn Fn(&Event) + Send + Sync>);

impl Events {
    /// Events go to `sink`, which must be quick: it is called where things happen.
    pub fn to(sink: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(sink))
    }

    /// Events go nowhere.
    pub fn nowhere() -> Self {
        Self::to(|_| {})
    }

    /// Tells an event.
    pub fn emit(&self, event: Event) {
        (self.0)(&event);
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events")
    }
}
