//! `cargo xtask oracle`: the whole comparison of cron schedules with a brute force on a second
//! time-zone library. The normal tests run a seeded sample of it.

use std::path::Path;
use std::process::Command;

use crate::process::{cargo, count_tests, run as run_command};
use crate::{Done, Failure, no_arguments};

const TEST: [&str; 7] = [
    "test",
    "--release",
    "-p",
    "mainspring-core",
    "--test",
    "it",
    "oracle",
];

pub(crate) fn run(root: &Path, arguments: &[String]) -> Done {
    no_arguments("oracle", arguments)?;
    if count_tests(oracle(root))? == 0 {
        return Err(Failure::Failed(
            "mainspring-core has no test named oracle".to_owned(),
        ));
    }
    let mut command = oracle(root);
    command.args(["--", "--nocapture"]);
    run_command(command)
}

fn oracle(root: &Path) -> Command {
    let mut command = cargo(root, &TEST);
    command.env("MAINSPRING_ORACLE", "full");
    command
}
