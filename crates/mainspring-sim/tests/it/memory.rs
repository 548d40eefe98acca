//! The model passes the suite of every store.

use std::sync::Arc;

use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::job::{JobId, Payload, SessionId};
use mainspring_core::spawn::BoxFuture;
use mainspring_core::store::memory::{MemoryStore, MemoryTx};
use mainspring_core::store::{Enqueued, Finish, NewJob, Reply, Store};
use mainspring_core::time::Timestamp;
use mainspring_sim::conformance::{Fixture, Subject, Transaction};

pub(crate) struct Memory;

struct One(MemoryStore);

struct Tx(MemoryTx);

impl Fixture for Memory {
    fn open(&self) -> BoxFuture<'_, Box<dyn Subject>> {
        Box::pin(async { Box::new(One(MemoryStore::new())) as Box<dyn Subject> })
    }
}

impl Subject for One {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.0.clone())
    }

    fn second(&self) -> BoxFuture<'_, Arc<dyn Store>> {
        Box::pin(async { Arc::new(self.0.clone()) as Arc<dyn Store> })
    }

    fn kill(&self, session: SessionId) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.0.kill(session) })
    }

    fn begin(&self) -> BoxFuture<'_, Box<dyn Transaction>> {
        Box::pin(async { Box::new(Tx(self.0.begin())) as Box<dyn Transaction> })
    }
}

impl Transaction for Tx {
    fn enqueue<'a>(
        &'a mut self,
        store: &'a dyn Store,
        now: Timestamp,
        jobs: Vec<NewJob>,
    ) -> Reply<'a, Vec<Enqueued>> {
        store.enqueue_in(&mut self.0, now, jobs)
    }

    fn complete<'a>(
        &'a mut self,
        store: &'a dyn Store,
        now: Timestamp,
        attempt: Finish,
    ) -> Reply<'a, ()> {
        store.complete_in(&mut self.0, now, attempt)
    }

    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<(), Error>> {
        Box::pin(async move { self.0.commit() })
    }
}

mainspring_sim::conformance!(Memory);

#[tokio::test]
async fn a_blocking_transaction_joins_as_well_and_a_strange_one_does_not() {
    let (store, other) = (MemoryStore::new(), MemoryStore::new());
    let now = Timestamp::UNIX_EPOCH;
    let id = JobId::from_bytes([7; 16]);
    let payload = Payload::from_json("1", 1).expect("a short payload fits");
    let jobs = vec![NewJob::new(id, "k", now, payload)];
    let mut tx = store.begin();
    let refused = other.enqueue_in_blocking(&mut tx, now, jobs.clone());
    assert_eq!(
        refused.map_err(|error| error.kind()),
        Err(ErrorKind::WrongStore)
    );
    let enqueued = store.enqueue_in_blocking(&mut tx, now, jobs.clone());
    assert!(enqueued.is_ok());
    assert!(
        matches!(store.get(id).await, Ok(None)),
        "nothing is committed yet"
    );
    assert!(tx.commit().is_ok());
    assert!(matches!(store.get(id).await, Ok(Some(_))));
}

#[tokio::test]
async fn a_commit_that_relied_on_what_has_changed_writes_nothing() {
    let store = MemoryStore::new();
    let now = Timestamp::UNIX_EPOCH;
    let payload = Payload::from_json("1", 1).expect("a short payload fits");
    let job = |number| NewJob::new(JobId::from_bytes([number; 16]), "k", now, payload.clone());
    let mut tx = store.begin();
    let both = vec![job(1), job(2)];
    assert!(store.enqueue_in_blocking(&mut tx, now, both).is_ok());
    assert!(store.enqueue(now, vec![job(1)]).await.is_ok());
    let refused = tx.commit();
    assert_eq!(
        refused.map_err(|error| error.kind()),
        Err(ErrorKind::Contended)
    );
    assert!(matches!(
        store.get(JobId::from_bytes([2; 16])).await,
        Ok(None)
    ));
}
