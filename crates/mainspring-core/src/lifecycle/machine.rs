//! The machine: one state, one event at a time.
//!
//! ```text
//!          Start            step done                 last step done
//!   Idle ─────────▶ Starting ───┐ ◀──┘ next step ─────────────────────▶ Ready
//!    │                │  │ └────┘                                        │ asked to stop
//!    │ asked to stop  │  │ limit exceeded, asked to stop                 ▼
//!    │                │  ▼                                            Draining
//!    │   step failed  │ Cancelling ── returned, or grace over             │ delay over
//!    ▼                ▼  ▼                                                ▼
//!   Phase ⇄ StoppingPart: http … components … health ◀────────────────────┘
//!    │ limit │ ▲ ended, or grace over
//!    │       ▼ │
//!    │     Cutting              second signal or watchdog, from anywhere
//!    ▼ after the last                         │
//!   Exited ◀──────────────────────────────────┘
//! ```

use std::time::Duration;

use super::command::{Command, RefusedBecause, StartStep};
use super::event::{BindConflict, Event, Failure, ShutdownCause};
use super::exit::{Exit, Forced};
use super::plan::{PartId, PartKind, Plan};
use super::report::{
    PartReport, Phase, PhaseOutcome, PhaseReport, Problem, ShutdownReport, StartOutcome,
    StartReport, StopOutcome, StopReport,
};

mod start;
mod stop;

/// How long a phase that was cut may take to say what it cut: dropping tasks needs a moment, and
/// it is borrowed from the next phase.
pub const PHASE_GRACE: Duration = Duration::from_millis(100);

/// How much earlier than it is abandoned a stop sees its deadline, so that one which watches it
/// can still return. At most a quarter of its share.
pub const STOP_GRACE: Duration = Duration::from_millis(100);

/// What a stop or phase gets when no time is left: enough to be told and to close a handle.
pub const EXPIRED_GRACE: Duration = Duration::from_millis(10);

/// How far all graces together may overrun the budget; after that nobody gets one, so that even
/// thousands of parts that hang cannot outlast [`WATCHDOG_MARGIN`].
pub const OVERRUN_MAX: Duration = Duration::from_millis(500);

/// How long after the budget the watchdog ends the process: the sequencer is done by then unless
/// something blocks the very threads it runs on.
pub const WATCHDOG_MARGIN: Duration = Duration::from_secs(1);

/// The most hooks that may be registered while an app runs. A hook per resource is meant, a hook
/// per request is a leak that would only show at shutdown.
pub const HOOKS_MAX: usize = 10_000;

/// The most problems that a report lists; more than this only repeat each other.
pub const ERRORS_MAX: usize = 1_000;

/// Decides everything about the start and the stop of one app.
///
/// The same events at the same times always give the same commands.
#[derive(Debug, Clone)]
pub struct Machine {
    plan: Plan,
    now: Duration,
    state: State,
    /// Planned parts, then hooks registered while running; a [`PartId`] is a position in it.
    parts: Vec<Entry>,
    /// What started and has not been told to stop, in the order of completion.
    started: Vec<PartId>,
    begun: Begun,
    shutdown: Option<Shutdown>,
    phases: Vec<PhaseReport>,
    problems: Vec<Problem>,
    problems_left_out: usize,
    signals: u32,
    commands: Vec<Command>,
}

/// Where an app is, for those who only watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Not yet asked to start.
    Idle,
    /// Between the first step of the boot and ready.
    Starting,
    /// Serving.
    Ready,
    /// Stopping; hooks are refused.
    Stopping,
    /// The report is out.
    Exited,
}

/// The state of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Starting {
        step: StartStep,
        since: Duration,
        deadline: Duration,
    },
    Cancelling {
        step: StartStep,
        since: Duration,
        deadline: Duration,
        timed_out: bool,
    },
    Ready,
    Draining {
        deadline: Duration,
    },
    Phase {
        phase: Phase,
        deadline: Duration,
    },
    Cutting {
        phase: Phase,
        deadline: Duration,
    },
    StoppingPart {
        part: PartId,
        since: Duration,
        deadline: Duration,
        phase_end: Duration,
    },
    Exited,
}

/// One part and what became of it.
#[derive(Debug, Clone)]
struct Entry {
    report: PartReport,
    start_limit: Duration,
    stop_called: bool,
}

/// Which steps have left something behind that a phase must stop.
#[derive(Debug, Clone, Copy, Default)]
struct Begun {
    sockets: bool,
    health: bool,
    stores: bool,
    work: bool,
    accept: bool,
    ready: bool,
}

/// Why and since when the app stops.
#[derive(Debug, Clone)]
struct Shutdown {
    cause: ShutdownCause,
    since: Duration,
    budget_end: Duration,
    unclean: bool,
}

