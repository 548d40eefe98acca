//! Waiting for the outcome of jobs.

use std::sync::Arc;

use mainspring_core::activity::TaskKind;
use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::job::{JobId, State};
use mainspring_core::spawn::{Scope, Task};
use mainspring_runtime::jobs::{JobEnd, JobHandle, Jobs};

use crate::fake_store::FakeStore;
use crate::jobs_client::{Mail, connected};
use crate::rig::{HOUR, Rig, SECOND, YEAR};

type Waits = Task<Result<JobEnd, Error>>;

async fn enqueued(jobs: &Jobs) -> JobHandle<Mail> {
    jobs.enqueue(Mail { to: 7 }).await.unwrap()
}

/// A body that awaits the outcome; virtual time moves only while it is parked.
fn waits(rig: &Rig, handle: &JobHandle<Mail>) -> Waits {
    let (handle, ctx) = (handle.clone(), rig.ctx());
    let name = Arc::from("waits");
    let body = async move { handle.outcome().await };
    let spawner = &ctx.env().spawner;
    spawner.spawn(&Scope::new(), TaskKind::Body, &name, body)
}

fn looks(store: &FakeStore) -> Vec<Vec<JobId>> {
    std::mem::take(&mut store.inner().looks)
}

#[tokio::test]
async fn a_parked_body_hears_how_its_job_ended() {
    let (rig, store, jobs) = connected().await;
    let handle = enqueued(&jobs).await;
    let waits = waits(&rig, &handle);
    rig.clock.settle().await;
    store.end(handle.id(), State::Succeeded, Some("[1,2]"));
    store.hint();
    let end = waits.await.unwrap().unwrap();
    assert!(end.is_success() && end.id == handle.id());
    assert_eq!(end.output::<Vec<u8>>().unwrap(), [1, 2]);
    assert_eq!(end.output::<String>().unwrap_err().kind(), ErrorKind::Input);
}

#[tokio::test]
async fn a_job_that_is_over_answers_at_once_and_a_failed_one_says_why() {
    let (_rig, store, jobs) = connected().await;
    let handle = enqueued(&jobs).await;
    store.end(handle.id(), State::Failed, None);
    let end = handle.outcome().await.unwrap();
    assert_eq!(
        (end.state, end.error.as_deref()),
        (State::Failed, Some("it broke"))
    );
    let error = end.output::<()>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::IllegalState);
    assert!(error.to_string().contains("failed: it broke"), "{error}");
}

#[tokio::test]
async fn nothing_returned_reads_as_nothing() {
    let (_rig, store, jobs) = connected().await;
    let handle = enqueued(&jobs).await;
    store.end(handle.id(), State::Succeeded, None);
    let end = handle.outcome().await.unwrap();
    assert!(end.output_json().is_none());
    assert_eq!(
        (
            end.output::<()>().unwrap(),
            end.output::<Option<u8>>().unwrap()
        ),
        ((), None)
    );
}

#[tokio::test]
async fn one_look_per_ring_serves_everybody() {
    let (rig, store, jobs) = connected().await;
    let mut handles = Vec::new();
    for _ in 0..10 {
        handles.push(enqueued(&jobs).await);
    }
    let all: Vec<_> = (0..100)
        .map(|index| waits(&rig, &handles[index % 10]))
        .collect();
    rig.clock.settle().await;
    assert!(
        looks(&store).concat().len() <= 20,
        "newcomers alone are looked up"
    );
    store.hint();
    rig.clock.settle().await;
    let seen = looks(&store);
    assert_eq!((seen.len(), seen[0].len()), (1, 10));
    for handle in &handles {
        store.end(handle.id(), State::Succeeded, None);
    }
    store.hint();
    for waits in all {
        assert!(waits.await.unwrap().unwrap().is_success());
    }
    assert_eq!(looks(&store).len(), 1);
}

