//! Enqueue: new jobs, all or none.

use std::sync::Arc;

use super::super::{Enqueued, NewJob, Was, rules};
use super::row::Row;
use super::tables::Tables;
use crate::error::Error;
use crate::job::{OnConflict, Scope, State};
use crate::time::Timestamp;

/// The schedule that asks for a job, and the instant it asks for.
type ScheduledBy = Option<(Arc<str>, Timestamp)>;

impl Tables {
    pub(super) fn enqueue(
        &mut self,
        now: Timestamp,
        jobs: Vec<NewJob>,
        by: &ScheduledBy,
    ) -> Result<Vec<Enqueued>, Error> {
        rules::check_new(&jobs)?;
        jobs.into_iter()
            .map(|job| self.enqueue_one(now, job, by.clone()))
            .collect()
    }

    fn enqueue_one(
        &mut self,
        now: Timestamp,
        job: NewJob,
        by: ScheduledBy,
    ) -> Result<Enqueued, Error> {
        if let Some((row, it)) = self.by_id(job.id) {
            let asked = job.claim.map(|(_, token)| token);
            let mine = it.state == State::Running && asked.is_some() && it.token == asked;
            let mut existing = Enqueued::new(job.id, Was::Existing);
            existing.claim = it.claim(row).filter(|_| mine);
            return Ok(existing);
        }
        if let Some((session, _)) = job.claim {
            self.check_session(session)?;
        }
        match self.conflict(now, &job)? {
            Some(found) => Ok(found),
            None => Ok(self.insert_new(now, job, by)),
        }
    }

    /// What an enqueue answers whose unique key is taken.
    fn conflict(&mut self, now: Timestamp, job: &NewJob) -> Result<Option<Enqueued>, Error> {
        let Some(unique) = &job.unique else {
            return Ok(None);
        };
        let key = (Arc::clone(&job.kind), Arc::clone(&unique.key));
        let Some(owner) = self.key_owner(now, &key) else {
            return Ok(None);
        };
        let waiting = self.by_id(owner).filter(|(_, it)| it.state.is_waiting());
        let waiting = waiting.map(|(row, _)| row);
        match (unique.on_conflict, waiting) {
            (OnConflict::Error, _) => Err(rules::taken(&job.kind, &unique.key)),
            (OnConflict::Replace, Some(row)) => {
                self.update(row, |it| {
                    it.payload = job.payload.clone();
                    it.due = rules::due(job.due);
                    it.priority = job.priority;
                    it.meta = job.meta.clone();
                });
                self.reposition(now, row);
                Ok(Some(Enqueued::new(owner, Was::Replaced)))
            }
            _ => Ok(Some(Enqueued::new(owner, Was::Existing))),
        }
    }

    fn insert_new(&mut self, now: Timestamp, job: NewJob, by: ScheduledBy) -> Enqueued {
        let claim = job.claim;
        let gate = job.gate.clone();
        let scope = job.unique.as_ref().map(|unique| unique.scope);
        let mut new = Row::new(now, job);
        new.scheduled_by = by;
        if let Some((session, token)) = claim {
            new.start(now, session, token, false);
            new.place = new.gate.is_some();
        } else if gate.is_none() && new.due <= now {
            new.state = State::Ready;
            new.order = rules::ready_order(new.priority, new.due, false, now);
        }
        let due = claim.is_none() && new.due <= now;
        let mut answer = Enqueued::new(new.id, Was::New);
        let row = self.insert(new);
        if let Some(gate) = &gate {
            self.widen(gate);
            match due {
                true => self.make_ready(now, row),
                false => self.admit_for(now, row),
            }
        }
        let started = claim.is_some() && scope == Some(Scope::UntilStarted);
        if scope.is_some() && !started {
            self.take_key(now, row);
        }
        answer.claim = claim.and_then(|_| self.row(row)?.claim(row));
        answer
    }
}
