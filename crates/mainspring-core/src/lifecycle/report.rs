//! What a shutdown leaves behind: one value that says how every part and phase ended.

use std::fmt;
use std::process::{ExitCode, Termination};
use std::time::Duration;

use super::event::{Failure, ShutdownCause};
use super::exit::{Exit, Forced};
use super::plan::PartKind;
use super::text::{self, Escaped, Took};

/// How an app ended. Its [`Display`](fmt::Display) is for people, its exit code for supervisors.
///
/// Returned from `main`, it ends the process with its code. Names and errors in it are escaped
/// when displayed, and passwords in URLs are never kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "the report holds the exit code; return it from main"]
pub struct ShutdownReport {
    /// The name of the app.
    pub app: String,
    /// Why it stopped.
    pub cause: ShutdownCause,
    /// How the process ends.
    pub exit: Exit,
    /// Why the exit was forced, if it was.
    pub forced: Option<Forced>,
    /// From the first reason to stop to the end.
    pub took: Duration,
    /// The phases of the stop, in the order in which they ran.
    pub phases: Vec<PhaseReport>,
    /// Every component and hook: the planned ones first, then those registered while running.
    pub parts: Vec<PartReport>,
    /// Everything that went wrong, in the order in which it did.
    pub problems: Vec<Problem>,
    /// How many problems are not listed, since [`ERRORS_MAX`](super::ERRORS_MAX) are.
    pub problems_left_out: usize,
}

impl ShutdownReport {
    /// Returns the number that the process ends with: 0, 1, 3 or 4.
    pub fn exit_code(&self) -> u8 {
        self.exit.code()
    }

    /// Returns the report on a part.
    pub fn part(&self, name: &str) -> Option<&PartReport> {
        self.parts.iter().find(|part| part.name == name)
    }

    /// Returns the report on a phase, if it ran.
    pub fn phase(&self, phase: Phase) -> Option<&PhaseReport> {
        self.phases.iter().find(|report| report.phase == phase)
    }

    /// Returns the names of the parts that started and had not stopped at the end.
    pub fn not_stopped(&self) -> impl Iterator<Item = &str> {
        self.parts
            .iter()
            .filter(|part| part.start.outcome.has_started())
            .filter(|part| {
                matches!(
                    part.stop.outcome,
                    StopOutcome::None | StopOutcome::Unfinished
                )
            })
            .map(|part| part.name.as_str())
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (app, cause) = (Escaped(&self.app), &self.cause);
        let (code, exit, took) = (self.exit_code(), self.exit, self.took);
        let took = Took(took);
        write!(
            f,
            "{app} stopped: {cause}; exit code {code} ({exit}); took {took}"
        )?;
        for part in &self.parts {
            write!(f, "\n  {part}")?;
        }
        for phase in &self.phases {
            write!(f, "\n  {phase}")?;
        }
        if let Some(forced) = self.forced {
            write!(f, "\n  {forced}")?;
        }
        for problem in &self.problems {
            write!(f, "\n  problem: {problem}")?;
        }
        if self.problems_left_out > 0 {
            write!(f, "\n  and {} more problems", self.problems_left_out)?;
        }
        Ok(())
    }
}

impl Termination for ShutdownReport {
    fn report(self) -> ExitCode {
        ExitCode::from(self.exit_code())
    }
}

/// One phase of the stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Phase {
    /// Not ready any more, but still serving.
    Drain,
    /// Listeners close, requests in flight finish.
    Http,
    /// Follow-ups finish.
    FollowUps,
    /// Periodic work and workers finish.
    Workers,
    /// Components and hooks stop in reverse order.
    Components,
    /// Stores close.
    Stores,
    /// Logs and metrics are flushed.
    Telemetry,
    /// The health server closes.
    Health,
}

impl Phase {
    /// All phases in their order.
    pub const ALL: [Self; 8] = [
        Self::Drain,
        Self::Http,
        Self::FollowUps,
        Self::Workers,
        Self::Components,
        Self::Stores,
        Self::Telemetry,
        Self::Health,
    ];

    /// Returns the name that reports use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Http => "http",
            Self::FollowUps => "follow-ups",
            Self::Workers => "workers",
            Self::Components => "components",
            Self::Stores => "stores",
            Self::Telemetry => "telemetry",
            Self::Health => "health",
        }
    }
}

/// How one phase of the stop went.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PhaseReport {
    /// Which one.
    pub phase: Phase,
    /// How it ended.
    pub outcome: PhaseOutcome,
    /// From its begin to its end.
    pub took: Duration,
    /// The names of what did not finish in time.
    pub cut: Vec<String>,
    pub(super) since: Duration,
}

