//! The log of a process: readable lines on a terminal, JSON lines elsewhere.
//!
//! ```no_run
//! use mainspring_runtime::logger;
//!
//! fn main() -> Result<(), logger::LoggerError> {
//!     let _log = logger::init()?; // flushed when it is dropped
//!     tracing::info!(answer = 42, "hello");
//!     Ok(())
//! }
//! ```
//!
//! The defaults written out: lines go to standard error, [`pretty`](Logger::pretty) if that is a
//! terminal and [`json`](Logger::json) if not; `MAINSPRING_LOG` says what is shown, `info` without
//! it; a thread of its own writes, so that a slow output never holds up the program.
//!
//! Every line carries the fields of the spans around it, among them `request_id`, `trace_id` and
//! `work`. What came from outside cannot forge a line or steer a terminal: control characters are
//! escaped in names and values alike. Names and limits are listed in `docs/telemetry.md`.
//!
//! Setting up the logger is the one thing that is per process; nothing else here needs it. Tests
//! read their log through [`capture::Captured`].

use std::fmt;
use std::io::{self, IsTerminal as _};
use std::sync::Arc;

use jiff::Timestamp;
use tracing::{Dispatch, level_filters::LevelFilter};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_log::{AsLog as _, LogTracer};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Layer, SubscriberExt as _};

pub mod capture;
mod error;
mod escape;
mod format;
mod layer;
mod levels;
mod record;
#[cfg(test)]
mod tests;
mod writer;

use format::Format;
use layer::{LineLayer, Now};
use levels::{LevelLayer, Levels};
use writer::Lost;

use crate::environment;

pub use error::LoggerError;
pub use record::Value;

/// Lines that may wait to be written. At 200 bytes a line, 3 MiB and some tenths of a second of
/// the busiest service; more would only hide that the output cannot keep up.
pub const QUEUE_LINES: usize = 16_384;

/// Sets up the log of this process with all defaults.
///
/// # Errors
///
/// [`LoggerError::InvalidDirective`] if `MAINSPRING_LOG` cannot be read, and
/// [`LoggerError::AlreadyInstalled`] if this process has a logger.
pub fn init() -> Result<LogGuard, LoggerError> {
    Logger::new().install()
}

/// A log with other settings than the defaults of [`init`].
///
/// ```
/// use mainspring_runtime::logger::Logger;
///
/// let (log, guard) = Logger::new().json().with_env(|_| None).to_writer(Vec::new()).build()?;
/// tracing::dispatcher::with_default(&log, || tracing::info!("only in here"));
/// # drop(guard);
/// # Ok::<(), mainspring_runtime::logger::LoggerError>(())
/// ```
#[must_use = "a logger does nothing until it is installed or built"]
pub struct Logger {
    format: Option<Format>,
    levels: String,
    env: Lookup,
    now: Now,
    queue: usize,
    to: Option<Box<dyn io::Write + Send>>,
    extra: Option<BoxedLayer>,
}

type Lookup = Box<dyn Fn(&str) -> Option<String>>;
type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

impl Logger {
    /// All defaults.
    pub fn new() -> Self {
        Logger {
            format: None,
            levels: String::new(),
            env: Box::new(process_variable),
            now: Now(Arc::new(system_now)),
            queue: QUEUE_LINES,
            to: None,
            extra: None,
        }
    }

    /// Writes JSON, one object a line, also on a terminal.
    pub fn json(mut self) -> Self {
        self.format = Some(Format::Json);
        self
    }

    /// Writes readable lines without colour, also where there is no terminal.
    pub fn pretty(mut self) -> Self {
        self.format = Some(Format::Pretty { colour: false });
        self
    }

    /// Shows what `directives` say, unless the environment says otherwise.
    pub fn with_levels(mut self, directives: impl Into<String>) -> Self {
        self.levels = directives.into();
        self
    }

    /// Reads environment variables through `lookup` instead of from the process, for example
    /// through an [`Environment`](crate::environment::Environment).
    pub fn with_env(mut self, lookup: impl Fn(&str) -> Option<String> + 'static) -> Self {
        self.env = Box::new(lookup);
        self
    }

    /// Takes the time of each line from `now` instead of from the system.
    pub fn with_now(mut self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.now = Now(Arc::new(now));
        self
    }

