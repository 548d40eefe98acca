//! The tracked files of the project, read once and shared by all checks.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use super::rust::Rust;

/// Folders that hold no source: skipped where git cannot say which files are tracked.
const NOT_SOURCE: [&str; 3] = [".git", "target", "quickstart-data"];

/// One file: its path from the root, with `/`, and what is in it.
pub(crate) struct File {
    pub(crate) path: String,
    /// The text, with bytes that are not UTF-8 replaced; or why it cannot be read.
    pub(crate) text: Result<String, String>,
    /// Whether every byte of the file was UTF-8.
    pub(crate) utf8: bool,
    /// What the text is as Rust, for `.rs` files: or the line and the message of the fault.
    pub(crate) rust: Option<Result<Rust, (usize, String)>>,
}

/// A manifest that parses.
pub(crate) struct Manifest<'a> {
    pub(crate) path: &'a str,
    pub(crate) text: &'a str,
    pub(crate) table: toml::Table,
}

/// All files, by path.
pub(crate) struct Tree {
    files: Vec<File>,
}

impl Tree {
    /// Reads the tracked and the not yet added files below `root`.
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        let paths = match tracked(root) {
            Some(paths) => paths,
            None => walk(root).map_err(|why| format!("cannot list {}: {why}", root.display()))?,
        };
        let files = paths.into_iter().filter_map(|path| {
            // A tracked file that is deleted in the work tree is no longer part of the project.
            let there = fs::symlink_metadata(root.join(&path)).is_ok_and(|found| !found.is_dir());
            there.then(|| File::new(&path, fs::read(root.join(&path))))
        });
        Ok(Self::from_files(files.collect()))
    }

    /// A tree that exists only in a test.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File::new(path, Ok(text.as_bytes().to_vec()));
        Self::from_files(files.iter().map(file).collect())
    }

    pub(crate) fn from_files(mut files: Vec<File>) -> Self {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        mark_test_modules(&mut files);
        Self { files }
    }

    pub(crate) fn files(&self) -> &[File] {
        &self.files
    }

    /// The text of one file, if it exists and can be read.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        let file = self.files.iter().find(|file| file.path == path)?;
        file.text.as_deref().ok()
    }

    /// The Rust files that parse, with path and text. Those that do not are found by `readable`.
    pub(crate) fn rust(&self) -> impl Iterator<Item = (&str, &str, &Rust)> {
        self.files
            .iter()
            .filter_map(|file| match (&file.text, &file.rust) {
                (Ok(text), Some(Ok(rust))) => Some((file.path.as_str(), text.as_str(), rust)),
                _ => None,
            })
    }

    /// Like [`Tree::rust`], for the sources of the library: tests inside of them included.
    pub(crate) fn library(&self) -> impl Iterator<Item = (&str, &str, &Rust)> {
        self.rust().filter(|(path, _, _)| is_library(path))
    }

    /// The manifests that parse. Those that do not are found by `readable`.
    pub(crate) fn manifests(&self) -> impl Iterator<Item = Manifest<'_>> {
        self.files.iter().filter_map(|file| {
            let name = file.path.rsplit('/').next()?;
            let text = file.text.as_deref().ok().filter(|_| name == "Cargo.toml")?;
            Some(Manifest {
                path: &file.path,
                text,
                table: text.parse().ok()?,
            })
        })
    }
}

impl Manifest<'_> {
    /// The line of the first `key = …` or `key.…` in the manifest, or 1.
    pub(crate) fn line_of(&self, key: &str) -> usize {
        let starts = |line: &str| {
            let rest = line.trim_start().strip_prefix(key);
            rest.is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
        };
        self.text
            .lines()
            .position(starts)
            .map_or(1, |index| index + 1)
    }

    /// The name of the package, or nothing for a manifest that is only a workspace.
    pub(crate) fn package(&self) -> Option<&str> {
        self.table.get("package")?.get("name")?.as_str()
    }

    /// Whether the manifest is the root of a workspace.
    pub(crate) fn is_workspace(&self) -> bool {
        self.table.contains_key("workspace")
    }
}

impl File {
    pub(crate) fn new(path: &str, content: io::Result<Vec<u8>>) -> Self {
        let (text, utf8) = match content {
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => (Ok(text), true),
                Err(why) => (
                    Ok(String::from_utf8_lossy(why.as_bytes()).into_owned()),
                    false,
                ),
            },
            Err(why) => (Err(why.to_string()), true),
        };
        let rust = match &text {
            Ok(text) if path.ends_with(".rs") => Some(Rust::parse(text)),
            _ => None,
        };
        Self {
            path: path.to_owned(),
            text,
            utf8,
            rust,
        }
    }
}

