//! How an attempt ends: what a worker says, and what a store is told.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use super::record::OUTPUT_BYTES_MAX;
use crate::error::{BoxError, Error, ErrorKind};
use crate::time::Timestamp;

/// What a worker makes of its attempt. An error it returns is retried by the job's policy.
///
/// | Outcome | The job | Uses an attempt |
/// | --- | --- | --- |
/// | `Done` | has succeeded | yes |
/// | [`Outcome::done_with`] | has succeeded, and its output is kept | yes |
/// | `RetryIn(d)` | runs again after `d`, if it has attempts left | yes |
/// | `Snooze(d)` | runs again after `d` | no |
/// | `Cancel(reason)` | is cancelled | yes |
/// | `Fail(reason)` | has failed for good | yes |
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The job has succeeded.
    Done,
    /// The job has succeeded with this output, as JSON; made by [`Outcome::done_with`].
    DoneWith(Output),
    /// The attempt failed; the next one comes after this time instead of the policy's.
    RetryIn(Duration),
    /// The job goes on after this time, and this was no attempt.
    Snooze(Duration),
    /// The job is not wanted any more, for this reason.
    Cancel(String),
    /// The job has failed, whatever attempts are left, for this reason.
    Fail(String),
}

/// The output of a job that has succeeded: JSON of at most
/// [`OUTPUT_BYTES_MAX`] bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output(Bytes);

impl Output {
    /// The JSON text.
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }
}

impl Outcome {
    /// The job has succeeded with an output that can be read by whoever awaits it.
    ///
    /// ```
    /// use mainspring_core::job::Outcome;
    ///
    /// assert!(matches!(Outcome::done_with(&42)?, Outcome::DoneWith(_)));
    /// # Ok::<(), mainspring_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// When it cannot be written as JSON, or is larger than [`OUTPUT_BYTES_MAX`].
    pub fn done_with<T: Serialize + ?Sized>(output: &T) -> Result<Self, Error> {
        let json = serde_json::to_vec(output).map_err(|error| {
            Error::new(ErrorKind::Input, "the output cannot be written as JSON")
                .with_source(BoxError::from(error))
        })?;
        if json.len() > OUTPUT_BYTES_MAX {
            let message = format!("an output of {} bytes is too large", json.len());
            return Err(Error::new(ErrorKind::Limit, message).with_hint(format!(
                "at most {OUTPUT_BYTES_MAX} bytes; keep large results in a table of your own"
            )));
        }
        Ok(Self::DoneWith(Output(Bytes::from(json))))
    }
}

/// A worker that has nothing to say is done.
impl From<()> for Outcome {
    fn from((): ()) -> Self {
        Self::Done
    }
}

/// What a store is told about the end of an attempt; the engine makes it of the worker's
/// [`Outcome`] or error and the job's retry policy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It succeeded.
    Succeed {
        /// The output, as JSON.
        output: Option<Bytes>,
    },
    /// It failed; the next attempt is due then.
    Retry {
        /// When.
        at: Timestamp,
        /// How it failed.
        error: String,
    },
    /// It goes on then, and this was no attempt.
    Snooze {
        /// When.
        at: Timestamp,
    },
    /// It is cancelled.
    Cancel {
        /// Why.
        reason: String,
    },
    /// It failed for good.
    Fail {
        /// How.
        error: String,
    },
    /// It was given back unstarted, and this was no attempt.
    Release,
}

impl Verdict {
    /// The word that a job's history shows.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Succeed { .. } => "succeeded",
            Self::Retry { .. } => "retried",
            Self::Snooze { .. } => "snoozed",
            Self::Cancel { .. } => "cancelled",
            Self::Fail { .. } => "failed",
            Self::Release => "released",
        }
    }
}
