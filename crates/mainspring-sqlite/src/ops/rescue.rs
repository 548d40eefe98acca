//! Giving back the jobs of sessions that have ended.

use mainspring_core::job::{JobId, SessionId, State, Token};
use mainspring_core::store::{RescueRules, Rescued};

use super::finish::{self, Next};
use super::row::{self, JobRow};
use super::{detail, gate};
use crate::fault::Done;
use crate::life::{self, Began};
use crate::sql::Sql;
use crate::writer::Tx;
use crate::{marks, outcome};

/// Gives the jobs of a dead session back and forgets the session.
pub(crate) fn rescue(
    tx: &mut Tx<'_, '_>,
    now: i64,
    dead: SessionId,
    rules: RescueRules,
    began: &Began,
) -> Done<Rescued> {
    let mut rescued = Rescued::default();
    for mut job in held_by(tx, now, dead)? {
        let token = job
            .token
            .map_or(0, |token| life::half(Token::from_bytes(token)));
        let began = began.contains(&(job.seq, token));
        judge(tx, now, rules, began, &mut job, &mut rescued)?;
    }
    forget(tx, dead)?;
    Ok(rescued)
}

/// Releases what a session that ends in good order still runs.
pub(crate) fn close(tx: &mut Tx<'_, '_>, now: i64, session: SessionId) -> Done<()> {
    for mut job in held_by(tx, now, session)? {
        job.attempts = job.attempts.saturating_sub(1);
        job.ended_at = Some(now);
        job.outcome = Some(outcome::RELEASED);
        job.token = None;
        let next = cancelled(tx, &mut job)?.unwrap_or(Next::Ready);
        finish::apply(tx, now, &mut job, next)?;
    }
    forget(tx, session)
}

/// The jobs that run under the session's claims. Those that a user's transaction has completed are
/// over, but hold their gate and key still: they let go of them here.
fn held_by(tx: &mut Tx<'_, '_>, now: i64, session: SessionId) -> Done<Vec<JobRow>> {
    let claims = tx
        .sql
        .rows(Sql::SelectClaims, (&session.as_bytes()[..],), |row| {
            Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, Vec<u8>>(1)?))
        })?;
    let mut jobs = Vec::new();
    for (token, rows) in claims {
        for bytes in rows.as_chunks::<8>().0 {
            let Some(mut job) = row::load(tx.sql, i64::from_be_bytes(*bytes))? else {
                continue;
            };
            if job.token != Some(token) {
                continue;
            }
            if job.state == State::Running {
                jobs.push(job);
            } else if job.state.is_over() && job.has(marks::IN_GATE | marks::UNIQUE_END) {
                finish::let_go(tx, now, &mut job)?;
                row::save(tx.sql, &job)?;
            }
        }
    }
    Ok(jobs)
}

fn judge(
    tx: &mut Tx<'_, '_>,
    now: i64,
    rules: RescueRules,
    began: bool,
    job: &mut JobRow,
    rescued: &mut Rescued,
) -> Done<()> {
    let judged = rules.judge(job.deaths, began, job.has(marks::SOLO));
    let id = JobId::from_bytes(job.id);
    job.deaths = judged.deaths;
    job.barred = if judged.solo { gate::ALONE } else { 0 };
    job.token = None;
    job.ended_at = Some(now);
    job.outcome = Some(outcome::RESCUED);
    if !began {
        job.attempts = job.attempts.saturating_sub(1);
        job.outcome = Some(outcome::RESCUED_FREE);
    }
    let next = if let Some(next) = cancelled(tx, job)? {
        rescued.cancelled.push(id);
        next
    } else if judged.quarantine {
        job.outcome = Some(outcome::QUARANTINED);
        rescued.quarantined.push(id);
        Next::Over(State::Quarantined)
    } else if began && job.attempts >= job.max_attempts {
        job.outcome = Some(outcome::FAILED);
        let mut details = detail::read(tx.sql, job.seq)?;
        details.error = Some("its process ended".to_owned());
        detail::write(tx.sql, job.seq, &details)?;
        rescued.failed.push(id);
        Next::Over(State::Failed)
    } else {
        rescued.ready.push((id, job.deaths));
        Next::Ready
    };
    finish::apply(tx, now, job, next)
}

/// Where a job goes that somebody wants cancelled.
fn cancelled(tx: &Tx<'_, '_>, job: &mut JobRow) -> Done<Option<Next>> {
    if !job.has(marks::CANCELLING) {
        return Ok(None);
    }
    let mut details = detail::read(tx.sql, job.seq)?;
    details.error = details.cancel.clone();
    detail::write(tx.sql, job.seq, &details)?;
    job.outcome = Some(outcome::CANCELLED);
    Ok(Some(Next::Over(State::Cancelled)))
}

fn forget(tx: &Tx<'_, '_>, session: SessionId) -> Done<()> {
    tx.sql
        .execute(Sql::DeleteClaims, (&session.as_bytes()[..],))?;
    tx.sql
        .execute(Sql::DeleteSession, (&session.as_bytes()[..],))?;
    Ok(())
}
