//! Follow-ups: work after the response, named, limited, bounded and drained.

mod batch;
mod error;
mod held;
mod run;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mainspring_core::cause::Cause;
use mainspring_core::context::Context;
use mainspring_core::event::{Event, WorkOutcome};
use mainspring_core::identity::WorkName;
use mainspring_core::spawn::Scope;
use mainspring_core::telemetry::event;
use tokio::sync::Notify;

use crate::metrics::{AppMetrics, FollowUpMetrics, NAMES_MAX, RunOutcome};

pub use batch::{Batch, Entry};
pub use error::FollowUpError;
use held::Held;

/// How many follow-ups run at once by default: enough to keep slow endpoints busy, few enough for
/// their pools.
pub const RUNNING_MAX: usize = 256;

/// How many follow-ups wait at most by default: some seconds of a busy service, a few megabytes.
pub const WAITING_MAX: usize = 10_000;

/// The bounds of an app's follow-ups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowUpLimits {
    /// How many run at once; [`RUNNING_MAX`] by default.
    pub running: usize,
    /// How many wait, for their response to be sent or for one that runs to end; [`WAITING_MAX`] by
    /// default.
    pub waiting: usize,
}

impl Default for FollowUpLimits {
    fn default() -> Self {
        Self {
            running: RUNNING_MAX,
            waiting: WAITING_MAX,
        }
    }
}

/// How many follow-ups are under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FollowUpStats {
    /// Bodies running.
    pub running: usize,
    /// Registered, and not yet running.
    pub waiting: usize,
}

/// An app's follow-ups; cheap to clone.
#[derive(Clone)]
pub struct FollowUps(Arc<Shared>);

struct Shared {
    limits: FollowUpLimits,
    metrics: AppMetrics,
    scope: Scope,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    running: usize,
    /// Registered by handlers whose response is not yet sent.
    registered: usize,
    /// Ready to run, oldest first.
    ready: VecDeque<Work>,
    /// How many are being started; whoever does that looks for the next one afterwards.
    starting: usize,
    closed: bool,
    /// Those of each name's latest limit.
    kinds: BTreeMap<&'static str, Arc<Kind>>,
}

/// One registered follow-up.
struct Work {
    kind: Arc<Kind>,
    /// The context of the request it follows from.
    origin: Context,
    task: Pin<Box<dyn Held>>,
}

/// What all follow-ups of one name and limit share, so that it is not made anew for each.
struct Kind {
    name: Arc<str>,
    work_name: Arc<WorkName>,
    limit: Duration,
    cause: Cause,
    metrics: Arc<FollowUpMetrics>,
}

impl FollowUps {
    /// Follow-ups within `limits`; none is registered.
    pub fn new(limits: FollowUpLimits) -> Self {
        Self::with_metrics(limits, AppMetrics::default())
    }

    /// The same, counted in an app's metrics.
    pub fn with_metrics(limits: FollowUpLimits, metrics: AppMetrics) -> Self {
        Self(Arc::new(Shared {
            limits,
            metrics,
            scope: Scope::new(),
            state: Mutex::new(State::default()),
            changed: Notify::new(),
        }))
    }

    /// A place for one request to register its follow-ups; they run when the batch is released.
    pub fn batch(&self, origin: &Context) -> Batch {
        Batch::new(self.clone(), origin.clone())
    }

    /// How many are under way.
    pub fn stats(&self) -> FollowUpStats {
        let state = self.state();
        FollowUpStats {
            running: state.running,
            waiting: state.waiting(),
        }
    }

    /// The names of those running or ready to run, oldest first.
    pub fn names(&self) -> Vec<Arc<str>> {
        let mut names = self.0.scope.names();
        names.extend(
            self.state()
                .ready
                .iter()
                .map(|work| Arc::clone(&work.kind.name)),
        );
        names
    }

    /// Waits until none is under way. Cancel safe; new ones are still taken.
    pub async fn drained(&self) {
        loop {
            let mut changed = pin!(self.0.changed.notified());
            changed.as_mut().enable();
            if self.stats() == FollowUpStats::default() {
                break;
            }
            changed.await;
        }
        // What the bodies have spawned is theirs, and is waited for as they are.
        self.0.scope.emptied().await;
    }

    /// Takes no more, drops those that wait, aborts those that run, and names them.
    pub fn cut(&self) -> Vec<String> {
        let mut state = self.state();
        state.closed = true;
        let waiting = std::mem::take(&mut state.ready);
        self.changed(state);
        let mut names: Vec<_> = self
            .0
            .scope
            .abort_all()
            .iter()
            .map(ToString::to_string)
            .collect();
        for work in waiting {
            names.push(format!("{} (not begun)", work.kind.name));
            work.dropped(STOPPING);
        }
        names
    }

    /// Takes no more.
    pub fn close(&self) {
        self.state().closed = true;
    }

