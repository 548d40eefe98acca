//! Somebody else's transaction, as far as a store needs it.

use crate::error::Error;
use crate::spawn::BoxFuture;

/// A transaction of a database driver in which jobs can be enqueued and completed.
///
/// A store's crate implements it for the drivers it knows; to support another, implement it for a
/// type of your own that holds that driver's transaction.
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

/// A transaction that jobs can join: what `in_tx` takes.
///
/// Whatever is [`Enlist`] is one. A driver's own transaction is made one by a crate that knows the
/// driver, which tells its implementation from others by a marker of its own, `M`; callers never
/// name it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no transaction that jobs can join",
    note = "pass `&mut tx`, a transaction of sqlx on SQLite, and write `use mainspring_sqlx as _;` \
            with the crate of that name; for rusqlite use `in_tx_blocking`"
)]
pub trait Join<M>: Send {
    /// The transaction, as a store joins it.
    fn joined(&mut self) -> Box<dyn Enlist + '_>;
}

/// Like [`Join`], for a driver that blocks: what `in_tx_blocking` takes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no transaction that jobs can join",
    note = "pass `&mut tx`, a transaction of the rusqlite that `mainspring::sqlite` exports; for \
            sqlx use `in_tx`"
)]
pub trait JoinBlocking<M> {
    /// The transaction, as a store joins it.
    fn joined(&mut self) -> Box<dyn EnlistBlocking + '_>;
}

/// The marker of what is [`Enlist`] or [`EnlistBlocking`] itself.
#[derive(Clone, Copy, Debug)]
pub struct Itself;

impl<T: Enlist + ?Sized> Enlist for &mut T {
    fn dialect(&self) -> Dialect {
        T::dialect(self)
    }

    fn execute<'a>(
        &'a mut self,
        sql: &'a str,
        values: Vec<SqlValue>,
    ) -> BoxFuture<'a, Result<Vec<SqlRow>, Error>> {
        T::execute(self, sql, values)
    }
}

impl<T: EnlistBlocking + ?Sized> EnlistBlocking for &mut T {
    fn dialect(&self) -> Dialect {
        T::dialect(self)
    }

    fn execute(&mut self, sql: &str, values: Vec<SqlValue>) -> Result<Vec<SqlRow>, Error> {
        T::execute(self, sql, values)
    }
}

impl<T: Enlist + ?Sized> Join<Itself> for T {
    fn joined(&mut self) -> Box<dyn Enlist + '_> {
        Box::new(self)
    }
}

impl<T: EnlistBlocking + ?Sized> JoinBlocking<Itself> for T {
    fn joined(&mut self) -> Box<dyn EnlistBlocking + '_> {
        Box::new(self)
    }
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
