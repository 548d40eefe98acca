//! The machine's clock as a source of time.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use mainspring_core::clock::{Alarm, Callback, Clock, Deadline, Stop, TimeSource};
use mainspring_core::time::{Monotonic, Timestamp, wall_between};
use tokio::time::{Instant, Sleep};

/// How long a wait for a wall instant sleeps at most before it looks at the wall again, which may
/// have been stepped.
const WALL_LOOK: Duration = Duration::from_secs(30);

/// The system's clock: wall time from the operating system, waits on the tokio runtime of the
/// caller.
///
/// # Panics
/// Waits panic outside a tokio runtime with its time driver enabled.
pub fn system_clock() -> Clock {
    Clock::new(SystemSource { origin: instant() })
}

#[derive(Debug)]
struct SystemSource {
    origin: Instant,
}

impl TimeSource for SystemSource {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the seam to the wall clock"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic::from_origin(instant().saturating_duration_since(self.origin))
    }

    fn alarm(&self, deadline: Deadline) -> Box<dyn Alarm> {
        let clock = Self {
            origin: self.origin,
        };
        Box::new(SystemAlarm {
            sleep: None,
            deadline,
            on: true,
            clock,
        })
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the seam to the clock must wait in the background"
    )]
    fn after(&self, deadline: Deadline, callback: Callback) -> Box<dyn Stop> {
        let begun = Arc::new(AtomicBool::new(false));
        let mut alarm = self.alarm(deadline);
        let flag = Arc::clone(&begun);
        let task = tokio::spawn(async move {
            std::future::poll_fn(|cx| alarm.poll(cx)).await;
            if !flag.swap(true, Ordering::SeqCst) {
                callback();
            }
        });
        Box::new(SystemStop {
            begun,
            task: task.abort_handle(),
        })
    }
}

struct SystemAlarm {
    /// Made at the first poll: a guard that is never polled costs no timer.
    sleep: Option<Pin<Box<Sleep>>>,
    deadline: Deadline,
    on: bool,
    clock: SystemSource,
}

impl SystemAlarm {
    fn left(&self) -> Duration {
        match self.deadline {
            Deadline::Monotonic(at) => at.since(self.clock.monotonic()),
            Deadline::Wall(at) => wall_between(self.clock.now(), at).min(WALL_LOOK),
        }
    }
}

impl Alarm for SystemAlarm {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.on {
            return Poll::Pending;
        }
        loop {
            if self.sleep.is_none() {
                let left = self.left();
                if left.is_zero() {
                    return Poll::Ready(());
                }
                self.sleep = Some(Box::pin(sleep(left)));
            }
            if let Some(sleep) = &mut self.sleep
                && sleep.as_mut().poll(cx).is_pending()
            {
                return Poll::Pending;
            }
            self.sleep = None;
        }
    }

    fn reset(&mut self, deadline: Deadline) {
        self.deadline = deadline;
        self.on = true;
        self.sleep = None;
    }

    fn disarm(&mut self) {
        self.on = false;
        self.sleep = None;
    }
}

struct SystemStop {
    begun: Arc<AtomicBool>,
    task: tokio::task::AbortHandle,
}

impl Stop for SystemStop {
    fn stop(&self) -> bool {
        let prevented = !self.begun.swap(true, Ordering::SeqCst);
        self.task.abort();
        prevented
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the seam to the monotonic clock"
)]
fn instant() -> Instant {
    Instant::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the seam to the runtime's timers"
)]
fn sleep(duration: Duration) -> Sleep {
    tokio::time::sleep(duration)
}
