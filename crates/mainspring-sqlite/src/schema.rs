//! Migrations: numbered, checksummed, each in one transaction.

use mainspring_core::error::{Error, ErrorKind};
use rusqlite::{Connection, params};

use crate::fault::typed;

/// A step of the schema.
struct Migration {
    number: i64,
    text: &'static str,
}

const MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    text: include_str!("migrations/0001_create_tables.sql"),
}];

const CREATE: &str = include_str!("sql/create_migration.sql");
const SELECT: &str = include_str!("sql/select_migrations.sql");
const INSERT: &str = include_str!("sql/insert_migration.sql");

/// Brings the schema up to date. Two processes at once: one waits for the other and finds it done.
///
/// `wait` begins the transaction, waiting for whoever holds the lock.
pub(crate) fn migrate(
    connection: &Connection,
    now: i64,
    begin: impl Fn(&Connection) -> Result<(), Error>,
) -> Result<(), Error> {
    if is_current(connection)? {
        return Ok(());
    }
    begin(connection)?;
    end(connection, connection.execute_batch(CREATE).map_err(typed))?;
    for migration in MIGRATIONS {
        begin(connection)?;
        end(connection, apply(connection, migration, now))?;
    }
    Ok(())
}

fn is_current(connection: &Connection) -> Result<bool, Error> {
    let exists = connection.prepare(SELECT).is_ok();
    if !exists {
        let readable = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
        return readable.map(|()| false).map_err(typed);
    }
    let found = read(connection)?;
    check(&found)?;
    Ok(found.len() == MIGRATIONS.len())
}

fn apply(connection: &Connection, migration: &Migration, now: i64) -> Result<(), Error> {
    let found = read(connection)?;
    check(&found)?;
    if found.iter().any(|(number, _)| *number == migration.number) {
        return Ok(());
    }
    connection.execute_batch(migration.text).map_err(typed)?;
    let row = params![migration.number, checksum(migration.text), now];
    connection.execute(INSERT, row).map_err(typed).map(drop)
}

fn end(connection: &Connection, result: Result<(), Error>) -> Result<(), Error> {
    if result.is_ok() {
        return connection.execute_batch("COMMIT").map_err(typed);
    }
    if !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK").map_err(typed)?;
    }
    result
}

fn read(connection: &Connection) -> Result<Vec<(i64, i64)>, Error> {
    let read = || {
        let mut statement = connection.prepare(SELECT)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    read().map_err(typed)
}

fn check(found: &[(i64, i64)]) -> Result<(), Error> {
    for (number, sum) in found {
        let Some(known) = MIGRATIONS.iter().find(|known| known.number == *number) else {
            let message = format!("the database has step {number} of a newer schema");
            return Err(Error::new(ErrorKind::Schema, message)
                .with_hint("deploy the newer program here too, or restore a backup"));
        };
        if checksum(known.text) != *sum {
            let message = format!("step {number} of the database's schema is another one");
            return Err(Error::new(ErrorKind::Schema, message)
                .with_hint("this is another program's database, or its migrations were edited"));
        }
    }
    Ok(())
}

fn checksum(text: &str) -> i64 {
    i64::from(crc32fast::hash(text.as_bytes()))
}
