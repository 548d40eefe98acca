//! The model of a store, in memory: what every other store must answer.
//!
//! It is for tests and simulations: nothing survives its process. Every method is one transaction,
//! which happens when its future is first polled.

mod claim;
mod enqueue;
mod finish;
mod gates;
mod listing;
mod operate;
mod row;
mod schedule;
mod sessions;
mod tables;
mod tx;
mod unique;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

pub use tx::MemoryTx;

use super::{
    Claim, ClaimRequest, Claimed, Counts, Enlist, EnlistBlocking, Enqueued, Filter, Finish,
    Finished, Fire, Fired, Hint, NewJob, Operated, Operation, Page, Peer, PeerLock, Progress,
    Promoted, Reply, RescueRules, Rescued, Retention, Store, StoreSource, rules,
};
use crate::error::Error;
use crate::job::{Attempt, JobId, JobRecord, SessionId};
use crate::time::Timestamp;
use tables::Tables;
use tx::{Answer, Ask, Parked};

/// A store in memory.
///
/// A clone is another handle on the same jobs, as another process would have: with a hint of its
/// own, closed on its own.
///
/// ```
/// use mainspring_core::store::Store;
/// use mainspring_core::store::memory::MemoryStore;
///
/// let (here, there) = (MemoryStore::new(), MemoryStore::new());
/// assert_eq!(here.id(), here.clone().id());
/// assert_ne!(here.id(), there.id());
/// ```
pub struct MemoryStore {
    shared: Arc<Shared>,
    handle: Arc<Handle>,
}

/// Opens the same [`MemoryStore`] each time.
#[derive(Clone, Debug, Default)]
pub struct MemorySource(MemoryStore);

/// What all handles have in common.
struct Shared {
    id: [u8; 16],
    tables: Mutex<Tables>,
    handles: Mutex<Vec<Weak<Handle>>>,
    parked: Mutex<BTreeMap<i64, Parked>>,
    tickets: AtomicI64,
}

#[derive(Default)]
struct Handle {
    hint: Mutex<Option<Hint>>,
    /// Somebody else has committed since the last look.
    stale: AtomicBool,
    closed: AtomicBool,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        static MADE: AtomicU64 = AtomicU64::new(1);
        let number = u128::from(MADE.fetch_add(1, Ordering::Relaxed));
        Self::on(Arc::new(Shared {
            id: number.to_be_bytes(),
            tables: Mutex::default(),
            handles: Mutex::default(),
            parked: Mutex::default(),
            tickets: AtomicI64::new(1),
        }))
    }

    /// Begins a transaction that jobs can join.
    pub fn begin(&self) -> MemoryTx {
        MemoryTx::new(self.clone())
    }

    /// Ends the process of a session as `kill -9` would: its lock is free, and it was not closed.
    pub fn kill(&self, session: SessionId) {
        self.set_lock(session, PeerLock::Free);
    }

    /// Sets what others see of a session's lock.
    pub fn set_lock(&self, session: SessionId, held: PeerLock) {
        if let Some(row) = lock(&self.shared.tables).sessions.get_mut(&session) {
            row.lock = held;
        }
    }

    /// Shows that a session is alive; nothing else does it here.
    pub fn beat(&self, session: SessionId) {
        if let Some(row) = lock(&self.shared.tables).sessions.get_mut(&session) {
            row.beat += 1;
        }
    }

    fn on(shared: Arc<Shared>) -> Self {
        let handle = Arc::new(Handle::default());
        lock(&shared.handles).push(Arc::downgrade(&handle));
        Self { shared, handle }
    }

    fn read<T>(&self, work: impl FnOnce(&Tables) -> T) -> Result<T, Error> {
        if self.handle.closed.load(Ordering::Acquire) {
            return Err(rules::closed());
        }
        Ok(work(&lock(&self.shared.tables)))
    }

    /// One transaction; every handle is hinted at once if it changed anything.
    fn write<T>(&self, work: impl FnOnce(&mut Tables) -> Result<T, Error>) -> Result<T, Error> {
        if self.handle.closed.load(Ordering::Acquire) {
            return Err(rules::closed());
        }
        let mut tables = lock(&self.shared.tables);
        tables.changed = false;
        let done = work(&mut tables);
        let changed = tables.changed;
        drop(tables);
        if changed {
            self.hint_all();
        }
        done
    }

    /// Calls no hint under a lock, since it may call the store.
    fn hint_all(&self) {
        let mut handles = lock(&self.shared.handles);
        handles.retain(|handle| handle.strong_count() > 0);
        let all: Vec<_> = handles.iter().filter_map(Weak::upgrade).collect();
        drop(handles);
        for handle in all {
            if !Arc::ptr_eq(&handle, &self.handle) {
                handle.stale.store(true, Ordering::Release);
            }
            handle.call();
        }
    }
}

