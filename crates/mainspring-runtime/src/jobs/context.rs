//! What one attempt of a job is told, and what it can say meanwhile.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use mainspring_core::context::Context;
use mainspring_core::error::{BoxError, Error, ErrorKind};
use mainspring_core::job::{JobId, Meta, OUTPUT_BYTES_MAX, Payload, Verdict};
use mainspring_core::store::{ClaimedJob, Finish, Joins, JoinsBlocking, Progress};
use mainspring_core::time::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Bound;

/// One attempt of a job: a [`Context`] that also knows the job. Cheap to clone.
#[derive(Clone)]
pub struct JobContext {
    ctx: Context,
    attempt: Arc<Attempt>,
}

struct Attempt {
    job: ClaimedJob,
    bound: Arc<Bound>,
    began: Timestamp,
    completed: AtomicBool,
}

impl JobContext {
    pub(super) fn new(ctx: Context, job: ClaimedJob, bound: Arc<Bound>, began: Timestamp) -> Self {
        let attempt = Attempt {
            job,
            bound,
            began,
            completed: AtomicBool::new(false),
        };
        Self {
            ctx,
            attempt: Arc::new(attempt),
        }
    }

    /// The job's id.
    pub fn id(&self) -> JobId {
        self.attempt.job.claim.id
    }

    /// The job's kind, as it was enqueued: an alias, if it was enqueued under one.
    pub fn kind(&self) -> &str {
        &self.attempt.job.kind
    }

    /// The job's queue.
    pub fn queue(&self) -> &str {
        &self.attempt.job.queue
    }

    /// The number of this attempt, from 1. A snooze, a release at shutdown and a crash before the
    /// body began use up none.
    pub fn attempt(&self) -> u32 {
        self.attempt.job.attempt
    }

    /// How many attempts the job has in all.
    pub fn max_attempts(&self) -> u32 {
        self.attempt.job.max_attempts
    }

    /// The instant that the job stands for: what its schedule asked for, or when it was due.
    pub fn scheduled_for(&self) -> Timestamp {
        let job = &self.attempt.job;
        job.scheduled_by.as_ref().map_or(job.due, |(_, at)| *at)
    }

    /// The schedule that enqueued the job, if one did.
    pub fn schedule(&self) -> Option<&str> {
        let by = self.attempt.job.scheduled_by.as_ref();
        by.map(|(schedule, _)| &**schedule)
    }

    /// When the job was enqueued.
    pub fn enqueued_at(&self) -> Timestamp {
        self.attempt.job.enqueued_at
    }

    /// What goes along with the job: tags, values, request and trace.
    pub fn meta(&self) -> &Meta {
        &self.attempt.job.meta
    }

    /// The same text in every attempt of this job and in no other job: give it to whatever the job
    /// does elsewhere, so that a second attempt is recognised there.
    pub fn idempotency_key(&self) -> String {
        self.id().to_string()
    }

    /// The context that this one derefs to.
    pub fn context(&self) -> &Context {
        &self.ctx
    }

    /// The same attempt with another context, made of this one's by a middleware.
    #[must_use]
    pub fn with_context(mut self, ctx: Context) -> Self {
        self.ctx = ctx;
        self
    }

    /// Says how far the job is, for whoever looks at it.
    ///
    /// # Errors
    /// [`ErrorKind::Fenced`] when the job belongs to somebody else by now: end the attempt then.
    /// When it is larger than an output may be, or the store fails.
    pub async fn progress<T: Serialize + ?Sized>(&self, progress: &T) -> Result<(), Error> {
        self.save(Some(json("progress", progress)?), None).await
    }

    /// Where an earlier attempt of the job got to; `None` if none has said so.
    ///
    /// # Errors
    /// When it cannot be read as this type.
    pub fn cursor<T: DeserializeOwned>(&self) -> Result<Option<T>, Error> {
        let cursor = self.attempt.job.cursor.as_ref();
        let read = cursor.map(|json| serde_json::from_slice(json)).transpose();
        read.map_err(|error| {
            Error::new(ErrorKind::Input, "the saved cursor does not fit the type")
                .with_source(BoxError::from(error))
        })
    }

