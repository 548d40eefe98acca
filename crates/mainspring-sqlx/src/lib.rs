//! Durable jobs of Mainspring inside transactions of sqlx on SQLite.
//!
//! With this crate in use, `in_tx` and `complete_in_tx` take a transaction of sqlx as it is:
//!
//! ```ignore
//! use mainspring_sqlx as _;
//!
//! let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
//! jobs.enqueue(WelcomeMail { user_id }).in_tx(&mut tx).await?;
//! tx.commit().await?;
//! ```
//!
//! Begin with `BEGIN IMMEDIATE`: a transaction that begins by reading cannot write after somebody
//! else has.

use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::spawn::BoxFuture;
use mainspring_core::store::{Dialect, Enlist, Join, SqlRow, SqlValue};
use sqlx::sqlite::{SqliteConnection, SqliteRow, SqliteTypeInfo};
use sqlx::{AssertSqlSafe, Row, Sqlite, SqliteTransaction, TypeInfo, Value, ValueRef};

/// The codes by which SQLite says that somebody else holds the lock, that the transaction read
/// before somebody else wrote, that the disk is full, and that the file cannot be written.
const BUSY: [&str; 3] = ["5", "261", "6"];
const BUSY_SNAPSHOT: &str = "517";
const FULL: &str = "13";
const READ_ONLY: &str = "8";

/// The marker of sqlx's own types.
#[derive(Clone, Copy, Debug)]
pub struct Sqlx;

impl Join<Sqlx> for SqliteTransaction<'_> {
    fn joined(&mut self) -> Box<dyn Enlist + '_> {
        Box::new(SqlxTx::new(self))
    }
}

/// The open transaction of a connection of sqlx, as jobs join it.
///
/// `in_tx` takes `&mut tx` of a transaction as it is; this is for one that was begun in SQL.
#[derive(Debug)]
pub struct SqlxTx<'a>(&'a mut SqliteConnection);

impl<'a> SqlxTx<'a> {
    /// The open transaction of this connection.
    pub fn new(connection: &'a mut SqliteConnection) -> Self {
        Self(connection)
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
        Box::pin(async move {
            let mut query = sqlx::query::<Sqlite>(AssertSqlSafe(sql));
            for value in values {
                query = match value {
                    SqlValue::Integer(number) => query.bind(number),
                    SqlValue::Real(number) => query.bind(number),
                    SqlValue::Text(text) => query.bind(text),
                    SqlValue::Blob(bytes) => query.bind(bytes),
                    _ => query.bind(None::<i64>),
                };
            }
            let rows = query.fetch_all(&mut *self.0).await.map_err(typed)?;
            rows.iter().map(|row| read(row).map_err(typed)).collect()
        })
    }
}

fn read(row: &SqliteRow) -> sqlx::Result<SqlRow> {
    let column = |index| {
        let value = row.try_get_raw(index)?.to_owned();
        let info: SqliteTypeInfo = value.type_info().into_owned();
        if value.is_null() {
            return Ok(SqlValue::Null);
        }
        // Unchecked: what counts is what the value is, whatever its column is declared as.
        let decoded = match info.name() {
            "INTEGER" | "BOOLEAN" => value.try_decode_unchecked().map(SqlValue::Integer),
            "REAL" => value.try_decode_unchecked().map(SqlValue::Real),
            "TEXT" => value.try_decode_unchecked().map(SqlValue::Text),
            _ => value.try_decode_unchecked().map(SqlValue::Blob),
        };
        decoded
    };
    (0..row.len()).map(column).collect()
}

fn typed(error: sqlx::Error) -> Error {
    let code = error.as_database_error().and_then(|error| error.code());
    let (kind, message, hint) = match code.as_deref() {
        Some(BUSY_SNAPSHOT) => (
            ErrorKind::Contended,
            "the transaction read before somebody else wrote",
            "begin the transaction with BEGIN IMMEDIATE: a deferred one that has read cannot \
             write after somebody else has committed",
        ),
        Some(code) if BUSY.contains(&code) => (
            ErrorKind::Contended,
            "somebody else holds the lock of the database",
            "begin the transaction with BEGIN IMMEDIATE, and set a busy timeout",
        ),
        Some(FULL) => (
            ErrorKind::StorageFull,
            "the disk is full",
            "free some space and begin the transaction again",
        ),
        Some(READ_ONLY) => (
            ErrorKind::ReadOnly,
            "the database cannot be written",
            "check the owner and mode of the file and its folder, and how the disk is mounted",
        ),
        _ => return Error::new(ErrorKind::Io, "the database refused").with_source(error),
    };
    Error::new(kind, message).with_hint(hint).with_source(error)
}
