//! `cargo xtask fuzz`: every fuzz target for a short while, on the stable toolchain.
//!
//! The targets are bolero tests in `fuzz/`, a workspace of its own. As a test, a target first
//! replays its corpus and then explores at random for the time it is given.

use std::path::Path;

use crate::process::{cargo, count_tests, run as run_command};
use crate::{Done, Failure, no_arguments};

/// Long enough to notice a target that breaks at once, short enough for every change.
const SECONDS_DEFAULT: u64 = 10;
/// A day: longer explorations are the business of a real fuzzer, not of this command.
const SECONDS_MAX: u64 = 24 * 60 * 60;

pub(crate) fn run(root: &Path, arguments: &[String]) -> Done {
    let seconds = seconds(arguments)?;
    let folder = root.join("fuzz");
    if !folder.join("Cargo.toml").is_file() {
        println!("there are no fuzz targets yet: fuzz/Cargo.toml does not exist");
        return Ok(());
    }
    if count_tests(cargo(&folder, &["test", "--release"]))? == 0 {
        return Err(Failure::Failed(
            "fuzz/ exists, but has no target".to_owned(),
        ));
    }
    let mut command = cargo(&folder, &["test", "--release"]);
    command.env("BOLERO_RANDOM_TEST_TIME_MS", (seconds * 1000).to_string());
    // One target at a time: two on two cores would each get half of its time.
    command.args(["--", "--test-threads", "1"]);
    run_command(command)
}

fn seconds(arguments: &[String]) -> Result<u64, Failure> {
    let refuse = |what: &str| {
        let range = format!("--seconds needs a number from 1 to {SECONDS_MAX}");
        Err(Failure::Usage(format!("{range}, but {what}")))
    };
    match arguments {
        [flag, rest @ ..] if flag == "--seconds" => match rest {
            [] => refuse("none was given"),
            [number, extra @ ..] => {
                no_arguments("fuzz --seconds N", extra)?;
                match number.parse() {
                    Ok(seconds) if (1..=SECONDS_MAX).contains(&seconds) => Ok(seconds),
                    _ => refuse(&format!("was given `{number}`")),
                }
            }
        },
        others => {
            no_arguments("fuzz without --seconds", others)?;
            Ok(SECONDS_DEFAULT)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<u64, Failure> {
        seconds(
            &arguments
                .iter()
                .map(|&text| text.to_owned())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn seconds_have_a_default_and_a_range() {
        assert_eq!(parse(&[]), Ok(SECONDS_DEFAULT));
        assert_eq!(parse(&["--seconds", "1"]), Ok(1));
        assert_eq!(parse(&["--seconds", "86400"]), Ok(86_400));
        for wrong in ["0", "86401", "-1", "ten", "", "99999999999999999999"] {
            assert!(
                matches!(parse(&["--seconds", wrong]), Err(Failure::Usage(_))),
                "{wrong}"
            );
        }
        assert!(matches!(
            parse(&["--seconds", "1", "2"]),
            Err(Failure::Usage(_))
        ));
        assert!(matches!(parse(&["cron"]), Err(Failure::Usage(_))));
    }

    #[test]
    fn a_tree_without_targets_is_fine() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(run(folder.path(), &[]), Ok(()));
    }
}
