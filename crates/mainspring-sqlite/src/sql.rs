//! Every statement, one per file, and the prepared ones of a connection.

use std::cell::RefCell;

use rusqlite::{Connection, Params, Row, Statement};

macro_rules! statements {
    ($($name:ident $file:literal)*) => {
        /// A statement, by verb and noun.
        #[derive(Clone, Copy, Debug)]
        pub(crate) enum Sql { $($name),* }

        impl Sql {
            const ALL: &[Self] = &[$(Self::$name),*];

            /// Its text.
            pub(crate) const fn text(self) -> &'static str {
                match self { $(Self::$name => include_str!(concat!("sql/", $file, ".sql"))),* }
            }
        }
    };
}

include!("sql_list.rs");

/// The statements that a connection has prepared so far.
///
/// rusqlite's own cache finds a statement by its text; here it is found by its number, which is
/// cheaper where a job costs a few microseconds.
pub(crate) struct Statements<'c> {
    pub(crate) connection: &'c Connection,
    slots: Vec<RefCell<Option<Statement<'c>>>>,
}

impl<'c> Statements<'c> {
    pub(crate) fn new(connection: &'c Connection) -> Self {
        let slots = Sql::ALL.iter().map(|_| RefCell::new(None)).collect();
        Self { connection, slots }
    }

    /// Runs a statement that returns no rows; answers how many rows it changed.
    pub(crate) fn execute(&self, sql: Sql, params: impl Params) -> rusqlite::Result<usize> {
        self.with(sql, |statement| statement.execute(params))
    }

    /// Reads all rows.
    pub(crate) fn rows<T>(
        &self,
        sql: Sql,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        self.with(sql, |statement| {
            let mut rows = statement.query(params)?;
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                all.push(read(row)?);
            }
            Ok(all)
        })
    }

    /// Reads the first row, if there is one.
    pub(crate) fn row<T>(
        &self,
        sql: Sql,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Option<T>> {
        self.with(sql, |statement| {
            let mut rows = statement.query(params)?;
            rows.next()?.map(read).transpose()
        })
    }

    /// Uses a statement, which is prepared the first time.
    pub(crate) fn with<T>(
        &self,
        sql: Sql,
        run: impl FnOnce(&mut Statement<'c>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let slot = self.slots.get(sql as usize);
        let kept = slot.and_then(|slot| slot.borrow_mut().take());
        let mut statement = match kept {
            Some(statement) => statement,
            None => self.connection.prepare(sql.text())?,
        };
        let result = run(&mut statement);
        if let Some(slot) = slot {
            *slot.borrow_mut() = Some(statement);
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = include_str!("migrations/0001_create_tables.sql");

    fn explain(connection: &Connection, how: &str, sql: Sql) -> String {
        let text = format!("EXPLAIN {how} {}", sql.text());
        let mut statement = connection.prepare(&text).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.raw_query();
        let mut told = String::new();
        while let Some(row) = rows.next().unwrap() {
            for column in 0..columns {
                if let Ok(text) = row.get::<_, String>(column) {
                    told.push_str(&text);
                    told.push('\n');
                }
            }
        }
        told
    }

    fn connection() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(SCHEMA).unwrap();
        connection
    }

    #[test]
    fn every_statement_fits_the_schema() {
        let connection = connection();
        for sql in Sql::ALL {
            assert!(connection.prepare(sql.text()).is_ok(), "{sql:?}");
        }
    }

    #[test]
    fn what_is_looked_for_is_found_by_an_index_whatever_waits() {
        let connection = connection();
        let looked = [
            Sql::SelectReady,
            Sql::SelectSolo,
            Sql::SelectHeld,
            Sql::SelectDue,
            Sql::SelectExpired,
            Sql::SelectNextDue,
        ];
        for sql in looked {
            let text = explain(&connection, "QUERY PLAN", sql);
            assert!(text.contains("mainspring_job_pen"), "{sql:?}: {text}");
            assert!(!text.contains("SCAN mainspring_job "), "{sql:?}: {text}");
        }
    }

    #[test]
    fn a_job_passes_without_a_table_made_for_it() {
        let connection = connection();
        for sql in [Sql::InsertJob, Sql::ClaimJobs, Sql::FinishPlain] {
            let program = explain(&connection, "", sql);
            assert!(!program.contains("OpenEphemeral"), "{sql:?}");
            let writes = program.matches("OpenWrite").count();
            assert!(writes <= 3, "{sql:?} writes {writes} tables and indexes");
        }
    }
}
