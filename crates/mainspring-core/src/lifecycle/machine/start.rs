//! The boot: one step after the other, and what happens when one does not end well.

use std::time::Duration;

use super::{
    BindConflict, Command, Entry, Failure, HOOKS_MAX, Machine, PartId, PartKind, Problem,
    RefusedBecause, ShutdownCause, StartOutcome, StartReport, StartStep, State,
};
use crate::health::Readiness;
use crate::lifecycle::command::CancelCause;

impl Machine {
    pub(super) fn on_start(&mut self) {
        if self.state != State::Idle {
            return;
        }
        let problems = self.plan.check();
        if !problems.is_empty() {
            for problem in problems {
                self.problem(problem);
            }
            self.fail_start("configuration".to_owned());
            return;
        }
        self.commands
            .push(Command::SetReadiness(Readiness::Starting));
        self.begin_step(StartStep::Bind);
    }

    pub(super) fn on_step_done(&mut self, done: StartStep) {
        match self.state {
            State::Starting { step, since, .. } if step == done => {
                self.complete(step, since, StartOutcome::Started);
                self.begin_step_after(step);
            }
            State::Cancelling { step, since, .. } if step == done => {
                self.complete(step, since, StartOutcome::StartedLate);
                self.begin_stop();
            }
            _ => {}
        }
    }

    pub(super) fn on_bind_failed(&mut self, conflicts: Vec<BindConflict>) {
        let (State::Starting {
            step: StartStep::Bind,
            ..
        }
        | State::Cancelling {
            step: StartStep::Bind,
            ..
        }) = self.state
        else {
            return;
        };
        let mut names = Vec::with_capacity(conflicts.len());
        for conflict in conflicts {
            let mut what = format!("listener \"{}\"", conflict.listener);
            if !conflict.address.is_empty() {
                what = format!("{what} on {}", conflict.address);
            }
            self.problem(
                Problem::new(&what, format!("cannot bind: {}", conflict.error))
                    .with_hint(conflict.hint),
            );
            names.push(what);
        }
        if names.is_empty() {
            self.problem(Problem::new("sockets", "cannot bind"));
            names.push("sockets".to_owned());
        }
        self.fail_start(names.join(", "));
    }

    pub(super) fn on_step_failed(&mut self, failed: StartStep, failure: Failure) {
        match self.state {
            State::Starting { step, since, .. } if step == failed => {
                let what = self.step_title(step);
                self.problem(Problem::new(&what, format!("failed to start: {failure}")));
                self.mark_start(step, since, StartOutcome::Failed(failure));
                self.fail_start(what);
            }
            State::Cancelling {
                step,
                since,
                timed_out,
                ..
            } if step == failed => {
                // An error is the polite answer to a cancellation, a panic never is.
                let outcome = if failure.is_panic() {
                    let what = self.step_title(step);
                    self.problem(Problem::new(what, format!("failed to start: {failure}")));
                    StartOutcome::Failed(failure)
                } else if timed_out {
                    StartOutcome::LimitExceeded
                } else {
                    StartOutcome::Cancelled
                };
                self.mark_start(step, since, outcome);
                self.begin_stop();
            }
            _ => {}
        }
    }

    /// Takes a hook in the order of completion: below the component whose start registers it.
    pub(super) fn on_hook(&mut self, name: String) {
        let because = match self.state {
            State::Idle => Some(RefusedBecause::NotStarted),
            State::Starting { .. } | State::Ready => {
                let registered = self.parts.len().saturating_sub(self.plan.parts.len());
                (registered >= HOOKS_MAX).then_some(RefusedBecause::TooMany)
            }
            _ => Some(RefusedBecause::ShuttingDown),
        };
        if let Some(because) = because {
            self.commands.push(Command::HookRefused { because });
            return;
        }
        let part = PartId(self.parts.len());
        self.parts
            .push(Entry::new(name, PartKind::Hook, Duration::ZERO));
        self.push_started(part, Duration::ZERO, StartOutcome::Started);
        self.commands.push(Command::HookAccepted { part });
    }

    /// Cancels the running step because its limit has passed.
    pub(super) fn exceed_limit(&mut self, step: StartStep, since: Duration, limit: Duration) {
        let what = self.step_title(step);
        let problem = Problem::new(&what, format!("did not start within {limit:?}"));
        self.problem(match step {
            StartStep::Part(_) => {
                problem.with_hint("make the start shorter, or raise its start_timeout()")
            }
            _ => problem,
        });
        self.record_shutdown(
            ShutdownCause::StartFailed { what: what.clone() },
            Duration::ZERO,
        );
        self.cancel(
            step,
            since,
            CancelCause::LimitExceeded { what, limit },
            true,
        );
    }

    /// Cancels the running step because the app was asked to stop.
    pub(super) fn interrupt(&mut self, step: StartStep, since: Duration, cause: ShutdownCause) {
        self.record_shutdown(cause.clone(), Duration::ZERO);
        self.cancel(step, since, CancelCause::Shutdown(cause), false);
    }

