//! Small transactions: sessions, queues, schedules, progress, retention.

use mainspring_core::job::{SessionId, State};
use mainspring_core::store::{BATCH_MAX, Fire, Fired, Progress, Retention, rules};

use super::{detail, enqueue, finish, operate, row};
use crate::fault::Done;
use crate::sql::Sql;
use crate::writer::Tx;
use crate::{marks, micros};

pub(crate) fn open_session(
    tx: &mut Tx<'_, '_>,
    now: i64,
    session: SessionId,
    name: &str,
) -> Done<()> {
    tx.sql
        .execute(Sql::InsertSession, (&session.as_bytes()[..], name, now))?;
    Ok(())
}

pub(crate) fn set_paused(tx: &mut Tx<'_, '_>, queue: &str, paused: bool) -> Done<()> {
    tx.sql.execute(Sql::UpsertPaused, (queue, paused))?;
    Ok(())
}

/// Makes the fire of a schedule, once: its cursor has passed every instant that has fired.
pub(crate) fn fire(tx: &mut Tx<'_, '_>, now: i64, fire: &Fire) -> Done<Fired> {
    let at = micros::ceil(fire.scheduled_for);
    let cursor = cursor(tx, now, &fire.schedule, false)?;
    if cursor.is_some_and(|cursor| at <= cursor) {
        return Ok(Fired::Before);
    }
    if let Some(job) = &fire.job {
        rules::check_new(std::slice::from_ref(job))?;
        let by = (fire.schedule.clone(), micros::instant(at));
        enqueue::one(tx, now, job, Some(by))?;
    }
    tx.sql.execute(Sql::UpsertCursor, (&*fire.schedule, at))?;
    Ok(Fired::Now)
}

/// The cursor of a schedule; one that is new starts at `now` if it is asked to start.
pub(crate) fn cursor(
    tx: &mut Tx<'_, '_>,
    now: i64,
    schedule: &str,
    start: bool,
) -> Done<Option<i64>> {
    let found = tx
        .sql
        .row(Sql::SelectCursor, (schedule,), |row| row.get::<_, i64>(0))?;
    if found.is_none() && start {
        tx.sql.execute(Sql::UpsertCursor, (schedule, now))?;
        return Ok(Some(now));
    }
    Ok(found)
}

/// Writes progress and cursor of running jobs.
pub(crate) fn save(tx: &mut Tx<'_, '_>, saves: &[Progress]) -> Done<Vec<bool>> {
    rules::check_save(saves)?;
    saves
        .iter()
        .map(|progress| save_one(tx, progress))
        .collect()
}

fn save_one(tx: &mut Tx<'_, '_>, progress: &Progress) -> Done<bool> {
    let running = finish::claimed(tx, &progress.claim)?;
    let Some(mut job) = running.filter(|job| job.state == State::Running) else {
        return Ok(false);
    };
    let mut details = detail::read(tx.sql, job.seq)?;
    details.progress = progress.progress.clone().or(details.progress);
    details.cursor = progress.cursor.clone().or(details.cursor);
    detail::write(tx.sql, job.seq, &details)?;
    if !job.has(marks::DETAIL) {
        job.set(marks::DETAIL, true);
        row::save(tx.sql, &job)?;
    }
    Ok(true)
}

/// Removes what is over for longer than it is kept.
pub(crate) fn prune(tx: &mut Tx<'_, '_>, now: i64, keep: &Retention, limit: usize) -> Done<usize> {
    let limit = limit.min(BATCH_MAX);
    let mut removed = 0;
    for state in [State::Succeeded, State::Failed, State::Cancelled] {
        let Some(cutoff) = rules::cutoff(keep, state, micros::instant(now)) else {
            continue;
        };
        let left = i64::try_from(limit.saturating_sub(removed)).unwrap_or(i64::MAX);
        let params = (row::over_pen(state), micros::floor(cutoff), left);
        let rows = tx
            .sql
            .rows(Sql::SelectExpired, params, |row| row.get::<_, i64>(0))?;
        for seq in rows {
            operate::remove(tx, seq)?;
            removed += 1;
        }
    }
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    tx.sql.execute(Sql::DeleteExpiredKeys, (now, most))?;
    Ok(removed)
}
