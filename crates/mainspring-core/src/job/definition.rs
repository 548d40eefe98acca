//! What a user writes to make a type a job.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Gate, Priority, QUEUE_DEFAULT, Retry, Unique};
use crate::error::BoxError;

/// A type whose values are work to be done: what is enqueued, kept and given to a worker.
///
/// Usually derived:
///
/// ```text
/// #[derive(Serialize, Deserialize, Job)]
/// #[job(kind = "welcome-mail", queue = "mail", max_attempts = 8, timeout = "30s")]
/// struct WelcomeMail { user_id: u64 }
/// ```
///
/// By hand it is one line, and every default is a method:
///
/// ```
/// use mainspring_core::job::Job;
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct WelcomeMail { user_id: u64 }
///
/// impl Job for WelcomeMail {
///     const KIND: &'static str = "welcome-mail";
/// }
/// assert_eq!(WelcomeMail::options().queue, "default");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a job",
    note = "derive it: `#[derive(Serialize, Deserialize, Job)]` and `#[job(kind = \"…\")]`"
)]
pub trait Job: Serialize + DeserializeOwned + Send + 'static {
    /// The name under which its jobs are kept; it must not change while any of them is.
    const KIND: &'static str;

    /// Former names, whose jobs the worker takes as well.
    const ALIASES: &'static [&'static str] = &[];

    /// The version of its shape; raise it with each incompatible change.
    const VERSION: u16 = 1;

    /// How its jobs are treated unless an enqueue says otherwise.
    fn options() -> JobOptions {
        JobOptions::default()
    }

    /// The key of which only one of its jobs may exist; none by default.
    fn unique(&self) -> Option<Unique> {
        None
    }

    /// The limits it shares with others of a key; none by default.
    fn gate(&self) -> Option<Gate> {
        None
    }

    /// Makes a job of a payload that an older version wrote.
    ///
    /// By default the older payload is read as it is, which suits new optional fields.
    ///
    /// # Errors
    /// When it cannot be; the job fails for good then.
    fn upgrade(version: u16, payload: serde_json::Value) -> Result<Self, BoxError> {
        let _ = version;
        Ok(serde_json::from_value(payload)?)
    }
}

/// How the jobs of a type are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobOptions {
    /// The queue; [`QUEUE_DEFAULT`] by default.
    pub queue: &'static str,
    /// The priority; usual by default.
    pub priority: Priority,
    /// When a failed attempt is followed by another.
    pub retry: Retry,
    /// How long an attempt may take; [`JobOptions::TIMEOUT`] by default, `None` for no limit.
    pub timeout: Option<Duration>,
}

impl JobOptions {
    /// How long an attempt may take unless the job says otherwise: ten minutes, which few jobs
    /// need, and after which one that hangs no longer holds its slot.
    pub const TIMEOUT: Duration = Duration::from_secs(600);

    /// The defaults, in this queue.
    pub fn in_queue(queue: &'static str) -> Self {
        Self {
            queue,
            ..Self::default()
        }
    }
}

impl Default for JobOptions {
    fn default() -> Self {
        Self {
            queue: QUEUE_DEFAULT,
            priority: Priority::default(),
            retry: Retry::default(),
            timeout: Some(Self::TIMEOUT),
        }
    }
}
