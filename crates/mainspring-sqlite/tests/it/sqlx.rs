//! Transactions of sqlx.

use std::sync::Arc;

use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::job::SessionId;
use mainspring_core::spawn::BoxFuture;
use mainspring_core::store::{Enqueued, Finish, Joins, NewJob, Reply, Store};
use mainspring_core::time::Timestamp;
use mainspring_sim::conformance::{Fixture, Subject, Transaction, cases};
use mainspring_sim::operations::differential;
use sqlx::sqlite::{Sqlite, SqliteConnectOptions, SqlitePool, SqlitePoolOptions};

use crate::conformance::{File, Files};
use crate::differential::Memory;
use crate::neighbours::hints;
use crate::support::{Place, SOON, at};

/// Enough for each statement to be seen with each sort of value.
const SEQUENCES: u64 = 30;
const STEPS: usize = 100;

/// Files whose users have sqlx.
struct WithSqlx;

struct Sub(File, SqlitePool);

struct Tx(sqlx::Transaction<'static, Sqlite>);

impl Fixture for WithSqlx {
    fn open(&self) -> BoxFuture<'_, Box<dyn Subject>> {
        let file = Files.file();
        let pool = pool(&file.place);
        Box::pin(async { Box::new(Sub(file, pool)) as Box<dyn Subject> })
    }
}

impl Subject for Sub {
    fn store(&self) -> Arc<dyn Store> {
        self.0.store()
    }

    fn second(&self) -> BoxFuture<'_, Arc<dyn Store>> {
        self.0.second()
    }

    fn kill(&self, session: SessionId) -> BoxFuture<'_, ()> {
        self.0.kill(session)
    }

    fn begin(&self) -> BoxFuture<'_, Box<dyn Transaction>> {
        Box::pin(async {
            let tx = self.1.begin_with("BEGIN IMMEDIATE").await.unwrap();
            Box::new(Tx(tx)) as Box<dyn Transaction>
        })
    }
}

impl Transaction for Tx {
    fn enqueue<'a>(
        &'a mut self,
        store: &'a dyn Store,
        now: Timestamp,
        jobs: Vec<NewJob>,
    ) -> Reply<'a, Vec<Enqueued>> {
        Box::pin(async move { enqueue(store, &mut self.0, now, jobs).await })
    }

    fn complete<'a>(
        &'a mut self,
        store: &'a dyn Store,
        now: Timestamp,
        attempt: Finish,
    ) -> Reply<'a, ()> {
        Box::pin(async move {
            let mut tx = Joins::enlist(&mut self.0);
            store.complete_in(&mut *tx, now, attempt).await
        })
    }

    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<(), Error>> {
        Box::pin(async {
            self.0.commit().await.unwrap();
            Ok(())
        })
    }
}

fn pool(place: &Place) -> SqlitePool {
    SqlitePoolOptions::new().connect_lazy_with(options(place))
}

/// With the place of its file, as in a user's program.
fn options(place: &Place) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(place.path())
        .create_if_missing(true)
}

async fn enqueue<Via, T: Joins<Via> + ?Sized>(
    store: &dyn Store,
    tx: &mut T,
    now: Timestamp,
    jobs: Vec<NewJob>,
) -> Result<Vec<Enqueued>, Error> {
    let mut tx = tx.enlist();
    store.enqueue_in(&mut *tx, now, jobs).await
}

async fn jobs(store: &dyn Store) -> u64 {
    let counts = store.counts().await.unwrap();
    counts.iter().map(|count| count.jobs).sum()
}

#[tokio::test]
async fn its_transactions_pass_the_suite() {
    let cases = cases();
    let cases = cases
        .iter()
        .filter(|case| case.name.starts_with("transactions::"));
    let mut run = 0;
    for case in cases {
        case.run(&WithSqlx).await;
        run += 1;
    }
    assert!(run > 5, "{run} cases");
}

#[tokio::test]
async fn random_operations_are_answered_as_the_model_does() {
    for seed in 0..SEQUENCES {
        if let Err(difference) = differential(seed, STEPS, &Memory, &WithSqlx).await {
            panic!("{difference}");
        }
    }
}

#[tokio::test]
async fn its_commit_is_hinted() {
    let place = Place::new();
    let store = place.open();
    store.look().await.unwrap();
    let hinted = hints(&store);
    let pool = pool(&place);
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let job = vec![place.job("a")];
    enqueue(&store, &mut tx, at(0), job).await.unwrap();
    assert!(hinted.try_recv().is_err(), "nobody else sees it yet");
    tx.commit().await.unwrap();
    hinted.recv_timeout(SOON).unwrap();
    assert_eq!(jobs(&store).await, 1);
}

#[tokio::test]
async fn a_transaction_that_a_statement_has_begun_is_joined_and_none_is_refused() {
    let place = Place::new();
    let store = place.open();
    let pool = pool(&place);
    let mut user = pool.acquire().await.unwrap();
    for begun in [false, true] {
        if begun {
            sqlx::raw_sql("BEGIN IMMEDIATE")
                .execute(&mut *user)
                .await
                .unwrap();
        }
        for bare in [false, true] {
            let job = vec![place.job("a")];
            let told = match bare {
                false => enqueue(&store, &mut user, at(0), job).await,
                true => enqueue(&store, &mut *user, at(0), job).await,
            };
            let refused = told.err().map(|error| error.kind());
            assert_eq!(refused, (!begun).then_some(ErrorKind::Input));
        }
    }
    assert_eq!(jobs(&store).await, 0);
    sqlx::raw_sql("COMMIT").execute(&mut *user).await.unwrap();
    assert_eq!(jobs(&store).await, 2);
}

#[tokio::test]
async fn a_deferred_transaction_is_told_how_to_begin() {
    // The first has read before somebody wrote; the second begins to write while somebody does.
    for reads in [true, false] {
        let place = Place::new();
        let store = place.open();
        let options = options(&place).busy_timeout(std::time::Duration::ZERO);
        let pool = SqlitePoolOptions::new().connect_lazy_with(options);
        let mut tx = pool.begin().await.unwrap();
        let mut other = place.user();
        let _writes = if reads {
            sqlx::query("SELECT count(*) FROM mainspring_job")
                .fetch_one(&mut *tx)
                .await
                .unwrap();
            store.enqueue(at(0), vec![place.job("a")]).await.unwrap();
            None
        } else {
            let behavior = rusqlite::TransactionBehavior::Immediate;
            Some(other.transaction_with_behavior(behavior).unwrap())
        };
        let told = enqueue(&store, &mut tx, at(0), vec![place.job("a")]).await;
        let error = told.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Contended, "{error:?}");
        let hint = error.hint().unwrap();
        assert!(hint.contains("BEGIN IMMEDIATE"), "{error:?}");
    }
}

#[tokio::test]
async fn a_transaction_on_another_database_is_refused() {
    let place = Place::new();
    let store = place.open();
    let (other, empty) = (Place::new(), Place::new());
    drop(other.open());
    for wrong in [other, empty] {
        let pool = pool(&wrong);
        let mut tx = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
        let told = enqueue(&store, &mut tx, at(0), vec![place.job("a")]).await;
        assert_eq!(told.unwrap_err().kind(), ErrorKind::WrongStore);
    }
}
