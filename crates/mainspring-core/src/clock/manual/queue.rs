//! The armed timers of a manual clock, in deadline order, creation order breaking ties.

use std::collections::BTreeMap;
use std::task::Waker;

use crate::clock::source::{Callback, Deadline};
use crate::time::{Monotonic, Timestamp, wall_after, wall_between};

/// What an armed timer does when it fires.
pub(super) enum Fired {
    Wake(Waker),
    Call(Callback),
}

/// Names one armed timer: its deadline and its place among equals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Monotonic(Monotonic, u64),
    Wall(Timestamp, u64),
}

/// Time and everything that waits for it. A stopped or fired timer leaves nothing behind.
pub(super) struct Queue {
    monotonic: Monotonic,
    wall: Timestamp,
    by_monotonic: BTreeMap<(Monotonic, u64), Option<Fired>>,
    by_wall: BTreeMap<(Timestamp, u64), Option<Fired>>,
    armed: u64,
}

impl Queue {
    pub(super) fn new(wall: Timestamp) -> Self {
        Self {
            monotonic: Monotonic::ORIGIN,
            wall,
            by_monotonic: BTreeMap::new(),
            by_wall: BTreeMap::new(),
            armed: 0,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.wall
    }

    pub(super) fn monotonic(&self) -> Monotonic {
        self.monotonic
    }

    pub(super) fn monotonic_at(&self, at: Timestamp) -> Monotonic {
        self.monotonic + wall_between(self.wall, at)
    }

    pub(super) fn armed(&self) -> u64 {
        self.armed
    }

    pub(super) fn pending(&self) -> usize {
        self.by_monotonic.len() + self.by_wall.len()
    }

    pub(super) fn is_due(&self, deadline: Deadline) -> bool {
        match deadline {
            Deadline::Monotonic(at) => at <= self.monotonic,
            Deadline::Wall(at) => at <= self.wall,
        }
    }

    pub(super) fn arm(&mut self, deadline: Deadline, what: Option<Fired>) -> Key {
        self.armed += 1;
        let order = self.armed;
        match deadline {
            Deadline::Monotonic(at) => {
                self.by_monotonic.insert((at, order), what);
                Key::Monotonic(at, order)
            }
            Deadline::Wall(at) => {
                self.by_wall.insert((at, order), what);
                Key::Wall(at, order)
            }
        }
    }

    /// The armed timer's slot, unless it has fired or was disarmed.
    pub(super) fn slot(&mut self, key: Key) -> Option<&mut Option<Fired>> {
        match key {
            Key::Monotonic(at, order) => self.by_monotonic.get_mut(&(at, order)),
            Key::Wall(at, order) => self.by_wall.get_mut(&(at, order)),
        }
    }

    /// Disarms a timer and returns what it would have done, unless it has fired. To be dropped
    /// outside the queue's lock, since a waker or callback may own another timer of this queue.
    #[must_use = "dropping it inside the queue's lock may disarm another timer and deadlock"]
    pub(super) fn disarm(&mut self, key: Key) -> Option<Option<Fired>> {
        match key {
            Key::Monotonic(at, order) => self.by_monotonic.remove(&(at, order)),
            Key::Wall(at, order) => self.by_wall.remove(&(at, order)),
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Monotonic> {
        let monotonic = self.by_monotonic.keys().next().map(|(at, _)| *at);
        let wall = self
            .by_wall
            .keys()
            .next()
            .map(|(at, _)| self.monotonic_at(*at));
        match (monotonic, wall) {
            (Some(monotonic), Some(wall)) => Some(monotonic.min(wall)),
            (monotonic, wall) => monotonic.or(wall),
        }
    }

    /// Moves to the next deadline that comes, if it is not after `limit`, and takes what is due
    /// then.
    pub(super) fn fire_next(&mut self, limit: Monotonic) -> Option<(Monotonic, Vec<Fired>)> {
        let comes = |at: &Monotonic| *at <= limit && *at < Monotonic::NEVER;
        let at = self.next_deadline().filter(comes)?;
        Some((at, self.move_to(at)))
    }

    /// Moves both time lines to `at` and takes what is due by then, in the order it was armed.
    pub(super) fn move_to(&mut self, at: Monotonic) -> Vec<Fired> {
        self.wall = wall_after(self.wall, at.since(self.monotonic));
        self.monotonic = self.monotonic.max(at);
        self.take_due()
    }

    /// Steps the wall alone and takes the wall waits that are due by then. The others stay armed,
    /// but those who wait are woken: whoever keeps a schedule must see that the wall was stepped.
    pub(super) fn set_wall(&mut self, at: Timestamp) -> Vec<Fired> {
        self.wall = at;
        let mut fired = self.take_due();
        for slot in self.by_wall.values_mut() {
            if let Some(Fired::Wake(_)) = slot {
                fired.extend(slot.take());
            }
        }
        fired
    }

    fn take_due(&mut self) -> Vec<Fired> {
        let mut due = Vec::new();
        while let Some(entry) = self.by_monotonic.first_entry() {
            if entry.key().0 > self.monotonic {
                break;
            }
            let ((at, order), what) = entry.remove_entry();
            due.push((at, order, what));
        }
        while let Some(entry) = self.by_wall.first_entry() {
            if entry.key().0 > self.wall {
                break;
            }
            let ((_, order), what) = entry.remove_entry();
            due.push((self.monotonic, order, what));
        }
        due.sort_by_key(|(at, order, _)| (*at, *order));
        due.into_iter().filter_map(|(_, _, what)| what).collect()
    }
}
