//! Other job queues on SQLite, measured for comparison: one JSON object a row, see README.md.

mod apalis;
mod entry;
mod file;
mod handler;
mod measure;
mod options;
mod peer;
mod river;
mod seam;

use std::process::ExitCode;

use crate::apalis::Apalis;
use crate::options::{Options, USAGE};
use crate::peer::{Failure, Synchronous};
use crate::river::River;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match Options::parse(&arguments) {
        Err(why) => Err(format!("{why}\n{USAGE}").into()),
        Ok(options) => run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Failure> {
    if cfg!(debug_assertions) {
        eprintln!("warning: these numbers mean nothing without --release");
    }
    std::fs::create_dir_all(&options.folder)?;
    // As `#[tokio::main]` makes it: one worker for each core.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    for row in peer::ROWS.iter().filter(|row| options.wants(row.letter)) {
        for synchronous in Synchronous::ALL {
            for entry in runtime.block_on(measure::row::<Apalis>(row, synchronous, options)) {
                entry.print()?;
            }
            for entry in runtime.block_on(measure::row::<River>(row, synchronous, options)) {
                entry.print()?;
            }
        }
    }
    Ok(())
}
