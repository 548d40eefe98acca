//! `cargo xtask tidy`: the rules of the house, each one file in `tidy/`.
//!
//! A check is a function from the tree to what it found. It never stops at the first finding and
//! never panics on what it reads. Run as a test as well, so `cargo test --workspace` covers it.

mod cargo_deny;
mod documented;
mod features;
mod finding;
mod guides;
mod layers;
mod lints;
mod no_sleep;
mod no_unwrap;
mod own_words;
mod readable;
mod reasons;
mod recipes;
mod rust;
mod select;
mod size;
pub(crate) mod surface;
mod telemetry;
mod tree;

use std::path::Path;

use crate::{Done, Failure, no_arguments};
use finding::Finding;
use tree::Tree;

/// One rule: its name as it stands in the output, and how it is checked.
struct Check {
    name: &'static str,
    run: fn(&Tree) -> Vec<Finding>,
}

const CHECKS: &[Check] = &[
    Check {
        name: readable::RULE,
        run: readable::check,
    },
    Check {
        name: layers::RULE,
        run: layers::check,
    },
    Check {
        name: lints::RULE,
        run: lints::check,
    },
    Check {
        name: features::RULE,
        run: features::check,
    },
    Check {
        name: size::RULE,
        run: size::check,
    },
    Check {
        name: no_unwrap::RULE,
        run: no_unwrap::check,
    },
    Check {
        name: no_sleep::RULE,
        run: no_sleep::check,
    },
    Check {
        name: reasons::RULE,
        run: reasons::check,
    },
    Check {
        name: select::RULE,
        run: select::check,
    },
    Check {
        name: documented::RULE,
        run: documented::check,
    },
    Check {
        name: surface::RULE,
        run: surface::check,
    },
    Check {
        name: guides::RULE,
        run: guides::check,
    },
    Check {
        name: recipes::RULE,
        run: recipes::check,
    },
    Check {
        name: telemetry::RULE,
        run: telemetry::check,
    },
    Check {
        name: own_words::RULE,
        run: own_words::check,
    },
    Check {
        name: cargo_deny::RULE,
        run: cargo_deny::check,
    },
];

pub(crate) fn run(root: &Path, arguments: &[String]) -> Done {
    no_arguments("tidy", arguments)?;
    let tree = Tree::read(root).map_err(Failure::Failed)?;
    let findings = all(&tree);
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => {
            let rules: Vec<&str> = CHECKS.iter().map(|check| check.name).collect();
            println!(
                "tidy: {} files keep {}",
                tree.files().len(),
                rules.join(", ")
            );
            Ok(())
        }
        count => Err(Failure::Failed(format!(
            "tidy found {count} faults, listed above"
        ))),
    }
}

fn all(tree: &Tree) -> Vec<Finding> {
    CHECKS.iter().flat_map(|check| (check.run)(tree)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs one rule of the table on a tree made of `files`, and gives what it found as
    /// `file:line`. Going through the table means that a rule taken out of it fails its tests.
    #[track_caller]
    pub(crate) fn found(rule: &str, files: &[(&str, &str)]) -> Vec<String> {
        let check = CHECKS
            .iter()
            .find(|check| check.name == rule)
            .expect("the rule is in CHECKS");
        let findings = (check.run)(&Tree::of(files));
        assert!(findings.iter().all(|finding| finding.rule == rule));
        findings.iter().map(Finding::place).collect()
    }

    /// Checks what one rule finds in a source file of this text.
    #[track_caller]
    pub(crate) fn check_text(rule: &str, text: &str, expected: &[&str]) {
        assert_eq!(found(rule, &[("a.rs", text)]), expected, "{text}");
    }

    #[test]
    fn the_project_is_tidy() {
        let tree = Tree::read(&crate::root()).unwrap();
        let findings: Vec<String> = all(&tree).iter().map(Finding::to_string).collect();
        assert!(tree.files().len() > 10, "the tree was not read");
        assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
    }

    #[test]
    fn rules_have_names_of_their_own() {
        let mut names: Vec<&str> = CHECKS.iter().map(|check| check.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CHECKS.len());
    }
}