impl Machine {
    /// A machine that waits for [`Event::Start`].
    pub fn new(plan: Plan) -> Self {
        let parts = plan
            .parts
            .iter()
            .map(|part| Entry::new(part.name.clone(), part.kind, part.start_limit))
            .collect();
        Self {
            plan,
            now: Duration::ZERO,
            state: State::Idle,
            parts,
            started: Vec::new(),
            begun: Begun::default(),
            shutdown: None,
            phases: Vec::new(),
            problems: Vec::new(),
            problems_left_out: 0,
            signals: 0,
            commands: Vec::new(),
        }
    }

    /// Takes one event and returns what to do about it, in order.
    ///
    /// `now` is monotonic time since the clock's origin; a time before the last one counts as the
    /// last one. An event that does not fit the state returns nothing and changes nothing.
    ///
    /// ```
    /// use std::time::Duration;
    /// use mainspring_core::lifecycle::{Command, Event, Machine, Plan, Signal};
    ///
    /// let mut machine = Machine::new(Plan::new("accounts"));
    /// machine.handle(Duration::ZERO, Event::Start);
    /// machine.handle(Duration::ZERO, Event::Signal(Signal::Terminate));
    /// let commands = machine.handle(Duration::ZERO, Event::Signal(Signal::Terminate));
    /// assert!(matches!(commands.as_slice(), [Command::ForceExit(_)]));
    /// ```
    pub fn handle(&mut self, now: Duration, event: Event) -> Vec<Command> {
        self.now = self.now.max(now);
        match event {
            Event::Start => self.on_start(),
            Event::SocketsBound => self.on_step_done(StartStep::Bind),
            Event::BindFailed(conflicts) => self.on_bind_failed(conflicts),
            Event::HealthServing => self.on_step_done(StartStep::Health),
            Event::HealthFailed(failure) => self.on_step_failed(StartStep::Health, failure),
            Event::StoresOpened => self.on_step_done(StartStep::Stores),
            Event::StoresFailed(failure) => self.on_step_failed(StartStep::Stores, failure),
            Event::PartStarted(part) => self.on_step_done(StartStep::Part(part)),
            Event::PartFailed(part, failure) => {
                self.on_step_failed(StartStep::Part(part), failure);
            }
            Event::WorkStarted => self.on_step_done(StartStep::Work),
            Event::WorkFailed(failure) => self.on_step_failed(StartStep::Work, failure),
            Event::Accepting => self.on_step_done(StartStep::Accept),
            Event::AcceptFailed(failure) => self.on_step_failed(StartStep::Accept, failure),
            Event::HookRegistered { name } => self.on_hook(name),
            Event::Signal(signal) => self.on_signal(ShutdownCause::Signal(signal)),
            Event::ShutdownRequested(cause) => self.on_shutdown_requested(cause),
            Event::PhaseEnded {
                phase,
                cut,
                failure,
            } => self.on_phase_ended(phase, cut, failure),
            Event::PartStopped(part) => self.on_part_stopped(part, StopOutcome::Stopped),
            Event::PartStopFailed(part, failure) => {
                self.on_part_stopped(part, StopOutcome::Failed(failure));
            }
            Event::TimerFired => self.on_timer(),
            Event::WatchdogFired => self.force(Forced::Watchdog),
        }
        std::mem::take(&mut self.commands)
    }

    /// Returns when the shell must send [`Event::TimerFired`]; firing earlier changes nothing.
    pub fn next_deadline(&self) -> Option<Duration> {
        match self.state {
            State::Idle | State::Ready | State::Exited => None,
            State::Starting { deadline, .. }
            | State::Cancelling { deadline, .. }
            | State::Draining { deadline }
            | State::Phase { deadline, .. }
            | State::Cutting { deadline, .. }
            | State::StoppingPart { deadline, .. } => Some(deadline),
        }
    }

    /// Returns how long after a request to stop the process must have ended, whatever happens.
    pub fn forced_exit_after(&self) -> Duration {
        self.plan
            .drain_delay()
            .saturating_add(self.exit_after_drain())
    }

    /// Returns where the app is.
    pub fn stage(&self) -> Stage {
        match self.state {
            State::Idle => Stage::Idle,
            State::Starting { .. } => Stage::Starting,
            State::Ready => Stage::Ready,
            State::Exited => Stage::Exited,
            _ => Stage::Stopping,
        }
    }

    /// Returns why the app stops, once it does.
    pub fn shutdown_cause(&self) -> Option<&ShutdownCause> {
        self.shutdown.as_ref().map(|shutdown| &shutdown.cause)
    }

    /// Returns the name of a part, if the id is one of this machine.
    pub fn part_name(&self, part: PartId) -> Option<&str> {
        self.parts
            .get(part.0)
            .map(|entry| entry.report.name.as_str())
    }

