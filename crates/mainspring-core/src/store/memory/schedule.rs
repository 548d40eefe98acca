//! Schedules: how far each has fired.

use std::sync::Arc;

use super::super::{Fire, Fired, rules};
use super::tables::Tables;
use crate::error::Error;
use crate::time::Timestamp;

impl Tables {
    pub(super) fn fire(&mut self, now: Timestamp, fire: Fire) -> Result<Fired, Error> {
        let at = rules::due(fire.scheduled_for);
        if self
            .cursors
            .get(&fire.schedule)
            .is_some_and(|cursor| at <= *cursor)
        {
            return Ok(Fired::Before);
        }
        if let Some(job) = fire.job {
            let by = Some((Arc::clone(&fire.schedule), at));
            self.attempt(true, |tables| tables.enqueue(now, vec![job], &by))?;
        }
        self.cursors.insert(fire.schedule, at);
        self.changed = true;
        Ok(Fired::Now)
    }

    pub(super) fn schedule_cursor(&mut self, now: Timestamp, schedule: &str) -> Timestamp {
        match self.cursors.get(schedule) {
            Some(cursor) => *cursor,
            None => {
                self.cursors.insert(Arc::from(schedule), now);
                now
            }
        }
    }
}
