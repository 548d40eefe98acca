//! `cargo xtask loom`: the loom models of mainspring-core, which need the whole crate compiled
//! with `--cfg loom` and therefore a target folder of their own.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::process::{cargo, count_tests, run as run_command};
use crate::{Done, Failure, no_arguments};

const SOURCES: &str = "crates/mainspring-core/src";
const TEST: [&str; 6] = [
    "test",
    "--release",
    "-p",
    "mainspring-core",
    "--lib",
    "loom",
];

pub(crate) fn run(root: &Path, arguments: &[String]) -> Done {
    no_arguments("loom", arguments)?;
    if !mentions_a_model(&root.join(SOURCES))? {
        println!("{SOURCES} has no loom model yet");
        return Ok(());
    }
    if count_tests(loom(root))? == 0 {
        let why = "mainspring-core has loom models, but no test whose path contains `loom`";
        return Err(Failure::Failed(why.to_owned()));
    }
    run_command(loom(root))
}

fn loom(root: &Path) -> Command {
    let mut command = cargo(root, &TEST);
    command
        .env("RUSTFLAGS", "--cfg loom")
        .env("CARGO_TARGET_DIR", root.join("target/loom"));
    command
}

/// Whether any file below `folder` calls loom, asked of the text because the answer decides
/// whether the minutes of a separate build are worth spending.
fn mentions_a_model(folder: &Path) -> Result<bool, Failure> {
    let cannot = |why| Failure::Failed(format!("cannot read {}: {why}", folder.display()));
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        let found = if path.is_dir() {
            mentions_a_model(&path)?
        } else {
            let text = fs::read_to_string(&path).map_err(cannot)?;
            text.contains("loom::model")
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_found_at_any_depth() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("deep")).unwrap();
        fs::write(folder.path().join("lib.rs"), "//! Speaks of loom only.").unwrap();
        assert_eq!(mentions_a_model(folder.path()), Ok(false));
        fs::write(
            folder.path().join("deep/a.rs"),
            "fn t() { loom::model(|| {}) }",
        )
        .unwrap();
        assert_eq!(mentions_a_model(folder.path()), Ok(true));
        assert!(mentions_a_model(&folder.path().join("missing")).is_err());
    }
}
