//! Nothing sleeps on real time, tests included: a sleep is a guess about another machine. Waiting
//! goes through `Clock`, or for a named signal.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::TokenTree;
use syn::visit::{self, Visit};

use super::finding::Finding;
use super::rust::{Rust, line};
use super::tree::Tree;

pub(super) const RULE: &str = "no-sleep";

const BANNED: &[&str] = &[
    "std::thread::park_timeout",
    "std::thread::sleep",
    "std::thread::sleep_ms",
    "std::thread::sleep_until",
    "tokio::time::interval",
    "tokio::time::interval_at",
    "tokio::time::sleep",
    "tokio::time::sleep_until",
];

/// The modules a sleep comes from: a glob import of one would hide it.
const SOURCES: [&str; 2] = ["std::thread", "tokio::time"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, _, rust) in tree.rust().filter(|(_, _, rust)| !is_seam(rust)) {
        let mut imports = Imports::default();
        imports.visit_file(&rust.items);
        // An import is a path as well, so the same place may be seen twice.
        let mut places: BTreeSet<(usize, String)> = imports.banned().collect();
        rust.each_path(&mut |path, line| {
            let full = imports.resolve(path);
            if BANNED.contains(&full.as_str()) {
                places.insert((line, full));
            }
        });
        for (line, name) in places {
            let what = format!(
                "`{name}` waits on real time: use Clock, wait for a signal, or make the file a \
                 seam with `#[expect(clippy::disallowed_methods, reason = \"…\")]`"
            );
            findings.push(Finding::new(RULE, path, line, what));
        }
    }
    findings
}

/// Whether the file is allowed to reach behind the clock, and says why. Which function may is
/// clippy's business.
fn is_seam(rust: &Rust) -> bool {
    let mut seam = false;
    rust.each_tail(&mut |tail| {
        if let [TokenTree::Ident(expect), TokenTree::Group(list), ..] = tail
            && expect == "expect"
        {
            let text = list.stream().to_string().replace(' ', "");
            seam |= text.contains("clippy::disallowed_methods") && text.contains("reason=");
        }
    });
    seam
}

/// What each name that a file imports means.
#[derive(Default)]
struct Imports {
    by_name: BTreeMap<String, String>,
    lines: Vec<(usize, String)>,
}

impl Imports {
    fn banned(&self) -> impl Iterator<Item = (usize, String)> {
        let banned = |(_, name): &&(usize, String)| {
            let module = name
                .strip_suffix("::*")
                .is_some_and(|module| SOURCES.contains(&module));
            module || BANNED.contains(&name.as_str())
        };
        self.lines.iter().filter(banned).cloned()
    }

    fn resolve(&self, path: &[String]) -> String {
        let full = path.join("::");
        let Some((first, rest)) = full.split_once("::") else {
            return full;
        };
        match self.by_name.get(first) {
            Some(import) => format!("{import}::{rest}"),
            None => full,
        }
    }

    fn add(&mut self, prefix: &str, tree: &syn::UseTree) {
        let join = |name: &dyn std::fmt::Display| match prefix {
            "" => name.to_string(),
            _ => format!("{prefix}::{name}"),
        };
        let (alias, name) = match tree {
            syn::UseTree::Path(path) => return self.add(&join(&path.ident), &path.tree),
            syn::UseTree::Group(group) => {
                return group.items.iter().for_each(|item| self.add(prefix, item));
            }
            syn::UseTree::Name(name) if name.ident == "self" => {
                let module = prefix.rsplit("::").next().unwrap_or(prefix);
                (module.to_owned(), prefix.to_owned())
            }
            syn::UseTree::Name(name) => (name.ident.to_string(), join(&name.ident)),
            syn::UseTree::Rename(name) if name.ident == "self" => {
                (name.rename.to_string(), prefix.to_owned())
            }
            syn::UseTree::Rename(name) => (name.rename.to_string(), join(&name.ident)),
            syn::UseTree::Glob(_) => ("*".to_owned(), join(&"*")),
        };
        self.lines.push((line(tree), name.clone()));
        self.by_name.insert(alias, name);
    }
}

impl<'ast> Visit<'ast> for Imports {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add("", &item.tree);
        visit::visit_item_use(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::found;

    #[track_caller]
    fn check_text(text: &str, lines: &[usize]) {
        for path in ["crates/a/src/lib.rs", "crates/a/tests/it/main.rs"] {
            let expected: Vec<String> = lines.iter().map(|line| format!("{path}:{line}")).collect();
            assert_eq!(found(RULE, &[(path, text)]), expected, "{text}");
        }
    }

    #[test]
    fn sleeps_are_found_under_every_name() {
        check_text("fn a() {\n std::thread::sleep(d);\n}", &[2]);
        check_text("use std::thread;\nfn a() { thread::sleep(d) }", &[2]);
        check_text("use std::{io, thread::{self, sleep}};", &[1]);
        check_text(
            "use tokio::time as t;\nfn a() { m!(t::sleep_until(d)) }",
            &[2],
        );
        check_text(
            "use tokio::time::{self as t};\nfn a() { t::interval(d) }",
            &[2],
        );
        check_text("use tokio::time::sleep as nap;", &[1]);
        check_text("use tokio::time::*;", &[1]);
        check_text(
            "#[cfg(test)]\nmod tests {\n fn a() { tokio::time::sleep(d) }\n}",
            &[3],
        );
    }

    #[test]
    fn our_own_waits_are_no_sleeps() {
        check_text(
            "use crate::time;\nfn a() { time::sleep(d); clock.sleep(d); }",
            &[],
        );
        check_text(
            "/// std::thread::sleep\nfn a() { tokio::time::timeout(d, f); }",
            &[],
        );
    }

    #[test]
    fn a_seam_says_so_with_its_reason() {
        let seam = "#[expect(clippy::disallowed_methods, reason = \"the seam\")]\n\
                    fn a() { tokio::time::sleep(d) }";
        check_text(seam, &[]);
        check_text(&seam.replace(", reason = \"the seam\"", ""), &[2]);
    }
}
