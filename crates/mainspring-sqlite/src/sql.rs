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