impl Handle {
    fn call(&self) {
        let hint = lock(&self.hint).clone();
        if let Some(hint) = hint {
            hint();
        }
    }
}

impl Clone for MemoryStore {
    fn clone(&self) -> Self {
        Self::on(Arc::clone(&self.shared))
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

impl MemorySource {
    /// Opens a handle on this store each time.
    pub fn new(store: MemoryStore) -> Self {
        Self(store)
    }
}

impl StoreSource for MemorySource {
    fn describe(&self) -> String {
        String::from("memory:")
    }

    fn open(&self, _now: Timestamp) -> Reply<'_, Arc<dyn Store>> {
        Box::pin(async { Ok(Arc::new(self.0.clone()) as Arc<dyn Store>) })
    }
}

/// A store's method in one line: a transaction on the tables, when it is polled.
macro_rules! commit {
    ($store:ident, |$tables:ident| $work:expr) => {
        Box::pin(async move { $store.write(|$tables| $work) })
    };
}

macro_rules! look_up {
    ($store:ident, |$tables:ident| $work:expr) => {
        Box::pin(async move { $store.read(|$tables| $work) })
    };
}

impl Store for MemoryStore {
    fn kind(&self) -> &'static str {
        "memory"
    }

    fn id(&self) -> [u8; 16] {
        self.shared.id
    }

    fn hint_delay(&self) -> Duration {
        Duration::ZERO
    }

    fn on_hint(&self, hint: Hint) {
        *lock(&self.handle.hint) = Some(hint);
    }

