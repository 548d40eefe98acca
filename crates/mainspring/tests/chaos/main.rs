//! Durable jobs in real processes that are killed, stopped and told to end.
//!
//! This one program is both: with `child …` it is a worker process, otherwise the tests, so that
//! nothing has to be built or found besides. `chaos [row] [--cycles N] [--seed S]` runs one row or
//! all; without a number of cycles each row is as short as a usual test run allows.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and these measure real processes in real time"
)]

mod child;
mod file;
mod journal;
mod kill;
mod pill;
mod process;
mod real_time;
mod stop;
mod term;
mod work;

use std::panic::catch_unwind;
use std::process::ExitCode;

/// How a row is to run.
#[derive(Clone, Copy, Debug)]
struct Options {
    cycles: Option<u32>,
    seed: u64,
}

type Row = (&'static str, fn(Options));

const ROWS: &[Row] = &[
    ("kill", kill::run),
    ("stop", stop::run),
    ("pill", pill::run),
    ("term", term::run),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.split_first() {
        Some((what, settings)) if what == "child" => child::run(settings),
        Some((flag, _)) if flag == "--list" => {
            ROWS.iter().for_each(|(row, _)| println!("{row}: test"));
            ExitCode::SUCCESS
        }
        _ => run_rows(&args),
    }
}

/// Runs the rows whose name contains the first word, one after the other: they measure times.
fn run_rows(args: &[String]) -> ExitCode {
    let number = |flag: &str| {
        let at = args.iter().position(|arg| arg == flag)?;
        let number = args.get(at + 1).and_then(|text| text.parse::<u64>().ok());
        Some(number.unwrap_or_else(|| panic!("{flag} needs a number")))
    };
    let options = Options {
        cycles: number("--cycles").map(|cycles| cycles.try_into().unwrap()),
        seed: number("--seed").unwrap_or_else(|| journal::now() ^ u64::from(std::process::id())),
    };
    let filter = args.first().filter(|arg| !arg.starts_with('-'));
    let chosen = |row: &str| filter.is_none_or(|filter| row.contains(filter.as_str()));
    let mut failed = 0;
    for (row, run) in ROWS.iter().filter(|(row, _)| chosen(row)) {
        let began = journal::now();
        let passed = catch_unwind(|| run(options)).is_ok();
        failed += u32::from(!passed);
        println!(
            "test chaos::{row} ... {} (seed {}, {:.1} s)",
            if passed { "ok" } else { "FAILED" },
            options.seed,
            seconds(journal::now() - began),
        );
    }
    match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn seconds(micros: u64) -> f64 {
    std::time::Duration::from_micros(micros).as_secs_f64()
}
