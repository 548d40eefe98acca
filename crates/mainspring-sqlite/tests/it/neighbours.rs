//! The user's own connection on the same file.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::store::{Enqueued, JoinsBlocking, NewJob, Store};
use mainspring_sqlite::{RusqliteTx, SqliteStore};
use rusqlite::Connection;

use crate::support::{Place, SOON, Stopwatch, at};

fn begin(place: &Place) -> Connection {
    let user = place.user();
    user.execute_batch("BEGIN IMMEDIATE").unwrap();
    user
}

fn enqueue_in(place: &Place, store: &SqliteStore, user: &Connection) {
    let job = place.job("a");
    let mut tx = RusqliteTx::new(user);
    store
        .enqueue_in_blocking(&mut tx, at(0), vec![job])
        .unwrap();
}

pub(crate) fn hints(store: &SqliteStore) -> Receiver<()> {
    let (sender, receiver) = channel();
    store.on_hint(Arc::new(move || sender.send(()).unwrap_or_default()));
    receiver
}

#[tokio::test]
async fn a_plain_call_beside_the_own_open_transaction_fails_at_once() {
    let place = Place::new();
    let store = place.open();
    let user = begin(&place);
    enqueue_in(&place, &store, &user);
    let watch = Stopwatch::start();
    let error = store
        .enqueue(at(0), vec![place.job("a")])
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Contended);
    assert!(error.hint().unwrap().contains("in_tx"));
    assert!(watch.seconds() < 3.0, "it did not wait");
}

#[tokio::test]
async fn after_the_commit_and_after_the_rollback_a_plain_call_succeeds() {
    for end in ["COMMIT", "ROLLBACK"] {
        let place = Place::new();
        let store = place.open();
        let user = begin(&place);
        enqueue_in(&place, &store, &user);
        user.execute_batch(end).unwrap();
        store.enqueue(at(0), vec![place.job("a")]).await.unwrap();
        let jobs: u64 = store
            .counts()
            .await
            .unwrap()
            .iter()
            .map(|count| count.jobs)
            .sum();
        assert_eq!(jobs, if end == "COMMIT" { 2 } else { 1 });
    }
}

#[tokio::test]
async fn who_committed_is_not_blamed_for_the_lock_of_another() {
    let place = Place::new();
    let store = place.open();
    let user = begin(&place);
    enqueue_in(&place, &store, &user);
    user.execute_batch("COMMIT").unwrap();
    let other = begin(&place);
    let mut waits = store.enqueue(at(0), vec![place.job("a")]);
    let soon = std::time::Duration::from_millis(300);
    let early = crate::support::within(soon, &mut waits).await;
    assert!(early.is_none(), "it waits: {early:?}");
    other.execute_batch("COMMIT").unwrap();
    waits.await.unwrap();
}

#[tokio::test]
async fn a_long_lock_fails_a_person_after_five_seconds_and_the_engine_never() {
    let place = Place::new();
    let store = place.open();
    let session = place.session(&store).await;
    let job = place.job("a");
    store.enqueue(at(0), vec![job]).await.unwrap();
    let user = begin(&place);
    let watch = Stopwatch::start();
    let claim = store.claim(at(1), place.request(session, &["a"], 1));
    // The writer waits for the lock by now; who comes later has a patience of its own.
    store.look().await.unwrap();
    let error = store
        .enqueue(at(0), vec![place.job("a")])
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Contended);
    assert!((4.9..9.0).contains(&watch.seconds()), "{}", watch.seconds());
    user.execute_batch("ROLLBACK").unwrap();
    assert_eq!(claim.await.unwrap().jobs.len(), 1);
}

#[tokio::test]
async fn a_deferred_transaction_that_has_read_is_told_how_to_begin() {
    let place = Place::new();
    let store = place.open();
    let user = place.user();
    user.execute_batch("BEGIN").unwrap();
    let read = user.query_row("SELECT count(*) FROM mainspring_job", [], |row| {
        row.get::<_, i64>(0)
    });
    assert_eq!(read, Ok(0));
    store.enqueue(at(0), vec![place.job("a")]).await.unwrap();
    let mut tx = RusqliteTx::new(&user);
    let error = store
        .enqueue_in_blocking(&mut tx, at(0), vec![place.job("a")])
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Contended);
    assert!(
        error.hint().unwrap().contains("BEGIN IMMEDIATE"),
        "{error:?}"
    );
}

#[test]
fn a_transaction_on_another_database_is_refused() {
    let place = Place::new();
    let store = place.open();
    let other = Place::new();
    drop(other.open());
    let empty = Connection::open_in_memory().unwrap();
    empty.execute_batch("BEGIN").unwrap();
    for user in [begin(&other), empty] {
        let mut tx = RusqliteTx::new(&user);
        let error = store.enqueue_in_blocking(&mut tx, at(0), vec![place.job("a")]);
        assert_eq!(error.unwrap_err().kind(), ErrorKind::WrongStore);
    }
}

