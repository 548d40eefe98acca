//! Transactions of rusqlite.

use mainspring_core::error::Error;
use mainspring_core::store::{Dialect, EnlistBlocking, JoinsBlocking, SqlRow, SqlValue};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Savepoint, Transaction};

use super::not_open;
use crate::fault::typed;

/// How jobs join a transaction of rusqlite: never named, the compiler finds it.
#[derive(Debug)]
pub enum Rusqlite {}

impl JoinsBlocking<Rusqlite> for Transaction<'_> {
    fn enlist(&mut self) -> Box<dyn EnlistBlocking + '_> {
        Box::new(RusqliteTx::new(self))
    }
}

impl JoinsBlocking<Rusqlite> for Savepoint<'_> {
    fn enlist(&mut self) -> Box<dyn EnlistBlocking + '_> {
        Box::new(RusqliteTx::new(self))
    }
}

/// For a connection whose transaction was begun by a statement of the user's own.
impl JoinsBlocking<Rusqlite> for Connection {
    fn enlist(&mut self) -> Box<dyn EnlistBlocking + '_> {
        Box::new(RusqliteTx::new(self))
    }
}

/// A transaction of rusqlite of which there is only a shared reference.
///
/// ```
/// use mainspring_core::store::EnlistBlocking;
/// use mainspring_sqlite::{RusqliteTx, rusqlite::Connection};
///
/// let mut connection = Connection::open_in_memory()?;
/// let tx = connection.transaction()?;
/// let rows = RusqliteTx::new(&tx).execute("SELECT 1", Vec::new())?;
/// assert_eq!(rows.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RusqliteTx<'a>(&'a Connection);

impl<'a> RusqliteTx<'a> {
    /// The open transaction of this connection; a `&Transaction` derefs to it.
    pub fn new(connection: &'a Connection) -> Self {
        Self(connection)
    }
}

impl EnlistBlocking for RusqliteTx<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn execute(&mut self, sql: &str, values: Vec<SqlValue>) -> Result<Vec<SqlRow>, Error> {
        // Each statement would be a transaction of its own, and a crash would leave half a job.
        if self.0.is_autocommit() {
            return Err(not_open());
        }
        run(self.0, sql, values).map_err(typed)
    }
}

fn run(connection: &Connection, sql: &str, values: Vec<SqlValue>) -> rusqlite::Result<Vec<SqlRow>> {
    let mut statement = connection.prepare(sql)?;
    let columns = statement.column_count();
    let values = values.into_iter().map(bound);
    let mut rows = statement.query(rusqlite::params_from_iter(values))?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let values = (0..columns).map(|column| Ok(value(row.get_ref(column)?)));
        all.push(values.collect::<rusqlite::Result<SqlRow>>()?);
    }
    Ok(all)
}

fn bound(value: SqlValue) -> ToSqlOutput<'static> {
    ToSqlOutput::Owned(match value {
        SqlValue::Integer(number) => Value::Integer(number),
        SqlValue::Real(number) => Value::Real(number),
        SqlValue::Text(text) => Value::Text(text),
        SqlValue::Blob(bytes) => Value::Blob(bytes),
        _ => Value::Null,
    })
}

fn value(value: ValueRef<'_>) -> SqlValue {
    match value {
        ValueRef::Null => SqlValue::Null,
        ValueRef::Integer(number) => SqlValue::Integer(number),
        ValueRef::Real(number) => SqlValue::Real(number),
        ValueRef::Text(text) => SqlValue::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => SqlValue::Blob(bytes.to_vec()),
    }
}
