//! A shell on virtual time whose parts and phases behave as a test says.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::lifecycle::{
    Command, Event, Failure, Machine, Part, PartId, Phase, Plan, ShutdownReport, Signal, StartStep,
};

pub(super) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(super) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// How something under the machine's care behaves.
#[derive(Debug, Clone)]
pub(super) enum Acts {
    /// Succeeds after this time.
    Ok(Duration),
    /// Returns an error at once.
    Error(&'static str),
    /// Panics at once.
    Panic(&'static str),
    /// Waits until it is cancelled, then returns an error (a phase: says what it cut).
    UntilCancelled,
    /// Waits until it is cancelled, then succeeds all the same.
    OkWhenCancelled,
    /// Never returns.
    Hangs,
}

/// Executes commands, writes a log of them, and answers as scripted.
#[derive(Debug, Clone)]
pub(super) struct Shell {
    pub(super) machine: Machine,
    pub(super) now: Duration,
    pub(super) log: Vec<String>,
    pub(super) report: Option<ShutdownReport>,
    /// Whose stop was called, in order.
    pub(super) stopped: Vec<PartId>,
    steps: BTreeMap<String, Acts>,
    stops: BTreeMap<String, Acts>,
    phases: BTreeMap<Phase, Acts>,
    hooks_in_start: BTreeMap<String, Vec<&'static str>>,
    hooks_in_stop: BTreeMap<String, Vec<&'static str>>,
    queue: BTreeMap<(Duration, usize), Event>,
    sequence: usize,
}

impl Shell {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            machine: Machine::new(plan),
            now: Duration::ZERO,
            log: Vec::new(),
            report: None,
            stopped: Vec::new(),
            steps: BTreeMap::new(),
            stops: BTreeMap::new(),
            phases: BTreeMap::new(),
            hooks_in_start: BTreeMap::new(),
            hooks_in_stop: BTreeMap::new(),
            queue: BTreeMap::new(),
            sequence: 0,
        }
    }

    /// An app in production with these components.
    pub(super) fn with_components(names: &[&str]) -> Self {
        let parts = names.iter().map(|name| Part::component(*name));
        Self::new(parts.fold(Plan::new("app"), Plan::with_part))
    }

    pub(super) fn start_of(mut self, name: &str, acts: Acts) -> Self {
        self.steps.insert(name.to_owned(), acts);
        self
    }

    pub(super) fn stop_of(mut self, name: &str, acts: Acts) -> Self {
        self.stops.insert(name.to_owned(), acts);
        self
    }

    pub(super) fn phase(mut self, phase: Phase, acts: Acts) -> Self {
        self.phases.insert(phase, acts);
        self
    }

    pub(super) fn hook_in_start_of(mut self, name: &str, hook: &'static str) -> Self {
        self.hooks_in_start
            .entry(name.to_owned())
            .or_default()
            .push(hook);
        self
    }

    pub(super) fn hook_in_stop_of(mut self, name: &str, hook: &'static str) -> Self {
        self.hooks_in_stop
            .entry(name.to_owned())
            .or_default()
            .push(hook);
        self
    }

    pub(super) fn at(mut self, at: Duration, event: Event) -> Self {
        self.push(at, event);
        self
    }

    pub(super) fn signal_at(self, at: Duration) -> Self {
        self.at(at, Event::Signal(Signal::Terminate))
    }

    /// Boots and runs until the report is out; a machine that never exits fails the test.
    pub(super) fn run(mut self) -> Self {
        self.feed(Event::Start);
        for _ in 0..100_000 {
            if self.report.is_some() || !self.step() {
                break;
            }
        }
        assert!(self.report.is_some(), "no exit: {:?}", self.machine);
        self
    }

    pub(super) fn report(&self) -> &ShutdownReport {
        self.report.as_ref().expect("run() ends with a report")
    }

