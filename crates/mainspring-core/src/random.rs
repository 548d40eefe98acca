//! The one source of randomness, seeded, so that a run can be repeated.

use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use crate::time::Timestamp;

/// A shared source of random numbers.
///
/// It is for ids, jitter and sampling, never for secrets. The same seed gives the same numbers, so
/// a test or a simulation can be run again.
///
/// ```
/// use mainspring_core::random::Random;
///
/// assert_eq!(Random::seeded(7).u64(), Random::seeded(7).u64());
/// ```
#[derive(Clone, Debug)]
pub struct Random(Arc<Mutex<fastrand::Rng>>);

impl Random {
    /// A source that repeats itself for the same seed.
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))))
    }

    /// The next 64 random bits.
    pub fn u64(&self) -> u64 {
        self.with(|rng| rng.u64(..))
    }

    /// A number below `limit`; zero for a limit of zero.
    pub fn below(&self, limit: u64) -> u64 {
        self.with(|rng| if limit == 0 { 0 } else { rng.u64(..limit) })
    }

    /// A new UUID version 7 (RFC 9562), ordered by `now` to the millisecond.
    pub fn uuid_v7(&self, now: Timestamp) -> Uuid {
        let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
        let mut bytes = [0; 10];
        self.with(|rng| rng.fill(&mut bytes));
        uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
    }

    fn with<T>(&self, f: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_time_and_seed() {
        let random = Random::seeded(1);
        let early = random.uuid_v7(Timestamp::UNIX_EPOCH);
        let late = random.uuid_v7("2026-01-01T00:00:00Z".parse().unwrap());
        assert!(early < late);
        assert_eq!(late.get_version_num(), 7);
        assert_eq!(Random::seeded(1).uuid_v7(Timestamp::UNIX_EPOCH), early);
    }
}
