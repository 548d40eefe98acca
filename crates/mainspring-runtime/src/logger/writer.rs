//! The writing side of the queue: it also tells how many lines were lost.

use std::borrow::Cow;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use mainspring_core::telemetry::{event, field};
use tracing::Level;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

use super::format::Format;
use super::layer::Now;
use super::record::{Fields, Record, Value};

/// Name of the thread that writes.
const THREAD: &str = "mainspring-log";

/// Lines that did not come out, so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Lost {
    /// Counted by the queue; there is one as soon as there is a queue.
    queue_full: Arc<OnceLock<ErrorCounter>>,
    refused: Arc<AtomicU64>,
}

impl Lost {
    pub(super) fn lines(&self) -> u64 {
        let full = self.queue_full.get().map_or(0, ErrorCounter::dropped_lines);
        u64::try_from(full)
            .unwrap_or(u64::MAX)
            .saturating_add(self.refused.load(Ordering::Acquire))
    }
}

/// Starts the thread that writes to `to`, behind a queue of `lines`.
pub(super) fn start(
    to: Box<dyn io::Write + Send>,
    lines: usize,
    format: Format,
    now: Now,
) -> (NonBlocking, WorkerGuard, Lost) {
    let lost = Lost::default();
    let telling = Telling {
        to,
        lost: lost.clone(),
        told: 0,
        format,
        now,
    };
    let (queue, worker) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(lines)
        .thread_name(THREAD)
        .finish(telling);
    let counter = lost.queue_full.set(queue.error_counter());
    counter.expect("the cell was made above and is set once");
    (queue, worker, lost)
}

struct Telling {
    to: Box<dyn io::Write + Send>,
    lost: Lost,
    told: u64,
    format: Format,
    now: Now,
}

impl Telling {
    /// Writes how many lines were lost since it was last told.
    fn tell(&mut self) -> io::Result<()> {
        let lost = self.lost.lines();
        let news = lost.saturating_sub(self.told);
        if news == 0 {
            return Ok(());
        }
        let mut fields = Fields::default();
        fields.set(field::DROPPED, Value::U64(news));
        let record = Record {
            level: Level::WARN,
            target: Cow::Borrowed(module_path!()),
            event: Some(event::LOGGER_LINES_DROPPED),
            message: "log lines were lost: the output cannot keep up".to_owned(),
            fields,
        };
        let mut line = String::new();
        self.format.line(&mut line, self.now.read(), &record);
        self.to.write_all(line.as_bytes())?;
        self.told = lost;
        Ok(())
    }
}

impl io::Write for Telling {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // The caller hands over whole lines and can do nothing about an error, so a line the
        // output refuses is counted like one the queue refused.
        if self.tell().and_then(|()| self.to.write_all(line)).is_err() {
            self.lost.refused.fetch_add(1, Ordering::AcqRel);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // The count stays untold and is tried again with the next line.
        let _later = self.tell();
        self.to.flush()
    }
}
