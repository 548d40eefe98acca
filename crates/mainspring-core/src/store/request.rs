//! What a store is asked, and what it answers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::job::{
    Gate, JobId, Meta, Payload, Priority, Rate, Retry, SessionId, State, Token, Unique, Verdict,
};
use crate::time::Timestamp;

/// A job to be written.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct NewJob {
    /// Its id, made by the client.
    pub id: JobId,
    /// Its kind.
    pub kind: Arc<str>,
    /// Its queue.
    pub queue: Arc<str>,
    /// Its priority.
    pub priority: Priority,
    /// When it is due; it is ready at once if that is not after `now`.
    pub due: Timestamp,
    /// Its data.
    pub payload: Payload,
    /// How many attempts it has.
    pub max_attempts: u32,
    /// The key of which only one may exist.
    pub unique: Option<Unique>,
    /// The limits that it shares with others of a key.
    pub gate: Option<Gate>,
    /// What goes along.
    pub meta: Meta,
    /// Whoever runs it from the start; the claim's number is 1. Its gate is entered whatever its
    /// limit and rate say, and a key until the start is not taken.
    pub claim: Option<(SessionId, Token)>,
}

impl NewJob {
    /// A job of the default queue that is due at once.
    pub fn new(id: JobId, kind: impl Into<Arc<str>>, due: Timestamp, payload: Payload) -> Self {
        Self {
            id,
            kind: kind.into(),
            queue: Arc::from(crate::job::QUEUE_DEFAULT),
            priority: Priority::default(),
            due,
            payload,
            max_attempts: Retry::MAX_ATTEMPTS,
            unique: None,
            gate: None,
            meta: Meta::default(),
            claim: None,
        }
    }
}

/// The answer to an enqueue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Enqueued {
    /// The id of the job that stands for the request now: the new one, or the one that was there.
    pub id: JobId,
    /// Which.
    pub was: Was,
    /// The claim, if the job was asked to run from the start and is new, or still runs under the
    /// token of this request: an enqueue that is repeated finds its claim again.
    pub claim: Option<Claim>,
}

impl Enqueued {
    /// An answer without a claim.
    pub fn new(id: JobId, was: Was) -> Self {
        Self {
            id,
            was,
            claim: None,
        }
    }
}

/// What an enqueue found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Was {
    /// Nothing: the job is new.
    New,
    /// A job with this id or unique key, which stays as it was.
    Existing,
    /// A job with this unique key, which has the new payload, time, priority and meta now.
    Replaced,
}

/// A fire of a schedule.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Fire {
    /// The schedule.
    pub schedule: Arc<str>,
    /// The instant it asked for.
    pub scheduled_for: Timestamp,
    /// The job; `None` moves the cursor only, over a fire that the policy skips.
    pub job: Option<NewJob>,
}

impl Fire {
    /// A fire that enqueues a job.
    pub fn new(schedule: Arc<str>, scheduled_for: Timestamp, job: Option<NewJob>) -> Self {
        Self {
            schedule,
            scheduled_for,
            job,
        }
    }
}

/// The answer to a fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fired {
    /// The job is enqueued, or the cursor moved.
    Now,
    /// This process or another had done it before; or its cursor is past this instant.
    Before,
}

/// The right to one attempt of one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Claim {
    /// The job.
    pub id: JobId,
    /// Where the store keeps it: a short way to the row, meaningless to others.
    pub row: i64,
    /// The random token.
    pub token: Token,
}

/// Asks for jobs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ClaimRequest {
    /// Who asks.
    pub session: SessionId,
    /// The token of every job in the answer; a new one for each request.
    pub token: Token,
    /// What is wanted, per queue.
    pub queues: Vec<QueueClaim>,
    /// Ask for at most one job that must run alone, and nothing else. Otherwise such jobs are left.
    pub solo: bool,
    /// The tokens of the session's earlier claims of which nobody knows whether they happened: what
    /// they hold is given back first, uncharged, because nobody runs it.
    pub void: Vec<Token>,
}

impl ClaimRequest {
    /// Asks for usual jobs.
    pub fn new(session: SessionId, token: Token, queues: Vec<QueueClaim>) -> Self {
        Self {
            session,
            token,
            queues,
            solo: false,
            void: Vec::new(),
        }
    }
}

/// What is wanted of one queue.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct QueueClaim {
    /// The queue.
    pub queue: Arc<str>,
    /// The kinds that this process knows.
    pub kinds: Arc<[Arc<str>]>,
    /// How many jobs at most.
    pub max: usize,
    /// How often jobs of the queue may start, in all processes.
    pub rate: Option<Rate>,
    /// How many jobs of the queue may run at once, in all processes.
    pub limit: Option<u32>,
}

impl QueueClaim {
    /// So many jobs of these kinds, without limits over all processes.
    pub fn new(queue: Arc<str>, kinds: Arc<[Arc<str>]>, max: usize) -> Self {
        Self {
            queue,
            kinds,
            max,
            rate: None,
            limit: None,
        }
    }
}

/// The answer to a claim.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Claimed {
    /// The jobs, those of a queue in the order in which they should start.
    pub jobs: Vec<ClaimedJob>,
    /// When it is worth asking again without a hint: a rate opens. Scheduled jobs are
    /// [`Promoted::next_due`].
    pub opens_at: Option<Timestamp>,
    /// Whether a job waits that must run alone.
    pub solo_waits: bool,
}

