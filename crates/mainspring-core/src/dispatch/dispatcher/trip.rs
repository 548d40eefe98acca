//! One kind of call to the store: at most one at a time, with a growing rest after failures.

use std::time::Duration;

use super::RETRY_REST_MAX;
use crate::time::Monotonic;

/// The rest after the first failure; it doubles with each further one.
const REST_MIN: Duration = Duration::from_millis(50);

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trip {
    under_way: bool,
    failures: u32,
    retry_at: Option<Monotonic>,
}

impl Trip {
    pub(super) fn is_under_way(&self) -> bool {
        self.under_way
    }

    /// Whether a call may be made now.
    pub(super) fn is_open(&self, now: Monotonic) -> bool {
        !self.under_way && self.retry_at.is_none_or(|at| at <= now)
    }

    /// Begins a call, if one may be made now.
    pub(super) fn start(&mut self, now: Monotonic) -> bool {
        let open = self.is_open(now);
        self.under_way |= open;
        open
    }

    pub(super) fn done(&mut self) {
        *self = Self::default();
    }

    pub(super) fn failed(&mut self, now: Monotonic) {
        let rest = REST_MIN.saturating_mul(2_u32.saturating_pow(self.failures));
        self.under_way = false;
        self.failures = self.failures.saturating_add(1);
        self.retry_at = Some(now + rest.min(RETRY_REST_MAX));
    }

    /// When the call that failed is to be made again.
    pub(super) fn retry_at(&self) -> Option<Monotonic> {
        self.retry_at.filter(|_| !self.under_way)
    }
}
