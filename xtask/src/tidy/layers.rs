//! Dependencies point one way. The table below is the one place that says which; the manifests
//! are held to it.

use super::finding::Finding;
use super::tree::{Manifest, Tree};

pub(super) const RULE: &str = "layers";

/// What one package may depend on among ours.
struct Layer {
    package: &'static str,
    /// Allowed in every kind of dependency.
    uses: &'static [&'static str],
    /// Allowed in `[dev-dependencies]` on top of that.
    tests_use: &'static [&'static str],
}

/// The whole direction, also for crates that do not exist yet.
const LAYERS: &[Layer] = &[
    layer("mainspring-core", &[]),
    // Its reading of durations is compared with the core's.
    Layer {
        package: "mainspring-macros",
        uses: &[],
        tests_use: &["mainspring-core"],
    },
    layer("mainspring-runtime", &["mainspring-core"]),
    layer("mainspring-sim", &["mainspring-core", "mainspring-runtime"]),
    // A store proves itself with the conformance suite, which is in sim.
    Layer {
        package: "mainspring-sqlite",
        uses: &["mainspring-core"],
        tests_use: &["mainspring-runtime", "mainspring-sim"],
    },
    Layer {
        package: "mainspring-postgres",
        uses: &["mainspring-core"],
        tests_use: &["mainspring-runtime", "mainspring-sim"],
    },
    layer("mainspring-web", &["mainspring-core", "mainspring-runtime"]),
    layer(
        "mainspring-messages",
        &["mainspring-core", "mainspring-runtime"],
    ),
    layer(
        "mainspring-ops",
        &[
            "mainspring-core",
            "mainspring-runtime",
            "mainspring-web",
            "mainspring-messages",
        ],
    ),
    layer(
        "mainspring-test",
        &[
            "mainspring-core",
            "mainspring-runtime",
            "mainspring-web",
            "mainspring-sqlite",
        ],
    ),
    // Its tests turn on its own feature `test`, as its users do.
    Layer {
        package: "mainspring",
        uses: &[
            "mainspring-core",
            "mainspring-macros",
            "mainspring-runtime",
            "mainspring-sim",
            "mainspring-sqlite",
            "mainspring-postgres",
            "mainspring-web",
            "mainspring-messages",
            "mainspring-ops",
            "mainspring-test",
        ],
        tests_use: &["mainspring"],
    },
    layer("mainspring-cli", &["mainspring"]),
    layer("xtask", &[]),
    // Benchmarks measure the parts as well as the whole.
    layer(
        "bench",
        &[
            "mainspring",
            "mainspring-core",
            "mainspring-runtime",
            "mainspring-sqlite",
            "mainspring-postgres",
            "mainspring-web",
            "mainspring-test",
        ],
    ),
];

/// What everything under `examples/` and `bench/` may use: what a user names.
const AS_A_USER: Layer = layer("examples", &["mainspring"]);
/// Fuzz targets reach the parsers where they are.
const FUZZ: Layer = layer(
    "fuzz",
    &[
        "mainspring",
        "mainspring-core",
        "mainspring-runtime",
        "mainspring-web",
    ],
);

const fn layer(package: &'static str, uses: &'static [&'static str]) -> Layer {
    Layer {
        package,
        uses,
        tests_use: &[],
    }
}

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.manifests()
        .flat_map(|manifest| check_manifest(&manifest))
        .collect()
}

fn check_manifest(manifest: &Manifest<'_>) -> Vec<Finding> {
    let Some(package) = manifest.package() else {
        return Vec::new();
    };
    let Some(layer) = layer_of(manifest.path, package) else {
        let what = format!("`{package}` has no layer: add it to LAYERS in {}", file!());
        return vec![Finding::new(
            RULE,
            manifest.path,
            manifest.line_of("name"),
            what,
        )];
    };
    let mut findings = Vec::new();
    for (kind, key, used) in ours(manifest) {
        let tested = kind == "dev-dependencies" && layer.tests_use.contains(&used.as_str());
        if !layer.uses.contains(&used.as_str()) && !tested {
            let what = format!(
                "`{package}` must not depend on `{used}` ({kind}): move the code down, or the \
                 caller up"
            );
            findings.push(Finding::new(
                RULE,
                manifest.path,
                manifest.line_of(&key),
                what,
            ));
        }
    }
    findings
}