/// Whether a path is a source of one of the crates that users depend on.
fn is_library(path: &str) -> bool {
    let mut parts = path.split('/');
    parts.next() == Some("crates") && parts.next().is_some() && parts.next() == Some("src")
}

/// A file that is the body of a `#[cfg(test)] mod name;` is test code from its first line.
fn mark_test_modules(files: &mut [File]) {
    let mut prefixes = BTreeSet::new();
    for file in files.iter() {
        if let Some(Ok(rust)) = &file.rust {
            let base = module_folder(&file.path);
            prefixes.extend(rust.test_modules().map(|name| format!("{base}{name}")));
        }
    }
    for file in files.iter_mut() {
        let stem = file.path.trim_end_matches(".rs").to_owned();
        let is_test = |prefix: &String| {
            let rest = stem.strip_prefix(prefix.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if let Some(Ok(rust)) = &mut file.rust
            && prefixes.iter().any(is_test)
        {
            rust.mark_whole_file_as_test();
        }
    }
}

/// Where the modules that a file declares are, with a `/` at the end.
pub(crate) fn module_folder(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    match name {
        "lib.rs" | "main.rs" => format!("{folder}/"),
        _ => format!("{}/", path.trim_end_matches(".rs")),
    }
}

/// What git tracks or would add, or nothing where there is no git or no repository.
fn tracked(root: &Path) -> Option<Vec<String>> {
    let arguments = [
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ];
    let output = Command::new("git")
        .current_dir(root)
        .args(arguments)
        .output()
        .ok()?;
    let listed = String::from_utf8(output.stdout)
        .ok()
        .filter(|_| output.status.success())?;
    let paths: BTreeSet<&str> = listed.split('\0').filter(|path| !path.is_empty()).collect();
    let own = paths.contains("Cargo.toml");
    own.then(|| paths.into_iter().map(str::to_owned).collect())
}

fn walk(root: &Path) -> io::Result<Vec<String>> {
    let mut paths = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let name = entry.file_name();
            let path = folder.join(&name);
            if !entry.file_type()?.is_dir() {
                paths.push(path.to_string_lossy().replace('\\', "/"));
            } else if !NOT_SOURCE.iter().any(|skipped| name == *skipped) {
                folders.push(path);
            }
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_git_is_walked_without_build_output() {
        let folder = tempfile::tempdir().unwrap();
        for path in [
            "Cargo.toml",
            "src/lib.rs",
            "target/debug/x.rs",
            ".git/config",
        ] {
            fs::create_dir_all(folder.path().join(path).parent().unwrap()).unwrap();
            fs::write(folder.path().join(path), "").unwrap();
        }
        let tree = Tree::read(folder.path()).unwrap();
        let paths: Vec<&str> = tree.files().iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["Cargo.toml", "src/lib.rs"]);
        assert!(Tree::read(&folder.path().join("missing")).is_err());
    }

    #[test]
    fn a_module_under_cfg_test_is_test_code_in_its_file() {
        let tree = Tree::of(&[
            ("crates/a/src/lib.rs", "mod run;\n#[cfg(test)]\nmod kit;\n"),
            ("crates/a/src/kit.rs", "mod deep;\n"),
            ("crates/a/src/kit/deep.rs", "fn f() {}\n"),
            ("crates/a/src/kitchen.rs", "fn f() {}\n"),
            (
                "crates/a/src/run.rs",
                "fn f() {}\n#[cfg(test)]\nmod tests;\n",
            ),
            ("crates/a/src/run/tests.rs", "fn f() {}\n"),
        ]);
        let tests: Vec<&str> = tree
            .rust()
            .filter(|(_, _, rust)| rust.is_test(1))
            .map(|(path, ..)| path)
            .collect();
        let expected = ["kit.rs", "kit/deep.rs", "run/tests.rs"];
        assert_eq!(tests, expected.map(|name| format!("crates/a/src/{name}")));
    }

    #[test]
    fn only_sources_of_crates_are_library() {
        assert!(is_library("crates/a/src/b/c.rs"));
        for other in [
            "crates/a/tests/it/main.rs",
            "xtask/src/main.rs",
            "bench/src/main.rs",
        ] {
            assert!(!is_library(other), "{other}");
        }
    }
}
