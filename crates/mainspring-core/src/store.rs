//! The contract between the engine and whatever keeps the jobs.
//!
//! A store is passive: it decides nothing about time, retries or order beyond the rules written at
//! each method, and never reads a clock; `now` is passed in. Each method is one transaction, takes
//! and answers many items, and writes about a running job only under the claim that owns it.
//! A store is done when it passes the conformance suite (`mainspring-sim`); [`memory`] is the model
//! that says what every other store must answer.
//!
//! Three kinds of failure are told apart by [`Error::kind`]: nothing was written (most), it may
//! have been written ([`ErrorKind::Unknown`](crate::error::ErrorKind::Unknown)), and somebody else
//! owns the job (a [`Finished::Fenced`] per item, never an error of the batch).
//!
//! Instants are kept to the microsecond: `now` is rounded down, every due time up, so that nothing
//! ever starts early. What every store must decide alike is in [`rules`].
//!
//! # Rules
//! - **Attempts.** A claim adds one to `claims` and `attempts`; a snooze, a release and the
//!   rescue of a job whose body had not begun give the attempt back. [`Operation::Retry`] sets
//!   `attempts` to 0.
//! - **History.** At most [`rules::HISTORY_MAX`] attempts are kept, the newest.
//! - **Gates.** A due job waits behind its gate (`ready`, held) and comes in when limit and rate
//!   allow, in the order of [`rules::held_order`], then of enqueue; its place in the queue is
//!   [`rules::ready_order`] of that instant. It leaves when it runs no more or is moved to the
//!   future, a job that is released or rescued queues up behind the gate again; one with an
//!   ordered gate keeps its place until it is over. Limit and rate of a key are those of its
//!   newest job.
//! - **Unique keys.** A key belongs to a kind and a key. One taken for a time is free when that
//!   time is over and the next enqueue or prune comes, even if its job has long gone.
//!   [`Operation::Retry`] takes the others again, or is refused as taken.
//! - **Fences.** A claim that has ended its attempt is answered [`Finished::Already`] until the
//!   next claim; one that a rescue or the end of its session took away is fenced. A session that
//!   is not open can claim nothing: nobody would rescue it.
//! - **Transactions.** What [`Store::complete_in`] has completed holds gate, key and row until
//!   its engine finishes it, its session ends or is rescued, or an operator discards it.

mod enlist;
mod filter_text;
pub mod memory;
mod page;
mod request;
pub mod rules;
mod session;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use enlist::{Dialect, Enlist, EnlistBlocking, Itself, Joins, JoinsBlocking, SqlRow, SqlValue};
pub use filter_text::FILTER_TEXT_MAX;
pub use page::{Counts, Filter, KindCount, PAGE_MAX, Page};
pub use request::{
    Claim, ClaimRequest, Claimed, ClaimedJob, Enqueued, Finish, Finished, Fire, Fired, NewJob,
    Operated, Operation, Progress, Promoted, QueueClaim, Rescued, Retention, Was,
};
pub use session::{Judgement, Peer, PeerLock, RescueRules};

use crate::error::Error;
use crate::job::{Attempt, JobId, JobRecord, SessionId};
use crate::spawn::BoxFuture;
use crate::time::Timestamp;

/// An answer of a store.
pub type Reply<'a, T> = BoxFuture<'a, Result<T, Error>>;

/// Called by a store, from any thread, when jobs may have become ready, cancelled or finished by
/// somebody else. It is a hint: it may come too often, and one that never comes costs only time.
pub type Hint = Arc<dyn Fn() + Send + Sync>;

/// The most jobs that one claim, finish or lookup of the engine may hold: a batch of this size
/// keeps a writer busy for a few milliseconds, and a larger one gains nothing. More is a
/// [`Limit`](crate::error::ErrorKind::Limit) error; a `limit` above it counts as this.
pub const BATCH_MAX: usize = 1_000;

/// The most jobs of one bulk [`enqueue`](Store::enqueue), which is all or none: a transaction of
/// this size keeps a writer busy for about half a second.
pub const ENQUEUE_MAX: usize = 50_000;

