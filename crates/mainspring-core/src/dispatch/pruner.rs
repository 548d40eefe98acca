//! When to remove what is over for longer than it is kept.

use std::time::Duration;

use crate::store::{BATCH_MAX, Retention};
use crate::time::{Timestamp, wall_after};

/// How often old jobs are removed while new ones end: rare enough to cost nothing, often enough
/// that hardly more is kept than was asked for.
pub const PRUNE_EVERY: Duration = Duration::from_secs(3600);

/// Decides when to prune: an hour after something ended, and once more when the last of it has
/// been kept for long enough. When nothing ends, nothing is asked of the store.
#[derive(Clone, Debug)]
pub struct Pruner {
    keep: Retention,
    pruned: Timestamp,
    /// When something ended last, and whether that was after the last prune.
    ended: Timestamp,
    fresh: bool,
}

impl Pruner {
    /// A pruner that begins now, and takes what an earlier process has left for fresh.
    pub fn new(keep: Retention, now: Timestamp) -> Self {
        Self {
            keep,
            pruned: now,
            ended: now,
            fresh: true,
        }
    }

    /// Some jobs are over.
    pub fn ended(&mut self, now: Timestamp) {
        self.ended = now;
        self.fresh = true;
    }

    /// When to prune next; `None` if nothing will be old enough.
    pub fn next(&self) -> Option<Timestamp> {
        let hourly = wall_after(self.pruned, PRUNE_EVERY);
        if self.fresh {
            return Some(hourly);
        }
        let keep = [self.keep.succeeded, self.keep.failed, self.keep.cancelled];
        let old = keep.map(|keep| wall_after(self.ended, keep + Duration::from_millis(1)));
        let later = old.into_iter().filter(|at| *at > self.pruned);
        later.min().map(|at| at.max(hourly))
    }

    /// So many were removed of at most [`BATCH_MAX`]; answers whether to go on at once.
    pub fn pruned(&mut self, now: Timestamp, removed: usize) -> bool {
        if removed >= BATCH_MAX {
            return true;
        }
        self.pruned = now;
        self.fresh = false;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hourly_while_jobs_end_then_once_per_retention_then_never() {
        let start = Timestamp::UNIX_EPOCH;
        let mut pruner = Pruner::new(Retention::default(), start);
        let mut times = Vec::new();
        let mut now = start;
        while let Some(at) = pruner.next() {
            assert!(at > now && times.len() < 10);
            now = at;
            times.push(now.to_string());
            if times.len() == 1 {
                pruner.ended(now);
            }
            assert!(pruner.pruned(now, BATCH_MAX));
            assert!(!pruner.pruned(now, 3));
            if times.len() == 1 {
                pruner.ended(now);
            }
        }
        let expected = [
            "1970-01-01T01:00:00Z",
            "1970-01-01T02:00:00Z",
            "1970-01-02T01:00:00.001Z",
            "1970-01-08T01:00:00.001Z",
            "1970-01-31T01:00:00.001Z",
        ];
        assert_eq!(times, expected);
    }
}
