//! Gates: who of a key may be in the queue, and who waits outside.

use std::num::NonZeroU32;
use std::time::Duration;

use mainspring_core::job::{Gate, Priority, Rate};
use mainspring_core::store::rules;

use super::row::{self, JobRow};
use crate::fault::{Done, corrupt};
use crate::sql::Sql;
use crate::writer::Tx;
use crate::{marks, micros};

/// The bit of `barred` of a job that waits behind its gate.
pub(crate) const HELD: i64 = 1;

/// The bit of `barred` of a job that must run alone.
pub(crate) const SOLO: i64 = 2;

/// A gate's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Door {
    pub(crate) used: u32,
    pub(crate) cap: u32,
    pub(crate) rate: Option<Rate>,
    pub(crate) tat: i64,
    pub(crate) opens_at: Option<i64>,
}

impl Door {
    /// The rate that its two columns say.
    pub(crate) fn rate(count: Option<i64>, per: Option<i64>) -> Option<Rate> {
        let count = count.and_then(|count| NonZeroU32::new(u32::try_from(count).ok()?))?;
        let per = Duration::from_micros(u64::try_from(per?).ok()?);
        Some(Rate { count, per })
    }
}

/// The number of a gate; its limits are those that were named last.
pub(crate) fn define(tx: &Tx<'_, '_>, gate: &Gate) -> Done<i64> {
    let rate = gate
        .rate
        .map(|rate| (rate.count.get(), micros::span(rate.per)));
    let params = rusqlite::params![
        &*gate.key,
        gate.limit.get(),
        rate.map(|(count, _)| count),
        rate.map(|(_, per)| per),
    ];
    let number = tx.sql.row(Sql::UpsertGate, params, |row| row.get(0))?;
    number.ok_or_else(|| corrupt("the table of gates"))
}

/// Counts a place as taken, or as free again.
pub(crate) fn count(tx: &Tx<'_, '_>, number: i64, taken: i64) -> Done<()> {
    tx.sql.execute(Sql::UpdateGateUsed, (number, taken))?;
    Ok(())
}

/// Lets jobs through a gate, at most so many; answers how many.
pub(crate) fn admit(tx: &mut Tx<'_, '_>, now: i64, number: i64, most: u32) -> Done<u32> {
    let door = read(tx, number)?;
    let free = door.cap.saturating_sub(door.used);
    let held = tx
        .sql
        .row(Sql::CountHeld, (row::held_pen(number), free), |row| {
            row.get::<_, u32>(0)
        })?;
    let held = held.unwrap_or(0);
    let let_in = rules::admit(
        door.cap,
        door.used,
        held.min(most),
        door.rate,
        door.tat,
        now,
    );
    for _ in 0..let_in.jobs {
        let Some(seq) = tx
            .sql
            .row(Sql::SelectHeld, (row::held_pen(number),), |row| {
                row.get::<_, i64>(0)
            })?
        else {
            break;
        };
        let mut job = row::load(tx.sql, seq)?.ok_or_else(|| corrupt("the index of held jobs"))?;
        pass(&mut job, now);
        row::save(tx.sql, &job)?;
    }
    let cut = let_in.jobs == most && most < held;
    let after = Door {
        used: door.used.saturating_add(let_in.jobs),
        tat: let_in.tat,
        opens_at: let_in.opens_at.or(cut.then_some(now)),
        ..door
    };
    if after != door {
        let params = (number, after.used, after.tat, after.opens_at);
        tx.sql.execute(Sql::UpdateGate, params)?;
    }
    Ok(let_in.jobs)
}

/// Where a job stands behind its gate.
pub(crate) fn hold(job: &mut JobRow) {
    job.barred |= HELD;
    let ordered = job.has(marks::ORDERED);
    let priority = Priority::from_level(job.level);
    job.ord = rules::held_order(priority, micros::instant(job.due), ordered);
}

fn pass(job: &mut JobRow, now: i64) {
    job.barred &= !HELD;
    job.set(marks::IN_GATE, true);
    job.order(now);
}

fn read(tx: &Tx<'_, '_>, number: i64) -> Done<Door> {
    let door = tx.sql.row(Sql::SelectGate, (number,), |row| {
        Ok(Door {
            used: row.get(0)?,
            cap: row.get(1)?,
            rate: Door::rate(row.get(2)?, row.get(3)?),
            tat: row.get(4)?,
            opens_at: row.get(5)?,
        })
    })?;
    door.ok_or_else(|| corrupt("the gate of a job"))
}
