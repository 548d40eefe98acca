//! How a job comes to wait: now, through its gate, or for its time.

use mainspring_core::job::{Priority, State};

use super::gate;
use super::row::JobRow;
use crate::fault::Done;
use crate::writer::Tx;
use crate::{marks, micros};

/// Makes a job ready; behind its gate if that has no room.
pub(crate) fn ready(tx: &mut Tx<'_, '_>, now: i64, job: &mut JobRow) -> Done<()> {
    job.state = State::Ready;
    job.barred &= !gate::HELD;
    let Some(number) = job.gate else {
        return Ok(());
    };
    if job.has(marks::IN_GATE) {
        return Ok(());
    }
    if gate::enter(tx, now, number)? {
        job.set(marks::IN_GATE, true);
    } else {
        job.barred |= gate::HELD;
    }
    Ok(())
}

/// Lets a job wait for its time.
pub(crate) fn later(job: &mut JobRow, due: i64) {
    job.state = State::Scheduled;
    job.barred &= !gate::HELD;
    due_at(job, due);
}

/// Moves the time of a job that waits.
pub(crate) fn move_to(tx: &mut Tx<'_, '_>, now: i64, job: &mut JobRow, due: i64) -> Done<()> {
    if due > now {
        leave_gate(tx, now, job)?;
        later(job, due);
        return Ok(());
    }
    due_at(job, due);
    if job.state == State::Ready {
        return Ok(());
    }
    ready(tx, now, job)
}

/// Gives up the place inside the gate, if it has one.
pub(crate) fn leave_gate(tx: &mut Tx<'_, '_>, now: i64, job: &mut JobRow) -> Done<()> {
    if job.has(marks::IN_GATE) {
        job.set(marks::IN_GATE, false);
        if let Some(number) = job.gate {
            // The job itself must not be let in again by its own leaving: it is not held.
            gate::leave(tx, now, number)?;
        }
    }
    Ok(())
}

/// Sets the time and the key that follows from it.
pub(crate) fn due_at(job: &mut JobRow, due: i64) {
    job.due = due;
    job.ord = Priority::from_level(job.level).order(micros::instant(due));
}
