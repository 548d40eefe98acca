//! The next fire of every periodic, on both time lines.

use std::collections::BTreeSet;

use mainspring_core::clock::Deadline;
use mainspring_core::periodic::Moment;
use mainspring_core::time::{Monotonic, Timestamp};

/// Which periodic, by its place in the order of registration.
pub(super) type Place = usize;

/// The armed deadlines, earliest first.
#[derive(Debug, Default)]
pub(super) struct Queue {
    monotonic: BTreeSet<(Monotonic, Place)>,
    wall: BTreeSet<(Timestamp, Place)>,
}

impl Queue {
    /// Arms `place`, in place of `before`.
    pub(super) fn arm(&mut self, place: Place, before: Option<Deadline>, deadline: Deadline) {
        self.disarm(place, before);
        match deadline {
            Deadline::Monotonic(at) => self.monotonic.insert((at, place)),
            Deadline::Wall(at) => self.wall.insert((at, place)),
        };
    }

    pub(super) fn disarm(&mut self, place: Place, before: Option<Deadline>) {
        match before {
            Some(Deadline::Monotonic(at)) => self.monotonic.remove(&(at, place)),
            Some(Deadline::Wall(at)) => self.wall.remove(&(at, place)),
            None => false,
        };
    }

    /// Takes the next one that is due.
    pub(super) fn take_due(&mut self, now: Moment) -> Option<Place> {
        if self
            .monotonic
            .first()
            .is_some_and(|(at, _)| *at <= now.monotonic)
        {
            return self.monotonic.pop_first().map(|(_, place)| place);
        }
        if self.wall.first().is_some_and(|(at, _)| *at <= now.wall) {
            return self.wall.pop_first().map(|(_, place)| place);
        }
        None
    }

    /// The earliest deadline on each time line.
    pub(super) fn next(&self) -> (Option<Monotonic>, Option<Timestamp>) {
        (
            self.monotonic.first().map(|(at, _)| *at),
            self.wall.first().map(|(at, _)| *at),
        )
    }
}
