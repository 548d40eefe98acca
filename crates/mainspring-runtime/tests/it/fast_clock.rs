//! A clock on which a second of real time is a hundred, for code that blocks real threads.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use mainspring_core::clock::{Alarm, Callback, Clock, Deadline, Sleep, Stop, TimeSource};
use mainspring_core::time::{Monotonic, Timestamp};
use mainspring_runtime::system_clock::system_clock;

const TIMES: u32 = 100;

pub(crate) fn fast_clock() -> Clock {
    Clock::new(Fast(system_clock()))
}

#[derive(Debug)]
struct Fast(Clock);

impl TimeSource for Fast {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic::from_origin(self.0.monotonic().since_origin() * TIMES)
    }

    fn alarm(&self, deadline: Deadline) -> Box<dyn Alarm> {
        let Deadline::Monotonic(at) = deadline else {
            unreachable!("nothing here waits for the wall");
        };
        let at = Monotonic::from_origin(at.since_origin() / TIMES);
        Box::new(FastAlarm(Box::pin(self.0.sleep_until(at))))
    }

    fn after(&self, _deadline: Deadline, _callback: Callback) -> Box<dyn Stop> {
        unreachable!("nothing here needs a callback")
    }
}

struct FastAlarm(Pin<Box<Sleep>>);

impl Alarm for FastAlarm {
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
