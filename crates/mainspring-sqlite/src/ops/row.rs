//! A job's row, read whole, changed by a decision, and written back: the way of everything that is
//! rarer than claiming a job and finishing it well.

use mainspring_core::job::{JobId, Priority, State, Token};
use mainspring_core::store::rules;

use super::gate;
use crate::fault::{Done, corrupt};
use crate::sql::{Sql, Statements};
use crate::{marks, micros};

/// What changes while a job lives, and what decides about it.
#[derive(Clone, Debug)]
pub(crate) struct JobRow {
    pub(crate) seq: i64,
    pub(crate) id: [u8; 16],
    pub(crate) lane: i64,
    pub(crate) state: State,
    pub(crate) barred: i64,
    pub(crate) marks: i64,
    pub(crate) ord: i64,
    pub(crate) due: i64,
    pub(crate) level: u8,
    pub(crate) max_attempts: u32,
    pub(crate) attempts: u32,
    pub(crate) claims: u32,
    pub(crate) deaths: u32,
    pub(crate) gate: Option<i64>,
    pub(crate) token: Option<[u8; 16]>,
    pub(crate) session: Option<[u8; 16]>,
    pub(crate) claimed_at: Option<i64>,
    pub(crate) began_at: Option<i64>,
    pub(crate) ended_at: Option<i64>,
    pub(crate) outcome: Option<i64>,
}

/// The row with this number.
pub(crate) fn load(sql: &Statements<'_>, seq: i64) -> Done<Option<JobRow>> {
    let row = sql.row(Sql::SelectJobBySeq, (seq,), read)?;
    row.map(checked).transpose()
}

/// The row of this id.
pub(crate) fn load_id(sql: &Statements<'_>, id: JobId) -> Done<Option<JobRow>> {
    let row = sql.row(Sql::SelectJobById, (&id.as_bytes()[..],), read)?;
    row.map(checked).transpose()
}

/// Writes everything that may have changed.
pub(crate) fn save(sql: &Statements<'_>, job: &JobRow) -> Done<()> {
    let (pen, ord) = job.pen();
    let params = rusqlite::params![
        job.seq,
        job.state.code(),
        pen,
        job.barred,
        job.marks,
        ord,
        job.due,
        job.level,
        job.max_attempts,
        job.attempts,
        job.claims,
        job.deaths,
        job.gate,
        job.token.as_ref().map(|token| &token[..]),
        job.session.as_ref().map(|session| &session[..]),
        job.claimed_at,
        job.began_at,
        job.ended_at,
        job.outcome,
    ];
    sql.execute(Sql::UpdateJob, params)?;
    Ok(())
}

impl JobRow {
    /// Whether an attempt under this token is the one that stands in the row.
    pub(crate) fn is_under(&self, token: Token) -> bool {
        self.token == Some(token.to_bytes())
    }

    /// Whether a transaction or an attempt still owns what it holds.
    pub(crate) fn is_owned(&self) -> bool {
        self.state == State::Running || self.has(marks::OWNED)
    }

    /// Where it is looked for, and by which key.
    fn pen(&self) -> (Option<i64>, i64) {
        match self.state {
            State::Scheduled => (Some(0), self.due),
            State::Ready if self.barred & gate::HELD != 0 => (self.gate.map(held_pen), self.ord),
            State::Ready => (Some(lane_pen(self.lane, self.barred)), self.ord),
            state if state.is_over() && !self.has(marks::OWNED) => {
                (Some(over_pen(state)), self.ended_at.unwrap_or(i64::MIN))
            }
            _ => (None, self.ord),
        }
    }

    /// Sets the key by which it is claimed, now that it is ready.
    pub(crate) fn order(&mut self, now: i64) {
        let priority = Priority::from_level(self.level);
        let (due, now) = (micros::instant(self.due), micros::instant(now));
        self.ord = rules::ready_order(priority, due, self.gate.is_some(), now);
    }

    pub(crate) fn has(&self, mark: i64) -> bool {
        self.marks & mark != 0
    }

    pub(crate) fn set(&mut self, mark: i64, on: bool) {
        self.marks = if on {
            self.marks | mark
        } else {
            self.marks & !mark
        };
    }
}

/// Where ready jobs of a lane are looked for.
pub(crate) fn lane_pen(lane: i64, barred: i64) -> i64 {
    lane.saturating_mul(4) + (barred & gate::SOLO)
}

/// Where the jobs behind a gate are looked for.
pub(crate) fn held_pen(gate: i64) -> i64 {
    gate.saturating_mul(4) + 1
}

/// Where the jobs that are over are looked for.
pub(crate) fn over_pen(state: State) -> i64 {
    -i64::from(state.code())
}

struct Raw {
    job: JobRow,
    state: u8,
}

fn checked(raw: Raw) -> Done<JobRow> {
    let state = State::from_code(raw.state).ok_or_else(|| corrupt("the state of a job"))?;
    Ok(JobRow { state, ..raw.job })
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Raw> {
    let job = JobRow {
        seq: row.get(0)?,
        id: row.get(1)?,
        lane: row.get(2)?,
        state: State::Ready,
        barred: row.get(4)?,
        marks: row.get(5)?,
        ord: row.get(6)?,
        due: row.get(7)?,
        level: row.get(8)?,
        max_attempts: row.get(9)?,
        attempts: row.get(10)?,
        claims: row.get(11)?,
        deaths: row.get(12)?,
        gate: row.get(13)?,
        token: row.get(14)?,
        session: row.get(15)?,
        claimed_at: row.get(16)?,
        began_at: row.get(17)?,
        ended_at: row.get(18)?,
        outcome: row.get(19)?,
    };
    Ok(Raw {
        job,
        state: row.get(3)?,
    })
}
