//! Waiting for the lock of the database, which anybody on the machine may hold.

use std::time::Duration;

use rusqlite::Connection;

use super::batch::contended;
use super::{Request, Shared};
use crate::fault::is_busy;
use crate::seam::{self, IoInstant};
use crate::sql::{Sql, Statements};
use mainspring_core::store::rules::closed;

/// How long a call waits on behalf of a person.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// From when on somebody's lock is worth a warning.
const WARN_AFTER: Duration = Duration::from_millis(250);

/// How long the writer rests before it asks for the lock again.
const REST: Duration = Duration::from_millis(1);

/// What came of waiting.
pub(super) enum Entry {
    /// The transaction has begun for these; others have been told that it did not.
    Begun(Vec<Request>),
    /// Nobody waits any more.
    Nobody,
    /// Something else than a lock stood in the way.
    Failed(rusqlite::Error, Vec<Request>),
}

/// Begins a transaction; whoever cannot wait so long is answered.
pub(super) fn enter(
    connection: &Connection,
    sql: &Statements<'_>,
    shared: &Shared,
    mut work: Vec<Request>,
) -> Entry {
    let since = IoInstant::now();
    let mut warned = false;
    if let Err(error) = connection.busy_timeout(Duration::ZERO) {
        return Entry::Failed(error, work);
    }
    loop {
        match sql.execute(Sql::BeginImmediate, ()) {
            Ok(_) => {
                let guards = work.iter().filter_map(|request| request.guard.as_ref());
                guards.for_each(|guard| guard.is_over());
                return Entry::Begun(work);
            }
            Err(error) if is_busy(&error) => {}
            Err(error) => return Entry::Failed(error, work),
        }
        work = still_waiting(sql, shared, work);
        if work.is_empty() {
            return Entry::Nobody;
        }
        if !warned && since.elapsed() > WARN_AFTER {
            warned = true;
            tracing::warn!(
                waiting = work.len(),
                "another transaction holds the lock of the job database; keep transactions short"
            );
        }
        seam::rest(REST);
    }
}

fn still_waiting(sql: &Statements<'_>, shared: &Shared, work: Vec<Request>) -> Vec<Request> {
    let visible = |id: &[u8; 16]| {
        let row = sql.row(Sql::SelectExists, (&id[..],), |_| Ok(()));
        // What cannot be read is not blamed on the caller.
        row.map_or(true, |row| row.is_some())
    };
    let mut left = Vec::with_capacity(work.len());
    for request in work {
        let blocked = request
            .guard
            .as_ref()
            .is_some_and(|guard| guard.is_open(&visible));
        if blocked || (!request.patient && request.since.elapsed() > PATIENCE) {
            request.answer(Err(contended()));
        } else if shared.is_closing() && request.since.elapsed() > PATIENCE {
            request.answer(Err(closed()));
        } else {
            left.push(request);
        }
    }
    left
}
