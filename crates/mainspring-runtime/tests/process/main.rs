//! Apps as real processes with real signals.
//!
//! This one program is both: without arguments it is the tests, with `child <case>` the process
//! under test, so that nothing has to be built or found besides.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod child;
mod parent;
mod tests;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.as_slice() {
        [what, case] if what == "child" => child::run(case),
        [flag, ..] if flag == "--list" => ExitCode::SUCCESS,
        _ => tests::run_all(args.iter().find(|arg| !arg.starts_with('-'))),
    }
}
