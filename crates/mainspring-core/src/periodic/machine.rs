//! The decisions of one periodic.
//!
//! ```text
//!            Started                     Shutdown
//!   New ───────────────▶ Active ────────────────────▶ Stopping
//!    │                   │    ▲                          ▲
//!    │                   └────┘ Due, Finished, WallSet   │ Finished is still counted
//!    └───────────────────────────────────────────────────┘ Shutdown
//! ```
//!
//! Events that make no sense in a state (a timer that fires early or after the shutdown, the end of
//! a run that was never started) change nothing, except that an early timer is armed again.

use std::time::Duration;

use super::late::{Batch, Cursor};
use super::{AnyPlan, Missed, Moment, Overlap, Plan, Record, Run};
use crate::clock::Deadline;
use crate::error::Error;
use crate::time::Timestamp;

/// What happened to a periodic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The engine starts the periodic.
    Started,
    /// The deadline last armed has been reached.
    Due,
    /// A run has ended.
    Finished(Run),
    /// The wall clock was set.
    WallSet,
    /// The app shuts down: nothing starts any more.
    Shutdown,
}

/// What the shell must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Start a run.
    Start {
        /// The instant the plan asked for.
        scheduled_for: Timestamp,
        /// How many earlier fires were noticed too late and have no run of their own.
        missed: u32,
    },
    /// Ask the running one to stop; its end is still awaited.
    CancelRunning,
    /// Send [`Event::Due`] at this deadline, in place of any armed before.
    Arm(Deadline),
    /// Tell that a fire was skipped; it has been counted.
    TellSkipped {
        /// The instant the plan asked for.
        scheduled_for: Timestamp,
    },
    /// Tell that fires were noticed too late to run on their own; they have been counted.
    TellMissed {
        /// How many.
        fires: u32,
    },
}

/// The decision machine of one periodic: `(state, event, now) → (state, commands)`.
///
/// ```
/// use mainspring_core::clock::Deadline;
/// use mainspring_core::periodic::{Command, Event, Every, Machine, Moment};
/// use mainspring_core::time::{Monotonic, Timestamp};
/// use std::time::Duration;
///
/// let mut machine = Machine::new("purge", Every::seconds(60).into())?;
/// let mut commands = Vec::new();
/// let now = Moment { wall: Timestamp::UNIX_EPOCH, monotonic: Monotonic::ORIGIN };
/// machine.handle(Event::Started, now, &mut commands);
/// let due = Monotonic::ORIGIN + Duration::from_secs(60);
/// assert_eq!(commands, [Command::Arm(Deadline::Monotonic(due))]);
/// # Ok::<(), mainspring_core::error::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Machine {
    plan: AnyPlan,
    cursor: Cursor,
    phase: Phase,
    /// The running one has been asked to stop.
    cancelling: bool,
    /// Oldest first. A plain vector is smaller than a queue, and hardly ever holds more than one.
    waiting: Vec<Waiting>,
    record: Record,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not started; the first grid point lies this long after the start. Unused by a cron.
    New {
        first: Duration,
    },
    Active,
    Stopping,
}

/// A fire that has been accepted and waits for the running one to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Waiting {
    scheduled_for: Timestamp,
    missed: u32,
}

impl Machine {
    /// A machine for the periodic called `name`, which places it within its plan's jitter.
    ///
    /// # Errors
    /// The first fault of the plan.
    pub fn new(name: &str, plan: AnyPlan) -> Result<Self, Error> {
        plan.check()?;
        let first = match &plan {
            AnyPlan::Every(every) => every.first_after_start(name),
            AnyPlan::Cron(_) => Duration::ZERO,
        };
        Ok(Self {
            plan,
            cursor: Cursor::Idle,
            phase: Phase::New { first },
            cancelling: false,
            waiting: Vec::new(),
            record: Record::default(),
        })
    }

    /// Takes one event and appends what follows from it to `commands`.
    ///
    /// The work is bounded, also when years have been missed.
    pub fn handle(&mut self, event: Event, now: Moment, commands: &mut Vec<Command>) {
        match (event, self.phase) {
            (Event::Started, Phase::New { first }) => {
                self.phase = Phase::Active;
                self.cursor = Cursor::start(&self.plan, first, now);
                self.arm(commands);
            }
            (Event::Due, Phase::Active) => {
                self.take_due(now, commands);
                self.arm(commands);
            }
            (Event::WallSet, Phase::Active) if matches!(self.plan, AnyPlan::Cron(_)) => {
                self.cursor.follow_wall(&self.plan, now);
                self.take_due(now, commands);
                self.arm(commands);
            }
            (Event::Finished(run), _) if self.record.running > 0 => self.finish(run, commands),
            (Event::Shutdown, Phase::New { .. } | Phase::Active) => {
                self.phase = Phase::Stopping;
                self.cursor = Cursor::Idle;
                self.drop_waiting(self.waiting.len(), commands);
            }
            (
                Event::Started | Event::Due | Event::WallSet | Event::Finished(_) | Event::Shutdown,
                _,
            ) => {}
        }
    }

    /// The plan.
    #[must_use]
    pub const fn plan(&self) -> &AnyPlan {
        &self.plan
    }

    /// What is remembered: counters and the last run.
    #[must_use]
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// When the next fire is due, as the wall clock will show it.
    ///
    /// `None` before the start, after the shutdown, and when no fire is left.
    #[must_use]
    pub fn next_fire(&self, now: Moment) -> Option<Timestamp> {
        self.cursor.next_fire(now)
    }