fn layer_of(path: &str, package: &str) -> Option<&'static Layer> {
    if path.starts_with("examples/") || path.starts_with("bench/peers/") {
        return Some(&AS_A_USER);
    }
    if path.starts_with("fuzz/") {
        return Some(&FUZZ);
    }
    LAYERS.iter().find(|layer| layer.package == package)
}

/// Every dependency on one of our packages: its table, its key and the package it means.
fn ours(manifest: &Manifest<'_>) -> Vec<(&'static str, String, String)> {
    let mut tables = vec![&manifest.table];
    if let Some(targets) = manifest.table.get("target").and_then(toml::Value::as_table) {
        tables.extend(targets.values().filter_map(toml::Value::as_table));
    }
    let mut found = Vec::new();
    for table in tables {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let listed = table
                .get(kind)
                .and_then(toml::Value::as_table)
                .into_iter()
                .flatten();
            for (key, value) in listed {
                let renamed = value.get("package").and_then(toml::Value::as_str);
                let package = renamed.unwrap_or(key);
                if LAYERS.iter().any(|layer| layer.package == package) {
                    found.push((kind, key.clone(), package.to_owned()));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::found;

    fn manifest(package: &str, rest: &str) -> String {
        format!("[package]\nname = \"{package}\"\n{rest}")
    }

    #[track_caller]
    fn check_one(path: &str, package: &str, rest: &str, expected: &[usize]) {
        let places = found(RULE, &[(path, &manifest(package, rest))]);
        let lines: Vec<String> = expected
            .iter()
            .map(|line| format!("{path}:{line}"))
            .collect();
        assert_eq!(places, lines, "{rest}");
    }

    #[test]
    fn edges_against_the_direction_are_found_in_every_table() {
        let core = |rest, lines: &[usize]| {
            check_one(
                "crates/mainspring-core/Cargo.toml",
                "mainspring-core",
                rest,
                lines,
            );
        };
        core(
            "[dependencies]\nserde = \"1\"\nmainspring-runtime.workspace = true\n",
            &[5],
        );
        core(
            "[dev-dependencies]\nmainspring-test = { path = \"x\" }\n",
            &[4],
        );
        core("[build-dependencies]\nmainspring-web = \"1\"\n", &[4]);
        core(
            "[target.'cfg(unix)'.dependencies]\nmainspring = \"1\"\n",
            &[4],
        );
        core(
            "[dependencies]\nx = { package = \"mainspring-web\", version = \"1\" }\n",
            &[4],
        );
        core("[dependencies.mainspring-web]\nversion = \"1\"\n", &[1]);
        core("[dependencies]\nserde = \"1\"\n", &[]);
    }

    #[test]
    fn each_layer_sees_those_below_it() {
        let uses = |package: &str, used: &str, lines: &[usize]| {
            let path = format!("crates/{package}/Cargo.toml");
            check_one(
                &path,
                package,
                &format!("[dependencies]\n{used} = \"1\"\n"),
                lines,
            );
        };
        uses("mainspring-runtime", "mainspring-core", &[]);
        uses("mainspring-runtime", "mainspring-web", &[4]);
        uses("mainspring-runtime", "mainspring-sqlite", &[4]);
        uses("mainspring-web", "mainspring-runtime", &[]);
        uses("mainspring-web", "mainspring-test", &[4]);
        uses("mainspring-macros", "mainspring-core", &[4]);
        uses("mainspring-ops", "mainspring-messages", &[]);
        uses("mainspring-messages", "mainspring-ops", &[4]);
        uses("mainspring-sqlite", "mainspring-sim", &[4]);
        uses("mainspring", "mainspring-cli", &[4]);
        uses("mainspring-cli", "mainspring", &[]);
        uses("mainspring-cli", "mainspring-core", &[4]);
        let suite = "[dev-dependencies]\nmainspring-sim = \"1\"\n";
        check_one(
            "crates/mainspring-sqlite/Cargo.toml",
            "mainspring-sqlite",
            suite,
            &[],
        );
    }

    #[test]
    fn examples_use_what_users_name() {
        let path = "examples/quickstart/Cargo.toml";
        check_one(
            path,
            "quickstart",
            "[dependencies]\nmainspring.workspace = true\n",
            &[],
        );
        check_one(
            path,
            "quickstart",
            "[dependencies]\nmainspring-core = \"1\"\n",
            &[4],
        );
    }

    #[test]
    fn a_crate_without_a_layer_is_found() {
        check_one(
            "crates/mainspring-extra/Cargo.toml",
            "mainspring-extra",
            "",
            &[2],
        );
    }
}
