//! What Mainspring counts about its app.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use mainspring_core::event::Event;
use mainspring_core::telemetry::{field, metric};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::gauge::Gauge;

use super::jobs::JobsMetrics;
use super::label::{
    ActionOutcome, ComponentState, Label, ProbeOutcome, RunOutcome, Tally, TriggerOutcome,
};
use super::named::Named;
use super::page::{Page, Times};

/// What Mainspring counts about its app. Clones share it.
///
/// Names are those of registered things; more than [`NAMES_MAX`](super::NAMES_MAX) of them share
/// one label.
///
/// ```
/// use std::time::Duration;
/// use mainspring_runtime::metrics::{ActionOutcome, Registry};
///
/// let registry = Registry::new();
/// registry.app().action_finished("act", ActionOutcome::Succeeded, Duration::from_millis(3));
/// let line = r#"mainspring_actions_total{action="act",outcome="succeeded"} 1"#;
/// assert!(registry.encode().contains(line));
/// ```
#[derive(Clone, Debug, Default)]
pub struct AppMetrics(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    tasks_running: Gauge,
    tasks_alive: OnceLock<Arc<AtomicUsize>>,
    actions_running: Gauge,
    follow_ups_running: Gauge,
    follow_ups_waiting: Gauge,
    http_connections: Gauge,
    tasks: Named<TaskMetrics>,
    components: Named<ComponentMetrics>,
    actions: Named<ActionMetrics>,
    triggers: Named<Tally<TriggerOutcome>>,
    follow_ups: Named<FollowUpMetrics>,
    probes: Named<Tally<ProbeOutcome>>,
    jobs: JobsMetrics,
}

impl AppMetrics {
    /// Counts what an event tells.
    ///
    /// Runs of periodics are left to the collector of their engine, since there may be a hundred
    /// thousand of them; follow-ups are counted by those who run them, beside their names.
    pub fn record(&self, event: &Event) {
        match event {
            Event::TaskPanicked { task, .. } => self.task_panicked(task),
            Event::TaskRestarted { task } => self.task_restarted(task),
            Event::Component { name, state } => {
                if let Some(state) = ComponentState::from_word(state) {
                    self.component_state(name, state);
                }
            }
            Event::Action { name, status, took } => {
                self.action_finished(name, ActionOutcome::from_status(*status), *took);
            }
            _ => {}
        }
    }

    /// Shows this count of tasks that are alive, in addition to what
    /// [`task_alive`](Self::task_alive) counts. The first one stays.
    pub(crate) fn count_tasks(&self, alive: &Arc<AtomicUsize>) {
        let _ = self.0.tasks_alive.set(Arc::clone(alive));
    }

    /// A spawned task is alive until the guard is dropped.
    pub fn task_alive(&self) -> Counted {
        Counted::new(&self.0.tasks_running)
    }

    /// A spawned task panicked.
    pub fn task_panicked(&self, task: &str) {
        self.0.tasks.of(task).panics.fetch_add(1, Ordering::Relaxed);
    }

    /// A spawned task was started again by its policy.
    pub fn task_restarted(&self, task: &str) {
        self.0
            .tasks
            .of(task)
            .restarts
            .fetch_add(1, Ordering::Relaxed);
    }

    /// A component is in this state now.
    pub fn component_state(&self, component: &str, state: ComponentState) {
        self.0
            .components
            .of(component)
            .change(|now| now.state = Some(state));
    }

    /// A component's start took this long.
    pub fn component_started(&self, component: &str, took: Duration) {
        self.0
            .components
            .of(component)
            .change(|now| now.start = Some(took));
    }

    /// A component's stop took this long.
    pub fn component_stopped(&self, component: &str, took: Duration) {
        self.0
            .components
            .of(component)
            .change(|now| now.stop = Some(took));
    }

    /// An action's body runs until the guard is dropped.
    pub fn action_running(&self) -> Counted {
        Counted::new(&self.0.actions_running)
    }

