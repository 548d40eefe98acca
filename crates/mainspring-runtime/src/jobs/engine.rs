//! The shell around the dispatcher: claims, runs, finishes and promotes as that decides.

mod attempt;
mod cancels;
mod kind;
mod prune;
mod rescue;
mod runner;
mod schedules;
mod told;
mod trips;
mod unknown;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::Duration;

use mainspring_core::activity::{TaskKind, park};
use mainspring_core::cause::{Cause, CauseKind};
use mainspring_core::context::Context;
use mainspring_core::dispatch::{Dispatcher, Pruner};
use mainspring_core::job::{JobId, SessionId, Token};
use mainspring_core::periodic::Moment;
use mainspring_core::spawn::Scope;
use mainspring_core::store::{ClaimedJob, RescueRules, Retention};
use mainspring_core::telemetry::event;
use tokio::sync::{Notify, watch};

use super::middleware::Middlewares;
use super::{Bound, LocalEngine, Registered, Schedule};
use crate::metrics::AppMetrics;
use kind::Kind;
use runner::Slots;
use told::Told;

/// The job engine of an app; cheap to clone.
#[derive(Clone)]
pub(crate) struct Engine(Arc<Shared>);

struct Shared {
    /// For the loops, which must not keep the engine alive by themselves.
    me: Weak<Shared>,
    ctx: Context,
    bound: Arc<Bound>,
    /// The app's name, by which others know the session.
    name: String,
    session: RwLock<SessionId>,
    /// Held while the process begins anew under another session.
    rejoining: tokio::sync::Mutex<()>,
    metrics: AppMetrics,
    kinds: BTreeMap<Arc<str>, Arc<Kind>>,
    /// The names of the queues, in the order of the dispatcher.
    queues: Vec<Arc<str>>,
    /// The names of the runners' tasks.
    runners: Vec<Arc<str>>,
    middlewares: Middlewares,
    schedules: Vec<Schedule>,
    rules: RescueRules,
    lease: Duration,
    keep: Retention,
    /// Why the context of an attempt is cancelled once it has ended.
    over: Cause,
    machine: Mutex<Dispatcher>,
    pruner: Mutex<Pruner>,
    pruner_news: Notify,
    /// Woken when the dispatcher has something to say.
    wake: Notify,
    /// The runners that there are, to cancel what they run.
    slots: Mutex<Slots>,
    /// Attempts that are told only when the store has said how they ended.
    untold: Mutex<BTreeMap<(JobId, Token), Told>>,
    draining: AtomicBool,
    drained: watch::Sender<bool>,
    bodies: Scope,
    /// What goes on until the end of the drain, and what ends when it begins.
    loops: Scope,
    helpers: Scope,
}

impl Engine {
    /// An engine for settings that have been checked; nothing runs yet.
    pub(crate) fn new(
        ctx: Context,
        bound: Arc<Bound>,
        (name, session): (String, SessionId),
        registered: &Registered,
        metrics: AppMetrics,
    ) -> Self {
        let settings = registered.queue_settings();
        let queues: Vec<_> = settings
            .iter()
            .map(|queue| Arc::clone(&queue.name))
            .collect();
        let runners = queues
            .iter()
            .map(|name| Arc::from(format!("jobs of {name}")))
            .collect();
        let rules = RescueRules {
            max_deaths: registered.max_deaths,
            ..RescueRules::default()
        };
        let effective = (&settings, rules, registered.retention);
        tracing::debug!(
            name: event::JOBS_STARTED, %session, settings = ?effective, "the engine's settings"
        );
        let pruner = Pruner::new(registered.retention, bound.clock.now());
        let shared = Arc::new_cyclic(|me| Shared {
            me: Weak::clone(me),
            kinds: kind::by_name(&registered.workers, &metrics),
            ctx,
            bound,
            name,
            session: RwLock::new(session),
            rejoining: tokio::sync::Mutex::default(),
            metrics,
            runners,
            queues,
            middlewares: registered.middlewares.iter().cloned().collect(),
            schedules: registered.schedules.clone(),
            rules,
            lease: registered.lease,
            keep: registered.retention,
            over: Cause::new(CauseKind::Finished, "the attempt has ended"),
            machine: Mutex::new(Dispatcher::new(settings)),
            pruner: Mutex::new(pruner),
            pruner_news: Notify::new(),
            wake: Notify::new(),
            slots: Mutex::default(),
            untold: Mutex::default(),
            draining: AtomicBool::new(false),
            drained: watch::Sender::new(false),
            bodies: Scope::new(),
            loops: Scope::new(),
            helpers: Scope::new(),
        });
        Self(shared)
    }

