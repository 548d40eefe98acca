//! The project's own commands, called as `cargo xtask <command>`.
//!
//! Each command is one file here. `tidy` is also a test of this crate, so that
//! `cargo test --workspace` holds every rule it checks.

mod chaos;
mod examples;
mod fuzz;
mod loom;
mod oracle;
mod process;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What every command returns: nothing to say, or why it failed.
type Done = Result<(), Failure>;

/// Why a command did not succeed.
#[derive(Debug, PartialEq, Eq)]
enum Failure {
    /// The command was called in a way it does not understand: exit code 2 and the usage text.
    Usage(String),
    /// The command ran and found a fault: exit code 1.
    Failed(String),
}

/// One command, as the usage text lists it.
struct Command {
    name: &'static str,
    arguments: &'static str,
    summary: &'static str,
    run: fn(&Path, &[String]) -> Done,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "tidy",
        arguments: "",
        summary: "check the rules of the house on every tracked file",
        run: tidy::run,
    },
    Command {
        name: "surface",
        arguments: "[--write]",
        summary: "compare the public items with docs/api, or write them there",
        run: tidy::surface::run,
    },
    Command {
        name: "examples",
        arguments: "",
        summary: "build and test every example that is a workspace of its own",
        run: examples::run,
    },
    Command {
        name: "oracle",
        arguments: "",
        summary: "compare the whole cron oracle with its brute force, in release",
        run: oracle::run,
    },
    Command {
        name: "loom",
        arguments: "",
        summary: "run the loom models of mainspring-core, in release",
        run: loom::run,
    },
    Command {
        name: "chaos",
        arguments: "ROW [--cycles N] [--seed S]",
        summary: "kill, stop, pill or term: real processes on one file, in the long form",
        run: chaos::run,
    },
    Command {
        name: "fuzz",
        arguments: "[--seconds N]",
        summary: "replay every corpus, then explore N seconds (10) per fuzz target",
        run: fuzz::run,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&root(), &arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Failed(why)) => {
            eprintln!("error: {why}");
            ExitCode::from(1)
        }
        Err(Failure::Usage(why)) => {
            eprintln!("error: {why}\n\n{}", usage());
            ExitCode::from(2)
        }
    }
}

fn dispatch(root: &Path, arguments: &[String]) -> Done {
    let Some((name, rest)) = arguments.split_first() else {
        return Err(Failure::Usage("no command given".to_owned()));
    };
    if ["help", "--help", "-h"].contains(&name.as_str()) {
        println!("{}", usage());
        return Ok(());
    }
    match COMMANDS.iter().find(|command| command.name == name) {
        Some(command) => (command.run)(root, rest),
        None => Err(Failure::Usage(format!(
            "there is no command `{name}`{}",
            nearest(name)
        ))),
    }
}

/// The workspace this program was built from, so that commands work from any folder.
fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}

fn usage() -> String {
    let mut text = "usage: cargo xtask <command>\n\ncommands:".to_owned();
    for command in COMMANDS {
        let call = format!("{} {}", command.name, command.arguments);
        text.push_str(&format!("\n  {call:<20}  {}", command.summary));
    }
    text.push_str(
        "\n\nhint: before a change is sent, run `.ci/run`, which covers them all but oracle",
    );
    text
}

fn nearest(name: &str) -> String {
    let starts = |command: &&Command| name.chars().next() == command.name.chars().next();
    match COMMANDS.iter().find(starts) {
        Some(command) => format!("; did you mean `{}`?", command.name),
        None => String::new(),
    }
}

/// Refuses arguments on behalf of the commands that take none.
fn no_arguments(command: &str, arguments: &[String]) -> Done {
    match arguments.first() {
        None => Ok(()),
        Some(extra) => Err(Failure::Usage(format!(
            "`{command}` takes no arguments, but was given `{extra}`"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(arguments: &[&str]) -> Done {
        let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
        dispatch(Path::new("nowhere"), &arguments)
    }

    #[track_caller]
    fn refused(arguments: &[&str], expected: &str) {
        match call(arguments) {
            Err(Failure::Usage(why)) => assert!(why.contains(expected), "{why}"),
            other => panic!("{arguments:?} gave {other:?}"),
        }
    }

    #[test]
    fn wrong_calls_are_refused_with_the_reason() {
        refused(&[], "no command given");
        refused(&["tydi"], "no command `tydi`; did you mean `tidy`?");
        refused(&["zap"], "no command `zap`");
        refused(
            &["tidy", "--fix"],
            "takes no arguments, but was given `--fix`",
        );
        refused(&["surface", "x"], "takes no arguments");
        refused(&["surface", "--write", "x"], "takes no arguments");
        refused(&["examples", "x"], "takes no arguments");
        refused(&["oracle", "x"], "takes no arguments");
        refused(&["loom", "x"], "takes no arguments");
        refused(&["fuzz", "--seconds"], "needs a number");
        refused(&["chaos"], "needs a row");
    }

    #[test]
    fn usage_lists_every_command() {
        let text = usage();
        for command in COMMANDS {
            assert!(text.contains(command.summary), "{text}");
        }
        assert!(text.contains("hint:"), "{text}");
        assert_eq!(call(&["--help"]), Ok(()));
    }
}
