//! Durations as people write them: `30s`, `1h30m`, `500ms`.

use std::time::Duration;

use crate::error::{Error, ErrorKind};

/// The longest text that is read, in bytes; every unit with twenty digits is shorter.
pub const TEXT_MAX: usize = 128;

/// The longest duration that a text may give, a hundred years: a longer one is a slip of the unit.
pub const DURATION_MAX: Duration = Duration::from_secs(36_525 * 86_400);

/// The units, longest first, with their length in nanoseconds.
const UNITS: [(&str, u64); 8] = [
    ("w", 7 * 86_400 * 1_000_000_000),
    ("d", 86_400 * 1_000_000_000),
    ("h", 3_600 * 1_000_000_000),
    ("m", 60 * 1_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Reads a duration.
///
/// One or more whole numbers, each followed by its unit: `w`, `d` (24 hours), `h`, `m`, `s`, `ms`,
/// `us`, `ns`. Longer units come first and each at most once; no spaces, signs or fractions.
///
/// # Errors
/// A text that is not of this form, longer than [`TEXT_MAX`], or longer than [`DURATION_MAX`] as a
/// duration. The error, of the kind
/// [`ErrorKind::Input`], names the place and has a hint.
///
/// ```
/// use mainspring_core::duration_text::parse_duration;
/// use std::time::Duration;
///
/// assert_eq!(parse_duration("1h30m")?, Duration::from_secs(5_400));
/// assert_eq!(parse_duration("500ms")?, Duration::from_millis(500));
/// assert_eq!(parse_duration("30").unwrap_err().hint(), Some("say the unit, such as 30s"));
/// # Ok::<(), mainspring_core::error::Error>(())
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, Error> {
    if text.len() > TEXT_MAX {
        let start: String = text.chars().take(32).collect();
        return Err(fault(
            format!("the duration that starts {start:?} is longer than {TEXT_MAX} bytes"),
            USAGE,
        ));
    }
    if text.is_empty() {
        return Err(fault("the duration is empty", USAGE));
    }
    let bad = |why: String, hint: &str| fault(format!("the duration {text:?} {why}"), hint);
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut total = 0_u64;
    while !rest.is_empty() {
        let column = text.len() - rest.len() + 1;
        let (digits, after) = split(rest, |byte| byte.is_ascii_digit());
        let (unit, after) = split(after, |byte| byte.is_ascii_alphabetic());
        if digits.is_empty() {
            return Err(bad(
                format!("has no number at column {column}"),
                hint_for(rest),
            ));
        }
        if unit.is_empty() {
            let hint = match after.bytes().next() {
                None => format!("say the unit, such as {digits}s"),
                Some(_) => hint_for(after).to_owned(),
            };
            return Err(bad(format!("has no unit after {digits:?}"), &hint));
        }
        if !UNITS.iter().any(|(name, _)| *name == unit) {
            return Err(bad(
                format!(
                    "has the unknown unit {unit:?} at column {}",
                    column + digits.len()
                ),
                "the units are w, d, h, m, s, ms, us and ns",
            ));
        }
        // The iterator has moved past every unit used so far and every longer one.
        let Some((_, length)) = units.find(|(name, _)| *name == unit) else {
            return Err(bad(
                format!("has the unit {unit:?} twice or after a shorter one"),
                "longer units come first, each at most once, such as 1h30m",
            ));
        };
        total = digits
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(*length))
            .and_then(|part| total.checked_add(part))
            .filter(|total| u128::from(*total) <= DURATION_MAX.as_nanos())
            .ok_or_else(|| {
                bad(
                    "is longer than a hundred years".to_owned(),
                    "check the unit",
                )
            })?;
        rest = after;
    }
    Ok(Duration::from_nanos(total))
}

fn fault(message: impl Into<String>, hint: &str) -> Error {
    Error::new(ErrorKind::Input, message).with_hint(hint)
}

const USAGE: &str = "write numbers with units, such as 30s, 1h30m or 500ms";

/// The hint for a text that goes on with something other than a number or a unit.
fn hint_for(rest: &str) -> &'static str {
    match rest.bytes().next() {
        Some(b'.' | b',') => "fractions are written in the next unit, such as 1s500ms for 1.5s",
        Some(b' ') => "leave the spaces out, such as 1h30m",
        Some(b'-' | b'+') => "a duration has no sign",
        _ => USAGE,
    }
}

/// Splits off the longest start whose bytes all satisfy `accept`, which must accept ASCII only.
fn split(text: &str, accept: impl Fn(u8) -> bool) -> (&str, &str) {
    let end = text
        .bytes()
        .position(|byte| !accept(byte))
        .unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}
