//! How a connection of ours is opened, and what it insists on.

use std::path::Path;
use std::time::Duration;

use mainspring_core::error::{Error, ErrorKind};
use rusqlite::{Connection, OpenFlags};

use crate::fault::{self, is_busy, typed};
use crate::seam::{self, IoInstant};

/// The oldest SQLite that may be used: older ones can damage a WAL database when two connections
/// checkpoint and write at the same time.
pub const SQLITE_VERSION_MIN: (u32, u32, u32) = (3, 51, 3);

/// How long a read waits for a lock, which only the recovery after a crash holds against it.
const READ_WAIT: Duration = Duration::from_secs(5);

/// How long the opening waits for somebody who migrates or holds the lock.
const OPEN_PATIENCE: Duration = Duration::from_secs(20);

/// How long it rests before it asks again.
const OPEN_REST: Duration = Duration::from_millis(5);

/// What stays of the write-ahead log after it was written back, so that one burst does not keep
/// the disk for ever.
const JOURNAL_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The pages that the writer keeps in memory, in KiB: the part of the tables that a backlog of
/// some hundred thousand jobs touches.
const CACHE_KIB: u32 = 64 * 1024;

/// How far a commit goes before it is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// Nothing is flushed: for tests, whose file dies with them.
    Off,
    /// The file is never damaged, but a power failure loses the last commits.
    Normal,
    /// What was acknowledged survives a power failure.
    #[default]
    Full,
}

impl Synchronous {
    pub(crate) const fn pragma(self) -> &'static str {
        match self {
            Self::Off => "PRAGMA synchronous = OFF",
            Self::Normal => "PRAGMA synchronous = NORMAL",
            Self::Full => "PRAGMA synchronous = FULL",
        }
    }
}

/// The connection that writes. It waits for no lock by itself; see the writer.
pub(crate) fn open_writer(path: &Path) -> Result<Connection, Error> {
    let connection = open(path)?;
    let set = || -> rusqlite::Result<()> {
        connection.busy_timeout(READ_WAIT)?;
        // SQLite itself does not wait here, for it could wait for one who waits for us.
        let switch = || connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0));
        let mode: String = patiently(switch)?;
        if mode != "wal" {
            return Err(rusqlite::Error::InvalidQuery);
        }
        connection.execute_batch(&format!(
            "PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = {JOURNAL_BYTES_MAX};
             PRAGMA cache_size = -{CACHE_KIB}; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;
             PRAGMA foreign_keys = OFF; PRAGMA recursive_triggers = OFF;"
        ))
    };
    set().map_err(|error| match error {
        rusqlite::Error::InvalidQuery => no_wal(),
        error => unless_read_only(path, typed(error)),
    })?;
    Ok(connection)
}

/// A file that is there and cannot be opened may be one that cannot be written: SQLite does not say
/// so when it is the log beside it that it cannot make.
fn unless_read_only(path: &Path, error: Error) -> Error {
    use std::io::ErrorKind as Io;
    let refused = match std::fs::OpenOptions::new().write(true).open(path) {
        Err(refused) if error.kind() == ErrorKind::StoreGone => refused,
        _ => return error,
    };
    match refused.kind() {
        Io::ReadOnlyFilesystem | Io::PermissionDenied => fault::read_only(refused),
        _ => error,
    }
}

/// A connection that only reads.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, Error> {
    let connection = open(path)?;
    let set = || {
        connection.busy_timeout(READ_WAIT)?;
        connection.execute_batch("PRAGMA query_only = ON; PRAGMA mmap_size = 0;")
    };
    set().map_err(typed)?;
    Ok(connection)
}

/// Does something that needs the lock, waiting for whoever holds it.
pub(crate) fn patiently<T>(mut run: impl FnMut() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let since = IoInstant::now();
    loop {
        match run() {
            Err(error) if is_busy(&error) && since.elapsed() < OPEN_PATIENCE => {
                seam::rest(OPEN_REST);
            }
            result => return result,
        }
    }
}

/// Refuses a SQLite that can damage the file.
pub(crate) fn check_version() -> Result<(), Error> {
    check_version_of(rusqlite::version())
}

fn check_version_of(version: &str) -> Result<(), Error> {
    let mut parts = version
        .split('.')
        .map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    let found = (next(), next(), next());
    if found >= SQLITE_VERSION_MIN {
        return Ok(());
    }
    let (major, minor, patch) = SQLITE_VERSION_MIN;
    Err(Error::new(
        ErrorKind::Config,
        format!("SQLite {version} can damage a database that two processes share"),
    )
    .with_hint(format!(
        "link SQLite {major}.{minor}.{patch} or newer; the bundled one is"
    )))
}

fn open(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags).map_err(typed)
}

fn no_wal() -> Error {
    Error::new(
        ErrorKind::Config,
        "the database cannot keep a write-ahead log",
    )
    .with_hint("put it on a local file system that shares memory between processes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_library_is_refused() {
        for (version, fits) in [
            ("3.51.2", false),
            ("3.9.9", false),
            ("3.51.3", true),
            ("4.0", true),
        ] {
            assert_eq!(check_version_of(version).is_ok(), fits, "{version}");
        }
        assert!(check_version().is_ok());
    }
}
