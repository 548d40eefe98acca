//! Workers: what a user writes to do the jobs of a type.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

use mainspring_core::error::{BoxError, Error};
use mainspring_core::job::{ErrorClass, Job, JobOptions, Outcome};
use mainspring_core::spawn::BoxFuture;

use super::JobContext;

/// Does the jobs of one type.
///
/// ```
/// use mainspring_core::error::BoxError;
/// use mainspring_core::job::{Job, Outcome};
/// use mainspring_runtime::jobs::{JobContext, Worker};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct WelcomeMail { user_id: u64 }
///
/// impl Job for WelcomeMail {
///     const KIND: &'static str = "welcome-mail";
/// }
///
/// struct SendWelcomeMail;
///
/// impl Worker for SendWelcomeMail {
///     type Job = WelcomeMail;
///
///     async fn work(&self, ctx: JobContext, job: WelcomeMail) -> Result<Outcome, BoxError> {
///         tracing::info!(key = %ctx.idempotency_key(), user = job.user_id, "sending");
///         Ok(Outcome::Done)
///     }
/// }
/// ```
///
/// Each attempt is a call. It runs at least once, and again after a crash; use
/// [`JobContext::idempotency_key`] for effects elsewhere and [`JobContext::complete_in_tx`] for
/// effects in the database of the jobs. The context is cancelled when the attempt runs into the
/// job's limit, somebody cancels the job, or the app stops; an attempt that goes on is cut off.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a worker",
    note = "implement `Worker` for it: `type Job` and `async fn work`"
)]
pub trait Worker: Send + Sync + 'static {
    /// What it works on.
    type Job: Job;

    /// Does one job. An error is retried as [`classify`](Worker::classify) and the job's policy
    /// say; a panic counts as an error.
    fn work(
        &self,
        ctx: JobContext,
        job: Self::Job,
    ) -> impl Future<Output = Result<Outcome, BoxError>> + Send;

    /// What an error means for the job; by default that it is tried again.
    fn classify(&self, error: &BoxError) -> ErrorClass {
        let _ = error;
        ErrorClass::Retry
    }
}

/// A worker made of a function; see [`App::worker_fn`](crate::app::App::worker_fn).
///
/// The function may return `()`, which means [`Outcome::Done`].
pub fn worker_fn<J, F, Fut, R>(work: F) -> impl Worker<Job = J>
where
    J: Job,
    F: Fn(JobContext, J) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, BoxError>> + Send + 'static,
    R: Into<Outcome> + Send + 'static,
{
    WorkerFn {
        work,
        job: PhantomData,
    }
}

struct WorkerFn<F, J> {
    work: F,
    /// A worker holds no job, so it may be shared whatever the job is.
    job: PhantomData<fn() -> J>,
}

impl<J, F, Fut, R> Worker for WorkerFn<F, J>
where
    J: Job,
    F: Fn(JobContext, J) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, BoxError>> + Send + 'static,
    R: Into<Outcome> + Send + 'static,
{
    type Job = J;

    async fn work(&self, ctx: JobContext, job: J) -> Result<Outcome, BoxError> {
        (self.work)(ctx, job).await.map(Into::into)
    }
}

/// The twin of [`Worker`] that can be put in a list.
pub(crate) trait DynWorker: Send + Sync {
    fn kind(&self) -> &'static str;
    fn aliases(&self) -> &'static [&'static str];
    fn version(&self) -> u16;
    fn options(&self) -> JobOptions;
    /// Reads the payload and does the job; a payload that cannot be read is an [`Unreadable`].
    fn work(&self, ctx: JobContext) -> BoxFuture<'_, Result<Outcome, BoxError>>;
    fn classify(&self, error: &BoxError) -> ErrorClass;
}

impl<T: Worker> DynWorker for T {
    fn kind(&self) -> &'static str {
        T::Job::KIND
    }

    fn aliases(&self) -> &'static [&'static str] {
        T::Job::ALIASES
    }

    fn version(&self) -> u16 {
        T::Job::VERSION
    }

    fn options(&self) -> JobOptions {
        T::Job::options()
    }

    fn work(&self, ctx: JobContext) -> BoxFuture<'_, Result<Outcome, BoxError>> {
        Box::pin(async move {
            let job = ctx.payload().decode().map_err(Unreadable)?;
            Worker::work(self, ctx, job).await
        })
    }

    fn classify(&self, error: &BoxError) -> ErrorClass {
        Worker::classify(self, error)
    }
}

/// The payload could not be read, so the worker was not called.
#[derive(Debug)]
pub(super) struct Unreadable(pub(super) Error);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::error::Error for Unreadable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.0)
    }
}
