//! What every store must decide alike, as pure functions: a store reads rows, asks these, and
//! writes what they say.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{BATCH_MAX, ENQUEUE_MAX, Finish, NewJob, Operation, Progress, RescueRules, Retention};
use crate::error::{Error, ErrorKind};
use crate::job::{
    Change, ERROR_BYTES_MAX, Gate, Illegal, OUTPUT_BYTES_MAX, Priority, Rate, Scope, State,
    Verdict, check_kind, check_queue, cut_text,
};
use crate::time::{Timestamp, wall_after};

/// The most attempts that are kept of one job, the newest: enough to see a pattern, and a job that
/// snoozes for ever stays small.
pub const HISTORY_MAX: u32 = 100;

/// Why a rescued job that had no attempt left has failed.
pub const RESCUED_LAST: &str = "its process died during its last attempt";

/// Why a job is quarantined.
pub const QUARANTINED: &str = "its process died while it ran alone, once too often";

/// An instant that has come, as a store keeps it: rounded down to the microsecond.
pub fn past(at: Timestamp) -> Timestamp {
    match at.subsec_nanosecond().rem_euclid(1_000) {
        0 => at,
        over => at
            .checked_sub(Duration::from_nanos(u64::from(over.unsigned_abs())))
            .unwrap_or(Timestamp::MIN),
    }
}

/// An instant that is to come, as a store keeps it: rounded up to the microsecond, so that nothing
/// starts early. The last microsecond of time is not rounded past its end.
pub fn due(at: Timestamp) -> Timestamp {
    let down = past(at);
    if down == at {
        return at;
    }
    down.checked_add(Duration::from_micros(1)).unwrap_or(down)
}

/// Checks the size of a batch.
///
/// # Errors
/// [`Limit`](ErrorKind::Limit) above [`BATCH_MAX`].
pub fn check_batch(items: usize) -> Result<(), Error> {
    check_size(items, BATCH_MAX)
}

/// Checks new jobs: their number, names, keys and what goes along.
///
/// # Errors
/// What is wrong with the first bad one.
pub fn check_new(jobs: &[NewJob]) -> Result<(), Error> {
    check_size(jobs.len(), ENQUEUE_MAX)?;
    for job in jobs {
        check_kind(&job.kind)?;
        check_queue(&job.queue)?;
        job.meta.check()?;
        job.unique
            .as_ref()
            .map_or(Ok(()), |unique| unique.check())?;
        job.gate.as_ref().map_or(Ok(()), Gate::check)?;
    }
    Ok(())
}

/// Checks ends of attempts: their number and the size of their outputs.
///
/// # Errors
/// [`Limit`](ErrorKind::Limit).
pub fn check_finish(attempts: &[Finish]) -> Result<(), Error> {
    check_batch(attempts.len())?;
    attempts
        .iter()
        .try_for_each(|attempt| match &attempt.verdict {
            Verdict::Succeed { output } => check_json("output", output.as_ref()),
            _ => Ok(()),
        })
}

/// Checks the end of an attempt inside somebody's transaction, which can only be a success.
///
/// # Errors
/// [`Input`](ErrorKind::Input) for another verdict, [`Limit`](ErrorKind::Limit) for its output.
pub fn check_complete(attempt: &Finish) -> Result<(), Error> {
    match &attempt.verdict {
        Verdict::Succeed { output } => check_json("output", output.as_ref()),
        other => {
            let message = format!("a transaction cannot end a job as {}", other.as_str());
            Err(Error::new(ErrorKind::Input, message)
                .with_hint("complete it in the transaction, or return the outcome instead"))
        }
    }
}

/// Checks progress: the number of items, and that each is no larger than an output.
///
/// # Errors
/// [`Limit`](ErrorKind::Limit).
pub fn check_save(saves: &[Progress]) -> Result<(), Error> {
    check_batch(saves.len())?;
    saves.iter().try_for_each(|save| {
        check_json("progress", save.progress.as_ref())?;
        check_json("cursor", save.cursor.as_ref())
    })
}

