//! The private database of a test: a copy of a template that is migrated once per process.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use mainspring_core::time::Timestamp;
use mainspring_sqlite::SqliteSource;
use tempfile::TempDir;

/// The bytes of the migrated template.
static TEMPLATE: OnceLock<Vec<u8>> = OnceLock::new();

/// A database file in a folder of its own, which is removed with this.
#[derive(Debug)]
pub(crate) struct Database {
    folder: TempDir,
    source: SqliteSource,
}

impl Database {
    /// # Panics
    /// When the folder for temporary files cannot be written.
    pub(crate) fn new(now: Timestamp) -> Self {
        let folder = tempfile::tempdir().unwrap_or_else(|error| cannot("make a folder", &error));
        let template = folder.path().join("template.db");
        if let Some(bytes) = TEMPLATE.get() {
            fs::write(&template, bytes).unwrap_or_else(|error| cannot("write a file", &error));
        }
        let source = SqliteSource::template(&template, &path(&folder), now)
            .unwrap_or_else(|error| panic!("the test's database cannot be made: {error:?}"));
        TEMPLATE.get_or_init(|| {
            fs::read(&template).unwrap_or_else(|error| cannot("read a file", &error))
        });
        // It is only a template, and a test that lists the folder should see its own files.
        drop(fs::remove_file(&template));
        Self { folder, source }
    }

    pub(crate) fn path(&self) -> PathBuf {
        path(&self.folder)
    }

    pub(crate) fn source(&self) -> &SqliteSource {
        &self.source
    }
}

fn path(folder: &TempDir) -> PathBuf {
    Path::join(folder.path(), "app.db")
}

fn cannot<T>(what: &str, error: &std::io::Error) -> T {
    panic!(
        "a test cannot {what} in {}: {error}",
        std::env::temp_dir().display()
    )
}