    /// The metrics of one action, to keep beside it: its calls need no look-up then.
    pub fn action(&self, action: &str) -> Arc<ActionMetrics> {
        self.0.actions.of(action)
    }

    /// An action's body ran and ended so.
    pub fn action_finished(&self, action: &str, outcome: ActionOutcome, took: Duration) {
        self.action(action).finished(outcome, took);
    }

    /// A call of an action was refused before its body ran.
    pub fn action_refused(&self, action: &str, outcome: ActionOutcome) {
        self.action(action).refused(outcome);
    }

    /// A call of a trigger was answered so.
    pub fn trigger(&self, action: &str, outcome: TriggerOutcome) {
        self.0.triggers.of(action).add(outcome);
    }

    /// A connection of the main listener is open until the guard is dropped.
    pub fn http_connection(&self) -> Counted {
        Counted::new(&self.0.http_connections)
    }

    /// So many follow-ups run and wait now.
    pub fn follow_ups_now(&self, running: usize, waiting: usize) {
        let shown = |count| i64::try_from(count).unwrap_or(i64::MAX);
        self.0.follow_ups_running.set(shown(running));
        self.0.follow_ups_waiting.set(shown(waiting));
    }

    /// The metrics of one follow-up name, to keep beside it.
    pub fn follow_up(&self, follow_up: &str) -> Arc<FollowUpMetrics> {
        self.0.follow_ups.of(follow_up)
    }

    /// A follow-up's body ran and ended so.
    pub fn follow_up_finished(&self, follow_up: &str, outcome: RunOutcome, took: Duration) {
        self.follow_up(follow_up).finished(outcome, took);
    }

    /// What is counted about jobs.
    pub(crate) fn jobs(&self) -> &JobsMetrics {
        &self.0.jobs
    }

    /// A health probe ended so.
    pub fn probe(&self, probe: &str, outcome: ProbeOutcome) {
        self.0.probes.of(probe).add(outcome);
    }
}

/// One more, until it is dropped.
#[derive(Debug)]
#[must_use = "it counts only while it is held"]
pub struct Counted(Gauge);

