//! What one action may use.

use std::time::Duration;

/// How many bytes a body may have by default: large for JSON, small beside the memory of a service.
pub const BODY_MAX: usize = 1024 * 1024;

/// How long an action may take by default: longer than people wait, shorter than proxies do.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// How long an action may take by default before it is logged as slow: a person has noticed, and
/// most of [`TIMEOUT`] is still left to find out why.
pub const SLOW: Duration = Duration::from_secs(5);

/// What one action may use; every limit is enforced.
///
/// A limit of zero that would refuse every call, or call every one slow, is a configuration error
/// at the boot; a body of zero bytes is not, as an action may have no input.
///
/// ```
/// use mainspring_web::action::{Limits, Rate};
/// use std::time::Duration;
///
/// let limits = Limits::default()
///     .body(64 * 1024)
///     .timeout(Duration::from_secs(5))
///     .concurrency(20)
///     .rate(Rate::per_minute(100));
/// # let _ = limits;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub(crate) body: usize,
    pub(crate) timeout: Duration,
    pub(crate) slow: Duration,
    pub(crate) concurrency: Option<usize>,
    pub(crate) rate: Option<Rate>,
}

impl Limits {
    /// How many bytes the body may have: 413 above it. [`BODY_MAX`] unless set.
    #[must_use]
    pub fn body(mut self, bytes: usize) -> Self {
        self.body = bytes;
        self
    }

    /// How long a call may take: 504 after it, and the call's future is dropped. [`TIMEOUT`] unless
    /// set.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// How long a call may take before the warning `action.slow` is logged once it is over.
    /// [`SLOW`] unless set.
    ///
    /// The call is not disturbed. One that its timeout cuts off is logged as `action.timed_out`
    /// alone.
    #[must_use]
    pub fn slow(mut self, threshold: Duration) -> Self {
        self.slow = threshold;
        self
    }

    /// How many calls may run at once. Unlimited unless set.
    ///
    /// One more is answered 503 with `retry-after`: it is the service that is busy, not this client
    /// that asks too often, which would be a 429.
    #[must_use]
    pub fn concurrency(mut self, calls: usize) -> Self {
        self.concurrency = Some(calls);
        self
    }

    /// How often one user, or one client address without a user, may call: 429 with `retry-after`
    /// above it. Unlimited unless set. The calls of a trigger are counted by address.
    ///
    /// Each answer to a call that was counted or refused says what is left: `ratelimit-limit` is
    /// how many calls may come at once, `ratelimit-remaining` how many of them are left, and
    /// `ratelimit-reset` in how many seconds all of them are back if none is used.
    #[must_use]
    pub fn rate(mut self, rate: Rate) -> Self {
        self.rate = Some(rate);
        self
    }
}

impl Limits {
    /// The limits of zero that would refuse every call, or call every one slow.
    pub(crate) fn zeros(&self) -> Vec<&'static str> {
        let rate = |zero: fn(&Rate) -> bool| self.rate.as_ref().is_some_and(zero);
        let all = [
            ("timeout", self.timeout.is_zero()),
            ("slow threshold", self.slow.is_zero()),
            ("concurrency", self.concurrency == Some(0)),
            ("rate count", rate(|rate| rate.count == 0)),
            ("rate burst", rate(|rate| rate.burst == 0)),
            ("rate period", rate(|rate| rate.period.is_zero())),
        ];
        let zeros = all.into_iter().filter(|(_, zero)| *zero);
        zeros.map(|(name, _)| name).collect()
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: BODY_MAX,
            timeout: TIMEOUT,
            slow: SLOW,
            concurrency: None,
            rate: None,
        }
    }
}

/// How often something may happen: so many in a period, evenly refilled.
///
/// A count, a burst or a period of zero is a configuration error at the boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub(crate) count: u32,
    pub(crate) period: Duration,
    pub(crate) burst: u32,
}

impl Rate {
    /// `count` in any `period`, all of them at once if need be.
    pub fn new(count: u32, period: Duration) -> Self {
        Self {
            count,
            period,
            burst: count,
        }
    }

    /// `count` in any second.
    pub fn per_second(count: u32) -> Self {
        Self::new(count, Duration::from_secs(1))
    }

    /// `count` in any minute.
    pub fn per_minute(count: u32) -> Self {
        Self::new(count, Duration::from_secs(60))
    }

    /// How many may come at once after a rest; as many as the count unless set.
    #[must_use]
    pub fn burst(mut self, burst: u32) -> Self {
        self.burst = burst;
        self
    }
}
