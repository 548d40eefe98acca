//! `cargo xtask examples`: examples that pin a driver are workspaces of their own, which
//! `cargo test --workspace` does not see. This builds and tests each of them, and the feature that
//! asks for a newer compiler than the workspace does.

use std::fs;
use std::path::{Path, PathBuf};

use crate::process::{cargo, run as run_command};
use crate::{Done, Failure, no_arguments};

pub(crate) fn run(root: &Path, arguments: &[String]) -> Done {
    no_arguments("examples", arguments)?;
    let found = own_workspaces(&root.join("examples"))?;
    if found.is_empty() {
        println!("no example is a workspace of its own");
    }
    for folder in found {
        println!("example {}", folder.display());
        run_command(cargo(&folder, &["build", "--all-targets"]))?;
        run_command(cargo(&folder, &["test"]))?;
    }
    let sqlx = ["test", "-p", "mainspring-sqlite", "--features", "sqlx"];
    run_command(cargo(root, &sqlx))
}

/// The folders directly under `examples` whose manifest has a `[workspace]` table, by name.
fn own_workspaces(examples: &Path) -> Result<Vec<PathBuf>, Failure> {
    let cannot = |path: &Path, why: &dyn std::fmt::Display| {
        Failure::Failed(format!("cannot read {}: {why}", path.display()))
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(examples).map_err(|why| cannot(examples, &why))? {
        let folder = entry.map_err(|why| cannot(examples, &why))?.path();
        let manifest = folder.join("Cargo.toml");
        if !manifest.is_file() {
            continue;
        }
        let text = fs::read_to_string(&manifest).map_err(|why| cannot(&manifest, &why))?;
        let table: toml::Table = text.parse().map_err(|why| cannot(&manifest, &why))?;
        if table.contains_key("workspace") {
            found.push(folder);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_workspaces_of_their_own_are_found() {
        let folder = tempfile::tempdir().unwrap();
        for (name, manifest) in [("b", "[workspace]\n"), ("a", "[workspace]\n"), ("c", "")] {
            fs::create_dir(folder.path().join(name)).unwrap();
            fs::write(folder.path().join(name).join("Cargo.toml"), manifest).unwrap();
        }
        fs::create_dir(folder.path().join("no-manifest")).unwrap();
        let found = own_workspaces(folder.path()).unwrap();
        assert_eq!(found, [folder.path().join("a"), folder.path().join("b")]);
    }

    #[test]
    fn a_broken_manifest_and_a_missing_folder_are_errors_that_name_the_path() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        fs::write(folder.path().join("a/Cargo.toml"), "[workspace").unwrap();
        for path in [folder.path().to_path_buf(), folder.path().join("missing")] {
            match own_workspaces(&path) {
                Err(Failure::Failed(why)) => {
                    assert!(why.contains(&path.display().to_string()), "{why}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
