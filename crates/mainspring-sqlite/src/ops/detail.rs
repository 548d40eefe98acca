//! What few jobs have: read and written only for them.

use std::sync::Arc;

use bytes::Bytes;
use mainspring_core::time::Timestamp;

use crate::fault::Done;
use crate::micros;
use crate::sql::{Sql, Statements};

/// A row of details; one that is not there is empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Detail {
    pub(crate) error: Option<String>,
    pub(crate) cancel: Option<String>,
    pub(crate) scheduled_by: Option<(Arc<str>, Timestamp)>,
    pub(crate) unique_key: Option<String>,
    pub(crate) progress: Option<Bytes>,
    pub(crate) cursor: Option<Bytes>,
    pub(crate) output: Option<Bytes>,
    pub(crate) payload: Option<Bytes>,
}

/// The details of a job.
pub(crate) fn read(sql: &Statements<'_>, seq: i64) -> Done<Detail> {
    let found = sql.row(Sql::SelectDetail, (seq,), |row| {
        let schedule: Option<Arc<str>> = row.get(2)?;
        let instant: Option<i64> = row.get(3)?;
        let bytes = |index| {
            Ok::<_, rusqlite::Error>(row.get::<_, Option<Vec<u8>>>(index)?.map(Bytes::from))
        };
        Ok(Detail {
            error: row.get(0)?,
            cancel: row.get(1)?,
            scheduled_by: schedule.zip(instant.map(micros::instant)),
            unique_key: row.get(4)?,
            progress: bytes(5)?,
            cursor: bytes(6)?,
            output: bytes(7)?,
            payload: bytes(8)?,
        })
    })?;
    Ok(found.unwrap_or_default())
}

/// Writes the details of a job, all of them.
pub(crate) fn write(sql: &Statements<'_>, seq: i64, detail: &Detail) -> Done<()> {
    if *detail == Detail::default() {
        sql.execute(Sql::DeleteDetail, (seq,))?;
        return Ok(());
    }
    let (schedule, instant) = match &detail.scheduled_by {
        Some((schedule, at)) => (Some(schedule), Some(micros::floor(*at))),
        None => (None, None),
    };
    let params = rusqlite::params![
        seq,
        detail.error,
        detail.cancel,
        schedule,
        instant,
        detail.unique_key,
        detail.progress.as_deref(),
        detail.cursor.as_deref(),
        detail.output.as_deref(),
        detail.payload.as_deref(),
    ];
    sql.execute(Sql::UpsertDetail, params)?;
    Ok(())
}