    /// The log without times, for what must happen in which order.
    pub(super) fn calls(&self) -> Vec<&str> {
        let calls = self
            .log
            .iter()
            .filter_map(|line| line.split_once(' ').map(|(_, call)| call));
        calls
            .filter(|call| call.starts_with("start ") || call.starts_with("stop "))
            .collect()
    }

    /// When a line was logged first.
    pub(super) fn time_of(&self, line: &str) -> Duration {
        let found = self.log.iter().find_map(|entry| {
            let (at, text) = entry.split_once(' ')?;
            (text == line).then(|| at.parse::<u64>().unwrap())
        });
        ms(found.unwrap_or_else(|| panic!("no {line:?} in {:#?}", self.log)))
    }

    pub(super) fn has(&self, line: &str) -> bool {
        self.log
            .iter()
            .any(|entry| entry.split_once(' ').is_some_and(|(_, text)| text == line))
    }

    pub(super) fn part_name(&self, position: usize) -> &str {
        self.machine
            .part_name(PartId::planned(position))
            .expect("the part is known")
    }

    /// Handles what is due next; says whether there was anything.
    pub(super) fn step(&mut self) -> bool {
        let queued = self.queue.keys().next().copied();
        let timer = self.machine.next_deadline();
        match (queued, timer) {
            (Some(key), timer) if timer.is_none_or(|timer| key.0 <= timer) => {
                self.now = self.now.max(key.0);
                let event = self.queue.remove(&key).expect("the key was just read");
                self.feed(event);
            }
            (_, Some(timer)) => {
                self.now = self.now.max(timer);
                self.feed(Event::TimerFired);
            }
            _ => return false,
        }
        true
    }

    pub(super) fn feed(&mut self, event: Event) {
        for command in self.machine.handle(self.now, event) {
            self.execute(command);
        }
    }

    fn push(&mut self, at: Duration, event: Event) {
        self.sequence += 1;
        self.queue.insert((at, self.sequence), event);
    }

    fn note(&mut self, text: String) {
        self.log.push(format!("{} {text}", self.now.as_millis()));
    }

    fn name(&self, part: PartId) -> String {
        self.machine
            .part_name(part)
            .expect("commands name known parts")
            .to_owned()
    }

    fn step_name(&self, step: StartStep) -> String {
        match step {
            StartStep::Part(part) => self.name(part),
            step => format!("{step:?}").to_lowercase(),
        }
    }

    fn execute(&mut self, command: Command) {
        match command {
            Command::Start { step, .. } => self.begin_start(step),
            Command::CancelStart { step, cause } => {
                let name = self.step_name(step);
                self.note(format!("cancel {name}: {cause}"));
                match self.steps.get(&name) {
                    Some(Acts::UntilCancelled) => {
                        self.push(self.now, failed(step, Failure::error("cancelled")));
                    }
                    Some(Acts::OkWhenCancelled) => self.push(self.now, done(step)),
                    _ => {}
                }
            }
            Command::AbandonStart { step } => {
                let name = self.step_name(step);
                self.note(format!("abandon start of {name}"));
            }
            Command::HookAccepted { part } => {
                let name = self.name(part);
                self.note(format!("hook {name}"));
            }
            Command::HookRefused { because } => self.note(format!("refused: {because}")),
            Command::SetReadiness(readiness) => self.note(format!("{readiness:?}").to_lowercase()),
            Command::ArmWatchdog { at } => self.note(format!("watchdog {}", at.as_millis())),
            Command::BeginPhase { phase, .. } => self.begin_phase(phase),
            Command::CutPhase { phase } => {
                self.note(format!("cut {}", phase.as_str()));
                if matches!(self.phases.get(&phase), Some(Acts::UntilCancelled)) {
                    let cut = vec![format!("some {}", phase.as_str())];
                    self.push(
                        self.now,
                        Event::PhaseEnded {
                            phase,
                            cut,
                            failure: None,
                        },
                    );
                }
            }
            Command::StopPart { part, deadline } => self.begin_stop(part, deadline),
            Command::AbandonStop { part } => {
                let name = self.name(part);
                self.note(format!("abandon stop of {name}"));
            }
            Command::Exit(report) => {
                self.note(format!("exit {}", report.exit_code()));
                self.report = Some(*report);
            }
            Command::ForceExit(report) => {
                self.note(format!("force exit {}", report.exit_code()));
                self.report = Some(*report);
            }
        }
    }

