//! Running cargo as a child, with the failures of each step told apart.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::{Done, Failure};

/// `cargo`, to be run in `folder`.
pub(crate) fn cargo(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(folder).args(arguments);
    command
}

/// Runs a command with our own output as its output.
pub(crate) fn run(mut command: Command) -> Done {
    let shown = show(&command);
    println!("running {shown}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::Failed(format!("`{shown}` ended with {status}"))),
        Err(error) => Err(cannot_start(&shown, &error)),
    }
}

/// Counts the tests that a `cargo test … FILTER` command would run.
///
/// A filter that matches nothing ends with success, so a command that is meant to run certain
/// tests asks first whether there are any.
pub(crate) fn count_tests(mut command: Command) -> Result<usize, Failure> {
    command.args(["--", "--list"]).stderr(Stdio::inherit());
    let shown = show(&command);
    println!("running {shown}");
    let output = command
        .output()
        .map_err(|error| cannot_start(&shown, &error))?;
    if !output.status.success() {
        return Err(Failure::Failed(format!(
            "`{shown}` ended with {}",
            output.status
        )));
    }
    Ok(listed(&String::from_utf8_lossy(&output.stdout)))
}

fn listed(output: &str) -> usize {
    output
        .lines()
        .filter(|line| line.ends_with(": test"))
        .count()
}

fn cannot_start(shown: &str, error: &std::io::Error) -> Failure {
    Failure::Failed(format!(
        "cannot start `{shown}`: {error}; is cargo on the PATH?"
    ))
}

fn show(command: &Command) -> String {
    let mut words = Vec::new();
    for (name, value) in command.get_envs() {
        let value = value.unwrap_or_default().to_string_lossy();
        words.push(format!("{}={value:?}", name.to_string_lossy()));
    }
    words.push(command.get_program().to_string_lossy().into_owned());
    words.extend(
        command
            .get_args()
            .map(|word| word.to_string_lossy().into_owned()),
    );
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_counted_and_other_lines_are_not() {
        assert_eq!(
            listed("cron::oracle::sample: test\na: benchmark\n\n1 test, 1 benchmark\n"),
            1
        );
        assert_eq!(listed("0 tests, 0 benchmarks\n"), 0);
    }

    #[test]
    fn a_missing_program_is_an_error_that_names_it() {
        let missing = || Command::new("there-is-no-such-program");
        let why = |result: Failure| match result {
            Failure::Failed(why) => why,
            Failure::Usage(why) => panic!("{why}"),
        };
        assert!(why(run(missing()).unwrap_err()).contains("there-is-no-such-program"));
        assert!(why(count_tests(missing()).unwrap_err()).contains("there-is-no-such-program"));
    }

    #[test]
    fn the_command_is_shown_as_it_could_be_typed() {
        let mut command = cargo(Path::new("."), &["test", "-p", "x"]);
        command.env("RUSTFLAGS", "--cfg loom");
        assert_eq!(show(&command), "RUSTFLAGS=\"--cfg loom\" cargo test -p x");
    }
}