impl PhaseReport {
    pub(super) fn begun(phase: Phase, since: Duration) -> Self {
        let outcome = PhaseOutcome::Unfinished;
        Self {
            phase,
            outcome,
            took: Duration::ZERO,
            cut: Vec::new(),
            since,
        }
    }
}

impl fmt::Display for PhaseReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "phase {}: {} in {}",
            self.phase.as_str(),
            self.outcome,
            Took(self.took)
        )?;
        for (position, name) in self.cut.iter().enumerate() {
            write!(
                f,
                "{}{}",
                if position == 0 { "; cut: " } else { ", " },
                Escaped(name)
            )?;
        }
        Ok(())
    }
}

/// How a phase ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PhaseOutcome {
    /// Everything in it finished.
    Finished,
    /// Something in it failed; the problems say what.
    Failed,
    /// Something in it did not finish in time and was dropped.
    Cut,
    /// It did not even end when it was cut.
    Abandoned,
    /// The exit was forced while it ran.
    Unfinished,
}

impl fmt::Display for PhaseOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Cut => "cut",
            Self::Abandoned => "abandoned",
            Self::Unfinished => "unfinished",
        })
    }
}

/// How one component or hook started and stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartReport {
    /// Its name.
    pub name: String,
    /// Component or hook.
    pub kind: PartKind,
    /// How it started.
    pub start: StartReport,
    /// How it stopped.
    pub stop: StopReport,
}

impl fmt::Display for PartReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}: {}",
            self.kind.as_str(),
            Escaped(&self.name),
            self.start.outcome
        )?;
        if self.start.outcome != StartOutcome::None && self.kind == PartKind::Component {
            write!(f, " in {}", Took(self.start.took))?;
        }
        if self.start.outcome.has_started() {
            write!(f, ", {}", self.stop.outcome)?;
            if self.stop.outcome != StopOutcome::None {
                write!(f, " in {}", Took(self.stop.took))?;
            }
        }
        Ok(())
    }
}

/// How a start went.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StartReport {
    /// How it ended.
    pub outcome: StartOutcome,
    /// How long it took.
    pub took: Duration,
}

/// How a start ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartOutcome {
    /// The boot never came to it.
    None,
    /// It started.
    Started,
    /// It was told to give up, and started all the same: it is stopped like the others.
    StartedLate,
    /// It returned an error or panicked.
    Failed(Failure),
    /// It gave up when its limit was exceeded.
    LimitExceeded,
    /// It gave up when the app was asked to stop.
    Cancelled,
    /// It ignored its cancellation and was dropped. It is not stopped, since it never started.
    Abandoned,
    /// The exit was forced while it ran.
    Unfinished,
}

impl StartOutcome {
    /// Says whether there is something to stop.
    pub fn has_started(&self) -> bool {
        matches!(self, Self::Started | Self::StartedLate)
    }
}

impl fmt::Display for StartOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("never started"),
            Self::Started => f.write_str("started"),
            Self::StartedLate => f.write_str("started too late"),
            Self::Failed(failure) => write!(f, "failed to start ({failure})"),
            Self::LimitExceeded => f.write_str("exceeded its start limit"),
            Self::Cancelled => f.write_str("start cancelled"),
            Self::Abandoned => f.write_str("start abandoned, it ignored its cancellation"),
            Self::Unfinished => f.write_str("still starting"),
        }
    }
}

/// How a stop went.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StopReport {
    /// How it ended.
    pub outcome: StopOutcome,
    /// How long it took.
    pub took: Duration,
}

/// How a stop ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopOutcome {
    /// It was not called: the part never started, or the exit was forced before its turn.
    None,
    /// It stopped.
    Stopped,
    /// It returned an error or panicked.
    Failed(Failure),
    /// It did not return by its limit and was dropped.
    Abandoned,
    /// The exit was forced while it ran.
    Unfinished,
}

impl fmt::Display for StopOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("not stopped"),
            Self::Stopped => f.write_str("stopped"),
            Self::Failed(failure) => write!(f, "failed to stop ({failure})"),
            Self::Abandoned => f.write_str("stop abandoned"),
            Self::Unfinished => f.write_str("still stopping"),
        }
    }
}

/// Something that went wrong: where, what, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// Where, such as `component "warm-cache"`.
    pub what: String,
    /// What went wrong.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem without a hint. Long text is cut and passwords in URLs go.
    pub fn new(what: impl fmt::Display, message: impl fmt::Display) -> Self {
        let (what, message) = (
            text::clean(&what.to_string()),
            text::clean(&message.to_string()),
        );
        Self {
            what,
            message,
            hint: None,
        }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(text::clean(&hint.to_string()));
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", Escaped(&self.what), Escaped(&self.message))?;
        match &self.hint {
            Some(hint) => write!(f, " (hint: {})", Escaped(hint)),
            None => Ok(()),
        }
    }
}
