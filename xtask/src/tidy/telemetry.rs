//! Telemetry is API: the table in the docs and the names in the code are the same, every name is
//! used, and no metric is named anywhere else.

use std::collections::BTreeMap;

use proc_macro2::TokenTree;
use syn::visit::{self, Visit};

use super::finding::Finding;
use super::rust::line;
use super::tree::Tree;

pub(super) const RULE: &str = "telemetry";

const TABLE: &str = "docs/telemetry.md";
/// The names are in this file, or in files of the folder of the same name.
const CODE: &str = "crates/mainspring-core/src/telemetry";
const PREFIX: &str = "mainspring_";

/// A name and where it is declared.
struct Name {
    constant: String,
    path: String,
    line: usize,
}

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let code = declared(tree);
    let table = tree.text(TABLE).map(rows).unwrap_or_default();
    let used = uses(tree);
    let mut findings = Vec::new();
    for (name, at) in &code {
        let mut add = |what| findings.push(Finding::new(RULE, &at.path, at.line, what));
        if !table.contains_key(name) {
            add(format!("add a row for `{name}` to {TABLE}"));
        }
        // The declaration itself is one of the uses.
        if used.get(&at.constant).is_none_or(|&count| count < 2) {
            add(format!(
                "nothing emits `{}`: use it, or remove it",
                at.constant
            ));
        }
    }
    for (name, line) in &table {
        if !code.contains_key(name) {
            let what = format!("no constant in {CODE}.rs is `{name}`: remove the row, or add it");
            findings.push(Finding::new(RULE, TABLE, *line, what));
        }
    }
    findings.extend(named_elsewhere(tree));
    findings
}

fn is_telemetry(path: &str) -> bool {
    path.strip_prefix(CODE)
        .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

/// The `pub const NAME: &str = "…";` of the telemetry files, by value.
fn declared(tree: &Tree) -> BTreeMap<String, Name> {
    struct Constants<'a>(&'a str, BTreeMap<String, Name>);
    impl<'ast> Visit<'ast> for Constants<'_> {
        fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
            if let syn::Visibility::Public(_) = item.vis
                && let syn::Expr::Lit(syn::ExprLit {
                    lit: syn::Lit::Str(text),
                    ..
                }) = &*item.expr
            {
                let constant = item.ident.to_string();
                let name = Name {
                    constant,
                    path: self.0.to_owned(),
                    line: line(&item.ident),
                };
                self.1.insert(text.value(), name);
            }
            visit::visit_item_const(self, item);
        }
    }
    let mut all = BTreeMap::new();
    for (path, _, rust) in tree.rust().filter(|(path, _, _)| is_telemetry(path)) {
        let mut constants = Constants(path, BTreeMap::new());
        constants.visit_file(&rust.items);
        all.append(&mut constants.1);
    }
    all
}

/// The names in the first cells of the table, with their lines.
fn rows(text: &str) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        let cell = line
            .trim_start()
            .strip_prefix('|')
            .and_then(|rest| rest.split('|').next());
        let name = cell.and_then(|cell| cell.trim().strip_prefix('`')?.strip_suffix('`'));
        if let Some(name) = name {
            found.insert(name.to_owned(), number);
        }
    }
    found
}

/// How often each upper-case name stands in library code outside of tests.
fn uses(tree: &Tree) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for (_, _, rust) in tree.library() {
        rust.each_tail(&mut |tail| {
            if let [TokenTree::Ident(name), ..] = tail
                && !rust.is_test(line(name))
            {
                let name = name.to_string();
                if !name.contains(|c: char| c.is_ascii_lowercase()) {
                    *counts.entry(name).or_insert(0) += 1;
                }
            }
        });
    }
    counts
}

/// Library code that names a metric in a string of its own.
fn named_elsewhere(tree: &Tree) -> Vec<Finding> {
    let crates: Vec<String> = tree
        .manifests()
        .filter_map(|manifest| manifest.package().map(|name| name.replace('-', "_")))
        .collect();
    let mut findings = Vec::new();
    for (path, _, rust) in tree.library().filter(|(path, _, _)| !is_telemetry(path)) {
        rust.each_tail(&mut |tail| {
            let [TokenTree::Literal(literal), ..] = tail else {
                return;
            };
            let shown = literal.to_string();
            let name = shown.trim_matches('"');
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            let rest = name.strip_prefix(PREFIX).unwrap_or_default();
            let is_name = !rest.is_empty() && rest.chars().all(plain);
            if is_name && !crates.iter().any(|own| own == name) && !rust.is_test(line(literal)) {
                let what = format!("name `{name}` by a constant of {CODE}.rs");
                findings.push(Finding::new(RULE, path, line(literal), what));
            }
        });
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::found;

    const FILE: &str = "crates/mainspring-core/src/telemetry.rs";
    const USER: &str = "crates/mainspring-runtime/src/metrics.rs";
    const NAMES: &str =
        "pub const RUNS: &str = \"mainspring_runs\";\npub const RUN: &str = \"run\";";
    const ROWS: &str = "| Name | Kind |\n| --- | --- |\n| `mainspring_runs` | counter |\n\
                        | `run` | span, see `x` |\n";
    const USES: &str = "fn a() { b(RUNS, telemetry::RUN) }";

    #[track_caller]
    fn check_texts(names: &str, rows: &str, uses: &str, expected: &[&str]) {
        let places = found(RULE, &[(FILE, names), (TABLE, rows), (USER, uses)]);
        assert_eq!(places, expected);
    }

    #[test]
    fn table_and_code_agree() {
        check_texts(NAMES, ROWS, USES, &[]);
        assert!(found(RULE, &[]).is_empty());
        let missing_row = ROWS.replace("| `run` |", "| run |");
        check_texts(NAMES, &missing_row, USES, &[&format!("{FILE}:2")]);
        let missing_name = NAMES.replace("\"run\"", "\"mainspring_runs\"");
        check_texts(&missing_name, ROWS, USES, &["docs/telemetry.md:4"]);
        check_texts(
            "",
            ROWS,
            "",
            &["docs/telemetry.md:3", "docs/telemetry.md:4"],
        );
    }

    #[test]
    fn names_are_used_and_stand_nowhere_else() {
        check_texts(NAMES, ROWS, "fn a() { b(RUNS) }", &[&format!("{FILE}:2")]);
        let in_tests = "fn a() { b(RUNS) }\n#[cfg(test)]\nmod tests { fn a() { b(RUN) } }";
        check_texts(NAMES, ROWS, in_tests, &[&format!("{FILE}:2")]);
        let own = format!(
            "{USES}\nfn c() {{ d(\"mainspring_other\", \"mainspring_x=y\", \"mainspring_\") }}"
        );
        check_texts(NAMES, ROWS, &own, &[&format!("{USER}:2")]);
        let target = [
            (
                "crates/mainspring-web/Cargo.toml",
                "[package]\nname = \"mainspring-web\"\n",
            ),
            (USER, "fn c() { d(\"mainspring_web\") }"),
        ];
        assert!(found(RULE, &target).is_empty());
    }
}
