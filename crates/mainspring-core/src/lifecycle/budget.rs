//! How the time for stopping is shared.

use std::time::Duration;

use super::report::Phase;

/// All the time there is for stopping, after the drain delay.
///
/// With the delay of 3 s in production and the margin of 1 s the process ends within 29 s, inside
/// the 30 s that orchestrators usually wait before they kill.
pub const BUDGET: Duration = Duration::from_secs(25);

/// Kept for requests in flight: most services answer within ten seconds or not at all.
pub const HTTP_RESERVE: Duration = Duration::from_secs(10);
/// Kept for follow-ups: they are short by nature, and what is cut is named.
pub const FOLLOW_UPS_RESERVE: Duration = Duration::from_secs(5);
/// Kept for periodic runs and workers to reach a safe point.
pub const WORKERS_RESERVE: Duration = Duration::from_secs(5);
/// Kept for components and hooks: closing pools and flushing buffers, one after another.
pub const COMPONENTS_RESERVE: Duration = Duration::from_secs(4);
/// Kept for the last logs and metrics, which say why the rest went wrong.
pub const TELEMETRY_RESERVE: Duration = Duration::from_secs(1);

/// The time for stopping and what is kept for each phase.
///
/// A phase may use what is left less the reserve of those after it, so time that nobody needed
/// goes to whoever comes next. Stores and health have no reserve: they live on what is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// For everything after the drain delay. [`BUDGET`] by default.
    pub total: Duration,
    /// [`HTTP_RESERVE`] by default.
    pub http: Duration,
    /// [`FOLLOW_UPS_RESERVE`] by default.
    pub follow_ups: Duration,
    /// [`WORKERS_RESERVE`] by default.
    pub workers: Duration,
    /// [`COMPONENTS_RESERVE`] by default.
    pub components: Duration,
    /// [`TELEMETRY_RESERVE`] by default.
    pub telemetry: Duration,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            total: BUDGET,
            http: HTTP_RESERVE,
            follow_ups: FOLLOW_UPS_RESERVE,
            workers: WORKERS_RESERVE,
            components: COMPONENTS_RESERVE,
            telemetry: TELEMETRY_RESERVE,
        }
    }
}

impl Budget {
    /// Returns what is kept for a phase.
    pub fn reserve(&self, phase: Phase) -> Duration {
        match phase {
            Phase::Http => self.http,
            Phase::FollowUps => self.follow_ups,
            Phase::Workers => self.workers,
            Phase::Components => self.components,
            Phase::Telemetry => self.telemetry,
            Phase::Drain | Phase::Stores | Phase::Health => Duration::ZERO,
        }
    }

    /// Returns how long a phase may take when `left` is left and the phases `later` still come.
    ///
    /// If not even the reserves fit any more, what is left is shared in their proportion.
    ///
    /// ```
    /// use std::time::Duration;
    /// use mainspring_core::lifecycle::{Budget, Phase};
    ///
    /// let budget = Budget::default();
    /// let later = [Phase::FollowUps, Phase::Workers, Phase::Components, Phase::Telemetry];
    /// assert_eq!(budget.limit(Phase::Http, budget.total, &later), Duration::from_secs(10));
    /// ```
    pub fn limit(&self, phase: Phase, left: Duration, later: &[Phase]) -> Duration {
        let own = self.reserve(phase);
        let after = later.iter().fold(Duration::ZERO, |sum, phase| {
            sum.saturating_add(self.reserve(*phase))
        });
        let wanted = own.saturating_add(after);
        if wanted <= left {
            return left.saturating_sub(after);
        }
        if own.is_zero() {
            return Duration::ZERO;
        }
        let part = left.mul_f64(own.as_secs_f64() / wanted.as_secs_f64());
        part.min(left)
    }
}

/// Returns the equal share of one of `waiting` parts that stop one after another.
pub(super) fn share(left: Duration, waiting: usize) -> Duration {
    let waiting = u32::try_from(waiting).unwrap_or(u32::MAX).max(1);
    left / waiting
}

#[cfg(test)]
mod tests {
    use super::*;
    use Phase::{Components, FollowUps, Health, Http, Stores, Telemetry, Workers};

    const LATER: [Phase; 6] = [FollowUps, Workers, Components, Stores, Telemetry, Health];

    #[test]
    fn the_reserves_fill_the_budget_exactly() {
        let budget = Budget::default();
        let sum: Duration = Phase::ALL.iter().map(|phase| budget.reserve(*phase)).sum();
        assert_eq!(sum, budget.total);
    }

    #[test]
    fn a_phase_gets_what_is_left_less_the_later_reserves() {
        let budget = Budget::default();
        let secs = Duration::from_secs;
        assert_eq!(budget.limit(Http, secs(25), &LATER), secs(10));
        assert_eq!(budget.limit(FollowUps, secs(25), &LATER[1..]), secs(15));
        assert_eq!(budget.limit(Components, secs(5), &LATER[3..]), secs(4));
        assert_eq!(budget.limit(Stores, secs(1), &LATER[4..]), secs(0));
        assert_eq!(budget.limit(Health, secs(1), &[]), secs(1));
    }

    #[test]
    fn a_short_budget_is_shared_in_proportion() {
        let budget = Budget {
            total: Duration::from_millis(2500),
            ..Budget::default()
        };
        let http = budget.limit(Http, budget.total, &LATER);
        assert_eq!(http, Duration::from_secs(1));
        assert_eq!(budget.limit(Http, Duration::ZERO, &LATER), Duration::ZERO);
    }

    #[test]
    fn parts_share_what_is_left_equally() {
        assert_eq!(share(Duration::from_secs(4), 4), Duration::from_secs(1));
        assert_eq!(share(Duration::from_secs(4), 0), Duration::from_secs(4));
    }
}
