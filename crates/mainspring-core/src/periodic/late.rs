//! Which fires have come due by now, and which one is next.

use std::time::Duration;

use super::{AnyPlan, Cron, Every, Missed, Moment};
use crate::clock::Deadline;
use crate::time::{Timestamp, wall_between};

/// How far the wall clock must go back before fires that already ran may run again.
///
/// Up to an hour it is a correction, and repeating work would be wrong; beyond, the clock was wrong
/// before, and waiting for it to catch up could take years.
pub(super) const SET_BACK_MAX: Duration = Duration::from_secs(3_600);

/// Where a periodic stands on its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cursor {
    /// Not started, or no fire is left.
    Idle,
    /// The next grid point of an [`Every`], on both clocks: reading the wall anew for each fire
    /// would move it by the time that passes between the two reads.
    Grid { next: Moment },
    /// The next fire of a [`Cron`], and the newest instant already dealt with.
    Wall { next: Timestamp, done: Timestamp },
}

/// Fires that came due together. Usually one, and it is on time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Batch {
    oldest: Timestamp,
    pub(super) newest: Timestamp,
    /// How many came due before the newest.
    pub(super) others: u32,
    /// How long ago the newest was due.
    pub(super) late_by: Duration,
}

impl Cursor {
    /// The position when the engine starts the periodic; `first` places an [`Every`] on its grid.
    pub(super) fn start(plan: &AnyPlan, first: Duration, now: Moment) -> Self {
        match plan {
            AnyPlan::Every(_) => Self::Grid {
                next: now.after(first),
            },
            AnyPlan::Cron(cron) => Self::after(cron, now.wall),
        }
    }

    fn after(cron: &Cron, done: Timestamp) -> Self {
        match cron.fires(done).next() {
            Some(fire) => Self::Wall {
                next: fire.at,
                done,
            },
            None => Self::Idle,
        }
    }

    pub(super) const fn deadline(self) -> Option<Deadline> {
        match self {
            Self::Idle => None,
            Self::Grid { next } => Some(Deadline::Monotonic(next.monotonic)),
            Self::Wall { next, .. } => Some(Deadline::Wall(next)),
        }
    }

    /// When the next fire is due, as the wall clock will show it.
    pub(super) fn next_fire(self, now: Moment) -> Option<Timestamp> {
        match self {
            Self::Idle => None,
            Self::Grid { next } => Some(next.as_shown_at(now).wall),
            Self::Wall { next, .. } => Some(next),
        }
    }

    /// Takes everything that is due, and moves on.
    pub(super) fn take_due(&mut self, plan: &AnyPlan, now: Moment) -> Option<Batch> {
        match (plan, *self) {
            (AnyPlan::Every(every), Self::Grid { next }) => {
                let (batch, next) = grid_due(every, next, now)?;
                *self = Self::Grid { next };
                Some(batch)
            }
            (AnyPlan::Cron(cron), Self::Wall { next, .. }) if next <= now.wall => {
                let batch = wall_due(cron, next, now.wall);
                *self = Self::after(cron, batch.newest);
                Some(batch)
            }
            _ => None,
        }
    }

    /// Goes back with a wall clock that was set back by more than a correction.
    pub(super) fn follow_wall(&mut self, plan: &AnyPlan, now: Moment) {
        if let (AnyPlan::Cron(cron), Self::Wall { done, .. }) = (plan, *self)
            && wall_between(now.wall, done) > SET_BACK_MAX
        {
            *self = Self::after(cron, now.wall);
        }
    }
}

