//! Which fires of a durable schedule are due.

use crate::error::Error;
use crate::periodic::{AnyPlan, Missed, Plan, wall_fires};
use crate::time::Timestamp;

/// A fire that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DueFire {
    /// The instant that the plan asked for.
    pub scheduled_for: Timestamp,
    /// How many earlier fires have no job of their own.
    pub missed: u32,
    /// Whether a job is enqueued; if not, only the cursor moves.
    pub runs: bool,
}

/// One schedule: its plan, and how far it has come in the store.
///
/// The cursor is the last instant that is dealt with, by whatever process. An [`Every`] keeps its
/// grid across restarts: the first fire is one period after the schedule was first seen. Its jitter
/// is left out, since each fire happens once however many machines there are.
///
/// [`Every`]: crate::periodic::Every
#[derive(Clone, Debug)]
pub struct Scheduler {
    plan: AnyPlan,
    cursor: Timestamp,
}

impl Scheduler {
    /// A schedule whose fires up to `cursor` are dealt with.
    ///
    /// # Errors
    /// The first fault of the plan.
    pub fn new(plan: AnyPlan, cursor: Timestamp) -> Result<Self, Error> {
        plan.check()?;
        Ok(Self { plan, cursor })
    }

    /// The next fire, due or not; `None` if none is left.
    pub fn next(&self) -> Option<Timestamp> {
        match &self.plan {
            AnyPlan::Every(every) => self.cursor.checked_add(every.length()).ok(),
            AnyPlan::Cron(cron) => cron.fires(self.cursor).next().map(|fire| fire.at),
        }
    }

    /// Everything that is due, oldest first, as the policy for missed fires says. The caller makes
    /// each fire in the store and tells [`fired`](Scheduler::fired).
    pub fn due(&self, now: Timestamp) -> Vec<DueFire> {
        let Some(oldest) = self.next().filter(|at| *at <= now) else {
            return Vec::new();
        };
        let keep = match self.plan.missed() {
            Missed::Once | Missed::Skip => 1,
            Missed::All(most) => most,
        };
        let (fires, others, late) = wall_fires(&self.plan, oldest, now, keep);
        let unkept = others.saturating_sub(u32::try_from(fires.len()).unwrap_or(u32::MAX) - 1);
        let runs = !(self.plan.missed() == Missed::Skip && late > Missed::LATE_AFTER);
        let fires = fires.into_iter().enumerate();
        fires
            .map(|(place, scheduled_for)| DueFire {
                scheduled_for,
                missed: if place == 0 { unkept } else { 0 },
                runs,
            })
            .collect()
    }

    /// The fire is made, here or elsewhere.
    pub fn fired(&mut self, scheduled_for: Timestamp) {
        self.cursor = self.cursor.max(scheduled_for);
    }

    /// The plan.
    pub fn plan(&self) -> &AnyPlan {
        &self.plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::periodic::{Cron, Every};

    fn instant(text: &str) -> Timestamp {
        text.parse().expect("a valid instant")
    }

    fn shown(plan: impl Into<AnyPlan>, cursor: &str, now: &str) -> String {
        let scheduler = Scheduler::new(plan.into(), instant(cursor)).expect("a good plan");
        let due = scheduler.due(instant(now));
        let lines = due.iter().map(|fire| {
            let DueFire {
                scheduled_for,
                missed,
                runs,
            } = fire;
            format!("{scheduled_for} missed {missed} runs {runs}")
        });
        lines.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn missed_fires_follow_their_policy() {
        let plan = |missed| Cron::new("0 3 * * *").on_missed(missed);
        let (cursor, now) = ("2026-01-01T03:00:00Z", "2026-01-05T03:00:05Z");
        assert_eq!(
            shown(plan(Missed::Once), cursor, now),
            "2026-01-05T03:00:00Z missed 3 runs true"
        );
        assert_eq!(
            shown(plan(Missed::Skip), cursor, now),
            "2026-01-05T03:00:00Z missed 3 runs true"
        );
        assert_eq!(
            shown(plan(Missed::Skip), cursor, "2026-01-05T03:00:11Z"),
            "2026-01-05T03:00:00Z missed 3 runs false"
        );
        assert_eq!(
            shown(plan(Missed::All(2)), cursor, now),
            "2026-01-04T03:00:00Z missed 2 runs true; 2026-01-05T03:00:00Z missed 0 runs true"
        );
        assert_eq!(
            shown(plan(Missed::Once), cursor, "2026-01-02T02:59:59Z"),
            ""
        );
    }

    #[test]
    fn a_grid_goes_on_where_an_earlier_process_left_it() {
        let every = Every::hours(6).on_missed(Missed::All(10));
        let due = shown(every, "2026-01-01T01:00:00Z", "2026-01-01T13:30:00Z");
        assert_eq!(
            due,
            "2026-01-01T07:00:00Z missed 0 runs true; 2026-01-01T13:00:00Z missed 0 runs true"
        );
    }

    #[test]
    fn the_cursor_never_goes_back() {
        let plan = AnyPlan::from(Every::hours(1));
        let mut scheduler = Scheduler::new(plan, instant("2026-01-01T05:00:00Z")).unwrap();
        scheduler.fired(instant("2026-01-01T03:00:00Z"));
        assert_eq!(scheduler.next(), Some(instant("2026-01-01T06:00:00Z")));
        scheduler.fired(instant("2026-01-01T09:00:00Z"));
        assert_eq!(scheduler.next(), Some(instant("2026-01-01T10:00:00Z")));
        assert!(scheduler.due(instant("2026-01-01T09:59:59Z")).is_empty());
    }
}
