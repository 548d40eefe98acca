//! Jobs and the service's own transactions.

use mainspring::error::ErrorKind;
use mainspring::job::State;
use mainspring::test::{TestApp, seconds};

use super::tests::{Database, order};
use super::*;
use crate::orders::BEGIN;

/// How many jobs there are in this state.
async fn count(jobs: &Jobs, state: State) -> u64 {
    let counts = jobs.counts().await.unwrap();
    let of_state = counts.iter().filter(|count| count.state == state);
    of_state.map(|count| count.jobs).sum()
}

#[mainspring::test]
async fn a_commit_runs_the_job_which_completes_with_its_effect(app: TestApp) {
    let database = Database::new();
    let (service, jobs) = database.app();
    let app = app.start(service).await;
    app.call::<PlaceOrder>(order("loom")).await.unwrap();
    app.advance(seconds(1)).await;
    assert_eq!(count(&jobs, State::Succeeded).await, 1);
    app.signal(Signal::Terminate);
    assert_eq!(app.stopped().await.exit_code(), 0);
    let confirmed = "select confirmed from orders where id = 1";
    assert_eq!(database.number(confirmed).await, 1);
}

#[mainspring::test]
async fn a_rollback_leaves_no_job(app: TestApp) {
    let database = Database::new();
    let (service, jobs) = database.app();
    let app = app.start(service).await;
    let pool = pool(&database.file);
    let mut tx = pool.begin_with(BEGIN).await.unwrap();
    let many = (1..=3).map(|order| ConfirmOrder { order });
    jobs.enqueue_all(many).in_tx(&mut tx).await.unwrap();
    jobs.enqueue(ConfirmOrder { order: 4 })
        .in_tx(&mut *tx) // the connection of it, as a function may have been given it
        .await
        .unwrap();
    tx.rollback().await.unwrap();
    app.advance(seconds(1)).await;
    assert!(jobs.counts().await.unwrap().is_empty());
    pool.close().await;
}

#[mainspring::test]
async fn a_deferred_transaction_is_told_how_to_begin(app: TestApp) {
    let database = Database::new();
    let (service, jobs) = database.app();
    let app = app.start(service).await;
    let pool = pool(&database.file);
    let mut tx = pool.begin().await.unwrap();
    sqlx::query("select count(*) from orders")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    app.call::<PlaceOrder>(order("loom")).await.unwrap();
    let job = jobs.enqueue(ConfirmOrder { order: 1 });
    let error = job.in_tx(&mut tx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Contended);
    let hint = error.hint().unwrap();
    assert!(hint.contains("BEGIN IMMEDIATE"), "{hint}");
    tx.rollback().await.unwrap();
    pool.close().await;
}

#[mainspring::test]
async fn an_enqueue_past_ones_own_transaction_fails_instead_of_waiting(app: TestApp) {
    let database = Database::new();
    let (service, jobs) = database.app();
    let app = app.start(service).await;
    let pool = pool(&database.file);
    let mut tx = pool.begin_with(BEGIN).await.unwrap();
    let inside = jobs.enqueue(ConfirmOrder { order: 1 }).in_tx(&mut tx);
    inside.await.unwrap();
    // It wants the lock that this very task holds.
    let error = jobs.enqueue(ConfirmOrder { order: 2 }).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Contended);
    let hint = error.hint().unwrap();
    assert!(hint.contains("in_tx"), "{hint}");
    tx.commit().await.unwrap();
    app.advance(seconds(1)).await;
    assert_eq!(count(&jobs, State::Succeeded).await, 1);
    pool.close().await;
}