    fn look(&self) -> Reply<'_, bool> {
        Box::pin(async move {
            self.read(|_| ())?;
            let stale = self.handle.stale.swap(false, Ordering::AcqRel);
            if stale {
                self.handle.call();
            }
            Ok(stale)
        })
    }

    fn open_session(&self, _now: Timestamp, session: SessionId, name: &str) -> Reply<'_, ()> {
        let name = name.to_owned();
        commit!(self, |tables| {
            tables.open_session(session, &name);
            Ok(())
        })
    }

    fn close_session(&self, now: Timestamp, session: SessionId) -> Reply<'_, ()> {
        let now = rules::past(now);
        commit!(self, |tables| {
            tables.close_session(now, session);
            Ok(())
        })
    }

    fn peers(&self) -> Reply<'_, Vec<Peer>> {
        look_up!(self, |tables| tables.peers())
    }

    fn rescue(&self, now: Timestamp, dead: SessionId, rules: RescueRules) -> Reply<'_, Rescued> {
        let now = self::rules::past(now);
        commit!(self, |tables| Ok(tables.rescue(now, dead, &rules)))
    }

    fn mark(&self, session: SessionId, claim: &Claim, running: bool) {
        lock(&self.shared.tables).mark(session, claim, running);
    }

    fn enqueue(&self, now: Timestamp, jobs: Vec<NewJob>) -> Reply<'_, Vec<Enqueued>> {
        let now = rules::past(now);
        commit!(self, |tables| {
            tables.attempt(true, |tables| tables.enqueue(now, jobs, &None))
        })
    }

    fn enqueue_in<'a>(
        &'a self,
        tx: &'a mut dyn Enlist,
        now: Timestamp,
        jobs: Vec<NewJob>,
    ) -> Reply<'a, Vec<Enqueued>> {
        let ask = Ask::Enqueue(rules::past(now), jobs);
        Box::pin(async move { self.enlist(tx, ask).await.map(enqueued) })
    }

    fn enqueue_in_blocking(
        &self,
        tx: &mut dyn EnlistBlocking,
        now: Timestamp,
        jobs: Vec<NewJob>,
    ) -> Result<Vec<Enqueued>, Error> {
        let ask = Ask::Enqueue(rules::past(now), jobs);
        self.enlist_blocking(tx, ask).map(enqueued)
    }

    fn fire(&self, now: Timestamp, fire: Fire) -> Reply<'_, Fired> {
        commit!(self, |tables| tables.fire(rules::past(now), fire))
    }

    fn schedule_cursor(&self, now: Timestamp, schedule: &str) -> Reply<'_, Timestamp> {
        let schedule = schedule.to_owned();
        commit!(self, |tables| {
            Ok(tables.schedule_cursor(rules::past(now), &schedule))
        })
    }

    fn promote(&self, now: Timestamp, limit: usize) -> Reply<'_, Promoted> {
        commit!(self, |tables| Ok(tables.promote(rules::past(now), limit)))
    }

    fn claim(&self, now: Timestamp, request: ClaimRequest) -> Reply<'_, Claimed> {
        commit!(self, |tables| tables.claim(rules::past(now), &request))
    }

    fn finish(&self, now: Timestamp, attempts: Vec<Finish>) -> Reply<'_, Vec<Finished>> {
        let now = rules::past(now);
        commit!(self, |tables| {
            rules::check_finish(&attempts)?;
            Ok(attempts
                .iter()
                .map(|attempt| tables.finish(now, attempt))
                .collect())
        })
    }

    fn complete_in<'a>(
        &'a self,
        tx: &'a mut dyn Enlist,
        now: Timestamp,
        attempt: Finish,
    ) -> Reply<'a, ()> {
        let ask = Ask::Complete(rules::past(now), attempt);
        Box::pin(async move { self.enlist(tx, ask).await.map(|_| ()) })
    }

    fn complete_in_blocking(
        &self,
        tx: &mut dyn EnlistBlocking,
        now: Timestamp,
        attempt: Finish,
    ) -> Result<(), Error> {
        let ask = Ask::Complete(rules::past(now), attempt);
        self.enlist_blocking(tx, ask).map(|_| ())
    }

    fn save(&self, _now: Timestamp, saves: Vec<Progress>) -> Reply<'_, Vec<bool>> {
        commit!(self, |tables| {
            rules::check_save(&saves)?;
            Ok(saves.into_iter().map(|save| tables.save(save)).collect())
        })
    }

    fn cancelling(&self, session: SessionId) -> Reply<'_, Vec<(Claim, Arc<str>)>> {
        look_up!(self, |tables| tables.cancelling(session))
    }

    fn prune(&self, now: Timestamp, keep: Retention, limit: usize) -> Reply<'_, usize> {
        let now = rules::past(now);
        commit!(self, |tables| Ok(tables.prune(now, &keep, limit)))
    }

    fn operate(&self, now: Timestamp, id: JobId, operation: Operation) -> Reply<'_, Operated> {
        let now = rules::past(now);
        commit!(self, |tables| tables.operate(now, id, operation))
    }

    fn set_paused(&self, _now: Timestamp, queue: &str, paused: bool) -> Reply<'_, ()> {
        let queue: Arc<str> = Arc::from(queue);
        commit!(self, |tables| {
            tables.set_paused(queue, paused);
            Ok(())
        })
    }

    fn paused(&self) -> Reply<'_, Vec<Arc<str>>> {
        look_up!(self, |tables| tables.paused.iter().cloned().collect())
    }

    fn get(&self, id: JobId) -> Reply<'_, Option<JobRecord>> {
        look_up!(self, |tables| tables.record(id))
    }

    fn get_many(&self, ids: Vec<JobId>) -> Reply<'_, Vec<Option<JobRecord>>> {
        Box::pin(async move {
            rules::check_batch(ids.len())?;
            self.read(|tables| ids.iter().map(|id| tables.record(*id)).collect())
        })
    }

    fn history(&self, id: JobId) -> Reply<'_, Vec<Attempt>> {
        look_up!(self, |tables| tables.history(id))
    }

    fn list(&self, filter: Filter, page: Page) -> Reply<'_, Vec<JobRecord>> {
        look_up!(self, |tables| tables.list(&filter, page))
    }

    fn counts(&self) -> Reply<'_, Counts> {
        look_up!(self, |tables| tables.counted())
    }

    fn close(&self) -> Reply<'_, ()> {
        Box::pin(async move {
            self.handle.closed.store(true, Ordering::Release);
            Ok(())
        })
    }
}

fn enqueued(answer: Answer) -> Vec<Enqueued> {
    match answer {
        Answer::Enqueued(enqueued) => enqueued,
        Answer::Completed => Vec::new(),
    }
}

/// Locks, and goes on after a panic elsewhere: only a panic of the model itself could have left its
/// tables torn, and that is a bug to be seen in what it answers.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
