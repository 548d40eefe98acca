//! A ticker that keeps its phase grid and tells a slow consumer what it missed.

use std::fmt;
use std::future::{Future, poll_fn};
use std::time::Duration;

use super::Clock;
use super::source::{Alarm, Deadline};
use crate::activity::{ParkGuard, parked};
use crate::error::{Error, ErrorKind};
use crate::time::Monotonic;

/// Ticks every period on a grid that starts when it is made; made by [`Clock::ticker`].
///
/// A consumer that is late gets one tick, for the latest instant of the grid that has passed, and
/// the number of those it missed; the grid never shifts. Dropping the ticker stops it: no tick
/// arrives afterwards.
pub struct Ticker {
    clock: Clock,
    alarm: Box<dyn Alarm>,
    period: Duration,
    next: Monotonic,
}

/// One tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ticked {
    /// The instant of the grid that this tick stands for.
    pub at: Monotonic,
    /// How many earlier instants passed without a tick.
    pub missed: u64,
}

impl Ticker {
    pub(super) fn new(clock: Clock, period: Duration) -> Result<Self, Error> {
        check(period)?;
        let next = clock.monotonic() + period;
        let alarm = clock.alarm(Deadline::Monotonic(next));
        Ok(Self {
            clock,
            alarm,
            period,
            next,
        })
    }

    /// Waits for the next tick.
    ///
    /// Cancel safe: a tick that was not received is not lost.
    #[track_caller]
    pub fn tick(&mut self) -> impl Future<Output = Ticked> + '_ {
        let mut guard = ParkGuard::here();
        async move {
            poll_fn(|cx| parked(&mut guard, |cx| self.alarm.poll(cx), cx)).await;
            let late = self.clock.monotonic().since(self.next).as_nanos();
            let missed = u64::try_from(late / self.period.as_nanos()).unwrap_or(u64::MAX);
            let steps = u32::try_from(missed).unwrap_or(u32::MAX);
            let at = self.next + self.period.saturating_mul(steps);
            self.arm(at + self.period);
            Ticked { at, missed }
        }
    }

    /// Starts a new grid from now with another period.
    ///
    /// # Errors
    /// A period of zero is refused, and the ticker stays as it is.
    pub fn reset(&mut self, period: Duration) -> Result<(), Error> {
        check(period)?;
        self.period = period;
        self.arm(self.clock.monotonic() + period);
        Ok(())
    }

    fn arm(&mut self, next: Monotonic) {
        self.next = next;
        self.alarm.reset(Deadline::Monotonic(next));
    }
}

impl fmt::Debug for Ticker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticker")
            .field("period", &self.period)
            .finish_non_exhaustive()
    }
}

fn check(period: Duration) -> Result<(), Error> {
    if period.is_zero() {
        return Err(
            Error::new(ErrorKind::Config, "a ticker cannot have a period of zero")
                .with_hint("give the time between two ticks, for example one second"),
        );
    }
    Ok(())
}
