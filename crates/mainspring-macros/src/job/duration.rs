//! Durations as people write them; the same form as `mainspring_core::duration_text`, which is not
//! at hand while a program is compiled.

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

/// The longest, a hundred years: a longer one is a slip of the unit.
const NANOS_MAX: u64 = 36_525 * 86_400 * 1_000_000_000;

/// The longest text, in bytes.
const TEXT_MAX: usize = 128;

/// What a duration looks like.
pub(super) const FORM: &str = "numbers with units, longest first, such as 30s, 1h30m or 500ms";

/// Reads a duration into nanoseconds; `None` for any other text.
pub(super) fn nanos(text: &str) -> Option<u64> {
    if text.is_empty() || text.len() > TEXT_MAX {
        return None;
    }
    let (mut rest, mut total) = (text, 0_u64);
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let (digits, after) = split(rest, |byte| byte.is_ascii_digit())?;
        let (unit, after) = split(after, |byte| byte.is_ascii_alphabetic())?;
        // The iterator has moved past every unit used so far and every longer one.
        let (_, length) = units.find(|(name, _)| *name == unit)?;
        let part = digits.parse::<u64>().ok()?.checked_mul(*length)?;
        total = total.checked_add(part)?;
        rest = after;
    }
    (total <= NANOS_MAX).then_some(total)
}

/// Splits off the longest start, at least one byte, whose bytes all satisfy `accept`.
fn split(text: &str, accept: impl Fn(u8) -> bool) -> Option<(&str, &str)> {
    let end = text.bytes().position(|byte| !accept(byte));
    let (start, rest) = text.split_at_checked(end.unwrap_or(text.len()))?;
    (!start.is_empty()).then_some((start, rest))
}

#[cfg(test)]
mod tests {
    use mainspring_core::duration_text::parse_duration;

    use super::*;

    #[track_caller]
    fn same(text: &str) {
        let known = parse_duration(text).ok().map(|read| read.as_nanos());
        assert_eq!(nanos(text).map(u128::from), known, "{text:?}");
    }

    #[test]
    fn texts_are_read_as_the_library_reads_them() {
        for text in [
            "",
            "0s",
            "30s",
            "1h30m",
            "500ms",
            "30",
            "s",
            "1s1h",
            "1s1s",
            "1.5s",
            "1 s",
            "-1s",
            "1w2d3h4m5s6ms7us8ns",
            "36525d",
            "36526d",
            "36525d1ns",
            "18446744073709551615ns",
            "18446744073709551616ns",
            "1x",
            "1sx",
            "ü",
            "1ü",
            "1M",
        ] {
            same(text);
        }
        same(&"0".repeat(TEXT_MAX));
        same(&format!("{}s", "0".repeat(TEXT_MAX - 1)));
        same(&format!("{}s", "0".repeat(TEXT_MAX)));
    }

    #[test]
    fn all_short_texts_are_read_as_the_library_reads_them() {
        let alphabet = ["", "0", "7", "s", "m", "h", "u", "n", " ", "-"];
        for a in alphabet {
            for b in alphabet {
                for c in alphabet {
                    for d in alphabet {
                        same(&[a, b, c, d].concat());
                    }
                }
            }
        }
    }
}
