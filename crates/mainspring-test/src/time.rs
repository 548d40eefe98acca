//! Words for instants and durations, so that a test reads like its story.

use std::time::Duration;

use mainspring_core::time::Timestamp;

/// The instant that an RFC 3339 text names.
///
/// ```
/// use mainspring_test::{hours, timestamp};
///
/// let midnight = timestamp("2026-03-28T00:00:00Z");
/// assert_eq!(midnight + hours(2), timestamp("2026-03-28T02:00:00Z"));
/// ```
///
/// # Panics
/// When the text names no instant; one without an offset or `Z` does not.
#[track_caller]
pub fn timestamp(text: &str) -> Timestamp {
    match text.parse() {
        Ok(instant) => instant,
        Err(error) => {
            panic!("`{text}` is no instant ({error}); write it like 2026-03-28T00:00:00Z")
        }
    }
}

/// This many days of 24 hours; saturates.
pub const fn days(count: u64) -> Duration {
    hours(count.saturating_mul(24))
}

/// This many hours; saturates.
pub const fn hours(count: u64) -> Duration {
    minutes(count.saturating_mul(60))
}

/// This many minutes; saturates.
pub const fn minutes(count: u64) -> Duration {
    seconds(count.saturating_mul(60))
}

/// This many seconds.
pub const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_what_they_say_and_saturate() {
        assert_eq!(days(2), Duration::from_secs(172_800));
        assert_eq!(
            hours(1) + minutes(1) + seconds(1),
            Duration::from_secs(3661)
        );
        assert_eq!(days(u64::MAX), Duration::from_secs(u64::MAX));
    }

    #[test]
    #[should_panic(expected = "`tomorrow` is no instant")]
    fn what_is_no_instant_is_said_with_an_example() {
        timestamp("tomorrow");
    }
}
