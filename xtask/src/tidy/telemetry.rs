//! Telemetry is API: the table in the docs and the names in the code are the same, every span,
//! event and metric is emitted somewhere, and none is named anywhere else.

mod code;

use std::collections::BTreeMap;

use super::finding::Finding;
use super::tree::Tree;
use code::{Name, Uses};

pub(super) const RULE: &str = "telemetry";

const TABLE: &str = "docs/telemetry.md";
/// The names are in this file, or in files of the folder of the same name.
const CODE: &str = "crates/mainspring-core/src/telemetry";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let names: Vec<(&str, Name)> = tree
        .rust()
        .filter(|(path, ..)| is_telemetry(path))
        .flat_map(|(path, _, rust)| {
            code::declared(rust)
                .into_iter()
                .map(move |name| (path, name))
        })
        .collect();
    let table = tree.text(TABLE).map(rows).unwrap_or_default();
    let others = || tree.library().filter(|(path, ..)| !is_telemetry(path));
    let uses: Vec<Uses> = others().map(|(_, _, rust)| Uses::of(rust)).collect();
    let mut findings = Vec::new();
    for (path, name) in &names {
        let mut add = |what| findings.push(Finding::new(RULE, path, name.line, what));
        if !table.contains_key(&name.value) {
            add(format!("add a row for `{}` to {TABLE}", name.value));
        }
        if !uses.iter().any(|uses| uses.contain(name)) {
            add(format!(
                "nothing emits `{}`: use {}, or remove it",
                name.value, name.constant
            ));
        }
    }
    for (row, line) in &table {
        if !names.iter().any(|(_, name)| name.value == *row) {
            let what = format!("no constant in {CODE}.rs is `{row}`: remove the row, or add it");
            findings.push(Finding::new(RULE, TABLE, *line, what));
        }
    }
    let crates: Vec<String> = tree
        .manifests()
        .filter_map(|manifest| manifest.package().map(|name| name.replace('-', "_")))
        .collect();
    for (path, _, rust) in others() {
        for (name, line) in code::spelled_out(rust, &crates) {
            let what = format!("name `{name}` by a constant of {CODE}.rs");
            findings.push(Finding::new(RULE, path, line, what));
        }
    }
    findings
}

fn is_telemetry(path: &str) -> bool {
    path.strip_prefix(CODE)
        .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::found;

    const FILE: &str = "crates/mainspring-core/src/telemetry.rs";
    const USER: &str = "crates/mainspring-runtime/src/metrics.rs";
    const NAMES: &str = "pub const RUNS: &str = \"mainspring_runs\";\n\
                         pub mod span { pub const RUN: &str = \"run\"; use RUN as X; }\n\
                         pub mod field { pub const RUN: &str = \"of\"; }";
    const ROWS: &str = "| Name | Kind |\n| --- | --- |\n| `mainspring_runs` | counter |\n\
                        | `run` | span, see `x` |\n| `of` | field |\n";
    const USES: &str = "fn a() { b(RUNS, telemetry::span::RUN) }";

    #[track_caller]
    fn check_texts(names: &str, rows: &str, uses: &str, expected: &[&str]) {
        let places = found(RULE, &[(FILE, names), (TABLE, rows), (USER, uses)]);
        assert_eq!(places, expected, "{uses}");
    }

    #[test]
    fn table_and_code_agree() {
        check_texts(NAMES, ROWS, USES, &[]);
        assert!(found(RULE, &[]).is_empty());
        let missing_row = ROWS.replace("| `run` |", "| run |");
        check_texts(NAMES, &missing_row, USES, &[&format!("{FILE}:2")]);
        let missing_name = NAMES.replace("\"of\"", "\"run\"");
        check_texts(&missing_name, ROWS, USES, &["docs/telemetry.md:5"]);
        let none = [
            "docs/telemetry.md:3",
            "docs/telemetry.md:5",
            "docs/telemetry.md:4",
        ];
        check_texts("", ROWS, "", &none);
    }

    #[test]
    fn names_are_emitted_outside_of_tests() {
        let run = format!("{FILE}:2");
        check_texts(
            NAMES,
            ROWS,
            "use t::span::{RUN};\nfn a() { b(RUNS, RUN) }",
            &[],
        );
        check_texts(
            NAMES,
            ROWS,
            "use t::{span};\nfn a() { b!(RUNS, x = span::RUN) }",
            &[],
        );
        check_texts(NAMES, ROWS, "fn a() { b(RUNS) }", &[&run]);
        check_texts(NAMES, ROWS, "fn a() { b(RUNS, field::RUN) }", &[&run]);
        let in_tests = "fn a() { b(RUNS) }\n#[cfg(test)]\nmod tests { fn a() { b(span::RUN) } }";
        check_texts(NAMES, ROWS, in_tests, &[&run]);
    }

    #[test]
    fn names_are_not_spelled_out() {
        let spelled = |code: &str, lines: usize| {
            let uses = format!("{USES}\nfn c() {{ {code} }}");
            let expected = vec![format!("{USER}:2"); lines];
            let places = found(RULE, &[(FILE, NAMES), (TABLE, ROWS), (USER, &uses)]);
            assert_eq!(places, expected, "{code}");
        };
        spelled("d(\"mainspring_other\")", 1);
        spelled("d(\"mainspring_\", \"mainspring_x=y\")", 0);
        spelled("info_span!(parent: None, \"run\", a = 1)", 1);
        spelled("tracing::info_span!(\"run\")", 1);
        spelled("info_span!(target: \"t\", span::RUN, a = \"b\")", 0);
        spelled("info!(name: \"run.done\", a = 1, \"text\")", 1);
        spelled("info!(name: event::DONE, a = \"b\", \"text\")", 0);
        spelled("info!(\"text\")", 0);
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
