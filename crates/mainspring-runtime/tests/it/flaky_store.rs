//! A memory store that fails when a test says so, before or after it has done what it was asked.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::job::{Attempt, JobId, JobRecord, SessionId};
use mainspring_core::store::memory::MemoryStore;
use mainspring_core::store::{
    Claim, ClaimRequest, Claimed, Counts, Enlist, EnlistBlocking, Enqueued, Filter, Finish,
    Finished, Fire, Fired, Hint, NewJob, Operated, Operation, Page, Peer, Progress, Promoted,
    Reply, RescueRules, Rescued, Retention, Store, StoreSource,
};
use mainspring_core::time::Timestamp;

/// The store and its source in one.
#[derive(Clone, Debug)]
pub(crate) struct FlakyStore {
    store: MemoryStore,
    faults: Arc<Mutex<BTreeMap<&'static str, VecDeque<Fault>>>>,
}

/// What a call goes wrong with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Nothing was written.
    Before(ErrorKind),
    /// It was written, and nobody can tell.
    After,
}

impl FlakyStore {
    pub(crate) fn on(store: MemoryStore) -> Self {
        let faults = Arc::default();
        Self { store, faults }
    }

    /// The next calls of this name fail so, one after the other.
    pub(crate) fn fail(&self, call: &'static str, faults: impl IntoIterator<Item = Fault>) {
        let mut all = self.faults.lock().unwrap();
        all.entry(call).or_default().extend(faults);
    }

    /// Faults that have not happened.
    pub(crate) fn left(&self) -> usize {
        self.faults
            .lock()
            .unwrap()
            .values()
            .map(VecDeque::len)
            .sum()
    }

    fn next(&self, call: &'static str) -> Option<Fault> {
        self.faults.lock().unwrap().get_mut(call)?.pop_front()
    }

    fn flaky<'a, T: Send + 'a>(&'a self, call: &'static str, reply: Reply<'a, T>) -> Reply<'a, T> {
        Box::pin(async move {
            match self.next(call) {
                Some(Fault::Before(kind)) => Err(Error::new(kind, format!("{call} fails"))),
                Some(Fault::After) => {
                    let _ = reply.await?;
                    Err(Error::new(
                        ErrorKind::Unknown,
                        format!("{call} was cut off"),
                    ))
                }
                None => reply.await,
            }
        })
    }
}

impl StoreSource for FlakyStore {
    fn describe(&self) -> String {
        "flaky:".to_owned()
    }

    fn open(&self, _now: Timestamp) -> Reply<'_, Arc<dyn Store>> {
        let opened = Self {
            store: self.store.clone(),
            faults: Arc::clone(&self.faults),
        };
        let opened: Reply<'_, Arc<dyn Store>> =
            Box::pin(async { Ok(Arc::new(opened) as Arc<dyn Store>) });
        self.flaky("open", opened)
    }
}

