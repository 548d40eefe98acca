//! What a client is bound to once its app has booted.

use std::fmt;
use std::sync::Arc;

use mainspring_core::clock::Clock;
use mainspring_core::random::Random;
use mainspring_core::store::Store;
use tokio::sync::watch;

/// An open store with the surroundings of the app that opened it.
pub(crate) struct Bound {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    /// Rung when something may have changed in the store: by the store's hint, by a commit of this
    /// process, by `Jobs::wake`. The engine's loop and everybody who awaits an outcome listen.
    /// A count, so that a ring while a listener is busy is not lost.
    pub(crate) changed: Arc<watch::Sender<u64>>,
}

impl Bound {
    /// Binds to an open store; its hints ring from now on.
    pub(crate) fn new(store: Arc<dyn Store>, clock: Clock, random: Random) -> Self {
        let changed = Arc::new(watch::Sender::new(0));
        let bell = Arc::clone(&changed);
        store.on_hint(Arc::new(move || ring(&bell)));
        Self {
            store,
            clock,
            random,
            changed,
        }
    }

    /// Tells every listener that something may have changed.
    pub(crate) fn ring(&self) {
        ring(&self.changed);
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
