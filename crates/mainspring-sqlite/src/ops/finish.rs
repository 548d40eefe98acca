//! Ending attempts, each under its claim.

use mainspring_core::job::{ERROR_BYTES_MAX, State, Verdict, cut_text};
use mainspring_core::store::{Finish, Finished};

use super::row::{self, JobRow};
use super::{detail, gate, unique, wait};
use crate::fault::Done;
use crate::sql::Sql;
use crate::writer::{Effect, Tx};
use crate::{marks, micros, outcome};

/// Ends attempts; a fenced one changes nothing and holds up no other.
pub(crate) fn finish(tx: &mut Tx<'_, '_>, now: i64, attempts: &[Finish]) -> Done<Vec<Finished>> {
    let mut answers = Vec::with_capacity(attempts.len());
    for attempt in attempts {
        answers.push(one(tx, now, attempt)?);
        note_end(tx, attempt);
    }
    Ok(answers)
}

/// The claim has one job less, whatever became of it.
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
        let params = (attempt.claim.row, &token[..], began, now);
        if tx.sql.execute(Sql::FinishPlain, params)? == 1 {
            return Ok(Finished::Now(State::Succeeded));
        }
    }
    let Some(mut job) = row::load(tx.sql, attempt.claim.row)? else {
        return Ok(Finished::Fenced);
    };
    if job.id != *attempt.claim.id.as_bytes() || !job.is_under(attempt.claim.token) {
        return Ok(Finished::Fenced);
    }
    if job.state != State::Running {
        let state = job.state;
        if state.is_over() && job.has(marks::IN_GATE | marks::UNIQUE_END) {
            let_go(tx, now, &mut job)?;
            row::save(tx.sql, &job)?;
        }
        return Ok(Finished::Already(state));
    }
    end(tx, now, attempt, &mut job)?;
    Ok(Finished::Now(job.state))
}

fn end(tx: &mut Tx<'_, '_>, now: i64, attempt: &Finish, job: &mut JobRow) -> Done<()> {
    let mut details = detail::read(tx.sql, job.seq)?;
    let before = details.clone();
    job.began_at = attempt.started_at.map(micros::floor);
    job.ended_at = Some(now);
    job.outcome = Some(outcome::of(&attempt.verdict));
    let cancelling = job.has(marks::CANCELLING);
    let next = match &attempt.verdict {
        Verdict::Succeed { output } => {
            details.output = output.clone();
            Next::Over(State::Succeeded)
        }
        Verdict::Fail { error } => {
            details.error = Some(kept(error));
            Next::Over(State::Failed)
        }
        Verdict::Cancel { reason } => {
            details.error = Some(kept(reason));
            Next::Over(State::Cancelled)
        }
        _ if cancelling => {
            job.outcome = Some(outcome::CANCELLED);
            details.error = details.cancel.clone();
            Next::Over(State::Cancelled)
        }
        Verdict::Retry { at, error } => {
            details.error = Some(kept(error));
            Next::Later(micros::ceil(*at))
        }
        Verdict::Snooze { at } => {
            job.attempts = job.attempts.saturating_sub(1);
            Next::Later(micros::ceil(*at))
        }
        _ => {
            job.attempts = job.attempts.saturating_sub(1);
            Next::Ready
        }
    };
    if details != before {
        detail::write(tx.sql, job.seq, &details)?;
        job.set(marks::DETAIL, true);
    }
    apply(tx, now, job, next)
}

/// Where a job goes after an attempt.
pub(crate) enum Next {
    Over(State),
    Later(i64),
    Ready,
}

/// Takes the job out of `running`; the row is written.
pub(crate) fn apply(tx: &mut Tx<'_, '_>, now: i64, job: &mut JobRow, next: Next) -> Done<()> {
    job.set(marks::CANCELLING, false);
    match next {
        Next::Over(state) => {
            job.state = state;
            let_go(tx, now, job)?;
        }
        Next::Later(due) => {
            if let Some(number) = job.gate
                && !gate::is_ordered(tx, number)?
            {
                wait::leave_gate(tx, now, job)?;
            }
            wait::later(job, due);
        }
        Next::Ready => {
            if let Some(number) = job.gate
                && !gate::is_ordered(tx, number)?
            {
                wait::leave_gate(tx, now, job)?;
            }
            wait::ready(tx, now, job)?;
        }
    }
    row::save(tx.sql, job)
}

/// A job that is over keeps nothing from others.
pub(crate) fn let_go(tx: &mut Tx<'_, '_>, now: i64, job: &mut JobRow) -> Done<()> {
    if job.has(marks::UNIQUE_START | marks::UNIQUE_END) {
        unique::free(tx, job)?;
    }
    job.barred &= !gate::HELD;
    wait::leave_gate(tx, now, job)
}

pub(crate) fn kept(text: &str) -> String {
    cut_text(text, ERROR_BYTES_MAX).to_owned()
}
