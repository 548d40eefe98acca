//! How a job comes to wait, and what it lets go of: the ways into and out of the queue. Each
//! writes the row, and then lets others through the gate, which may be the same job.

use mainspring_core::job::State;
use mainspring_core::store::rules;

use super::row::{self, JobRow};
use super::{claim, gate, unique};
use crate::fault::Done;
use crate::marks;
use crate::writer::Tx;

/// Makes a job ready: behind its gate first, unless it has a place there.
pub(crate) fn make_ready(tx: &mut Tx<'_, '_>, now: i64, mut job: JobRow) -> Done<()> {
    job.state = State::Ready;
    if job.gate.is_some() && !job.has(marks::IN_GATE) {
        gate::hold(&mut job);
    } else {
        job.barred &= !gate::HELD;
        job.order(now);
    }
    write(tx, now, &job)
}

/// Sets a waiting job where its due time puts it.
pub(crate) fn reposition(tx: &mut Tx<'_, '_>, now: i64, mut job: JobRow) -> Done<()> {
    if job.due <= now {
        return make_ready(tx, now, job);
    }
    job.state = State::Scheduled;
    leave(tx, &mut job)?;
    write(tx, now, &job)
}

/// Frees what a job held that runs no more: its place, its key; whoever waited for them comes in.
pub(crate) fn settle(tx: &mut Tx<'_, '_>, now: i64, mut job: JobRow) -> Done<()> {
    job.set(marks::OWNED, false);
    leave(tx, &mut job)?;
    unique::free(tx, &job)?;
    if job.state == State::Ready {
        return make_ready(tx, now, job);
    }
    write(tx, now, &job)
}

/// Lets a job that has stopped run again, from now on.
pub(crate) fn run_again(tx: &mut Tx<'_, '_>, now: i64, mut job: JobRow) -> Done<()> {
    if job.outcome.is_some() {
        claim::archive(tx, job.seq, job.claims)?;
        job.outcome = None;
    }
    job.due = now;
    job.ended_at = None;
    make_ready(tx, now, job)
}

/// Gives up the place behind the gate, and the one inside if the gate's order does not keep it.
fn leave(tx: &Tx<'_, '_>, job: &mut JobRow) -> Done<()> {
    job.barred &= !gate::HELD;
    let keeps = rules::keeps_place(job.has(marks::ORDERED), job.state);
    if job.has(marks::IN_GATE) && !keeps {
        job.set(marks::IN_GATE, false);
        if let Some(number) = job.gate {
            gate::count(tx, number, -1)?;
        }
    }
    Ok(())
}

fn write(tx: &mut Tx<'_, '_>, now: i64, job: &JobRow) -> Done<()> {
    row::save(tx.sql, job)?;
    if let Some(number) = job.gate {
        gate::admit(tx, now, number, u32::MAX)?;
    }
    Ok(())
}
