//! One handle to time: the system's in production, a manual clock in tests.

mod manual;
mod source;
mod ticker;
mod timer;
mod wait;
mod watch;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

pub use manual::{ManualClock, ROUNDS_MAX, SETTLE_LIMIT};
pub use source::{Alarm, Callback, Deadline, Stop, TimeSource};
pub use ticker::{Ticked, Ticker};
pub use timer::{After, Timer};
pub use wait::{Elapsed, Sleep, Timeout};

use crate::activity::Activity;
use crate::error::Error;
use crate::time::{Monotonic, Timestamp, wall_after};

/// A handle to time, cheap to clone, injected everywhere.
///
/// Production code takes it from its [`Context`](crate::context::Context); tests hand out a
/// [`ManualClock`]'s. Wall time ([`now`](Clock::now)) may step; monotonic time
/// ([`monotonic`](Clock::monotonic)) never does, and every wait counts on it except
/// [`sleep_until_wall`](Clock::sleep_until_wall).
#[derive(Clone)]
pub struct Clock(Arc<dyn TimeSource>);

impl Clock {
    /// A clock over any source of time.
    pub fn new(source: impl TimeSource) -> Self {
        Self(Arc::new(source))
    }

    /// The wall time; it may step when the machine's clock is corrected.
    pub fn now(&self) -> Timestamp {
        self.0.now()
    }

    /// The monotonic time; it only grows.
    pub fn monotonic(&self) -> Monotonic {
        self.0.monotonic()
    }

    /// Waits for a duration. Zero is ready at once.
    ///
    /// Cancel safe: dropping it forgets the timer. A body that awaits it is parked.
    #[track_caller]
    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.monotonic() + duration)
    }

    /// Waits until a monotonic instant; one that has passed is ready at once.
    #[track_caller]
    pub fn sleep_until(&self, at: Monotonic) -> Sleep {
        Sleep::new(self.0.alarm(Deadline::Monotonic(at)))
    }

    /// Waits until the wall clock shows at least `at`, also when it is stepped meanwhile.
    #[track_caller]
    pub fn sleep_until_wall(&self, at: Timestamp) -> Sleep {
        Sleep::new(self.0.alarm(Deadline::Wall(at)))
    }

    /// Waits for whichever kind of deadline.
    #[track_caller]
    pub fn sleep_to(&self, deadline: Deadline) -> Sleep {
        Sleep::new(self.0.alarm(deadline))
    }

    /// A timer that can be stopped and set again; use [`sleep`](Clock::sleep) where that is not
    /// needed.
    pub fn timer(&self, duration: Duration) -> Timer {
        Timer::new(self.clone(), duration)
    }

    /// A ticker that fires every `period` on a grid from now; use `App::periodic` for work that
    /// should be supervised.
    ///
    /// # Errors
    /// A period of zero is refused.
    pub fn ticker(&self, period: Duration) -> Result<Ticker, Error> {
        Ticker::new(self.clone(), period)
    }

    /// Runs `future` for at most `limit`.
    ///
    /// It is a guard: a body inside it stays busy unless it is parked by itself, so on virtual time
    /// a slow socket does not run into the limit. The future is dropped when the limit passes.
    ///
    /// # Errors
    /// [`Elapsed`] when the limit passed first. A future that is ready wins.
    pub fn timeout<F: Future>(&self, limit: Duration, future: F) -> Timeout<F> {
        self.timeout_from(self.monotonic(), limit, future)
    }

    /// Like [`timeout`](Clock::timeout), for a limit that has counted since `began`.
    pub fn timeout_from<F: Future>(
        &self,
        began: Monotonic,
        limit: Duration,
        future: F,
    ) -> Timeout<F> {
        Timeout::new(self.clone(), began, limit, future)
    }

    /// Calls `callback` once after `duration`, unless it is stopped first.
    ///
    /// The callback must be short: on a manual clock it runs inside the firing. One that is due
    /// already is never called before this returns: a manual clock calls it when it settles next.
    /// Dropping the handle does not stop it.
    pub fn after(&self, duration: Duration, callback: impl FnOnce() + Send + 'static) -> After {
        let at = Deadline::Monotonic(self.monotonic() + duration);
        After::new(self.0.after(at, Box::new(callback)))
    }

    /// The account of what is busy, if this clock is a manual one.
    pub fn activity(&self) -> Option<&Activity> {
        self.0.activity()
    }

    /// The wall time that `at` corresponds to as of now.
    pub fn wall_at(&self, at: Monotonic) -> Timestamp {
        let (now, mono) = (self.now(), self.monotonic());
        match at >= mono {
            true => wall_after(now, at.since(mono)),
            false => now.checked_sub(mono.since(at)).unwrap_or(Timestamp::MIN),
        }
    }

    pub(crate) fn alarm(&self, deadline: Deadline) -> Box<dyn Alarm> {
        self.0.alarm(deadline)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.0).finish()
    }
}
