//! What the fuzz targets call, and the replay of their corpora: any bytes, and what must hold.
//!
//! Each function panics when a promise is broken.

use std::time::Duration;

use crate::duration_text::{DURATION_MAX, parse_duration};
use crate::error::Error;
use crate::periodic::{Cron, Plan};
use crate::time::Timestamp;

/// How many fires of a pattern are looked at.
const FIRES: usize = 4;

/// Where a preview begins: an ordinary day, the last hours before clocks change in both halves of
/// the world, a leap day, and both ends of what can be written.
const STARTS: [&str; 6] = [
    "2026-03-28T00:00:00Z",
    "2026-03-29T00:30:00Z",
    "2026-10-25T00:30:00Z",
    "2028-02-29T23:59:59Z",
    "-009998-01-01T00:00:00Z",
    "9999-12-29T00:00:00Z",
];

/// A cron pattern, with the name of a zone on a second line if there is one.
///
/// It is refused with a hint, or its fires come in order after the instant asked about.
pub fn cron(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (pattern, zone) = text.split_once('\n').unwrap_or((&text, ""));
    let mut cron = Cron::new(pattern);
    if !zone.is_empty() {
        cron = cron.in_zone(zone);
    }
    let checked = cron.check();
    assert_eq!(
        checked.is_ok(),
        cron.faults().is_empty(),
        "both say whether the pattern is valid"
    );
    for start in STARTS {
        let after: Timestamp = start.parse().expect("a valid instant");
        let fires = cron.next_fires(after, FIRES);
        assert!(fires.len() <= FIRES, "no more than asked for");
        assert!(
            checked.is_ok() || fires.is_empty(),
            "a faulty pattern never fires"
        );
        let mut before = after;
        for fire in fires {
            assert!(fire.at > before, "{} is not after {before}", fire.at);
            before = fire.at;
        }
    }
    if let Err(error) = checked {
        explained(&error);
    }
}

/// A duration as people write it.
///
/// It is refused with a hint, or it is within its limit and reads the same when written in one
/// unit.
pub fn duration(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match parse_duration(&text) {
        Ok(read) => {
            assert!(read <= DURATION_MAX, "{read:?} is beyond the limit");
            let written = format!("{}ns", read.as_nanos());
            let again: Result<Duration, _> = parse_duration(&written);
            assert_eq!(again.ok(), Some(read), "{written} reads the same");
        }
        Err(error) => explained(&error),
    }
}

fn explained(error: &Error) {
    assert!(!error.to_string().is_empty(), "an error says what is wrong");
    let hint = error.hint().unwrap_or_default();
    assert!(!hint.is_empty(), "an error says what to do: {error}");
}
