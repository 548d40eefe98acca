//! Instants as SQLite keeps them: whole microseconds.

use std::time::Duration;

use mainspring_core::time::Timestamp;

/// `now`, rounded down.
pub(crate) fn floor(at: Timestamp) -> i64 {
    narrow(at.as_nanosecond().div_euclid(1_000))
}

/// When something is due, rounded up, so that nothing starts early.
pub(crate) fn ceil(at: Timestamp) -> i64 {
    narrow(-(-at.as_nanosecond()).div_euclid(1_000))
}

/// The instant that was kept.
pub(crate) fn instant(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(if micros < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// A length of time.
pub(crate) fn span(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

fn narrow(micros: i128) -> i64 {
    i64::try_from(micros).unwrap_or(if micros < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn now_is_rounded_down_and_due_up_on_both_sides_of_1970() {
        for (nanos, down, up) in [(1_001, 1, 2), (1_000, 1, 1), (-1, -1, 0), (-1_000, -1, -1)] {
            let at = Timestamp::from_nanosecond(nanos).unwrap();
            assert_eq!((floor(at), ceil(at)), (down, up), "{nanos}");
        }
    }
}
