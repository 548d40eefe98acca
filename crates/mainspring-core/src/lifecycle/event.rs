//! What a shell tells the machine.

use std::fmt;

use super::plan::PartId;
use super::report::Phase;
use super::text;

/// Something that happened, told to [`Machine::handle`](super::Machine::handle).
///
/// An event that does not fit the state (a late answer of something abandoned) is ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Begin the boot.
    Start,
    /// All sockets are bound.
    SocketsBound,
    /// At least one socket could not be bound; the others are closed again. All conflicts are told.
    BindFailed(Vec<BindConflict>),
    /// The health server answers.
    HealthServing,
    /// The health server did not come up.
    HealthFailed(Failure),
    /// All stores are open and migrated.
    StoresOpened,
    /// A store did not open; those that did are closed again.
    StoresFailed(Failure),
    /// A component's start returned success.
    PartStarted(PartId),
    /// A component's start returned an error or panicked.
    PartFailed(PartId, Failure),
    /// Schedules, periodic work and workers run.
    WorkStarted,
    /// Schedules, periodic work or workers did not start.
    WorkFailed(Failure),
    /// The main listener accepts.
    Accepting,
    /// The main listener cannot accept.
    AcceptFailed(Failure),
    /// A stop hook wants to be registered while the app starts or runs.
    HookRegistered {
        /// What the report calls it.
        name: String,
    },
    /// The process got a signal. The first stops the app, the second forces its exit.
    Signal(Signal),
    /// A handle or a component asks the app to stop. Asking again changes nothing.
    ShutdownRequested(ShutdownCause),
    /// A phase of the stop has ended, by itself or because it was cut.
    PhaseEnded {
        /// The phase that ended.
        phase: Phase,
        /// The names of what did not finish and was dropped.
        cut: Vec<String>,
        /// What went wrong besides, such as a store that did not close cleanly.
        failure: Option<Failure>,
    },
    /// A part's stop returned success.
    PartStopped(PartId),
    /// A part's stop returned an error or panicked.
    PartStopFailed(PartId, Failure),
    /// The timer for [`Machine::next_deadline`](super::Machine::next_deadline) fired.
    TimerFired,
    /// The watchdog's time has passed.
    WatchdogFired,
}

/// An error or a panic of something that the machine started or stopped.
///
/// Its text is cut at [`TEXT_MAX`](super::TEXT_MAX) and holds no passwords of URLs, because it
/// ends in a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    text: String,
    panicked: bool,
}

impl Failure {
    /// It returned this error.
    pub fn error(text: impl fmt::Display) -> Self {
        Self {
            text: text::clean(&text.to_string()),
            panicked: false,
        }
    }

    /// It panicked with this text.
    pub fn panic(text: impl fmt::Display) -> Self {
        Self {
            panicked: true,
            ..Self::error(text)
        }
    }

    /// Says whether it was a panic.
    pub fn is_panic(&self) -> bool {
        self.panicked
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = if self.panicked { "panicked: " } else { "" };
        write!(f, "{before}{}", text::Escaped(&self.text))
    }
}

/// A socket that could not be bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindConflict {
    /// Which listener wanted it, such as `main` or `health`.
    pub listener: String,
    /// The address as it was configured; empty if the error names it.
    pub address: String,
    /// What the operating system said.
    pub error: String,
    /// What to do about it, such as `set MAINSPRING_HTTP_ADDR to a free address`.
    pub hint: String,
}

/// A signal that stops a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal {
    /// SIGINT, usually Ctrl-C.
    Interrupt,
    /// SIGTERM, usually from a supervisor.
    Terminate,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        })
    }
}

/// Why an app stops.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShutdownCause {
    /// The process got a signal.
    Signal(Signal),
    /// A handle asked, with the reason it gave.
    Requested(String),
    /// A component asked in good order.
    Component {
        /// Who asked.
        name: String,
        /// The reason it gave.
        reason: String,
    },
    /// A component or supervised task failed and its policy stops the app.
    Failed {
        /// Who failed.
        name: String,
        /// How.
        failure: Failure,
    },
    /// The boot failed; the report's problems say why.
    StartFailed {
        /// What did not start, such as `component "warm-cache"`.
        what: String,
    },
}

impl ShutdownCause {
    /// Says whether this cause alone makes the exit unclean.
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Failed { .. } | Self::StartFailed { .. })
    }
}

impl fmt::Display for ShutdownCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |text: &str| text::Escaped(&text::clean(text)).to_string();
        match self {
            Self::Signal(signal) => write!(f, "{signal}"),
            Self::Requested(reason) => f.write_str(&shown(reason)),
            Self::Component { name, reason } => {
                write!(f, "asked by {}: {}", shown(name), shown(reason))
            }
            Self::Failed { name, failure } => write!(f, "{} failed: {failure}", shown(name)),
            Self::StartFailed { what } => write!(f, "{} did not start", shown(what)),
        }
    }
}
