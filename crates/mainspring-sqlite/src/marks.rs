//! Bits of a job's `marks`: what few jobs have, so that usual ones need no second look. Statements
//! name some of them by number.

/// It has a place inside its gate.
pub(crate) const IN_GATE: i64 = 1;
/// Its unique key is free when it starts.
pub(crate) const UNIQUE_START: i64 = 2;
/// Its unique key is free when it is over.
pub(crate) const UNIQUE_END: i64 = 4;
/// Somebody wants it cancelled while it runs.
pub(crate) const CANCELLING: i64 = 8;
/// Its payload stands in the table of details.
pub(crate) const LARGE: i64 = 16;
/// It has a row in the table of details that a claim must read.
pub(crate) const DETAIL: i64 = 32;
/// It was claimed to run alone.
pub(crate) const ALONE: i64 = 64;
/// Its gate lets jobs in one by one, as they were enqueued.
pub(crate) const ORDERED: i64 = 128;
/// A user's transaction has completed it; its engine has not finished it yet.
pub(crate) const OWNED: i64 = 256;
