//! The manual clock: time moves only when a test says so, and only when nobody is busy.

mod queue;
mod source;

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::Notify;

use super::Clock;
use super::watch::{Watch, Watched};
use crate::activity::{Activity, TaskKind, current_kind};
use crate::spawn::BoxFuture;
use crate::time::{Monotonic, Timestamp};
use queue::{Fired, Queue};

/// How long `advance` waits in real time for the system to settle before it panics: long enough for
/// a slow machine's blocking call, short enough to see what hangs.
pub const SETTLE_LIMIT: Duration = Duration::from_secs(10);

/// How often one instant may fire again because what it fired armed something for the same instant:
/// far more than any honest chain needs, few enough to notice at once that time stands still.
pub const ROUNDS_MAX: u32 = 100_000;

/// A clock that a test moves.
///
/// [`advance`](ManualClock::advance) fires one instant, waits until nobody is busy (the idle rule,
/// see [`activity`](crate::activity)), fires the next. Inside a firing `now` is the deadline that
/// fired; work that re-arms inside the interval fires again inside the same advance. It works on
/// any runtime and never sleeps.
///
/// ```
/// use mainspring_core::clock::ManualClock;
/// use std::time::Duration;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let manual = ManualClock::new("2026-03-28T00:00:00Z".parse().unwrap());
/// let clock = manual.clock();
/// let sleep = clock.sleep(Duration::from_secs(3600));
/// manual.advance(Duration::from_secs(3600)).await;
/// sleep.await;
/// assert_eq!(clock.now().to_string(), "2026-03-28T01:00:00Z");
/// # });
/// ```
#[derive(Clone)]
pub struct ManualClock(Arc<Shared>);

pub(super) struct Shared {
    activity: Activity,
    queue: Mutex<Queue>,
    armed: Notify,
    advancing: tokio::sync::Mutex<()>,
    watch: Watch,
}

impl ManualClock {
    /// A clock whose wall shows `start`.
    pub fn new(start: Timestamp) -> Self {
        Self(Arc::new(Shared {
            activity: Activity::new(),
            queue: Mutex::new(Queue::new(start)),
            armed: Notify::new(),
            advancing: tokio::sync::Mutex::new(()),
            watch: Watch::new(SETTLE_LIMIT),
        }))
    }

    /// The same clock with another limit than [`SETTLE_LIMIT`] for settling: shorter to test that
    /// something hangs, longer where blocking calls are slower than that.
    ///
    /// ```
    /// # use mainspring_core::clock::ManualClock;
    /// # use std::time::Duration;
    /// # let start = "2026-03-28T00:00:00Z".parse().unwrap();
    /// let manual = ManualClock::new(start).with_settle_limit(Duration::from_secs(60));
    /// ```
    #[must_use = "the limit holds for the returned clock"]
    pub fn with_settle_limit(self, limit: Duration) -> Self {
        self.0.watch.set_limit(limit);
        self
    }

    /// The handle to inject.
    pub fn clock(&self) -> Clock {
        Clock::new(Arc::clone(&self.0))
    }

    /// The account of who is busy.
    pub fn activity(&self) -> &Activity {
        &self.0.activity
    }

    /// The wall time.
    pub fn now(&self) -> Timestamp {
        self.0.queue().now()
    }

    /// The monotonic time; a new clock shows zero.
    pub fn monotonic(&self) -> Monotonic {
        self.0.queue().monotonic()
    }

    /// Moves time on by `duration`, firing everything due on the way in deadline order.
    ///
    /// Waits for the system to settle before the first, between any two, and after the last firing.
    /// Several concurrent advances run one after another. Cancel safe: time stays where it got to.
    ///
    /// # Panics
    /// When called inside a body or a loop (it would wait for itself); when the system does not
    /// settle within [`SETTLE_LIMIT`] of real time, naming the busy tasks; when [`ROUNDS_MAX`]
    /// firings in a row do not move time; with the panic of a callback, after everything else has
    /// fired.
    pub async fn advance(&self, duration: Duration) {
        refuse_inside_a_task("advance");
        let _turn = self.0.advancing.lock().await;
        let target = self.monotonic() + duration;
        self.advance_inner(target).await;
    }

