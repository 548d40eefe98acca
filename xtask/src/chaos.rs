//! `cargo xtask chaos`: jobs in processes that are killed, stopped and told to end, for long.
//!
//! The short form runs with the tests of `mainspring`; this is the same program with more cycles.

use std::path::Path;

use crate::process::{cargo, run as run_command};
use crate::{Done, Failure};

/// A row of the test, and how many cycles its long form has.
const ROWS: &[(&str, u64)] = &[("kill", 200), ("stop", 20), ("pill", 20), ("term", 200)];

/// A day of the shortest cycles.
const CYCLES_MAX: u64 = 1_000_000;

/// What is to be run; without a seed the program draws one and prints it.
#[derive(Debug, PartialEq, Eq)]
struct Call {
    row: String,
    cycles: u64,
    seed: Option<u64>,
}

pub(crate) fn run(root: &Path, arguments: &[String]) -> Done {
    let Call { row, cycles, seed } = parse(arguments)?;
    let mut command = cargo(root, &["test", "-p", "mainspring", "--test", "chaos", "--"]);
    command.args([&row, "--cycles", &cycles.to_string()]);
    if let Some(seed) = seed {
        command.args(["--seed", &seed.to_string()]);
    }
    run_command(command)
}

fn parse(arguments: &[String]) -> Result<Call, Failure> {
    let usage = |why: String| Err(Failure::Usage(why));
    let Some((row, mut rest)) = arguments.split_first() else {
        return usage(format!("`chaos` needs a row: {}", names()));
    };
    let Some((_, cycles)) = ROWS.iter().find(|(name, _)| name == row) else {
        return usage(format!("`chaos` has no row `{row}`: {}", names()));
    };
    let (row, mut call) = (row.clone(), (*cycles, None));
    while let Some((flag, after)) = rest.split_first() {
        let number = after.first().and_then(|text| text.parse::<u64>().ok());
        match (flag.as_str(), number) {
            ("--cycles", Some(cycles @ 1..=CYCLES_MAX)) => call.0 = cycles,
            ("--seed", Some(seed)) => call.1 = Some(seed),
            ("--cycles", _) => {
                return usage(format!("--cycles needs a number from 1 to {CYCLES_MAX}"));
            }
            ("--seed", None) => return usage("--seed needs a number".to_owned()),
            _ => return usage(format!("`chaos {row}` does not know `{flag}`")),
        }
        rest = after.get(1..).unwrap_or_default();
    }
    let (cycles, seed) = call;
    Ok(Call { row, cycles, seed })
}

fn names() -> String {
    let names: Vec<_> = ROWS.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<Call, Failure> {
        let words: Vec<_> = line.split_whitespace().map(ToOwned::to_owned).collect();
        parse(&words)
    }

    #[test]
    fn a_call_has_a_row_and_may_have_cycles_and_a_seed() {
        let call = |row: &str, cycles, seed| {
            let row = row.to_owned();
            Ok(Call { row, cycles, seed })
        };
        assert_eq!(words("kill"), call("kill", 200, None));
        assert_eq!(words("term --cycles 3 --seed 7"), call("term", 3, Some(7)));
        assert_eq!(words("stop --seed 0"), call("stop", 20, Some(0)));
    }

    #[test]
    fn wrong_calls_say_what_is_right() {
        for (line, why) in [
            ("", "kill, stop, pill, term"),
            ("krill", "no row `krill`"),
            ("kill --cycles", "a number from 1"),
            ("kill --cycles 0", "a number from 1"),
            ("kill --seed x", "needs a number"),
            ("kill --loud", "does not know `--loud`"),
        ] {
            match words(line) {
                Err(Failure::Usage(text)) => assert!(text.contains(why), "{line}: {text}"),
                other => panic!("{line}: {other:?}"),
            }
        }
    }
}
