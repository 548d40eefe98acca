//! A store whose process can die: it passes everything on, until it is dead.

use std::fmt;
use std::future::pending;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::job::{Attempt, JobId, JobRecord, SessionId};
use mainspring_core::store::{
    Claim, ClaimRequest, Claimed, Counts, Enlist, EnlistBlocking, Enqueued, Filter, Finish,
    Finished, Fire, Fired, Hint, NewJob, Operated, Operation, Page, Peer, Progress, Promoted,
    Reply, RescueRules, Rescued, Retention, Store, StoreSource,
};
use mainspring_core::time::Timestamp;
use mainspring_sqlite::{SqliteSource, SqliteStore};

use super::crash::{Crash, Point};

/// Opens the store of a process that can die.
#[derive(Debug)]
pub(crate) struct DyingSource {
    source: SqliteSource,
    crash: Arc<Crash>,
}

impl DyingSource {
    pub(crate) fn new(source: SqliteSource, crash: Arc<Crash>) -> Self {
        Self { source, crash }
    }
}

impl StoreSource for DyingSource {
    fn describe(&self) -> String {
        self.source.describe()
    }

    fn check(&self) -> Result<(), Error> {
        self.source.check()
    }

    fn open(&self, now: Timestamp) -> Reply<'_, Arc<dyn Store>> {
        Box::pin(async move {
            // On this thread: a copy of the template opens in a few milliseconds.
            let store = Arc::new(self.source.open_blocking(now)?);
            let (id, hint_delay) = (store.id(), store.hint_delay());
            let dying = Arc::new(Dying {
                id,
                hint_delay,
                crash: Arc::clone(&self.crash),
                alive: RwLock::new(Alive {
                    store: Some(store),
                    sessions: Vec::new(),
                }),
            });
            let dies = Arc::downgrade(&dying);
            self.crash.on_death(move || {
                if let Some(dying) = dies.upgrade() {
                    dying.die();
                }
            });
            Ok(dying as Arc<dyn Store>)
        })
    }
}

struct Dying {
    id: [u8; 16],
    hint_delay: Duration,
    crash: Arc<Crash>,
    alive: RwLock<Alive>,
}

struct Alive {
    store: Option<Arc<SqliteStore>>,
    sessions: Vec<SessionId>,
}

impl Dying {
    fn store(&self) -> Result<Arc<SqliteStore>, Error> {
        let alive = self.alive.read().unwrap_or_else(PoisonError::into_inner);
        alive.store.clone().ok_or_else(dead)
    }

    fn note(&self, session: SessionId) {
        let mut alive = self.alive.write().unwrap_or_else(PoisonError::into_inner);
        alive.sessions.push(session);
    }

    /// Lets go of everything as the end of a process does.
    fn die(&self) {
        let mut alive = self.alive.write().unwrap_or_else(PoisonError::into_inner);
        let Some(store) = alive.store.take() else {
            return;
        };
        // Calls that are under way hold the store a moment longer, and must not hold the locks.
        for session in std::mem::take(&mut alive.sessions) {
            store.forsake(session);
        }
    }
}

fn dead() -> Error {
    Error::new(ErrorKind::Closed, "the process of this handle has crashed")
        .with_hint("start another app with `app.jobs()`, and ask through that")
}

/// Passes calls on to the store, which lives as long as the call does.
macro_rules! pass_on {
    ($($name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)*) => {
        $(
            fn $name(&self, $($arg: $type),*) -> Reply<'_, $answer> {
                Box::pin(async move { self.store()?.$name($($arg),*).await })
            }
        )*
    };
}

impl Store for Dying {
    pass_on! {
        look() -> bool;
        close_session(now: Timestamp, session: SessionId) -> ();
        peers() -> Vec<Peer>;
        rescue(now: Timestamp, dead: SessionId, rules: RescueRules) -> Rescued;
        enqueue(now: Timestamp, jobs: Vec<NewJob>) -> Vec<Enqueued>;
        fire(now: Timestamp, fire: Fire) -> Fired;
        promote(now: Timestamp, limit: usize) -> Promoted;
        save(now: Timestamp, saves: Vec<Progress>) -> Vec<bool>;
        cancelling(session: SessionId) -> Vec<(Claim, Arc<str>)>;
        prune(now: Timestamp, keep: Retention, limit: usize) -> usize;
        operate(now: Timestamp, id: JobId, operation: Operation) -> Operated;
        paused() -> Vec<Arc<str>>;
        get(id: JobId) -> Option<JobRecord>;
        get_many(ids: Vec<JobId>) -> Vec<Option<JobRecord>>;
        history(id: JobId) -> Vec<Attempt>;
        list(filter: Filter, page: Page) -> Vec<JobRecord>;
        counts() -> Counts;
    }

