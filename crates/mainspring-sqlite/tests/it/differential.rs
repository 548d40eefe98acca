//! Random operations, answered as the model answers them.

use std::sync::Arc;

use mainspring_core::error::Error;
use mainspring_core::job::SessionId;
use mainspring_core::spawn::BoxFuture;
use mainspring_core::store::memory::{MemoryStore, MemoryTx};
use mainspring_core::store::{Enqueued, Finish, NewJob, Reply, Store};
use mainspring_core::time::Timestamp;
use mainspring_sim::conformance::{Fixture, Subject, Transaction};
use mainspring_sim::operations::differential;

use crate::conformance::Files;

/// The normal run; `MAINSPRING_DIFFERENTIAL=2000` is the long form.
const SEQUENCES: u64 = 200;
const STEPS: usize = 100;

#[expect(
    clippy::disallowed_methods,
    reason = "how long a test runs is no setting of an app"
)]
fn sequences() -> u64 {
    let asked = std::env::var("MAINSPRING_DIFFERENTIAL").ok();
    asked
        .and_then(|asked| asked.parse().ok())
        .unwrap_or(SEQUENCES)
}

#[tokio::test]
async fn random_operations_are_answered_as_the_model_does() {
    for seed in 0..sequences() {
        if let Err(difference) = differential(seed, STEPS, &Memory, &Files).await {
            panic!("{difference}");
        }
    }
}

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
