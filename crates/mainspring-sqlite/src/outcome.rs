//! How an attempt ended, as a number in its row. The numbers never change their meaning.

use mainspring_core::job::Verdict;

pub(crate) const RUNNING: i64 = 0;
pub(crate) const SUCCEEDED: i64 = 1;
pub(crate) const RETRIED: i64 = 2;
pub(crate) const SNOOZED: i64 = 3;
pub(crate) const CANCELLED: i64 = 4;
pub(crate) const FAILED: i64 = 5;
pub(crate) const RELEASED: i64 = 6;
pub(crate) const RESCUED: i64 = 7;
pub(crate) const QUARANTINED: i64 = 8;
/// Rescued before its body had begun, and not charged.
pub(crate) const RESCUED_FREE: i64 = 9;

/// The number of a verdict.
pub(crate) fn of(verdict: &Verdict) -> i64 {
    match verdict.as_str() {
        "succeeded" => SUCCEEDED,
        "retried" => RETRIED,
        "snoozed" => SNOOZED,
        "cancelled" => CANCELLED,
        "failed" => FAILED,
        _ => RELEASED,
    }
}

/// The word that a job's history shows.
pub(crate) fn word(outcome: i64) -> &'static str {
    match outcome {
        RUNNING => "running",
        SUCCEEDED => "succeeded",
        RETRIED => "retried",
        SNOOZED => "snoozed",
        CANCELLED => "cancelled",
        FAILED => "failed",
        RELEASED => "released",
        QUARANTINED => "quarantined",
        _ => "rescued",
    }
}

/// Whether the attempt was given back.
pub(crate) fn is_free(outcome: i64) -> bool {
    matches!(outcome, SNOOZED | RELEASED | RESCUED_FREE)
}