impl Store for FlakyStore {
    fn kind(&self) -> &'static str {
        "flaky"
    }
    fn id(&self) -> [u8; 16] {
        self.store.id()
    }
    fn hint_delay(&self) -> Duration {
        self.store.hint_delay()
    }
    fn on_hint(&self, hint: Hint) {
        self.store.on_hint(hint);
    }
    fn look(&self) -> Reply<'_, bool> {
        self.store.look()
    }
    fn open_session(&self, now: Timestamp, session: SessionId, name: &str) -> Reply<'_, ()> {
        self.flaky("open_session", self.store.open_session(now, session, name))
    }
    fn close_session(&self, now: Timestamp, session: SessionId) -> Reply<'_, ()> {
        self.flaky("close_session", self.store.close_session(now, session))
    }
    fn peers(&self) -> Reply<'_, Vec<Peer>> {
        self.flaky("peers", self.store.peers())
    }
    fn rescue(&self, now: Timestamp, dead: SessionId, rules: RescueRules) -> Reply<'_, Rescued> {
        self.flaky("rescue", self.store.rescue(now, dead, rules))
    }
    fn mark(&self, session: SessionId, claim: &Claim, running: bool) {
        self.store.mark(session, claim, running);
    }
    fn enqueue(&self, now: Timestamp, jobs: Vec<NewJob>) -> Reply<'_, Vec<Enqueued>> {
        self.flaky("enqueue", self.store.enqueue(now, jobs))
    }
    fn enqueue_in<'a>(
        &'a self,
        tx: &'a mut dyn Enlist,
        now: Timestamp,
        jobs: Vec<NewJob>,
    ) -> Reply<'a, Vec<Enqueued>> {
        self.store.enqueue_in(tx, now, jobs)
    }
    fn enqueue_in_blocking(
        &self,
        tx: &mut dyn EnlistBlocking,
        now: Timestamp,
        jobs: Vec<NewJob>,
    ) -> Result<Vec<Enqueued>, Error> {
        self.store.enqueue_in_blocking(tx, now, jobs)
    }
    fn fire(&self, now: Timestamp, fire: Fire) -> Reply<'_, Fired> {
        self.flaky("fire", self.store.fire(now, fire))
    }
    fn schedule_cursor(&self, now: Timestamp, schedule: &str) -> Reply<'_, Timestamp> {
        let reply = self.store.schedule_cursor(now, schedule);
        self.flaky("schedule_cursor", reply)
    }
    fn promote(&self, now: Timestamp, limit: usize) -> Reply<'_, Promoted> {
        self.flaky("promote", self.store.promote(now, limit))
    }
    fn claim(&self, now: Timestamp, request: ClaimRequest) -> Reply<'_, Claimed> {
        self.flaky("claim", self.store.claim(now, request))
    }
    fn finish(&self, now: Timestamp, attempts: Vec<Finish>) -> Reply<'_, Vec<Finished>> {
        self.flaky("finish", self.store.finish(now, attempts))
    }
    fn complete_in<'a>(
        &'a self,
        tx: &'a mut dyn Enlist,
        now: Timestamp,
        attempt: Finish,
    ) -> Reply<'a, ()> {
        self.store.complete_in(tx, now, attempt)
    }
    fn complete_in_blocking(
        &self,
        tx: &mut dyn EnlistBlocking,
        now: Timestamp,
        attempt: Finish,
    ) -> Result<(), Error> {
        self.store.complete_in_blocking(tx, now, attempt)
    }
    fn save(&self, now: Timestamp, saves: Vec<Progress>) -> Reply<'_, Vec<bool>> {
        self.store.save(now, saves)
    }
    fn cancelling(&self, session: SessionId) -> Reply<'_, Vec<(Claim, Arc<str>)>> {
        self.flaky("cancelling", self.store.cancelling(session))
    }
    fn prune(&self, now: Timestamp, keep: Retention, limit: usize) -> Reply<'_, usize> {
        self.flaky("prune", self.store.prune(now, keep, limit))
    }
    fn operate(&self, now: Timestamp, id: JobId, operation: Operation) -> Reply<'_, Operated> {
        self.store.operate(now, id, operation)
    }
    fn set_paused(&self, now: Timestamp, queue: &str, paused: bool) -> Reply<'_, ()> {
        self.store.set_paused(now, queue, paused)
    }
    fn paused(&self) -> Reply<'_, Vec<Arc<str>>> {
        self.store.paused()
    }
    fn get(&self, id: JobId) -> Reply<'_, Option<JobRecord>> {
        self.store.get(id)
    }
    fn get_many(&self, ids: Vec<JobId>) -> Reply<'_, Vec<Option<JobRecord>>> {
        self.store.get_many(ids)
    }
    fn history(&self, id: JobId) -> Reply<'_, Vec<Attempt>> {
        self.store.history(id)
    }
    fn list(&self, filter: Filter, page: Page) -> Reply<'_, Vec<JobRecord>> {
        self.store.list(filter, page)
    }
    fn counts(&self) -> Reply<'_, Counts> {
        self.store.counts()
    }
    fn close(&self) -> Reply<'_, ()> {
        self.flaky("close", self.store.close())
    }
}
