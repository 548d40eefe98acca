//! Taking ready jobs.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use bytes::Bytes;
use mainspring_core::job::{JobId, Payload, Priority, SessionId};
use mainspring_core::store::{Claim, ClaimRequest, Claimed, ClaimedJob, QueueClaim, rules};

use super::{gate, limit, rescue, row};
use crate::fault::{Done, corrupt};
use crate::marks;
use crate::micros;
use crate::sql::Sql;
use crate::writer::Tx;

/// The fewest keys that are read of a lane at once, when many lanes are merged.
const CHUNK_MIN: usize = 16;

/// A ready job's place: its static key and its row.
pub(crate) type Place = (i64, i64);

/// Takes jobs for a session.
pub(crate) fn claim(tx: &mut Tx<'_, '_>, now: i64, request: &ClaimRequest) -> Done<Claimed> {
    let wanted = request.queues.iter().map(|queue| queue.max);
    rules::check_batch(wanted.fold(0, usize::saturating_add))?;
    check_session(tx, request.session)?;
    if !request.void.is_empty() {
        rescue::void(tx, now, request.session, &request.void)?;
    }
    let mut claimed = Claimed::default();
    let mut rows = Vec::new();
    let mut lanes = Vec::with_capacity(request.queues.len());
    for queue in &request.queues {
        let known = lanes_of(tx, queue)?;
        if !request.solo {
            let places = merge(tx, &known, queue.max)?;
            let places = limit::limited(tx, now, queue, places, &mut claimed)?;
            rows.extend(places.into_iter().map(|(_, seq)| seq));
        }
        lanes.push(known);
    }
    if request.solo
        && let Some(seq) = first_solo(tx, now, request, &lanes, &mut claimed)?
    {
        rows.push(seq);
    }
    // Neighbours are taken together: a statement for each job costs as much as its work.
    for run in rows.chunk_by(|one, next| one.checked_add(1) == Some(*next)) {
        take(tx, now, request, run, &mut claimed.jobs)?;
    }
    for lane in lanes.iter().flatten() {
        claimed.solo_waits = claimed.solo_waits || solo(tx, *lane)?.is_some();
    }
    if !rows.is_empty() {
        tx.keep_claim(request.session, request.token, &rows)?;
    }
    Ok(claimed)
}

/// A session that is not open cannot be rescued, so it may not claim.
pub(crate) fn check_session(tx: &Tx<'_, '_>, session: SessionId) -> Done<()> {
    let open = tx
        .sql
        .row(Sql::SelectSession, (&session.as_bytes()[..],), |_| Ok(()))?;
    open.ok_or_else(|| rules::session_gone().into())
}

/// The lanes of a queue that this process knows; none of one that is paused.
fn lanes_of(tx: &mut Tx<'_, '_>, queue: &QueueClaim) -> Done<Vec<i64>> {
    let paused = tx
        .sql
        .row(Sql::SelectIsPaused, (&*queue.queue,), |_| Ok(()))?;
    if paused.is_some() {
        return Ok(Vec::new());
    }
    let mut lanes = Vec::with_capacity(queue.kinds.len());
    for kind in queue.kinds.iter() {
        lanes.extend(tx.known_lane(&queue.queue, kind)?);
    }
    lanes.sort_unstable();
    lanes.dedup();
    Ok(lanes)
}

/// The first job of all these queues that must run alone.
fn first_solo(
    tx: &mut Tx<'_, '_>,
    now: i64,
    request: &ClaimRequest,
    lanes: &[Vec<i64>],
    claimed: &mut Claimed,
) -> Done<Option<i64>> {
    let mut found = Vec::new();
    for (queue, lanes) in request.queues.iter().zip(lanes) {
        let mut first = None;
        for lane in lanes.iter().filter(|_| queue.max > 0) {
            first = first.into_iter().chain(solo(tx, *lane)?).min();
        }
        found.extend(first.map(|place| (place, queue)));
    }
    found.sort_by_key(|(place, _)| *place);
    for (place, queue) in found {
        let taken = limit::limited(tx, now, queue, vec![place], claimed)?;
        if let Some((_, seq)) = taken.first() {
            return Ok(Some(*seq));
        }
    }
    Ok(None)
}

