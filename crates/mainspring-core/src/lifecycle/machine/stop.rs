//! The stop: phase after phase within one budget, parts in reverse, nobody skipped silently.

use std::time::Duration;

use super::{
    Command, EXPIRED_GRACE, Exit, Failure, Machine, OVERRUN_MAX, PHASE_GRACE, PartId, Phase,
    PhaseOutcome, PhaseReport, Problem, STOP_GRACE, Shutdown, ShutdownCause, State, StopOutcome,
    StopReport,
};
use crate::health::Readiness;
use crate::lifecycle::budget;

impl Machine {
    pub(super) fn on_shutdown_requested(&mut self, cause: ShutdownCause) {
        match self.state {
            State::Idle => {
                self.record_shutdown(cause, Duration::ZERO);
                self.begin_stop();
            }
            State::Starting { step, since, .. } => self.interrupt(step, since, cause),
            State::Ready => self.drain(cause),
            State::Exited => {}
            _ => {
                if let ShutdownCause::Failed { name, failure } = cause {
                    self.problem(Problem::new(
                        name,
                        format!("failed while stopping: {failure}"),
                    ));
                    self.mark_unclean();
                }
            }
        }
    }

    /// Records why the app stops; from here on hooks are refused and the budget is fixed.
    pub(super) fn record_shutdown(&mut self, cause: ShutdownCause, drain: Duration) {
        assert!(self.shutdown.is_none(), "a shutdown begins once");
        let drained = self.now.saturating_add(drain);
        let budget_end = drained.saturating_add(self.plan.limits.budget.total);
        let unclean = cause.is_failure();
        if let ShutdownCause::Failed { name, failure } = &cause {
            self.problem(Problem::new(name, format!("failed: {failure}")));
        }
        self.shutdown = Some(Shutdown {
            cause,
            since: self.now,
            budget_end,
            unclean,
        });
        self.commands
            .push(Command::SetReadiness(Readiness::Draining));
        let at = drained.saturating_add(self.exit_after_drain());
        self.commands.push(Command::ArmWatchdog { at });
    }

    /// Begins the first phase without a drain delay: nobody was told that this app is ready.
    pub(super) fn begin_stop(&mut self) {
        assert!(self.shutdown.is_some(), "a stop has a cause");
        self.begin_phase_after(Phase::Drain);
    }

    pub(super) fn end_drain(&mut self) {
        self.finish_phase(Phase::Drain, PhaseOutcome::Finished, Vec::new());
        self.begin_phase_after(Phase::Drain);
    }

    pub(super) fn on_phase_ended(
        &mut self,
        ended: Phase,
        cut: Vec<String>,
        failure: Option<Failure>,
    ) {
        let (State::Phase { phase, .. } | State::Cutting { phase, .. }) = self.state else {
            return;
        };
        if phase != ended {
            return;
        }
        // A cut that found nothing left to drop came too late to matter.
        let mut outcome = PhaseOutcome::Finished;
        if let Some(failure) = failure {
            self.problem(Problem::new(format!("phase {}", phase.as_str()), failure));
            outcome = PhaseOutcome::Failed;
        }
        if !cut.is_empty() {
            outcome = PhaseOutcome::Cut;
        }
        self.finish_phase(phase, outcome, cut);
        self.begin_phase_after(phase);
    }

    pub(super) fn cut_phase(&mut self, phase: Phase) {
        self.commands.push(Command::CutPhase { phase });
        let deadline = self.now.saturating_add(self.grace(PHASE_GRACE));
        self.state = State::Cutting { phase, deadline };
    }

    pub(super) fn abandon_phase(&mut self, phase: Phase) {
        let what = format!("phase {}", phase.as_str());
        self.problem(Problem::new(
            what,
            "did not end when it was cut, and was abandoned",
        ));
        self.finish_phase(phase, PhaseOutcome::Abandoned, Vec::new());
        self.begin_phase_after(phase);
    }

    pub(super) fn on_part_stopped(&mut self, stopped: PartId, outcome: StopOutcome) {
        let State::StoppingPart { part, .. } = self.state else {
            return;
        };
        if part != stopped {
            return;
        }
        if let StopOutcome::Failed(failure) = &outcome {
            let message = format!("failed to stop: {failure}");
            self.problem(Problem::new(self.part_title(part), message));
        }
        self.finish_part(part, outcome);
    }

    pub(super) fn abandon_stop(&mut self, part: PartId) {
        let title = self.part_title(part);
        self.problem(
            Problem::new(
                title,
                "did not stop within its share of the budget and was abandoned",
            )
            .with_hint("watch the deadline of the stop's context, and do not block"),
        );
        let name = self.entry(part).report.name.clone();
        if let Some(phase) = self.phases.last_mut() {
            phase.cut.push(name);
        }
        self.commands.push(Command::AbandonStop { part });
        self.finish_part(part, StopOutcome::Abandoned);
    }

    fn drain(&mut self, cause: ShutdownCause) {
        let delay = self.plan.drain_delay();
        self.record_shutdown(cause, delay);
        self.phases.push(PhaseReport::begun(Phase::Drain, self.now));
        if delay.is_zero() {
            self.end_drain();
        } else {
            self.state = State::Draining {
                deadline: self.now.saturating_add(delay),
            };
        }
    }

