//! Limits on a key: how many of its jobs run at once, in which order, how often.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;

use super::unique::check_key;

/// A concurrency key with its limits: jobs of one key pass the same gate, in all processes.
///
/// A job beyond the limit waits behind its gate, outside the queue: it costs the claim nothing and
/// holds up no other key. When a job leaves, the first one behind the gate joins the *end* of the
/// queue, so that keys share the workers fairly however many jobs one of them has.
///
/// ```
/// use mainspring_core::job::Gate;
///
/// let gate = Gate::new("tenant-7", 2);
/// assert_eq!(gate.limit.get(), 2);
/// assert!(Gate::ordered("account-9").ordered);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gate {
    /// The key; keys are shared by all kinds that name them.
    pub key: Arc<str>,
    /// How many jobs of the key may be in the queue or running at once.
    pub limit: NonZeroU32,
    /// Whether jobs run one by one in the order they were enqueued, each until it is over: a job
    /// that is retried holds up its successors.
    pub ordered: bool,
    /// How often jobs of the key may start.
    pub rate: Option<Rate>,
}

/// How often something may happen: `count` times in `per`, evenly spread, after an initial burst of
/// `count` (GCRA, ITU-T I.371).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: NonZeroU32,
    /// In which time.
    pub per: Duration,
}

impl Gate {
    /// At most `limit` jobs of the key at once; zero counts as one.
    pub fn new(key: impl Into<Arc<str>>, limit: u32) -> Self {
        Self {
            key: key.into(),
            limit: NonZeroU32::new(limit).unwrap_or(NonZeroU32::MIN),
            ordered: false,
            rate: None,
        }
    }

    /// The key's jobs one by one, in the order they were enqueued.
    pub fn ordered(key: impl Into<Arc<str>>) -> Self {
        Self {
            ordered: true,
            ..Self::new(key, 1)
        }
    }

    /// Limits how often jobs of the key start.
    #[must_use]
    pub fn at_rate(mut self, rate: Rate) -> Self {
        self.rate = Some(rate);
        self
    }

    /// Checks the key's length.
    ///
    /// # Errors
    /// When it is empty or longer than [`KEY_BYTES_MAX`](super::KEY_BYTES_MAX).
    pub fn check(&self) -> Result<(), Error> {
        check_key("concurrency key", &self.key)
    }
}

/// A key and how many of its jobs run at once.
impl From<(&str, u32)> for Gate {
    fn from((key, limit): (&str, u32)) -> Self {
        Self::new(key, limit)
    }
}

/// A key and how many of its jobs run at once.
impl From<(String, u32)> for Gate {
    fn from((key, limit): (String, u32)) -> Self {
        Self::new(key, limit)
    }
}

impl Rate {
    /// So many in so much time; zero of either counts as the least possible.
    pub fn new(count: u32, per: Duration) -> Self {
        Self {
            count: NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN),
            per: per.max(Duration::from_micros(1)),
        }
    }

    /// How many may happen at `now`, at most `wanted`, given the theoretical arrival time of the
    /// next one (`tat`, microseconds); and the `tat` after they have.
    ///
    /// All instants are microseconds of one clock. A fresh state has a `tat` of `i64::MIN`.
    pub fn take(&self, tat: i64, now: i64, wanted: u32) -> (u32, i64) {
        let step = self.step();
        let burst = step.saturating_mul(i64::from(self.count.get()));
        let base = tat.max(now);
        let free = now.saturating_add(burst).saturating_sub(base) / step;
        let taken = wanted.min(u32::try_from(free.max(0)).unwrap_or(u32::MAX));
        (
            taken,
            base.saturating_add(step.saturating_mul(i64::from(taken))),
        )
    }

    /// When the next one may happen, given the `tat`.
    pub fn opens_at(&self, tat: i64) -> i64 {
        let step = self.step();
        let burst = step.saturating_mul(i64::from(self.count.get()));
        tat.saturating_sub(burst).saturating_add(step)
    }

    /// The even distance between two, at least a microsecond, rounded up.
    fn step(&self) -> i64 {
        let micros = self.per.as_micros().div_ceil(u128::from(self.count.get()));
        i64::try_from(micros.max(1)).unwrap_or(i64::MAX / 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_gives_its_burst_and_then_an_even_flow() {
        let rate = Rate::new(10, Duration::from_secs(1));
        let (taken, tat) = rate.take(i64::MIN, 0, 100);
        assert_eq!(taken, 10);
        assert_eq!(rate.take(tat, 0, 1).0, 0);
        assert_eq!(rate.opens_at(tat), 100_000);
        assert_eq!(rate.take(tat, 99_999, 1).0, 0);
        assert_eq!(rate.take(tat, 100_000, 5), (1, tat + 100_000));
        assert_eq!(rate.take(tat, 10_000_000, 100).0, 10);
    }
}