    /// Lets `lines` wait to be written instead of [`QUEUE_LINES`]; at least one.
    pub fn with_queue(mut self, lines: usize) -> Self {
        self.queue = lines.max(1);
        self
    }

    /// Writes to `writer` instead of standard error; as JSON unless [`pretty`](Logger::pretty) is
    /// asked for. It is called on a thread of its own and may block.
    pub fn to_writer(mut self, writer: impl io::Write + Send + 'static) -> Self {
        self.to = Some(Box::new(writer));
        self
    }

    /// Adds a layer beside the log, such as one that exports spans.
    pub fn with_layer(mut self, layer: impl Layer<Registry> + Send + Sync) -> Self {
        self.extra = Some(match self.extra {
            None => layer.boxed(),
            Some(before) => before.and_then(layer).boxed(),
        });
        self
    }

    /// Makes this the log of the process, for `tracing` and for the `log` crate. If the process
    /// has a logger for the `log` crate already, that one stays.
    ///
    /// # Errors
    ///
    /// As [`init`].
    pub fn install(self) -> Result<LogGuard, LoggerError> {
        let (dispatch, mut guard) = self.build()?;
        tracing::dispatcher::set_global_default(dispatch)
            .map_err(|_| LoggerError::AlreadyInstalled)?;
        let log_max = LevelFilter::current().as_log();
        guard.bridges_log = LogTracer::builder().with_max_level(log_max).init().is_ok();
        Ok(guard)
    }

    /// Makes a log without installing it. It is in force where `tracing::dispatcher` is told to
    /// use it, for tests and for programs with several logs.
    ///
    /// # Errors
    ///
    /// [`LoggerError::InvalidDirective`].
    pub fn build(self) -> Result<(Dispatch, LogGuard), LoggerError> {
        let from_env = (self.env)(environment::LOG).filter(|text| !text.trim().is_empty());
        let levels = Levels::new(&from_env.unwrap_or(self.levels))?;
        let on_terminal = self.to.is_none() && io::stderr().is_terminal();
        let format = self.format.unwrap_or(if on_terminal {
            // See https://no-color.org: any value but an empty one.
            let colour = (self.env)("NO_COLOR").is_none_or(|value| value.is_empty());
            Format::Pretty { colour }
        } else {
            Format::Json
        });
        let to = self.to.unwrap_or_else(|| Box::new(io::stderr()));
        let (out, worker, lost) = writer::start(to, self.queue, format, self.now.clone());
        let dispatch = Dispatch::new(
            tracing_subscriber::registry()
                .with(self.extra)
                .with(LineLayer {
                    format,
                    now: self.now,
                    out,
                })
                .with(LevelLayer(levels.clone())),
        );
        Ok((
            dispatch,
            LogGuard {
                levels,
                lost,
                bridges_log: false,
                _worker: worker,
            },
        ))
    }
}

impl Default for Logger {
    fn default() -> Self {
        Logger::new()
    }
}

impl fmt::Debug for Logger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logger")
            .field("format", &self.format)
            .field("levels", &self.levels)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

/// Keeps the log running. Dropping it writes what waits, for at most about a second.
///
/// Hold it to the end of `main`; lines after its drop are lost.
#[derive(Debug)]
#[must_use = "the log ends when its guard is dropped: bind it with `let _log = …`"]
pub struct LogGuard {
    levels: Arc<Levels>,
    lost: Lost,
    bridges_log: bool,
    _worker: WorkerGuard,
}

impl LogGuard {
    /// Changes what is shown, at once and for all threads. It replaces what `MAINSPRING_LOG` or
    /// the code said.
    ///
    /// # Errors
    ///
    /// [`LoggerError::InvalidDirective`]; then nothing has changed.
    pub fn set_levels(&self, directives: &str) -> Result<(), LoggerError> {
        self.levels.change(directives)?;
        if self.bridges_log {
            tracing_log::log::set_max_level(LevelFilter::current().as_log());
        }
        Ok(())
    }

    /// Lines lost so far, because too many waited or because the output refused them.
    pub fn dropped_lines(&self) -> u64 {
        self.lost.lines()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the seam: the time of a log line, replaced \
    by with_now; the log starts before any clock and must outlive it"
)]
fn system_now() -> Timestamp {
    Timestamp::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the seam: the log starts before the app \
    and its environment; replaced by with_env"
)]
fn process_variable(name: &str) -> Option<String> {
    // What is not Unicode becomes a directive that cannot be read, which is then said.
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}
