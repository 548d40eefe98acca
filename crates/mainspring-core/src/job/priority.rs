//! Priority: a head start in time, so that nothing starves and nothing is recomputed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// How much earlier a job counts as due for each level above [`Priority::Low`].
///
/// Five minutes: long enough that an urgent job passes a usual backlog, short enough that a low one
/// waits at most a quarter of an hour longer than its age says.
pub const AGE_STEP: Duration = Duration::from_secs(5 * 60);

/// How urgent a job is among those that are due in its queue.
///
/// Jobs run in the order of `due − level × AGE_STEP`, which never changes while they wait: an
/// urgent job passes those that became due shortly before it, and a low one is never passed for
/// ever.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Whenever there is time.
    Low,
    /// As usual.
    #[default]
    Normal,
    /// Before usual work of the last minutes.
    High,
    /// Before nearly everything.
    Urgent,
}

impl Priority {
    /// All levels, lowest first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Normal, Self::High, Self::Urgent];

    /// The level as a number from 0 to 3.
    pub const fn level(self) -> u8 {
        match self {
            Self::Low => 0,
            Self::Normal => 1,
            Self::High => 2,
            Self::Urgent => 3,
        }
    }

    /// The priority of a level; higher ones are the highest.
    pub const fn from_level(level: u8) -> Self {
        match level {
            0 => Self::Low,
            1 => Self::Normal,
            2 => Self::High,
            _ => Self::Urgent,
        }
    }

    /// The static key by which due jobs are ordered, in microseconds.
    pub fn order(self, due: Timestamp) -> i64 {
        let step = i64::try_from(AGE_STEP.as_micros()).unwrap_or(i64::MAX);
        due.as_microsecond()
            .saturating_sub(step.saturating_mul(i64::from(self.level())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_worth_one_step_of_age() {
        let due = Timestamp::UNIX_EPOCH;
        let later = Timestamp::from_second(5 * 60).unwrap();
        assert_eq!(Priority::Normal.order(due), Priority::High.order(later));
        assert!(Priority::Urgent.order(later) < Priority::Normal.order(due));
        for priority in Priority::ALL {
            assert_eq!(Priority::from_level(priority.level()), priority);
        }
    }
}
