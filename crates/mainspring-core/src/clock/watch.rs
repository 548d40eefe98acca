//! The real-time limit of a settling manual clock: a thread that notices when nothing moves any more.

use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::Duration;

/// How often the watch looks; the settle limit is counted in such looks.
const LOOK: Duration = Duration::from_millis(500);

/// Tells a settling clock when its limit has passed. Starting and ending a settle costs one lock each.
pub(super) struct Watch(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    running: bool,
    ended: bool,
    /// The looks left for the settle under way.
    left: Option<u32>,
    expired: bool,
}

impl Watch {
    pub(super) fn new() -> Self {
        let shared = Shared {
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
        };
        Self(Arc::new(shared))
    }

    /// Starts counting a settle, unless one is counted already; `expired` is called when `limit` has passed.
    pub(super) fn start(&self, limit: Duration, expired: impl Fn() + Send + 'static) {
        let looks = limit.as_millis().div_ceil(LOOK.as_millis());
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.left.is_some() {
            return;
        }
        state.left = Some(u32::try_from(looks).unwrap_or(u32::MAX));
        state.expired = false;
        if !state.running {
            state.running = true;
            let shared = Arc::downgrade(&self.0);
            spawn(move || look(&shared, &expired));
        }
    }

    /// Ends the settle under way.
    pub(super) fn stop(&self) {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.left = None;
    }

    /// Whether the settle under way has passed its limit.
    pub(super) fn is_expired(&self) -> bool {
        self.0
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .expired
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .ended = true;
        self.0.changed.notify_all();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the watch is the real-time seam of a manual clock"
)]
fn spawn(run: impl FnOnce() + Send + 'static) {
    std::thread::spawn(run);
}

fn look(shared: &Weak<Shared>, expired: &dyn Fn()) {
    while let Some(shared) = shared.upgrade() {
        let state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = shared.changed.wait_timeout(state, LOOK);
        let (mut state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        if state.ended {
            return;
        }
        if !waited.timed_out() {
            continue;
        }
        match state.left {
            Some(0) => {
                state.left = None;
                state.expired = true;
                drop(state);
                expired();
            }
            Some(left) => state.left = Some(left - 1),
            None => {}
        }
    }
}
