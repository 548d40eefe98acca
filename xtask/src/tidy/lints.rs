//! The compiler keeps most rules, if it is asked to: every package takes the lints of the
//! workspace, which forbid `unsafe` and demand documentation, and no file is a `mod.rs`.

use proc_macro2::TokenTree;

use super::finding::Finding;
use super::rust::line;
use super::tree::{Manifest, Tree};

pub(super) const RULE: &str = "lints";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings: Vec<Finding> = tree
        .manifests()
        .filter_map(|manifest| check_manifest(&manifest))
        .collect();
    for file in tree.files() {
        if file.path.ends_with("/mod.rs") {
            let what = "name the file after the module: `name.rs` beside the folder `name`";
            findings.push(Finding::new(RULE, &file.path, 1, what));
        }
    }
    for (path, _, rust) in tree.library() {
        rust.each_tail(&mut |tail| {
            if let [TokenTree::Ident(level), TokenTree::Group(list), ..] = tail
                && (level == "allow" || level == "expect")
                && list
                    .stream()
                    .into_iter()
                    .any(|token| token.to_string() == "missing_docs")
            {
                let what = "document the items instead of allowing missing_docs";
                findings.push(Finding::new(RULE, path, line(level), what));
            }
        });
    }
    findings
}

fn check_manifest(manifest: &Manifest<'_>) -> Option<Finding> {
    let finding = |what: &str| Some(Finding::new(RULE, manifest.path, 1, what));
    // The entry points that a fuzz engine generates are unsafe, and nobody depends on them.
    if manifest.path.starts_with("fuzz/") {
        return None;
    }
    if manifest.is_workspace() {
        if level(manifest, "unsafe_code").is_none_or(|level| level != "forbid") {
            return finding("set `unsafe_code = \"forbid\"` in [workspace.lints.rust]");
        }
        let documented = level(manifest, "missing_docs");
        if manifest.path == "Cargo.toml" && documented.is_none_or(|level| level == "allow") {
            return finding("set `missing_docs = \"warn\"` in [workspace.lints.rust]");
        }
    }
    manifest.package()?;
    let inherited = manifest
        .table
        .get("lints")
        .and_then(|lints| lints.get("workspace"));
    match inherited.and_then(toml::Value::as_bool) {
        Some(true) => None,
        _ => finding("take the lints of the workspace: `[lints]` with `workspace = true`"),
    }
}

/// The level of a rustc lint in `[workspace.lints.rust]`, written short or as a table.
fn level<'a>(manifest: &'a Manifest<'_>, lint: &str) -> Option<&'a str> {
    let lints = manifest.table.get("workspace")?.get("lints")?.get("rust")?;
    let lint = lints.get(lint)?;
    lint.as_str().or_else(|| lint.get("level")?.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::found;

    const FORBID: &str = "[workspace.lints.rust]\nunsafe_code = \"forbid\"\n";

    #[track_caller]
    fn check_root(text: &str, faults: usize) {
        assert_eq!(found(RULE, &[("Cargo.toml", text)]).len(), faults, "{text}");
    }

    #[test]
    fn the_workspace_forbids_unsafe_and_wants_documentation() {
        check_root(&format!("{FORBID}missing_docs = \"warn\"\n"), 0);
        check_root(
            &format!("{FORBID}missing_docs = {{ level = \"deny\" }}\n"),
            0,
        );
        check_root(FORBID, 1);
        check_root(&format!("{FORBID}missing_docs = \"allow\"\n"), 1);
        check_root(
            "[workspace]\n[workspace.lints.rust]\nunsafe_code = \"deny\"\n",
            1,
        );
    }

    #[test]
    fn every_package_takes_the_lints_of_its_workspace() {
        let package = "[package]\nname = \"a\"\n";
        let takes = format!("{package}[lints]\nworkspace = true\n");
        let own = format!("{package}[lints.rust]\nunsafe_code = \"forbid\"\n");
        let path = "crates/a/Cargo.toml";
        assert!(found(RULE, &[(path, &takes)]).is_empty());
        assert_eq!(found(RULE, &[(path, package)]), ["crates/a/Cargo.toml:1"]);
        assert_eq!(found(RULE, &[(path, &own)]), ["crates/a/Cargo.toml:1"]);
        assert!(found(RULE, &[("fuzz/Cargo.toml", package)]).is_empty());
        let alone = format!("{package}[workspace]\n[lints]\nworkspace = true\n");
        assert_eq!(found(RULE, &[("examples/a/Cargo.toml", &alone)]).len(), 1);
        let alone = format!("{takes}{FORBID}");
        assert!(found(RULE, &[("examples/a/Cargo.toml", &alone)]).is_empty());
    }

    #[test]
    fn old_module_files_and_allowed_gaps_in_the_documentation_are_found() {
        assert_eq!(
            found(RULE, &[("crates/a/src/b/mod.rs", "")]),
            ["crates/a/src/b/mod.rs:1"]
        );
        let text = "\n#![allow(missing_docs, reason = \"later\")]\n";
        assert_eq!(
            found(RULE, &[("crates/a/src/lib.rs", text)]),
            ["crates/a/src/lib.rs:2"]
        );
        assert!(found(RULE, &[("crates/a/tests/it/main.rs", text)]).is_empty());
    }
}