#[tokio::test]
async fn each_type_of_the_driver_joins_and_a_connection_alone_does_not() {
    let place = Place::new();
    let store = place.open();
    let mut user = place.user();
    let job = || vec![place.job("a")];
    let told = join(&store, &mut user, job());
    assert_eq!(told.unwrap_err().kind(), ErrorKind::Input);
    user.execute_batch("BEGIN IMMEDIATE").unwrap();
    join(&store, &mut user, job()).unwrap();
    user.execute_batch("COMMIT").unwrap();
    let mut tx = user.transaction().unwrap();
    join(&store, &mut tx, job()).unwrap();
    let mut inner = tx.savepoint().unwrap();
    join(&store, &mut inner, job()).unwrap();
    drop(inner);
    tx.commit().unwrap();
    let counts = store.counts().await.unwrap();
    let jobs: u64 = counts.iter().map(|count| count.jobs).sum();
    assert_eq!(jobs, 2, "what was in the savepoint is rolled back");
}

fn join<Via, T: JoinsBlocking<Via>>(
    store: &SqliteStore,
    tx: &mut T,
    jobs: Vec<NewJob>,
) -> Result<Vec<Enqueued>, Error> {
    store.enqueue_in_blocking(&mut *tx.enlist(), at(0), jobs)
}

#[tokio::test]
async fn the_commit_of_another_connection_is_hinted() {
    let place = Place::new();
    let store = place.open();
    store.look().await.unwrap();
    let hinted = hints(&store);
    let user = begin(&place);
    enqueue_in(&place, &store, &user);
    user.execute_batch("COMMIT").unwrap();
    hinted.recv_timeout(SOON).unwrap();
    let session = place.session(&store).await;
    assert_eq!(place.claim(&store, session).await.jobs.len(), 1);
}

#[tokio::test]
async fn a_writer_that_dozes_is_woken_by_a_commit() {
    let place = Place::new();
    let store = place.open();
    let user = place.user();
    store.look().await.unwrap();
    let hinted = hints(&store);
    // It dozes after two seconds, and then looks every five.
    let quiet = std::time::Duration::from_millis(2_500);
    assert!(hinted.recv_timeout(quiet).is_err());
    let watch = Stopwatch::start();
    user.execute_batch("BEGIN IMMEDIATE").unwrap();
    enqueue_in(&place, &store, &user);
    user.execute_batch("COMMIT").unwrap();
    hinted.recv_timeout(SOON).unwrap();
    assert!(watch.seconds() < 1.0, "{}", watch.seconds());
}

#[tokio::test]
async fn an_own_commit_is_hinted_and_is_no_news_to_a_look() {
    let place = Place::new();
    let store = place.open();
    store.look().await.unwrap();
    let hinted = hints(&store);
    store.enqueue(at(0), vec![place.job("a")]).await.unwrap();
    hinted.recv_timeout(SOON).unwrap();
    assert!(!store.look().await.unwrap());
}

/// An engine promotes and claims when it hears of a change: if its own promotions and its claims
/// that found nothing were told, it would go on without end.
#[tokio::test]
async fn a_promotion_and_a_claim_are_told_to_nobody() {
    let place = Place::new();
    let store = place.open();
    let session = place.session(&store).await;
    store.look().await.unwrap();
    let hinted = hints(&store);
    for now in 0..10 {
        store.promote(at(now), 100).await.unwrap();
        assert!(place.claim(&store, session).await.jobs.is_empty());
    }
    store.look().await.unwrap();
    assert!(hinted.try_recv().is_err());
}

#[tokio::test]
async fn callers_that_waited_together_fail_alone() {
    let place = Place::new();
    let store = place.open();
    let user = begin(&place);
    let mut taken = place.job("a");
    taken.unique = Some(mainspring_core::job::Unique::new("k").or_error());
    let first = place.job("a");
    let (good, lost, kept) = (place.job("a"), place.job("a"), taken.clone());
    let mut bad = place.job("a");
    bad.unique = taken.unique.clone();
    let a = store.enqueue(at(0), vec![first.clone(), kept]);
    let b = store.enqueue(at(0), vec![lost.clone(), bad]);
    let c = store.enqueue(at(0), vec![good.clone()]);
    user.execute_batch("COMMIT").unwrap();
    assert!(a.await.is_ok());
    assert_eq!(b.await.unwrap_err().kind(), ErrorKind::Taken);
    assert!(c.await.is_ok());
    let kept = store
        .get_many(vec![first.id, lost.id, good.id])
        .await
        .unwrap();
    let kept: Vec<_> = kept.iter().map(Option::is_some).collect();
    assert_eq!(kept, [true, false, true]);
}
