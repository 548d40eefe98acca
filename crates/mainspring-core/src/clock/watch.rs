//! The real-time limit of a settling manual clock: a thread that notices when nothing moves any
//! more.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// How many looks make a limit: few enough to cost nothing, enough to be at most a twentieth late.
const LOOKS: u32 = 20;

/// How many looks in a row the thread stays for without anything to watch, so that a clock in use
/// keeps one thread and a forgotten clock keeps none.
const LOOKS_IDLE_MAX: u32 = LOOKS;

/// Tells settling clocks when their limit has passed. Starting and ending a settle costs one lock
/// each.
pub(super) struct Watch(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    limit: Duration,
    running: bool,
    ended: bool,
    next: u64,
    settles: BTreeMap<u64, Settle>,
}

struct Settle {
    /// The looks left; none are when the limit has passed.
    left: u32,
    waker: Option<Waker>,
}

impl Watch {
    pub(super) fn new(limit: Duration) -> Self {
        let state = State {
            limit,
            running: false,
            ended: false,
            next: 0,
            settles: BTreeMap::new(),
        };
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }))
    }

    pub(super) fn limit(&self) -> Duration {
        self.0.state().limit
    }

    pub(super) fn set_limit(&self, limit: Duration) {
        self.0.state().limit = limit;
    }

    /// Starts counting a settle, until the returned guard is dropped.
    pub(super) fn start(&self) -> Watched {
        let mut state = self.0.state();
        let id = state.next;
        state.next += 1;
        // One look more than the limit, because the one under way has begun already.
        let settle = Settle {
            left: LOOKS + 1,
            waker: None,
        };
        state.settles.insert(id, settle);
        if !state.running {
            state.running = true;
            let shared = Arc::downgrade(&self.0);
            spawn(move || look(&shared));
        }
        drop(state);
        Watched {
            shared: Arc::clone(&self.0),
            id,
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.state().ended = true;
        self.0.changed.notify_all();
    }
}

/// One settle being counted.
pub(super) struct Watched {
    shared: Arc<Shared>,
    id: u64,
}

impl Watched {
    /// Ready once the settle has passed its limit.
    pub(super) fn poll_expired(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.shared.state();
        let Some(settle) = state.settles.get_mut(&self.id) else {
            return Poll::Pending;
        };
        if settle.left == 0 {
            return Poll::Ready(());
        }
        let known = settle.waker.replace(cx.waker().clone());
        drop(state);
        drop(known);
        Poll::Pending
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let settle = self.shared.state().settles.remove(&self.id);
        drop(settle);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts one look and returns whom to wake.
    fn count(&mut self) -> Vec<Waker> {
        let mut expired = Vec::new();
        for settle in self.settles.values_mut() {
            settle.left = settle.left.saturating_sub(1);
            if settle.left == 0 {
                expired.extend(settle.waker.take());
            }
        }
        expired
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the watch is the real-time seam of a manual clock"
)]
fn spawn(run: impl FnOnce() + Send + 'static) {
    std::thread::spawn(run);
}

fn look(shared: &Weak<Shared>) {
    let mut idle = 0;
    while let Some(shared) = shared.upgrade() {
        let state = shared.state();
        if state.ended {
            return;
        }
        let look = state.limit / LOOKS;
        let waited = shared.changed.wait_timeout(state, look);
        let (mut state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        if !waited.timed_out() {
            continue;
        }
        idle = if state.settles.is_empty() {
            idle + 1
        } else {
            0
        };
        if idle > LOOKS_IDLE_MAX {
            state.running = false;
            return;
        }
        let expired = state.count();
        drop(state);
        expired.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ended_settle_is_forgotten_and_an_idle_watch_keeps_no_thread() {
        let watch = Watch::new(Duration::from_millis(20));
        let settle = watch.start();
        drop(watch.start());
        assert_eq!(watch.0.state().settles.len(), 1);
        drop(settle);
        assert!(watch.0.state().settles.is_empty());
        while watch.0.state().running {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_settle_expires_for_itself_alone() {
        let watch = Watch::new(Duration::from_millis(20));
        let cx = Context::from_waker(Waker::noop());
        let first = watch.start();
        while first.poll_expired(&cx).is_pending() {
            std::thread::yield_now();
        }
        watch.set_limit(Duration::from_secs(3600));
        let second = watch.start();
        assert!(first.poll_expired(&cx).is_ready());
        assert!(second.poll_expired(&cx).is_pending());
    }
}
