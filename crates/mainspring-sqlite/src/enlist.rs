//! Enqueueing and completing inside somebody else's transaction, in a few plain statements that
//! any driver can run.

mod complete;
mod gate;
mod job;
mod replace;
mod rusqlite;
#[cfg(feature = "sqlx")]
mod sqlx;

use std::future::{Future, Ready, ready};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::job::JobId;
use mainspring_core::spawn::BoxFuture;
use mainspring_core::store::{Dialect, Enlist, EnlistBlocking, Enqueued, SqlRow, SqlValue};
use mainspring_core::telemetry::event;

pub use self::rusqlite::{Rusqlite, RusqliteTx};
#[cfg(feature = "sqlx")]
pub use self::sqlx::Sqlx;
pub(crate) use complete::complete;

use crate::fault::HINT_IMMEDIATE;
use crate::sql::Sql;
use crate::store::SqliteStore;

/// Whether a connection that keeps commits less well has been warned about.
#[derive(Debug, Default)]
pub(crate) struct Weak(AtomicBool);

/// `PRAGMA synchronous` of a connection that loses no acknowledged commit.
const SYNCHRONOUS_FULL: i64 = 2;

/// A transaction of either sort of driver.
pub(crate) trait Joined {
    fn dialect(&self) -> Dialect;

    fn run(
        &mut self,
        sql: &'static str,
        values: Vec<SqlValue>,
    ) -> impl Future<Output = Result<Vec<SqlRow>, Error>>;
}

/// A transaction of a driver that does not block.
pub(crate) struct Async<'a>(pub(crate) &'a mut dyn Enlist);

/// A transaction of a driver that blocks.
pub(crate) struct Blocking<'a>(pub(crate) &'a mut dyn EnlistBlocking);

impl Joined for Async<'_> {
    fn dialect(&self) -> Dialect {
        self.0.dialect()
    }

    #[expect(refining_impl_trait, reason = "that it is `Send` must be seen")]
    fn run(
        &mut self,
        sql: &'static str,
        values: Vec<SqlValue>,
    ) -> BoxFuture<'_, Result<Vec<SqlRow>, Error>> {
        self.0.execute(sql, values)
    }
}

impl Joined for Blocking<'_> {
    fn dialect(&self) -> Dialect {
        self.0.dialect()
    }

    #[expect(refining_impl_trait, reason = "that it never waits must be seen")]
    fn run(
        &mut self,
        sql: &'static str,
        values: Vec<SqlValue>,
    ) -> Ready<Result<Vec<SqlRow>, Error>> {
        ready(self.0.execute(sql, values))
    }
}

/// The result of a future that never waits, since its driver blocks.
pub(crate) fn at_once<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let mut future = pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(result) => result,
        Poll::Pending => Err(Error::new(
            ErrorKind::Io,
            "a driver that blocks did not answer",
        )),
    }
}

/// Writes jobs inside the transaction.
pub(crate) async fn enqueue<J: Joined>(
    store: &SqliteStore,
    tx: &mut J,
    now: i64,
    jobs: &[mainspring_core::store::NewJob],
) -> Result<Vec<Enqueued>, Error> {
    check_store(store, tx).await?;
    let mut answers = Vec::with_capacity(jobs.len());
    for job in jobs {
        let answer = job::enqueue(tx, now, job).await.map_err(immediate)?;
        answers.push(answer);
    }
    if let Some(last) = answers.last() {
        store.pending.note(*JobId::as_bytes(&last.id));
    }
    Ok(answers)
}

/// Whether the transaction is one on this store's database.
async fn check_store<J: Joined>(store: &SqliteStore, tx: &mut J) -> Result<(), Error> {
    if store.writer.is_closing() {
        return Err(mainspring_core::store::rules::closed());
    }
    if tx.dialect() != Dialect::Sqlite {
        return Err(wrong_store());
    }
    let rows = tx.run(Sql::SelectStoreId.text(), Vec::new()).await;
    let rows = rows.map_err(|error| match error.kind() {
        ErrorKind::Io => wrong_store().with_source(error),
        _ => error,
    })?;
    let found = rows.first().and_then(|row| row.first()?.as_blob());
    if found != Some(&store.id[..]) {
        return Err(wrong_store());
    }
    if !store.weak.0.load(Ordering::Acquire) {
        let rows = tx.run(Sql::SelectSynchronous.text(), Vec::new()).await?;
        let level = rows.first().and_then(|row| row.first()?.as_integer());
        if level.is_some_and(|level| level < SYNCHRONOUS_FULL) {
            store.weak.0.store(true, Ordering::Release);
            tracing::warn!(
                name: event::STORE_COMMIT_WEAK,
                "a connection enqueues with `synchronous` below FULL: a power failure may lose its \
                 last commits, jobs included"
            );
        }
    }
    Ok(())
}

/// A transaction that was not begun as a writing one.
fn immediate(error: Error) -> Error {
    if error.kind() == ErrorKind::Contended {
        return error.with_hint(HINT_IMMEDIATE);
    }
    error
}

fn not_open() -> Error {
    Error::new(
        ErrorKind::Input,
        "no transaction is open on the connection that jobs are to join",
    )
    .with_hint("begin one with BEGIN IMMEDIATE, or enqueue without `in_tx`")
}

fn wrong_store() -> Error {
    Error::new(
        ErrorKind::WrongStore,
        "the transaction belongs to another database",
    )
    .with_hint("open your connection on the file that the jobs are kept in")
}

/// The first column of the first row, if it is a number.
fn number(rows: &[SqlRow]) -> Option<i64> {
    rows.first().and_then(|row| row.first()?.as_integer())
}

fn corrupt(what: &str) -> Error {
    crate::fault::corrupt(what).into()
}

fn text(text: &str) -> SqlValue {
    SqlValue::Text(text.to_owned())
}

fn blob(bytes: &[u8]) -> SqlValue {
    SqlValue::Blob(bytes.to_vec())
}

fn maybe(number: Option<i64>) -> SqlValue {
    number.map_or(SqlValue::Null, SqlValue::Integer)
}
