//! Connections to a database file, and the wait for the last finished job.

use std::path::Path;
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection, SqlitePool};

use crate::peer::{Failure, Synchronous};
use crate::seam::{now, pause};

/// How long the last acknowledgements may take after the last body: a heartbeat of 30 s has to fit.
const FINISHED_WITHIN: Duration = Duration::from_secs(35);

/// Between two looks for unfinished jobs.
const LOOK: Duration = Duration::from_millis(5);

/// WAL and this safety on every connection, and a lock is waited for as the peers' examples do.
pub(crate) fn options(file: &Path, synchronous: Synchronous) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(match synchronous {
            Synchronous::Full => SqliteSynchronous::Full,
            Synchronous::Normal => SqliteSynchronous::Normal,
        })
        .busy_timeout(Duration::from_secs(5))
}

/// A pool with at most so many connections.
pub(crate) async fn pool(
    file: &Path,
    synchronous: Synchronous,
    connections: u32,
) -> Result<SqlitePool, Failure> {
    let pool = SqlitePoolOptions::new().max_connections(connections);
    Ok(pool.connect_with(options(file, synchronous)).await?)
}

/// A fresh file in this folder, or a copy of another file that nobody has open.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    std::fs::copy(from, to)?;
    Ok(())
}

/// Moves everything into the file itself, so that it can be copied.
pub(crate) async fn settle(file: &Path) -> Result<(), Failure> {
    let mut connection = options(file, Synchronous::Normal).connect().await?;
    sqlx::query("pragma wal_checkpoint(truncate)")
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    Ok(())
}

/// What has passed until `unfinished` finds nothing any more, or nothing when it takes too long.
pub(crate) async fn finished(
    connection: &mut SqliteConnection,
    unfinished: &'static str,
    begun: Instant,
) -> Result<Option<Duration>, Failure> {
    let handled = now();
    while now() - handled < FINISHED_WITHIN {
        let left: bool = sqlx::query_scalar(unfinished)
            .fetch_one(&mut *connection)
            .await?;
        if !left {
            return Ok(Some(now() - begun));
        }
        pause(LOOK).await;
    }
    Ok(None)
}