/// An error or a reason, as a store keeps it: no longer than [`ERROR_BYTES_MAX`].
pub fn text(text: &str) -> Arc<str> {
    Arc::from(cut_text(text, ERROR_BYTES_MAX))
}

/// A claim by a session that is not open: its jobs could never be rescued.
pub fn session_gone() -> Error {
    Error::new(ErrorKind::Fenced, "the session is not open in the store")
        .with_hint("it was closed or rescued by another process; open a new one")
}

/// A claim that owns its job no more.
pub fn fenced() -> Error {
    Error::new(ErrorKind::Fenced, "the claim does not own the job any more")
        .with_hint("another worker has it, or it is over; roll back what this attempt did")
}

/// A unique key that is taken.
pub fn taken(kind: &str, key: &str) -> Error {
    let key = cut_text(key, 64);
    Error::new(
        ErrorKind::Taken,
        format!("a {kind} job with the unique key {key:?} exists"),
    )
    .with_hint("wait until it is over, or keep or replace it on conflict")
}

/// No job of this id.
pub fn not_found() -> Error {
    Error::new(ErrorKind::NotFound, "there is no job of this id")
        .with_hint("it may have been discarded, or its retention is over")
}

/// A handle that has been closed.
pub fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the store is closed")
        .with_hint("do not use jobs after the app has shut down")
}

/// What the end of an attempt, by its worker or by a rescue, makes of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ending {
    /// Where the job is now.
    pub state: State,
    /// When it is due, if that changes.
    pub due: Option<Timestamp>,
    /// Whether the attempt is given back.
    pub give_back: bool,
    /// The word for its history.
    pub outcome: &'static str,
    /// How it failed or why it was cancelled; `None` leaves the job's error as it is.
    pub error: Option<Arc<str>>,
    /// What it returned.
    pub output: Option<Bytes>,
}

impl Ending {
    fn new(state: State, outcome: &'static str) -> Self {
        Self {
            state,
            due: None,
            give_back: false,
            outcome,
            error: None,
            output: None,
        }
    }

    fn because(mut self, text: &str) -> Self {
        self.error = Some(self::text(text));
        self
    }
}

/// What a verdict makes of a running job; `cancelling` is somebody's reason to cancel it.
///
/// A wish to cancel turns a retry, a snooze and a release into `cancelled`; a snooze and a release
/// give the attempt back all the same. A retry is not refused when no attempt is left: that is the
/// engine's decision.
pub fn finish(verdict: &Verdict, cancelling: Option<&str>) -> Ending {
    let given_back = matches!(verdict, Verdict::Snooze { .. } | Verdict::Release);
    let mut ending = match (verdict, cancelling) {
        (Verdict::Succeed { output }, _) => Ending {
            output: output.clone(),
            ..Ending::new(State::Succeeded, verdict.as_str())
        },
        (Verdict::Fail { error }, _) => Ending::new(State::Failed, verdict.as_str()).because(error),
        (Verdict::Cancel { reason }, _) => {
            Ending::new(State::Cancelled, verdict.as_str()).because(reason)
        }
        (_, Some(reason)) => Ending::new(State::Cancelled, "cancelled").because(reason),
        (Verdict::Retry { at, error }, None) => Ending {
            due: Some(due(*at)),
            ..Ending::new(State::Scheduled, verdict.as_str()).because(error)
        },
        (Verdict::Snooze { at }, None) => Ending {
            due: Some(due(*at)),
            ..Ending::new(State::Scheduled, verdict.as_str())
        },
        (Verdict::Release, None) => Ending::new(State::Ready, verdict.as_str()),
    };
    ending.give_back = given_back;
    ending
}

