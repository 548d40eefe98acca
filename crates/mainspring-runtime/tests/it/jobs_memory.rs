//! The client of durable jobs against the model of a store.

use mainspring_core::error::ErrorKind;
use mainspring_core::job::{Job, State, Unique};
use mainspring_core::store::memory::{MemorySource, MemoryStore};
use mainspring_core::store::{Filter, Page, Was};
use mainspring_runtime::jobs::{JobHandle, Jobs};
use serde::{Deserialize, Serialize};

use crate::rig::{HOUR, Rig};

#[derive(Serialize, Deserialize)]
struct Mail {
    to: u64,
}

impl Job for Mail {
    const KIND: &'static str = "mail";
}

async fn connected() -> (Rig, MemoryStore, Jobs) {
    let (rig, store) = (Rig::new(), MemoryStore::new());
    let jobs = Jobs::new(MemorySource::new(store.clone()));
    jobs.connect_on(rig.platform()).await.unwrap();
    (rig, store, jobs)
}

/// To whom the kept mails go, oldest first.
async fn kept(jobs: &Jobs) -> Vec<u64> {
    let page = jobs.list(Filter::default(), Page::default()).await.unwrap();
    let mails = page.iter().rev();
    mails
        .map(|job| job.payload.decode::<Mail>().unwrap().to)
        .collect()
}

#[tokio::test]
async fn a_handle_says_new_existing_or_replaced() {
    let (_rig, _store, jobs) = connected().await;
    let mail = |to| jobs.enqueue(Mail { to });
    let first = mail(1).unique("u").await.unwrap();
    let kept_one = mail(2).unique("u").await.unwrap();
    assert_eq!((kept_one.id(), kept_one.was()), (first.id(), Was::Existing));
    assert_eq!(kept(&jobs).await, [1]);
    let replaced = mail(3).unique(Unique::new("u").or_replace()).await.unwrap();
    assert_eq!((replaced.id(), replaced.was()), (first.id(), Was::Replaced));
    assert!(!replaced.is_new() && kept(&jobs).await == [3]);
    let taken = mail(4)
        .unique(Unique::new("u").or_error())
        .await
        .unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::Taken);
    assert!(taken.hint().is_some());
    assert!(mail(5).await.unwrap().is_new());
}

#[tokio::test]
async fn many_are_enqueued_all_or_none() {
    #[derive(Serialize, Deserialize)]
    struct Once(u64);

    impl Job for Once {
        const KIND: &'static str = "once";

        fn unique(&self) -> Option<Unique> {
            Some(Unique::new(self.0.to_string()).or_error())
        }
    }

    let (_rig, _store, jobs) = connected().await;
    jobs.enqueue(Once(2_400)).await.unwrap();
    let error = jobs.enqueue_all((0..2_500).map(Once)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Taken);
    assert_eq!(jobs.counts().await.unwrap()[0].jobs, 1, "none of them");
    let handles = jobs.enqueue_all((0..2_400).map(Once)).await.unwrap();
    assert!(handles.iter().all(JobHandle::is_new));
    assert_eq!(jobs.counts().await.unwrap()[0].jobs, 2_401);
}

#[tokio::test]
async fn a_transaction_brings_its_jobs_or_not() {
    let (_rig, store, jobs) = connected().await;
    let mut tx = store.begin();
    let handle = jobs.enqueue(Mail { to: 1 }).in_tx(&mut tx).await.unwrap();
    jobs.enqueue(Mail { to: 2 })
        .in_tx_blocking(&mut tx)
        .unwrap();
    jobs.enqueue_all([Mail { to: 3 }])
        .in_tx(&mut tx)
        .await
        .unwrap();
    assert!(kept(&jobs).await.is_empty());
    let early = handle.outcome().await.unwrap_err();
    assert_eq!(early.kind(), ErrorKind::NotFound);
    assert!(early.hint().unwrap().contains("committed"));
    tx.commit().unwrap();
    let mut all = kept(&jobs).await;
    all.sort();
    assert_eq!(all, [1, 2, 3]);

    let mut tx = store.begin();
    jobs.enqueue(Mail { to: 4 }).in_tx(&mut tx).await.unwrap();
    drop(tx);
    assert_eq!(kept(&jobs).await.len(), 3);
}

#[tokio::test]
async fn a_transaction_on_another_store_is_refused() {
    let (_rig, _store, jobs) = connected().await;
    let mut tx = MemoryStore::new().begin();
    let error = jobs
        .enqueue(Mail { to: 1 })
        .in_tx(&mut tx)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongStore);
    let blocking = jobs.enqueue(Mail { to: 1 }).in_tx_blocking(&mut tx);
    assert_eq!(blocking.unwrap_err().kind(), ErrorKind::WrongStore);
}

#[tokio::test]
async fn what_somebody_does_to_a_job_ends_the_wait_for_it() {
    let (_rig, _store, jobs) = connected().await;
    let handle = jobs.enqueue(Mail { to: 1 }).after(HOUR).await.unwrap();
    let cancels = async {
        let operated = jobs.cancel(handle.id(), "not wanted").await.unwrap();
        assert_eq!(operated.after, Some(State::Cancelled));
    };
    let (end, ()) = tokio::join!(handle.outcome(), cancels);
    let end = end.unwrap();
    assert_eq!(
        (end.state, end.error.as_deref()),
        (State::Cancelled, Some("not wanted"))
    );

    let retried = jobs.retry(handle.id()).await.unwrap();
    assert_eq!(retried.after, Some(State::Ready));
    let discards = async { jobs.discard(handle.id()).await.unwrap() };
    let (gone, _) = tokio::join!(handle.outcome(), discards);
    assert_eq!(gone.unwrap_err().kind(), ErrorKind::NotFound);
    let error = jobs.free(handle.id()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn another_process_ends_the_wait() {
    let (rig, store, jobs) = connected().await;
    let other = Jobs::new(MemorySource::new(store.clone()));
    other.connect_on(rig.platform()).await.unwrap();
    let handle = jobs.enqueue(Mail { to: 1 }).await.unwrap();
    let cancels = other.cancel(handle.id(), "by the other");
    let (end, _) = tokio::join!(handle.outcome(), cancels);
    assert_eq!(end.unwrap().state, State::Cancelled);
}
