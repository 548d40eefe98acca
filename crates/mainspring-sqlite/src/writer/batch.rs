//! One transaction of many callers.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::time::Duration;

use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::telemetry::event;
use rusqlite::{Connection, ErrorCode};

use super::doze::Dozing;
use super::inbox::Inbox;
use super::lock::{self, Entry};
use super::tend::Tending;
use super::tx::Memory;
use super::{Class, LOOK_EVERY, Message, Request, Shared, Start, Tx};
use crate::connection::Synchronous;
use crate::fault::{Done, Fault, is_busy, is_full, typed, unknown};
use crate::file::Watched;
use crate::seam::IoInstant;
use crate::sql::{Sql, Statements};
use mainspring_core::store::rules::closed;

/// The most rows that one transaction writes: more gains nothing and keeps everybody waiting.
pub(super) const ROWS_MAX: usize = 8_000;

/// The longest time in which one transaction takes up more work.
const TIME_MAX: Duration = Duration::from_millis(20);

/// How long work that the disk had no room for waits before it is tried again.
const FULL_REST: Duration = Duration::from_millis(100);

/// The writer's own hand: its connection and what it remembers.
pub(super) struct Hand<'c> {
    connection: &'c Connection,
    sql: Statements<'c>,
    shared: &'c Shared,
    memory: Memory,
    file: Watched,
    synchronous: Synchronous,
    at: Option<Synchronous>,
    version: Option<i64>,
    looked: IoInstant,
    tending: Tending,
    dozing: Dozing,
    log: PathBuf,
    foreign: Option<IoInstant>,
    /// The last transaction met a full disk.
    full: bool,
}

/// What became of a transaction.
enum End {
    Committed,
    /// It was taken back, because this much of the work could not be done together.
    Apart,
    Failed(rusqlite::Error),
    Unknown(rusqlite::Error),
}

impl<'c> Hand<'c> {
    pub(super) fn new(
        connection: &'c Connection,
        start: Start,
        shared: &'c Shared,
        tell: Sender<Message>,
    ) -> Self {
        Self {
            connection,
            sql: Statements::new(connection),
            shared,
            memory: Memory::default(),
            log: start.file.log(),
            file: start.file,
            synchronous: start.synchronous,
            at: None,
            version: None,
            looked: IoInstant::now(),
            tending: Tending::new(),
            dozing: Dozing::new(tell),
            foreign: None,
            full: false,
        }
    }

    /// How long to wait for the next message.
    pub(super) fn wait(&mut self, waiting: &[Request]) -> Duration {
        if waiting.is_empty() {
            self.dozing.wait(&self.log)
        } else {
            FULL_REST
        }
    }

    /// The system has told that somebody writes to the log.
    pub(super) fn told(&mut self) {
        self.dozing.told();
    }

    /// Does the work and answers it; gives back what has to be tried again later.
    pub(super) fn commit(&mut self, mut work: Vec<Request>, inbox: &mut Inbox<'_>) -> Vec<Request> {
        if work.is_empty() {
            return work;
        }
        self.dozing.stir();
        if let Err(error) = self.file.check() {
            answer_all(work, &error);
            return Vec::new();
        }
        let mut apart = false;
        while !work.is_empty() {
            work = match self.enter(work, inbox) {
                Entry::Begun(work) => work,
                Entry::Nobody => return Vec::new(),
                Entry::Failed(error, work) => {
                    return self.fail(work, &error);
                }
            };
            let mut results = Vec::with_capacity(work.len());
            match self.transact(&mut work, &mut results, apart) {
                End::Committed => {
                    self.full = false;
                    let rest = work.split_off(results.len().min(work.len()));
                    self.answer(work, results);
                    work = rest;
                    apart = false;
                }
                End::Apart => apart = true,
                End::Failed(error) => {
                    return self.fail(work, &error);
                }
                End::Unknown(error) => {
                    answer_all(work, &unknown(&error));
                    return Vec::new();
                }
            }
        }
        work
    }

    /// Answers those who cannot wait and gives back those who can; a full disk is told once.
    fn fail(&mut self, work: Vec<Request>, error: &rusqlite::Error) -> Vec<Request> {
        let full = is_full(error);
        if full && !self.full {
            tracing::error!(
                name: event::STORE_FULL,
                %error,
                "the disk of the job database is full; work goes on when there is room"
            );
        }
        self.full = full;
        split(work, error)
    }

