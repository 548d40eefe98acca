//! Ending an attempt with success inside the transaction.

use mainspring_core::error::Error;
use mainspring_core::job::Verdict;
use mainspring_core::store::{Finish, SqlValue, rules};

use super::{Joined, blob, check_store, immediate, maybe};
use crate::micros;
use crate::sql::Sql;
use crate::store::SqliteStore;

/// Writes the job's row, and nothing that others wait for: gate and key are freed by the engine.
pub(crate) async fn complete<J: Joined>(
    store: &SqliteStore,
    tx: &mut J,
    now: i64,
    attempt: &Finish,
) -> Result<(), Error> {
    rules::check_complete(attempt)?;
    check_store(store, tx).await?;
    let row = SqlValue::Integer(attempt.claim.row);
    let values = vec![
        row.clone(),
        blob(&attempt.claim.token.to_bytes()),
        maybe(attempt.started_at.map(micros::floor)),
        SqlValue::Integer(now),
        blob(attempt.claim.id.as_bytes()),
    ];
    let run = tx.run(Sql::CompleteJob.text(), values).await;
    if run.map_err(immediate)?.is_empty() {
        return Err(rules::fenced());
    }
    if let Verdict::Succeed { output: Some(json) } = &attempt.verdict {
        tx.run(Sql::UpsertOutput.text(), vec![row, blob(json)])
            .await?;
    }
    Ok(())
}