/// A job that has been claimed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ClaimedJob {
    /// The claim.
    pub claim: Claim,
    /// Its kind, as it was enqueued.
    pub kind: Arc<str>,
    /// Its queue.
    pub queue: Arc<str>,
    /// Its priority.
    pub priority: Priority,
    /// Its data.
    pub payload: Payload,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    /// The number of this claim, from 1; never used again.
    pub claims: u32,
    /// How many attempts it has in all.
    pub max_attempts: u32,
    /// When it was enqueued.
    pub enqueued_at: Timestamp,
    /// When it was due.
    pub due: Timestamp,
    /// The instant its schedule asked for.
    pub scheduled_by: Option<(Arc<str>, Timestamp)>,
    /// What goes along.
    pub meta: Meta,
    /// Where an earlier attempt got to, as JSON.
    pub cursor: Option<Bytes>,
    /// It must run alone: it is suspected of killing its process.
    pub solo: bool,
    /// It has a place in its gate, so its end may let another job in.
    pub gated: bool,
}

impl ClaimedJob {
    /// A first attempt.
    pub fn new(
        claim: Claim,
        kind: Arc<str>,
        queue: Arc<str>,
        due: Timestamp,
        payload: Payload,
    ) -> Self {
        Self {
            claim,
            kind,
            queue,
            priority: Priority::default(),
            payload,
            attempt: 1,
            claims: 1,
            max_attempts: Retry::MAX_ATTEMPTS,
            enqueued_at: due,
            due,
            scheduled_by: None,
            meta: Meta::default(),
            cursor: None,
            solo: false,
            gated: false,
        }
    }
}

/// The end of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finish {
    /// Under which claim.
    pub claim: Claim,
    /// How it ended.
    pub verdict: Verdict,
    /// When the body began; `None` if it never did.
    pub started_at: Option<Timestamp>,
}

impl Finish {
    /// The end of an attempt.
    pub fn new(claim: Claim, verdict: Verdict, started_at: Option<Timestamp>) -> Self {
        Self {
            claim,
            verdict,
            started_at,
        }
    }
}

/// The answer to the end of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// It is written; the job is in this state now. Somebody's wish to cancel it turns a retry, a
    /// snooze and a release into `cancelled`.
    Now(State),
    /// The same claim had ended it before, as by [`Store::complete_in`](super::Store::complete_in);
    /// what it held is free now.
    Already(State),
    /// The claim does not own the job any more; nothing was written.
    Fenced,
}

/// Progress of a running job.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Under which claim.
    pub claim: Claim,
    /// How far it is, as JSON; `None` leaves what is there.
    pub progress: Option<Bytes>,
    /// Where the next attempt goes on, as JSON; `None` leaves what is there.
    pub cursor: Option<Bytes>,
}

impl Progress {
    /// Progress and cursor, either of which may be left as it is.
    pub fn new(claim: Claim, progress: Option<Bytes>, cursor: Option<Bytes>) -> Self {
        Self {
            claim,
            progress,
            cursor,
        }
    }
}

/// The answer to a promotion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Promoted {
    /// How many jobs became ready.
    pub jobs: usize,
    /// When the next scheduled job is due or the next gate opens; `None` if none waits.
    pub next_due: Option<Timestamp>,
}

impl Promoted {
    /// So many, and the next one then.
    pub fn new(jobs: usize, next_due: Option<Timestamp>) -> Self {
        Self { jobs, next_due }
    }
}

/// The answer to a rescue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rescued {
    /// Jobs that are ready again, with the number of processes that died while each ran.
    pub ready: Vec<(JobId, u32)>,
    /// Jobs that are quarantined.
    pub quarantined: Vec<JobId>,
    /// Jobs that were to be cancelled, and are.
    pub cancelled: Vec<JobId>,
    /// Jobs that had no attempt left.
    pub failed: Vec<JobId>,
}

/// How long jobs that are over are kept, per state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Those that succeeded; a day by default.
    pub succeeded: Duration,
    /// Those that failed; 30 days by default.
    pub failed: Duration,
    /// Those that were cancelled; 7 days by default.
    pub cancelled: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        Self {
            succeeded: DAY,
            failed: DAY * 30,
            cancelled: DAY * 7,
        }
    }
}

impl Retention {
    /// How long jobs in this state are kept; `None` for one that is not over.
    pub fn of(&self, state: State) -> Option<Duration> {
        match state {
            State::Succeeded => Some(self.succeeded),
            State::Failed => Some(self.failed),
            State::Cancelled => Some(self.cancelled),
            _ => None,
        }
    }
}

/// What somebody wants of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// Do not run it, or stop running it. One that runs is told so; see
    /// [`Store::cancelling`](super::Store::cancelling).
    Cancel {
        /// Why.
        reason: Arc<str>,
    },
    /// Run it again, although it failed or was cancelled. It gets as many attempts as it had.
    Retry,
    /// Run it at another time; not after that, if it is due already.
    Reschedule {
        /// When.
        at: Timestamp,
    },
    /// Remove it with its history; not while it runs.
    Discard,
    /// Let a quarantined job run again, its deaths forgotten.
    Free,
}

/// The answer to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Operated {
    /// Where the job was.
    pub before: State,
    /// Where it is now; `None` if it has been removed.
    pub after: Option<State>,
}

impl Operated {
    /// From one state to another.
    pub fn new(before: State, after: Option<State>) -> Self {
        Self { before, after }
    }
}
