//! Bits of a job's `marks`: what few jobs have, so that usual ones need no second look.

/// It holds a place inside its gate.
pub(crate) const IN_GATE: i64 = 1;
/// It holds a unique key until it starts.
pub(crate) const UNIQUE_START: i64 = 2;
/// It holds a unique key until it is over.
pub(crate) const UNIQUE_END: i64 = 4;
/// Somebody wants it cancelled while it runs.
pub(crate) const CANCELLING: i64 = 8;
/// Its payload stands in the table of details.
pub(crate) const LARGE: i64 = 16;
/// It has a row in the table of details that a claim must read.
pub(crate) const DETAIL: i64 = 32;
/// It ran alone when it was claimed last.
pub(crate) const SOLO: i64 = 64;