    /// Begins a transaction, waiting for the lock; whoever cannot wait so long is answered, and
    /// whoever comes meanwhile joins.
    fn enter(&mut self, mut work: Vec<Request>, inbox: &mut Inbox<'_>) -> Entry {
        let mut wait = lock::Wait::new();
        loop {
            let begun = self.begin(&work);
            match begun {
                Ok(()) => {
                    let guards = work.iter().filter_map(|request| request.guard.as_ref());
                    guards.for_each(|guard| guard.is_over());
                    return Entry::Begun(work);
                }
                Err(error) if is_busy(&error) => {}
                Err(error) => return Entry::Failed(error, work),
            }
            inbox.take(&mut work);
            // Who looks does not wait for the lock: reading needs none.
            self.answer_looks(inbox, false);
            work = lock::still_waiting(&self.sql, self.shared, work);
            if work.is_empty() {
                return Entry::Nobody;
            }
            wait.once(work.len());
        }
    }

    fn begin(&mut self, work: &[Request]) -> rusqlite::Result<()> {
        let synchronous = self.synchronous_of(work);
        self.set(synchronous)?;
        self.connection.busy_timeout(Duration::ZERO)?;
        self.sql.execute(Sql::BeginImmediate, ()).map(drop)
    }

    /// Runs one transaction over as much of the work as its limits allow.
    fn transact(
        &mut self,
        work: &mut [Request],
        results: &mut Vec<Result<(), Error>>,
        apart: bool,
    ) -> End {
        let began = IoInstant::now();
        let changes = self.connection.total_changes();
        let ran = self.run(work, results, apart, began);
        match ran {
            Ok(true) => {}
            Ok(false) => {
                return match self.roll_back() {
                    Ok(()) => End::Apart,
                    Err(error) => End::Failed(error),
                };
            }
            Err(error) => {
                return match self.roll_back() {
                    Ok(()) => End::Failed(error),
                    Err(other) => End::Failed(other),
                };
            }
        }
        if let Err(error) = self.sql.execute(Sql::Commit, ()) {
            // The end of a commit is written last: what there was no room for has none that a
            // recovery would find. (The log's shared memory grows after it, and is no such case.)
            let known = error.sqlite_error_code() == Some(ErrorCode::DiskFull);
            // The commit has been sent: what SQLite takes back now may still be in the log.
            return match self.roll_back() {
                Ok(()) if known => End::Failed(error),
                Ok(()) | Err(_) => End::Unknown(error),
            };
        }
        self.memory.committed();
        let written = self.connection.total_changes().saturating_sub(changes);
        self.tending.wrote(written, began.elapsed());
        End::Committed
    }

    /// `false` when a part failed after it had written, so that all must be taken back and done
    /// with savepoints.
    fn run(
        &mut self,
        work: &mut [Request],
        results: &mut Vec<Result<(), Error>>,
        apart: bool,
        began: IoInstant,
    ) -> rusqlite::Result<bool> {
        let mut tx = Tx {
            sql: &self.sql,
            memory: &mut self.memory,
        };
        match tx.drop_spent() {
            Ok(()) => {}
            Err(Fault::Sqlite(error)) => return Err(error),
            Err(Fault::Refused(_)) => {}
        }
        for (index, request) in work.iter_mut().enumerate() {
            if index > 0 && began.elapsed() > TIME_MAX {
                break;
            }
            let before = tx.sql.connection.total_changes();
            let effects = tx.memory.effects.len();
            if apart {
                tx.sql.execute(Sql::Savepoint, ())?;
            }
            let done = request.run(&mut tx);
            if done.is_err() {
                tx.memory.effects.truncate(effects);
            }
            if let Some(error) = fatal(tx.sql.connection, &done) {
                return Err(error);
            }
            let wrote = tx.sql.connection.total_changes() != before;
            if apart {
                if done.is_err() {
                    tx.sql.execute(Sql::RollbackTo, ())?;
                    tx.memory.forget_lanes();
                }
                tx.sql.execute(Sql::Release, ())?;
            } else if done.is_err() && wrote {
                return Ok(false);
            }
            results.push(done.map_err(Error::from));
        }
        Ok(true)
    }

