//! One instant on both clocks, and whether the wall clock was set between two of them.

use std::time::Duration;

use crate::time::{Monotonic, Timestamp, wall_after};

/// One instant, read on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock.
    pub wall: Timestamp,
    /// The monotonic clock.
    pub monotonic: Monotonic,
}

impl Moment {
    /// How far the wall clock must move against monotonic time to count as set: slewing and the
    /// time between two reads stay below it, a step that matters to a minute's schedule does not.
    pub const WALL_STEP_MIN: Duration = Duration::from_secs(1);

    /// Whether the wall clock was set between the two, by [`Moment::WALL_STEP_MIN`] or more.
    ///
    /// ```
    /// use mainspring_core::periodic::Moment;
    /// use mainspring_core::time::{Monotonic, Timestamp};
    /// use std::time::Duration;
    ///
    /// let start = Moment { wall: Timestamp::UNIX_EPOCH, monotonic: Monotonic::ORIGIN };
    /// let second = Duration::from_secs(1);
    /// let later = Moment { wall: start.wall + second, monotonic: start.monotonic + second };
    /// assert!(!start.wall_was_set(later));
    /// assert!(start.wall_was_set(Moment { wall: start.wall, ..later }));
    /// ```
    #[must_use]
    pub fn wall_was_set(self, other: Moment) -> bool {
        let shown = self.shown_by(other);
        shown.duration_since(self.wall).unsigned_abs() >= Self::WALL_STEP_MIN
    }

    /// So much later on both clocks.
    pub(super) fn after(self, by: Duration) -> Self {
        Self {
            wall: wall_after(self.wall, by),
            monotonic: self.monotonic + by,
        }
    }

    /// The same instant; its wall time is taken anew if the wall clock was set before `now`.
    pub(super) fn as_shown_at(self, now: Moment) -> Self {
        if !self.wall_was_set(now) {
            return self;
        }
        Self {
            wall: self.shown_by(now),
            ..self
        }
    }

    /// What the wall clock that `other` was read on shows at this instant.
    fn shown_by(self, other: Moment) -> Timestamp {
        let ahead = self.monotonic.since(other.monotonic);
        let behind = other.monotonic.since(self.monotonic);
        let wall = wall_after(other.wall, ahead);
        wall.checked_sub(behind).unwrap_or(Timestamp::MIN)
    }
}
