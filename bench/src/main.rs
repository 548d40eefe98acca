//! `cargo run --release -p bench -- foundations [--quick] [--json PATH] [--only LETTERS]` or
//! `cargo run --release -p bench -- jobs --store sqlite […] [--peers PATH]`.

use std::process::ExitCode;

use bench::options::{Command, USAGE};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match Command::parse(&arguments) {
        Ok(Command::Work(synchronous, file)) => bench::jobs::worker::run(synchronous, &file),
        Ok(Command::Serve(kind)) => bench::action::server::run(kind),
        Ok(Command::Foundations(options)) => bench::foundations::run(&options),
        Ok(Command::Jobs(options)) => bench::jobs::run(&options),
        Err(why) => Err(format!("{why}\n{USAGE}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}
