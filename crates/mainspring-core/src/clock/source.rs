//! What a source of time must offer: the seam between the clock's handle and the machine.

use std::fmt;
use std::task::{Context, Poll};

use crate::activity::Activity;
use crate::time::{Monotonic, Timestamp};

/// A callback that runs once.
pub type Callback = Box<dyn FnOnce() + Send>;

/// When something is due, on one of the two time lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// At a monotonic instant.
    Monotonic(Monotonic),
    /// When the wall clock shows at least this; follows its steps.
    Wall(Timestamp),
}

/// A source of time; users take a [`Clock`](super::Clock) and never implement this.
pub trait TimeSource: fmt::Debug + Send + Sync + 'static {
    /// The wall time.
    fn now(&self) -> Timestamp;

    /// The monotonic time since the source's origin.
    fn monotonic(&self) -> Monotonic;

    /// An alarm for a deadline, armed from now on.
    fn alarm(&self, deadline: Deadline) -> Box<dyn Alarm>;

    /// Calls `callback` at the deadline.
    fn after(&self, deadline: Deadline, callback: Callback) -> Box<dyn Stop>;

    /// The account of what is busy; only manual clocks have one.
    fn activity(&self) -> Option<&Activity> {
        None
    }
}

/// One deadline being waited for; dropping it forgets the deadline.
pub trait Alarm: Send + Sync {
    /// Ready once the deadline has passed; wakes the last caller then.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Waits for another deadline from now on.
    fn reset(&mut self, deadline: Deadline);

    /// Forgets the deadline: `poll` stays pending until a reset.
    fn disarm(&mut self);
}

/// One callback that may still be prevented.
pub trait Stop: Send + Sync {
    /// Whether this call prevented the callback.
    fn stop(&self) -> bool;
}
