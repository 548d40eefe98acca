//! Giving back the jobs of sessions that have ended.

use mainspring_core::job::{JobId, SessionId, State, Token, Verdict};
use mainspring_core::store::rules::{self, Orphan};
use mainspring_core::store::{RescueRules, Rescued};

use super::row::{self, JobRow};
use super::{finish, gate, wait};
use crate::fault::Done;
use crate::life::{self, Began};
use crate::marks;
use crate::sql::Sql;
use crate::writer::{Effect, Tx};

/// Gives the jobs of a dead session back and forgets the session.
pub(crate) fn rescue(
    tx: &mut Tx<'_, '_>,
    now: i64,
    dead: SessionId,
    rules: RescueRules,
    began: &Began,
) -> Done<Rescued> {
    let mut rescued = Rescued::default();
    for job in owned_by(tx, dead)? {
        if job.state != State::Running {
            wait::settle(tx, now, job)?;
            continue;
        }
        let token = job
            .token
            .map_or(0, |token| life::folded(Token::from_bytes(token)));
        let began = began.contains(&(job.seq, token));
        rescue_one(tx, now, job, &rules, began, &mut rescued)?;
    }
    forget(tx, dead)?;
    Ok(rescued)
}

/// Releases what a session that ends in good order still runs.
pub(crate) fn close(tx: &mut Tx<'_, '_>, now: i64, session: SessionId) -> Done<()> {
    give_back(tx, now, session, |_| true)?;
    forget(tx, session)
}

/// Releases what a session holds under claims of which nobody knows whether they happened.
pub(crate) fn void(
    tx: &mut Tx<'_, '_>,
    now: i64,
    session: SessionId,
    tokens: &[Token],
) -> Done<()> {
    give_back(tx, now, session, |token| tokens.contains(&token))?;
    for token in tokens {
        tx.sql.execute(Sql::DeleteClaim, (&token.to_bytes()[..],))?;
        // All of its jobs, however many.
        tx.memory.effects.push(Effect::Ended(*token, usize::MAX));
    }
    Ok(())
}

fn give_back(
    tx: &mut Tx<'_, '_>,
    now: i64,
    session: SessionId,
    under: impl Fn(Token) -> bool,
) -> Done<()> {
    for mut job in owned_by(tx, session)? {
        let token = job.token.map(Token::from_bytes);
        if !token.is_some_and(&under) {
            continue;
        }
        if job.state == State::Running {
            let reason = finish::cancelling(tx, &job)?;
            let ending = rules::finish(&Verdict::Release, reason.as_deref());
            finish::end(tx, now, &mut job, &ending)?;
            job.token = None;
        }
        wait::settle(tx, now, job)?;
    }
    Ok(())
}

fn rescue_one(
    tx: &mut Tx<'_, '_>,
    now: i64,
    mut job: JobRow,
    rules: &RescueRules,
    began: bool,
    rescued: &mut Rescued,
) -> Done<()> {
    let reason = finish::cancelling(tx, &job)?;
    let mut orphan = Orphan::new(reason.as_deref(), began, job.has(marks::ALONE));
    orphan.deaths = job.deaths;
    orphan.attempts = job.attempts;
    orphan.max_attempts = job.max_attempts;
    let (ending, deaths, solo) = rules::rescue(&orphan, rules);
    let id = JobId::from_bytes(job.id);
    match ending.state {
        State::Quarantined => rescued.quarantined.push(id),
        State::Cancelled => rescued.cancelled.push(id),
        State::Failed => rescued.failed.push(id),
        _ => rescued.ready.push((id, deaths)),
    }
    finish::end(tx, now, &mut job, &ending)?;
    job.token = None;
    job.deaths = deaths;
    job.barred = if solo { gate::SOLO } else { 0 };
    wait::settle(tx, now, job)
}

/// The jobs that run under the session's claims, or that a user's transaction has completed while
/// their engine has not finished them yet; by row.
fn owned_by(tx: &Tx<'_, '_>, session: SessionId) -> Done<Vec<JobRow>> {
    let claims = tx
        .sql
        .rows(Sql::SelectClaims, (&session.as_bytes()[..],), |row| {
            Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, Vec<u8>>(1)?))
        })?;
    let mut jobs = Vec::new();
    for (token, rows) in claims {
        for bytes in rows.as_chunks::<8>().0 {
            let found = row::load(tx.sql, i64::from_be_bytes(*bytes))?;
            jobs.extend(found.filter(|job| job.token == Some(token) && job.is_owned()));
        }
    }
    jobs.sort_by_key(|job| job.seq);
    Ok(jobs)
}

fn forget(tx: &Tx<'_, '_>, session: SessionId) -> Done<()> {
    tx.sql
        .execute(Sql::DeleteClaims, (&session.as_bytes()[..],))?;
    tx.sql
        .execute(Sql::DeleteSession, (&session.as_bytes()[..],))?;
    Ok(())
}
