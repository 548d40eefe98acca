//! The lifecycle of one app as a pure machine: what starts, what stops, in which order, until when.
//!
//! The machine has no clock, no tasks and no I/O. A shell feeds it [`Event`]s with the monotonic
//! time since its origin, executes the [`Command`]s it gets back, and arms one timer for
//! [`Machine::next_deadline`]. So every path through boot and exit is a list of values.
//!
//! # Examples
//!
//! ```
//! use std::time::Duration;
//! use mainspring_core::lifecycle::{Command, Event, Machine, Part, Plan, StartStep};
//!
//! let plan = Plan::new("accounts").with_part(Part::component("warm-cache"));
//! let mut machine = Machine::new(plan);
//! let commands = machine.handle(Duration::ZERO, Event::Start);
//! assert!(matches!(commands.last(), Some(Command::Start { step: StartStep::Bind, .. })));
//! ```
//!
//! # Order
//!
//! ```text
//! start   bind → health → stores → parts, one by one → work → accept → ready
//! stop    drain → http → follow-ups → workers → parts, in reverse → stores → telemetry → health
//! ```

mod budget;
mod command;
mod event;
mod exit;
mod machine;
mod plan;
mod report;
mod text;

pub use budget::{
    BUDGET, Budget, COMPONENTS_RESERVE, FOLLOW_UPS_RESERVE, HTTP_RESERVE, TELEMETRY_RESERVE,
    WORKERS_RESERVE,
};
pub use command::{CancelCause, Command, RefusedBecause, StartStep};
pub use event::{BindConflict, Event, Failure, ShutdownCause, Signal};
pub use exit::{Exit, Forced};
pub use machine::{
    ERRORS_MAX, EXPIRED_GRACE, HOOKS_MAX, Machine, OVERRUN_MAX, PHASE_GRACE, STOP_GRACE, Stage,
    WATCHDOG_MARGIN,
};
pub use plan::{
    CANCEL_GRACE, DRAIN_DELAY, Limits, Mode, Part, PartId, PartKind, Plan, START_LIMIT, STEP_LIMIT,
    STORES_LIMIT,
};
pub use report::{
    PartReport, Phase, PhaseOutcome, PhaseReport, Problem, ShutdownReport, StartOutcome,
    StartReport, StopOutcome, StopReport,
};
pub use text::TEXT_MAX;
