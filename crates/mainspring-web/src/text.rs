//! Words that a client sent and that are sent back to it: never more than a few.

/// How many bytes of a path or a message in a refusal: enough to find the place, and bounded for
/// hostile input.
pub(crate) const TEXT_BYTES_MAX: usize = 256;

const MORE: &str = "…";

/// Cuts a text at a character, so that it has at most `max` bytes with the sign that there was
/// more.
pub(crate) fn cut(mut text: String, max: usize) -> String {
    if text.len() > max {
        let room = max.saturating_sub(MORE.len());
        let keep = (0..=room).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(keep.unwrap_or(0));
        text.push_str(MORE);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_a_character() {
        assert_eq!(cut("short".into(), 5), "short");
        assert_eq!(cut("ßßßßß".into(), 8), "ßß…");
        assert_eq!(cut("ßßßßß".into(), 10), "ßßßßß");
    }
}
