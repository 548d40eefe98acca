//! What the writer does between transactions: writing the log back, and leaving a gap.

use std::time::Duration;

use rusqlite::Connection;

use crate::seam::{self, IoInstant};

/// After how many changed rows the log is written back into the database: about 16 MB of it.
const CHECKPOINT_ROWS: u64 = 16_000;

/// How many rows a commit counts for by itself: the pages it writes whatever it holds.
const COMMIT_ROWS: u64 = 4;

/// How long nothing is written before the log is emptied.
const IDLE: Duration = Duration::from_secs(1);

/// For how long another connection's commit makes us leave larger gaps.
const FOREIGN: Duration = Duration::from_secs(2);

/// The gap after a transaction while somebody else writes too, as a part of its length.
const GAP_PART: u32 = 2;

/// The longest gap.
const GAP_MAX: Duration = Duration::from_millis(4);

/// The books of the housekeeping.
pub(super) struct Tending {
    unwritten: u64,
    last: IoInstant,
    length: Duration,
    dirty: bool,
}

impl Tending {
    pub(super) fn new() -> Self {
        Self {
            unwritten: 0,
            last: IoInstant::now(),
            length: Duration::ZERO,
            dirty: false,
        }
    }

    pub(super) fn wrote(&mut self, rows: u64, length: Duration) {
        self.unwritten = self
            .unwritten
            .saturating_add(rows)
            .saturating_add(COMMIT_ROWS);
        self.last = IoInstant::now();
        self.length = length;
        self.dirty = true;
    }

    pub(super) fn tend(&mut self, connection: &Connection, had: bool, foreign: Option<IoInstant>) {
        if self.unwritten >= CHECKPOINT_ROWS {
            self.unwritten = 0;
            checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)");
        }
        if had {
            if foreign.is_some_and(|at| at.elapsed() < FOREIGN) {
                seam::rest((self.length / GAP_PART).min(GAP_MAX));
            }
        } else if self.dirty && self.last.elapsed() > IDLE {
            self.truncate(connection);
        }
    }

    /// Empties the log, unless somebody reads from it: then after the next pause.
    pub(super) fn truncate(&mut self, connection: &Connection) {
        if self.dirty {
            self.dirty = false;
            self.unwritten = 0;
            checkpoint(connection, "PRAGMA wal_checkpoint(TRUNCATE)");
        }
    }
}

fn checkpoint(connection: &Connection, pragma: &str) {
    if let Err(error) = connection.query_row(pragma, [], |_| Ok(())) {
        tracing::debug!(%error, "the log could not be written back");
    }
}
