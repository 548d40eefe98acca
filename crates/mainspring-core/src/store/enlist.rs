//! Somebody else's transaction, as far as a store needs it.

use crate::error::Error;
use crate::spawn::BoxFuture;

/// What jobs can join with `in_tx`: a transaction of a database driver.
///
/// A store's crate implements it for the types of the drivers it knows, each under a `Via` of that
/// crate; what is [`Enlist`] itself joins via [`Itself`]. Which one it is, the compiler finds out.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no transaction that jobs can join",
    note = "pass `&mut tx`, a transaction of sqlx on SQLite, and turn on the feature `sqlx`",
    note = "a transaction of rusqlite goes to the method that ends in `_blocking`"
)]
pub trait Joins<Via>: Send {
    /// The transaction, as a store runs its statements in it.
    fn enlist(&mut self) -> Box<dyn Enlist + '_>;
}

/// Like [`Joins`], for a driver that blocks: what jobs can join with `in_tx_blocking`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no transaction that jobs can join by blocking",
    note = "pass `&mut tx`, a transaction of `mainspring::sqlite::rusqlite`",
    note = "a transaction of sqlx goes to the method without `_blocking`"
)]
pub trait JoinsBlocking<Via> {
    /// The transaction, as a store runs its statements in it.
    fn enlist(&mut self) -> Box<dyn EnlistBlocking + '_>;
}

/// How something joins that is [`Enlist`] or [`EnlistBlocking`] itself.
#[derive(Debug)]
pub enum Itself {}

impl<T: Enlist + ?Sized> Joins<Itself> for T {
    fn enlist(&mut self) -> Box<dyn Enlist + '_> {
        Box::new(self)
    }
}

impl<T: EnlistBlocking + ?Sized> JoinsBlocking<Itself> for T {
    fn enlist(&mut self) -> Box<dyn EnlistBlocking + '_> {
        Box::new(self)
    }
}

/// A transaction in which a store can run its statements.
///
/// To let jobs join a driver that no store's crate knows, implement it for a type of your own that
/// holds that driver's transaction.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no transaction that jobs can join",
    note = "pass `&mut tx`, a transaction of sqlx on SQLite, and turn on the feature `sqlx`",
    note = "a transaction of rusqlite goes to the method that ends in `_blocking`"
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
    message = "`{Self}` is no transaction that jobs can join by blocking",
    note = "pass `&mut tx`, a transaction of `mainspring::sqlite::rusqlite`",
    note = "a transaction of sqlx goes to the method without `_blocking`"
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
