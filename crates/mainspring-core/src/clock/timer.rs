//! Timers that can be stopped and set again, and callbacks that can be prevented.

use std::fmt;
use std::future::poll_fn;
use std::time::Duration;

use super::Clock;
use super::source::{Alarm, Deadline, Stop};
use crate::activity::{ParkGuard, parked};

/// A timer that can be stopped and set again.
///
/// A timer is *active* until its firing has been received by [`wait`](Timer::wait). An expired
/// timer whose firing nobody has received is still active: stopping it prevents the delivery and
/// says so.
pub struct Timer {
    clock: Clock,
    alarm: Box<dyn Alarm>,
    active: bool,
}

impl Timer {
    pub(super) fn new(clock: Clock, duration: Duration) -> Self {
        let alarm = clock.alarm(Deadline::Monotonic(clock.monotonic() + duration));
        Self {
            clock,
            alarm,
            active: true,
        }
    }

    /// Waits for the timer to fire; a stopped or received one never does.
    ///
    /// Cancel safe: a firing that was not received stays.
    #[track_caller]
    pub fn wait(&mut self) -> impl Future<Output = ()> + '_ {
        let mut guard = ParkGuard::here();
        async move {
            poll_fn(|cx| parked(&mut guard, |cx| self.alarm.poll(cx), cx)).await;
            self.active = false;
            self.alarm.disarm();
        }
    }

    /// Stops the timer; true if that prevented a firing from being received.
    pub fn stop(&mut self) -> bool {
        self.alarm.disarm();
        std::mem::replace(&mut self.active, false)
    }

    /// Sets the timer to fire `duration` from now; true if it was active. A firing not yet received
    /// is forgotten.
    pub fn reset(&mut self, duration: Duration) -> bool {
        self.alarm
            .reset(Deadline::Monotonic(self.clock.monotonic() + duration));
        std::mem::replace(&mut self.active, true)
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer")
            .field("active", &self.active)
            .finish_non_exhaustive()
    }
}

/// A callback that may still be prevented; made by [`Clock::after`].
pub struct After(Box<dyn Stop>);

impl After {
    pub(super) fn new(stop: Box<dyn Stop>) -> Self {
        Self(stop)
    }

    /// Prevents the callback; true if it had not begun and never will.
    pub fn stop(&self) -> bool {
        self.0.stop()
    }
}

impl fmt::Debug for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("After")
    }
}
