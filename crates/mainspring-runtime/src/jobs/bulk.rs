//! Enqueueing many jobs at once.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use mainspring_core::context::Context;
use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::job::{Job, Priority, TAGS_MAX};
use mainspring_core::spawn::BoxFuture;
use mainspring_core::store::{ENQUEUE_MAX, Enlist, Enqueued, Joins, JoinsBlocking, NewJob};
use mainspring_core::time::Timestamp;

use super::choices::{Choices, Due, choose};
use super::enqueue::{Draft, commit, unanswered};
use super::{Bound, JobHandle, Jobs};

/// Many jobs about to be enqueued, all or none: choose for all of them, then `.await`, or join a
/// transaction with [`in_tx`](EnqueueAll::in_tx).
#[must_use = "nothing is enqueued until this is awaited"]
pub struct EnqueueAll<J> {
    jobs: Jobs,
    choices: Choices,
    drafts: Vec<Draft>,
    job: PhantomData<fn() -> J>,
}

impl Jobs {
    /// Enqueues all jobs of an iterator in one transaction and one trip: all or none.
    ///
    /// Answers one handle per job, in the same order. Unique and concurrency keys are each job's
    /// own. At most [`ENQUEUE_MAX`]; of a longer iterator no more than that are taken, and nothing
    /// is enqueued.
    ///
    /// ```
    /// # use mainspring_core::error::Error;
    /// # use mainspring_core::job::Job;
    /// # use mainspring_runtime::jobs::Jobs;
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct WelcomeMail { user_id: u64 }
    /// # impl Job for WelcomeMail { const KIND: &'static str = "welcome-mail"; }
    /// # async fn example(jobs: Jobs) -> Result<(), Error> {
    /// let mails = (1..=1_000).map(|user_id| WelcomeMail { user_id });
    /// let handles = jobs.enqueue_all(mails).tags(["import"]).await?;
    /// assert_eq!(handles.len(), 1_000);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`enqueue`](Jobs::enqueue), and [`Limit`](ErrorKind::Limit) for too many; nothing is
    /// enqueued then.
    pub fn enqueue_all<J: Job>(&self, jobs: impl IntoIterator<Item = J>) -> EnqueueAll<J> {
        // One more than allowed is enough to be refused.
        let jobs = jobs.into_iter().take(ENQUEUE_MAX + 1);
        EnqueueAll {
            jobs: self.clone(),
            choices: Choices::of::<J>(),
            drafts: jobs.map(|job| Draft::of(&job)).collect(),
            job: PhantomData,
        }
    }
}

impl<J: Job> EnqueueAll<J> {
    choose!();

    /// Enqueues them inside the caller's transaction: with it, or not at all.
    ///
    /// How to begin it is said at [`Enqueue::in_tx`](super::Enqueue::in_tx).
    ///
    /// # Errors
    /// As [`Jobs::enqueue_all`] and [`Enqueue::in_tx`](super::Enqueue::in_tx).
    pub fn in_tx<Via, T: Joins<Via> + ?Sized>(self, tx: &mut T) -> EnqueueAllIn<'_, J> {
        EnqueueAllIn {
            all: self,
            tx: tx.enlist(),
        }
    }

    /// Like [`in_tx`](EnqueueAll::in_tx), for a driver that blocks, such as rusqlite.
    ///
    /// # Errors
    /// As [`in_tx`](EnqueueAll::in_tx).
    pub fn in_tx_blocking<Via, T: JoinsBlocking<Via> + ?Sized>(
        self,
        tx: &mut T,
    ) -> Result<Vec<JobHandle<J>>, Error> {
        let (bound, jobs) = (self.jobs.bound()?, self.jobs.clone());
        let now = bound.clock.now();
        let count = self.drafts.len();
        let answers = match self.write(&bound, now)? {
            none if none.is_empty() => Vec::new(),
            new => {
                let mut tx = tx.enlist();
                bound.store.enqueue_in_blocking(&mut *tx, now, new)?
            }
        };
        handles(&jobs, &answers, count)
    }

    async fn send(self) -> Result<Vec<JobHandle<J>>, Error> {
        let (bound, jobs) = (self.jobs.bound()?, self.jobs.clone());
        let now = bound.clock.now();
        let count = self.drafts.len();
        let answers = match self.write(&bound, now)? {
            none if none.is_empty() => Vec::new(),
            new => commit(&bound, now, new, true).await?,
        };
        handles(&jobs, &answers, count)
    }

    async fn send_in(self, mut tx: Box<dyn Enlist + '_>) -> Result<Vec<JobHandle<J>>, Error> {
        let (bound, jobs) = (self.jobs.bound()?, self.jobs.clone());
        let now = bound.clock.now();
        let count = self.drafts.len();
        let answers = match self.write(&bound, now)? {
            none if none.is_empty() => Vec::new(),
            new => bound.store.enqueue_in(&mut *tx, now, new).await?,
        };
        handles(&jobs, &answers, count)
    }

    fn write(self, bound: &Bound, now: Timestamp) -> Result<Vec<NewJob>, Error> {
        if self.drafts.len() > ENQUEUE_MAX {
            let message = format!("more than {ENQUEUE_MAX} jobs cannot be enqueued at once");
            return Err(Error::new(ErrorKind::Limit, message).with_hint(
                "enqueue them in parts, or one job that enqueues the others part by part",
            ));
        }
        let Self {
            drafts, choices, ..
        } = self;
        let drafts = drafts.into_iter();
        drafts
            .map(|draft| draft.write(&choices, bound, now))
            .collect()
    }
}

fn handles<J>(jobs: &Jobs, answers: &[Enqueued], count: usize) -> Result<Vec<JobHandle<J>>, Error> {
    if answers.len() != count {
        return Err(unanswered());
    }
    let answers = answers.iter();
    let handle = |answer: &Enqueued| JobHandle::new(jobs.clone(), answer.id, answer.was);
    Ok(answers.map(handle).collect())
}

impl<J: Job> IntoFuture for EnqueueAll<J> {
    type Output = Result<Vec<JobHandle<J>>, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// Many jobs about to be enqueued in a transaction: `.await` them, then commit.
#[must_use = "nothing is enqueued until this is awaited"]
pub struct EnqueueAllIn<'t, J> {
    all: EnqueueAll<J>,
    tx: Box<dyn Enlist + 't>,
}

impl<'t, J: Job> IntoFuture for EnqueueAllIn<'t, J> {
    type Output = Result<Vec<JobHandle<J>>, Error>;
    type IntoFuture = BoxFuture<'t, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.all.send_in(self.tx))
    }
}

impl<J> fmt::Debug for EnqueueAll<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnqueueAll")
            .field("count", &self.drafts.len())
            .field("queue", &self.choices.queue)
            .finish_non_exhaustive()
    }
}

impl<J> fmt::Debug for EnqueueAllIn<'_, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EnqueueAllIn").field(&self.all).finish()
    }
}