/// The newest `keep` of the fires from `oldest`, which is one, until `now`, oldest first; how many
/// came due before the newest; and how long ago that was due. Both plans by the wall clock.
pub(crate) fn wall_fires(
    plan: &AnyPlan,
    oldest: Timestamp,
    now: Timestamp,
    keep: u32,
) -> (Vec<Timestamp>, u32, Duration) {
    let batch = match plan {
        AnyPlan::Cron(cron) => wall_due(cron, oldest, now),
        AnyPlan::Every(every) => {
            let passed = wall_between(oldest, now).as_nanos();
            let period = every.length().as_nanos().max(1);
            // Below one period, and the longest period fits 64 bits of nanoseconds.
            let late_by = u64::try_from(passed % period).unwrap_or(u64::MAX);
            let late_by = Duration::from_nanos(late_by);
            Batch {
                oldest,
                newest: now.checked_sub(late_by).unwrap_or(oldest),
                others: u32::try_from(passed / period).unwrap_or(u32::MAX),
                late_by,
            }
        }
    };
    (batch.newest_fires(plan, keep), batch.others, batch.late_by)
}

impl Batch {
    /// The newest `keep` fires, oldest first.
    pub(super) fn newest_fires(&self, plan: &AnyPlan, keep: u32) -> Vec<Timestamp> {
        let keep = keep.min(self.others.saturating_add(1));
        let older = |at: Timestamp| match plan {
            AnyPlan::Every(every) => at.checked_sub(every.length()).ok(),
            AnyPlan::Cron(cron) => latest_before(cron, self.oldest, at),
        };
        let keep = usize::try_from(keep).unwrap_or(usize::MAX);
        let mut fires: Vec<_> = std::iter::successors(Some(self.newest), |at| older(*at))
            .take(keep)
            .collect();
        fires.reverse();
        fires
    }
}

fn grid_due(every: &Every, next: Moment, now: Moment) -> Option<(Batch, Moment)> {
    if now.monotonic < next.monotonic {
        return None;
    }
    let oldest = next.as_shown_at(now);
    let since_oldest = now.monotonic.since(oldest.monotonic);
    let period = every.length().as_nanos().max(1);
    let others = u32::try_from(since_oldest.as_nanos() / period).unwrap_or(u32::MAX);
    // Below one period, and the longest period fits 64 bits of nanoseconds.
    let late_by = u64::try_from(since_oldest.as_nanos() % period).unwrap_or(u64::MAX);
    let late_by = Duration::from_nanos(late_by);
    let newest = oldest.after(since_oldest.saturating_sub(late_by));
    let batch = Batch {
        oldest: oldest.wall,
        newest: newest.wall,
        others,
        late_by,
    };
    Some((batch, newest.after(every.length())))
}

fn wall_due(cron: &Cron, oldest: Timestamp, now: Timestamp) -> Batch {
    let (mut newest, mut others) = (oldest, 0);
    for fire in cron.fires(oldest).take_while(|fire| fire.at <= now) {
        newest = fire.at;
        others += 1;
        if others == Missed::COUNT_MAX {
            newest = latest_until(cron, newest, now);
            break;
        }
    }
    Batch {
        oldest,
        newest,
        others,
        late_by: wall_between(newest, now),
    }
}

/// The newest fire at or before `until`, given that `known` is a fire that is not after it.
///
/// Whether a fire lies between an instant and `until` changes once, from yes to no, as the instant
/// moves on: so the last "yes" is found by halving.
fn latest_until(cron: &Cron, known: Timestamp, until: Timestamp) -> Timestamp {
    let fire_after = |second: i64| {
        let after = Timestamp::from_second(second).ok()?;
        cron.fires(after)
            .next()
            .map(|fire| fire.at)
            .filter(|at| *at <= until)
    };
    let (mut newest, mut low, mut high) = (known, known.as_second(), until.as_second());
    while low < high {
        let middle = low + (high - low) / 2;
        match fire_after(middle) {
            Some(at) => {
                newest = at;
                low = at.as_second();
            }
            None => high = middle,
        }
    }
    newest
}

/// The newest fire before `at`, but not before `oldest`, which is a fire.
fn latest_before(cron: &Cron, oldest: Timestamp, at: Timestamp) -> Option<Timestamp> {
    let until = at.checked_sub(Duration::from_secs(1)).ok()?;
    (oldest < at).then(|| latest_until(cron, oldest, until))
}
