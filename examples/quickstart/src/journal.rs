//! Files of JSON lines: one line is one write, so a crash never leaves half a line behind another
//! one.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use mainspring::error::{BoxError, Error, ErrorKind};
use serde::Serialize;

/// A file that lines are appended to; clones append to the same file.
#[derive(Debug, Clone)]
pub(crate) struct Journal(Arc<File>);

impl Journal {
    pub(crate) fn open(folder: &Path, name: &str) -> Result<Self, Error> {
        let path = folder.join(name);
        let opened = std::fs::create_dir_all(folder)
            .and_then(|()| OpenOptions::new().append(true).create(true).open(&path));
        let file = opened.map_err(|error| {
            Error::new(ErrorKind::Io, format!("cannot write {}", path.display()))
                .with_source(error)
                .with_hint("set QUICKSTART_DATA to a folder that this user may write")
        })?;
        Ok(Self(Arc::new(file)))
    }

    /// Appends one line. It is short, so writing it here is quicker than handing it to another
    /// thread.
    pub(crate) fn append(&self, line: &impl Serialize) -> Result<(), BoxError> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        (&*self.0).write_all(&text)?;
        Ok(())
    }
}
