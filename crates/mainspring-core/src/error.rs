//! The one error type: opaque, cheap to clone, with a kind, a cause chain and a hint.

use std::fmt;
use std::sync::Arc;

/// Any error a user's code may return.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// An error of Mainspring itself.
///
/// There is one type, because callers rarely do more than show it; those that branch ask
/// [`Error::kind`]. `Display` is the message alone; `Debug` is the text for people: the message,
/// every cause and the hint, which is what a `main` that returns this error prints.
///
/// ```
/// use mainspring_core::error::{Error, ErrorKind};
///
/// let error = Error::new(ErrorKind::Bind, "cannot listen on 127.0.0.1:80")
///     .with_hint("set MAINSPRING_HTTP_ADDR to another address");
/// assert_eq!(error.to_string(), "cannot listen on 127.0.0.1:80");
/// assert_eq!(error.hint(), Some("set MAINSPRING_HTTP_ADDR to another address"));
/// assert!(format!("{error:?}").contains("hint: set MAINSPRING_HTTP_ADDR"));
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
    list: Vec<Error>,
}

/// What went wrong, for code that must branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting or a registration is wrong; nothing was started.
    Config,
    /// A socket could not be bound; nothing was started.
    Bind,
    /// A component failed to start; what had started was stopped again.
    Start,
    /// A limit was reached: a queue is full, a text too long, a time too short.
    Limit,
    /// The app is shutting down and takes no new work.
    ShuttingDown,
    /// A task panicked.
    Panicked,
    /// A task was aborted before it returned.
    Aborted,
    /// Input could not be understood.
    Input,
    /// Reading or writing failed.
    Io,
    /// Somebody else held the database's lock for too long; nothing was written.
    Contended,
    /// The commit was sent and its answer lost: it may have happened or not. Read back before
    /// anything else; an enqueue of the same id may be repeated.
    Unknown,
    /// The storage is full; nothing was written.
    StorageFull,
    /// The storage cannot be written.
    ReadOnly,
    /// What was read is not what was written.
    Corrupt,
    /// The store's file or server has gone, or is not the one it was.
    StoreGone,
    /// The transaction belongs to another database.
    WrongStore,
    /// The store's schema is newer, older or other than this program knows.
    Schema,
    /// Somebody else owns the job by now, or nobody; nothing was written.
    Fenced,
    /// A unique key is taken.
    Taken,
    /// There is no such job, queue or schedule.
    NotFound,
    /// What was asked makes no sense in the state the job is in.
    IllegalState,
    /// Not connected yet, or closed already.
    Closed,
}

impl Error {
    /// Makes an error; the message is lower case and does not repeat its cause.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            kind,
            message: message.into(),
            hint: None,
            source: None,
            list: Vec::new(),
        }))
    }

    /// Joins several errors into one, which lists them all; a single one stays as it is.
    ///
    /// Returns `None` for an empty list.
    pub fn join(kind: ErrorKind, what: &str, mut errors: Vec<Error>) -> Option<Self> {
        if errors.len() < 2 {
            return errors.pop();
        }
        let mut joined = Self::new(kind, format!("{} {what}", errors.len()));
        joined.edit().list = errors;
        Some(joined)
    }

    /// Adds what the reader should do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.edit().hint = Some(hint.into());
        self
    }

    /// Adds the error that caused this one.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.edit().source = Some(Arc::from(source.into()));
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What to do next, if we know.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The errors this one joins; empty for a plain error.
    pub fn list(&self) -> &[Error] {
        &self.0.list
    }

    /// Whether a setting or registration is wrong.
    pub fn is_config(&self) -> bool {
        self.0.kind == ErrorKind::Config
    }

    /// Whether the app refused because it is shutting down.
    pub fn is_shutting_down(&self) -> bool {
        self.0.kind == ErrorKind::ShuttingDown
    }

    /// Whether somebody else owns the job by now.
    pub fn is_fenced(&self) -> bool {
        self.0.kind == ErrorKind::Fenced
    }

    fn edit(&mut self) -> &mut Inner {
        Arc::make_mut(&mut self.0)
    }

    fn write_human(&self, f: &mut fmt::Formatter<'_>, indent: &str) -> fmt::Result {
        write!(f, "{}", self.0.message)?;
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        for error in &self.0.list {
            write!(f, "\n{indent}  - ")?;
            error.write_human(f, &format!("{indent}    "))?;
        }
        match &self.0.hint {
            Some(hint) => write!(f, "\n{indent}hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_human(f, "")
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn std::error::Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_is_the_text_for_people() {
        let io = std::io::Error::new(std::io::ErrorKind::AddrInUse, "address in use");
        let bind = Error::new(ErrorKind::Bind, "cannot listen on 127.0.0.1:80")
            .with_source(io)
            .with_hint("set MAINSPRING_HTTP_ADDR");
        let name = Error::new(ErrorKind::Config, "two components are called `cache`");
        let joined = Error::join(ErrorKind::Config, "configuration errors", vec![bind, name]);
        let text = format!("{:?}", joined.expect("two errors were joined"));
        let expected = "2 configuration errors\n  - cannot listen on 127.0.0.1:80: address in use\
                        \n    hint: set MAINSPRING_HTTP_ADDR\
                        \n  - two components are called `cache`";
        assert_eq!(text, expected);
    }

    #[test]
    fn joining_one_error_keeps_it_and_none_gives_none() {
        let one = Error::new(ErrorKind::Limit, "too long");
        let joined = Error::join(ErrorKind::Config, "errors", vec![one]).expect("one error");
        assert_eq!(joined.kind(), ErrorKind::Limit);
        assert!(Error::join(ErrorKind::Config, "errors", Vec::new()).is_none());
    }
}
