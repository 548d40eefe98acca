//! Giving a job that waits new data, inside the transaction.

use mainspring_core::error::Error;
use mainspring_core::job::{JobId, State};
use mainspring_core::store::{Enqueued, NewJob, SqlValue, Was, rules};

use super::{Joined, blob, gate, maybe};
use crate::ops::enqueue as ops;
use crate::ops::gate::HELD;
use crate::ops::row::held_pen;
use crate::sql::Sql;
use crate::{marks, micros};

/// What of the job that is there decides where it goes.
struct There {
    seq: i64,
    bits: i64,
    gate: Option<i64>,
    barred: i64,
    state: State,
    ord: i64,
}

/// Gives the job that is there the new payload and time, if it still waits.
pub(super) async fn replace<J: Joined>(
    tx: &mut J,
    now: i64,
    job: &NewJob,
    id: JobId,
) -> Result<Enqueued, Error> {
    let Some(mut there) = find(tx, id).await? else {
        return Ok(Enqueued::new(id, Was::Existing));
    };
    let left = there.go(now, job);
    let large = job.payload.json().len() > ops::INLINE_MAX;
    let held = there.gate.filter(|_| there.barred & HELD != 0);
    let pen = match there.state {
        State::Scheduled => Some(0),
        _ => held.map(held_pen),
    };
    let values = vec![
        SqlValue::Integer(there.seq),
        SqlValue::Integer(micros::ceil(job.due)),
        SqlValue::Integer(there.ord),
        SqlValue::Integer(job.priority.level().into()),
        SqlValue::Integer(there.state.code().into()),
        SqlValue::Integer(there.barred),
        SqlValue::Integer(there.bits),
        if large {
            SqlValue::Null
        } else {
            blob(job.payload.json())
        },
        SqlValue::Integer(job.payload.version().into()),
        SqlValue::Integer(job.payload.checksum().into()),
        ops::meta(job)?.map_or(SqlValue::Null, SqlValue::Text),
        maybe(pen),
    ];
    tx.run(Sql::ReplaceJobIn.text(), values).await?;
    let payload = if large {
        blob(job.payload.json())
    } else {
        SqlValue::Null
    };
    let values = vec![SqlValue::Integer(there.seq), payload];
    tx.run(Sql::UpdateDetailPayload.text(), values).await?;
    if let Some(number) = there.gate {
        if left {
            gate::leave(tx, number).await?;
        }
        gate::admit(tx, now, number).await?;
    }
    Ok(Enqueued::new(id, Was::Replaced))
}

async fn find<J: Joined>(tx: &mut J, id: JobId) -> Result<Option<There>, Error> {
    let rows = tx
        .run(Sql::SelectWaiting.text(), vec![blob(id.as_bytes())])
        .await?;
    let column = |index: usize| rows.first().and_then(|row| row.get(index)?.as_integer());
    Ok(column(0).map(|seq| There {
        seq,
        bits: column(1).unwrap_or(0),
        gate: column(2),
        barred: column(3).unwrap_or(0),
        state: State::Scheduled,
        ord: 0,
    }))
}

impl There {
    /// Goes where its new time puts it; answers whether it leaves its gate.
    fn go(&mut self, now: i64, job: &NewJob) -> bool {
        let large = job.payload.json().len() > ops::INLINE_MAX;
        self.bits = (self.bits & !marks::LARGE) | if large { marks::LARGE } else { 0 };
        self.barred &= !HELD;
        let due = micros::ceil(job.due);
        let inside = self.bits & marks::IN_GATE != 0;
        let ordered = self.bits & marks::ORDERED != 0;
        if due > now {
            self.ord = due;
            let leaves = inside && !rules::keeps_place(ordered, State::Scheduled);
            if leaves {
                self.bits &= !marks::IN_GATE;
            }
            return leaves;
        }
        self.state = State::Ready;
        let (due, now) = (micros::instant(due), micros::instant(now));
        self.ord = rules::ready_order(job.priority, due, self.gate.is_some(), now);
        if self.gate.is_some() && !inside {
            self.barred |= HELD;
            self.ord = rules::held_order(job.priority, due, ordered);
        }
        false
    }
}
