//! The tables behind the lock. Rows are the truth; every index follows from them in one place, so
//! that no rule can forget one.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::rules;
use super::gates::GateRow;
use super::row::Row;
use super::sessions::SessionRow;
use super::unique::{KeyRow, UniqueKey};
use crate::job::{JobId, SessionId, State};
use crate::time::Timestamp;

/// Ready jobs of one queue and kind, first to last.
pub(super) type Lane = BTreeSet<(i64, i64)>;

/// Where a job waits: queue, kind, and whether it must run alone.
pub(super) type LaneName = (Arc<str>, Arc<str>, bool);

#[derive(Debug, Default)]
pub(super) struct Tables {
    rows: BTreeMap<i64, Box<Row>>,
    rows_made: i64,
    pub(super) ids: BTreeMap<JobId, i64>,
    pub(super) lanes: BTreeMap<LaneName, Lane>,
    pub(super) scheduled: BTreeSet<(Timestamp, i64)>,
    pub(super) owned: BTreeMap<SessionId, BTreeSet<i64>>,
    pub(super) cancelling: BTreeSet<(SessionId, i64)>,
    pub(super) ended: BTreeSet<(State, Timestamp, i64)>,
    pub(super) counts: BTreeMap<(Arc<str>, Arc<str>, State), u64>,
    pub(super) running: BTreeMap<Arc<str>, u64>,
    pub(super) gates: BTreeMap<Arc<str>, GateRow>,
    /// The jobs behind each gate, first to last.
    pub(super) held: BTreeMap<Arc<str>, Lane>,
    /// How many places of each gate are taken.
    pub(super) places: BTreeMap<Arc<str>, u64>,
    /// How many jobs that are not over name each gate.
    pub(super) gated: BTreeMap<Arc<str>, u64>,
    /// Gates that only their rate keeps shut, by the instant at which it opens.
    pub(super) opening: BTreeSet<(i64, Arc<str>)>,
    pub(super) keys: BTreeMap<UniqueKey, KeyRow>,
    pub(super) keys_until: BTreeSet<(Timestamp, UniqueKey)>,
    pub(super) sessions: BTreeMap<SessionId, SessionRow>,
    pub(super) cursors: BTreeMap<Arc<str>, Timestamp>,
    pub(super) paused: BTreeSet<Arc<str>>,
    pub(super) rates: BTreeMap<Arc<str>, i64>,
    /// What must be put back if the transaction does not happen.
    undo: Option<Vec<Undo>>,
    /// Whether anything has changed that another process may wait for.
    pub(super) changed: bool,
}

/// What was there before a change.
#[derive(Debug)]
enum Undo {
    Row(i64, Option<Box<Row>>),
    Gate(Arc<str>, Option<GateRow>),
    Key(UniqueKey, Option<KeyRow>),
}

impl Tables {
    pub(super) fn row(&self, row: i64) -> Option<&Row> {
        self.rows.get(&row).map(Box::as_ref)
    }

    pub(super) fn by_id(&self, id: JobId) -> Option<(i64, &Row)> {
        let row = *self.ids.get(&id)?;
        Some((row, self.row(row)?))
    }

    pub(super) fn insert(&mut self, row: Row) -> i64 {
        self.rows_made += 1;
        let number = self.rows_made;
        self.note(|_| Undo::Row(number, None));
        self.put(number, Some(Box::new(row)));
        number
    }

    pub(super) fn remove(&mut self, row: i64) {
        self.note(|tables| Undo::Row(row, tables.rows.get(&row).cloned()));
        self.put(row, None);
    }

    /// Changes a row, and with it every index.
    pub(super) fn update(&mut self, row: i64, change: impl FnOnce(&mut Row)) {
        self.note(|tables| Undo::Row(row, tables.rows.get(&row).cloned()));
        if let Some(mut it) = self.take(row) {
            change(&mut it);
            self.put(row, Some(it));
        }
    }

    /// Changes what no index follows from and nobody waits for.
    pub(super) fn annotate(&mut self, row: i64, change: impl FnOnce(&mut Row)) {
        if let Some(it) = self.rows.get_mut(&row) {
            change(it);
        }
    }

    pub(super) fn put_gate(&mut self, key: &Arc<str>, gate: Option<GateRow>) {
        self.note(|tables| Undo::Gate(Arc::clone(key), tables.gates.get(key).cloned()));
        self.set_gate(key, gate);
    }

    pub(super) fn put_key(&mut self, key: &UniqueKey, held: Option<KeyRow>) {
        self.note(|tables| Undo::Key(key.clone(), tables.keys.get(key).cloned()));
        self.set_key(key, held);
    }

