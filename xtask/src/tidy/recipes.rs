//! The recipes of the guide for background tasks stay shorter than the same recipes in Go, where a
//! guide spells them out with goroutines, tickers and channels.
//!
//! What is counted: every line of the recipe's `main.rs` that is neither empty nor a comment, from
//! its top, imports included, to `fn app`, and what stands inside `fn app`. Not counted, because
//! the Go does not show it either: the lines around the registration (`fn app(…) {` and its `}`),
//! `main`, the tests, and the stand-ins for what a user has of their own, such as a store, which
//! are in files of their own. Of the Go all lines that are not empty are counted.

use super::finding::Finding;
use super::tree::Tree;

pub(super) const RULE: &str = "recipes";

/// Each recipe, and how many lines its Go has.
const RECIPES: [(&str, usize); 3] = [
    // 11 of the component, 2 of its registration.
    ("examples/warm-cache/src/main.rs", 13),
    ("examples/nightly-report/src/main.rs", 41),
    ("examples/register/src/main.rs", 40),
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, go) in RECIPES {
        let Some(text) = tree.text(path) else {
            continue;
        };
        match recipe_lines(text) {
            Some(lines) if lines < go => {}
            Some(lines) => {
                let what = format!("the recipe has {lines} lines, its Go {go}: shorten it");
                findings.push(Finding::new(RULE, path, 1, what));
            }
            None => {
                let what = "write the registration into `fn app`, so that it can be counted";
                findings.push(Finding::new(RULE, path, 1, what));
            }
        }
    }
    findings
}

/// The lines of a recipe; `None` if it has no `fn app` that ends.
fn recipe_lines(text: &str) -> Option<usize> {
    let mut lines = text.lines();
    let code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
    let before = lines
        .by_ref()
        .take_while(|line| !line.starts_with("fn app("));
    let before = before.filter(code).count();
    let mut inside = 0;
    for line in lines {
        if line == "}" {
            return Some(before + inside);
        }
        inside += usize::from(code(&line));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::found;

    const PATH: &str = "examples/warm-cache/src/main.rs";

    #[test]
    fn a_recipe_as_long_as_its_go_is_found() {
        let recipe = |lines: usize| {
            let lines = "let a = 1;\n".repeat(lines);
            format!("//! A.\n\n{lines}fn app() -> App {{\n    // B.\n    c\n}}\nfn main() {{}}\n")
        };
        assert!(found(RULE, &[(PATH, &recipe(11))]).is_empty());
        assert_eq!(found(RULE, &[(PATH, &recipe(12))]), [format!("{PATH}:1")]);
    }

    #[test]
    fn a_recipe_that_cannot_be_counted_is_found() {
        for text in ["use a;\n", "fn app() {\n"] {
            assert_eq!(found(RULE, &[(PATH, text)]), [format!("{PATH}:1")]);
        }
    }

    #[test]
    fn every_recipe_is_there() {
        for (path, _) in RECIPES {
            assert!(crate::root().join(path).is_file(), "{path}");
        }
    }
}