    /// Moves time on until the wall shows `at`; does nothing but settle if it already does.
    ///
    /// # Panics
    /// As [`advance`](ManualClock::advance).
    pub async fn advance_to(&self, at: Timestamp) {
        refuse_inside_a_task("advance_to");
        let _turn = self.0.advancing.lock().await;
        let target = self.0.queue().monotonic_at(at);
        self.advance_inner(target).await;
    }

    /// Steps the wall clock, as NTP or an operator does: monotonic timers stay, waits for wall
    /// instants that are now due fire.
    ///
    /// Returns at once; [`settle`](ManualClock::settle) waits for what it set off.
    ///
    /// # Panics
    /// With the panic of a callback, after everything else has fired.
    pub fn set_wall(&self, at: Timestamp) {
        let fired = self.0.queue().set_wall(at);
        let mut panic = None;
        fire(fired, &mut panic);
        rethrow(panic);
    }

    /// Waits until nobody is busy, without moving time; what is due already fires.
    ///
    /// # Panics
    /// As [`advance`](ManualClock::advance).
    pub async fn settle(&self) {
        self.advance(Duration::ZERO).await;
    }

    /// Drives a future that needs time: whenever nobody is busy and it is not done, fires the next
    /// instant.
    ///
    /// # Panics
    /// As [`advance`](ManualClock::advance), and when nothing is left that could make the future
    /// ready.
    pub async fn run_until<F: Future>(&self, future: F) -> F::Output {
        refuse_inside_a_task("run_until");
        let _turn = self.0.advancing.lock().await;
        let mut future = pin!(self.0.activity.track(TaskKind::Body, "run_until", future));
        let (mut firing, mut watched) = (Firing::default(), None);
        let mut looking = Looks::default();
        let output = poll_fn(|cx| {
            loop {
                if let Poll::Ready(output) = future.as_mut().poll(cx) {
                    return Poll::Ready(output);
                }
                if self.poll_settled(&mut watched, cx).is_pending() {
                    return Poll::Pending;
                }
                match looking.poll(&self.0.activity, cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(true) => continue,
                    Poll::Ready(false) => {}
                }
                assert!(
                    self.fire_next(Monotonic::NEVER, &mut firing),
                    "run_until: nobody is busy and no timer is armed, so it would wait for ever"
                );
            }
        })
        .await;
        rethrow(firing.panic);
        output
    }

    /// The next instant at which something fires, if anything is armed.
    pub fn next_deadline(&self) -> Option<Monotonic> {
        self.0.queue().next_deadline()
    }

    /// How many timers are armed.
    pub fn pending(&self) -> usize {
        self.0.queue().pending()
    }

    /// How many timers have ever been armed or set again: the baseline for
    /// [`wait_for_timers`](Self::wait_for_timers).
    pub fn armed(&self) -> u64 {
        self.0.queue().armed()
    }

    /// Waits until the code under test has armed `count` timers more than `baseline`.
    ///
    /// # Panics
    /// When fewer have been armed after [`SETTLE_LIMIT`] of real time.
    pub async fn wait_for_timers(&self, baseline: u64, count: u64) {
        let watched = self.0.watch.start();
        loop {
            // Made before the look, because it hears of everything from then on.
            let mut armed = pin!(self.0.armed.notified());
            let seen = self.armed().saturating_sub(baseline);
            if seen >= count {
                return;
            }
            poll_fn(|cx| {
                let polled = armed.as_mut().poll(cx);
                assert!(
                    polled.is_ready() || watched.poll_expired(cx).is_pending(),
                    "wait_for_timers: {seen} of {count} timers were armed within {:?} of real time",
                    self.0.watch.limit()
                );
                polled
            })
            .await;
        }
    }

    async fn advance_inner(&self, target: Monotonic) {
        let mut firing = Firing::default();
        loop {
            self.idle().await;
            if !self.fire_next(target, &mut firing) {
                break;
            }
        }
        let last = self.0.queue().move_to(target);
        fire(last, &mut firing.panic);
        self.idle().await;
        rethrow(firing.panic);
    }

