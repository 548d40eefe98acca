//! What the compiler says of programs that are not right.
//!
//! A program in `tests/refused` names what must be said in lines that begin with `//~`: each error,
//! and sentences of the notes. Sentences are compared, not the layout around them, which is the
//! compiler's and changes with it. The compiler is asked directly, with the library that was built
//! for these tests, so nothing else is built or fetched.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::{env, fs};

#[test]
fn traits_say_what_is_missing_and_what_to_write() {
    check("traits.rs");
}

#[test]
fn the_test_attribute_says_what_may_be_written() {
    check("options.rs");
}

#[track_caller]
fn check(name: &str) {
    let program = program(name);
    let Err(said) = compile(&program, &LIBRARY) else {
        panic!("{name} should be refused");
    };
    let text = fs::read_to_string(&program).unwrap();
    let mut errors = 0;
    for expected in text.lines().filter_map(|line| line.strip_prefix("//~ ")) {
        errors += usize::from(expected.starts_with("error: "));
        // A compiler's error has a code, one of ours has none.
        let (expected, told) = match expected.strip_prefix("error: ") {
            Some(error) => (
                error,
                said.lines().filter(is_error).any(|it| it.ends_with(error)),
            ),
            None => (expected, said.contains(expected)),
        };
        assert!(told, "{name} is not told {expected:?}, but:\n{said}");
    }
    let all = said.lines().filter(is_error).count();
    assert_eq!(all, errors, "{name} is told more:\n{said}");
}

/// Whether a line is the first one of an error, and not the count of them at the end.
fn is_error(line: &&str) -> bool {
    line.starts_with("error") && !line.starts_with("error: aborting")
}

/// The library as it was built for these tests: the newest one that a right program compiles with.
/// Others beside it lack features.
static LIBRARY: LazyLock<PathBuf> = LazyLock::new(|| {
    let exe = env::current_exe().unwrap();
    let files = fs::read_dir(exe.parent().unwrap()).unwrap();
    let mut libraries: Vec<_> = files
        .map(|file| file.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with("libmainspring-") && name.ends_with(".rlib")
        })
        .map(|path| (path.metadata().unwrap().modified().unwrap(), path))
        .collect();
    libraries.sort();
    let mut said = String::from("there is no library beside the tests");
    for (_, library) in libraries.into_iter().rev() {
        match compile(&program("right.rs"), &library) {
            Ok(()) => return library,
            Err(error) => said = error,
        }
    }
    panic!("right.rs should compile:\n{said}");
});

fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/refused")
        .join(name)
}

/// Compiles a program, or returns what the compiler says of it.
fn compile(program: &Path, library: &Path) -> Result<(), String> {
    let with = |option: &str, path: &Path| {
        let mut option = OsString::from(option);
        option.push(path);
        option
    };
    let output = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .args(["--edition=2024", "--crate-type=lib", "--emit=metadata"])
        .args(["--color=never", "--error-format=human", "-Awarnings"])
        .args(["--out-dir", env!("CARGO_TARGET_TMPDIR")])
        .arg(with("-Ldependency=", library.parent().unwrap()))
        .arg(with("--extern=mainspring=", library))
        .arg(program)
        .output()
        .unwrap();
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}
