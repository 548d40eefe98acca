//! (c) What one periodic holds in memory, counted by the allocator in a process of its own.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use mainspring_core::clock::ManualClock;

use crate::periodics::{Lateness, with_periodics};
use crate::platform::{app, ended, manual, one_thread, start};

/// How it is counted, for the table.
pub(crate) const NOTE: &str = "bytes still allocated after everyone has run once, with name and \
                               handler, over the same app without periodics; manual clock";

/// The bytes that each of `count` periodics holds, by the counting program.
pub(crate) fn each(count: u32) -> Result<Vec<f64>, String> {
    let us = std::env::current_exe().map_err(|why| format!("where is this program? {why}"))?;
    let counted = us.with_file_name("bench-counted");
    // `cargo run` builds only this program, and the other one must be of the same build.
    build(&us)?;
    let output = Command::new(&counted)
        .arg(count.to_string())
        .output()
        .map_err(|why| format!("cannot start {}: {why}", counted.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let bytes = text.trim().parse::<f64>();
    bytes.map(|bytes| vec![bytes]).map_err(|why| {
        let errors = String::from_utf8_lossy(&output.stderr);
        format!("{} said {text:?} ({why}): {errors}", counted.display())
    })
}

fn build(us: &Path) -> Result<(), String> {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--quiet", "-p", "bench", "--bin", "bench-counted"]);
    if us
        .parent()
        .is_some_and(|folder| folder.ends_with("release"))
    {
        cargo.arg("--release");
    }
    match cargo.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("building bench-counted ended with {status}")),
        Err(why) => Err(format!("cannot start cargo: {why}")),
    }
}

/// Runs an app with `count` periodics until each has run, and says how many bytes `held` grew by.
///
/// # Panics
/// When the app does not run.
pub fn held_by(count: u32, held: impl Fn() -> i64) -> i64 {
    let period = Duration::from_secs(60);
    let late = Arc::new(Lateness::default());
    one_thread().block_on(async {
        let clock = ManualClock::new("2026-03-28T00:00:00Z".parse().expect("a valid instant"));
        let before = held();
        let app = with_periodics(app(), count, period, &late);
        let (handle, report) = start(app, manual(&clock));
        clock.advance(period * 2).await;
        let grown = held() - before;
        handle.shutdown("measured");
        ended(clock.run_until(report).await).expect("an empty app ends well");
        grown
    })
}
