//! Making due jobs ready.

use mainspring_core::job::AGE_STEP;
use mainspring_core::store::{BATCH_MAX, Promoted};

use super::{gate, row, wait};
use crate::fault::{Done, corrupt};
use crate::micros;
use crate::sql::Sql;
use crate::writer::Tx;

/// Makes due jobs ready, at most `limit`, after those whose gate's rate has its next turn.
pub(crate) fn promote(tx: &mut Tx<'_, '_>, now: i64, limit: usize) -> Done<Promoted> {
    let limit = limit.min(BATCH_MAX);
    let mut jobs = 0;
    while jobs < limit
        && let Some(number) = tx.sql.row(Sql::SelectOpenGate, (now,), |row| row.get(0))?
    {
        let most = u32::try_from(limit - jobs).unwrap_or(u32::MAX);
        let entered = gate::admit(tx, now, number, most)?;
        jobs += usize::try_from(entered).unwrap_or(usize::MAX);
    }
    let left = i64::try_from(limit - jobs).unwrap_or(i64::MAX);
    let due = tx.sql.rows(Sql::SelectDue, (now, left), |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?))
    })?;
    for (seq, gated) in due {
        if gated.is_none() {
            tx.sql
                .execute(Sql::PromoteJob, (seq, micros::span(AGE_STEP)))?;
        } else {
            let job = row::load(tx.sql, seq)?.ok_or_else(|| corrupt("the index of due jobs"))?;
            wait::make_ready(tx, now, job)?;
        }
        jobs += 1;
    }
    let next = tx
        .sql
        .row(Sql::SelectNextDue, (), |row| row.get::<_, Option<i64>>(0))?;
    Ok(Promoted::new(jobs, next.flatten().map(micros::instant)))
}
