//! Writing new jobs.

use bytes::Bytes;
use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::job::{JobId, OnConflict, Scope, State, Unique};
use mainspring_core::store::{Claim, Enqueued, NewJob, Was};
use mainspring_core::time::Timestamp;
use std::sync::Arc;

use super::detail::{self, Detail};
use super::{gate, row};
use crate::fault::{Done, corrupt};
use crate::sql::Sql;
use crate::writer::Tx;
use crate::{marks, micros, outcome};

/// The largest payload that stands in the job's own row. With a larger one each change of state would
/// rewrite the pages that it overflows to.
pub(crate) const INLINE_MAX: usize = 2 * 1024;

/// Writes jobs: all or none.
pub(crate) fn enqueue(tx: &mut Tx<'_, '_>, now: i64, jobs: &[NewJob]) -> Done<Vec<Enqueued>> {
    jobs.iter().map(|job| one(tx, now, job, None)).collect()
}

/// Writes one job, if nothing stands for it already.
pub(crate) fn one(
    tx: &mut Tx<'_, '_>,
    now: i64,
    job: &NewJob,
    scheduled_by: Option<(Arc<str>, Timestamp)>,
) -> Done<Enqueued> {
    if let Some(unique) = &job.unique {
        if exists(tx, job.id)? {
            return Ok(Enqueued::new(job.id, Was::Existing));
        }
        if let Some(there) = take_key(tx, now, job, unique)? {
            return conflict(tx, now, job, unique, there);
        }
    }
    let due = micros::ceil(job.due);
    let (mut state, mut barred, mut bits, mut gate) = (State::Scheduled, 0, 0, None);
    if due <= now {
        state = State::Ready;
    }
    if job.claim.is_some() {
        state = State::Running;
    }
    let lane = tx.lane(&job.queue, &job.kind)?;
    if let Some(wanted) = &job.gate {
        if job.unique.is_none() && exists(tx, job.id)? {
            return Ok(Enqueued::new(job.id, Was::Existing));
        }
        let number = gate::define(tx, wanted)?;
        gate = Some(number);
        match state {
            State::Running => {
                gate::force(tx, number)?;
                bits |= marks::IN_GATE;
            }
            State::Ready if gate::enter(tx, now, number)? => bits |= marks::IN_GATE,
            State::Ready => barred = gate::HELD,
            _ => {}
        }
    }
    bits |= unique_mark(job);
    let large = job.payload.json().len() > INLINE_MAX;
    let detail = Detail {
        scheduled_by,
        unique_key: job.unique.as_ref().map(|unique| unique.key.to_string()),
        payload: large.then(|| job.payload.json().clone()),
        ..Detail::default()
    };
    if large {
        bits |= marks::LARGE;
    }
    if detail.scheduled_by.is_some() {
        bits |= marks::DETAIL;
    }
    if job.claim.is_some()
        && job
            .unique
            .as_ref()
            .is_some_and(|u| u.scope == Scope::UntilStarted)
    {
        free_key(tx, &job.kind, &job.unique, job.id)?;
    }
    let place = Place {
        lane,
        state,
        barred,
        bits,
        gate,
        due,
    };
    if !insert(tx, now, job, &place)? {
        return Ok(Enqueued::new(job.id, Was::Existing));
    }
    let seq = tx.sql.connection.last_insert_rowid();
    if detail != Detail::default() {
        detail::write(tx.sql, seq, &detail)?;
    }
    let mut answer = Enqueued::new(job.id, Was::New);
    if let Some((session, token)) = job.claim {
        tx.keep_claim(session, token, &[seq])?;
        answer.claim = Some(Claim {
            id: job.id,
            row: seq,
            token,
        });
    }
    Ok(answer)
}

struct Place {
    lane: i64,
    state: State,
    barred: i64,
    bits: i64,
    gate: Option<i64>,
    due: i64,
}

fn insert(tx: &Tx<'_, '_>, now: i64, job: &NewJob, place: &Place) -> Done<bool> {
    let meta = meta(job)?;
    let payload = (place.bits & marks::LARGE == 0).then(|| &job.payload.json()[..]);
    let token = job.claim.map(|(_, token)| token.to_bytes());
    let session = job.claim.map(|(session, _)| *session.as_bytes());
    let claimed = i64::from(job.claim.is_some());
    let params = rusqlite::params![
        &job.id.as_bytes()[..],
        place.lane,
        place.state.code(),
        place.barred,
        place.bits,
        job.priority.order(micros::instant(place.due)),
        place.due,
        job.priority.level(),
        job.max_attempts,
        claimed,
        place.gate,
        token.as_ref().map(|token| &token[..]),
        session.as_ref().map(|session| &session[..]),
        now,
        job.claim.map(|_| now),
        job.claim.map(|_| outcome::RUNNING),
        job.payload.version(),
        job.payload.checksum(),
        meta,
        payload,
    ];
    Ok(tx.sql.execute(Sql::InsertJob, params)? == 1)
}

