//! Gates: who of a key may be in the queue, and who waits outside.

use std::num::NonZeroU32;
use std::time::Duration;

use mainspring_core::job::{Gate, Priority, Rate};

use super::row::{self, JobRow};
use crate::fault::{Done, corrupt};
use crate::sql::Sql;
use crate::writer::Tx;
use crate::{marks, micros};

/// The bit of `barred` of a job that waits behind its gate.
pub(crate) const HELD: i64 = 1;

/// The bit of `barred` of a job that must run alone.
pub(crate) const ALONE: i64 = 2;

/// A gate's row.
struct Door {
    number: i64,
    used: u32,
    cap: u32,
    ordered: bool,
    rate: Option<Rate>,
    tat: Option<i64>,
}

/// The number of a gate; its limits are those that were named last.
pub(crate) fn define(tx: &Tx<'_, '_>, gate: &Gate) -> Done<i64> {
    let rate = gate
        .rate
        .map(|rate| (rate.count.get(), micros::span(rate.per)));
    let params = rusqlite::params![
        &*gate.key,
        gate.limit.get(),
        gate.ordered,
        rate.map(|(count, _)| count),
        rate.map(|(_, per)| per),
    ];
    let number = tx.sql.row(Sql::UpsertGate, params, |row| row.get(0))?;
    number.ok_or_else(|| corrupt("the table of gates"))
}

/// Counts a job in, whatever the limit says.
pub(crate) fn force(tx: &Tx<'_, '_>, number: i64) -> Done<()> {
    let mut door = read(tx, number)?;
    door.used = door.used.saturating_add(1);
    write(tx, &door, None)
}

/// Lets a job in, if there is room and nobody waits already.
pub(crate) fn enter(tx: &Tx<'_, '_>, now: i64, number: i64) -> Done<bool> {
    let mut door = read(tx, number)?;
    if first_held(tx, number)?.is_some() {
        return Ok(false);
    }
    let entered = door.pass(now);
    let opens = (!entered).then(|| door.opens_at()).flatten();
    write(tx, &door, opens)?;
    Ok(entered)
}

/// Whether a job keeps its place while it waits for its next attempt.
pub(crate) fn is_ordered(tx: &Tx<'_, '_>, number: i64) -> Done<bool> {
    Ok(read(tx, number)?.ordered)
}

/// A job leaves; those who wait first are let in.
pub(crate) fn leave(tx: &mut Tx<'_, '_>, now: i64, number: i64) -> Done<()> {
    let mut door = read(tx, number)?;
    door.used = door.used.saturating_sub(1);
    write(tx, &door, None)?;
    let_in(tx, now, number).map(drop)
}

/// Lets in as many as may; answers how many.
pub(crate) fn let_in(tx: &mut Tx<'_, '_>, now: i64, number: i64) -> Done<usize> {
    let mut door = read(tx, number)?;
    let mut entered = 0;
    let mut opens = None;
    while let Some(seq) = first_held(tx, number)? {
        if !door.pass(now) {
            opens = door.opens_at();
            break;
        }
        let mut job = row::load(tx.sql, seq)?.ok_or_else(|| corrupt("the index of held jobs"))?;
        admit(&mut job, now);
        row::save(tx.sql, &job)?;
        entered += 1;
    }
    write(tx, &door, opens)?;
    Ok(entered)
}

/// The job joins the end of the queue.
fn admit(job: &mut JobRow, now: i64) {
    job.barred &= !HELD;
    job.set(marks::IN_GATE, true);
    let end = Priority::from_level(job.level).order(micros::instant(now));
    job.ord = job.ord.max(end);
}

fn first_held(tx: &Tx<'_, '_>, number: i64) -> Done<Option<i64>> {
    Ok(tx.sql.row(Sql::SelectHeld, (number,), |row| row.get(0))?)
}

impl Door {
    /// Takes a place, if the limit and the rate leave one.
    fn pass(&mut self, now: i64) -> bool {
        if self.used >= self.cap {
            return false;
        }
        if let Some(rate) = &self.rate {
            let (taken, tat) = rate.take(self.tat.unwrap_or(i64::MIN), now, 1);
            if taken == 0 {
                return false;
            }
            self.tat = Some(tat);
        }
        self.used = self.used.saturating_add(1);
        true
    }

    /// When the rate lets the next one in, if it is the rate that does not.
    fn opens_at(&self) -> Option<i64> {
        if self.used >= self.cap {
            return None;
        }
        self.rate
            .zip(self.tat)
            .map(|(rate, tat)| rate.opens_at(tat))
    }
}

fn read(tx: &Tx<'_, '_>, number: i64) -> Done<Door> {
    let door = tx.sql.row(Sql::SelectGate, (number,), |row| {
        let count: Option<u32> = row.get(3)?;
        let per: Option<i64> = row.get(4)?;
        let rate = count
            .and_then(NonZeroU32::new)
            .zip(per)
            .map(|(count, per)| Rate {
                count,
                per: Duration::from_micros(u64::try_from(per).unwrap_or(0)),
            });
        Ok(Door {
            number,
            used: row.get(0)?,
            cap: row.get(1)?,
            ordered: row.get(2)?,
            rate,
            tat: row.get(5)?,
        })
    })?;
    door.ok_or_else(|| corrupt("the gate of a job"))
}

fn write(tx: &Tx<'_, '_>, door: &Door, opens_at: Option<i64>) -> Done<()> {
    let params = (door.number, door.used, door.tat, opens_at);
    tx.sql.execute(Sql::UpdateGate, params)?;
    Ok(())
}
