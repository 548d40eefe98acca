//! What happened, as JSON lines that survive the process that wrote them.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// One line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    /// Microseconds since the epoch: all processes share the machine's clock.
    pub(crate) at: u64,
    pub(crate) pid: u32,
    pub(crate) what: String,
    /// The job's id, or whatever else it is about.
    pub(crate) of: String,
}

/// A file that several processes append to.
#[derive(Clone, Debug)]
pub(crate) struct Journal(Arc<File>);

impl Journal {
    pub(crate) fn open(path: &Path) -> Self {
        let file = OpenOptions::new().create(true).append(true).open(path);
        Self(Arc::new(file.unwrap()))
    }

    pub(crate) fn note(&self, what: &str, of: impl ToString) {
        self.note_for(std::process::id(), what, of);
    }

    pub(crate) fn note_for(&self, pid: u32, what: &str, of: impl ToString) {
        let (what, of) = (what.to_owned(), of.to_string());
        let at = now();
        let mut line = serde_json::to_vec(&Line { at, pid, what, of }).unwrap();
        line.push(b'\n');
        // One write, so that no two lines mix and none is torn by the end of its process.
        (&*self.0).write_all(&line).unwrap();
    }
}

/// Everything that was noted, in order.
pub(crate) fn read(path: &Path) -> Vec<Line> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

pub(crate) fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_micros().try_into().unwrap()
}
