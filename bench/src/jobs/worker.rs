//! A worker in a process of its own, which says when each of its bodies begins.

use std::io::{BufRead, BufReader, Write, stdin, stdout};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use mainspring_runtime::jobs::JobContext;

use super::ours::{Mail, Ours, Setting};
use super::subject::{Place, Subject, Synchronous};
use crate::seam::now;

/// The other process; it ends with this.
#[derive(Debug)]
pub(super) struct Worker {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Worker {
    /// Starts it on this database.
    pub(super) fn start(place: &Place) -> Result<Self, String> {
        let us = std::env::current_exe().map_err(|why| format!("where is this program? {why}"))?;
        let safety = place.synchronous.to_string();
        let child = Command::new(us)
            .args(["work", &safety])
            .arg(&place.file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = child.map_err(|why| format!("cannot start a worker: {why}"))?;
        let output = child.stdout.take().ok_or("the worker has no output")?;
        Ok(Self {
            input: child.stdin.take(),
            child,
            output: BufReader::new(output),
        })
    }

    /// When its next body began.
    pub(super) fn began(&mut self) -> Result<Duration, String> {
        let mut line = String::new();
        let read = self.output.read_line(&mut line);
        read.map_err(|why| why.to_string())?;
        let nanos = line.trim().parse();
        nanos
            .map(Duration::from_nanos)
            .map_err(|_| format!("the worker said {line:?}"))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // The end of its input ends it.
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

/// Works until the input ends: the other process.
///
/// # Errors
/// When the app does not start or does not end well.
pub fn run(synchronous: Synchronous, file: &Path) -> Result<(), String> {
    let place = Place {
        file: file.to_owned(),
        synchronous,
    };
    let ours = Ours::open(&place, Setting::Defaults)?;
    let running = ours.start(&ours.jobs(), |_: JobContext, _: Mail| async {
        let began = now();
        let mut out = stdout().lock();
        writeln!(out, "{}", began.as_nanos())?;
        Ok(out.flush()?)
    });
    running.ready(&ours.runtime)?;
    for line in stdin().lock().lines() {
        line.map_err(|why| why.to_string())?;
    }
    running.stop(&ours.runtime)
}
