//! What people do to a job.

use mainspring_core::job::{JobId, State};
use mainspring_core::store::{Operated, Operation, rules};

use super::row::{self, JobRow};
use super::{claim, detail, gate, unique, wait};
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
        return Err(rules::not_found().into());
    };
    let before = job.state;
    let after = rules::operate(before, operation, micros::instant(now))?;
    match operation {
        Operation::Cancel { reason } => cancel(tx, now, job, reason)?,
        Operation::Retry => {
            unique::retake(tx, now, &job)?;
            if job.has(marks::OWNED) {
                wait::settle(tx, now, job)?;
                let settled = row::load_id(tx.sql, id)?;
                job = settled.ok_or_else(|| crate::fault::corrupt("the table of jobs"))?;
            }
            // The attempt before keeps its number in the history.
            if job.outcome.is_some() {
                claim::archive(tx, job.seq, job.claims)?;
                job.outcome = None;
            }
            job.attempts = 0;
            wait::run_again(tx, now, job)?;
        }
        Operation::Free => {
            job.deaths = 0;
            job.barred &= !gate::SOLO;
            wait::run_again(tx, now, job)?;
        }
        Operation::Reschedule { at } => {
            job.due = micros::ceil(*at);
            wait::reposition(tx, now, job)?;
        }
        _ => discard(tx, now, job)?,
    }
    Ok(Operated::new(before, after))
}

fn cancel(tx: &mut Tx<'_, '_>, now: i64, mut job: JobRow, reason: &str) -> Done<()> {
    let mut details = detail::read(tx.sql, job.seq)?;
    if job.state == State::Running {
        if !job.has(marks::CANCELLING) {
            details.cancel = Some(reason.to_owned());
            detail::write(tx.sql, job.seq, &details)?;
            let session = job.session.as_ref().map(|session| &session[..]);
            tx.sql.execute(Sql::InsertWish, (job.seq, session))?;
            job.set(marks::CANCELLING, true);
            row::save(tx.sql, &job)?;
        }
        return Ok(());
    }
    // The attempt before ended in another way, and keeps its own error.
    if job.outcome.is_some() {
        claim::archive(tx, job.seq, job.claims)?;
        job.outcome = None;
    }
    details.error = Some(rules::text(reason).to_string());
    detail::write(tx.sql, job.seq, &details)?;
    job.state = State::Cancelled;
    job.ended_at = Some(now);
    wait::settle(tx, now, job)
}

/// Removes a job; what it held is free, but for a key that is taken for a time.
pub(crate) fn discard(tx: &mut Tx<'_, '_>, now: i64, mut job: JobRow) -> Done<()> {
    let seq = job.seq;
    job.state = State::Cancelled;
    job.ended_at = Some(now);
    wait::settle(tx, now, job)?;
    remove(tx, seq)
}

/// Removes a job that is over and holds nothing any more.
pub(crate) fn remove(tx: &Tx<'_, '_>, seq: i64) -> Done<()> {
    tx.sql.execute(Sql::DeleteAttempts, (seq,))?;
    tx.sql.execute(Sql::DeleteDetail, (seq,))?;
    tx.sql.execute(Sql::DeleteJob, (seq,))?;
    Ok(())
}
