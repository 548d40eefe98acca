//! Gates: jobs of a key pass one by one, at most so many at once, at most so often.

use std::sync::Arc;

use super::super::rules;
use super::row::Row;
use super::tables::Tables;
use crate::job::{Gate, Rate, State};
use crate::time::Timestamp;

/// What all jobs of a key share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GateRow {
    limit: u32,
    rate: Option<Rate>,
    tat: i64,
    /// When its rate opens, if nothing else keeps a job out.
    pub(super) opens_at: Option<i64>,
}

impl Tables {
    /// Gives a gate the limits of the newest enqueue.
    pub(super) fn widen(&mut self, gate: &Gate) {
        let before = self.gates.get(&gate.key);
        let row = GateRow {
            limit: gate.limit.get(),
            rate: gate.rate,
            tat: before.map_or(i64::MIN, |before| before.tat),
            opens_at: before.and_then(|before| before.opens_at),
        };
        self.put_gate(&gate.key, Some(row));
    }

    /// Makes a waiting job ready: behind its gate first, unless it has a place there.
    pub(super) fn make_ready(&mut self, now: Timestamp, row: i64) {
        self.update(row, |it| {
            it.state = State::Ready;
            it.held = it.gate.is_some() && !it.place;
            it.order = rules::ready_order(it.priority, it.due, it.gate.is_some(), now);
        });
        self.admit_for(now, row);
    }

    /// Sets a waiting job where its due time puts it.
    pub(super) fn reposition(&mut self, now: Timestamp, row: i64) {
        if self.row(row).is_some_and(|it| it.due <= now) {
            return self.make_ready(now, row);
        }
        self.update(row, |it| {
            it.state = State::Scheduled;
            it.held = false;
            it.place &= rules::keeps_place(it.ordered(), it.state);
        });
        self.admit_for(now, row);
    }

    /// Frees what a job held that runs no more: its place, its key, its owner; whoever waited for
    /// them comes in.
    pub(super) fn settle(&mut self, now: Timestamp, row: i64) {
        self.update(row, |it| {
            it.owner = None;
            it.held = false;
            it.place &= rules::keeps_place(it.ordered(), it.state);
        });
        self.free_key(row);
        match self.row(row).map(|it| it.state) {
            Some(State::Ready) => self.make_ready(now, row),
            _ => self.admit_for(now, row),
        }
    }

    /// Lets jobs through the gate of this one.
    pub(super) fn admit_for(&mut self, now: Timestamp, row: i64) {
        if let Some(gate) = self.row(row).and_then(|it| it.gate.clone()) {
            if !self.gates.contains_key(&gate.key) {
                self.widen(&gate);
            }
            self.admit(now, &gate.key, u32::MAX);
        }
    }

    /// Lets jobs through a gate, at most so many; answers how many.
    pub(super) fn admit(&mut self, now: Timestamp, key: &Arc<str>, most: u32) -> u32 {
        let Some(gate) = self.gates.get(key).cloned() else {
            return 0;
        };
        let used = small(self.places.get(key).copied().unwrap_or(0));
        let held = small(self.held.get(key).map_or(0, |held| held.len() as u64));
        let at = now.as_microsecond();
        let let_in = rules::admit(gate.limit, used, held.min(most), gate.rate, gate.tat, at);
        for _ in 0..let_in.jobs {
            let Some(&(_, row)) = self.held.get(key).and_then(|held| held.first()) else {
                break;
            };
            self.update(row, |it| pass(it, now));
        }
        let cut = let_in.jobs == most && most < held.min(gate.limit.saturating_sub(used));
        let after = GateRow {
            tat: let_in.tat,
            opens_at: let_in.opens_at.or(cut.then_some(at)),
            ..gate.clone()
        };
        if after != gate {
            self.put_gate(key, Some(after));
        }
        let_in.jobs
    }

    /// Forgets a gate that nobody waits for and whose rate has nothing to remember.
    pub(super) fn forget_gate(&mut self, now: Timestamp, key: &Arc<str>) {
        let unused = !self.gated.contains_key(key) && !self.places.contains_key(key);
        let gate = self.gates.get(key);
        if unused && gate.is_some_and(|gate| gate.tat <= now.as_microsecond()) {
            self.put_gate(key, None);
        }
    }
}

fn pass(it: &mut Row, now: Timestamp) {
    it.held = false;
    it.place = true;
    it.order = rules::ready_order(it.priority, it.due, true, now);
}

fn small(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
