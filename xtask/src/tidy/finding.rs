//! One fault in one place.

use std::fmt;

/// A fault, shown as `file:line: rule: what to do`.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) rule: &'static str,
    path: String,
    line: usize,
    what_to_do: String,
}

impl Finding {
    pub(crate) fn new(
        rule: &'static str,
        path: &str,
        line: usize,
        what_to_do: impl Into<String>,
    ) -> Self {
        Self {
            rule,
            path: path.to_owned(),
            line,
            what_to_do: what_to_do.into(),
        }
    }

    /// `file:line`, which most editors open.
    pub(crate) fn place(&self) -> String {
        format!("{}:{}", self.path, self.line)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.place(), self.rule, self.what_to_do)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_shows_place_rule_and_remedy() {
        let finding = Finding::new("size", "a/b.rs", 7, "split it");
        assert_eq!(finding.to_string(), "a/b.rs:7: size: split it");
    }
}
