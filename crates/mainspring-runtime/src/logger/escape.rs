//! Text that came from outside must not be able to forge a line or steer a terminal.

use std::fmt::Write as _;

/// Appends `text` as the inside of a JSON string.
pub(super) fn json(out: &mut String, text: &str) {
    escape(
        out,
        text,
        |c| matches!(c, '"' | '\\'),
        |out, c| match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Every unsafe character is below U+10000, so one group of four digits is enough.
            other => push_fmt(out, format_args!("\\u{:04x}", u32::from(other))),
        },
    );
}

/// Appends `text` for people: only what is unsafe is escaped.
pub(super) fn plain(out: &mut String, text: &str) {
    escape(out, text, |_| false, push_readable);
}

/// Appends `text` for people as one word: in quotes if it has spaces, `=` or quotes, or is empty.
pub(super) fn word(out: &mut String, text: &str) {
    let bare = |c: char| !c.is_whitespace() && !is_unsafe(c) && !matches!(c, '"' | '\\' | '=');
    if !text.is_empty() && text.chars().all(bare) {
        out.push_str(text);
        return;
    }
    out.push('"');
    escape(out, text, |c| matches!(c, '"' | '\\'), push_readable);
    out.push('"');
}

/// Whether a character could break a line, steer a terminal or change the direction of the text.
pub(super) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{2028}' | '\u{2029}' // line and paragraph separators
            | '\u{61c}' | '\u{200e}' | '\u{200f}' // direction marks
            | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') // direction overrides
}

fn escape(
    out: &mut String,
    text: &str,
    also: impl Fn(char) -> bool,
    mut push: impl FnMut(&mut String, char),
) {
    let mut rest = text;
    while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_unsafe(*c) || also(*c)) {
        let (clean, tail) = rest.split_at(at);
        out.push_str(clean);
        push(out, c);
        rest = tail.strip_prefix(c).unwrap_or_default();
    }
    out.push_str(rest);
}

fn push_readable(out: &mut String, c: char) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        other => push_fmt(out, format_args!("\\u{{{:x}}}", u32::from(other))),
    }
}

fn push_fmt(out: &mut String, args: std::fmt::Arguments<'_>) {
    out.write_fmt(args)
        .expect("writing into a String cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(escape: fn(&mut String, &str), text: &str) -> String {
        let mut out = String::new();
        escape(&mut out, text);
        out
    }

    #[test]
    fn control_characters_become_text() {
        let nasty = "a\nb\r\x1b[31m\u{9b}2J\u{7f}\u{2028}\u{202e}\t\"\\é";
        assert_eq!(
            through(json, nasty),
            r#"a\nb\r\u001b[31m\u009b2J\u007f\u2028\u202e\t\"\\é"#
        );
        assert_eq!(
            through(plain, nasty),
            r#"a\nb\r\u{1b}[31m\u{9b}2J\u{7f}\u{2028}\u{202e}\t"\é"#
        );
    }

    #[test]
    fn words_are_quoted_only_when_they_must_be() {
        for (text, expected) in [
            ("plain", "plain"),
            ("", r#""""#),
            ("two words", r#""two words""#),
            ("k=v", r#""k=v""#),
            ("a\"b\\", r#""a\"b\\""#),
            ("line\nbreak", r#""line\nbreak""#),
        ] {
            assert_eq!(through(word, text), expected);
        }
    }
}
