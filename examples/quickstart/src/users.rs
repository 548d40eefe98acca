//! The users, in a table beside the jobs: a registration and its mail are one transaction.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mainspring::prelude::*;
use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use crate::accounts::RegisterInput;
use crate::blocking::blocking;
use crate::mail::WelcomeMail;

/// How long a registration waits while somebody else writes to the file.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// After how long a client may ask again when it took longer than that.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// `FULL` keeps a registration that was answered also when the power fails.
const SETUP: &str = "\
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS users (id TEXT PRIMARY KEY, email TEXT NOT NULL) STRICT;";

/// The registered users; clones share one connection.
#[derive(Debug, Clone)]
pub(crate) struct Users(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    jobs: Jobs,
    /// The file of the jobs, if they have one.
    file: Option<PathBuf>,
    /// Open from the start of the component on.
    connection: Mutex<Option<Connection>>,
}

impl Users {
    pub(crate) fn new(jobs: Jobs, file: Option<PathBuf>) -> Self {
        Self(Arc::new(Inner {
            jobs,
            file,
            connection: Mutex::new(None),
        }))
    }

    /// Adds a user and enqueues the mail, both or neither; not if the id is taken.
    pub(crate) async fn add(&self, input: RegisterInput, at: Timestamp) -> Result<(), ActionError> {
        let inner = Arc::clone(&self.0);
        let added = blocking(move || inner.add(&input, at)).await;
        if !added.map_err(busy_is_unavailable)? {
            return Err(ActionError::conflict("this userId is registered already"));
        }
        // The engine would see the commit by itself, some milliseconds later.
        self.0.jobs.wake();
        Ok(())
    }

    pub(crate) async fn count(&self) -> Result<i64, BoxError> {
        let inner = Arc::clone(&self.0);
        blocking(move || {
            inner.with(|connection| {
                let count = "SELECT count(*) FROM users";
                Ok(connection.query_row(count, [], |row| row.get(0))?)
            })
        })
        .await
    }
}

impl Component for Users {
    fn name(&self) -> &str {
        "users"
    }

    async fn start(&self, _ctx: Context) -> Result<(), BoxError> {
        let inner = Arc::clone(&self.0);
        blocking(move || inner.open()).await
    }
}

impl Inner {
    fn open(&self) -> Result<(), BoxError> {
        let file = self.file.as_ref().ok_or(
            "the users need a file; set MAINSPRING_DATABASE_URL to sqlite:path/to/file.db, or \
             unset it",
        )?;
        let connection = Connection::open(file)?;
        connection.busy_timeout(LOCK_WAIT)?;
        connection.execute_batch(SETUP)?;
        *self.lock() = Some(connection);
        Ok(())
    }

    /// False if the id is taken: the table says so, whoever else writes to it.
    fn add(&self, input: &RegisterInput, at: Timestamp) -> Result<bool, BoxError> {
        self.with(|connection| {
            // A transaction that begins as a reader could not write after somebody else has.
            let mut tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let insert = "INSERT INTO users (id, email) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            if tx.execute(insert, [&input.user_id, &input.email])? == 0 {
                return Ok(false);
            }
            let mail = WelcomeMail {
                email: input.email.clone(),
                registered_at: at,
            };
            let enqueue = self.jobs.enqueue(mail);
            enqueue.in_tx_blocking(&mut tx)?;
            tx.commit()?;
            Ok(true)
        })
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, BoxError>,
    ) -> Result<T, BoxError> {
        work(self.lock().as_mut().ok_or("the users are not open yet")?)
    }

    /// What panicked while it held the connection has rolled back its transaction.
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Connection>> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nothing is wrong with a registration that could not be written in time.
fn busy_is_unavailable(error: BoxError) -> ActionError {
    let code = error
        .downcast_ref()
        .and_then(rusqlite::Error::sqlite_error_code);
    match code {
        Some(ErrorCode::DatabaseBusy) => ActionError::unavailable(RETRY_AFTER),
        _ => error.into(),
    }
}