    fn kind(&self) -> &'static str {
        "sqlite"
    }

    fn id(&self) -> [u8; 16] {
        self.id
    }

    fn hint_delay(&self) -> Duration {
        self.hint_delay
    }

    fn on_hint(&self, hint: Hint) {
        if let Ok(store) = self.store() {
            store.on_hint(hint);
        }
    }

    fn open_session(&self, now: Timestamp, session: SessionId, name: &str) -> Reply<'_, ()> {
        let name = name.to_owned();
        Box::pin(async move {
            let store = self.store()?;
            self.note(session);
            store.open_session(now, session, &name).await
        })
    }

    fn mark(&self, session: SessionId, claim: &Claim, running: bool) {
        if running && self.crash.at(Point::AfterClaim) {
            return;
        }
        if let Ok(store) = self.store() {
            store.mark(session, claim, running);
        }
    }

    fn schedule_cursor(&self, now: Timestamp, schedule: &str) -> Reply<'_, Timestamp> {
        let schedule = schedule.to_owned();
        Box::pin(async move { self.store()?.schedule_cursor(now, &schedule).await })
    }

    fn claim(&self, now: Timestamp, request: ClaimRequest) -> Reply<'_, Claimed> {
        Box::pin(async move {
            let claimed = self.store()?.claim(now, request).await?;
            if !claimed.jobs.is_empty() && self.crash.at(Point::BeforeClaimReply) {
                return pending().await;
            }
            Ok(claimed)
        })
    }

    fn finish(&self, now: Timestamp, attempts: Vec<Finish>) -> Reply<'_, Vec<Finished>> {
        Box::pin(async move {
            // A body that panics ends without passing the middleware.
            if self.crash.at(Point::BodyEnded) {
                return pending().await;
            }
            let finished = self.store()?.finish(now, attempts).await?;
            if self.crash.at(Point::AfterFinish) {
                return pending().await;
            }
            Ok(finished)
        })
    }

    fn enqueue_in<'a>(
        &'a self,
        tx: &'a mut dyn Enlist,
        now: Timestamp,
        jobs: Vec<NewJob>,
    ) -> Reply<'a, Vec<Enqueued>> {
        Box::pin(async move { self.store()?.enqueue_in(tx, now, jobs).await })
    }

    fn enqueue_in_blocking(
        &self,
        tx: &mut dyn EnlistBlocking,
        now: Timestamp,
        jobs: Vec<NewJob>,
    ) -> Result<Vec<Enqueued>, Error> {
        self.store()?.enqueue_in_blocking(tx, now, jobs)
    }

    fn complete_in<'a>(
        &'a self,
        tx: &'a mut dyn Enlist,
        now: Timestamp,
        attempt: Finish,
    ) -> Reply<'a, ()> {
        Box::pin(async move { self.store()?.complete_in(tx, now, attempt).await })
    }

    fn complete_in_blocking(
        &self,
        tx: &mut dyn EnlistBlocking,
        now: Timestamp,
        attempt: Finish,
    ) -> Result<(), Error> {
        self.store()?.complete_in_blocking(tx, now, attempt)
    }

    fn set_paused(&self, now: Timestamp, queue: &str, paused: bool) -> Reply<'_, ()> {
        let queue = queue.to_owned();
        Box::pin(async move { self.store()?.set_paused(now, &queue, paused).await })
    }

    fn close(&self) -> Reply<'_, ()> {
        Box::pin(async move {
            match self.store() {
                Ok(store) => store.close().await,
                // Whoever is dead has nothing to close.
                Err(_) => Ok(()),
            }
        })
    }
}

impl fmt::Debug for Dying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dying")
            .field("crash", &self.crash)
            .finish_non_exhaustive()
    }
}