    fn begin_phase_after(&mut self, phase: Phase) {
        let later: Vec<Phase> = Phase::ALL
            .into_iter()
            .filter(|p| *p > phase && self.has_phase(*p))
            .collect();
        let Some((next, later)) = later.split_first() else {
            self.exit();
            return;
        };
        let (next, left) = (*next, self.left());
        let limit = self.plan.limits.budget.limit(next, left, later);
        let deadline = self.now.saturating_add(limit);
        self.phases.push(PhaseReport::begun(next, self.now));
        if next == Phase::Components {
            self.stop_next_part(deadline);
            return;
        }
        self.commands.push(Command::BeginPhase {
            phase: next,
            deadline,
        });
        let deadline = deadline.max(self.now.saturating_add(self.grace(EXPIRED_GRACE)));
        self.state = State::Phase {
            phase: next,
            deadline,
        };
    }

    /// Says whether something was started that this phase must stop.
    fn has_phase(&self, phase: Phase) -> bool {
        match phase {
            Phase::Drain => self.begun.ready,
            Phase::Http => self.begun.sockets && self.plan.http,
            Phase::FollowUps => self.begun.accept,
            Phase::Workers => self.begun.work,
            Phase::Components => !self.started.is_empty(),
            Phase::Stores => self.begun.stores,
            // A boot that failed at once has logged the reason: it must get out.
            Phase::Telemetry => true,
            Phase::Health => self.begun.health,
        }
    }

    fn stop_next_part(&mut self, phase_end: Duration) {
        let waiting = self.started.len();
        let Some(part) = self.started.pop() else {
            self.end_components();
            return;
        };
        let entry = self.entry(part);
        assert!(
            entry.report.start.outcome.has_started(),
            "only what started is stopped"
        );
        assert!(!entry.stop_called, "a part is stopped at most once");
        entry.stop_called = true;
        let since = self.now;
        let share = budget::share(phase_end.saturating_sub(since), waiting);
        let grace = STOP_GRACE.min(share / 4);
        let shown = since.saturating_add(share.saturating_sub(grace));
        let abandoned = share.max(self.grace(EXPIRED_GRACE));
        let deadline = since.saturating_add(abandoned);
        self.commands.push(Command::StopPart {
            part,
            deadline: shown,
        });
        self.state = State::StoppingPart {
            part,
            since,
            deadline,
            phase_end,
        };
    }

    fn finish_part(&mut self, part: PartId, outcome: StopOutcome) {
        let State::StoppingPart {
            since, phase_end, ..
        } = self.state
        else {
            return;
        };
        let took = self.now.saturating_sub(since);
        self.entry(part).report.stop = StopReport { outcome, took };
        self.stop_next_part(phase_end);
    }

    fn end_components(&mut self) {
        let cut = self
            .phases
            .last_mut()
            .map(|phase| std::mem::take(&mut phase.cut));
        let cut = cut.unwrap_or_default();
        let failed = |outcome: &StopOutcome| matches!(outcome, StopOutcome::Failed(_));
        let outcome = if !cut.is_empty() {
            PhaseOutcome::Cut
        } else if self
            .parts
            .iter()
            .any(|entry| failed(&entry.report.stop.outcome))
        {
            PhaseOutcome::Failed
        } else {
            PhaseOutcome::Finished
        };
        self.finish_phase(Phase::Components, outcome, cut);
        self.begin_phase_after(Phase::Components);
    }

    fn finish_phase(&mut self, phase: Phase, outcome: PhaseOutcome, cut: Vec<String>) {
        let now = self.now;
        let report = self
            .phases
            .last_mut()
            .expect("a phase is reported from its begin");
        assert!(report.phase == phase, "phases run one after another");
        report.outcome = outcome;
        report.took = now.saturating_sub(report.since);
        report.cut = cut;
        if outcome != PhaseOutcome::Finished {
            self.mark_unclean();
        }
    }

    fn exit(&mut self) {
        assert!(
            self.started.is_empty(),
            "everything that started was told to stop"
        );
        self.state = State::Exited;
        let unclean = self
            .shutdown
            .as_ref()
            .is_some_and(|shutdown| shutdown.unclean);
        let exit = match (self.begun.ready, unclean) {
            (false, _) => Exit::NotStarted,
            (true, true) => Exit::Unclean,
            (true, false) => Exit::Clean,
        };
        let report = self.report(exit, None);
        self.commands.push(Command::Exit(Box::new(report)));
    }

    fn mark_unclean(&mut self) {
        if let Some(shutdown) = &mut self.shutdown {
            shutdown.unclean = true;
        }
    }

    /// Returns what is left of the budget.
    pub(super) fn left(&self) -> Duration {
        let end = self
            .shutdown
            .as_ref()
            .map_or(self.now, |shutdown| shutdown.budget_end);
        end.saturating_sub(self.now)
    }

    /// Returns a grace, as long as all of them together stay within [`OVERRUN_MAX`].
    fn grace(&self, wanted: Duration) -> Duration {
        let end = self
            .shutdown
            .as_ref()
            .map_or(self.now, |shutdown| shutdown.budget_end);
        let last = end.saturating_add(OVERRUN_MAX);
        wanted.min(last.saturating_sub(self.now))
    }
}
