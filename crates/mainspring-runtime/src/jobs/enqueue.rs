//! Enqueueing one job.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use mainspring_core::context::Context;
use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::job::{
    Gate, Job, JobId, Payload, Priority, TAGS_MAX, Unique, check_kind, check_queue,
};
use mainspring_core::spawn::BoxFuture;
use mainspring_core::store::{Enlist, Enqueued, Joins, JoinsBlocking, NewJob, Was};
use mainspring_core::time::Timestamp;

use super::choices::{Choices, Due, choose};
use super::{Bound, JobHandle, Jobs};

/// A job about to be enqueued: choose, then `.await` it, or join a transaction with
/// [`in_tx`](Enqueue::in_tx).
///
/// What is not chosen comes from the job's type. Wrong choices are errors of the `.await`.
#[must_use = "nothing is enqueued until this is awaited"]
pub struct Enqueue<J> {
    jobs: Jobs,
    choices: Choices,
    draft: Draft,
    job: PhantomData<fn() -> J>,
}

/// What is a job's own.
#[derive(Debug)]
pub(super) struct Draft {
    kind: &'static str,
    payload: Result<Payload, Error>,
    id: Option<JobId>,
    unique: Option<Unique>,
    gate: Option<Gate>,
}

impl Jobs {
    /// Enqueues a job: await the answer for the commit, after which the job survives anything.
    ///
    /// ```
    /// # use mainspring_core::error::Error;
    /// # use mainspring_core::job::Job;
    /// # use mainspring_runtime::jobs::Jobs;
    /// # use std::time::Duration;
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct WelcomeMail { user_id: u64 }
    /// # impl Job for WelcomeMail { const KIND: &'static str = "welcome-mail"; }
    /// # async fn example(jobs: Jobs) -> Result<(), Error> {
    /// jobs.enqueue(WelcomeMail { user_id: 7 }).await?;
    ///
    /// let mail = WelcomeMail { user_id: 8 };
    /// let handle = jobs.enqueue(mail).after(Duration::from_secs(60)).unique("user-8").await?;
    /// println!("{} is {:?}", handle.id(), handle.was());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Closed`](ErrorKind::Closed) before the handle is bound; [`Limit`](ErrorKind::Limit) for a
    /// payload, key or tag that is too large; [`Taken`](ErrorKind::Taken) for a unique key that
    /// asks for an error; [`Contended`](ErrorKind::Contended) when another connection held the
    /// database for too long; [`Unknown`](ErrorKind::Unknown) when it may have been written: the
    /// same [`id`](Enqueue::id) may be enqueued again.
    ///
    /// # Cancel safety
    /// A future that is dropped has enqueued the job or not.
    pub fn enqueue<J: Job>(&self, job: J) -> Enqueue<J> {
        Enqueue {
            jobs: self.clone(),
            choices: Choices::of::<J>(),
            draft: Draft::of(&job),
            job: PhantomData,
        }
    }
}

impl<J: Job> Enqueue<J> {
    choose!();

    /// With this unique key instead of the job's own; a text stands for [`Unique::new`].
    pub fn unique(mut self, unique: impl Into<Unique>) -> Self {
        self.draft.unique = Some(unique.into());
        self
    }

    /// With this concurrency key instead of the job's own; `("tenant-7", 2)` stands for
    /// [`Gate::new`].
    pub fn key(mut self, gate: impl Into<Gate>) -> Self {
        self.draft.gate = Some(gate.into());
        self
    }

    /// With an id made before, as to repeat an enqueue whose outcome is unknown: an id that exists
    /// is answered as [`Was::Existing`] and changes nothing.
    pub fn id(mut self, id: JobId) -> Self {
        self.draft.id = Some(id);
        self
    }

