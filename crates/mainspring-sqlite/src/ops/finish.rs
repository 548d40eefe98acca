//! Ending attempts, each under its claim.

use mainspring_core::job::{State, Verdict};
use mainspring_core::store::rules::{self, Ending};
use mainspring_core::store::{Claim, Finish, Finished};

use super::row::{self, JobRow};
use super::{detail, wait};
use crate::fault::Done;
use crate::sql::Sql;
use crate::writer::{Effect, Tx};
use crate::{marks, micros, outcome};

/// Ends attempts; a fenced one changes nothing and holds up no other.
pub(crate) fn finish(tx: &mut Tx<'_, '_>, now: i64, attempts: &[Finish]) -> Done<Vec<Finished>> {
    rules::check_finish(attempts)?;
    let mut answers = Vec::with_capacity(attempts.len());
    for attempt in attempts {
        answers.push(one(tx, now, attempt)?);
    }
    Ok(answers)
}

/// The claim has one job less; each of its jobs comes here once, or not at all.
fn note_end(tx: &mut Tx<'_, '_>, attempt: &Finish) {
    let token = attempt.claim.token;
    if let Some(Effect::Ended(last, jobs)) = tx.memory.effects.last_mut()
        && *last == token
    {
        *jobs += 1;
        return;
    }
    tx.memory.effects.push(Effect::Ended(token, 1));
}

fn one(tx: &mut Tx<'_, '_>, now: i64, attempt: &Finish) -> Done<Finished> {
    if let Verdict::Succeed { output: None } = &attempt.verdict {
        let token = attempt.claim.token.to_bytes();
        let began = attempt.started_at.map(micros::floor);
        let id = &attempt.claim.id.as_bytes()[..];
        let params = (attempt.claim.row, &token[..], began, now, id);
        if tx.sql.execute(Sql::FinishPlain, params)? == 1 {
            note_end(tx, attempt);
            return Ok(Finished::Now(State::Succeeded));
        }
    }
    let Some(mut job) = claimed(tx, &attempt.claim)? else {
        return Ok(Finished::Fenced);
    };
    if job.state != State::Running {
        let state = job.state;
        if job.is_owned() {
            note_end(tx, attempt);
            wait::settle(tx, now, job)?;
        }
        return Ok(Finished::Already(state));
    }
    job.began_at = attempt.started_at.map(micros::floor).or(job.began_at);
    let reason = cancelling(tx, &job)?;
    let ending = rules::finish(&attempt.verdict, reason.as_deref());
    end(tx, now, &mut job, &ending)?;
    note_end(tx, attempt);
    wait::settle(tx, now, job)?;
    Ok(Finished::Now(ending.state))
}

/// The row whose last claim this is.
pub(crate) fn claimed(tx: &Tx<'_, '_>, claim: &Claim) -> Done<Option<JobRow>> {
    let found = row::load(tx.sql, claim.row)?;
    Ok(found.filter(|job| job.id == *claim.id.as_bytes() && job.is_under(claim.token)))
}

/// Somebody's reason to cancel a running job.
pub(crate) fn cancelling(tx: &Tx<'_, '_>, job: &JobRow) -> Done<Option<String>> {
    if !job.has(marks::CANCELLING) {
        return Ok(None);
    }
    Ok(Some(
        detail::read(tx.sql, job.seq)?.cancel.unwrap_or_default(),
    ))
}

/// Ends the attempt that runs; the caller writes the row.
pub(crate) fn end(tx: &Tx<'_, '_>, now: i64, job: &mut JobRow, ending: &Ending) -> Done<()> {
    if ending.give_back {
        job.attempts = job.attempts.saturating_sub(1);
    }
    job.outcome = Some(outcome::number(ending.outcome, ending.give_back));
    job.ended_at = Some(now);
    job.state = ending.state;
    job.due = ending.due.map_or(job.due, micros::ceil);
    let mut details = detail::read(tx.sql, job.seq)?;
    let before = details.clone();
    if let Some(error) = &ending.error {
        details.error = Some(error.to_string());
    }
    details.output = ending.output.clone();
    details.cancel = None;
    if details != before {
        detail::write(tx.sql, job.seq, &details)?;
    }
    if job.has(marks::CANCELLING) {
        tx.sql.execute(Sql::DeleteWish, (job.seq,))?;
    }
    job.set(marks::CANCELLING | marks::ALONE, false);
    Ok(())
}
