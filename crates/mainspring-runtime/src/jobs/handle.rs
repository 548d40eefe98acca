//! The handle of an enqueued job, and how a job ended.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use mainspring_core::error::{BoxError, Error, ErrorKind};
use mainspring_core::job::{JobId, JobRecord, State};
use mainspring_core::store::Was;
use mainspring_core::time::Timestamp;
use serde::de::DeserializeOwned;

use super::{Jobs, waiters};

/// An enqueued job: what became of the enqueue, and in time of the job.
///
/// Cheap to clone; dropping it changes nothing.
pub struct JobHandle<J> {
    jobs: Jobs,
    id: JobId,
    was: Was,
    kind: PhantomData<fn() -> J>,
}

impl<J> JobHandle<J> {
    pub(super) fn new(jobs: Jobs, id: JobId, was: Was) -> Self {
        Self {
            jobs,
            id,
            was,
            kind: PhantomData,
        }
    }

    /// The job's id: of the new job, or of the one that held the unique key.
    pub fn id(&self) -> JobId {
        self.id
    }

    /// Whether the enqueue made a new job.
    pub fn is_new(&self) -> bool {
        self.was == Was::New
    }

    /// What the enqueue found.
    pub fn was(&self) -> Was {
        self.was
    }

    /// Waits until the job is over, in whichever process that happens. A Mainspring wait: a body
    /// that awaits it is parked.
    ///
    /// Any number may wait; all of a process together cost one look at the store whenever it has
    /// changed. There is no limit of its own: put one around it. A quarantined job is not over.
    ///
    /// Of a job that was enqueued in a transaction, commit that first.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) for a job that is gone or was never committed,
    /// [`Closed`](ErrorKind::Closed) when the store is closed meanwhile, and what the store says
    /// when it can never answer again.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    #[track_caller]
    pub fn outcome(&self) -> impl Future<Output = Result<JobEnd, Error>> + Send + use<J> {
        self.jobs.outcome(self.id)
    }
}

impl Jobs {
    /// Waits until the job with this id is over, as [`JobHandle::outcome`].
    ///
    /// # Errors
    /// As [`JobHandle::outcome`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    #[track_caller]
    pub fn outcome(&self, id: JobId) -> impl Future<Output = Result<JobEnd, Error>> + Send + use<> {
        let waits = self.bound().map(|bound| waiters::outcome(bound, id));
        async move { waits?.await }
    }
}

impl<J> Clone for JobHandle<J> {
    fn clone(&self) -> Self {
        Self::new(self.jobs.clone(), self.id, self.was)
    }
}

impl<J> fmt::Debug for JobHandle<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobHandle")
            .field("id", &self.id)
            .field("was", &self.was)
            .finish_non_exhaustive()
    }
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobEnd {
    /// The job.
    pub id: JobId,
    /// Where it is: succeeded, failed or cancelled.
    pub state: State,
    /// How many attempts it took.
    pub attempts: u32,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// How it failed, or why it was cancelled.
    pub error: Option<Arc<str>>,
    output: Option<Bytes>,
}

impl JobEnd {
    pub(super) fn of(job: JobRecord) -> Self {
        Self {
            id: job.id,
            state: job.state,
            attempts: job.attempts,
            ended_at: job.ended_at,
            error: job.error,
            output: job.output,
        }
    }

    /// Whether the job has succeeded.
    pub fn is_success(&self) -> bool {
        self.state == State::Succeeded
    }

    /// What the job returned with `Outcome::done_with`; `null` if it returned nothing, which reads
    /// as `()` and `None`.
    ///
    /// # Errors
    /// [`IllegalState`](ErrorKind::IllegalState), with the job's own error in its message, when it
    /// has not succeeded; [`Input`](ErrorKind::Input) when the output is of another shape.
    pub fn output<T: DeserializeOwned>(&self) -> Result<T, Error> {
        if !self.is_success() {
            let why = self.error.as_deref().unwrap_or("no reason was given");
            let message = format!("job {} is {}: {why}", self.id, self.state);
            return Err(Error::new(ErrorKind::IllegalState, message)
                .with_hint("a job has an output once it has succeeded"));
        }
        let json = self.output.as_deref().unwrap_or(b"null");
        serde_json::from_slice(json).map_err(|error| {
            let message = format!("the output of job {} has another shape", self.id);
            Error::new(ErrorKind::Input, message).with_source(BoxError::from(error))
        })
    }

    /// The output as JSON text, if the job returned any.
    pub fn output_json(&self) -> Option<&Bytes> {
        self.output.as_ref()
    }
}
