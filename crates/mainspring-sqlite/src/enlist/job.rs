//! Enqueueing one job inside the transaction.

use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::job::{Gate, JobId, OnConflict, Priority, State, Unique};
use mainspring_core::store::{Enqueued, NewJob, SqlRow, SqlValue, Was, rules};

use super::{Joined, blob, corrupt, maybe, number, text};
use crate::ops::enqueue as ops;
use crate::ops::gate::{Door, HELD};
use crate::ops::row::held_pen;
use crate::sql::Sql;
use crate::{marks, micros};

/// Where a new job stands.
struct Place {
    state: State,
    barred: i64,
    bits: i64,
    gate: Option<i64>,
    ord: i64,
    due: i64,
}

impl Place {
    /// Where the job is looked for; `None` where its lane says so.
    fn pen(&self) -> Option<i64> {
        match self.state {
            State::Scheduled => Some(0),
            _ if self.barred != 0 => self.gate.map(held_pen),
            _ => None,
        }
    }
}

/// Writes one job, if nothing stands for it already.
pub(super) async fn enqueue<J: Joined>(
    tx: &mut J,
    now: i64,
    job: &NewJob,
) -> Result<Enqueued, Error> {
    if job.claim.is_some() {
        return Err(Error::new(
            ErrorKind::Input,
            "a job cannot run before its transaction ends",
        )
        .with_hint("enqueue it without a claim"));
    }
    if job.unique.is_some() || job.gate.is_some() {
        let rows = tx
            .run(Sql::SelectExists.text(), vec![blob(job.id.as_bytes())])
            .await?;
        if !rows.is_empty() {
            return Ok(Enqueued::new(job.id, Was::Existing));
        }
    }
    if let Some(unique) = &job.unique
        && let Some(there) = take_key(tx, now, job, unique).await?
    {
        return conflict(tx, now, job, unique, there).await;
    }
    let lane = vec![text(&job.queue), text(&job.kind)];
    tx.run(Sql::InsertLane.text(), lane).await?;
    let place = place(tx, now, job).await?;
    let Some(seq) = number(
        &tx.run(Sql::InsertJobIn.text(), row(now, job, &place)?)
            .await?,
    ) else {
        return Ok(Enqueued::new(job.id, Was::Existing));
    };
    let large = place.bits & marks::LARGE != 0;
    if large || job.unique.is_some() {
        let key = job
            .unique
            .as_ref()
            .map_or(SqlValue::Null, |unique| text(&unique.key));
        let payload = if large {
            blob(job.payload.json())
        } else {
            SqlValue::Null
        };
        let values = vec![SqlValue::Integer(seq), key, payload];
        tx.run(Sql::InsertDetailIn.text(), values).await?;
    }
    Ok(Enqueued::new(job.id, Was::New))
}

fn row(now: i64, job: &NewJob, place: &Place) -> Result<Vec<SqlValue>, Error> {
    let large = place.bits & marks::LARGE != 0;
    Ok(vec![
        blob(job.id.as_bytes()),
        text(&job.queue),
        text(&job.kind),
        SqlValue::Integer(place.state.code().into()),
        SqlValue::Integer(place.barred),
        SqlValue::Integer(place.bits),
        SqlValue::Integer(place.ord),
        SqlValue::Integer(place.due),
        SqlValue::Integer(job.priority.level().into()),
        SqlValue::Integer(job.max_attempts.max(1).into()),
        maybe(place.gate),
        SqlValue::Integer(now),
        SqlValue::Integer(job.payload.version().into()),
        SqlValue::Integer(job.payload.checksum().into()),
        ops::meta(job)?.map_or(SqlValue::Null, SqlValue::Text),
        if large {
            SqlValue::Null
        } else {
            blob(job.payload.json())
        },
        maybe(place.pen()),
    ])
}

