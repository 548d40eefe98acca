//! The client of durable jobs against a store that only keeps what it is given.

use std::sync::Arc;
use std::time::Duration;

use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::identity::{RequestId, TraceContext};
use mainspring_core::job::{
    Gate, Job, JobId, JobOptions, Priority, Scope, State, TAGS_MAX, Unique,
};
use mainspring_core::spawn::BoxFuture;
use mainspring_core::store::{
    Dialect, ENQUEUE_MAX, Enlist, EnlistBlocking, Filter, NewJob, Operation, Page, SqlRow,
    SqlValue, Was,
};
use mainspring_core::time::Timestamp;
use mainspring_runtime::jobs::Jobs;
use serde::{Deserialize, Serialize};

use crate::fake_store::FakeStore;
use crate::rig::{HOUR, Rig};

#[derive(Serialize, Deserialize)]
pub(crate) struct Mail {
    pub(crate) to: u64,
}

impl Job for Mail {
    const KIND: &'static str = "mail";
    const VERSION: u16 = 3;

    fn options() -> JobOptions {
        let mut options = JobOptions::in_queue("post");
        options.priority = Priority::High;
        options.retry.max_attempts = 8;
        options
    }

    fn unique(&self) -> Option<Unique> {
        Some(Unique::new(self.to.to_string()).within(Scope::UntilStarted))
    }

    fn gate(&self) -> Option<Gate> {
        Some(Gate::ordered("all"))
    }
}

/// A transaction of nobody.
struct Tx;

impl Enlist for Tx {
    fn dialect(&self) -> Dialect {
        Dialect::Memory
    }

    fn execute<'a>(
        &'a mut self,
        _sql: &'a str,
        _values: Vec<SqlValue>,
    ) -> BoxFuture<'a, Result<Vec<SqlRow>, Error>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

impl EnlistBlocking for Tx {
    fn dialect(&self) -> Dialect {
        Dialect::Memory
    }

    fn execute(&mut self, _sql: &str, _values: Vec<SqlValue>) -> Result<Vec<SqlRow>, Error> {
        Ok(Vec::new())
    }
}

/// A rig, a store, and a client that is connected to it on the rig's clock.
pub(crate) async fn connected() -> (Rig, FakeStore, Jobs) {
    let (rig, store) = (Rig::new(), FakeStore::default());
    let jobs = Jobs::new(store.clone());
    jobs.connect_on(rig.platform()).await.unwrap();
    (rig, store, jobs)
}

