//! A clock that stands still for its app while time goes on, as a suspended machine's does: what
//! was armed fires as late as the stall was long.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use mainspring_core::activity::Activity;
use mainspring_core::clock::{Alarm, Callback, Clock, Deadline, Sleep, Stop, TimeSource};
use mainspring_core::time::{Monotonic, Timestamp};

#[derive(Clone, Debug)]
pub(crate) struct StallClock {
    inner: Clock,
    stalled: Arc<Mutex<Duration>>,
}

impl StallClock {
    pub(crate) fn over(inner: Clock) -> Self {
        let stalled = Arc::default();
        Self { inner, stalled }
    }

    pub(crate) fn clock(&self) -> Clock {
        Clock::new(self.clone())
    }

    /// Time goes on unnoticed.
    pub(crate) fn stall(&self, duration: Duration) {
        *self.stalled.lock().unwrap() += duration;
    }

    fn stalled(&self) -> Duration {
        *self.stalled.lock().unwrap()
    }
}

impl TimeSource for StallClock {
    fn now(&self) -> Timestamp {
        self.inner.now().checked_add(self.stalled()).unwrap()
    }

    fn monotonic(&self) -> Monotonic {
        self.inner.monotonic() + self.stalled()
    }

    fn alarm(&self, deadline: Deadline) -> Box<dyn Alarm> {
        let stalled = self.stalled();
        let sleep = match deadline {
            Deadline::Monotonic(at) => self.inner.sleep_until(at - stalled),
            Deadline::Wall(at) => self
                .inner
                .sleep_until_wall(at.checked_sub(stalled).unwrap()),
        };
        Box::new(StallAlarm(Box::pin(sleep)))
    }

    fn after(&self, _deadline: Deadline, _callback: Callback) -> Box<dyn Stop> {
        unreachable!("nothing here needs a callback")
    }

    fn activity(&self) -> Option<&Activity> {
        self.inner.activity()
    }
}

struct StallAlarm(Pin<Box<Sleep>>);

impl Alarm for StallAlarm {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }

    fn reset(&mut self, _deadline: Deadline) {
        unreachable!("nothing here sets an alarm again")
    }

    fn disarm(&mut self) {
        unreachable!("nothing here disarms")
    }
}
