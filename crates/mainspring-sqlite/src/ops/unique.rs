//! Giving unique keys back.

use super::detail;
use super::row::JobRow;
use crate::fault::Done;
use crate::marks;
use crate::sql::Sql;
use crate::writer::Tx;

/// Frees the key that a job holds, unless a window keeps it.
pub(crate) fn free(tx: &mut Tx<'_, '_>, job: &mut JobRow) -> Done<()> {
    job.set(marks::UNIQUE_START | marks::UNIQUE_END, false);
    let kind = tx.lane_names(job.lane)?.kind;
    if let Some(key) = detail::read(tx.sql, job.seq)?.unique_key {
        let params = (&*kind, &*key, &job.id[..]);
        tx.sql.execute(Sql::DeleteUnique, params)?;
    }
    Ok(())
}

/// Frees the key of a job that starts.
pub(crate) fn free_started(tx: &Tx<'_, '_>, seq: i64, kind: &str, id: &[u8; 16]) -> Done<()> {
    if let Some(key) = detail::read(tx.sql, seq)?.unique_key {
        tx.sql.execute(Sql::DeleteUnique, (kind, &*key, &id[..]))?;
    }
    Ok(())
}
