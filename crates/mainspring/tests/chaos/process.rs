//! A worker process as its parent sees it.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use crate::child::Settings;
use crate::journal;
use crate::real_time::pause;

/// How long anything here may take: only a failure ever waits for it.
pub(crate) const LIMIT: Duration = Duration::from_secs(40);

/// How often something that must come is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(10);

pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
    pub(crate) spawned: u64,
}

impl Process {
    pub(crate) fn start(settings: &Settings) -> Self {
        let log = Path::new(&settings.folder).join(format!("{}.log", settings.name));
        let log = File::options().create(true).append(true).open(log);
        let spawned = journal::now();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("child")
            .args(settings.args())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.unwrap())
            .spawn()
            .unwrap();
        let (line, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            let read = stdout.lines().map_while(Result::ok);
            read.for_each(|text| drop(line.send(text)));
        });
        Self {
            child,
            lines,
            spawned,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn until_ready(&self) {
        let line = self.lines.recv_timeout(LIMIT);
        assert_eq!(line.as_deref(), Ok("ready"), "its log says why");
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let kill = Command::new("kill").args([name, &pid]).status();
        assert!(kill.unwrap().success(), "the child can be signalled");
    }

    /// Kills it, as the system does when memory is short.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Tells it to end, and waits until it has; returns what it has counted.
    pub(crate) fn end(mut self) -> Vec<String> {
        self.signal("-TERM");
        let mut status = None;
        until("the end after SIGTERM", || {
            status = self.has_ended();
            status.is_some()
        });
        assert_eq!(status.unwrap().code(), Some(0), "its log says why");
        self.lines.iter().collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Also after a failed check no process stays behind.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Waits until it is so, and fails when it never is.
pub(crate) fn until(what: &str, mut is: impl FnMut() -> bool) {
    let began = journal::now();
    while !is() {
        let waited = Duration::from_micros(journal::now() - began);
        assert!(waited < LIMIT, "no {what} within {LIMIT:?}");
        pause(LOOK_EVERY);
    }
}

/// The count of this metric in what a process has counted.
pub(crate) fn counted(lines: &[String], metric: &str) -> usize {
    let line = lines.iter().find_map(|line| line.strip_prefix(metric));
    let line = line.unwrap_or_else(|| panic!("no {metric} in {lines:?}"));
    line.trim().parse().unwrap()
}