/// What is known of a running job whose session is dead.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Orphan<'a> {
    /// Somebody's reason to cancel it.
    pub cancelling: Option<&'a str>,
    /// Whether its body ran.
    pub began: bool,
    /// Whether it was claimed to run alone.
    pub alone: bool,
    /// How many processes had died while it ran.
    pub deaths: u32,
    /// How many attempts are charged, this one included.
    pub attempts: u32,
    /// How many it has in all.
    pub max_attempts: u32,
}

impl<'a> Orphan<'a> {
    /// A job whose body had not begun, with all its attempts.
    pub fn new(cancelling: Option<&'a str>, began: bool, alone: bool) -> Self {
        Self {
            cancelling,
            began,
            alone,
            deaths: 0,
            attempts: 1,
            max_attempts: u32::MAX,
        }
    }
}

/// What a rescue makes of a job; its deaths from now on, and whether it runs alone.
///
/// In this order: a wish to cancel is granted, a job that had not begun is released uncharged, one
/// that has killed its process alone once too often is quarantined, one without attempts left
/// fails, and every other one is ready again.
pub fn rescue(orphan: &Orphan<'_>, rules: &RescueRules) -> (Ending, u32, bool) {
    let judged = rules.judge(orphan.deaths, orphan.began, orphan.alone);
    let ending = if let Some(reason) = orphan.cancelling {
        Ending::new(State::Cancelled, "cancelled").because(reason)
    } else if !orphan.began {
        Ending::new(State::Ready, "released")
    } else if judged.quarantine {
        Ending::new(State::Quarantined, "quarantined").because(QUARANTINED)
    } else if orphan.attempts >= orphan.max_attempts {
        Ending::new(State::Failed, "failed").because(RESCUED_LAST)
    } else {
        Ending::new(State::Ready, "rescued")
    };
    let ending = Ending {
        give_back: !orphan.began,
        ..ending
    };
    (ending, judged.deaths, judged.solo)
}

/// Where an operation takes a job; `None` when it is removed.
///
/// A running job that is to be cancelled stays where it is until its attempt ends.
///
/// # Errors
/// [`IllegalState`](ErrorKind::IllegalState).
pub fn operate(
    state: State,
    operation: &Operation,
    now: Timestamp,
) -> Result<Option<State>, Error> {
    let change = match operation {
        Operation::Cancel { .. } if state == State::Running => return Ok(Some(State::Running)),
        Operation::Discard if state == State::Running => {
            let message = "a running job cannot be discarded";
            return Err(Error::new(ErrorKind::IllegalState, message)
                .with_hint("cancel it first, and discard it when it is over"));
        }
        Operation::Discard => return Ok(None),
        Operation::Cancel { .. } => Change::Cancel,
        Operation::Retry => Change::Retry,
        Operation::Reschedule { at } => Change::Reschedule {
            later: due(*at) > now,
        },
        Operation::Free => Change::Free,
    };
    state.after(change).map(Some).map_err(|illegal: Illegal| {
        Error::new(ErrorKind::IllegalState, illegal.to_string())
            .with_hint("look at the job's state first; it may have moved on meanwhile")
    })
}

/// The key by which a job is ordered when it becomes ready at `now`: its own, but that of a gated
/// one is no earlier than a job that becomes due now, so that keys share fairly.
pub fn ready_order(priority: Priority, due: Timestamp, gated: bool, now: Timestamp) -> i64 {
    let own = priority.order(due);
    if gated {
        own.max(priority.order(now))
    } else {
        own
    }
}

/// The key by which jobs are ordered behind a gate; equal ones by row. An ordered gate lets them in
/// as they were enqueued.
pub fn held_order(priority: Priority, due: Timestamp, ordered: bool) -> i64 {
    if ordered {
        i64::MIN
    } else {
        priority.order(due)
    }
}

/// Whom a gate lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Admission {
    /// How many.
    pub jobs: u32,
    /// The rate's state afterwards.
    pub tat: i64,
    /// When the rate opens, if only it keeps a job out.
    pub opens_at: Option<i64>,
}

