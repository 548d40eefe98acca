//! The state of a periodic, for people.

use std::sync::Arc;

use mainspring_core::periodic::Record;
use mainspring_core::time::Timestamp;

/// What a periodic has done and will do next.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PeriodicState {
    /// The name it was registered under.
    pub name: Arc<str>,
    /// Its last run and its counters.
    pub record: Record,
    /// When it fires next; `None` before the start, after the stop, and when no fire is left.
    pub next_fire: Option<Timestamp>,
}
