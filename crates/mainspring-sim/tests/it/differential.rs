//! Random operations: two models answer alike, and a broken one is found.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use mainspring_core::error::Error;
use mainspring_core::job::{Attempt, JobId, JobRecord, SessionId, State};
use mainspring_core::spawn::BoxFuture;
use mainspring_core::store::{
    Claim, ClaimRequest, Claimed, Counts, Enlist, EnlistBlocking, Enqueued, Filter, Finish,
    Finished, Fire, Fired, Hint, NewJob, Operated, Operation, Page, Peer, Progress, Promoted,
    Reply, RescueRules, Rescued, Retention, Store,
};
use mainspring_core::time::Timestamp;
use mainspring_sim::conformance::{Fixture, Subject, Transaction};
use mainspring_sim::operations::{coverage, differential};

use crate::memory::Memory;

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
async fn two_models_answer_alike() {
    for seed in 0..sequences() {
        if let Err(difference) = differential(seed, STEPS, &Memory, &Memory).await {
            panic!("{difference}");
        }
    }
}

#[tokio::test]
async fn every_state_is_reached() {
    let mut seen = BTreeSet::new();
    for seed in 0..SEQUENCES {
        seen.extend(coverage(seed, STEPS, &Memory).await);
    }
    assert_eq!(seen, BTreeSet::from(State::ALL));
}

#[tokio::test]
async fn a_twin_without_the_fence_is_found() {
    let mut found = 0;
    for seed in 0..SEQUENCES {
        found += u64::from(differential(seed, STEPS, &Memory, &Unfenced).await.is_err());
    }
    assert!(
        found > SEQUENCES / 4,
        "found by {found} of {SEQUENCES} sequences"
    );
}

/// Makes models that end a job under any claim of it that they have ever given.
struct Unfenced;

struct One(Box<dyn Subject>, Arc<Broken>);

#[derive(Debug)]
struct Broken {
    inner: Arc<dyn Store>,
    given: Mutex<Vec<Claim>>,
}

impl Fixture for Unfenced {
    fn open(&self) -> BoxFuture<'_, Box<dyn Subject>> {
        Box::pin(async {
            let subject = Memory.open().await;
            let broken = Arc::new(Broken {
                inner: subject.store(),
                given: Mutex::default(),
            });
            Box::new(One(subject, broken)) as Box<dyn Subject>
        })
    }
}

impl Subject for One {
    fn store(&self) -> Arc<dyn Store> {
        self.1.clone()
    }

    fn second(&self) -> BoxFuture<'_, Arc<dyn Store>> {
        self.0.second()
    }

    fn kill(&self, session: SessionId) -> BoxFuture<'_, ()> {
        self.0.kill(session)
    }

    fn begin(&self) -> BoxFuture<'_, Box<dyn Transaction>> {
        self.0.begin()
    }
}

impl Broken {
    /// The newest claim of the same job.
    fn newest(&self, claim: Claim) -> Claim {
        let given = self.given.lock().expect("no test panics while it holds it");
        let newest = given.iter().rev().find(|given| given.id == claim.id);
        *newest.unwrap_or(&claim)
    }
}

macro_rules! pass {
    ($($name:ident($($arg:ident: $type:ty),*) -> $reply:ty;)*) => {
        $(fn $name(&self, $($arg: $type),*) -> $reply {
            self.inner.$name($($arg),*)
        })*
    };
}

impl Store for Broken {
    fn finish(&self, now: Timestamp, mut attempts: Vec<Finish>) -> Reply<'_, Vec<Finished>> {
        for attempt in &mut attempts {
            attempt.claim = self.newest(attempt.claim);
        }
        self.inner.finish(now, attempts)
    }

    fn claim(&self, now: Timestamp, request: ClaimRequest) -> Reply<'_, Claimed> {
        Box::pin(async move {
            let claimed = self.inner.claim(now, request).await?;
            let mut given = self.given.lock().expect("no test panics while it holds it");
            given.extend(claimed.jobs.iter().map(|job| job.claim));
            Ok(claimed)
        })
    }

    fn enqueue_in<'a>(
        &'a self,
        tx: &'a mut dyn Enlist,
        now: Timestamp,
        jobs: Vec<NewJob>,
    ) -> Reply<'a, Vec<Enqueued>> {
        self.inner.enqueue_in(tx, now, jobs)
    }

    fn complete_in<'a>(
        &'a self,
        tx: &'a mut dyn Enlist,
        now: Timestamp,
        attempt: Finish,
    ) -> Reply<'a, ()> {
        self.inner.complete_in(tx, now, attempt)
    }

    pass! {
        kind() -> &'static str;
        id() -> [u8; 16];
        hint_delay() -> std::time::Duration;
        on_hint(hint: Hint) -> ();
        look() -> Reply<'_, bool>;
        open_session(now: Timestamp, session: SessionId, name: &str) -> Reply<'_, ()>;
        close_session(now: Timestamp, session: SessionId) -> Reply<'_, ()>;
        peers() -> Reply<'_, Vec<Peer>>;
        rescue(now: Timestamp, dead: SessionId, rules: RescueRules) -> Reply<'_, Rescued>;
        mark(session: SessionId, claim: &Claim, running: bool) -> ();
        enqueue(now: Timestamp, jobs: Vec<NewJob>) -> Reply<'_, Vec<Enqueued>>;
        enqueue_in_blocking(
            tx: &mut dyn EnlistBlocking, now: Timestamp, jobs: Vec<NewJob>
        ) -> Result<Vec<Enqueued>, Error>;
        fire(now: Timestamp, fire: Fire) -> Reply<'_, Fired>;
        schedule_cursor(now: Timestamp, schedule: &str) -> Reply<'_, Timestamp>;
        promote(now: Timestamp, limit: usize) -> Reply<'_, Promoted>;
        complete_in_blocking(
            tx: &mut dyn EnlistBlocking, now: Timestamp, attempt: Finish
        ) -> Result<(), Error>;
        save(now: Timestamp, saves: Vec<Progress>) -> Reply<'_, Vec<bool>>;
        cancelling(session: SessionId) -> Reply<'_, Vec<(Claim, Arc<str>)>>;
        prune(now: Timestamp, keep: Retention, limit: usize) -> Reply<'_, usize>;
        operate(now: Timestamp, id: JobId, operation: Operation) -> Reply<'_, Operated>;
        set_paused(now: Timestamp, queue: &str, paused: bool) -> Reply<'_, ()>;
        paused() -> Reply<'_, Vec<Arc<str>>>;
        get(id: JobId) -> Reply<'_, Option<JobRecord>>;
        get_many(ids: Vec<JobId>) -> Reply<'_, Vec<Option<JobRecord>>>;
        history(id: JobId) -> Reply<'_, Vec<Attempt>>;
        list(filter: Filter, page: Page) -> Reply<'_, Vec<JobRecord>>;
        counts() -> Reply<'_, Counts>;
        close() -> Reply<'_, ()>;
    }
}
