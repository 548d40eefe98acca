//! What a store tells: on connections that only read.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use mainspring_core::job::{Attempt, JobId, JobRecord, Payload, Priority, SessionId, State, Token};
use mainspring_core::store::{Claim, Counts, Filter, KindCount, PAGE_MAX, Page};

use super::{detail, gate};
use crate::fault::{Done, corrupt};
use crate::sql::{Sql, Statements};
use crate::{marks, micros, outcome};

/// A job, as far as it is kept.
pub(crate) fn record(sql: &Statements<'_>, id: JobId) -> Done<Option<JobRecord>> {
    let found = sql.row(Sql::SelectRecord, (&id.as_bytes()[..],), read)?;
    found.map(|raw| finish(sql, raw)).transpose()
}

/// All attempts of a job, oldest first.
pub(crate) fn history(sql: &Statements<'_>, id: JobId) -> Done<Vec<Attempt>> {
    let rows = sql.rows(Sql::SelectHistory, (&id.as_bytes()[..],), |row| {
        let session: Option<[u8; 16]> = row.get(2)?;
        let outcome: i64 = row.get(5)?;
        let error: Option<Arc<str>> = row.get(6)?;
        let at: i64 = row.get(3)?;
        let session = session.map(SessionId::from_bytes);
        let (claim, attempt) = (row.get(0)?, row.get(1)?);
        let nobody = SessionId::from_bytes([0; 16]);
        let who = session.unwrap_or(nobody);
        let mut one = Attempt::running(claim, attempt, who, micros::instant(at));
        one.session = session;
        if let Some(ended) = row.get::<_, Option<i64>>(4)? {
            one = one.ended(micros::instant(ended), outcome::word(outcome), error);
        }
        Ok(one)
    })?;
    Ok(rows)
}

/// A page of jobs, newest first.
pub(crate) fn list(sql: &Statements<'_>, filter: &Filter, page: Page) -> Done<Vec<JobRecord>> {
    let before = page.before.map_or([0xff; 16], |id| *id.as_bytes());
    let params = rusqlite::params![
        &before[..],
        filter.state.map(State::code),
        filter.queue.as_deref(),
        filter.kind.as_deref(),
        filter.tag.as_deref(),
        i64::try_from(page.limit.min(PAGE_MAX)).unwrap_or(0),
    ];
    let found = sql.rows(Sql::SelectPage, params, read)?;
    found.into_iter().map(|raw| finish(sql, raw)).collect()
}

/// How many jobs there are by queue, kind and state.
pub(crate) fn counts(sql: &Statements<'_>) -> Done<Counts> {
    let rows = sql.rows(Sql::CountJobs, (), |row| {
        let state: u8 = row.get(2)?;
        Ok((
            row.get(0)?,
            row.get(1)?,
            State::from_code(state),
            row.get::<_, i64>(3)?,
        ))
    })?;
    let mut counts = Vec::with_capacity(rows.len());
    for (queue, kind, state, jobs) in rows {
        let state = state.ok_or_else(|| corrupt("the state of a job"))?;
        let jobs = u64::try_from(jobs).unwrap_or(0);
        counts.push(KindCount {
            queue,
            kind,
            state,
            jobs,
        });
    }
    counts.sort();
    Ok(counts)
}

/// The queues that are paused.
pub(crate) fn paused(sql: &Statements<'_>) -> Done<Vec<Arc<str>>> {
    Ok(sql.rows(Sql::SelectPaused, (), |row| row.get(0))?)
}

/// Sessions with their names.
pub(crate) fn sessions(sql: &Statements<'_>) -> Done<Vec<(SessionId, Arc<str>)>> {
    Ok(sql.rows(Sql::SelectSessions, (), |row| {
        Ok((SessionId::from_bytes(row.get(0)?), row.get(1)?))
    })?)
}

/// The same without their names.
pub(crate) fn session_ids(sql: &Statements<'_>) -> Done<BTreeSet<SessionId>> {
    let sessions = sessions(sql)?;
    Ok(sessions.into_iter().map(|(session, _)| session).collect())
}

/// The claims of a session whose jobs somebody wants cancelled.
pub(crate) fn cancelling(sql: &Statements<'_>, session: SessionId) -> Done<Vec<(Claim, Arc<str>)>> {
    Ok(
        sql.rows(Sql::SelectCancelling, (&session.as_bytes()[..],), |row| {
            let claim = Claim {
                row: row.get(0)?,
                id: JobId::from_bytes(row.get(1)?),
                token: Token::from_bytes(row.get(2)?),
            };
            let reason: Option<Arc<str>> = row.get(3)?;
            Ok((claim, reason.unwrap_or_default()))
        })?,
    )
}

struct Raw {
    seq: i64,
    record: JobRecord,
    state: u8,
    marks: i64,
    barred: i64,
    session: Option<[u8; 16]>,
    meta: Option<String>,
    ended_at: Option<i64>,
    checksum: u32,
    version: u16,
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Raw> {
    let id = JobId::from_bytes(row.get(1)?);
    let (queue, kind) = (row.get(2)?, row.get(3)?);
    let (version, checksum) = (row.get(16)?, row.get(17)?);
    let json = row.get::<_, Option<Vec<u8>>>(19)?.unwrap_or_default();
    let payload = Payload::stored(Bytes::from(json), version, checksum);
    let at = micros::instant(row.get(11)?);
    let instant = |at: Option<i64>| at.map(micros::instant);
    let mut record = JobRecord::new(id, kind, queue, at, payload);
    record.due = micros::instant(row.get(6)?);
    record.priority = Priority::from_level(row.get(7)?);
    record.max_attempts = row.get(8)?;
    record.attempts = row.get(9)?;
    record.claims = row.get(10)?;
    record.started_at = instant(row.get::<_, Option<i64>>(13)?.or(row.get(12)?));
    record.deaths = row.get(15)?;
    record.gate = row.get(20)?;
    record.unique = row.get(21)?;
    Ok(Raw {
        seq: row.get(0)?,
        record,
        state: row.get(4)?,
        marks: row.get(5)?,
        barred: row.get(22)?,
        session: row.get(23)?,
        meta: row.get(18)?,
        ended_at: row.get(14)?,
        checksum,
        version,
    })
}

fn finish(sql: &Statements<'_>, raw: Raw) -> Done<JobRecord> {
    let mut record = raw.record;
    record.state = State::from_code(raw.state).ok_or_else(|| corrupt("the state of a job"))?;
    if record.state.is_over() {
        record.ended_at = raw.ended_at.map(micros::instant);
    }
    if record.state == State::Running {
        record.session = raw.session.map(SessionId::from_bytes);
        record.cancelling = raw.marks & marks::CANCELLING != 0;
    }
    record.held = raw.barred & gate::HELD != 0;
    if let Some(meta) = raw.meta {
        let read = serde_json::from_str(&meta);
        record.meta = read.map_err(|_| corrupt("what goes along with a job"))?;
    }
    let details = detail::read(sql, raw.seq)?;
    if let Some(payload) = details.payload {
        record.payload = Payload::stored(payload, raw.version, raw.checksum);
    }
    record.scheduled_by = details.scheduled_by;
    record.progress = details.progress;
    record.cursor = details.cursor;
    record.output = details.output;
    record.error = details.error.map(Arc::from);
    Ok(record)
}
