//! What people do to jobs and queues, and what retention does.

use std::sync::Arc;

use super::super::{BATCH_MAX, Operated, Operation, Retention, rules};
use super::tables::Tables;
use crate::error::Error;
use crate::job::{JobId, State};
use crate::time::Timestamp;

impl Tables {
    pub(super) fn operate(
        &mut self,
        now: Timestamp,
        id: JobId,
        operation: Operation,
    ) -> Result<Operated, Error> {
        let (row, it) = self.by_id(id).ok_or_else(rules::not_found)?;
        let (before, owned) = (it.state, it.owner.is_some());
        let after = rules::operate(before, &operation, now)?;
        match operation {
            Operation::Cancel { reason } if before == State::Running => {
                self.update(row, |it| {
                    it.cancelling = it.cancelling.take().or(Some(reason));
                });
            }
            Operation::Cancel { reason } => {
                self.update(row, |it| {
                    it.state = State::Cancelled;
                    it.ended_at = Some(now);
                    it.error = Some(rules::text(&reason));
                });
                self.settle(now, row);
            }
            Operation::Retry => {
                self.retake_key(now, row)?;
                if owned {
                    self.settle(now, row);
                }
                self.run_again(now, row, |it| it.attempts = 0);
            }
            Operation::Free => self.run_again(now, row, |it| {
                it.deaths = 0;
                it.solo = false;
            }),
            Operation::Reschedule { at } => {
                self.update(row, |it| it.due = rules::due(at));
                self.reposition(now, row);
            }
            Operation::Discard => self.discard(now, row),
        }
        Ok(Operated::new(before, after))
    }

    pub(super) fn prune(&mut self, now: Timestamp, keep: &Retention, limit: usize) -> usize {
        let limit = limit.min(BATCH_MAX);
        let mut removed = 0;
        for state in [State::Succeeded, State::Failed, State::Cancelled] {
            let Some(cutoff) = rules::cutoff(keep, state, now) else {
                continue;
            };
            let over = (state, Timestamp::MIN, i64::MIN)..=(state, cutoff, i64::MAX);
            let over = self.ended.range(over).take(limit - removed);
            let rows: Vec<i64> = over.map(|(.., row)| *row).collect();
            removed += rows.len();
            for row in rows {
                self.discard(now, row);
            }
        }
        for _ in 0..limit {
            match self.keys_until.first().cloned() {
                Some((until, key)) if until <= now => self.drop_key(&key),
                _ => break,
            }
        }
        removed
    }

    pub(super) fn set_paused(&mut self, queue: Arc<str>, paused: bool) {
        self.changed |= match paused {
            true => self.paused.insert(queue),
            false => self.paused.remove(&queue),
        };
    }

    fn run_again(&mut self, now: Timestamp, row: i64, change: impl FnOnce(&mut super::row::Row)) {
        self.update(row, |it| {
            change(it);
            it.due = now;
            it.ended_at = None;
            it.state = State::Ready;
            it.held = it.gate.is_some() && !it.place;
        });
        self.make_ready(now, row);
    }

    /// Removes a job; what it held is free, but for a key that is taken for a time.
    fn discard(&mut self, now: Timestamp, row: i64) {
        let gate = self.row(row).and_then(|it| it.gate.clone());
        self.update(row, |it| {
            it.state = State::Cancelled;
            it.ended_at = Some(now);
        });
        self.settle(now, row);
        self.remove(row);
        if let Some(gate) = gate {
            self.forget_gate(now, &gate.key);
        }
    }
}
