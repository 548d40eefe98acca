//! What the store tells the log.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mainspring_core::store::Store;
use mainspring_core::telemetry::event;
use mainspring_sqlite::RusqliteTx;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Dispatch, Event, Metadata, Subscriber};

use crate::support::{Place, at, within};

/// The names of the events so far.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<&'static str>>>);

/// As long as it lives, the log of this thread and of those it starts is heard.
pub(crate) struct Heard {
    _log: DefaultGuard,
    /// With one listener alone, a thread that has none decides for all whether a place in the code
    /// is heard at all.
    _second: Dispatch,
}

impl Log {
    pub(crate) fn listen(&self) -> Heard {
        Heard {
            _second: Dispatch::new(Self::default()),
            _log: tracing::subscriber::set_default(self.clone()),
        }
    }

    /// How often an event was told.
    pub(crate) fn count(&self, name: &str) -> usize {
        let all = self.0.lock().unwrap();
        all.iter().filter(|told| **told == name).count()
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push(event.metadata().name());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn a_lock_that_is_held_for_long_is_told_once() {
    let log = Log::default();
    let _heard = log.listen();
    let place = Place::new();
    let store = place.open();
    for (hold, told) in [(50, 0), (600, 1)] {
        let user = place.user();
        user.execute_batch("BEGIN IMMEDIATE").unwrap();
        let mut waits = store.enqueue(at(0), vec![place.job("a")]);
        let hold = Duration::from_millis(hold);
        assert!(within(hold, &mut waits).await.is_none());
        user.execute_batch("COMMIT").unwrap();
        waits.await.unwrap();
        assert_eq!(log.count(event::STORE_LOCKED), told);
    }
}

#[test]
fn a_connection_that_may_lose_its_commits_is_told_once() {
    let log = Log::default();
    let _heard = log.listen();
    let place = Place::new();
    let store = place.open();
    let user = place.user();
    for (level, told) in [("FULL", 0), ("EXTRA", 0), ("NORMAL", 1), ("NORMAL", 1)] {
        user.execute_batch(&format!("PRAGMA synchronous = {level}; BEGIN IMMEDIATE"))
            .unwrap();
        let mut tx = RusqliteTx::new(&user);
        let jobs = vec![place.job("a")];
        store.enqueue_in_blocking(&mut tx, at(0), jobs).unwrap();
        user.execute_batch("COMMIT").unwrap();
        assert_eq!(log.count(event::STORE_COMMIT_WEAK), told, "{level}");
    }
}
