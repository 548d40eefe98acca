//! Which calls have been taken: the same id twice is one run.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mainspring_core::time::Monotonic;

use super::BUSY_RETRY;
use crate::error::ActionError;

/// How many ids one trigger remembers by default: a hundred calls a second for ten minutes, some
/// ten megabytes.
pub const REPLAYS_MAX: usize = 65_536;

/// How long an id is remembered at least: as long as a call signed ahead of our clock can be
/// repeated.
pub const KEPT: Duration = Duration::from_secs(10 * 60);

/// The ids of the calls that were taken.
pub(super) struct Replays {
    max: usize,
    taken: Mutex<BTreeMap<Arc<str>, Taken>>,
}

struct Taken {
    run: Arc<str>,
    since: Monotonic,
    /// The last second of the wall clock at which the call's signature is good.
    expires: i64,
}

/// Whether a call is new.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    First,
    /// It started this run.
    Before(Arc<str>),
}

impl Replays {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            taken: Mutex::new(BTreeMap::new()),
        }
    }

    /// The run that a call with this id has started, if it was taken before.
    pub(super) fn before(&self, id: &str) -> Option<Arc<str>> {
        self.taken().get(id).map(|taken| Arc::clone(&taken.run))
    }

    /// Takes a call unless it was taken before; `start` registers its run, and a refusal there
    /// leaves no trace.
    pub(super) fn first(
        &self,
        id: &str,
        run: &str,
        expires: i64,
        (now, wall): (Monotonic, i64),
        start: impl FnOnce() -> Result<(), ActionError>,
    ) -> Result<Seen, ActionError> {
        let mut taken = self.taken();
        if let Some(before) = taken.get(id) {
            return Ok(Seen::Before(Arc::clone(&before.run)));
        }
        if taken.len() >= self.max {
            // By both clocks: the wall may have been stepped, which must not make an old call new.
            taken.retain(|_, t| now.since(t.since) < KEPT || wall <= t.expires);
        }
        if taken.len() >= self.max {
            return Err(ActionError::unavailable(BUSY_RETRY));
        }
        start()?;
        let entry = Taken {
            run: Arc::from(run),
            since: now,
            expires,
        };
        taken.insert(Arc::from(id), entry);
        Ok(Seen::First)
    }

    fn taken(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Taken>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Replays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replays")
            .field("max", &self.max)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic::from_origin(Duration::from_secs(seconds))
    }

    fn take(replays: &Replays, id: &str, run: &str, mono: u64, wall: i64) -> Result<Seen, u16> {
        let seen = replays.first(id, run, wall + 300, (at(mono), wall), || Ok(()));
        seen.map_err(|error| error.status().as_u16())
    }

    #[test]
    fn an_id_is_one_run_and_full_means_503() {
        let replays = Replays::new(2);
        assert_eq!(take(&replays, "a", "1", 0, 0), Ok(Seen::First));
        assert_eq!(
            take(&replays, "a", "2", 599, 599),
            Ok(Seen::Before("1".into()))
        );
        assert_eq!(take(&replays, "b", "3", 599, 599), Ok(Seen::First));
        assert_eq!(take(&replays, "c", "4", 599, 599), Err(503));
        assert_eq!(take(&replays, "c", "5", 600, 600), Ok(Seen::First));
        assert_eq!(
            take(&replays, "b", "6", 600, 600),
            Ok(Seen::Before("3".into()))
        );
    }

    #[test]
    fn a_stepped_wall_clock_forgets_nothing_early() {
        let replays = Replays::new(1);
        assert_eq!(take(&replays, "a", "1", 0, 1000), Ok(Seen::First));
        assert_eq!(take(&replays, "b", "2", 10, 99_999), Err(503));
        assert_eq!(take(&replays, "b", "2", 700, 1200), Err(503));
        assert_eq!(take(&replays, "b", "2", 700, 1301), Ok(Seen::First));
    }

    #[test]
    fn a_run_that_was_not_taken_leaves_no_trace() {
        let replays = Replays::new(1);
        let full = replays.first("a", "1", 300, (at(0), 0), || {
            Err(ActionError::unavailable(BUSY_RETRY))
        });
        assert!(full.is_err());
        assert_eq!(take(&replays, "a", "2", 0, 0), Ok(Seen::First));
    }
}