    fn roll_back(&mut self) -> rusqlite::Result<()> {
        self.memory.rolled_back();
        if self.connection.is_autocommit() {
            return Ok(());
        }
        self.sql.execute(Sql::Rollback, ()).map(drop)
    }

    fn answer(&self, work: Vec<Request>, results: Vec<Result<(), Error>>) {
        let loud = work.iter().any(|request| request.loud);
        for (request, result) in work.into_iter().zip(results) {
            request.answer(result);
        }
        if loud {
            self.shared.hint();
        }
    }

    /// Whether somebody else has committed since the last look; tells whoever listens.
    fn look(&mut self, now: bool) -> Result<bool, Error> {
        if !now && self.looked.elapsed() < LOOK_EVERY {
            return Ok(false);
        }
        self.looked = IoInstant::now();
        let read = self
            .sql
            .row(Sql::SelectDataVersion, (), |row| row.get::<_, i64>(0));
        let version = read.map_err(typed)?;
        let changed = self.version.is_some() && version != self.version;
        self.version = version;
        if changed {
            self.foreign = Some(self.looked);
            self.dozing.stir();
            self.shared.hint();
        }
        Ok(changed)
    }

    /// Looks, if it is time or somebody asks, and tells whoever asked.
    pub(super) fn answer_looks(&mut self, inbox: &mut Inbox<'_>, idle: bool) {
        let asked = !inbox.looks.is_empty();
        let mut changed = self.look(idle || asked);
        if asked && let Err(error) = self.file.check() {
            changed = Err(error);
        }
        for reply in inbox.looks.drain(..) {
            // Nobody waits for it any more: nothing to do.
            drop(reply.send(changed.clone()));
        }
    }

    /// Housekeeping between transactions.
    pub(super) fn tend(&mut self, had: bool) {
        self.tending.tend(self.connection, had, self.foreign);
    }

    /// Answers what is left and leaves the file as small as it can be.
    pub(super) fn end(&mut self, waiting: Vec<Request>) {
        self.shared.closing.store(true, Ordering::Release);
        answer_all(waiting, &closed());
        self.tending.truncate(self.connection);
    }

    fn synchronous_of(&self, work: &[Request]) -> Synchronous {
        let light = work.iter().all(|request| request.class == Class::Light);
        match self.synchronous {
            Synchronous::Full if light => Synchronous::Normal,
            other => other,
        }
    }

    fn set(&mut self, synchronous: Synchronous) -> rusqlite::Result<()> {
        if self.at != Some(synchronous) {
            self.connection.execute_batch(synchronous.pragma())?;
            self.at = Some(synchronous);
        }
        Ok(())
    }
}

/// An error after which the transaction cannot go on, whoever caused it.
fn fatal(connection: &Connection, done: &Done<()>) -> Option<rusqlite::Error> {
    let Err(Fault::Sqlite(error)) = done else {
        return None;
    };
    use rusqlite::ErrorCode as C;
    let code = error.sqlite_error_code();
    let everybody = matches!(
        code,
        Some(C::DiskFull | C::SystemIoFailure | C::DatabaseCorrupt | C::NotADatabase | C::ReadOnly)
    );
    (everybody || connection.is_autocommit()).then(|| copy(error))
}

/// SQLite's own part of an error, which can be given to many.
fn copy(error: &rusqlite::Error) -> rusqlite::Error {
    match error {
        rusqlite::Error::SqliteFailure(inner, text) => {
            rusqlite::Error::SqliteFailure(*inner, text.clone())
        }
        _ => rusqlite::Error::InvalidQuery,
    }
}

/// Answers those who cannot wait and gives back those who can: while the disk is full, nobody
/// loses anything by trying again.
fn split(work: Vec<Request>, error: &rusqlite::Error) -> Vec<Request> {
    let full = is_full(error);
    let (again, told) = work
        .into_iter()
        .partition(|request| full && request.patient);
    answer_all(told, &typed(copy(error)));
    again
}

fn answer_all(work: Vec<Request>, error: &Error) {
    for request in work {
        request.answer(Err(error.clone()));
    }
}

/// The answer to callers whose lock did not come.
pub(super) fn contended() -> Error {
    Error::new(
        ErrorKind::Contended,
        "somebody else holds the lock of the database",
    )
    .with_hint(crate::fault::HINT_IN_TX)
}