    fn reserve(&self, name: &'static str, limit: Duration) -> Result<Arc<Kind>, FollowUpError> {
        let mut state = self.state();
        if state.closed {
            return Err(FollowUpError::ShuttingDown);
        }
        if state.waiting() >= self.0.limits.waiting {
            return Err(FollowUpError::Full {
                waiting: self.0.limits.waiting,
            });
        }
        state.registered += 1;
        let kind = state.kind(name, limit, &self.0.metrics);
        self.changed(state);
        Ok(kind)
    }

    /// Tells of a follow-up that was not taken.
    fn refused(&self, origin: &Context, name: &'static str, why: &FollowUpError) {
        let metrics = self.0.metrics.follow_up(name);
        dropped(origin, &Arc::from(name), &metrics, &why.to_string());
    }

    /// Gives back the places of registered follow-ups that will never run.
    fn forget(&self, count: usize) {
        let mut state = self.state();
        state.registered = state.registered.saturating_sub(count);
        self.changed(state);
    }

    /// Moves a registered follow-up among those ready to run, and starts what may run.
    fn ready(&self, work: Work) {
        let mut state = self.state();
        state.registered = state.registered.saturating_sub(1);
        if state.closed {
            self.changed(state);
            work.dropped(STOPPING);
            return;
        }
        state.ready.push_back(work);
        self.start_ready(state);
    }

    /// Starts those that are ready, as far as there is room.
    fn start_ready<'a>(&'a self, mut state: MutexGuard<'a, State>) {
        while state.running < self.0.limits.running
            && let Some(work) = state.ready.pop_front()
        {
            state.running += 1;
            state.starting += 1;
            drop(state);
            run::start(self, work);
            state = self.state();
            state.starting -= 1;
        }
        self.changed(state);
    }

    /// One that ran has ended: its place is free.
    ///
    /// While another is being started, whoever does that fills the place as soon as it is done. It
    /// may be this very thread, inside the start of the one that has ended, when the runtime takes
    /// no more; to start the next one from here would recurse once for each that waits.
    fn ended(&self) {
        let mut state = self.state();
        state.running = state.running.saturating_sub(1);
        match state.starting {
            0 => self.start_ready(state),
            _ => self.changed(state),
        }
    }

    /// Shows the numbers as they are now, and wakes whoever waits for the last one.
    fn changed(&self, state: MutexGuard<'_, State>) {
        let (running, waiting) = (state.running, state.waiting());
        self.0.metrics.follow_ups_now(running, waiting);
        drop(state);
        if running + waiting == 0 {
            self.0.changed.notify_waiters();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn waiting(&self) -> usize {
        self.registered + self.ready.len()
    }

    fn kind(&mut self, name: &'static str, limit: Duration, metrics: &AppMetrics) -> Arc<Kind> {
        let known = self.kinds.get(name);
        if let Some(known) = known.filter(|known| known.limit == limit) {
            return Arc::clone(known);
        }
        let cause = format!("follow-up `{name}` ran into its limit of {limit:?}");
        let shared: Arc<str> = Arc::from(name);
        let kind = Arc::new(Kind {
            work_name: Arc::new(WorkName::new(Arc::clone(&shared))),
            name: shared,
            limit,
            cause: Cause::limit(cause),
            metrics: metrics.follow_up(name),
        });
        if known.is_some() || self.kinds.len() < NAMES_MAX {
            self.kinds.insert(name, Arc::clone(&kind));
        }
        kind
    }
}

impl fmt::Debug for FollowUps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FollowUps")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// Why a follow-up is dropped that the shutdown could not wait for.
const STOPPING: &str = "the app is stopping";

impl Work {
    /// Tells that it never ran.
    fn dropped(&self, cause: &str) {
        dropped(&self.origin, &self.kind.name, &self.kind.metrics, cause);
    }
}

/// Tells that a follow-up never ran.
fn dropped(origin: &Context, name: &Arc<str>, metrics: &FollowUpMetrics, cause: &str) {
    metrics.unrun(RunOutcome::Dropped);
    let told = Event::FollowUp {
        name: Arc::clone(name),
        outcome: WorkOutcome::Dropped,
        took: Duration::ZERO,
    };
    origin.env().spawner.events().emit(told);
    let follow_up = &**name;
    tracing::warn!(name: event::FOLLOW_UP_DROPPED, follow_up, cause, "a follow-up was dropped");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_for_each_name_has_an_end() {
        let (mut state, metrics) = (State::default(), AppMetrics::default());
        for number in 0..NAMES_MAX + 100 {
            let name: &'static str = String::leak(number.to_string());
            let kind = state.kind(name, Duration::from_secs(1), &metrics);
            assert_eq!(&*kind.name, name, "beyond the bound it is made anew");
        }
        assert_eq!(state.kinds.len(), NAMES_MAX);
    }
}
