//! A store that keeps what it is given and ends jobs when a test says so; it has no workers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::job::{Attempt, JobId, JobRecord, SessionId, State};
use mainspring_core::store::{
    Claim, ClaimRequest, Claimed, Counts, Enlist, EnlistBlocking, Enqueued, Filter, Finish,
    Finished, Fire, Fired, Hint, NewJob, Operated, Operation, Page, Peer, Progress, Promoted,
    Reply, RescueRules, Rescued, Retention, Store, StoreSource, Was,
};
use mainspring_core::time::Timestamp;

/// The store and its source in one: opened, it is itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct FakeStore(Arc<Mutex<Inner>>);

#[derive(Default)]
pub(crate) struct Inner {
    /// What each enqueue was given.
    pub(crate) enqueues: Vec<Vec<NewJob>>,
    /// What the next enqueues go wrong with, and whether they are written all the same.
    pub(crate) faults: VecDeque<(ErrorKind, bool)>,
    /// What the next lookups go wrong with.
    pub(crate) look_faults: VecDeque<ErrorKind>,
    /// The ids of each lookup.
    pub(crate) looks: Vec<Vec<JobId>>,
    pub(crate) operations: Vec<(JobId, Operation)>,
    pub(crate) paused: Vec<(String, bool)>,
    pub(crate) opened: usize,
    pub(crate) closed: usize,
    jobs: BTreeMap<JobId, JobRecord>,
    hint: Option<Hint>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inner")
    }
}

impl FakeStore {
    pub(crate) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    /// All jobs that were given, in order.
    pub(crate) fn given(&self) -> Vec<NewJob> {
        self.inner().enqueues.concat()
    }

    /// Ends a job, as another process would, and tells nobody.
    pub(crate) fn end(&self, id: JobId, state: State, output: Option<&'static str>) {
        let mut inner = self.inner();
        let job = inner.jobs.get_mut(&id).unwrap();
        job.state = state;
        job.output = output.map(|json| Bytes::from_static(json.as_bytes()));
        job.error = (state != State::Succeeded).then(|| Arc::from("it broke"));
    }

    pub(crate) fn remove(&self, id: JobId) {
        self.inner().jobs.remove(&id);
    }

    /// What a store says when somebody else has committed.
    pub(crate) fn hint(&self) {
        let hint = self.inner().hint.clone().unwrap();
        hint();
    }

    fn write(&self, now: Timestamp, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>, Error> {
        let mut inner = self.inner();
        inner.enqueues.push(jobs.clone());
        let fault = inner.faults.pop_front();
        if let Some((kind, false)) = fault {
            return Err(Error::new(kind, "as the test wants"));
        }
        let answers = jobs.into_iter().map(|job| {
            let was = match inner.jobs.contains_key(&job.id) {
                true => Was::Existing,
                false => Was::New,
            };
            let record = JobRecord::new(job.id, job.kind, job.queue, now, job.payload);
            inner.jobs.entry(job.id).or_insert(record);
            let mut answer = Enqueued::new(job.id, was);
            answer.claim = job.claim.map(|(_, token)| Claim {
                id: job.id,
                row: 1,
                token,
            });
            answer
        });
        let answers = answers.collect();
        match fault {
            Some((kind, _)) => Err(Error::new(kind, "as the test wants")),
            None => Ok(answers),
        }
    }
}

impl StoreSource for FakeStore {
    fn describe(&self) -> String {
        "fake:".to_owned()
    }

    fn open(&self, _now: Timestamp) -> Reply<'_, Arc<dyn Store>> {
        self.inner().opened += 1;
        let store = self.clone();
        Box::pin(async move { Ok(Arc::new(store) as Arc<dyn Store>) })
    }
}

fn ready<'a, T: Send + 'a>(answer: Result<T, Error>) -> Reply<'a, T> {
    Box::pin(async { answer })
}

fn not_here<'a, T: Send + 'a>() -> Reply<'a, T> {
    ready(Err(refused()))
}

fn refused() -> Error {
    Error::new(ErrorKind::IllegalState, "the fake store cannot do this")
}

