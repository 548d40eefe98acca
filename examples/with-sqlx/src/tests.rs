//! Virtual time stands still while a body waits for the database, and moves between bodies.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use mainspring::test::{TestApp, WorkOutcome, days, hours};
use sqlx::SqlitePool;
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::*;

/// A query that keeps a connection busy for a good part of a second, in SQLite's own thread.
const SLOW: &str = "\
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000000) \
    select count(*) from n";

pub(crate) struct Database {
    _folder: TempDir,
    pub(crate) file: PathBuf,
}

impl Database {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("orders.sqlite");
        Self {
            _folder: folder,
            file,
        }
    }

    /// The service, and its jobs.
    pub(crate) fn app(&self) -> (App, Jobs) {
        let jobs = jobs(&self.file);
        let orders = Orders::new(pool(&self.file), jobs.clone());
        (super::app(orders, jobs.clone()), jobs)
    }

    /// One row of one number, through a connection of its own, after the service has closed its
    /// own.
    pub(crate) async fn number(&self, query: &'static str) -> i64 {
        let pool = pool(&self.file);
        let number = sqlx::query_scalar(query).fetch_one(&pool).await.unwrap();
        pool.close().await;
        number
    }
}

pub(crate) fn order(item: &str) -> OrderInput {
    OrderInput {
        customer: "ada".to_owned(),
        item: item.to_owned(),
    }
}

#[mainspring::test]
async fn orders_are_placed_and_expire_a_day_later(app: TestApp) {
    let database = Database::new();
    let app = app.start(database.app().0).await;
    assert_eq!(
        app.call::<PlaceOrder>(order("loom")).await.unwrap(),
        OrderOutput { id: 1 }
    );
    app.advance(hours(23)).await;
    assert_eq!(
        app.call::<PlaceOrder>(order("shuttle")).await.unwrap(),
        OrderOutput { id: 2 }
    );
    app.advance(hours(2)).await;

    app.signal(Signal::Terminate);
    assert_eq!(app.stopped().await.exit_code(), 0);
    assert_eq!(app.runs_of("expire").len(), 25);
    assert_eq!(database.number("select count(*) from orders").await, 1);
    assert_eq!(database.number("select orders from customers").await, 2);
}

#[mainspring::test]
async fn a_month_of_expiry_takes_no_time_on_the_clock(app: TestApp) {
    let database = Database::new();
    let app = app.start(database.app().0).await;
    app.advance(days(30)).await;
    let runs = app.runs();
    assert_eq!(runs.len(), 720);
    for run in &runs {
        assert_eq!(run.outcome, WorkOutcome::Succeeded, "{run:?}");
    }
}

/// What a body saw: the clock before and after its work, and whether the work got done in time.
#[derive(Debug)]
struct Seen {
    scheduled: Timestamp,
    before: Timestamp,
    after: Timestamp,
    outcome: Result<i64, String>,
}

/// An app whose hourly body does `work` under a virtual second; what the bodies saw ends up in the
/// list.
fn hourly<F>(work: impl Fn() -> F + Send + Sync + 'static) -> (App, Arc<Mutex<Vec<Seen>>>)
where
    F: Future<Output = sqlx::Result<i64>> + Send + 'static,
{
    let seen = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&seen);
    let app = App::new("hourly").periodic("body", Every::hours(1), move |tick| {
        let (list, work) = (Arc::clone(&list), work());
        async move {
            let before = tick.clock().now();
            let outcome = match tick.clock().timeout(DATABASE_LIMIT, work).await {
                Ok(done) => done.map_err(|error| error.to_string()),
                Err(elapsed) => Err(elapsed.to_string()),
            };
            let after = tick.clock().now();
            let scheduled = tick.scheduled_for();
            list.lock().unwrap().push(Seen {
                scheduled,
                before,
                after,
                outcome,
            });
            Ok(())
        }
    });
    (app, seen)
}

/// Advances three hours and says what the three bodies returned; each of them saw one instant only,
/// its own.
async fn three_hours(app: TestApp, hourly: App, seen: Arc<Mutex<Vec<Seen>>>) -> Vec<i64> {
    let app = app.start(hourly).await;
    let start = app.now();
    app.advance(hours(3)).await;
    app.signal(Signal::Terminate);
    assert_eq!(app.stopped().await.exit_code(), 0);
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    let mut due = start;
    let mut returned = Vec::new();
    for seen in seen {
        due = due.checked_add(hours(1)).unwrap();
        assert_eq!(
            (seen.scheduled, seen.before, seen.after),
            (due, due, due),
            "{seen:?}"
        );
        returned.push(
            seen.outcome
                .expect("no timeout fires while the database works"),
        );
    }
    returned
}

