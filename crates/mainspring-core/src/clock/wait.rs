//! Sleeps, which park a body, and timeouts, which do not.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::Clock;
use super::source::{Alarm, Deadline};
use crate::activity::{ParkGuard, parked};
use crate::time::Monotonic;

/// Waits for an instant; made by [`Clock::sleep`](super::Clock::sleep).
#[must_use = "futures do nothing unless awaited"]
pub struct Sleep {
    alarm: Box<dyn Alarm>,
    guard: ParkGuard,
}

impl Sleep {
    #[track_caller]
    pub(super) fn new(alarm: Box<dyn Alarm>) -> Self {
        Self {
            alarm,
            guard: ParkGuard::here(),
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        parked(&mut this.guard, |cx| this.alarm.poll(cx), cx)
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sleep")
    }
}

pin_project_lite::pin_project! {
    /// A future with a limit; made by [`Clock::timeout`](super::Clock::timeout).
    #[must_use = "futures do nothing unless awaited"]
    pub struct Timeout<F> {
        #[pin]
        future: F,
        clock: Clock,
        at: Monotonic,
        // Armed when the future is first found pending: one that is ready at once costs no timer.
        alarm: Option<Box<dyn Alarm>>,
        limit: Duration,
    }
}

impl<F> Timeout<F> {
    pub(super) fn new(clock: Clock, began: Monotonic, limit: Duration, future: F) -> Self {
        Self {
            future,
            at: began + limit,
            clock,
            alarm: None,
            limit,
        }
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        let (clock, at) = (this.clock, Deadline::Monotonic(*this.at));
        let alarm = this.alarm.get_or_insert_with(|| clock.alarm(at));
        alarm.poll(cx).map(|()| Err(Elapsed { limit: *this.limit }))
    }
}

impl<F> fmt::Debug for Timeout<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// A limit passed before the work was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed {
    limit: Duration,
}

impl Elapsed {
    /// The limit that passed.
    pub fn limit(&self) -> Duration {
        self.limit
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not done within {:?}", self.limit)
    }
}

impl std::error::Error for Elapsed {}