impl Counted {
    pub(super) fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Counted(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The metrics of one action.
#[derive(Debug, Default)]
pub struct ActionMetrics {
    outcomes: Tally<ActionOutcome>,
    times: Times,
}

impl ActionMetrics {
    /// Its body ran and ended so.
    pub fn finished(&self, outcome: ActionOutcome, took: Duration) {
        self.outcomes.add(outcome);
        self.times.observe(took);
    }

    /// A call was refused before its body ran.
    pub fn refused(&self, outcome: ActionOutcome) {
        self.outcomes.add(outcome);
    }
}

/// The metrics of the follow-ups of one name.
#[derive(Debug, Default)]
pub struct FollowUpMetrics {
    outcomes: Tally<RunOutcome>,
    times: Times,
}

impl FollowUpMetrics {
    /// Its body ran and ended so.
    pub fn finished(&self, outcome: RunOutcome, took: Duration) {
        self.outcomes.add(outcome);
        self.times.observe(took);
    }

    /// It ended without having run.
    pub fn unrun(&self, outcome: RunOutcome) {
        self.outcomes.add(outcome);
    }
}

#[derive(Debug, Default)]
struct TaskMetrics {
    panics: AtomicU64,
    restarts: AtomicU64,
}

#[derive(Debug, Default)]
struct ComponentMetrics(Mutex<ComponentNow>);

#[derive(Clone, Copy, Debug, Default)]
struct ComponentNow {
    state: Option<ComponentState>,
    start: Option<Duration>,
    stop: Option<Duration>,
}

impl ComponentMetrics {
    fn change(&self, change: impl FnOnce(&mut ComponentNow)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn now(&self) -> ComponentNow {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collector for AppMetrics {
    fn encode(&self, encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let mut page = Page::new(encoder);
        let all = &*self.0;
        let alive = all.tasks_alive.get();
        let alive = alive.map_or(0, |alive| alive.load(Ordering::Relaxed));
        let tasks = Gauge::<i64>::default();
        let alive = i64::try_from(alive).unwrap_or(i64::MAX);
        tasks.set(all.tasks_running.get().saturating_add(alive));
        page.gauge(metric::TASKS_RUNNING, "Spawned tasks alive.", &tasks)?;
        page.gauge(
            metric::ACTIONS_RUNNING,
            "Action bodies running.",
            &all.actions_running,
        )?;
        page.gauge(
            metric::HTTP_CONNECTIONS,
            "Open connections.",
            &all.http_connections,
        )?;
        let running = &all.follow_ups_running;
        page.gauge(
            metric::FOLLOW_UPS_RUNNING,
            "Follow-up bodies running.",
            running,
        )?;
        page.gauge(
            metric::FOLLOW_UPS_WAITING,
            "Follow-ups waiting.",
            &all.follow_ups_waiting,
        )?;
        self.encode_tasks(&mut page)?;
        self.encode_components(&mut page)?;

        let (name, label) = (metric::ACTIONS, field::ACTION);
        let actions = all.actions.all();
        page.tallies(name, "Action calls ended.", label, &actions, |of| {
            &of.outcomes
        })?;
        let name = metric::ACTION_DURATION;
        page.times(name, "Time of action bodies.", label, &actions, |of| {
            &of.times
        })?;
        let triggers = all.triggers.all();
        page.tallies(metric::TRIGGERS, "Trigger calls.", label, &triggers, |of| {
            of
        })?;

        let (name, label) = (metric::FOLLOW_UPS, field::FOLLOW_UP);
        let follow_ups = all.follow_ups.all();
        page.tallies(name, "Follow-ups ended.", label, &follow_ups, |of| {
            &of.outcomes
        })?;
        let name = metric::FOLLOW_UP_DURATION;
        page.times(
            name,
            "Time of follow-up bodies.",
            label,
            &follow_ups,
            |of| &of.times,
        )?;
        all.jobs.encode(&mut page)?;
        let probes = all.probes.all();
        page.tallies(
            metric::PROBES,
            "Health probes ended.",
            field::PROBE,
            &probes,
            |of| of,
        )
    }
}

impl AppMetrics {
    fn encode_tasks(&self, page: &mut Page<'_>) -> fmt::Result {
        let tasks = self.0.tasks.all();
        let label = field::TASK;
        let help = "Spawned tasks that panicked.";
        page.counts(metric::TASK_PANICS, help, label, &tasks, |of| &of.panics)?;
        let help = "Spawned tasks started again.";
        page.counts(metric::TASK_RESTARTS, help, label, &tasks, |of| {
            &of.restarts
        })
    }

    fn encode_components(&self, page: &mut Page<'_>) -> fmt::Result {
        let components = self.0.components.all();
        let components: Vec<_> = components
            .iter()
            .map(|(name, of)| (name.as_ref(), of.now()))
            .collect();
        let help = "1 for the state a component is in.";
        let states = components
            .iter()
            .filter_map(|(name, now)| Some((*name, now.state?)));
        let states = states.flat_map(|(name, state)| {
            let is = move |word: &ComponentState| f64::from(u8::from(*word == state));
            let words = ComponentState::ALL.iter();
            words.map(move |word| {
                (
                    vec![(field::COMPONENT, name), (field::STATE, word.as_str())],
                    is(word),
                )
            })
        });
        page.values(metric::COMPONENT_STATE, help, states)?;
        for (name, help, pick) in [
            (
                metric::COMPONENT_START_SECONDS,
                "Time of the last start.",
                start as fn(_) -> _,
            ),
            (
                metric::COMPONENT_STOP_SECONDS,
                "Time of the last stop.",
                stop,
            ),
        ] {
            let times = components.iter().filter_map(|(name, now)| {
                Some((vec![(field::COMPONENT, *name)], pick(now)?.as_secs_f64()))
            });
            page.values(name, help, times)?;
        }
        Ok(())
    }
}

fn start(now: &ComponentNow) -> Option<Duration> {
    now.start
}

fn stop(now: &ComponentNow) -> Option<Duration> {
    now.stop
}