pub(crate) fn meta(job: &NewJob) -> Done<Option<String>> {
    if job.meta.is_empty() {
        return Ok(None);
    }
    let text = serde_json::to_string(&job.meta).map_err(|error| {
        Error::new(
            ErrorKind::Input,
            "what goes along with the job cannot be written as JSON",
        )
        .with_source(error)
    })?;
    Ok(Some(text))
}

pub(crate) fn unique_mark(job: &NewJob) -> i64 {
    match job.unique.as_ref().map(|unique| unique.scope) {
        Some(Scope::UntilStarted) => marks::UNIQUE_START,
        Some(Scope::UntilFinished) => marks::UNIQUE_END,
        _ => 0,
    }
}

fn exists(tx: &Tx<'_, '_>, id: JobId) -> Done<bool> {
    let row = tx
        .sql
        .row(Sql::SelectExists, (&id.as_bytes()[..],), |_| Ok(()))?;
    Ok(row.is_some())
}

/// Takes the key for the job; otherwise the id of the job that has it.
fn take_key(tx: &Tx<'_, '_>, now: i64, job: &NewJob, unique: &Unique) -> Done<Option<JobId>> {
    let until = until(now, unique);
    let params = (&*job.kind, &*unique.key, &job.id.as_bytes()[..], until, now);
    if tx.sql.execute(Sql::UpsertUnique, params)? == 1 {
        return Ok(None);
    }
    let holder = tx
        .sql
        .row(Sql::SelectUnique, (&*job.kind, &*unique.key), |row| {
            row.get::<_, [u8; 16]>(0)
        })?;
    let holder = holder.ok_or_else(|| corrupt("the table of unique keys"))?;
    Ok(Some(JobId::from_bytes(holder)))
}

/// When a key with a window is free again.
pub(crate) fn until(now: i64, unique: &Unique) -> Option<i64> {
    match unique.scope {
        Scope::For(window) => Some(now.saturating_add(micros::span(window))),
        _ => None,
    }
}

fn conflict(
    tx: &mut Tx<'_, '_>,
    now: i64,
    job: &NewJob,
    unique: &Unique,
    there: JobId,
) -> Done<Enqueued> {
    match unique.on_conflict {
        OnConflict::Error => Err(taken(&unique.key).into()),
        OnConflict::Replace => Ok(Enqueued::new(there, replace(tx, now, job, there)?)),
        _ => Ok(Enqueued::new(there, Was::Existing)),
    }
}

pub(crate) fn taken(key: &str) -> Error {
    Error::new(ErrorKind::Taken, format!("the unique key {key:?} is taken"))
        .with_hint("keep or replace the job that has it, or choose another key")
}

/// Gives the job that is there the new payload and time, if it still waits.
fn replace(tx: &mut Tx<'_, '_>, now: i64, job: &NewJob, there: JobId) -> Done<Was> {
    let Some(mut old) = row::load_id(tx.sql, there)? else {
        return Ok(Was::Existing);
    };
    if !old.state.is_waiting() {
        return Ok(Was::Existing);
    }
    let mut detail = detail::read(tx.sql, old.seq)?;
    let large = job.payload.json().len() > INLINE_MAX;
    detail.payload = large.then(|| job.payload.json().clone());
    detail::write(tx.sql, old.seq, &detail)?;
    old.set(marks::LARGE, large);
    super::wait::move_to(tx, now, &mut old, micros::ceil(job.due))?;
    row::save(tx.sql, &old)?;
    let inline: Option<&Bytes> = (!large).then(|| job.payload.json());
    let params = rusqlite::params![
        old.seq,
        inline.map(|json| &json[..]),
        job.payload.version(),
        job.payload.checksum(),
    ];
    tx.sql.execute(Sql::UpdatePayload, params)?;
    Ok(Was::Replaced)
}

/// Frees the unique key that a job holds, unless a window keeps it.
pub(crate) fn free_key(
    tx: &Tx<'_, '_>,
    kind: &str,
    unique: &Option<Unique>,
    id: JobId,
) -> Done<()> {
    if let Some(unique) = unique {
        let params = (kind, &*unique.key, &id.as_bytes()[..]);
        tx.sql.execute(Sql::DeleteUnique, params)?;
    }
    Ok(())
}
