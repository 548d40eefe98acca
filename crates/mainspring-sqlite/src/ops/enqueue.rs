//! Writing new jobs.

use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::job::{JobId, OnConflict, Scope, State, Unique};
use mainspring_core::store::{Claim, Enqueued, NewJob, Was, rules};
use mainspring_core::time::Timestamp;
use std::sync::Arc;

use super::detail::{self, Detail};
use super::row::{self, JobRow};
use super::{claim, gate, unique, wait};
use crate::fault::{Done, corrupt};
use crate::sql::Sql;
use crate::writer::Tx;
use crate::{marks, micros, outcome};

/// The largest payload that stands in the job's own row. With a larger one each change of state
/// would rewrite the pages that it overflows to.
pub(crate) const INLINE_MAX: usize = 2 * 1024;

/// Writes jobs: all or none.
pub(crate) fn enqueue(tx: &mut Tx<'_, '_>, now: i64, jobs: &[NewJob]) -> Done<Vec<Enqueued>> {
    rules::check_new(jobs)?;
    jobs.iter().map(|job| one(tx, now, job, None)).collect()
}

/// Writes one job, if nothing stands for it already.
pub(crate) fn one(
    tx: &mut Tx<'_, '_>,
    now: i64,
    job: &NewJob,
    scheduled_by: Option<(Arc<str>, Timestamp)>,
) -> Done<Enqueued> {
    if let Some(answer) = stands_for(tx, now, job)? {
        return Ok(answer);
    }
    let due = micros::ceil(job.due);
    let lane = tx.lane(&job.queue, &job.kind)?;
    let gate = match &job.gate {
        Some(gate) => Some(gate::define(tx, gate)?),
        None => None,
    };
    let state = if job.claim.is_some() {
        State::Running
    } else if gate.is_none() && due <= now {
        State::Ready
    } else {
        State::Scheduled
    };
    let bits = bits(job)
        | if scheduled_by.is_some() {
            marks::DETAIL
        } else {
            0
        };
    let place = Place {
        lane,
        state,
        bits,
        gate,
        due,
    };
    if !insert(tx, now, job, &place)? {
        return Ok(Enqueued::new(job.id, Was::Existing));
    }
    let seq = tx.sql.connection.last_insert_rowid();
    let detail = Detail {
        scheduled_by,
        unique_key: job.unique.as_ref().map(|unique| unique.key.to_string()),
        payload: (bits & marks::LARGE != 0).then(|| job.payload.json().clone()),
        ..Detail::default()
    };
    if detail != Detail::default() {
        detail::write(tx.sql, seq, &detail)?;
    }
    if let Some(number) = gate {
        pass(tx, now, number, seq, job.claim.is_none() && due <= now)?;
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

/// The answer for a job for which another one stands already.
fn stands_for(tx: &mut Tx<'_, '_>, now: i64, job: &NewJob) -> Done<Option<Enqueued>> {
    if job.unique.is_none() && job.gate.is_none() && job.claim.is_none() {
        return Ok(None);
    }
    if let Some(there) = row::load_id(tx.sql, job.id)? {
        return Ok(Some(existing(job, &there)));
    }
    if let Some((session, _)) = job.claim {
        claim::check_session(tx, session)?;
    }
    let Some(unique) = &job.unique else {
        return Ok(None);
    };
    match take_key(tx, now, job, unique)? {
        Some(there) => conflict(tx, now, job, unique, there).map(Some),
        None => Ok(None),
    }
}

/// The first look of a new job at its gate, whose limits it may have changed for others.
fn pass(tx: &mut Tx<'_, '_>, now: i64, number: i64, seq: i64, ready: bool) -> Done<()> {
    let job = row::load(tx.sql, seq)?.ok_or_else(|| corrupt("a job that was just written"))?;
    if ready {
        return wait::make_ready(tx, now, job);
    }
    if job.has(marks::IN_GATE) {
        gate::count(tx, number, 1)?;
    }
    gate::admit(tx, now, number, u32::MAX).map(drop)
}

/// The answer for an id that is there; the same claim, asked for again, gets its answer again.
fn existing(job: &NewJob, there: &JobRow) -> Enqueued {
    let mut answer = Enqueued::new(job.id, Was::Existing);
    if let Some((_, token)) = job.claim
        && there.state == State::Running
        && there.is_under(token)
    {
        answer.claim = Some(Claim {
            id: job.id,
            row: there.seq,
            token,
        });
    }
    answer
}

/// What of a new job is unusual.
pub(crate) fn bits(job: &NewJob) -> i64 {
    let mut bits = match job.unique.as_ref().map(|unique| unique.scope) {
        Some(Scope::UntilStarted) => marks::UNIQUE_START,
        Some(Scope::UntilFinished) => marks::UNIQUE_END,
        _ => 0,
    };
    if job.payload.json().len() > INLINE_MAX {
        bits |= marks::LARGE;
    }
    if let Some(gate) = &job.gate {
        bits |= if gate.ordered { marks::ORDERED } else { 0 };
        bits |= if job.claim.is_some() {
            marks::IN_GATE
        } else {
            0
        };
    }
    bits
}

struct Place {
    lane: i64,
    state: State,
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
    let ready = job.priority.order(micros::instant(place.due));
    let (pen, ord) = match place.state {
        State::Ready => (Some(row::lane_pen(place.lane, 0)), ready),
        State::Scheduled => (Some(0), place.due),
        _ => (None, ready),
    };
    let params = rusqlite::params![
        &job.id.as_bytes()[..],
        place.lane,
        place.state.code(),
        pen,
        place.bits,
        ord,
        place.due,
        job.priority.level(),
        job.max_attempts.max(1),
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

pub(crate) fn meta(job: &NewJob) -> Result<Option<String>, Error> {
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

/// Takes the key for the job; otherwise the id of the job that has it.
fn take_key(tx: &Tx<'_, '_>, now: i64, job: &NewJob, unique: &Unique) -> Done<Option<JobId>> {
    let until = until(now, unique);
    if job.claim.is_some() && unique::is_freed_by_start(unique.scope) {
        return owner(tx, now, job, unique);
    }
    let params = (&*job.kind, &*unique.key, &job.id.as_bytes()[..], until, now);
    if tx.sql.execute(Sql::UpsertUnique, params)? == 1 {
        return Ok(None);
    }
    let there = owner(tx, now, job, unique)?;
    there
        .map(Some)
        .ok_or_else(|| corrupt("the table of unique keys"))
}

/// Who has the key now.
fn owner(tx: &Tx<'_, '_>, now: i64, job: &NewJob, unique: &Unique) -> Done<Option<JobId>> {
    let params = (&*job.kind, &*unique.key);
    let found = tx.sql.row(Sql::SelectUnique, params, |row| {
        Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, Option<i64>>(1)?))
    })?;
    let held = found.filter(|(_, until)| until.is_none_or(|until| until > now));
    Ok(held.map(|(id, _)| JobId::from_bytes(id)))
}

/// When a key with a window is free again.
pub(crate) fn until(now: i64, unique: &Unique) -> Option<i64> {
    rules::key_until(unique.scope, micros::instant(now)).map(micros::ceil)
}

fn conflict(
    tx: &mut Tx<'_, '_>,
    now: i64,
    job: &NewJob,
    unique: &Unique,
    there: JobId,
) -> Done<Enqueued> {
    match unique.on_conflict {
        OnConflict::Error => Err(rules::taken(&job.kind, &unique.key).into()),
        OnConflict::Replace => Ok(Enqueued::new(there, replace(tx, now, job, there)?)),
        _ => Ok(Enqueued::new(there, Was::Existing)),
    }
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
    old.due = micros::ceil(job.due);
    old.level = job.priority.level();
    let params = rusqlite::params![
        old.seq,
        (!large).then(|| &job.payload.json()[..]),
        job.payload.version(),
        job.payload.checksum(),
        meta(job)?,
    ];
    tx.sql.execute(Sql::UpdatePayload, params)?;
    wait::reposition(tx, now, old)?;
    Ok(Was::Replaced)
}
