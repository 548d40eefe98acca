//! Enqueueing one job inside the transaction.

use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::job::{JobId, OnConflict, State, Unique};
use mainspring_core::store::{Enqueued, NewJob, SqlValue, Was, rules};

use super::{Joined, blob, corrupt, gate, maybe, number, replace, text};
use crate::ops::enqueue as ops;
use crate::ops::gate::HELD;
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
    if let Some(number) = place.gate {
        gate::admit(tx, now, number).await?;
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

/// A job that is due stands behind its gate at first, if it has one.
async fn place<J: Joined>(tx: &mut J, now: i64, job: &NewJob) -> Result<Place, Error> {
    let due = micros::ceil(job.due);
    let state = if due <= now {
        State::Ready
    } else {
        State::Scheduled
    };
    let mut place = Place {
        state,
        barred: 0,
        bits: ops::bits(job),
        gate: None,
        ord: job.priority.order(micros::instant(due)),
        due,
    };
    if state == State::Scheduled {
        place.ord = due;
    }
    if let Some(wanted) = &job.gate {
        place.gate = Some(gate::define(tx, wanted).await?);
        if state == State::Ready {
            place.barred = HELD;
            place.ord = rules::held_order(job.priority, micros::instant(due), wanted.ordered);
        }
    }
    Ok(place)
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
        OnConflict::Replace => replace::replace(tx, now, job, there).await,
        _ => Ok(Enqueued::new(there, Was::Existing)),
    }
}
