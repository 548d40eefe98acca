//! The public surface of each published crate is what its golden file in `docs/api/` says, so that
//! nobody changes it without noticing, and a review sees the change as a line of its own.
//!
//! Every `pub` item of every library file is listed under the module of its file, also where that
//! module is private: `pub use` lines, as written, show what of it users reach. Not listed are
//! implementations of traits, values, attributes, and what a macro of the file writes: of that
//! only the calls.

mod items;
mod render;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::finding::Finding;
use super::tree::Tree;
use crate::{Done, Failure, no_arguments};

pub(super) const RULE: &str = "surface";

const FOLDER: &str = "docs/api/";
const REMEDY: &str = "if that is meant, run `cargo xtask surface --write`";

/// `cargo xtask surface [--write]`: only this rule, or new golden files.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Done {
    let write = match arguments {
        [flag, rest @ ..] if flag == "--write" => {
            no_arguments("surface --write", rest)?;
            true
        }
        others => {
            no_arguments("surface without --write", others)?;
            false
        }
    };
    let tree = Tree::read(root).map_err(Failure::Failed)?;
    if write {
        return write_all(root, &tree);
    }
    let findings = check(&tree);
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => {
            let count = published(&tree).len();
            println!("surface: {count} crates are as {FOLDER} says");
            Ok(())
        }
        count => Err(Failure::Failed(format!(
            "surface found {count} differences, listed above"
        ))),
    }
}

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let crates = published(tree);
    let mut findings = Vec::new();
    for name in &crates {
        let path = golden(name);
        match tree.text(&path) {
            Some(text) => compare(&path, text, &items::of_crate(tree, name), &mut findings),
            None => {
                let what = "write this file: run `cargo xtask surface --write`";
                findings.push(Finding::new(RULE, &path, 1, what));
            }
        }
    }
    for path in stale(tree, &crates) {
        let what = format!("no published crate has this name; {REMEDY}");
        findings.push(Finding::new(RULE, path, 1, what));
    }
    findings
}

/// The folders of the crates that users can depend on, which are named as the crates are.
fn published(tree: &Tree) -> BTreeSet<String> {
    let name = |path: &str| {
        let folder = path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")?;
        (!folder.contains('/')).then(|| folder.to_owned())
    };
    tree.manifests()
        .filter(|manifest| {
            let package = manifest.table.get("package");
            let publish = package.and_then(|package| package.get("publish"));
            publish.and_then(toml::Value::as_bool) != Some(false)
        })
        .filter_map(|manifest| name(manifest.path))
        .collect()
}

fn golden(name: &str) -> String {
    format!("{FOLDER}{name}.txt")
}

/// The golden files that belong to no crate.
fn stale<'a>(tree: &'a Tree, crates: &BTreeSet<String>) -> Vec<&'a str> {
    let files = tree.files().iter().map(|file| file.path.as_str());
    files
        .filter(|path| path.starts_with(FOLDER) && path.ends_with(".txt"))
        .filter(|path| !crates.iter().any(|name| golden(name) == *path))
        .collect()
}

fn compare(path: &str, golden: &str, lines: &BTreeSet<String>, findings: &mut Vec<Finding>) {
    let before = findings.len();
    for (number, line) in (1..).zip(golden.lines()) {
        if !lines.contains(line) {
            let what = format!("removed: {line}; {REMEDY}");
            findings.push(Finding::new(RULE, path, number, what));
        }
    }
    let known: BTreeSet<&str> = golden.lines().collect();
    for line in lines.iter().filter(|line| !known.contains(line.as_str())) {
        let place = known.range(..line.as_str()).count() + 1;
        let what = format!("added: {line}; {REMEDY}");
        findings.push(Finding::new(RULE, path, place, what));
    }
    if findings.len() == before && golden != text(lines) {
        let what = "the lines are not in order: run `cargo xtask surface --write`";
        findings.push(Finding::new(RULE, path, 1, what));
    }
}

fn text(lines: &BTreeSet<String>) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn write_all(root: &Path, tree: &Tree) -> Done {
    let failed = |path: &str, why: std::io::Error| {
        Failure::Failed(format!("cannot write {path}: {why}; is it read-only?"))
    };
    let crates = published(tree);
    fs::create_dir_all(root.join(FOLDER)).map_err(|why| failed(FOLDER, why))?;
    for name in &crates {
        let path = golden(name);
        let lines = items::of_crate(tree, name);
        fs::write(root.join(&path), text(&lines)).map_err(|why| failed(&path, why))?;
        println!("{path}: {} lines", lines.len());
    }
    for path in stale(tree, &crates) {
        fs::remove_file(root.join(path)).map_err(|why| failed(path, why))?;
        println!("{path}: removed");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::found;

    const MANIFEST: (&str, &str) = ("crates/a/Cargo.toml", "[package]\nname = \"a\"\n");
    const LIB: (&str, &str) = ("crates/a/src/lib.rs", "pub fn b() {}\npub fn d() {}\n");
    const PATH: &str = "docs/api/a.txt";

    fn messages(golden: &str) -> Vec<String> {
        let tree = Tree::of(&[MANIFEST, LIB, (PATH, golden)]);
        check(&tree).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn what_is_added_and_removed_is_found() {
        assert_eq!(found(RULE, &[MANIFEST, LIB]), ["docs/api/a.txt:1"]);
        assert!(messages("a::b: pub fn b()\na::d: pub fn d()\n").is_empty());
        assert_eq!(
            messages("a::b: pub fn b()\n"),
            [format!(
                "{PATH}:2: surface: added: a::d: pub fn d(); {REMEDY}"
            )]
        );
        assert_eq!(
            messages("a::b: pub fn b()\na::c: pub fn c()\na::d: pub fn d()\n"),
            [format!(
                "{PATH}:2: surface: removed: a::c: pub fn c(); {REMEDY}"
            )]
        );
        let swapped = messages("a::d: pub fn d()\na::b: pub fn b()\n");
        assert!(matches!(&*swapped, [one] if one.contains("not in order")));
    }

    #[test]
    fn only_published_crates_have_a_golden_file() {
        let private = "[package]\nname = \"a\"\npublish = false\n";
        let private = ("crates/a/Cargo.toml", private);
        assert!(found(RULE, &[private, LIB]).is_empty());
        assert_eq!(found(RULE, &[private, (PATH, "")]), ["docs/api/a.txt:1"]);
    }

    #[test]
    fn written_files_are_what_the_rule_wants() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("crates/a/src")).unwrap();
        fs::create_dir_all(folder.path().join(FOLDER)).unwrap();
        for (path, text) in [MANIFEST, LIB, ("docs/api/old.txt", "")] {
            fs::write(folder.path().join(path), text).unwrap();
        }
        assert!(run(folder.path(), &[]).is_err());
        assert_eq!(run(folder.path(), &["--write".to_owned()]), Ok(()));
        assert_eq!(run(folder.path(), &[]), Ok(()));
        assert!(!folder.path().join("docs/api/old.txt").exists());
    }
}