impl Store for FakeStore {
    fn kind(&self) -> &'static str {
        "fake"
    }

    fn id(&self) -> [u8; 16] {
        [0; 16]
    }

    fn hint_delay(&self) -> Duration {
        Duration::ZERO
    }

    fn on_hint(&self, hint: Hint) {
        self.inner().hint = Some(hint);
    }

    fn look(&self) -> Reply<'_, bool> {
        ready(Ok(false))
    }

    fn open_session(&self, _now: Timestamp, _session: SessionId, _name: &str) -> Reply<'_, ()> {
        ready(Ok(()))
    }

    fn close_session(&self, _now: Timestamp, _session: SessionId) -> Reply<'_, ()> {
        ready(Ok(()))
    }

    fn peers(&self) -> Reply<'_, Vec<Peer>> {
        ready(Ok(Vec::new()))
    }

    fn rescue(&self, _now: Timestamp, _dead: SessionId, _by: RescueRules) -> Reply<'_, Rescued> {
        not_here()
    }

    fn mark(&self, _session: SessionId, _claim: &Claim, _running: bool) {}

    fn enqueue(&self, now: Timestamp, jobs: Vec<NewJob>) -> Reply<'_, Vec<Enqueued>> {
        ready(self.write(now, jobs))
    }

    fn enqueue_in<'a>(
        &'a self,
        _tx: &'a mut dyn Enlist,
        now: Timestamp,
        jobs: Vec<NewJob>,
    ) -> Reply<'a, Vec<Enqueued>> {
        ready(self.write(now, jobs))
    }

    fn enqueue_in_blocking(
        &self,
        _tx: &mut dyn EnlistBlocking,
        now: Timestamp,
        jobs: Vec<NewJob>,
    ) -> Result<Vec<Enqueued>, Error> {
        self.write(now, jobs)
    }

    fn fire(&self, _now: Timestamp, _fire: Fire) -> Reply<'_, Fired> {
        not_here()
    }

    fn schedule_cursor(&self, now: Timestamp, _schedule: &str) -> Reply<'_, Timestamp> {
        ready(Ok(now))
    }

    fn promote(&self, _now: Timestamp, _limit: usize) -> Reply<'_, Promoted> {
        ready(Ok(Promoted::default()))
    }

    fn claim(&self, _now: Timestamp, _request: ClaimRequest) -> Reply<'_, Claimed> {
        ready(Ok(Claimed::default()))
    }

    fn finish(&self, _now: Timestamp, _attempts: Vec<Finish>) -> Reply<'_, Vec<Finished>> {
        not_here()
    }

    fn complete_in<'a>(
        &'a self,
        _tx: &'a mut dyn Enlist,
        _now: Timestamp,
        _attempt: Finish,
    ) -> Reply<'a, ()> {
        not_here()
    }

    fn complete_in_blocking(
        &self,
        _tx: &mut dyn EnlistBlocking,
        _now: Timestamp,
        _attempt: Finish,
    ) -> Result<(), Error> {
        Err(refused())
    }

    fn save(&self, _now: Timestamp, _saves: Vec<Progress>) -> Reply<'_, Vec<bool>> {
        not_here()
    }

    fn cancelling(&self, _session: SessionId) -> Reply<'_, Vec<(Claim, Arc<str>)>> {
        ready(Ok(Vec::new()))
    }

    fn prune(&self, _now: Timestamp, _keep: Retention, _limit: usize) -> Reply<'_, usize> {
        ready(Ok(0))
    }

    fn operate(&self, _now: Timestamp, id: JobId, operation: Operation) -> Reply<'_, Operated> {
        self.inner().operations.push((id, operation));
        ready(Ok(Operated::new(State::Ready, None)))
    }

    fn set_paused(&self, _now: Timestamp, queue: &str, paused: bool) -> Reply<'_, ()> {
        self.inner().paused.push((queue.to_owned(), paused));
        ready(Ok(()))
    }

    fn paused(&self) -> Reply<'_, Vec<Arc<str>>> {
        ready(Ok(vec![Arc::from("mail")]))
    }

    fn get(&self, id: JobId) -> Reply<'_, Option<JobRecord>> {
        ready(Ok(self.inner().jobs.get(&id).cloned()))
    }

    fn get_many(&self, ids: Vec<JobId>) -> Reply<'_, Vec<Option<JobRecord>>> {
        let mut inner = self.inner();
        inner.looks.push(ids.clone());
        if let Some(kind) = inner.look_faults.pop_front() {
            return ready(Err(Error::new(kind, "as the test wants")));
        }
        let jobs = ids.iter().map(|id| inner.jobs.get(id).cloned());
        ready(Ok(jobs.collect()))
    }

    fn history(&self, _id: JobId) -> Reply<'_, Vec<Attempt>> {
        ready(Ok(Vec::new()))
    }

    fn list(&self, _filter: Filter, _page: Page) -> Reply<'_, Vec<JobRecord>> {
        let inner = self.inner();
        ready(Ok(inner.jobs.values().rev().cloned().collect()))
    }

    fn counts(&self) -> Reply<'_, Counts> {
        ready(Ok(Vec::new()))
    }

    fn close(&self) -> Reply<'_, ()> {
        self.inner().closed += 1;
        ready(Ok(()))
    }
}
