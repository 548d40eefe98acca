//! When a failed attempt is followed by another.

use std::time::Duration;

use crate::random::Random;

/// How often a job is tried and how long it rests between two attempts.
///
/// The default: 20 attempts, exponential from one second, at most a day, with full jitter; the last
/// one comes about six days after the first.
///
/// ```
/// use mainspring_core::job::{Backoff, Retry};
/// use std::time::Duration;
///
/// let retry = Retry::default();
/// assert_eq!(retry.rest_max(1), Duration::from_secs(1));
/// assert_eq!(retry.rest_max(5), Duration::from_secs(16));
/// let fixed = Retry { backoff: Backoff::Fixed(Duration::ZERO), ..retry };
/// assert_eq!(fixed.rest_max(7), Duration::ZERO);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// How many attempts there are in all; 1 means that none follows the first.
    pub max_attempts: u32,
    /// How the rest grows.
    pub backoff: Backoff,
    /// The longest rest.
    pub cap: Duration,
    /// Whether the rest is drawn from zero to its length, so that many jobs that failed together do
    /// not come back together ("full jitter", AWS Architecture Blog, 2015).
    pub jitter: bool,
}

/// How the rest between two attempts grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backoff {
    /// Always this long.
    Fixed(Duration),
    /// This long times the number of attempts.
    Linear(Duration),
    /// This long, doubled with each attempt.
    Exponential(Duration),
}

/// What an error means for a job; a worker tells it by the error's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorClass {
    /// Try again by the policy.
    Retry,
    /// Try again after this time, as the other side asked for.
    RetryAfter(Duration),
    /// Trying again cannot help.
    Permanent,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max_attempts: Self::MAX_ATTEMPTS,
            backoff: Backoff::Exponential(Duration::from_secs(1)),
            cap: Duration::from_secs(24 * 3600),
            jitter: true,
        }
    }
}

impl Retry {
    /// How many attempts a job has unless it says otherwise.
    pub const MAX_ATTEMPTS: u32 = 20;

    /// One attempt, and none after it.
    pub const NEVER: Self = Self {
        max_attempts: 1,
        backoff: Backoff::Fixed(Duration::ZERO),
        cap: Duration::ZERO,
        jitter: false,
    };

    /// The rest after the given attempt (the first is 1), without jitter.
    pub fn rest_max(&self, attempt: u32) -> Duration {
        let rest = match self.backoff {
            Backoff::Fixed(rest) => rest,
            Backoff::Linear(step) => step.saturating_mul(attempt),
            Backoff::Exponential(first) => {
                let doubled = 2u32.saturating_pow(attempt.saturating_sub(1));
                first.saturating_mul(doubled)
            }
        };
        rest.min(self.cap)
    }

    /// The rest after the given attempt, drawn if there is jitter.
    pub fn rest(&self, attempt: u32, random: &Random) -> Duration {
        let rest = self.rest_max(attempt);
        if !self.jitter {
            return rest;
        }
        let micros = u64::try_from(rest.as_micros()).unwrap_or(u64::MAX - 1);
        Duration::from_micros(random.below(micros.saturating_add(1)))
    }

    /// Whether another attempt follows the given one.
    pub const fn follows(&self, attempt: u32) -> bool {
        attempt < self.max_attempts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_grow_up_to_the_cap() {
        let retry = Retry::default();
        assert_eq!(retry.rest_max(20), retry.cap);
        assert_eq!(retry.rest_max(u32::MAX), retry.cap);
        let linear = Retry {
            backoff: Backoff::Linear(Duration::from_secs(3)),
            ..retry
        };
        assert_eq!(linear.rest_max(4), Duration::from_secs(12));
    }

    #[test]
    fn jitter_covers_the_whole_rest_and_no_more() {
        let (retry, random) = (Retry::default(), Random::seeded(3));
        let rests: Vec<_> = (0..1_000).map(|_| retry.rest(5, &random)).collect();
        let (least, most) = (rests.iter().min().unwrap(), rests.iter().max().unwrap());
        assert!(*least < Duration::from_secs(1), "{least:?}");
        assert!(*most > Duration::from_secs(15) && *most <= Duration::from_secs(16));
    }

    #[test]
    fn attempts_are_counted_from_one() {
        assert!(!Retry::NEVER.follows(1));
        assert!(Retry::default().follows(19));
        assert!(!Retry::default().follows(20));
    }
}
