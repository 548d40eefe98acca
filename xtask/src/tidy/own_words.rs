//! The project speaks of itself alone: no path of a machine it was written on, and no package
//! registry other than the one a plain Cargo uses.

use super::finding::Finding;
use super::tree::Tree;

pub(super) const RULE: &str = "own-words";

/// This file has to name what it looks for.
const OWN: &str = "xtask/src/tidy/own_words.rs";

/// The first folders of paths that exist on one machine only.
const MACHINE: [&str; 4] = ["/Users/", "/home/", "/mnt/", "/root/"];

const REGISTRIES: [&str; 7] = [
    "crates.io",
    "deb.debian.org",
    "npmjs.org",
    "proxy.golang.org",
    "pypi.org",
    "rsproxy.cn",
    "rubygems.org",
];

/// How a lock file names the registry of a plain Cargo.
const PLAIN_SOURCE: &str = "\"registry+https://github.com/rust-lang/crates.io-index\"";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files().iter().filter(|file| file.path != OWN) {
        let lock = file.path.ends_with("Cargo.lock");
        let config = file.path.ends_with(".cargo/config.toml");
        for (number, line) in (1..).zip(file.text.as_deref().unwrap_or_default().lines()) {
            let fault = match lock {
                true => lock_fault(line),
                false => fault(line),
            };
            let fault = fault.or_else(|| config.then(|| config_fault(line))?);
            findings.extend(fault.map(|what| Finding::new(RULE, &file.path, number, what)));
        }
    }
    findings
}

fn fault(line: &str) -> Option<String> {
    if let Some(path) = machine_path(line) {
        return Some(format!(
            "`{path}` is a path of one machine: take it from the caller"
        ));
    }
    let registry = REGISTRIES.iter().find(|host| line.contains(*host))?;
    Some(format!(
        "do not name `{registry}`: link the repository or the documentation instead"
    ))
}

/// A path of [`MACHINE`] that starts in this line, not one that only contains such a folder.
fn machine_path(line: &str) -> Option<&'static str> {
    let starts = |before: &str| match before.chars().next_back() {
        None => true,
        Some('/') => before.ends_with("file://"),
        Some(last) => !last.is_alphanumeric() && !"._-~*})]>$".contains(last),
    };
    let found = |folder: &&&str| {
        line.match_indices(**folder)
            .any(|(at, _)| line.get(..at).is_some_and(starts))
    };
    MACHINE.iter().find(found).copied()
}

fn lock_fault(line: &str) -> Option<String> {
    let source = line.strip_prefix("source = ")?;
    (source != PLAIN_SOURCE).then(|| format!("the source {source} is not the plain registry"))
}

/// Replaced sources and other registries belong into a user's own configuration.
fn config_fault(line: &str) -> Option<String> {
    let table = line.trim_start().strip_prefix('[')?;
    let replaces = ["source", "registry", "registries"].iter().any(|name| {
        table
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with(['.', ']']))
    });
    replaces.then(|| "registries are configured by users, not by the project".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::found;

    #[track_caller]
    fn check_line(path: &str, line: &str, faults: usize) {
        assert_eq!(found(RULE, &[(path, line)]).len(), faults, "{line}");
    }

    #[test]
    fn paths_of_a_machine_are_found() {
        for line in [
            "cd /home/ada",
            "\"/root/.cargo\"",
            "=/mnt/main",
            "file:///Users/ada",
        ] {
            check_line("docs/a.md", line, 1);
        }
        for line in [
            "src/home/a",
            "./mnt/a",
            "$HOME/mnt/a",
            "http://a.example/home/",
            "/homes/",
        ] {
            check_line("docs/a.md", line, 0);
        }
    }

    #[test]
    fn registries_are_found() {
        check_line("README.md", "[x](https://crates.io/crates/x)", 1);
        check_line("Cargo.lock", &format!("source = {PLAIN_SOURCE}"), 0);
        check_line(
            "examples/a/Cargo.lock",
            "source = \"registry+https://mirror.example\"",
            1,
        );
        check_line(".cargo/config.toml", "[source.plain]", 1);
        check_line(".cargo/config.toml", "[registries]", 1);
        check_line(".cargo/config.toml", "[alias]", 0);
    }
}
