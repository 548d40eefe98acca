//! Somebody else's transaction, as far as a store needs it.

use crate::error::Error;
use crate::spawn::BoxFuture;

/// A transaction of a database driver in which jobs can be enqueued and completed.
///
/// A store's crate implements it for the drivers it knows; to support another, implement it for a
/// type of your own that holds that driver's transaction.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no transaction that jobs can join",
    note = "pass a transaction of sqlx (SQLite, feature `sqlx`); for rusqlite use `in_tx_blocking`"
)]
pub trait Enlist: Send {
    /// Which SQL it speaks.
    fn dialect(&self) -> Dialect;

    /// Runs one statement with these values for its parameters `?1`, `?2`, … and returns all its
    /// rows.
    fn execute<'a>(
        &'a mut self,
        sql: &'a str,
        values: Vec<SqlValue>,
    ) -> BoxFuture<'a, Result<Vec<SqlRow>, Error>>;
}

/// Like [`Enlist`], for a driver that blocks, such as rusqlite.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no transaction that jobs can join",
    note = "pass `&mut tx`, a transaction of rusqlite; for sqlx use `in_tx`"
)]
pub trait EnlistBlocking {
    /// Which SQL it speaks.
    fn dialect(&self) -> Dialect;

    /// Runs one statement with these values for its parameters `?1`, `?2`, … and returns all its
    /// rows.
    ///
    /// # Errors
    /// What the database says.
    fn execute(&mut self, sql: &str, values: Vec<SqlValue>) -> Result<Vec<SqlRow>, Error>;
}

/// The SQL that a transaction speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// The memory model, which has no SQL: its statements are understood by nobody else.
    Memory,
}

/// A row of a result.
pub type SqlRow = Vec<SqlValue>;

/// A value of a parameter or a column.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SqlValue {
    /// No value.
    Null,
    /// A whole number.
    Integer(i64),
    /// A number.
    Real(f64),
    /// A text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl SqlValue {
    /// The whole number, if it is one.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The bytes, if it has any.
    pub fn as_blob(&self) -> Option<&[u8]> {
        match self {
            Self::Blob(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}