    /// How many accepted fires wait for the running one to end.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nothing runs and nothing will: the shutdown need not wait for this periodic.
    #[must_use]
    pub const fn is_stopped(&self) -> bool {
        matches!(self.phase, Phase::Stopping) && self.record.running == 0
    }

    fn arm(&self, commands: &mut Vec<Command>) {
        commands.extend(self.cursor.deadline().map(Command::Arm));
    }

    /// Applies the missed policy to what is due.
    fn take_due(&mut self, now: Moment, commands: &mut Vec<Command>) {
        let Some(batch) = self.cursor.take_due(&self.plan, now) else {
            return;
        };
        match self.plan.missed() {
            Missed::Once => {
                self.miss(batch.others, commands);
                self.offer_newest(&batch, commands);
            }
            Missed::Skip => {
                let too_late = batch.late_by > Missed::LATE_AFTER;
                self.miss(batch.others.saturating_add(too_late.into()), commands);
                if !too_late {
                    self.offer_newest(&batch, commands);
                }
            }
            Missed::All(_) if batch.others == 0 => self.offer_newest(&batch, commands),
            Missed::All(keep) => self.offer_all(&batch, keep, commands),
        }
    }

    fn offer_newest(&mut self, batch: &Batch, commands: &mut Vec<Command>) {
        let fire = Waiting {
            scheduled_for: batch.newest,
            missed: batch.others,
        };
        self.offer(&[fire], commands);
    }

    fn offer_all(&mut self, batch: &Batch, keep: u32, commands: &mut Vec<Command>) {
        let mut dropped = batch.others.saturating_add(1).saturating_sub(keep);
        self.miss(dropped, commands);
        let fires: Vec<_> = batch
            .newest_fires(&self.plan, keep)
            .into_iter()
            .map(|scheduled_for| {
                // The oldest one that runs tells of those that do not.
                Waiting {
                    scheduled_for,
                    missed: std::mem::take(&mut dropped),
                }
            })
            .collect();
        self.offer(&fires, commands);
    }

    /// Applies the overlap policy to fires that should run, oldest first.
    fn offer(&mut self, fires: &[Waiting], commands: &mut Vec<Command>) {
        let busy = self.record.running > 0;
        let waiting_max = match self.plan.overlap() {
            Overlap::Allow => {
                for fire in fires {
                    if self.record.running < Overlap::ALLOW_MAX {
                        self.start(*fire, commands);
                    } else {
                        self.skip(fire.scheduled_for, commands);
                    }
                }
                return;
            }
            Overlap::Skip if busy => {
                for fire in fires {
                    self.skip(fire.scheduled_for, commands);
                }
                return;
            }
            Overlap::QueueOne if busy => self.waiting.len().max(fires.len()),
            Overlap::CancelRunning if busy => {
                if !self.cancelling {
                    self.cancelling = true;
                    commands.push(Command::CancelRunning);
                }
                fires.len()
            }
            Overlap::Skip | Overlap::QueueOne | Overlap::CancelRunning => fires.len(),
        };
        let mut fires = fires.iter();
        if !busy && let Some(first) = fires.next() {
            self.start(*first, commands);
        }
        self.waiting.extend(fires);
        let excess = self.waiting.len().saturating_sub(waiting_max);
        self.drop_waiting(excess, commands);
    }

    /// Drops the fires that have waited longest; what they would have told, the next one tells.
    fn drop_waiting(&mut self, count: usize, commands: &mut Vec<Command>) {
        let mut missed = 0_u32;
        let dropped: Vec<_> = self
            .waiting
            .drain(..count.min(self.waiting.len()))
            .collect();
        for fire in dropped {
            missed = missed.saturating_add(fire.missed);
            self.skip(fire.scheduled_for, commands);
        }
        if let Some(next) = self.waiting.first_mut() {
            next.missed = next.missed.saturating_add(missed);
        }
    }

    fn start(&mut self, fire: Waiting, commands: &mut Vec<Command>) {
        self.record.runs = self.record.runs.saturating_add(1);
        self.record.running = self.record.running.saturating_add(1);
        assert!(
            self.record.running == 1 || self.plan.overlap() == Overlap::Allow,
            "two runs at once are only ever started under Overlap::Allow"
        );
        let Waiting {
            scheduled_for,
            missed,
        } = fire;
        commands.push(Command::Start {
            scheduled_for,
            missed,
        });
    }

    fn finish(&mut self, run: Run, commands: &mut Vec<Command>) {
        self.record.ended(run);
        if self.record.running > 0 {
            return;
        }
        self.cancelling = false;
        if !self.waiting.is_empty() {
            let next = self.waiting.remove(0);
            if self.waiting.is_empty() {
                // Most periodics never queue, so the room for waiting fires is not kept.
                self.waiting = Vec::new();
            }
            self.start(next, commands);
        }
    }

    fn miss(&mut self, fires: u32, commands: &mut Vec<Command>) {
        if fires > 0 {
            self.record.missed = self.record.missed.saturating_add(fires.into());
            commands.push(Command::TellMissed { fires });
        }
    }

    fn skip(&mut self, scheduled_for: Timestamp, commands: &mut Vec<Command>) {
        self.record.skipped = self.record.skipped.saturating_add(1);
        commands.push(Command::TellSkipped { scheduled_for });
    }
}

#[cfg(test)]
mod tests;