    fn begin_start(&mut self, step: StartStep) {
        let name = self.step_name(step);
        let part = matches!(step, StartStep::Part(_));
        self.note(format!("{} {name}", if part { "start" } else { "step" }));
        for hook in self.hooks_in_start.get(&name).cloned().unwrap_or_default() {
            self.push(
                self.now,
                Event::HookRegistered {
                    name: hook.to_owned(),
                },
            );
        }
        match self
            .steps
            .get(&name)
            .cloned()
            .unwrap_or(Acts::Ok(Duration::ZERO))
        {
            Acts::Ok(after) => self.push(self.now + after, done(step)),
            Acts::Error(text) => self.push(self.now, failed(step, Failure::error(text))),
            Acts::Panic(text) => self.push(self.now, failed(step, Failure::panic(text))),
            Acts::UntilCancelled | Acts::OkWhenCancelled | Acts::Hangs => {}
        }
    }

    fn begin_phase(&mut self, phase: Phase) {
        self.note(format!("phase {}", phase.as_str()));
        let ended = |failure| Event::PhaseEnded {
            phase,
            cut: Vec::new(),
            failure,
        };
        match self
            .phases
            .get(&phase)
            .cloned()
            .unwrap_or(Acts::Ok(Duration::ZERO))
        {
            Acts::Ok(after) => self.push(self.now + after, ended(None)),
            Acts::Error(text) => self.push(self.now, ended(Some(Failure::error(text)))),
            Acts::Panic(text) => self.push(self.now, ended(Some(Failure::panic(text)))),
            Acts::UntilCancelled | Acts::OkWhenCancelled | Acts::Hangs => {}
        }
    }

    fn begin_stop(&mut self, part: PartId, deadline: Duration) {
        let name = self.name(part);
        self.note(format!("stop {name}"));
        self.stopped.push(part);
        for hook in self.hooks_in_stop.get(&name).cloned().unwrap_or_default() {
            self.push(
                self.now,
                Event::HookRegistered {
                    name: hook.to_owned(),
                },
            );
        }
        let (at, event) = match self.stops.get(&name).cloned().unwrap_or(Acts::Ok(ms(0))) {
            Acts::Ok(after) => (self.now + after, Event::PartStopped(part)),
            Acts::Error(text) => (self.now, Event::PartStopFailed(part, Failure::error(text))),
            Acts::Panic(text) => (self.now, Event::PartStopFailed(part, Failure::panic(text))),
            Acts::UntilCancelled => (
                deadline,
                Event::PartStopFailed(part, Failure::error("out of time")),
            ),
            Acts::OkWhenCancelled => (deadline, Event::PartStopped(part)),
            Acts::Hangs => return,
        };
        self.push(at, event);
    }
}

fn done(step: StartStep) -> Event {
    match step {
        StartStep::Bind => Event::SocketsBound,
        StartStep::Health => Event::HealthServing,
        StartStep::Stores => Event::StoresOpened,
        StartStep::Part(part) => Event::PartStarted(part),
        StartStep::Work => Event::WorkStarted,
        StartStep::Accept => Event::Accepting,
    }
}

fn failed(step: StartStep, failure: Failure) -> Event {
    match step {
        StartStep::Bind => Event::BindFailed(Vec::new()),
        StartStep::Health => Event::HealthFailed(failure),
        StartStep::Stores => Event::StoresFailed(failure),
        StartStep::Part(part) => Event::PartFailed(part, failure),
        StartStep::Work => Event::WorkFailed(failure),
        StartStep::Accept => Event::AcceptFailed(failure),
    }
}
