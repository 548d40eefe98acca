//! Making due jobs ready.

use mainspring_core::store::Promoted;

use super::{gate, row, wait};
use crate::fault::{Done, corrupt};
use crate::micros;
use crate::sql::Sql;
use crate::writer::Tx;

/// Makes due jobs ready, at most `limit`, and opens the gates whose rate has its next turn.
pub(crate) fn promote(tx: &mut Tx<'_, '_>, now: i64, limit: usize) -> Done<Promoted> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let gates = tx.sql.rows(Sql::SelectOpenGates, (now, limit), |row| {
        row.get::<_, i64>(0)
    })?;
    let mut jobs = 0;
    for number in gates {
        jobs += gate::let_in(tx, now, number)?;
    }
    let due = tx.sql.rows(Sql::SelectDue, (now, limit), |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?))
    })?;
    for (seq, gated) in due {
        if gated.is_none() {
            tx.sql.execute(Sql::PromoteJob, (seq,))?;
        } else {
            let mut job =
                row::load(tx.sql, seq)?.ok_or_else(|| corrupt("the index of due jobs"))?;
            wait::ready(tx, now, &mut job)?;
            row::save(tx.sql, &job)?;
        }
        jobs += 1;
    }
    let next = tx
        .sql
        .row(Sql::SelectNextDue, (), |row| row.get::<_, Option<i64>>(0))?;
    Ok(Promoted::new(jobs, next.flatten().map(micros::instant)))
}