    /// Says where the next attempt is to go on, should this one not end well.
    ///
    /// # Errors
    /// As [`progress`](JobContext::progress).
    pub async fn save_cursor<T: Serialize + ?Sized>(&self, cursor: &T) -> Result<(), Error> {
        self.save(None, Some(json("cursor", cursor)?)).await
    }

    /// Completes the job in the caller's own transaction, on the database that keeps the jobs: what
    /// the transaction writes and the success of the job happen together or not at all.
    ///
    /// Commit the transaction and return `Ok`. If it is not committed when the body returns, the
    /// attempt counts as failed.
    ///
    /// # Errors
    /// [`ErrorKind::Fenced`] when the job belongs to somebody else by now: roll back.
    /// [`ErrorKind::WrongStore`] for a transaction on another database.
    pub async fn complete_in_tx<Via, T>(&self, tx: &mut T) -> Result<(), Error>
    where
        T: Joins<Via> + ?Sized,
    {
        let Attempt { bound, .. } = &*self.attempt;
        let (store, mut tx) = (&bound.store, tx.enlist());
        let completed = store.complete_in(&mut *tx, bound.clock.now(), self.success());
        completed.await?;
        self.attempt.completed.store(true, Ordering::Release);
        Ok(())
    }

    /// Like [`complete_in_tx`](JobContext::complete_in_tx), for a driver that blocks.
    ///
    /// # Errors
    /// As [`complete_in_tx`](JobContext::complete_in_tx).
    pub fn complete_in_tx_blocking<Via, T>(&self, tx: &mut T) -> Result<(), Error>
    where
        T: JoinsBlocking<Via> + ?Sized,
    {
        let Attempt { bound, .. } = &*self.attempt;
        let (now, mut tx) = (bound.clock.now(), tx.enlist());
        bound
            .store
            .complete_in_blocking(&mut *tx, now, self.success())?;
        self.attempt.completed.store(true, Ordering::Release);
        Ok(())
    }

    pub(super) fn payload(&self) -> &Payload {
        &self.attempt.job.payload
    }

    /// Whether the body has said that it completed the job in a transaction.
    pub(super) fn has_completed(&self) -> bool {
        self.attempt.completed.load(Ordering::Acquire)
    }

    fn success(&self) -> Finish {
        let Attempt { job, began, .. } = &*self.attempt;
        Finish::new(job.claim, Verdict::Succeed { output: None }, Some(*began))
    }

    async fn save(&self, progress: Option<Bytes>, cursor: Option<Bytes>) -> Result<(), Error> {
        let Attempt { job, bound, .. } = &*self.attempt;
        let save = Progress::new(job.claim, progress, cursor);
        let saved = bound.store.save(bound.clock.now(), vec![save]).await?;
        match saved.first() {
            Some(true) => Ok(()),
            _ => Err(fenced(self.id())),
        }
    }
}

impl Deref for JobContext {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.ctx
    }
}

impl fmt::Debug for JobContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobContext")
            .field("id", &self.id())
            .field("kind", &self.kind())
            .field("attempt", &self.attempt())
            .finish_non_exhaustive()
    }
}

fn json<T: Serialize + ?Sized>(what: &str, data: &T) -> Result<Bytes, Error> {
    let json = serde_json::to_vec(data).map_err(|error| {
        Error::new(
            ErrorKind::Input,
            format!("the {what} cannot be written as JSON"),
        )
        .with_source(BoxError::from(error))
    })?;
    if json.len() > OUTPUT_BYTES_MAX {
        let message = format!("a {what} of {} bytes is too large", json.len());
        return Err(Error::new(ErrorKind::Limit, message)
            .with_hint(format!("at most {OUTPUT_BYTES_MAX} bytes")));
    }
    Ok(Bytes::from(json))
}

fn fenced(id: JobId) -> Error {
    let message = format!("job {id} belongs to somebody else by now");
    Error::new(ErrorKind::Fenced, message)
        .with_hint("end this attempt; the job runs elsewhere or is over")
}