async fn place<J: Joined>(tx: &mut J, now: i64, job: &NewJob) -> Result<Place, Error> {
    let due = micros::ceil(job.due);
    let state = if due <= now {
        State::Ready
    } else {
        State::Scheduled
    };
    let (due_at, now_at) = (micros::instant(due), micros::instant(now));
    let mut place = Place {
        state,
        barred: 0,
        bits: ops::bits(job),
        gate: None,
        ord: rules::ready_order(job.priority, due_at, job.gate.is_some(), now_at),
        due,
    };
    if state == State::Scheduled {
        place.ord = due;
    }
    if let Some(gate) = &job.gate {
        let (number, entered) = enter(tx, now, gate, state == State::Ready).await?;
        place.gate = Some(number);
        if entered {
            place.bits |= marks::IN_GATE;
        } else if state == State::Ready {
            place.barred = HELD;
            place.ord = rules::held_order(job.priority, due_at, gate.ordered);
        }
    }
    Ok(place)
}

/// The number of a gate, and whether a job that is due has a place inside.
///
/// Others who wait are let in by the next promotion, for which the gate is due at once.
async fn enter<J: Joined>(
    tx: &mut J,
    now: i64,
    gate: &Gate,
    due: bool,
) -> Result<(i64, bool), Error> {
    let values = vec![
        text(&gate.key),
        SqlValue::Integer(gate.limit.get().into()),
        maybe(gate.rate.map(|rate| rate.count.get().into())),
        maybe(gate.rate.map(|rate| micros::span(rate.per))),
    ];
    let found = number(&tx.run(Sql::UpsertGate.text(), values).await?);
    let number = found.ok_or_else(|| corrupt("the table of gates"))?;
    let door = door(
        &tx.run(Sql::SelectGate.text(), vec![SqlValue::Integer(number)])
            .await?,
    )?;
    let held = tx
        .run(
            Sql::SelectHeld.text(),
            vec![SqlValue::Integer(held_pen(number))],
        )
        .await?;
    if door.used >= door.cap || (held.is_empty() && !due) {
        return Ok((number, false));
    }
    let mut after = door;
    let mut entered = false;
    if held.is_empty() {
        let let_in = rules::admit(door.cap, door.used, 1, door.rate, door.tat, now);
        entered = let_in.jobs == 1;
        after.used = after.used.saturating_add(let_in.jobs);
        after.tat = let_in.tat;
        after.opens_at = let_in.opens_at;
    } else {
        after.opens_at = Some(now);
    }
    let values = vec![
        SqlValue::Integer(number),
        SqlValue::Integer(after.used.into()),
        SqlValue::Integer(after.tat),
        maybe(after.opens_at),
    ];
    tx.run(Sql::UpdateGate.text(), values).await?;
    Ok((number, entered))
}

fn door(rows: &[SqlRow]) -> Result<Door, Error> {
    let column = |index: usize| {
        rows.first()
            .and_then(|row: &SqlRow| row.get(index)?.as_integer())
    };
    let count = |index| column(index).and_then(|number| u32::try_from(number).ok());
    let door = || {
        Some(Door {
            used: count(0)?,
            cap: count(1)?,
            rate: Door::rate(column(2), column(3)),
            tat: column(4)?,
            opens_at: column(5),
        })
    };
    door().ok_or_else(|| corrupt("the table of gates"))
}

async fn take_key<J: Joined>(
    tx: &mut J,
    now: i64,
    job: &NewJob,
    unique: &Unique,
) -> Result<Option<JobId>, Error> {
    let values = vec![
        text(&job.kind),
        text(&unique.key),
        blob(job.id.as_bytes()),
        maybe(ops::until(now, unique)),
        SqlValue::Integer(now),
    ];
    if !tx.run(Sql::UpsertUniqueIn.text(), values).await?.is_empty() {
        return Ok(None);
    }
    let key = vec![text(&job.kind), text(&unique.key)];
    let rows = tx.run(Sql::SelectUnique.text(), key).await?;
    let holder = rows
        .first()
        .and_then(|row| row.first()?.as_blob()?.first_chunk());
    let holder = holder.ok_or_else(|| corrupt("the table of unique keys"))?;
    Ok(Some(JobId::from_bytes(*holder)))
}

