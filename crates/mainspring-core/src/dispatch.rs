//! The decisions of the job engine, without I/O, clock or chance: what to claim, run, finish and
//! promote ([`Dispatcher`]), how an attempt ends ([`verdict`]), which sessions are dead
//! ([`Rescuer`]), which fires of a schedule are due ([`Scheduler`]), when to clear up
//! ([`Pruner`]).
//!
//! Each is `(state, event, now) → (state, commands)`. A shell in the runtime tells them what
//! happened, asks them what is to be done, and does it.

mod dispatcher;
mod pruner;
mod rescuer;
mod scheduler;
mod verdict;

pub use dispatcher::{
    AHEAD_TIME, Command, Dispatcher, LOCAL_WAIT_MAX, QueueSettings, RETRY_REST_MAX, Wake,
};
pub use pruner::{PRUNE_EVERY, Pruner};
pub use rescuer::{Dead, LEASE, LOOK_EVERY, LOOK_GAP_MAX, Rescuer};
pub use scheduler::{DueFire, Scheduler};
pub use verdict::{Ended, Policy, verdict};
