//! What somebody may do to jobs and queues, and ask about them.

use std::sync::Arc;

use mainspring_core::error::Error;
use mainspring_core::job::{Attempt, ERROR_BYTES_MAX, JobId, JobRecord, check_queue, cut_text};
use mainspring_core::store::{Counts, Filter, Operated, Operation, Page};
use mainspring_core::time::Timestamp;

use super::Jobs;

/// What somebody may do to jobs and queues. All of it works from any process on the store.
impl Jobs {
    /// Cancels a job, for a reason that its history shows (at most 8 KiB of it).
    ///
    /// One that waits is cancelled at once. One that runs has its context cancelled with a cause,
    /// in whichever process that is, and after a while its future is dropped; until then it shows
    /// as [`cancelling`](JobRecord::cancelling).
    ///
    /// # Errors
    /// [`NotFound`](mainspring_core::error::ErrorKind::NotFound), and
    /// [`IllegalState`](mainspring_core::error::ErrorKind::IllegalState) for a job that is over.
    pub async fn cancel(&self, id: JobId, reason: &str) -> Result<Operated, Error> {
        let reason = Arc::from(cut_text(reason, ERROR_BYTES_MAX));
        self.operate(id, Operation::Cancel { reason }).await
    }

    /// Runs a job again that failed or was cancelled, with as many attempts as it had.
    ///
    /// # Errors
    /// [`NotFound`](mainspring_core::error::ErrorKind::NotFound), and
    /// [`IllegalState`](mainspring_core::error::ErrorKind::IllegalState) for any other job.
    pub async fn retry(&self, id: JobId) -> Result<Operated, Error> {
        self.operate(id, Operation::Retry).await
    }

    /// Runs a waiting job at another time; an instant that has passed means now.
    ///
    /// # Errors
    /// [`NotFound`](mainspring_core::error::ErrorKind::NotFound), and
    /// [`IllegalState`](mainspring_core::error::ErrorKind::IllegalState) for a job that does not
    /// wait.
    pub async fn reschedule(&self, id: JobId, at: Timestamp) -> Result<Operated, Error> {
        self.operate(id, Operation::Reschedule { at }).await
    }

    /// Removes a job with its history.
    ///
    /// # Errors
    /// [`NotFound`](mainspring_core::error::ErrorKind::NotFound), and
    /// [`IllegalState`](mainspring_core::error::ErrorKind::IllegalState) for one that runs: cancel
    /// it first.
    pub async fn discard(&self, id: JobId) -> Result<Operated, Error> {
        self.operate(id, Operation::Discard).await
    }

    /// Lets a quarantined job run again, its deaths forgotten.
    ///
    /// # Errors
    /// [`NotFound`](mainspring_core::error::ErrorKind::NotFound), and
    /// [`IllegalState`](mainspring_core::error::ErrorKind::IllegalState) for one that is not
    /// quarantined.
    pub async fn free(&self, id: JobId) -> Result<Operated, Error> {
        self.operate(id, Operation::Free).await
    }

    /// Holds a queue in all processes: its jobs wait. Those that run are not touched.
    ///
    /// # Errors
    /// For a name that no queue can have, and what the store says.
    pub async fn pause(&self, queue: &str) -> Result<(), Error> {
        self.set_paused(queue, true).await
    }

    /// Lets a queue go on.
    ///
    /// # Errors
    /// For a name that no queue can have, and what the store says.
    pub async fn resume(&self, queue: &str) -> Result<(), Error> {
        self.set_paused(queue, false).await
    }

    /// The queues that are paused.
    ///
    /// # Errors
    /// What the store says.
    pub async fn paused(&self) -> Result<Vec<Arc<str>>, Error> {
        self.bound()?.store.paused().await
    }

    /// A job, if it is kept.
    ///
    /// # Errors
    /// What the store says.
    pub async fn get(&self, id: JobId) -> Result<Option<JobRecord>, Error> {
        self.bound()?.store.get(id).await
    }

    /// A page of jobs, newest first.
    ///
    /// The next page begins [`before`](Page::before) the last job of this one, however many come
    /// and go meanwhile.
    ///
    /// # Errors
    /// What the store says.
    pub async fn list(&self, filter: Filter, page: Page) -> Result<Vec<JobRecord>, Error> {
        self.bound()?.store.list(filter, page).await
    }

    /// How many jobs there are, by queue, kind and state.
    ///
    /// # Errors
    /// What the store says.
    pub async fn counts(&self) -> Result<Counts, Error> {
        self.bound()?.store.counts().await
    }

    /// Every attempt of a job, oldest first; empty for one that is not kept.
    ///
    /// # Errors
    /// What the store says.
    pub async fn history(&self, id: JobId) -> Result<Vec<Attempt>, Error> {
        self.bound()?.store.history(id).await
    }

    /// Makes everybody look at the store now, such as right after the commit of a transaction in
    /// which jobs were enqueued. Never needed: they look by themselves a little later.
    pub fn wake(&self) {
        if let Ok(bound) = self.bound() {
            bound.ring();
        }
    }

    async fn operate(&self, id: JobId, operation: Operation) -> Result<Operated, Error> {
        let bound = self.bound()?;
        let operated = bound.store.operate(bound.clock.now(), id, operation).await;
        // Also after an error: it may have been written.
        bound.ring();
        operated
    }

    async fn set_paused(&self, queue: &str, paused: bool) -> Result<(), Error> {
        check_queue(queue)?;
        let bound = self.bound()?;
        let set = bound.store.set_paused(bound.clock.now(), queue, paused);
        let set = set.await;
        bound.ring();
        set
    }
}