    /// Fires the next instant, if there is one until `limit`.
    fn fire_next(&self, limit: Monotonic, firing: &mut Firing) -> bool {
        let fired = self.0.queue().fire_next(limit);
        let Some((at, fired)) = fired else {
            return false;
        };
        firing.count(at);
        fire(fired, &mut firing.panic);
        true
    }

    /// Waits until nobody is busy and nothing new is seen outside.
    async fn idle(&self) {
        let (mut watched, mut looks) = (None, Looks::default());
        poll_fn(|cx| {
            loop {
                if self.poll_settled(&mut watched, cx).is_pending() {
                    return Poll::Pending;
                }
                match looks.poll(&self.0.activity, cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(true) => {}
                    Poll::Ready(false) => return Poll::Ready(()),
                }
            }
        })
        .await;
    }

    fn poll_settled(&self, watched: &mut Option<Watched>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.activity.poll_idle(cx).is_ready() {
            *watched = None;
            return Poll::Ready(());
        }
        let watched = watched.get_or_insert_with(|| self.0.watch.start());
        if watched.poll_expired(cx).is_ready() {
            let busy = self.0.activity.busy_tasks();
            panic!("{}", unsettled(&busy, self.0.watch.limit()));
        }
        Poll::Pending
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The looks under way, which are taken when everybody is idle.
#[derive(Default)]
struct Looks(Option<BoxFuture<'static, bool>>);

impl Looks {
    /// Ready with whether anything new was seen, or somebody has become busy meanwhile.
    fn poll(&mut self, activity: &Activity, cx: &mut Context<'_>) -> Poll<bool> {
        if self.0.is_none() {
            self.0 = activity.look();
        }
        let Some(look) = &mut self.0 else {
            return Poll::Ready(false);
        };
        let polled = look.as_mut().poll(cx);
        if polled.is_ready() {
            self.0 = None;
        }
        polled.map(|new| new || !activity.is_idle())
    }
}

/// One advance under way: the first panic of a callback, and how often it fired without moving
/// time.
#[derive(Default)]
struct Firing {
    panic: Option<Box<dyn std::any::Any + Send>>,
    at: Monotonic,
    rounds: u32,
}

impl Firing {
    fn count(&mut self, at: Monotonic) {
        self.rounds = if at == self.at { self.rounds + 1 } else { 0 };
        self.at = at;
        assert!(
            self.rounds < ROUNDS_MAX,
            "{ROUNDS_MAX} firings in a row did not move time; something arms a callback of zero \
             again and again"
        );
    }
}

/// Wakes and calls everything that fired at one instant; the first panic of a callback is kept, the
/// rest still runs.
fn fire(fired: Vec<Fired>, panic: &mut Option<Box<dyn std::any::Any + Send>>) {
    for fired in fired {
        match fired {
            Fired::Wake(waker) => waker.wake(),
            Fired::Call(callback) => {
                if let Err(payload) = catch_unwind(AssertUnwindSafe(callback)) {
                    panic.get_or_insert(payload);
                }
            }
        }
    }
}

fn rethrow(panic: Option<Box<dyn std::any::Any + Send>>) {
    if let Some(payload) = panic {
        resume_unwind(payload);
    }
}

fn refuse_inside_a_task(call: &str) {
    let (kind, name) = match current_kind() {
        Some((TaskKind::Body, name)) => ("body", name),
        Some((TaskKind::Loop, name)) => ("loop", name),
        None => return,
    };
    panic!(
        "ManualClock::{call} was called inside the {kind} `{name}`, which it would wait for; \
         call it from the test, or await `clock.sleep(…)` here"
    );
}

fn unsettled(busy: &[String], limit: Duration) -> String {
    let mut text = format!("the system did not settle within {limit:?} of real time; busy:");
    if busy.is_empty() {
        text.push_str("\n  a request to a store or thread that has not been answered");
    }
    for task in busy {
        text.push_str("\n  ");
        text.push_str(task);
    }
    text.push_str(
        "\nhint: a loop's own wait should not be inside `ctx.io`; a body's wait for something \
         that depends on the clock belongs in `ctx.park`",
    );
    text
}
