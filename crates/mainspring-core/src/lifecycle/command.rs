//! What the machine tells its shell to do.

use std::fmt;
use std::time::Duration;

use super::event::ShutdownCause;
use super::plan::PartId;
use super::report::{Phase, ShutdownReport};
use super::text::Escaped;
use crate::health::Readiness;

/// One thing for the shell to do now, in the order given.
///
/// All deadlines are monotonic time since the clock's origin. The machine enforces them: the shell
/// only shows them to user code.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Begin this step of the boot and answer with the event that says how it ended.
    Start {
        /// The step; for [`StartStep::Part`] a component, never a hook.
        step: StartStep,
        /// When its limit is exceeded.
        deadline: Duration,
    },
    /// Cancel the context of the running step; it gets a short grace to return.
    CancelStart {
        /// The step that is running.
        step: StartStep,
        /// What its context gives as cause.
        cause: CancelCause,
    },
    /// Drop the step: it ignored its cancellation. Its answer will be ignored.
    AbandonStart {
        /// The step that is running.
        step: StartStep,
    },
    /// The hook is registered; the shell keeps its function under this id.
    HookAccepted {
        /// The id that a later [`Command::StopPart`] names.
        part: PartId,
    },
    /// The hook is not registered and will never run; the caller gets an error.
    HookRefused {
        /// Why.
        because: RefusedBecause,
    },
    /// What the readiness probe answers from now on.
    SetReadiness(Readiness),
    /// The process must end at this time, whatever blocks it. Armed once, when stopping begins.
    ArmWatchdog {
        /// When [`Event::WatchdogFired`](super::Event::WatchdogFired) is due.
        at: Duration,
    },
    /// Begin this phase of the stop and answer with `PhaseEnded`. Never the components.
    BeginPhase {
        /// The phase.
        phase: Phase,
        /// When its time is over; already passed if earlier phases took everything.
        deadline: Duration,
    },
    /// Drop what is left of the phase and answer with `PhaseEnded`, naming what was cut.
    CutPhase {
        /// The phase that runs.
        phase: Phase,
    },
    /// Call the stop of this part and answer with `PartStopped` or `PartStopFailed`.
    StopPart {
        /// The part.
        part: PartId,
        /// When the context of its stop expires; already passed if no time is left.
        deadline: Duration,
    },
    /// Drop the running stop of this part. The shell has polled it at least once before.
    AbandonStop {
        /// The part.
        part: PartId,
    },
    /// Everything is over: return the report.
    Exit(Box<ShutdownReport>),
    /// End the process at once; the report says what had not stopped.
    ForceExit(Box<ShutdownReport>),
}

/// One step of the boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartStep {
    /// Bind every socket, so that all conflicts are found together.
    Bind,
    /// Let the health server answer: live, not ready.
    Health,
    /// Open and migrate the stores.
    Stores,
    /// Start one component.
    Part(PartId),
    /// Start schedules, periodic work and workers.
    Work,
    /// Let the main listener accept.
    Accept,
}

/// Why a running start was cancelled: the cause its context shows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CancelCause {
    /// The app was asked to stop.
    Shutdown(ShutdownCause),
    /// The start took longer than its limit.
    LimitExceeded {
        /// What was starting, such as `component "warm-cache"`.
        what: String,
        /// Its limit.
        limit: Duration,
    },
}

impl fmt::Display for CancelCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shutdown(cause) => write!(f, "the app is stopping: {cause}"),
            Self::LimitExceeded { what, limit } => {
                write!(f, "{} did not start within {limit:?}", Escaped(what))
            }
        }
    }
}

/// Why a hook was not registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusedBecause {
    /// The boot has not begun; hooks known before it belong into the plan.
    NotStarted,
    /// The app is already stopping; the caller must clean up by itself.
    ShuttingDown,
    /// [`HOOKS_MAX`](super::HOOKS_MAX) hooks are registered.
    TooMany,
}

impl fmt::Display for RefusedBecause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotStarted => "the app has not started; register the hook on its builder",
            Self::ShuttingDown => "the app is stopping; release the resource here instead",
            Self::TooMany => "too many hooks are registered; register one for many resources",
        })
    }
}