/// Where jobs are kept.
///
/// All methods may be called concurrently. Dropping a future that a method has returned leaves its
/// outcome unknown: the transaction happens entirely or not at all.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// What kind of store this is, as `memory`, `sqlite` or `postgres`.
    fn kind(&self) -> &'static str;

    /// The random id that the database was given when it was made: two handles with the same id are
    /// the same jobs.
    fn id(&self) -> [u8; 16];

    /// How long after the last commit of somebody else a hint comes; zero if at once.
    fn hint_delay(&self) -> Duration;

    /// Calls this whenever something may have changed; replaces the one before.
    fn on_hint(&self, hint: Hint);

    /// Looks once, now, whether somebody else has committed anything since the last look, and calls
    /// the hint before it answers if so. Virtual time does this before it moves.
    fn look(&self) -> Reply<'_, bool>;

    // ---- sessions ----

    /// Begins this process's life in the store.
    ///
    /// From now on the store shows that it is alive, by itself, on no runtime's thread.
    fn open_session(&self, now: Timestamp, session: SessionId, name: &str) -> Reply<'_, ()>;

    /// Ends a session in good order. Jobs that it still runs are released, uncharged, and those
    /// that somebody wants cancelled are cancelled. One that is not open is no error.
    fn close_session(&self, now: Timestamp, session: SessionId) -> Reply<'_, ()>;

    /// The sessions that have neither been closed nor rescued, the own one included, each with what
    /// can be seen of its life.
    fn peers(&self) -> Reply<'_, Vec<Peer>>;

    /// Gives the jobs of a dead session back, in one transaction, and forgets the session.
    ///
    /// A job goes to `ready`. If its body had begun and the session died of itself
    /// (`rules.blame`), its deaths are counted: from `solo_after` on it runs alone, and when it
    /// has died alone and reached `max_deaths` it is quarantined. A job whose body had not begun is
    /// released uncharged; a job that somebody wants cancelled is cancelled; one whose attempts are
    /// used up fails: [`rules::rescue`]. A session that is not open has no jobs.
    fn rescue(&self, now: Timestamp, dead: SessionId, rules: RescueRules) -> Reply<'_, Rescued>;

    /// Notes that the body of a claimed job begins or has ended, so that a rescue can tell it from
    /// one that only waited. Quick, from any thread, and lost with the power.
    fn mark(&self, session: SessionId, claim: &Claim, running: bool);

    /// Notes that one body has ended and that the next one begins in its place; a store whose marks
    /// cost something may note both at once.
    fn mark_next(&self, session: SessionId, ended: &Claim, begins: &Claim) {
        self.mark(session, ended, false);
        self.mark(session, begins, true);
    }

    // ---- enqueue ----

    /// Writes new jobs, at most [`ENQUEUE_MAX`]: all or none. Answers in the same order.
    ///
    /// An id that exists is answered as [`Was::Existing`] and changes nothing; if the job runs
    /// under the very [`NewJob::claim`] that is asked for, as in the repetition of an enqueue whose
    /// outcome was unknown, the answer has that claim. A unique key that is taken is treated
    /// as the job asks. A job with a [`NewJob::claim`] is running from the start.
    ///
    /// # Errors
    /// [`Taken`](crate::error::ErrorKind::Taken) for the first key whose job asks for an error;
    /// nothing was written.
    fn enqueue(&self, now: Timestamp, jobs: Vec<NewJob>) -> Reply<'_, Vec<Enqueued>>;

    /// Like [`enqueue`](Store::enqueue), inside the caller's transaction: with it or not at all.
    fn enqueue_in<'a>(
        &'a self,
        tx: &'a mut dyn Enlist,
        now: Timestamp,
        jobs: Vec<NewJob>,
    ) -> Reply<'a, Vec<Enqueued>>;

    /// Like [`enqueue_in`](Store::enqueue_in), for a driver that blocks.
    ///
    /// # Errors
    /// As [`enqueue`](Store::enqueue).
    fn enqueue_in_blocking(
        &self,
        tx: &mut dyn EnlistBlocking,
        now: Timestamp,
        jobs: Vec<NewJob>,
    ) -> Result<Vec<Enqueued>, Error>;

    /// Makes the fire of a schedule: its row, its job and its cursor, or nothing if any process has
    /// made it before.
    fn fire(&self, now: Timestamp, fire: Fire) -> Reply<'_, Fired>;

    /// The instant up to which a schedule has fired; one that is new starts at `now`.
    fn schedule_cursor(&self, now: Timestamp, schedule: &str) -> Reply<'_, Timestamp>;

    // ---- work ----

    /// Makes due jobs ready, behind their gates if they have any, and before that lets jobs through
    /// gates that a rate has opened: at most `limit` together.
    fn promote(&self, now: Timestamp, limit: usize) -> Reply<'_, Promoted>;

    /// Takes ready jobs for a session: per queue the first by [`order`] that it may take.
    ///
    /// A paused queue gives none. The cost does not depend on how many jobs wait, nor on jobs of
    /// kinds that the request does not name.
    ///
    /// [`order`]: crate::job::Priority::order
    fn claim(&self, now: Timestamp, request: ClaimRequest) -> Reply<'_, Claimed>;

    /// Ends attempts, each under its claim. Answers in the same order; a fenced one changes nothing
    /// and holds up no other.
    fn finish(&self, now: Timestamp, attempts: Vec<Finish>) -> Reply<'_, Vec<Finished>>;

    /// Ends an attempt with success inside the caller's transaction. The claim is fenced: no row
    /// changed is [`Fenced`](crate::error::ErrorKind::Fenced).
    ///
    /// Another verdict is refused as [`Input`](crate::error::ErrorKind::Input).
    ///
    /// The engine finishes the same claim again afterwards, which frees what the job held and tells
    /// whether the transaction was committed: [`Finished::Already`].
    fn complete_in<'a>(
        &'a self,
        tx: &'a mut dyn Enlist,
        now: Timestamp,
        attempt: Finish,
    ) -> Reply<'a, ()>;

    /// Like [`complete_in`](Store::complete_in), for a driver that blocks.
    ///
    /// # Errors
    /// As [`complete_in`](Store::complete_in).
    fn complete_in_blocking(
        &self,
        tx: &mut dyn EnlistBlocking,
        now: Timestamp,
        attempt: Finish,
    ) -> Result<(), Error>;

    /// Writes progress and cursor of running jobs, each under its claim; `false` for a fenced one.
    fn save(&self, now: Timestamp, saves: Vec<Progress>) -> Reply<'_, Vec<bool>>;

    /// The claims of a session whose jobs somebody wants cancelled, with the reason.
    fn cancelling(&self, session: SessionId) -> Reply<'_, Vec<(Claim, Arc<str>)>>;

    /// Removes what is over for longer than the retention asks, with its history and expired unique
    /// keys: at most `limit` jobs. Answers how many.
    fn prune(&self, now: Timestamp, keep: Retention, limit: usize) -> Reply<'_, usize>;

    // ---- operation ----

    /// Does something to a job on somebody's behalf.
    ///
    /// # Errors
    /// [`NotFound`](crate::error::ErrorKind::NotFound), or
    /// [`IllegalState`](crate::error::ErrorKind::IllegalState) when the job's state does not allow
    /// it.
    fn operate(&self, now: Timestamp, id: JobId, operation: Operation) -> Reply<'_, Operated>;

    /// Holds a queue or lets it go on, for all processes. Running jobs are not touched.
    fn set_paused(&self, now: Timestamp, queue: &str, paused: bool) -> Reply<'_, ()>;

    /// The queues that are paused.
    fn paused(&self) -> Reply<'_, Vec<Arc<str>>>;

    /// A job, as far as it is kept.
    fn get(&self, id: JobId) -> Reply<'_, Option<JobRecord>>;

    /// Several jobs; `None` for what is not kept.
    fn get_many(&self, ids: Vec<JobId>) -> Reply<'_, Vec<Option<JobRecord>>>;

    /// All attempts of a job, oldest first; empty for one that is not kept.
    fn history(&self, id: JobId) -> Reply<'_, Vec<Attempt>>;

    /// A page of jobs, newest first by id; at most [`PAGE_MAX`].
    fn list(&self, filter: Filter, page: Page) -> Reply<'_, Vec<JobRecord>>;

    /// How many jobs there are by queue, kind and state.
    fn counts(&self) -> Reply<'_, Counts>;

    /// Closes this handle; what has been acknowledged is on disk. From then on it answers
    /// [`Closed`](crate::error::ErrorKind::Closed).
    fn close(&self) -> Reply<'_, ()>;
}

/// Opens a store at boot; a URL made into this says which.
pub trait StoreSource: fmt::Debug + Send + Sync + 'static {
    /// What people see of where the jobs are: the URL without its secrets.
    fn describe(&self) -> String;

    /// Says before anything starts what is wrong with the source itself, such as a URL of no known
    /// kind. Nothing is opened or read.
    ///
    /// # Errors
    /// [`Config`](crate::error::ErrorKind::Config), without secrets.
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Opens the store and brings its schema up to date.
    fn open(&self, now: Timestamp) -> Reply<'_, Arc<dyn Store>>;
}
