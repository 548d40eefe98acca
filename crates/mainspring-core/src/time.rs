//! The two kinds of instants: wall time, which may step, and monotonic time, which never does.

use std::ops::{Add, Sub};
use std::time::Duration;

pub use jiff::Timestamp;

/// An instant on a clock's own monotonic time line, counted from the clock's origin.
///
/// It never steps backwards and means nothing to another clock; use [`Timestamp`] for instants that
/// people or other machines must understand.
///
/// ```
/// use mainspring_core::time::Monotonic;
/// use std::time::Duration;
///
/// let start = Monotonic::from_origin(Duration::from_secs(5));
/// let later = start + Duration::from_secs(2);
/// assert_eq!(later.since(start), Duration::from_secs(2));
/// assert_eq!(start.since(later), Duration::ZERO);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Monotonic(Duration);

impl Monotonic {
    /// The clock's origin.
    pub const ORIGIN: Monotonic = Monotonic(Duration::ZERO);

    /// An instant that never comes.
    pub const NEVER: Monotonic = Monotonic(Duration::MAX);

    /// The instant this long after the clock's origin.
    pub const fn from_origin(since: Duration) -> Self {
        Self(since)
    }

    /// The time since the clock's origin.
    pub const fn since_origin(self) -> Duration {
        self.0
    }

    /// The time from `earlier` to this instant, or zero if `earlier` is the later one.
    pub const fn since(self, earlier: Monotonic) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Monotonic {
    type Output = Monotonic;

    /// Saturates: an instant too far away to count is one that never comes.
    fn add(self, by: Duration) -> Monotonic {
        Monotonic(self.0.saturating_add(by))
    }
}

impl Sub<Duration> for Monotonic {
    type Output = Monotonic;

    fn sub(self, by: Duration) -> Monotonic {
        Monotonic(self.0.saturating_sub(by))
    }
}

/// Adds a duration to a wall instant; saturates at the last instant that can be written.
pub fn wall_after(from: Timestamp, by: Duration) -> Timestamp {
    from.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// The time from `earlier` to `later`, or zero if `earlier` is the later one.
pub fn wall_between(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or(Duration::ZERO)
}