    /// Enqueues it inside the caller's transaction: with it, or not at all.
    ///
    /// With the feature `sqlx` that is `&mut tx` for a transaction of sqlx on SQLite. Begin it with
    /// `pool.begin_with("BEGIN IMMEDIATE")`: one that is begun otherwise fails when somebody else
    /// commits between its first read and its first write.
    ///
    /// # Errors
    /// As [`Jobs::enqueue`], and [`WrongStore`](ErrorKind::WrongStore) for a transaction on
    /// another database, [`Contended`](ErrorKind::Contended) for one that had to be begun with
    /// `BEGIN IMMEDIATE`, [`Input`](ErrorKind::Input) for a connection without a transaction.
    pub fn in_tx<Via, T: Joins<Via> + ?Sized>(self, tx: &mut T) -> EnqueueIn<'_, J> {
        EnqueueIn {
            enqueue: self,
            tx: tx.enlist(),
        }
    }

    /// Like [`in_tx`](Enqueue::in_tx), for a driver that blocks, such as rusqlite.
    ///
    /// # Errors
    /// As [`in_tx`](Enqueue::in_tx).
    pub fn in_tx_blocking<Via, T: JoinsBlocking<Via> + ?Sized>(
        self,
        tx: &mut T,
    ) -> Result<JobHandle<J>, Error> {
        let bound = self.jobs.bound()?;
        let now = bound.clock.now();
        let job = self.draft.write(&self.choices, &bound, now)?;
        let mut tx = tx.enlist();
        let answers = bound.store.enqueue_in_blocking(&mut *tx, now, vec![job])?;
        Self::handle(self.jobs, answers)
    }

    async fn send(self) -> Result<JobHandle<J>, Error> {
        let bound = self.jobs.bound()?;
        let now = bound.clock.now();
        let own = self.draft.id.is_none();
        let job = self.draft.write(&self.choices, &bound, now)?;
        let answers = commit(&bound, now, vec![job], own).await?;
        Self::handle(self.jobs, answers)
    }

    async fn send_in(self, mut tx: Box<dyn Enlist + '_>) -> Result<JobHandle<J>, Error> {
        let bound = self.jobs.bound()?;
        let now = bound.clock.now();
        let job = self.draft.write(&self.choices, &bound, now)?;
        let answers = bound.store.enqueue_in(&mut *tx, now, vec![job]).await?;
        Self::handle(self.jobs, answers)
    }

    fn handle(jobs: Jobs, answers: Vec<Enqueued>) -> Result<JobHandle<J>, Error> {
        let answer = answers.first().ok_or_else(unanswered)?;
        Ok(JobHandle::new(jobs, answer.id, answer.was))
    }
}

impl Draft {
    pub(super) fn of<J: Job>(job: &J) -> Self {
        Self {
            kind: J::KIND,
            payload: Payload::of(job),
            id: None,
            unique: job.unique(),
            gate: job.gate(),
        }
    }

    /// Checks everything, and makes what the store is given.
    pub(super) fn write(
        self,
        choices: &Choices,
        bound: &Bound,
        now: Timestamp,
    ) -> Result<NewJob, Error> {
        check_kind(self.kind)?;
        check_queue(&choices.queue)?;
        choices.meta.check()?;
        self.unique.as_ref().map_or(Ok(()), Unique::check)?;
        self.gate.as_ref().map_or(Ok(()), Gate::check)?;
        let id = self.id.unwrap_or_else(|| JobId::new(&bound.random, now));
        let mut job = NewJob::new(id, self.kind, choices.due(now), self.payload?);
        job.queue = Arc::clone(&choices.queue);
        job.priority = choices.priority;
        job.max_attempts = choices.max_attempts.max(1);
        job.unique = self.unique;
        job.gate = self.gate;
        job.meta = choices.meta.clone();
        Ok(job)
    }
}

/// Writes jobs, and repeats it once when it may have been written: the ids tell.
///
/// `own` says that the ids were made for this very enqueue, so that a job that exists after the
/// repetition is new.
pub(super) async fn commit(
    bound: &Bound,
    now: Timestamp,
    jobs: Vec<NewJob>,
    own: bool,
) -> Result<Vec<Enqueued>, Error> {
    let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
    let again = jobs.clone();
    let answers = match bound.store.enqueue(now, jobs).await {
        Err(error) if error.kind() == ErrorKind::Unknown => {
            let repeated = bound.store.enqueue(now, again).await;
            let mut answers = repeated.map_err(|_| error)?;
            for (answer, id) in answers.iter_mut().zip(ids) {
                // Told with its claim, if it was asked to run from the start.
                if own && answer.id == id && answer.was == Was::Existing {
                    answer.was = Was::New;
                }
            }
            answers
        }
        answered => answered?,
    };
    bound.ring();
    Ok(answers)
}

pub(super) fn unanswered() -> Error {
    let message = "the store has answered an enqueue without saying what became of the job";
    Error::new(ErrorKind::Unknown, message).with_hint("this is a fault of the store")
}

impl<J: Job> IntoFuture for Enqueue<J> {
    type Output = Result<JobHandle<J>, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// A job about to be enqueued in a transaction: `.await` it, then commit.
#[must_use = "nothing is enqueued until this is awaited"]
pub struct EnqueueIn<'t, J> {
    enqueue: Enqueue<J>,
    tx: Box<dyn Enlist + 't>,
}

impl<'t, J: Job> IntoFuture for EnqueueIn<'t, J> {
    type Output = Result<JobHandle<J>, Error>;
    type IntoFuture = BoxFuture<'t, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.enqueue.send_in(self.tx))
    }
}

impl<J> fmt::Debug for Enqueue<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enqueue")
            .field("kind", &self.draft.kind)
            .field("queue", &self.choices.queue)
            .finish_non_exhaustive()
    }
}

impl<J> fmt::Debug for EnqueueIn<'_, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EnqueueIn").field(&self.enqueue).finish()
    }
}