#[mainspring::test]
async fn a_slow_query_holds_the_clock(app: TestApp) {
    let database = Database::new();
    let pool = pool(&database.file);
    let (hourly, seen) = hourly({
        let pool = pool.clone();
        move || {
            let pool = pool.clone();
            async move { sqlx::query_scalar(SLOW).fetch_one(&pool).await }
        }
    });
    assert_eq!(three_hours(app, hourly, seen).await, [1_000_000; 3]);
    pool.close().await;
}

#[mainspring::test]
async fn a_wait_for_a_connection_holds_the_clock(app: TestApp) {
    let database = Database::new();
    let pool = one_connection(&database);
    let (hourly, seen) = hourly({
        let pool = pool.clone();
        move || {
            let pool = pool.clone();
            async move {
                // Somebody else has the only connection and works on it while this body waits.
                let (has, had) = oneshot::channel();
                let other = elsewhere(hold(pool.clone(), has));
                had.await.expect("the other one got the connection");
                let mut connection = pool.acquire().await?;
                assert!(other.is_finished(), "there is one connection only");
                sqlx::query_scalar("select 7")
                    .fetch_one(&mut *connection)
                    .await
            }
        }
    });
    assert_eq!(three_hours(app, hourly, seen).await, [7; 3]);
    pool.close().await;
}

#[mainspring::test(flavor = "multi_thread")]
async fn transactions_on_several_threads_hold_the_clock(app: TestApp) {
    let database = Database::new();
    let pool = pool(&database.file);
    sqlx::raw_sql("create table runs (n integer not null) strict")
        .execute(&pool)
        .await
        .unwrap();
    let (hourly, seen) = hourly({
        let pool = pool.clone();
        move || transaction(pool.clone())
    });
    assert_eq!(three_hours(app, hourly, seen).await, [1, 2, 3]);
    pool.close().await;
}

/// A transaction that is slow in its middle.
async fn transaction(pool: SqlitePool) -> sqlx::Result<i64> {
    let mut transaction = pool.begin().await?;
    sqlx::query("insert into runs (n) values (1)")
        .execute(&mut *transaction)
        .await?;
    sqlx::query(SLOW).execute(&mut *transaction).await?;
    let runs = sqlx::query_scalar("select count(*) from runs")
        .fetch_one(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(runs)
}

#[mainspring::test]
async fn a_sleep_inside_the_timeout_still_passes(app: TestApp) {
    // The other side: what waits for the clock is cut by the clock, at once in real time.
    let clock = app.clock();
    let (hourly, seen) = hourly(move || {
        let clock = clock.clone();
        async move {
            clock.sleep(hours(1)).await;
            Ok(0)
        }
    });
    let app = app.start(hourly).await;
    app.advance(hours(2)).await;
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].outcome, Err("not done within 1s".to_owned()));
}

/// The twin that shows that the tests above can fail: a wait that is said to depend on the clock
/// lets it pass.
#[mainspring::test]
async fn a_parked_wait_for_a_connection_runs_into_the_timeout(app: TestApp) {
    let database = Database::new();
    let pool = one_connection(&database);
    let held = pool.acquire().await.unwrap();
    let waits = pool.clone();
    let app = app
        .start(
            App::new("parked").periodic("body", Every::hours(1), move |tick| {
                let pool = waits.clone();
                async move {
                    let waited = tick
                        .clock()
                        .timeout(DATABASE_LIMIT, tick.park(pool.acquire()))
                        .await;
                    Err(waited.expect_err("nobody gives the connection back").into())
                }
            }),
        )
        .await;
    app.advance(hours(2)).await;
    let failed = WorkOutcome::Failed("not done within 1s".to_owned());
    assert_eq!(app.runs()[0].outcome, failed);
    drop(held);
    pool.close().await;
}

fn one_connection(database: &Database) -> SqlitePool {
    let options = SqliteConnectOptions::new()
        .filename(&database.file)
        .create_if_missing(true);
    SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE_LIMIT)
        .connect_lazy_with(options)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a task that virtual time does not know of, as drivers start them"
)]
fn elsewhere<F>(future: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    tokio::spawn(future)
}

async fn hold(pool: SqlitePool, has: oneshot::Sender<()>) -> sqlx::Result<()> {
    let mut connection = pool.acquire().await?;
    let _ = has.send(());
    sqlx::query(SLOW).execute(&mut *connection).await?;
    Ok(())
}
