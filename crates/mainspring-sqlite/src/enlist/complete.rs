//! Ending an attempt with success inside the transaction.

use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::job::Verdict;
use mainspring_core::store::{Finish, SqlValue};

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
    let Verdict::Succeed { output } = &attempt.verdict else {
        return Err(
            Error::new(ErrorKind::Input, "only a success can join a transaction")
                .with_hint("return the outcome from the worker instead"),
        );
    };
    check_store(store, tx).await?;
    let values = vec![
        SqlValue::Integer(attempt.claim.row),
        blob(&attempt.claim.token.to_bytes()),
        maybe(attempt.started_at.map(micros::floor)),
        SqlValue::Integer(now),
        blob(attempt.claim.id.as_bytes()),
    ];
    let rows = tx
        .run(Sql::CompleteJob.text(), values)
        .await
        .map_err(immediate)?;
    if rows.is_empty() {
        return Err(
            Error::new(ErrorKind::Fenced, "the claim does not own the job any more")
                .with_hint("roll the transaction back: another worker does the job"),
        );
    }
    if let Some(output) = output {
        let values = vec![SqlValue::Integer(attempt.claim.row), blob(output)];
        tx.run(Sql::UpsertOutput.text(), values).await?;
    }
    Ok(())
}