async fn conflict<J: Joined>(
    tx: &mut J,
    now: i64,
    job: &NewJob,
    unique: &Unique,
    there: JobId,
) -> Result<Enqueued, Error> {
    match unique.on_conflict {
        OnConflict::Error => Err(rules::taken(&job.kind, &unique.key)),
        OnConflict::Replace => replace(tx, now, job, there).await,
        _ => Ok(Enqueued::new(there, Was::Existing)),
    }
}

/// Gives the job that is there the new payload and time, if it still waits.
///
/// One that is to pass a gate now is left to the next promotion; the place of one that is moved to
/// later goes to the next promotion too.
async fn replace<J: Joined>(
    tx: &mut J,
    now: i64,
    job: &NewJob,
    there: JobId,
) -> Result<Enqueued, Error> {
    let rows = tx
        .run(Sql::SelectWaiting.text(), vec![blob(there.as_bytes())])
        .await?;
    let column = |index: usize| {
        rows.first()
            .and_then(|row: &SqlRow| row.get(index)?.as_integer())
    };
    let Some(seq) = column(0) else {
        return Ok(Enqueued::new(there, Was::Existing));
    };
    let (due, gate) = (micros::ceil(job.due), column(2));
    let (mut bits, mut barred) = (column(1).unwrap_or(0), column(3).unwrap_or(0));
    let mut state = column(4).unwrap_or(0);
    let large = job.payload.json().len() > ops::INLINE_MAX;
    bits = if large {
        bits | marks::LARGE
    } else {
        bits & !marks::LARGE
    };
    if due > now {
        state = State::Scheduled.code().into();
        barred &= !HELD;
    } else if gate.is_none() {
        state = State::Ready.code().into();
    }
    if let Some(gate) = gate
        && due > now
        && bits & marks::IN_GATE != 0
        && bits & marks::ORDERED == 0
    {
        bits &= !marks::IN_GATE;
        let values = vec![SqlValue::Integer(gate), SqlValue::Integer(now)];
        tx.run(Sql::LeaveGateIn.text(), values).await?;
    }
    let scheduled = state == i64::from(State::Scheduled.code());
    let held = gate.filter(|_| barred & HELD != 0).map(held_pen);
    let ord = order(job.priority, due, gate.is_some(), barred, bits, now);
    let values = vec![
        SqlValue::Integer(seq),
        SqlValue::Integer(due),
        SqlValue::Integer(if scheduled { due } else { ord }),
        SqlValue::Integer(job.priority.level().into()),
        SqlValue::Integer(state),
        SqlValue::Integer(barred),
        SqlValue::Integer(bits),
        if large {
            SqlValue::Null
        } else {
            blob(job.payload.json())
        },
        SqlValue::Integer(job.payload.version().into()),
        SqlValue::Integer(job.payload.checksum().into()),
        ops::meta(job)?.map_or(SqlValue::Null, SqlValue::Text),
        maybe(if scheduled { Some(0) } else { held }),
    ];
    tx.run(Sql::ReplaceJobIn.text(), values).await?;
    let payload = if large {
        blob(job.payload.json())
    } else {
        SqlValue::Null
    };
    tx.run(
        Sql::UpdateDetailPayload.text(),
        vec![SqlValue::Integer(seq), payload],
    )
    .await?;
    Ok(Enqueued::new(there, Was::Replaced))
}

fn order(priority: Priority, due: i64, gated: bool, barred: i64, bits: i64, now: i64) -> i64 {
    let due = micros::instant(due);
    if barred & HELD != 0 {
        return rules::held_order(priority, due, bits & marks::ORDERED != 0);
    }
    rules::ready_order(priority, due, gated, micros::instant(now))
}
