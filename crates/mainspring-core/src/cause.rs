//! Why something was cancelled.

use std::fmt;
use std::sync::Arc;

use crate::error::BoxError;

/// Why a context was cancelled or an app shut down; cheap to clone.
///
/// ```
/// use mainspring_core::cause::{Cause, CauseKind};
///
/// let cause = Cause::from("the report was withdrawn");
/// assert_eq!(cause.kind(), CauseKind::Asked);
/// assert_eq!(cause.to_string(), "the report was withdrawn");
/// ```
#[derive(Clone)]
pub struct Cause(Arc<Inner>);

struct Inner {
    kind: CauseKind,
    text: String,
}

/// The kinds of causes, for code that must branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CauseKind {
    /// Somebody's code asked for it.
    Asked,
    /// A limit passed.
    Limit,
    /// The app is shutting down, or the component that owns the work is being stopped.
    Shutdown,
    /// The client of the request has gone.
    ClientGone,
    /// A later run of the same work replaced it.
    Replaced,
    /// The work itself is done: a request is, once its response has been sent.
    Finished,
}

impl Cause {
    /// A cause in words.
    pub fn new(kind: CauseKind, text: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            kind,
            text: text.into(),
        }))
    }

    /// A limit that passed, in words that name it.
    pub fn limit(text: impl Into<String>) -> Self {
        Self::new(CauseKind::Limit, text)
    }

    /// A shutdown, in words that say who asked.
    pub fn shutdown(text: impl Into<String>) -> Self {
        Self::new(CauseKind::Shutdown, text)
    }

    /// What kind of cause it is.
    pub fn kind(&self) -> CauseKind {
        self.0.kind
    }

    /// Whether a limit passed.
    pub fn is_limit(&self) -> bool {
        self.0.kind == CauseKind::Limit
    }

    /// Whether the app or the owner is shutting down.
    pub fn is_shutdown(&self) -> bool {
        self.0.kind == CauseKind::Shutdown
    }
}

impl From<&str> for Cause {
    fn from(text: &str) -> Self {
        Self::new(CauseKind::Asked, text)
    }
}

impl From<String> for Cause {
    fn from(text: String) -> Self {
        Self::new(CauseKind::Asked, text)
    }
}

impl From<BoxError> for Cause {
    fn from(error: BoxError) -> Self {
        Self::new(CauseKind::Asked, error.to_string())
    }
}

impl PartialEq for Cause {
    fn eq(&self, other: &Self) -> bool {
        self.0.kind == other.0.kind && self.0.text == other.0.text
    }
}

impl Eq for Cause {}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({:?})", self.0.kind, self.0.text)
    }
}

impl std::error::Error for Cause {}
