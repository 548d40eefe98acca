//! Unique keys: who has each, and until when.

use mainspring_core::job::{Scope, State};
use mainspring_core::store::rules;

use super::detail;
use super::row::JobRow;
use crate::fault::Done;
use crate::marks;
use crate::sql::Sql;
use crate::writer::Tx;

/// Takes a job's key away if its state says so; a key that is taken for a time stays.
pub(crate) fn free(tx: &mut Tx<'_, '_>, job: &JobRow) -> Done<()> {
    if scope(job).is_none_or(|scope| !rules::frees_key(scope, job.state)) {
        return Ok(());
    }
    let kind = tx.lane_names(job.lane)?.kind;
    free_started(tx, job.seq, &kind, &job.id)
}

/// Frees the key of a job that starts.
pub(crate) fn free_started(tx: &Tx<'_, '_>, seq: i64, kind: &str, id: &[u8; 16]) -> Done<()> {
    if let Some(key) = detail::read(tx.sql, seq)?.unique_key {
        tx.sql.execute(Sql::DeleteUnique, (kind, &*key, &id[..]))?;
    }
    Ok(())
}

/// Gives a job its key again, for which it did not run any more.
pub(crate) fn retake(tx: &mut Tx<'_, '_>, now: i64, job: &JobRow) -> Done<()> {
    if scope(job).is_none() {
        return Ok(());
    }
    let kind = tx.lane_names(job.lane)?.kind;
    let Some(key) = detail::read(tx.sql, job.seq)?.unique_key else {
        return Ok(());
    };
    let until: Option<i64> = None;
    let params = (&*kind, &*key, &job.id[..], until, now);
    if tx.sql.execute(Sql::UpsertUnique, params)? == 1 {
        return Ok(());
    }
    let owner = tx.sql.row(Sql::SelectUnique, (&*kind, &*key), |row| {
        row.get::<_, [u8; 16]>(0)
    })?;
    if owner == Some(job.id) {
        return Ok(());
    }
    Err(rules::taken(&kind, &key).into())
}

/// The scope of a key that a state frees.
fn scope(job: &JobRow) -> Option<Scope> {
    if job.has(marks::UNIQUE_START) {
        return Some(Scope::UntilStarted);
    }
    job.has(marks::UNIQUE_END).then_some(Scope::UntilFinished)
}

/// Whether a key whose job waits or runs would be free already.
pub(crate) fn is_freed_by_start(scope: Scope) -> bool {
    rules::frees_key(scope, State::Running)
}
