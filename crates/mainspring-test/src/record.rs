//! What a started app has done, kept for the test to ask.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mainspring_core::event::{Event, Events, WorkOutcome};
use mainspring_core::time::Timestamp;

/// How many runs, follow-ups and panics of one app are kept, each: more than a run every minute for
/// a year, within a hundred megabytes.
pub const RECORDS_MAX: usize = 1_000_000;

/// One run of a periodic that has ended, or a fire that never ran.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeriodicRun {
    /// The periodic's name.
    pub name: Arc<str>,
    /// The instant its plan asked for.
    pub scheduled_for: Timestamp,
    /// How it ended.
    pub outcome: WorkOutcome,
    /// How long its body ran, in virtual time.
    pub took: Duration,
}

/// One follow-up that has ended, or never ran.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FollowUpRun {
    /// The follow-up's name.
    pub name: Arc<str>,
    /// How it ended.
    pub outcome: WorkOutcome,
    /// How long its body ran, in virtual time.
    pub took: Duration,
}

/// A panic that was caught and named.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PanicRecord {
    /// The task, periodic or follow-up that panicked.
    pub name: Arc<str>,
    /// The panic's message.
    pub message: String,
}

/// Keeps the events of one app; clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder(Arc<Mutex<Records>>);

#[derive(Debug, Default)]
struct Records {
    runs: Kept<PeriodicRun>,
    follow_ups: Kept<FollowUpRun>,
    /// The fires of durable schedules.
    fires: Kept<(Arc<str>, Timestamp)>,
    panics: Kept<PanicRecord>,
}

/// The newest records, and how many older ones were given up for them.
#[derive(Debug)]
struct Kept<T> {
    records: VecDeque<T>,
    given_up: u64,
}

impl Recorder {
    pub(crate) fn events(&self) -> Events {
        let recorder = self.clone();
        Events::to(move |event| recorder.records().keep(event))
    }

    pub(crate) fn runs(&self) -> Vec<PeriodicRun> {
        self.records().runs.all("runs")
    }

    pub(crate) fn runs_of(&self, name: &str) -> Vec<Timestamp> {
        let records = self.records();
        let runs = records.runs.iter("runs");
        let runs = runs
            .filter(|run| &*run.name == name && run.outcome != WorkOutcome::Dropped)
            .map(|run| run.scheduled_for);
        let fires = records.fires.iter("fires");
        let fires = fires
            .filter(|(schedule, _)| &**schedule == name)
            .map(|(_, at)| *at);
        runs.chain(fires).collect()
    }

    pub(crate) fn follow_ups(&self) -> Vec<FollowUpRun> {
        self.records().follow_ups.all("follow-ups")
    }

    pub(crate) fn panics(&self) -> Vec<PanicRecord> {
        self.records().panics.all("panics")
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Records {
    fn keep(&mut self, event: &Event) {
        match event {
            Event::TaskPanicked { task, message } => self.keep_panic(task, message),
            Event::PeriodicRun {
                name,
                scheduled_for,
                outcome,
                took,
            } => {
                if let WorkOutcome::Panicked(message) = outcome {
                    self.keep_panic(name, message);
                }
                self.runs.push(PeriodicRun {
                    name: Arc::clone(name),
                    scheduled_for: *scheduled_for,
                    outcome: outcome.clone(),
                    took: *took,
                });
            }
            Event::ScheduleFired {
                name,
                scheduled_for,
            } => self.fires.push((Arc::clone(name), *scheduled_for)),
            Event::FollowUp {
                name,
                outcome,
                took,
            } => {
                if let WorkOutcome::Panicked(message) = outcome {
                    self.keep_panic(name, message);
                }
                self.follow_ups.push(FollowUpRun {
                    name: Arc::clone(name),
                    outcome: outcome.clone(),
                    took: *took,
                });
            }
            _ => {}
        }
    }

    fn keep_panic(&mut self, name: &Arc<str>, message: &str) {
        self.panics.push(PanicRecord {
            name: Arc::clone(name),
            message: message.to_owned(),
        });
    }
}

impl<T> Kept<T> {
    fn push(&mut self, record: T) {
        if self.records.len() == RECORDS_MAX {
            self.records.pop_front();
            self.given_up += 1;
        }
        self.records.push_back(record);
    }

    /// The records; a test that would be told less than what happened is told so.
    fn iter(&self, what: &str) -> impl Iterator<Item = &T> {
        let given_up = self.given_up;
        assert!(
            given_up == 0,
            "more than {RECORDS_MAX} {what} were recorded, and {given_up} of them are lost; count \
             in the work itself instead"
        );
        self.records.iter()
    }

    fn all(&self, what: &str) -> Vec<T>
    where
        T: Clone,
    {
        self.iter(what).cloned().collect()
    }
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self {
            records: VecDeque::new(),
            given_up: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panicked(times: usize) -> Recorder {
        let recorder = Recorder::default();
        let event = Event::TaskPanicked {
            task: "task".into(),
            message: String::new(),
        };
        let events = recorder.events();
        (0..times).for_each(|_| events.emit(event.clone()));
        recorder
    }

    #[test]
    fn as_many_as_the_limit_are_told() {
        assert_eq!(panicked(RECORDS_MAX).panics().len(), RECORDS_MAX);
    }

    #[test]
    #[should_panic(expected = "1 of them are lost")]
    fn a_test_is_not_told_less_than_what_happened() {
        panicked(RECORDS_MAX + 1).panics();
    }

    #[test]
    fn a_fire_that_was_dropped_is_no_run_of_its_periodic() {
        let recorder = Recorder::default();
        for outcome in [WorkOutcome::Dropped, WorkOutcome::Succeeded] {
            recorder.events().emit(Event::PeriodicRun {
                name: "tick".into(),
                scheduled_for: Timestamp::UNIX_EPOCH,
                outcome,
                took: Duration::ZERO,
            });
        }
        assert_eq!(recorder.runs_of("tick").len(), 1);
        assert_eq!(recorder.runs().len(), 2);
    }
}
