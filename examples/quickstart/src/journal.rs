//! Files of JSON lines: one line is one write, so lines of several writers never mix.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use mainspring::prelude::*;
use serde::Serialize;

/// Opens the journals before the first request, so that the app's configuration has been found good
/// when their folder is made.
pub(crate) struct Journals(pub(crate) Vec<Journal>);

impl Component for Journals {
    fn name(&self) -> &str {
        "journals"
    }

    async fn start(&self, _ctx: Context) -> Result<(), BoxError> {
        self.0.iter().try_for_each(Journal::open)
    }
}

/// A file that lines are appended to; clones append to the same file.
#[derive(Debug, Clone)]
pub(crate) struct Journal(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    file: OnceLock<File>,
}

impl Journal {
    /// A journal that takes no lines until it is opened.
    pub(crate) fn new(folder: &Path, name: &str) -> Self {
        Self(Arc::new(Inner {
            path: folder.join(name),
            file: OnceLock::new(),
        }))
    }

    fn open(&self) -> Result<(), BoxError> {
        let path = &self.0.path;
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        let opened = made.and_then(|()| OpenOptions::new().append(true).create(true).open(path));
        let file = opened.map_err(|error| {
            let (path, hint) = (
                path.display(),
                "set QUICKSTART_DATA to a folder of this user",
            );
            format!("cannot write {path}: {error}; {hint}")
        })?;
        // A component starts once, so the cell is empty.
        let _ = self.0.file.set(file);
        Ok(())
    }

    /// Appends one line. It is short, so writing it here is quicker than handing it to another
    /// thread.
    pub(crate) fn append(&self, line: &impl Serialize) -> Result<(), BoxError> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        let file = self.0.file.get();
        write_once(file.ok_or("the journal is not open yet")?, &text)
    }
}

/// Writes all of it at once. What is left after a short write must not follow in a second one:
/// another line could be between them.
fn write_once(mut file: impl Write, text: &[u8]) -> Result<(), BoxError> {
    let written = loop {
        match file.write(text) {
            // A signal came before anything was written.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => break result?,
        }
    };
    if written < text.len() {
        let whole = text.len();
        return Err(format!("only {written} of {whole} bytes of a line were written").into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes 4 bytes per write, and is interrupted before the first one.
    #[derive(Default)]
    struct Short {
        calls: usize,
        taken: Vec<u8>,
    }

    impl Write for Short {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.calls += 1;
            if self.calls == 1 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            self.taken.write(&bytes[..bytes.len().min(4)])
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_short_write_is_an_error_and_is_not_continued() {
        let mut short = Short::default();
        let error = write_once(&mut short, b"{\"a\":1}\n").unwrap_err();
        assert!(error.to_string().contains("4 of 8 bytes"), "{error}");
        assert_eq!((short.calls, &*short.taken), (2, &b"{\"a\""[..]));

        let mut short = Short::default();
        write_once(&mut short, b"{}\n").unwrap();
        assert_eq!(short.taken, b"{}\n");
    }
}
