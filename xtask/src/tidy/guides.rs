//! Every guide is linked from the index of the guides, and no Markdown file links to a file or a
//! heading that is not there.

use std::collections::BTreeSet;

use super::finding::Finding;
use super::tree::Tree;

pub(super) const RULE: &str = "guides";

const FOLDER: &str = "docs/guides/";
const INDEX: &str = "docs/guides/README.md";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut linked = BTreeSet::new();
    for (path, text) in markdown(tree) {
        for (line, link) in links(text) {
            let (target, fragment) = link.split_once('#').unwrap_or((&link, ""));
            let target = resolve(path, target);
            if !exists(tree, &target) {
                let what = format!("`{link}` leads nowhere: correct the link, or remove it");
                findings.push(Finding::new(RULE, path, line, what));
            } else if !fragment.is_empty() && !has_heading(tree, &target, fragment) {
                let what = format!("`{target}` has no heading `#{fragment}`");
                findings.push(Finding::new(RULE, path, line, what));
            }
            if path == INDEX {
                linked.insert(target);
            }
        }
    }
    for (path, _) in markdown(tree) {
        if path.starts_with(FOLDER) && path != INDEX && !linked.contains(path) {
            findings.push(Finding::new(RULE, path, 1, format!("link it from {INDEX}")));
        }
    }
    findings
}

fn markdown(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    let files = tree.files().iter();
    files
        .filter(|file| file.path.ends_with(".md"))
        .filter_map(|file| Some((&*file.path, file.text.as_deref().ok()?)))
}

/// The lines outside of code blocks, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !fence && !in_code
    })
}

/// The targets of the links into this project, with their lines.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        // What is between backticks is code.
        let line: String = line.split('`').step_by(2).collect();
        for rest in line.split("](").skip(1) {
            let target = rest.split([')', ' ']).next().unwrap_or(rest);
            if !target.contains("://") && !target.starts_with("mailto:") {
                found.push((number, target.to_owned()));
            }
        }
    }
    found
}

/// Where a link in the file `from` leads, as a path from the root. A link without a path stays in
/// its file.
fn resolve(from: &str, target: &str) -> String {
    if target.is_empty() {
        return from.to_owned();
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

/// Whether this is a file of the project, or a folder with one in it.
fn exists(tree: &Tree, path: &str) -> bool {
    let inside = |file: &str| match file.strip_prefix(path) {
        Some(rest) => rest.is_empty() || rest.starts_with('/'),
        None => false,
    };
    tree.files().iter().any(|file| inside(&file.path))
}

fn has_heading(tree: &Tree, path: &str, fragment: &str) -> bool {
    let Some(text) = tree.text(path) else {
        return false;
    };
    let headings = prose(text).filter_map(|(_, line)| line.strip_prefix('#'));
    headings
        .map(|heading| slug(heading.trim_start_matches('#')))
        .any(|slug| slug == fragment)
}

/// The name by which a heading is linked.
fn slug(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || [' ', '-', '_'].contains(c);
    let text: String = heading.trim().chars().filter(kept).collect();
    text.to_lowercase().replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::found;

    #[test]
    fn guides_without_a_link_and_links_without_a_guide_are_found() {
        let tree = [
            (
                "docs/guides/README.md",
                "[a](a.md) [x](../x.md)\n[b](./learn/b.md) [c](c.md)\n",
            ),
            ("docs/guides/a.md", ""),
            ("docs/guides/learn/b.md", ""),
            ("docs/guides/d.md", ""),
            ("docs/x.md", ""),
        ];
        assert_eq!(
            found(RULE, &tree),
            ["docs/guides/README.md:2", "docs/guides/d.md:1"]
        );
        assert_eq!(
            found(RULE, &[("docs/guides/a.md", "")]),
            ["docs/guides/a.md:1"]
        );
        assert!(found(RULE, &[]).is_empty());
    }

    #[test]
    fn links_of_any_file_that_lead_nowhere_are_found() {
        let tree = [
            ("LICENSE", ""),
            ("docs/a.md", "# A b, `c`!\n"),
            (
                "README.md",
                "[a](docs/a.md) [l](LICENSE) [d](docs/) [w](https://example.com/x)\n\
                 [a](docs/a.md#a-b-c) [h](#here)\n\
                 ## Here\n\
                 [b](docs/b.md)\n\
                 [a](docs/a.md#b)\n\
                 [h](#there)\n\
                 [o](../outside.md) [p](doc)\n\
                 `[n](none.md)`\n\
                 ```\n[n](none.md)\n```\n",
            ),
        ];
        let lines = [4, 5, 6, 7, 7].map(|line| format!("README.md:{line}"));
        assert_eq!(found(RULE, &tree), lines);
    }
}