    /// Gives up on a step that ignored its cancellation.
    pub(super) fn abandon_start(&mut self, step: StartStep, since: Duration) {
        let what = self.step_title(step);
        self.problem(
            Problem::new(
                what,
                "ignored the cancellation of its start and was abandoned",
            )
            .with_hint("await ctx.cancelled() beside the slow work, and do not block"),
        );
        self.mark_start(step, since, StartOutcome::Abandoned);
        self.commands.push(Command::AbandonStart { step });
        self.begin_stop();
    }

    fn cancel(&mut self, step: StartStep, since: Duration, cause: CancelCause, timed_out: bool) {
        self.commands.push(Command::CancelStart { step, cause });
        let grace = self.plan.limits.cancel_grace.min(self.left());
        let deadline = self.now.saturating_add(grace);
        self.state = State::Cancelling {
            step,
            since,
            deadline,
            timed_out,
        };
    }

    fn fail_start(&mut self, what: String) {
        if self.shutdown.is_none() {
            self.record_shutdown(ShutdownCause::StartFailed { what }, Duration::ZERO);
        }
        self.begin_stop();
    }

    /// Begins the first step after `done` that the plan has.
    fn begin_step_after(&mut self, done: StartStep) {
        let mut step = done;
        loop {
            step = match step {
                StartStep::Bind => StartStep::Health,
                StartStep::Health => StartStep::Stores,
                StartStep::Stores => self.planned_or_work(0),
                StartStep::Part(part) => self.planned_or_work(part.0 + 1),
                StartStep::Work => StartStep::Accept,
                StartStep::Accept => {
                    self.become_ready();
                    return;
                }
            };
            let skipped = match step {
                StartStep::Health => !self.plan.health,
                StartStep::Stores => !self.plan.stores,
                StartStep::Accept => !self.plan.http,
                StartStep::Part(part) => self.pass_hook(part),
                StartStep::Bind | StartStep::Work => false,
            };
            if !skipped {
                self.begin_step(step);
                return;
            }
        }
    }

    fn planned_or_work(&self, position: usize) -> StartStep {
        if position < self.plan.parts.len() {
            StartStep::Part(PartId(position))
        } else {
            StartStep::Work
        }
    }

    /// Counts a hook as started and says so; a component is left to its own start.
    fn pass_hook(&mut self, part: PartId) -> bool {
        let is_hook = self.entry(part).report.kind == PartKind::Hook;
        if is_hook {
            self.push_started(part, Duration::ZERO, StartOutcome::Started);
        }
        is_hook
    }

    fn begin_step(&mut self, step: StartStep) {
        let limit = match step {
            StartStep::Stores => self.plan.limits.stores,
            StartStep::Part(part) => self.entry(part).start_limit,
            _ => self.plan.limits.step,
        };
        // From here on something may be running that only its phase can stop.
        match step {
            StartStep::Health => self.begun.health = true,
            StartStep::Work => self.begun.work = true,
            StartStep::Accept => self.begun.accept = true,
            StartStep::Bind | StartStep::Stores | StartStep::Part(_) => {}
        }
        let deadline = self.now.saturating_add(limit);
        self.state = State::Starting {
            step,
            since: self.now,
            deadline,
        };
        self.commands.push(Command::Start { step, deadline });
    }

    fn become_ready(&mut self) {
        self.begun.ready = true;
        self.state = State::Ready;
        self.commands.push(Command::SetReadiness(Readiness::Ready));
    }

    fn complete(&mut self, step: StartStep, since: Duration, outcome: StartOutcome) {
        match step {
            StartStep::Bind => self.begun.sockets = true,
            StartStep::Stores => self.begun.stores = true,
            StartStep::Part(part) => {
                let took = self.now.saturating_sub(since);
                self.push_started(part, took, outcome);
            }
            StartStep::Health | StartStep::Work | StartStep::Accept => {}
        }
    }

    fn push_started(&mut self, part: PartId, took: Duration, outcome: StartOutcome) {
        let entry = self.entry(part);
        assert!(
            entry.report.start.outcome == StartOutcome::None,
            "a part starts once"
        );
        entry.report.start = StartReport { outcome, took };
        self.started.push(part);
    }

    fn mark_start(&mut self, step: StartStep, since: Duration, outcome: StartOutcome) {
        let took = self.now.saturating_sub(since);
        if let StartStep::Part(part) = step {
            self.entry(part).report.start = StartReport { outcome, took };
        }
    }

    fn step_title(&self, step: StartStep) -> String {
        match step {
            StartStep::Bind => "sockets".to_owned(),
            StartStep::Health => "health server".to_owned(),
            StartStep::Stores => "stores".to_owned(),
            StartStep::Part(part) => self.part_title(part),
            StartStep::Work => "schedules and workers".to_owned(),
            StartStep::Accept => "main listener".to_owned(),
        }
    }
}