    /// Returns the report as it would be if the process ended now by force.
    ///
    /// For a watchdog that must print it while the shell's own threads are blocked.
    pub fn forced_report(&self, now: Duration, forced: Forced) -> ShutdownReport {
        let mut machine = self.clone();
        machine.now = machine.now.max(now);
        machine.mark_unfinished();
        machine.report(Exit::Forced, Some(forced))
    }

    fn exit_after_drain(&self) -> Duration {
        self.plan
            .limits
            .budget
            .total
            .saturating_add(WATCHDOG_MARGIN)
    }

    fn entry(&mut self, part: PartId) -> &mut Entry {
        self.parts
            .get_mut(part.0)
            .expect("part ids in the state come from this machine's parts")
    }

    /// Returns a part as problems name it, such as `component "warm-cache"`.
    fn part_title(&self, part: PartId) -> String {
        let report = self.parts.get(part.0).map(|entry| &entry.report);
        report.map_or_else(String::new, |part| {
            format!("{} \"{}\"", part.kind.as_str(), part.name)
        })
    }

    fn on_timer(&mut self) {
        if self
            .next_deadline()
            .is_none_or(|deadline| self.now < deadline)
        {
            return;
        }
        match self.state {
            State::Idle | State::Ready | State::Exited => {}
            State::Starting {
                step,
                since,
                deadline,
            } => {
                self.exceed_limit(step, since, deadline.saturating_sub(since));
            }
            State::Cancelling { step, since, .. } => self.abandon_start(step, since),
            State::Draining { .. } => self.end_drain(),
            State::Phase { phase, .. } => self.cut_phase(phase),
            State::Cutting { phase, .. } => self.abandon_phase(phase),
            State::StoppingPart { part, .. } => self.abandon_stop(part),
        }
    }

    fn on_signal(&mut self, cause: ShutdownCause) {
        if self.state == State::Exited {
            return;
        }
        self.signals = self.signals.saturating_add(1);
        if self.signals > 1 {
            self.force(Forced::SecondSignal);
        } else {
            self.on_shutdown_requested(cause);
        }
    }

    fn force(&mut self, forced: Forced) {
        // A watchdog is armed only when stopping begins, so that it can only be a stray before.
        if self.state == State::Exited || self.shutdown.is_none() {
            return;
        }
        self.mark_unfinished();
        self.state = State::Exited;
        let report = self.report(Exit::Forced, Some(forced));
        self.commands.push(Command::ForceExit(Box::new(report)));
    }

    fn problem(&mut self, problem: Problem) {
        if self.problems.len() < ERRORS_MAX {
            self.problems.push(problem);
        } else {
            self.problems_left_out = self.problems_left_out.saturating_add(1);
        }
    }

    /// Marks what is running as unfinished; phases are so from their begin.
    fn mark_unfinished(&mut self) {
        let now = self.now;
        match self.state {
            State::Starting {
                step: StartStep::Part(part),
                since,
                ..
            }
            | State::Cancelling {
                step: StartStep::Part(part),
                since,
                ..
            } => {
                let outcome = StartOutcome::Unfinished;
                self.entry(part).report.start = StartReport {
                    outcome,
                    took: now - since,
                };
            }
            State::StoppingPart { part, since, .. } => {
                let outcome = StopOutcome::Unfinished;
                self.entry(part).report.stop = StopReport {
                    outcome,
                    took: now - since,
                };
            }
            _ => {}
        }
        if let Some(phase) = self.phases.last_mut()
            && phase.outcome == PhaseOutcome::Unfinished
        {
            phase.took = now.saturating_sub(phase.since);
        }
    }

    fn report(&self, exit: Exit, forced: Option<Forced>) -> ShutdownReport {
        let (cause, since) = match &self.shutdown {
            Some(shutdown) => (shutdown.cause.clone(), shutdown.since),
            None => (
                ShutdownCause::Requested("not asked to stop".to_owned()),
                self.now,
            ),
        };
        ShutdownReport {
            app: self.plan.app.clone(),
            cause,
            exit,
            forced,
            took: self.now.saturating_sub(since),
            phases: self.phases.clone(),
            parts: self
                .parts
                .iter()
                .map(|entry| entry.report.clone())
                .collect(),
            problems: self.problems.clone(),
            problems_left_out: self.problems_left_out,
        }
    }
}

impl Entry {
    fn new(name: String, kind: PartKind, start_limit: Duration) -> Self {
        let start = StartReport {
            outcome: StartOutcome::None,
            took: Duration::ZERO,
        };
        let stop = StopReport {
            outcome: StopOutcome::None,
            took: Duration::ZERO,
        };
        let report = PartReport {
            name,
            kind,
            start,
            stop,
        };
        Self {
            report,
            start_limit,
            stop_called: false,
        }
    }
}

#[cfg(test)]
mod tests;
