//! Every guide is linked from the index of the guides, and the index links nothing that is not
//! there.

use super::finding::Finding;
use super::tree::Tree;

pub(super) const RULE: &str = "guides";

const FOLDER: &str = "docs/guides/";
const INDEX: &str = "docs/guides/README.md";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let guides: Vec<&str> = tree
        .files()
        .iter()
        .filter(|file| file.path != INDEX)
        .filter_map(|file| file.path.strip_prefix(FOLDER))
        .filter(|name| name.ends_with(".md"))
        .collect();
    let links: Vec<(usize, &str)> = tree.text(INDEX).map(links).unwrap_or_default();
    let mut findings = Vec::new();
    for guide in &guides {
        if !links.iter().any(|(_, link)| link == guide) {
            let what = format!("link it from {INDEX}");
            findings.push(Finding::new(RULE, &format!("{FOLDER}{guide}"), 1, what));
        }
    }
    for (line, link) in links {
        let inside = link.ends_with(".md") && !link.starts_with("..") && !link.contains("://");
        if inside && !guides.contains(&link) {
            let what = format!("there is no guide `{link}`: write it, or remove the link");
            findings.push(Finding::new(RULE, INDEX, line, what));
        }
    }
    findings
}

/// The targets of the Markdown links of a text, without their fragments, with their lines.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        for rest in line.split("](").skip(1) {
            let target = rest.split([')', ' ', '#']).next().unwrap_or(rest);
            found.push((number, target.trim_start_matches("./")));
        }
    }
    found
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
                "[a](a.md) [x](../x.md)\n[b](./learn/b.md#part) [c](c.md)\n",
            ),
            ("docs/guides/a.md", ""),
            ("docs/guides/learn/b.md", ""),
            ("docs/guides/d.md", ""),
        ];
        assert_eq!(
            found(RULE, &tree),
            ["docs/guides/d.md:1", "docs/guides/README.md:2"]
        );
        assert_eq!(
            found(RULE, &[("docs/guides/a.md", "")]),
            ["docs/guides/a.md:1"]
        );
        assert!(found(RULE, &[]).is_empty());
    }
}
