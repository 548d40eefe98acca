//! The configuration of cargo-deny exists and says what it must. The tool itself is not needed to
//! build or to test, so contributors are told how to run it.

use super::finding::Finding;
use super::tree::Tree;

pub(super) const RULE: &str = "cargo-deny";

const CONFIGURATION: &str = "deny.toml";
const TOLD_IN: &str = "CONTRIBUTING.md";
const COMMAND: &str = "cargo deny check";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let finding = |path, what: String| Finding::new(RULE, path, 1, what);
    let Some(text) = tree.text(CONFIGURATION) else {
        return vec![finding(
            CONFIGURATION,
            "is missing or cannot be read".to_owned(),
        )];
    };
    let mut findings = Vec::new();
    // A file that does not parse is found by `readable`.
    let table: toml::Table = text.parse().unwrap_or_default();
    for section in ["advisories", "bans", "licenses", "sources"] {
        if !table.contains_key(section) {
            findings.push(finding(
                CONFIGURATION,
                format!("add the section [{section}]"),
            ));
        }
    }
    let allowed = table
        .get("licenses")
        .and_then(|licenses| licenses.get("allow")?.as_array());
    if allowed.is_none_or(Vec::is_empty) {
        findings.push(finding(
            CONFIGURATION,
            "list the allowed licences".to_owned(),
        ));
    }
    if !tree
        .text(TOLD_IN)
        .is_some_and(|text| text.contains(COMMAND))
    {
        findings.push(finding(TOLD_IN, format!("name the command `{COMMAND}`")));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::found;

    #[test]
    fn a_missing_or_hollow_configuration_is_found() {
        let full = "[advisories]\n[bans]\n[licenses]\nallow = [\"MIT\"]\n[sources]\n";
        let told = (TOLD_IN, "run `cargo deny check`");
        assert!(found(RULE, &[(CONFIGURATION, full), told]).is_empty());
        assert_eq!(found(RULE, &[told]).len(), 1);
        assert_eq!(
            found(RULE, &[(CONFIGURATION, full), (TOLD_IN, "")]).len(),
            1
        );
        assert_eq!(
            found(RULE, &[(CONFIGURATION, &full.replace("\"MIT\"", "")), told]).len(),
            1
        );
        assert_eq!(
            found(RULE, &[(CONFIGURATION, &full.replace("[bans]", "")), told]).len(),
            1
        );
    }
}
