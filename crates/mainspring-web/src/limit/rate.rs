//! How often one caller may call: the generic cell rate algorithm, on integers.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use mainspring_core::identity::User;
use mainspring_core::time::Monotonic;

use super::client::for_limits;
use crate::action::Rate;

/// How many callers one action tells apart: about a megabyte. Those beyond share one allowance, so
/// that a flood of addresses cannot take memory, nor push out the count of a caller who is over its
/// rate.
const CALLERS_MAX: usize = 10_000;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Whose calls are counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    User(User),
    Client(IpAddr),
    Others,
}

impl Key {
    pub(crate) fn of(user: Option<&User>, client: IpAddr) -> Self {
        match user {
            Some(user) => Self::User(user.clone()),
            None => Self::Client(for_limits(client)),
        }
    }
}

/// What a caller may still do, as the `ratelimit-*` headers say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    /// How many calls may come at once after a rest.
    limit: u32,
    /// How many may come now.
    remaining: u64,
    /// Seconds until the allowance is whole again; rounded up, as it must not be promised early.
    reset: u64,
}

impl Quota {
    pub(crate) fn write(self, headers: &mut HeaderMap) {
        headers.insert("ratelimit-limit", self.limit.into());
        headers.insert("ratelimit-remaining", self.remaining.into());
        headers.insert("ratelimit-reset", self.reset.into());
    }
}

/// Counts the calls of one action.
pub(crate) struct RateLimiter {
    /// Nanoseconds between two calls at the full rate.
    interval: u64,
    /// How many calls may come at once.
    burst: u32,
    /// How far ahead of time a caller may be.
    ahead: u64,
    /// When each caller's allowance is whole again, in nanoseconds of the clock.
    callers: Mutex<BTreeMap<Key, u64>>,
}

impl RateLimiter {
    pub(crate) fn new(rate: Rate) -> Self {
        // A count of zero is refused at the boot.
        let interval = nanos(rate.period) / u64::from(rate.count.max(1));
        let interval = interval.max(1);
        Self {
            interval,
            burst: rate.burst,
            ahead: interval.saturating_mul(u64::from(rate.burst).saturating_sub(1)),
            callers: Mutex::new(BTreeMap::new()),
        }
    }

    /// Takes one call from the caller's allowance, or says how long until there is one; and what is
    /// left after it.
    pub(crate) fn take(&self, key: Key, now: Monotonic) -> (Result<(), Duration>, Quota) {
        let now = nanos(now.since_origin());
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let key = place(&mut callers, key, now);
        let whole = callers.get(&key).copied().unwrap_or(0).max(now);
        let over = (whole - now).saturating_sub(self.ahead);
        if over > 0 {
            return (Err(Duration::from_nanos(over)), self.quota(whole - now));
        }
        let whole = whole.saturating_add(self.interval);
        callers.insert(key, whole);
        (Ok(()), self.quota(whole - now))
    }

    /// What is left to a caller whose allowance is whole again after so many nanoseconds.
    fn quota(&self, until_whole: u64) -> Quota {
        let all = self.ahead.saturating_add(self.interval);
        Quota {
            limit: self.burst,
            remaining: all.saturating_sub(until_whole) / self.interval,
            reset: until_whole.div_ceil(NANOS_PER_SECOND),
        }
    }
}

/// Finds a place for a caller: its own if there is one or room can be made, the shared one
/// otherwise.
fn place(callers: &mut BTreeMap<Key, u64>, key: Key, now: u64) -> Key {
    if callers.len() < CALLERS_MAX || callers.contains_key(&key) {
        return key;
    }
    // A caller whose allowance is whole needs no memory.
    callers.retain(|_, whole| *whole > now);
    match callers.len() < CALLERS_MAX {
        true => key,
        false => Key::Others,
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimiter")
            .field("interval", &Duration::from_nanos(self.interval))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> Monotonic {
        Monotonic::from_origin(Duration::from_millis(millis))
    }

    fn ada() -> Key {
        Key::User(User::new("ada"))
    }

    fn take(limiter: &RateLimiter, key: Key, now: Monotonic) -> Result<(), Duration> {
        limiter.take(key, now).0
    }

    #[test]
    fn what_is_left_follows_the_calls_and_the_time() {
        let limiter = RateLimiter::new(Rate::per_minute(6).burst(3));
        let steps = [
            (0, 2, 10),
            (0, 1, 20),
            (500, 0, 30),
            // Refused: nothing is taken.
            (500, 0, 30),
            (9_999, 0, 21),
            (10_000, 0, 30),
            (35_000, 1, 15),
            (600_000, 2, 10),
        ];
        for (millis, remaining, reset) in steps {
            let expected = Quota {
                limit: 3,
                remaining,
                reset,
            };
            assert_eq!(
                limiter.take(ada(), at(millis)).1,
                expected,
                "at {millis} ms"
            );
        }
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let limiter = RateLimiter::new(Rate::per_second(10).burst(2));
        assert_eq!(take(&limiter, ada(), at(0)), Ok(()));
        assert_eq!(take(&limiter, ada(), at(0)), Ok(()));
        assert_eq!(
            take(&limiter, ada(), at(0)),
            Err(Duration::from_millis(100))
        );
        assert_eq!(take(&limiter, ada(), at(99)), Err(Duration::from_millis(1)));
        assert_eq!(take(&limiter, ada(), at(100)), Ok(()));
        assert_eq!(take(&limiter, Key::User(User::new("bob")), at(100)), Ok(()));
    }

    #[test]
    fn callers_beyond_the_bound_share_and_nobody_is_forgotten_early() {
        let limiter = RateLimiter::new(Rate::per_second(1));
        assert!(take(&limiter, ada(), at(0)).is_ok());
        let address = |n: usize| IpAddr::from(u32::try_from(n).unwrap().to_be_bytes());
        for n in 1..CALLERS_MAX {
            assert!(take(&limiter, Key::Client(address(n)), at(0)).is_ok());
        }
        assert!(take(&limiter, Key::Client(address(50_001)), at(0)).is_ok());
        assert!(take(&limiter, Key::Client(address(50_002)), at(0)).is_err());
        assert!(take(&limiter, ada(), at(0)).is_err());
        assert!(limiter.callers.lock().unwrap().len() <= CALLERS_MAX + 1);
        assert!(take(&limiter, Key::Client(address(50_002)), at(1000)).is_ok());
        assert!(limiter.callers.lock().unwrap().len() < 10);
    }

    proptest! {
        #[test]
        fn never_more_than_burst_plus_rate(steps in prop::collection::vec(0_u64..50, 1..400)) {
            let limiter = RateLimiter::new(Rate::per_second(20).burst(5));
            let mut now = 0;
            let mut taken = 0_u64;
            for step in steps {
                now += step;
                taken += u64::from(take(&limiter, ada(), at(now)).is_ok());
            }
            prop_assert!(taken <= 5 + now / 50 + 1);
        }
    }
}
