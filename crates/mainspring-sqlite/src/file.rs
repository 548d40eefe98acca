//! The database file as the file system shows it; it is never opened here.
//!
//! Closing a file drops every POSIX lock that the process has on it, SQLite's too, so nothing but
//! SQLite may open the database.

use std::path::{Path, PathBuf};

use mainspring_core::error::{Error, ErrorKind};

/// The file that was opened, by what tells it from another of the same name.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    path: PathBuf,
    identity: Option<(u64, u64)>,
}

impl Watched {
    /// Remembers the file.
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            identity: std::fs::metadata(path).ok().as_ref().and_then(identity),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its write-ahead log.
    pub(crate) fn log(&self) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push("-wal");
        PathBuf::from(name)
    }

    /// Whether it is still there, the same one, and not cut off.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let found = std::fs::metadata(&self.path).map_err(|error| gone().with_source(error))?;
        if identity(&found) != self.identity {
            return Err(gone());
        }
        if found.len() == 0 {
            let message = "the database file has been cut to nothing";
            return Err(Error::new(ErrorKind::Corrupt, message).with_hint("restore a backup"));
        }
        Ok(())
    }
}

fn gone() -> Error {
    Error::new(
        ErrorKind::StoreGone,
        "the database file has been deleted or replaced",
    )
    .with_hint("restart the service; a file must not be moved while it is open")
}

#[cfg(unix)]
fn identity(found: &std::fs::Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((found.dev(), found.ino()))
}

#[cfg(not(unix))]
fn identity(_: &std::fs::Metadata) -> Option<(u64, u64)> {
    None
}
