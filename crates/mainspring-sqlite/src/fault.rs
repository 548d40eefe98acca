//! What SQLite reports, as the kinds of errors that callers branch on.

use mainspring_core::error::{Error, ErrorKind};
use rusqlite::{ErrorCode, ffi};

/// Why a piece of work did not happen: SQLite refused, or the work itself did.
#[derive(Debug)]
pub(crate) enum Fault {
    Sqlite(rusqlite::Error),
    Refused(Error),
}

pub(crate) type Done<T> = Result<T, Fault>;

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Sqlite(error) => typed(error),
            Fault::Refused(error) => error,
        }
    }
}

pub(crate) fn is_busy(error: &rusqlite::Error) -> bool {
    use ErrorCode as C;
    matches!(
        error.sqlite_error_code(),
        Some(C::DatabaseBusy | C::DatabaseLocked)
    )
}

/// Whether there is no room: SQLite says so itself, or a write of its files failed for that
/// reason.
pub(crate) fn is_full(error: &rusqlite::Error) -> bool {
    error
        .sqlite_error()
        .is_some_and(|inner| has_no_room(*inner))
}

/// The shared memory of the log grows by a write, too.
fn has_no_room(error: ffi::Error) -> bool {
    error.code == ErrorCode::DiskFull || error.extended_code == ffi::SQLITE_IOERR_SHMSIZE
}

/// The hint of every transaction that should have begun otherwise.
pub(crate) const HINT_IMMEDIATE: &str = "begin the transaction with BEGIN IMMEDIATE: a deferred \
     one that has read cannot write after somebody else has committed";

/// The hint of every call that waits for a lock that its own task may hold.
pub(crate) const HINT_IN_TX: &str = "a transaction is open here? use `in_tx`";

/// What callers are told of a kind of error: it, its message and its hint.
type Told = (ErrorKind, &'static str, &'static str);

/// The database is there to be read alone.
const READ_ONLY: Told = (
    ErrorKind::ReadOnly,
    "the database cannot be written",
    "check the owner and mode of the file and its folder, and how the disk is mounted",
);

/// The storage has changed what was written.
const NOT_WRITTEN: Told = (
    ErrorKind::Corrupt,
    "a row of the database is not what was written",
    "restore a backup",
);

/// The error of a database that the system does not let us write.
pub(crate) fn read_only(error: std::io::Error) -> Error {
    let (kind, message, hint) = READ_ONLY;
    Error::new(kind, message).with_hint(hint).with_source(error)
}

/// The error for callers.
pub(crate) fn typed(error: rusqlite::Error) -> Error {
    let told = error.sqlite_error().and_then(|inner| told(*inner));
    match told {
        Some((kind, message, hint)) => Error::new(kind, message).with_hint(hint).with_source(error),
        None => plain(error),
    }
}

/// What callers are told of a code of SQLite, whichever driver has got it; `None` for a code that
/// means nothing to them.
pub(crate) fn told(error: ffi::Error) -> Option<Told> {
    use ErrorCode as C;
    Some(match error.code {
        _ if error.extended_code == ffi::SQLITE_BUSY_SNAPSHOT => (
            ErrorKind::Contended,
            "the transaction read before somebody else wrote",
            HINT_IMMEDIATE,
        ),
        C::DatabaseBusy | C::DatabaseLocked => (
            ErrorKind::Contended,
            "somebody else holds the lock of the database",
            HINT_IN_TX,
        ),
        C::DatabaseCorrupt | C::NotADatabase => (
            ErrorKind::Corrupt,
            "the database file is damaged",
            "stop the service, keep a copy of the file, and restore a backup or use `.recover`",
        ),
        C::ReadOnly | C::PermissionDenied | C::AuthorizationForStatementDenied => READ_ONLY,
        _ if has_no_room(error) => (
            ErrorKind::StorageFull,
            "the disk is full",
            "free some space: work goes on by itself",
        ),
        C::CannotOpen => (
            ErrorKind::StoreGone,
            "the database file cannot be opened",
            "check that its folder exists and may be written",
        ),
        // A value of a type that its column never has was written by nobody.
        _ if error.extended_code == ffi::SQLITE_CONSTRAINT_DATATYPE => NOT_WRITTEN,
        C::TypeMismatch => NOT_WRITTEN,
        _ => return None,
    })
}

fn plain(error: rusqlite::Error) -> Error {
    use rusqlite::Error as E;
    match error {
        E::InvalidColumnType(..)
        | E::IntegralValueOutOfRange(..)
        | E::FromSqlConversionFailure(..) => Error::new(
            ErrorKind::Corrupt,
            "a row of the database is not what was written",
        )
        .with_hint("restore a backup")
        .with_source(error),
        error => Error::new(ErrorKind::Io, "the database refused").with_source(error),
    }
}

/// The answer when a commit was sent and nobody knows what became of it.
pub(crate) fn unknown(error: &rusqlite::Error) -> Error {
    Error::new(
        ErrorKind::Unknown,
        "the commit failed, and may have happened",
    )
    .with_hint(format!(
        "read the job back by its id, or enqueue the same id again; SQLite said: {error}"
    ))
}

/// A row that says what cannot be.
pub(crate) fn corrupt(what: &str) -> Fault {
    Error::new(
        ErrorKind::Corrupt,
        format!("{what} is not what was written"),
    )
    .with_hint("check the storage; restore the database from a backup")
    .into()
}
