//! Transactions of sqlx.

use mainspring_core::error::{BoxError, Error, ErrorKind};
use mainspring_core::spawn::BoxFuture;
use mainspring_core::store::{Dialect, Enlist, Joins, SqlRow, SqlValue};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection, SqliteRow, SqliteValueRef};
use sqlx::{Arguments, AssertSqlSafe, Connection, Decode, Row, Transaction, TypeInfo, ValueRef};

use super::not_open;
use crate::fault::told;

/// How jobs join a transaction of sqlx: never named, the compiler finds it.
#[derive(Debug)]
pub enum Sqlx {}

impl Joins<Sqlx> for Transaction<'_, Sqlite> {
    fn enlist(&mut self) -> Box<dyn Enlist + '_> {
        Box::new(SqlxTx::new(self))
    }
}

impl Joins<Sqlx> for SqliteConnection {
    fn enlist(&mut self) -> Box<dyn Enlist + '_> {
        Box::new(SqlxTx::new(self))
    }
}

/// For a connection whose transaction was begun by a statement of the user's own.
impl Joins<Sqlx> for PoolConnection<Sqlite> {
    fn enlist(&mut self) -> Box<dyn Enlist + '_> {
        Box::new(SqlxTx::new(self))
    }
}

#[derive(Debug)]
struct SqlxTx<'a> {
    connection: &'a mut SqliteConnection,
    /// Whether a transaction is known to be open.
    open: bool,
}

impl<'a> SqlxTx<'a> {
    fn new(connection: &'a mut SqliteConnection) -> Self {
        let open = connection.is_in_transaction();
        Self { connection, open }
    }

    async fn run(&mut self, sql: &str, values: Vec<SqlValue>) -> Result<Vec<SqlRow>, Error> {
        self.check_open().await?;
        let values = bound(values).map_err(refused)?;
        let rows = sqlx::query_with(AssertSqlSafe(sql), values)
            .fetch_all(&mut *self.connection)
            .await
            .map_err(typed)?;
        rows.iter().map(row).collect()
    }

    /// sqlx knows of the transactions that it has begun. Of others SQLite tells: it begins none
    /// inside another one.
    async fn check_open(&mut self) -> Result<(), Error> {
        if self.open {
            return Ok(());
        }
        let begun = sqlx::query("BEGIN").execute(&mut *self.connection).await;
        if begun.is_ok() {
            let ended = sqlx::query("ROLLBACK").execute(&mut *self.connection).await;
            return Err(ended.err().map_or_else(not_open, typed));
        }
        self.open = true;
        Ok(())
    }
}

impl Enlist for SqlxTx<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn execute<'a>(
        &'a mut self,
        sql: &'a str,
        values: Vec<SqlValue>,
    ) -> BoxFuture<'a, Result<Vec<SqlRow>, Error>> {
        Box::pin(self.run(sql, values))
    }
}

fn bound(values: Vec<SqlValue>) -> Result<SqliteArguments, BoxError> {
    let mut arguments = SqliteArguments::default();
    for value in values {
        match value {
            SqlValue::Integer(number) => arguments.add(number),
            SqlValue::Real(number) => arguments.add(number),
            SqlValue::Text(text) => arguments.add(text),
            SqlValue::Blob(bytes) => arguments.add(bytes),
            _ => arguments.add(None::<i64>),
        }?;
    }
    Ok(arguments)
}

fn row(row: &SqliteRow) -> Result<SqlRow, Error> {
    let value = |index| value(row.try_get_raw(index)?).map_err(sqlx::Error::Decode);
    (0..row.len())
        .map(|index| value(index).map_err(typed))
        .collect()
}

fn value(value: SqliteValueRef<'_>) -> Result<SqlValue, BoxError> {
    if value.is_null() {
        return Ok(SqlValue::Null);
    }
    let kind = value.type_info().name().to_owned();
    Ok(match kind.as_str() {
        "INTEGER" => SqlValue::Integer(Decode::<Sqlite>::decode(value)?),
        "REAL" => SqlValue::Real(Decode::<Sqlite>::decode(value)?),
        "TEXT" => SqlValue::Text(Decode::<Sqlite>::decode(value)?),
        _ => SqlValue::Blob(Decode::<Sqlite>::decode(value)?),
    })
}

/// The error for callers: as with the own driver, by SQLite's extended code.
fn typed(error: sqlx::Error) -> Error {
    let code = error.as_database_error().and_then(|error| error.code());
    let code = code.and_then(|code| code.parse().ok());
    match code.and_then(|code| told(rusqlite::ffi::Error::new(code))) {
        Some((kind, message, hint)) => Error::new(kind, message).with_hint(hint).with_source(error),
        None => refused(error),
    }
}

fn refused(error: impl Into<BoxError>) -> Error {
    Error::new(ErrorKind::Io, "the database refused").with_source(error)
}
