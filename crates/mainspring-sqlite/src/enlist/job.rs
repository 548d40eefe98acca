//! Enqueueing one job inside the transaction.

use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::job::{JobId, OnConflict, State, Unique};
use mainspring_core::store::{Enqueued, NewJob, SqlValue, Was};

use super::{Joined, blob, maybe, number, text};
use crate::ops::enqueue::{self as ops, INLINE_MAX};
use crate::ops::gate::HELD;
use crate::sql::Sql;
use crate::{marks, micros};

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
    let due = micros::ceil(job.due);
    let state = if due <= now {
        State::Ready
    } else {
        State::Scheduled
    };
    let (gate, entered) = enter(tx, now, job, state).await?;
    let barred = if gate.is_some() && state == State::Ready && !entered {
        HELD
    } else {
        0
    };
    let mut bits = ops::unique_mark(job);
    if entered {
        bits |= marks::IN_GATE;
    }
    let json = job.payload.json();
    let large = json.len() > INLINE_MAX;
    if large {
        bits |= marks::LARGE;
    }
    let values = vec![
        blob(job.id.as_bytes()),
        text(&job.queue),
        text(&job.kind),
        SqlValue::Integer(state.code().into()),
        SqlValue::Integer(barred),
        SqlValue::Integer(bits),
        SqlValue::Integer(job.priority.order(micros::instant(due))),
        SqlValue::Integer(due),
        SqlValue::Integer(job.priority.level().into()),
        SqlValue::Integer(job.max_attempts.into()),
        maybe(gate),
        SqlValue::Integer(now),
        SqlValue::Integer(job.payload.version().into()),
        SqlValue::Integer(job.payload.checksum().into()),
        ops::meta(job)
            .map_err(Error::from)?
            .map_or(SqlValue::Null, SqlValue::Text),
        if large { SqlValue::Null } else { blob(json) },
    ];
    let Some(seq) = number(&tx.run(Sql::InsertJobIn.text(), values).await?) else {
        return Ok(Enqueued::new(job.id, Was::Existing));
    };
    if large || job.unique.is_some() {
        let key = job
            .unique
            .as_ref()
            .map_or(SqlValue::Null, |unique| text(&unique.key));
        let payload = if large { blob(json) } else { SqlValue::Null };
        let values = vec![SqlValue::Integer(seq), key, payload];
        tx.run(Sql::InsertDetailIn.text(), values).await?;
    }
    Ok(Enqueued::new(job.id, Was::New))
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
    holder
        .map(|id| Some(JobId::from_bytes(*id)))
        .ok_or_else(|| {
            Error::new(
                ErrorKind::Corrupt,
                "the table of unique keys is not what was written",
            )
            .with_hint("restore a backup")
        })
}

async fn conflict<J: Joined>(
    tx: &mut J,
    now: i64,
    job: &NewJob,
    unique: &Unique,
    there: JobId,
) -> Result<Enqueued, Error> {
    match unique.on_conflict {
        OnConflict::Error => Err(ops::taken(&unique.key)),
        OnConflict::Replace => replace(tx, now, job, there).await,
        _ => Ok(Enqueued::new(there, Was::Existing)),
    }
}

/// Gives the job that is there the new payload and time, if it still waits. One that has a place
/// behind or inside a gate keeps it: only its payload changes then, unless it is moved to later.
async fn replace<J: Joined>(
    tx: &mut J,
    now: i64,
    job: &NewJob,
    there: JobId,
) -> Result<Enqueued, Error> {
    let due = micros::ceil(job.due);
    let json = job.payload.json();
    let large = json.len() > INLINE_MAX;
    let values = vec![
        blob(there.as_bytes()),
        SqlValue::Integer(due),
        SqlValue::Integer(now),
        SqlValue::Integer(micros::level_step()),
        if large { SqlValue::Null } else { blob(json) },
        SqlValue::Integer(job.payload.version().into()),
        SqlValue::Integer(job.payload.checksum().into()),
        SqlValue::Integer(if large { marks::LARGE } else { 0 }),
    ];
    let Some(seq) = number(&tx.run(Sql::ReplaceJobIn.text(), values).await?) else {
        return Ok(Enqueued::new(there, Was::Existing));
    };
    let payload = if large { blob(json) } else { SqlValue::Null };
    tx.run(
        Sql::UpdateDetailPayload.text(),
        vec![SqlValue::Integer(seq), payload],
    )
    .await?;
    Ok(Enqueued::new(there, Was::Replaced))
}

/// The job's gate, and whether it has a place inside.
async fn enter<J: Joined>(
    tx: &mut J,
    now: i64,
    job: &NewJob,
    state: State,
) -> Result<(Option<i64>, bool), Error> {
    let Some(gate) = &job.gate else {
        return Ok((None, false));
    };
    let values = vec![
        text(&gate.key),
        SqlValue::Integer(gate.limit.get().into()),
        SqlValue::Integer(gate.ordered.into()),
        maybe(gate.rate.map(|rate| rate.count.get().into())),
        maybe(gate.rate.map(|rate| micros::span(rate.per))),
    ];
    let number = number(&tx.run(Sql::UpsertGate.text(), values).await?);
    let Some(gate_number) = number.filter(|_| state == State::Ready) else {
        return Ok((number, false));
    };
    // A rate is left to the next promotion: the job is held, and the gate is due at once.
    let values = vec![SqlValue::Integer(gate_number), SqlValue::Integer(now)];
    let entered = !tx
        .run(Sql::EnterGateIn.text(), values.clone())
        .await?
        .is_empty();
    if !entered && gate.rate.is_some() {
        tx.run(Sql::OpenGateIn.text(), values).await?;
    }
    Ok((number, entered))
}
