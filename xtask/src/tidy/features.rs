//! No `dep?/feature` on a crate that links a native library: such an entry makes Cargo's resolver
//! consider the crate even where it is off, and it then collides with another crate that links
//! the same library.

use super::finding::Finding;
use super::tree::{Manifest, Tree};

pub(super) const RULE: &str = "features";

/// The crates we use that link a native library.
const NATIVE: [&str; 2] = ["rusqlite", "libsqlite3-sys"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.manifests()
        .flat_map(|manifest| check_manifest(&manifest))
        .collect()
}

fn check_manifest(manifest: &Manifest<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let features = manifest
        .table
        .get("features")
        .and_then(toml::Value::as_table);
    for (feature, entries) in features.into_iter().flatten() {
        for entry in entries
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(toml::Value::as_str)
        {
            let Some((key, _)) = entry.split_once("?/") else {
                continue;
            };
            if NATIVE.contains(&package(manifest, key)) {
                let what = format!(
                    "feature `{feature}` must not contain `{entry}`: turn the feature of `{key}` \
                     on where the dependency is declared"
                );
                let line = manifest.line_of(feature);
                findings.push(Finding::new(RULE, manifest.path, line, what));
            }
        }
    }
    findings
}

/// The package that a dependency key means.
fn package<'a>(manifest: &'a Manifest<'_>, key: &'a str) -> &'a str {
    let dependency = manifest
        .table
        .get("dependencies")
        .and_then(|table| table.get(key));
    let renamed = dependency.and_then(|value| value.get("package")?.as_str());
    renamed.unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::found;

    #[track_caller]
    fn check_features(text: &str, expected: &[&str]) {
        assert_eq!(
            found(RULE, &[("crates/a/Cargo.toml", text)]),
            expected,
            "{text}"
        );
    }

    #[test]
    fn weak_features_of_native_crates_are_found() {
        check_features(
            "[features]\ntrace = [\"rusqlite?/trace\"]\n",
            &["crates/a/Cargo.toml:2"],
        );
        let renamed = "[dependencies]\nlite = { package = \"rusqlite\", version = \"1\" }\n\
                       [features]\ntrace = [\"lite?/trace\"]\n";
        check_features(renamed, &["crates/a/Cargo.toml:4"]);
        check_features(
            "[features]\ntrace = [\"tokio?/tracing\", \"rusqlite/trace\"]\n",
            &[],
        );
    }
}
