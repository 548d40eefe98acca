//! Files of JSON lines: one line is one write, so lines of several writers never mix.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
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
        write_once(&*self.0, &text)
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
