//! Removing the files of sessions that nobody knows: a process that dies right before it has
//! written its session, or right after it has rescued one, leaves such a file.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use mainspring_core::job::SessionId;

use crate::life;

/// Files that nobody owns, locked against whoever is about to make one of that name.
#[derive(Debug)]
pub(crate) struct Stray(Vec<(SessionId, PathBuf, File)>);

impl Stray {
    /// The files of sessions that are not known and whose lock is free.
    pub(crate) fn find(database: &Path, known: &BTreeSet<SessionId>) -> Self {
        let entries = fs::read_dir(life::folder(database)).ok();
        let unknown = entries.into_iter().flatten().flatten().filter_map(|entry| {
            let session = entry.file_name().to_str()?.parse().ok()?;
            (!known.contains(&session)).then(|| (session, entry.path()))
        });
        let locked = unknown.filter_map(|(session, path)| {
            let file = File::options().write(true).open(&path).ok()?;
            file.try_lock().ok()?;
            // Somebody else may have swept it away meanwhile.
            path.exists().then_some((session, path, file))
        });
        Self(locked.collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Removes those that are still not known; read them after [`find`](Stray::find), since a
    /// session is written only by who holds the lock of its file.
    pub(crate) fn remove(self, known: &BTreeSet<SessionId>) {
        for (session, path, file) in self.0 {
            if !known.contains(&session) {
                life::remove(&path);
            }
            // The lock is held until the file is gone.
            drop(file);
        }
    }
}