fn solo(tx: &Tx<'_, '_>, lane: i64) -> Done<Option<Place>> {
    Ok(tx
        .sql
        .row(Sql::SelectSolo, (row::lane_pen(lane, gate::SOLO),), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?)
}

/// The first places of several lanes. Each lane is read a little at a time, so that the cost
/// follows what is taken, not what waits.
fn merge(tx: &Tx<'_, '_>, lanes: &[i64], max: usize) -> Done<Vec<Place>> {
    let chunk = match lanes.len() {
        0 => return Ok(Vec::new()),
        1 => max,
        many => (max * 2 / many).max(CHUNK_MIN).min(max),
    };
    let mut heads = BinaryHeap::new();
    let mut buffers = Vec::with_capacity(lanes.len());
    for (index, lane) in lanes.iter().enumerate() {
        let mut buffer = read(tx, *lane, (i64::MIN, i64::MIN), chunk)?;
        if lanes.len() == 1 {
            return Ok(buffer.into());
        }
        heads.extend(buffer.pop_front().map(|place| Reverse((place, index))));
        buffers.push((*lane, buffer));
    }
    let mut merged = Vec::with_capacity(max);
    while merged.len() < max
        && let Some(Reverse((place, index))) = heads.pop()
    {
        merged.push(place);
        let Some((lane, buffer)) = buffers.get_mut(index) else {
            continue;
        };
        if buffer.is_empty() {
            *buffer = read(tx, *lane, place, chunk)?;
        }
        heads.extend(buffer.pop_front().map(|next| Reverse((next, index))));
    }
    Ok(merged)
}

fn read(tx: &Tx<'_, '_>, lane: i64, after: Place, limit: usize) -> Done<VecDeque<Place>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let params = (row::lane_pen(lane, 0), after.0, after.1, limit);
    let rows = tx.sql.rows(Sql::SelectReady, params, |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    Ok(rows.into())
}

/// What a claim reads of a row.
struct Row {
    id: [u8; 16],
    lane: i64,
    level: u8,
    claims: u32,
    attempts: u32,
    max_attempts: u32,
    enqueued_at: i64,
    due: i64,
    version: u16,
    checksum: u32,
    marks: i64,
    payload: Bytes,
    meta: Option<String>,
}

/// Takes the ready jobs of neighbouring rows.
fn take(
    tx: &mut Tx<'_, '_>,
    now: i64,
    request: &ClaimRequest,
    run: &[i64],
    jobs: &mut Vec<ClaimedJob>,
) -> Done<()> {
    let (Some(first), Some(last)) = (run.first(), run.last()) else {
        return Ok(());
    };
    let rows = tx.sql.rows(Sql::SelectClaimable, (first, last), |row| {
        Ok(Row {
            id: row.get(0)?,
            lane: row.get(1)?,
            level: row.get(2)?,
            claims: row.get(3)?,
            attempts: row.get(4)?,
            max_attempts: row.get(5)?,
            enqueued_at: row.get(6)?,
            due: row.get(7)?,
            version: row.get(8)?,
            checksum: row.get(9)?,
            marks: row.get(10)?,
            payload: Bytes::copy_from_slice(row.get_ref(11)?.as_bytes_or_null()?.unwrap_or(&[])),
            meta: row.get(12)?,
        })
    })?;
    for (row, seq) in rows.iter().zip(run).filter(|(row, _)| row.claims > 0) {
        archive(tx, *seq, row.claims)?;
    }
    let token = request.token.to_bytes();
    let session = request.session.as_bytes();
    let alone = if request.solo { marks::ALONE } else { 0 };
    let params = (first, last, &token[..], &session[..], now, alone);
    let taken = tx.sql.execute(Sql::ClaimJobs, params)?;
    if rows.len() != run.len() || taken != run.len() {
        return Err(corrupt("the index of ready jobs"));
    }
    for (row, seq) in rows.into_iter().zip(run) {
        jobs.push(claimed_job(tx, request, row, *seq)?);
    }
    Ok(())
}

fn claimed_job(
    tx: &mut Tx<'_, '_>,
    request: &ClaimRequest,
    row: Row,
    seq: i64,
) -> Done<ClaimedJob> {
    let lane = tx.lane_names(row.lane)?;
    if row.marks & marks::UNIQUE_START != 0 {
        super::unique::free_started(tx, seq, &lane.kind, &row.id)?;
    }
    let claim = Claim {
        id: JobId::from_bytes(row.id),
        row: seq,
        token: request.token,
    };
    let mut payload = row.payload;
    let mut cursor = None;
    let mut scheduled_by = None;
    if row.marks & (marks::LARGE | marks::DETAIL) != 0 {
        let detail = super::detail::read(tx.sql, seq)?;
        if row.marks & marks::LARGE != 0 {
            payload = detail.payload.unwrap_or_default();
        }
        cursor = detail.cursor;
        scheduled_by = detail.scheduled_by;
    }
    let payload = Payload::stored(payload, row.version, row.checksum);
    let due = micros::instant(row.due);
    let mut job = ClaimedJob::new(claim, lane.kind, lane.queue, due, payload);
    job.priority = Priority::from_level(row.level);
    job.attempt = row.attempts.saturating_add(1);
    job.claims = row.claims.saturating_add(1);
    job.max_attempts = row.max_attempts;
    job.enqueued_at = micros::instant(row.enqueued_at);
    job.cursor = cursor;
    job.scheduled_by = scheduled_by;
    job.solo = request.solo;
    job.gated = row.marks & marks::IN_GATE != 0;
    if let Some(meta) = row.meta {
        job.meta =
            serde_json::from_str(&meta).map_err(|_| corrupt("what goes along with a job"))?;
    }
    Ok(job)
}

/// Moves the attempt that stands in the row to the history, of which the newest are kept.
pub(crate) fn archive(tx: &Tx<'_, '_>, seq: i64, claims: u32) -> Done<()> {
    tx.sql.execute(Sql::ArchiveAttempt, (seq,))?;
    // With the attempt that stands in the row there are as many as are kept.
    if let Some(over) = (claims + 1).checked_sub(rules::HISTORY_MAX) {
        tx.sql.execute(Sql::DeleteOldAttempts, (seq, over))?;
    }
    Ok(())
}