fn only(store: &FakeStore) -> NewJob {
    let mut given = store.given();
    assert_eq!(given.len(), 1);
    given.remove(0)
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[tokio::test]
async fn what_the_type_says_arrives_in_the_store() {
    let (rig, store, jobs) = connected().await;
    let handle = jobs.enqueue(Mail { to: 7 }).await.unwrap();
    let job = only(&store);
    assert_eq!(
        (job.id, &*job.kind, &*job.queue),
        (handle.id(), "mail", "post")
    );
    assert_eq!((job.priority, job.max_attempts), (Priority::High, 8));
    assert_eq!(job.due, rig.clock.clock().now());
    assert_eq!(
        (
            job.payload.version(),
            job.payload.decode::<Mail>().unwrap().to
        ),
        (3, 7)
    );
    let unique = job.unique.unwrap();
    assert_eq!((&*unique.key, unique.scope), ("7", Scope::UntilStarted));
    assert_eq!(job.gate, Some(Gate::ordered("all")));
    assert!(job.meta.is_empty() && job.claim.is_none());
    assert!(handle.is_new() && handle.was() == Was::New);
}

#[tokio::test]
async fn each_choice_arrives_in_the_store() {
    let (_rig, store, jobs) = connected().await;
    let id: JobId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
    let enqueue = jobs
        .enqueue(Mail { to: 7 })
        .id(id)
        .queue("bulk")
        .priority(Priority::Low);
    let enqueue = enqueue
        .unique(Unique::new("u").or_error())
        .key(("tenant-7", 2));
    let enqueue = enqueue
        .tags(["a"])
        .tags(["b"])
        .meta("tenant", "7")
        .max_attempts(0);
    let handle = enqueue.at(at("2026-05-01T00:00:00Z")).await.unwrap();
    assert_eq!(handle.id(), id);
    let job = only(&store);
    assert_eq!(
        (job.id, &*job.queue, job.priority),
        (id, "bulk", Priority::Low)
    );
    assert_eq!(job.unique, Some(Unique::new("u").or_error()));
    assert_eq!(job.gate, Some(Gate::new("tenant-7", 2)));
    assert_eq!(job.meta.tags, [Arc::from("a"), Arc::from("b")]);
    assert_eq!(
        job.meta.values.get("tenant").map(|value| &**value),
        Some("7")
    );
    assert_eq!((job.max_attempts, job.due), (1, at("2026-05-01T00:00:00Z")));
}

#[tokio::test]
async fn a_delay_counts_from_the_enqueue() {
    let (rig, store, jobs) = connected().await;
    let enqueue = jobs.enqueue(Mail { to: 7 }).after(HOUR);
    rig.clock.advance(HOUR).await;
    enqueue.await.unwrap();
    assert_eq!(only(&store).due, at("2026-03-28T02:00:00Z"));
    jobs.enqueue(Mail { to: 8 })
        .after(Duration::MAX)
        .await
        .unwrap();
    assert_eq!(store.given()[1].due, Timestamp::MAX);
}

#[tokio::test]
async fn request_and_trace_go_along() {
    let (rig, store, jobs) = connected().await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let ctx = rig.ctx().with_value(RequestId::new("r-1"));
    let ctx = ctx.with_value(TraceContext::parse(trace).unwrap());
    jobs.enqueue(Mail { to: 7 }).caused_by(&ctx).await.unwrap();
    let meta = only(&store).meta;
    assert_eq!(meta.request_id.as_deref(), Some("r-1"));
    assert_eq!(meta.trace.as_deref(), Some(trace));
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused_before_the_store() {
    struct Case(ErrorKind, BoxFuture<'static, Result<(), Error>>);
    let (_rig, store, jobs) = connected().await;
    let mail = || jobs.enqueue(Mail { to: 7 });
    let many = (0..=TAGS_MAX).map(|tag| tag.to_string());
    let refused = [
        (ErrorKind::Config, mail().queue("no such name")),
        (ErrorKind::Limit, mail().unique("")),
        (ErrorKind::Limit, mail().unique("x".repeat(257))),
        (ErrorKind::Limit, mail().key(("", 1))),
        (ErrorKind::Limit, mail().tags(many)),
        (ErrorKind::Limit, mail().tags([""])),
        (ErrorKind::Limit, mail().meta("", "x")),
        (ErrorKind::Limit, mail().meta("x", "x".repeat(257))),
    ];
    let send = |(kind, enqueue): (_, mainspring_runtime::jobs::Enqueue<Mail>)| {
        Case(kind, Box::pin(async { enqueue.await.map(drop) }))
    };
    for (index, case) in refused.into_iter().map(send).enumerate() {
        let error = case.1.await.unwrap_err();
        assert_eq!(error.kind(), case.0, "case {index}: {error:?}");
        assert!(error.hint().is_some(), "case {index}");
    }
    assert!(store.given().is_empty());
}

#[tokio::test]
async fn a_transaction_takes_one_or_many() {
    let (_rig, store, jobs) = connected().await;
    let mails = || (0..3).map(|to| Mail { to });
    let mut tx = Tx;
    jobs.enqueue(Mail { to: 7 }).in_tx(&mut tx).await.unwrap();
    jobs.enqueue(Mail { to: 8 })
        .in_tx_blocking(&mut tx)
        .unwrap();
    jobs.enqueue_all(mails()).in_tx(&mut tx).await.unwrap();
    jobs.enqueue_all(mails()).in_tx_blocking(&mut tx).unwrap();
    let sizes: Vec<_> = store.inner().enqueues.iter().map(Vec::len).collect();
    assert_eq!(sizes, [1, 1, 3, 3]);
}

#[tokio::test]
async fn many_jobs_are_one_trip() {
    let (_rig, store, jobs) = connected().await;
    let mails = (0..2_500).map(|to| Mail { to });
    let handles = jobs
        .enqueue_all(mails)
        .queue("bulk")
        .tags(["import"])
        .await
        .unwrap();
    assert_eq!((handles.len(), store.inner().enqueues.len()), (2_500, 1));
    let given = store.given();
    assert!(
        given
            .iter()
            .zip(&handles)
            .all(|(job, handle)| job.id == handle.id())
    );
    assert!(
        given
            .iter()
            .all(|job| &*job.queue == "bulk" && job.meta.tags.len() == 1)
    );
    assert_eq!(&*given[2_499].unique.as_ref().unwrap().key, "2499");

    assert!(
        jobs.enqueue_all(Vec::<Mail>::new())
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(store.inner().enqueues.len(), 1, "nothing is no trip");
}

#[tokio::test]
async fn an_endless_iterator_is_refused_as_a_whole() {
    let (_rig, store, jobs) = connected().await;
    let error = jobs
        .enqueue_all((0..).map(|to| Mail { to }))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert!(error.to_string().contains(&ENQUEUE_MAX.to_string()) && error.hint().is_some());
    assert!(store.given().is_empty());
}

#[tokio::test]
async fn an_unknown_outcome_is_settled_by_the_ids() {
    for written in [false, true] {
        let (_rig, store, jobs) = connected().await;
        store
            .inner()
            .faults
            .push_back((ErrorKind::Unknown, written));
        let handle = jobs.enqueue(Mail { to: 7 }).await.unwrap();
        assert!(handle.is_new(), "written: {written}");
        let given = store.given();
        assert_eq!((given.len(), given[0].id), (2, given[1].id));

        store
            .inner()
            .faults
            .push_back((ErrorKind::Unknown, written));
        let handles = jobs
            .enqueue_all([Mail { to: 1 }, Mail { to: 2 }])
            .await
            .unwrap();
        assert!(handles.iter().all(|handle| handle.is_new()));
    }
}

#[tokio::test]
async fn an_outcome_that_stays_unknown_is_an_error_and_other_errors_are_not_repeated() {
    let (_rig, store, jobs) = connected().await;
    store
        .inner()
        .faults
        .extend([(ErrorKind::Unknown, false); 2]);
    let error = jobs.enqueue(Mail { to: 7 }).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unknown);
    store
        .inner()
        .faults
        .push_back((ErrorKind::Contended, false));
    let error = jobs.enqueue(Mail { to: 7 }).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Contended);
    assert_eq!(store.given().len(), 3);
}

#[tokio::test]
async fn a_given_id_that_exists_is_told_as_existing() {
    let (_rig, _store, jobs) = connected().await;
    let id = jobs.enqueue(Mail { to: 7 }).await.unwrap().id();
    let again = jobs.enqueue(Mail { to: 7 }).id(id).await.unwrap();
    assert_eq!((again.id(), again.was()), (id, Was::Existing));
}

#[tokio::test]
async fn an_unbound_client_refuses_with_a_hint() {
    let store = FakeStore::default();
    let jobs = Jobs::new(store.clone());
    let id = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
    let errors = [
        jobs.enqueue(Mail { to: 7 }).await.unwrap_err(),
        jobs.enqueue(Mail { to: 7 })
            .in_tx(&mut Tx)
            .await
            .unwrap_err(),
        jobs.enqueue(Mail { to: 7 })
            .in_tx_blocking(&mut Tx)
            .unwrap_err(),
        jobs.enqueue_all([Mail { to: 7 }]).await.unwrap_err(),
        jobs.cancel(id, "x").await.unwrap_err(),
        jobs.get(id).await.unwrap_err(),
        jobs.outcome(id).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Closed);
        assert!(error.to_string().contains("fake:"));
        assert!(error.hint().unwrap().contains("jobs.connect()"));
    }
    jobs.wake();
    assert_eq!(store.inner().opened, 0);
}

#[tokio::test]
async fn a_client_connects_once_and_closes() {
    let (rig, store, jobs) = connected().await;
    let clone = jobs.clone();
    clone.connect_on(rig.platform()).await.unwrap();
    assert_eq!(store.inner().opened, 1);
    clone.close().await.unwrap();
    assert_eq!(store.inner().closed, 1);
    let error = jobs.enqueue(Mail { to: 7 }).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    jobs.close().await.unwrap();
    assert_eq!(store.inner().closed, 1);
    jobs.connect_on(rig.platform()).await.unwrap();
    jobs.enqueue(Mail { to: 7 }).await.unwrap();
}

#[tokio::test]
async fn operations_reach_the_store() {
    let (_rig, store, jobs) = connected().await;
    let id = jobs.enqueue(Mail { to: 7 }).await.unwrap().id();
    let later = at("2026-05-01T00:00:00Z");
    jobs.cancel(id, &"ü".repeat(8_000)).await.unwrap();
    jobs.retry(id).await.unwrap();
    jobs.reschedule(id, later).await.unwrap();
    jobs.discard(id).await.unwrap();
    jobs.free(id).await.unwrap();
    let operations = std::mem::take(&mut store.inner().operations);
    let reason = Arc::from("ü".repeat(4_096));
    let expected = [
        Operation::Cancel { reason },
        Operation::Retry,
        Operation::Reschedule { at: later },
        Operation::Discard,
        Operation::Free,
    ];
    let expected: Vec<_> = expected
        .into_iter()
        .map(|operation| (id, operation))
        .collect();
    assert!(operations == expected);

    jobs.pause("mail").await.unwrap();
    jobs.resume("mail").await.unwrap();
    assert_eq!(
        jobs.pause("no such name").await.unwrap_err().kind(),
        ErrorKind::Config
    );
    let paused = [("mail".to_owned(), true), ("mail".to_owned(), false)];
    assert_eq!(store.inner().paused, paused);
    assert_eq!(jobs.paused().await.unwrap(), [Arc::from("mail")]);
    assert_eq!(jobs.get(id).await.unwrap().unwrap().state, State::Ready);
    let page = jobs.list(Filter::default(), Page::default()).await.unwrap();
    assert_eq!(page.len(), 1);
    assert!(jobs.history(id).await.unwrap().is_empty() && jobs.counts().await.unwrap().is_empty());
}
