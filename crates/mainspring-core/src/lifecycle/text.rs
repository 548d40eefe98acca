//! User text on its way into a report: bounded, on one line, without passwords.

use std::fmt::{self, Write as _};
use std::time::Duration;

/// The most bytes of one message that a report keeps.
///
/// Errors of drivers can carry whole queries; 2 KiB is more than anybody reads and keeps a report
/// of a thousand failures within a few megabytes.
pub const TEXT_MAX: usize = 2048;

/// What stands where a password was.
const REDACTED: &str = "***";

/// Returns `text` without passwords in URLs and cut to [`TEXT_MAX`] bytes.
pub(super) fn clean(text: &str) -> String {
    let mut clean = redact(text);
    if clean.len() > TEXT_MAX {
        let cut = (0..=TEXT_MAX)
            .rev()
            .find(|at| clean.is_char_boundary(*at))
            .unwrap_or(0);
        clean.truncate(cut);
        clean.push('…');
    }
    clean
}

/// Displays text on one line: control and direction characters are escaped.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if is_unsafe(c) {
                write!(f, "{}", c.escape_default())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

/// Displays a duration as people read it: seconds with one digit, or whole milliseconds.
pub(super) struct Took(pub(super) Duration);

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 >= Duration::from_secs(1) {
            write!(f, "{:.1} s", self.0.as_secs_f64())
        } else {
            write!(f, "{} ms", self.0.as_millis())
        }
    }
}

/// Says whether a character could forge a line or reorder what a terminal shows.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{061c}'
        )
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Replaces `user:password@` after `://` by `user:***@`.
///
/// Connection errors like to quote the address they were given, and reports end up in logs.
fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        out.push_str(before);
        out.push_str("://");
        let end = after
            .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`'))
            .unwrap_or(after.len());
        let (address, tail) = after.split_at(end);
        out.push_str(&redact_authority(address));
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// Redacts one address; a password may itself hold `/`, so the last `@` ends the credentials.
fn redact_authority(address: &str) -> String {
    let Some((credentials, host)) = address.rsplit_once('@') else {
        return address.to_owned();
    };
    match credentials.split_once(':') {
        Some((user, _)) => format!("{user}:{REDACTED}@{host}"),
        None => format!("{REDACTED}@{host}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_addresses_are_not_kept() {
        let check = |text: &str, expected: &str| assert_eq!(clean(text), expected);
        check("no address here", "no address here");
        check(
            "postgres://db:5432/app is down",
            "postgres://db:5432/app is down",
        );
        check(
            "at postgres://ada:s3cret@db/app: refused",
            "at postgres://ada:***@db/app: refused",
        );
        check(
            "\"amqp://ada:p/a@ss@mq\" and http://x",
            "\"amqp://ada:***@mq\" and http://x",
        );
        check("https://token@host", "https://***@host");
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        let long = "é".repeat(TEXT_MAX);
        let kept = clean(&long);
        assert!(kept.len() <= TEXT_MAX + '…'.len_utf8());
        assert!(kept.ends_with("é…"));
    }

    #[test]
    fn control_and_direction_characters_are_escaped() {
        let shown = Escaped("a\nb\u{1b}[31m\u{202e}é\u{7f}").to_string();
        assert_eq!(shown, "a\\nb\\u{1b}[31m\\u{202e}é\\u{7f}");
    }
}
