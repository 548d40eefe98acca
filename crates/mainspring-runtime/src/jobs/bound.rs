//! What a client is bound to once its app has booted.

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};

use mainspring_core::clock::Clock;
use mainspring_core::job::SessionId;
use mainspring_core::random::Random;
use mainspring_core::spawn::Spawner;
use mainspring_core::store::{ClaimedJob, Store};
use tokio::sync::watch;

use super::waiters::Waiters;

/// An open store with the surroundings of the app that opened it.
pub(crate) struct Bound {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) spawner: Spawner,
    /// Rung when something may have changed in the store: by the store's hint, by a commit of this
    /// process, by `Jobs::wake`. The engine's loop and everybody who awaits an outcome listen.
    /// A count, so that a ring while a listener is busy is not lost.
    pub(crate) changed: Arc<watch::Sender<u64>>,
    /// Counts the batches in which jobs of this process's engine were over: for those who await
    /// outcomes, and not a reason to claim.
    pub(crate) ended: watch::Sender<u64>,
    /// The engine of this process, once it runs; weak, because it holds this.
    pub(crate) engine: OnceLock<Weak<dyn LocalEngine>>,
    /// Everybody who awaits a job's outcome.
    pub(crate) waiters: Waiters,
}

/// What the client asks of the engine that runs in the same process.
pub(crate) trait LocalEngine: Send + Sync + 'static {
    /// The session for which a new job of this kind and queue may be claimed from its start; `None`
    /// when this engine would not run it: it does not know the kind, does not work on the queue, or
    /// is draining.
    fn session_for(&self, kind: &str, queue: &str) -> Option<SessionId>;

    /// Runs a job that [`session_for`](LocalEngine::session_for)'s session has claimed. An engine
    /// that is draining by now releases it. Called from any thread, also while a value is dropped:
    /// it neither blocks nor panics.
    fn run_claimed(&self, job: ClaimedJob);
}

impl Bound {
    /// Binds to an open store; its hints ring from now on.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        clock: Clock,
        random: Random,
        spawner: Spawner,
    ) -> Self {
        let changed = Arc::new(watch::Sender::new(0));
        let bell = Arc::clone(&changed);
        store.on_hint(Arc::new(move || ring(&bell)));
        Self {
            store,
            clock,
            random,
            spawner,
            changed,
            ended: watch::Sender::new(0),
            engine: OnceLock::new(),
            waiters: Waiters::default(),
        }
    }

    /// Tells every listener that something may have changed.
    pub(crate) fn ring(&self) {
        ring(&self.changed);
    }

    /// The engine of this process, if it runs.
    pub(crate) fn engine(&self) -> Option<Arc<dyn LocalEngine>> {
        self.engine.get().and_then(Weak::upgrade)
    }
}

fn ring(bell: &watch::Sender<u64>) {
    bell.send_modify(|rings| *rings = rings.wrapping_add(1));
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bound")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}
