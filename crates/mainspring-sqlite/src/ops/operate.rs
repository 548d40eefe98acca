//! What people do to a job.

use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::job::{Change, JobId, State};
use mainspring_core::store::{Operated, Operation};

use super::row::{self, JobRow};
use super::{claim, detail, finish, wait};
use crate::fault::Done;
use crate::sql::Sql;
use crate::writer::Tx;
use crate::{marks, micros};

/// Does something to a job.
pub(crate) fn operate(
    tx: &mut Tx<'_, '_>,
    now: i64,
    id: JobId,
    operation: &Operation,
) -> Done<Operated> {
    let Some(mut job) = row::load_id(tx.sql, id)? else {
        return Err(not_found(id).into());
    };
    let before = job.state;
    match operation {
        Operation::Cancel { reason } => cancel(tx, now, &mut job, reason)?,
        Operation::Retry => {
            allow(&job, Change::Retry)?;
            job.max_attempts = job.attempts.saturating_add(job.max_attempts);
            job.token = None;
            wait::due_at(&mut job, now);
            wait::ready(tx, now, &mut job)?;
        }
        Operation::Reschedule { at } => {
            let due = micros::ceil(*at);
            allow(&job, Change::Reschedule { later: due > now })?;
            wait::move_to(tx, now, &mut job, due)?;
        }
        Operation::Free => {
            allow(&job, Change::Free)?;
            job.deaths = 0;
            job.barred = 0;
            wait::due_at(&mut job, now);
            wait::ready(tx, now, &mut job)?;
        }
        Operation::Discard => return discard(tx, now, job),
        _ => {
            let message = "this store does not know the operation";
            return Err(Error::new(ErrorKind::Input, message).into());
        }
    }
    row::save(tx.sql, &job)?;
    Ok(Operated::new(before, Some(job.state)))
}

fn cancel(tx: &mut Tx<'_, '_>, now: i64, job: &mut JobRow, reason: &str) -> Done<()> {
    allow(job, Change::Cancel)?;
    let mut details = detail::read(tx.sql, job.seq)?;
    details.cancel = Some(finish::kept(reason));
    if job.state == State::Running {
        job.set(marks::CANCELLING, true);
        return detail::write(tx.sql, job.seq, &details);
    }
    if job.outcome.is_some() {
        claim::archive(tx, job.seq)?;
        job.outcome = None;
    }
    details.error = details.cancel.clone();
    detail::write(tx.sql, job.seq, &details)?;
    job.state = State::Cancelled;
    job.ended_at = Some(now);
    finish::let_go(tx, now, job)
}

fn discard(tx: &mut Tx<'_, '_>, now: i64, mut job: JobRow) -> Done<Operated> {
    let before = job.state;
    if before == State::Running {
        let message = "a running job cannot be discarded";
        return Err(Error::new(ErrorKind::IllegalState, message)
            .with_hint("cancel it first")
            .into());
    }
    finish::let_go(tx, now, &mut job)?;
    remove(tx, job.seq)?;
    Ok(Operated::new(before, None))
}

/// Removes a job with its details and its history.
pub(crate) fn remove(tx: &Tx<'_, '_>, seq: i64) -> Done<()> {
    tx.sql.execute(Sql::DeleteAttempts, (seq,))?;
    tx.sql.execute(Sql::DeleteDetail, (seq,))?;
    tx.sql.execute(Sql::DeleteJob, (seq,))?;
    Ok(())
}

fn allow(job: &JobRow, change: Change) -> Done<State> {
    let illegal = |illegal: mainspring_core::job::Illegal| {
        Error::new(ErrorKind::IllegalState, illegal.to_string())
            .with_hint("read the job's state again: somebody else may have changed it")
    };
    Ok(job.state.after(change).map_err(illegal)?)
}

fn not_found(id: JobId) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no job {id}"))
        .with_hint("its retention may have removed it")
}