#[tokio::test]
async fn nobody_looks_once_nobody_waits() {
    let (rig, store, jobs) = connected().await;
    let handle = enqueued(&jobs).await;
    let waits = waits(&rig, &handle);
    rig.clock.settle().await;
    waits.abort();
    assert!(waits.await.is_err());
    rig.clock.settle().await;
    assert_eq!(rig.clock.pending(), 0, "no timer is left");
    assert!(rig.clock.activity().live_tasks().is_empty());
    looks(&store);
    store.hint();
    rig.clock.advance(HOUR).await;
    assert!(looks(&store).is_empty());
}

#[tokio::test]
async fn a_bell_that_never_rings_costs_only_time() {
    let (rig, store, jobs) = connected().await;
    let handle = enqueued(&jobs).await;
    let waits = waits(&rig, &handle);
    rig.clock.advance(YEAR).await;
    let count = looks(&store).len();
    assert!(count < 10_000, "a year of waiting has cost {count} looks");
    store.end(handle.id(), State::Cancelled, None);
    rig.clock.advance(HOUR).await;
    assert_eq!(waits.await.unwrap().unwrap().state, State::Cancelled);
}

#[tokio::test]
async fn a_first_look_again_comes_soon() {
    let (rig, store, jobs) = connected().await;
    let handle = enqueued(&jobs).await;
    let waits = waits(&rig, &handle);
    rig.clock.settle().await;
    store.end(handle.id(), State::Succeeded, None);
    rig.clock.advance(5 * SECOND).await;
    assert!(waits.await.unwrap().unwrap().is_success());
}

#[tokio::test]
async fn a_job_that_is_gone_is_not_found() {
    let (rig, store, jobs) = connected().await;
    let handle = enqueued(&jobs).await;
    let waits = waits(&rig, &handle);
    rig.clock.settle().await;
    store.remove(handle.id());
    store.hint();
    let error = waits.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.hint().is_some());
}

#[tokio::test]
async fn a_look_that_fails_is_repeated_unless_it_can_never_succeed() {
    let (rig, store, jobs) = connected().await;
    let handle = enqueued(&jobs).await;
    store.inner().look_faults.push_back(ErrorKind::Contended);
    let patient = waits(&rig, &handle);
    rig.clock.settle().await;
    store.end(handle.id(), State::Succeeded, None);
    store.hint();
    assert!(patient.await.unwrap().unwrap().is_success());
    store.inner().look_faults.push_back(ErrorKind::StoreGone);
    let error = waits(&rig, &handle).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StoreGone);
}

#[tokio::test]
async fn whoever_waits_is_sent_away_when_the_store_closes() {
    let (rig, _store, jobs) = connected().await;
    let handle = enqueued(&jobs).await;
    let waits = waits(&rig, &handle);
    rig.clock.settle().await;
    jobs.close().await.unwrap();
    assert_eq!(waits.await.unwrap().unwrap_err().kind(), ErrorKind::Closed);
    rig.clock.settle().await;
    assert!(rig.clock.activity().live_tasks().is_empty());
}

#[test]
fn whoever_waits_is_sent_away_when_the_runtime_of_the_look_ends() {
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    let (other, own) = (runtime(), runtime());
    let (rig, store, jobs) = other.block_on(connected());
    let handle = other.block_on(enqueued(&jobs));
    let guard = own.enter();
    let waits = waits(&rig, &handle);
    drop(guard);
    own.block_on(rig.clock.settle());
    drop(other);
    let ended = own.block_on(waits).unwrap().unwrap_err();
    assert_eq!(ended.kind(), ErrorKind::Closed);
    drop(store);
}

#[tokio::test]
async fn a_waiter_that_nobody_polls_holds_up_no_other() {
    let (rig, store, jobs) = connected().await;
    let handle = enqueued(&jobs).await;
    let mut stuck = Box::pin(handle.outcome());
    assert!(futures_util::poll!(stuck.as_mut()).is_pending());
    let waits = waits(&rig, &handle);
    rig.clock.settle().await;
    store.end(handle.id(), State::Succeeded, None);
    store.hint();
    assert!(waits.await.unwrap().unwrap().is_success());
    assert!(stuck.await.unwrap().is_success());
}
