//! Unique keys: who has each, and until when.

use std::sync::Arc;

use super::super::rules;
use super::tables::Tables;
use crate::error::Error;
use crate::job::{JobId, Scope};
use crate::time::Timestamp;

/// A kind and a key: keys of different kinds never meet.
pub(super) type UniqueKey = (Arc<str>, Arc<str>);

/// Who has a key.
#[derive(Clone, Debug)]
pub(super) struct KeyRow {
    /// The job, which may be gone.
    pub(super) id: JobId,
    pub(super) until: Option<Timestamp>,
}

impl Tables {
    /// Who has the key now.
    pub(super) fn key_owner(&self, now: Timestamp, key: &UniqueKey) -> Option<JobId> {
        let held = self.keys.get(key)?;
        (held.until.is_none_or(|until| until > now)).then_some(held.id)
    }

    /// Gives a job its key, which is free or has expired.
    pub(super) fn take_key(&mut self, now: Timestamp, row: i64) {
        let Some((key, scope, id)) = self.key_of(row) else {
            return;
        };
        self.drop_key(&key);
        let until = rules::key_until(scope, now);
        self.put_key(&key, Some(KeyRow { id, until }));
        self.update(row, |it| it.has_key = true);
    }

    /// Gives a job its key again, for which it did not run any more.
    pub(super) fn retake_key(&mut self, now: Timestamp, row: i64) -> Result<(), Error> {
        let Some((key, scope, id)) = self.key_of(row) else {
            return Ok(());
        };
        if matches!(scope, Scope::For(_)) {
            return Ok(());
        }
        match self.key_owner(now, &key) {
            Some(owner) if owner != id => return Err(rules::taken(&key.0, &key.1)),
            _ => self.take_key(now, row),
        }
        Ok(())
    }

    /// Takes a job's key away if its state says so.
    pub(super) fn free_key(&mut self, row: i64) {
        let Some(it) = self.row(row) else { return };
        let scope = it.scope().filter(|_| it.has_key);
        let freed = scope.is_some_and(|scope| rules::frees_key(scope, it.state));
        if let Some((key, ..)) = self.key_of(row).filter(|_| freed) {
            self.drop_key(&key);
        }
    }

    /// Makes a key free; the job that had it knows.
    pub(super) fn drop_key(&mut self, key: &UniqueKey) {
        let Some(held) = self.keys.get(key).cloned() else {
            return;
        };
        self.put_key(key, None);
        if let Some((row, _)) = self.by_id(held.id) {
            self.update(row, |it| it.has_key = false);
        }
    }

    fn key_of(&self, row: i64) -> Option<(UniqueKey, Scope, JobId)> {
        let it = self.row(row)?;
        let unique = it.unique.as_ref()?;
        let key = (Arc::clone(&it.kind), Arc::clone(&unique.key));
        Some((key, unique.scope, it.id))
    }
}
