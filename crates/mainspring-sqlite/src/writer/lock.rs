//! Waiting for the lock of the database, which anybody on the machine may hold.

use std::time::Duration;

use super::batch::contended;
use super::{Request, Shared};
use crate::seam::{self, IoInstant};
use crate::sql::{Sql, Statements};
use mainspring_core::store::rules::closed;
use mainspring_core::telemetry::event;

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

/// A wait for the lock.
pub(super) struct Wait {
    since: IoInstant,
    warned: bool,
}

impl Wait {
    pub(super) fn new() -> Self {
        Self {
            since: IoInstant::now(),
            warned: false,
        }
    }

    /// Rests before the next try.
    pub(super) fn once(&mut self, waiting: usize) {
        if !self.warned && self.since.elapsed() > WARN_AFTER {
            self.warned = true;
            tracing::warn!(
                name: event::STORE_LOCKED,
                waiting,
                "another transaction holds the lock of the job database; keep transactions short"
            );
        }
        seam::rest(REST);
    }
}

/// Those who can still wait; the others are answered.
pub(super) fn still_waiting(
    sql: &Statements<'_>,
    shared: &Shared,
    work: Vec<Request>,
) -> Vec<Request> {
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