/// How many of `held` jobs a gate lets in, when `used` of its places are taken; `tat` is the state
/// of its rate, `i64::MIN` at first. Instants are microseconds.
pub fn admit(
    limit: u32,
    used: u32,
    held: u32,
    rate: Option<Rate>,
    tat: i64,
    now: i64,
) -> Admission {
    let wanted = held.min(limit.saturating_sub(used));
    let Some(rate) = rate.filter(|_| wanted > 0) else {
        return Admission {
            jobs: wanted,
            tat,
            opens_at: None,
        };
    };
    let (jobs, tat) = rate.take(tat, now, wanted);
    Admission {
        jobs,
        tat,
        opens_at: (jobs < wanted).then(|| rate.opens_at(tat)),
    }
}

/// Whether a job that leaves for this state keeps its place in its gate: in an ordered one until it
/// is over, in another only while it is in the queue or runs.
pub const fn keeps_place(ordered: bool, state: State) -> bool {
    ordered && !state.is_over()
}

/// Until when a unique key is taken, for those that are taken for a time.
pub fn key_until(scope: Scope, now: Timestamp) -> Option<Timestamp> {
    match scope {
        Scope::For(time) => Some(due(wall_after(now, time))),
        _ => None,
    }
}

/// Whether a job gives its key back when it comes to this state.
pub const fn frees_key(scope: Scope, state: State) -> bool {
    match scope {
        Scope::UntilStarted => matches!(state, State::Running) || state.is_over(),
        Scope::UntilFinished => state.is_over(),
        Scope::For(_) => false,
    }
}

/// Jobs in this state that ended then or before are removed; `None` for a state that is not over.
pub fn cutoff(keep: &Retention, state: State, now: Timestamp) -> Option<Timestamp> {
    let kept = keep.of(state)?;
    Some(past(now.checked_sub(kept).unwrap_or(Timestamp::MIN)))
}

fn check_size(items: usize, most: usize) -> Result<(), Error> {
    if items <= most {
        return Ok(());
    }
    let message = format!("a batch of {items} is too large");
    Err(Error::new(ErrorKind::Limit, message).with_hint(format!("at most {most}; split it")))
}

fn check_json(what: &str, json: Option<&Bytes>) -> Result<(), Error> {
    let bytes = json.map_or(0, Bytes::len);
    if bytes <= OUTPUT_BYTES_MAX {
        return Ok(());
    }
    let message = format!("a {what} of {bytes} bytes is too large");
    Err(Error::new(ErrorKind::Limit, message).with_hint(format!(
        "at most {OUTPUT_BYTES_MAX} bytes; keep large data in a table of your own"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn now_is_rounded_down_and_due_up() {
        let at = |nanos: i128| Timestamp::from_nanosecond(nanos).unwrap();
        for (nanos, down, up) in [
            (0, 0, 0),
            (1, 0, 1_000),
            (1_999, 1_000, 2_000),
            (2_000, 2_000, 2_000),
            (-1, -1_000, 0),
            (-1_001, -2_000, -1_000),
        ] {
            assert_eq!(past(at(nanos)), at(down), "{nanos}");
            assert_eq!(due(at(nanos)), at(up), "{nanos}");
        }
        assert!(due(Timestamp::MAX) <= Timestamp::MAX);
    }

    #[test]
    fn a_gate_lets_in_what_limit_and_rate_allow() {
        let rate = Rate::new(2, Duration::from_secs(1));
        assert_eq!(admit(3, 1, 9, None, i64::MIN, 0).jobs, 2);
        assert_eq!(admit(1, 4, 9, None, i64::MIN, 0).jobs, 0);
        let first = admit(9, 0, 9, Some(rate), i64::MIN, 0);
        assert_eq!((first.jobs, first.opens_at), (2, Some(500_000)));
        let full = admit(1, 1, 9, Some(rate), first.tat, 0);
        assert_eq!(
            (full.jobs, full.opens_at),
            (0, None),
            "the rate is not what keeps it out"
        );
    }
}
