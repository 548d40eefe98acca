//! Uniqueness: at most one job for a key, within a scope.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, ErrorKind};

/// A key made of several values: no two different lists of values give the same key.
///
/// ```
/// use mainspring_core::job::key_of;
///
/// assert_eq!(key_of(&[&7, &"a/b"]), "7/a\\/b");
/// ```
pub fn key_of(values: &[&dyn fmt::Display]) -> String {
    let escaped = values.iter().map(|value| {
        let text = value.to_string();
        match text.contains(['\\', '/']) {
            true => text.replace('\\', "\\\\").replace('/', "\\/"),
            false => text,
        }
    });
    match values {
        // Nothing to tell apart.
        [value] => value.to_string(),
        _ => escaped.collect::<Vec<_>>().join("/"),
    }
}

/// The longest unique or concurrency key, in bytes; longer ones are hashed by whoever makes them.
pub const KEY_BYTES_MAX: usize = 256;

/// A key of which at most one job exists within a scope. Keys of different kinds never meet.
///
/// ```
/// use mainspring_core::job::{OnConflict, Scope, Unique};
/// use std::time::Duration;
///
/// let unique = Unique::new("tenant-7").within(Scope::For(Duration::from_secs(3600)));
/// assert_eq!(unique.on_conflict, OnConflict::Keep);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unique {
    /// The key.
    pub key: Arc<str>,
    /// How long the key stays taken.
    pub scope: Scope,
    /// What an enqueue does when the key is taken.
    pub on_conflict: OnConflict,
}

/// How long a unique key stays taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scope {
    /// Until the job starts: what happens meanwhile gets a job of its own.
    UntilStarted,
    /// Until the job is over. A retry keeps the key.
    #[default]
    UntilFinished,
    /// For this time from the enqueue, whatever becomes of the job, even its removal.
    For(Duration),
}

/// What an enqueue does when the key is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnConflict {
    /// Keep the job that is there; the handle says *existing*.
    #[default]
    Keep,
    /// Give the job that is there the new payload and time if it still waits; else keep it.
    Replace,
    /// Refuse with an error.
    Error,
}

impl Unique {
    /// Unique until the job is over; the one that is there is kept.
    pub fn new(key: impl Into<Arc<str>>) -> Self {
        Self {
            key: key.into(),
            scope: Scope::default(),
            on_conflict: OnConflict::default(),
        }
    }

    /// Sets the scope.
    #[must_use]
    pub fn within(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Gives the job that is there the new payload and time.
    #[must_use]
    pub fn or_replace(mut self) -> Self {
        self.on_conflict = OnConflict::Replace;
        self
    }

    /// Refuses when the key is taken.
    #[must_use]
    pub fn or_error(mut self) -> Self {
        self.on_conflict = OnConflict::Error;
        self
    }

    /// Checks the key's length.
    ///
    /// # Errors
    /// When it is empty or longer than [`KEY_BYTES_MAX`].
    pub fn check(&self) -> Result<(), Error> {
        check_key("unique key", &self.key)
    }
}

/// Unique until the job is over; the one that is there is kept.
impl From<&str> for Unique {
    fn from(key: &str) -> Self {
        Self::new(key)
    }
}

/// Unique until the job is over; the one that is there is kept.
impl From<String> for Unique {
    fn from(key: String) -> Self {
        Self::new(key)
    }
}

pub(super) fn check_key(what: &str, key: &str) -> Result<(), Error> {
    if (1..=KEY_BYTES_MAX).contains(&key.len()) {
        return Ok(());
    }
    let message = format!("a {what} of {} bytes is not allowed", key.len());
    Err(Error::new(ErrorKind::Limit, message).with_hint(format!(
        "use 1 to {KEY_BYTES_MAX} bytes; hash what is longer"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_different_values_differ() {
        let parts = ["", "a", "/", "\\", "a/", "/a", "\\/"];
        let mut keys = Vec::new();
        for first in parts {
            for second in parts {
                keys.push(key_of(&[&first, &second]));
            }
        }
        let count = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }
}