    /// Does something entirely or not at all; with `keep` false it is only tried out.
    pub(super) fn attempt<T, E>(
        &mut self,
        keep: bool,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let (made, changed) = (self.rows_made, self.changed);
        self.undo = Some(Vec::new());
        let done = work(self);
        let undo = self.undo.take().unwrap_or_default();
        if !keep || done.is_err() {
            for entry in undo.into_iter().rev() {
                match entry {
                    Undo::Row(row, before) => self.put(row, before),
                    Undo::Gate(key, before) => self.set_gate(&key, before),
                    Undo::Key(key, before) => self.set_key(&key, before),
                }
            }
            self.rows_made = made;
            self.changed = changed;
        }
        done
    }

    fn note(&mut self, entry: impl FnOnce(&Self) -> Undo) {
        if let Some(mut undo) = self.undo.take() {
            undo.push(entry(self));
            self.undo = Some(undo);
        }
    }

    fn put(&mut self, row: i64, it: Option<Box<Row>>) {
        self.take(row);
        if let Some(it) = it {
            self.index(row, &it, true);
            self.rows.insert(row, it);
        }
        self.changed = true;
    }

    fn take(&mut self, row: i64) -> Option<Box<Row>> {
        let it = self.rows.remove(&row)?;
        self.index(row, &it, false);
        Some(it)
    }

    fn index(&mut self, row: i64, it: &Row, add: bool) {
        if add {
            self.ids.insert(it.id, row);
        } else {
            self.ids.remove(&it.id);
        }
        let counted = (Arc::clone(&it.queue), Arc::clone(&it.kind), it.state);
        count(&mut self.counts, counted, add);
        match it.state {
            State::Scheduled => keep(&mut self.scheduled, (it.due, row), add),
            State::Ready if !it.held => {
                let lane = (Arc::clone(&it.queue), Arc::clone(&it.kind), it.solo);
                keep_in(&mut self.lanes, lane, (it.order, row), add);
            }
            State::Ready | State::Quarantined => {}
            State::Running => count(&mut self.running, Arc::clone(&it.queue), add),
            // One that a transaction completed is kept until its engine has finished it as well.
            _ if it.owner.is_some() => {}
            State::Succeeded | State::Failed | State::Cancelled => {
                let at = it.ended_at.unwrap_or(Timestamp::MIN);
                keep(&mut self.ended, (it.state, at, row), add);
            }
        }
        if let Some(owner) = it.owner {
            keep_in(&mut self.owned, owner, row, add);
            if it.cancelling.is_some() {
                keep(&mut self.cancelling, (owner, row), add);
            }
        }
        self.index_gate(row, it, add);
    }

    fn index_gate(&mut self, row: i64, it: &Row, add: bool) {
        let Some(gate) = &it.gate else { return };
        if it.held {
            let order = rules::held_order(it.priority, it.due, gate.ordered);
            keep_in(&mut self.held, Arc::clone(&gate.key), (order, row), add);
        }
        if it.place {
            count(&mut self.places, Arc::clone(&gate.key), add);
        }
        if !it.state.is_over() {
            count(&mut self.gated, Arc::clone(&gate.key), add);
        }
    }

    fn set_gate(&mut self, key: &Arc<str>, gate: Option<GateRow>) {
        if let Some(at) = self.gates.get(key).and_then(|gate| gate.opens_at) {
            self.opening.remove(&(at, Arc::clone(key)));
        }
        match gate {
            Some(gate) => {
                if let Some(at) = gate.opens_at {
                    self.opening.insert((at, Arc::clone(key)));
                }
                self.gates.insert(Arc::clone(key), gate);
            }
            None => {
                self.gates.remove(key);
            }
        }
    }

    fn set_key(&mut self, key: &UniqueKey, held: Option<KeyRow>) {
        if let Some(until) = self.keys.get(key).and_then(|held| held.until) {
            self.keys_until.remove(&(until, key.clone()));
        }
        match held {
            Some(held) => {
                if let Some(until) = held.until {
                    self.keys_until.insert((until, key.clone()));
                }
                self.keys.insert(key.clone(), held);
            }
            None => {
                self.keys.remove(key);
            }
        }
    }
}

fn keep<K: Ord>(set: &mut BTreeSet<K>, key: K, add: bool) {
    if add {
        set.insert(key);
    } else {
        set.remove(&key);
    }
}

fn keep_in<K: Ord, V: Ord>(sets: &mut BTreeMap<K, BTreeSet<V>>, key: K, value: V, add: bool) {
    if add {
        sets.entry(key).or_default().insert(value);
    } else if let Some(set) = sets.get_mut(&key) {
        set.remove(&value);
        if set.is_empty() {
            sets.remove(&key);
        }
    }
}

/// One more or one less; what comes to nothing is removed.
fn count<K: Ord>(counts: &mut BTreeMap<K, u64>, key: K, add: bool) {
    match counts.entry(key) {
        Entry::Vacant(entry) if add => {
            entry.insert(1);
        }
        Entry::Vacant(_) => {}
        Entry::Occupied(mut entry) if add || *entry.get() > 1 => {
            let value = entry.get_mut();
            *value = if add { *value + 1 } else { *value - 1 };
        }
        Entry::Occupied(entry) => {
            entry.remove();
        }
    }
}