    /// Starts the loops.
    pub(crate) fn start(&self) {
        let shared = &self.0;
        let local: Weak<dyn LocalEngine> = shared.me.clone();
        let _ = shared.bound.engine.set(local);
        let engine = Arc::clone(shared);
        shared.spawn(&shared.loops, "job engine", async move {
            engine.dispatch().await
        });
        let engine = Arc::clone(shared);
        shared.spawn(&shared.loops, "job cancels", async move {
            engine.watch_cancels().await
        });
        let engine = Arc::clone(shared);
        shared.spawn(&shared.helpers, "job rescuer", async move {
            engine.rescue().await
        });
        let engine = Arc::clone(shared);
        shared.spawn(&shared.helpers, "job pruner", async move {
            Arc::clone(&engine).prune(engine.keep).await
        });
        if !shared.schedules.is_empty() {
            let engine = Arc::clone(shared);
            shared.spawn(&shared.helpers, "schedules", async move {
                engine.schedule().await
            });
        }
    }

    /// Claims nothing any more, and gives back what has not begun.
    pub(crate) fn stop(&self) {
        let shared = &self.0;
        shared.draining.store(true, Ordering::SeqCst);
        shared.helpers.abort_all();
        shared.machine().drain();
        shared.wake.notify_one();
    }

    /// Waits until nothing runs and everything that ended is written. Call it after
    /// [`stop`](Engine::stop).
    pub(crate) async fn drained(&self) {
        let mut drained = self.0.drained.subscribe();
        // The sender is in `self`, so it is there.
        let _ = park(drained.wait_for(|drained| *drained)).await;
    }

    /// Asks the jobs that run to end, and names them.
    pub(crate) fn cancel(&self) -> Vec<String> {
        let slots = self.0.slots().all();
        let running = slots.iter().filter_map(|slot| slot.running());
        let named = running.map(|(id, ctx, kind)| {
            ctx.cancel(Cause::shutdown("the app is stopping"));
            format!("job {kind} {id}")
        });
        named.collect()
    }

    /// Drops whatever is left; closing the session gives its jobs back.
    pub(crate) fn cut(&self) {
        let shared = &self.0;
        let slots = shared.slots().all();
        let jobs = slots.iter().filter(|slot| slot.running().is_some()).count();
        if jobs > 0 {
            tracing::warn!(name: event::JOBS_CUT, jobs, "running jobs were dropped");
        }
        shared.bodies.abort_all();
        shared.helpers.abort_all();
        shared.loops.abort_all();
    }

    pub(crate) fn session(&self) -> SessionId {
        self.0.session()
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("session", &self.0.session())
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn spawn(&self, scope: &Scope, name: &str, work: impl Future<Output = ()> + Send + 'static) {
        let spawner = &self.ctx.env().spawner;
        drop(spawner.spawn(scope, TaskKind::Loop, &Arc::from(name), work));
    }

    fn moment(&self) -> Moment {
        Moment {
            wall: self.bound.clock.now(),
            monotonic: self.bound.clock.monotonic(),
        }
    }

    fn session(&self) -> SessionId {
        let session = self.session.read();
        *session.unwrap_or_else(PoisonError::into_inner)
    }

    fn machine(&self) -> MutexGuard<'_, Dispatcher> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn untold(&self) -> MutexGuard<'_, BTreeMap<(JobId, Token), Told>> {
        self.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pruner(&self) -> MutexGuard<'_, Pruner> {
        self.pruner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }
}

impl LocalEngine for Shared {
    fn session_for(&self, kind: &str, queue: &str) -> Option<SessionId> {
        let known =
            self.kinds.contains_key(kind) && self.queues.iter().any(|name| **name == *queue);
        (known && !self.is_draining()).then(|| self.session())
    }

    fn run_claimed(&self, job: ClaimedJob) {
        let now = self.moment();
        let mut queues = self.queues.iter();
        let place = queues.position(|name| *name == job.queue).unwrap_or(0);
        self.machine().adopt(now, place, job);
        self.wake.notify_one();
    }
}
