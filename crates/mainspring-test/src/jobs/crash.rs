//! The death of a process at a point of a job's life.

use std::fmt;
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use mainspring_core::error::BoxError;
use mainspring_core::job::Outcome;
use mainspring_runtime::jobs::{JobContext, Middleware, Next};

/// Where in a job's life its process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Point {
    /// The store has given out the job, and its answer never comes.
    BeforeClaimReply,
    /// The process knows that it has the job, and its body has not begun.
    AfterClaim,
    /// The body has come to its first wait, or to its end if it never waits.
    BodyStarted,
    /// The body has ended, and the store has not heard of it.
    BodyEnded,
    /// The store has written how the attempt ended, and its answer never comes.
    AfterFinish,
}

impl Point {
    /// All of them, in the order of a job's life.
    pub const ALL: [Self; 5] = [
        Self::BeforeClaimReply,
        Self::AfterClaim,
        Self::BodyStarted,
        Self::BodyEnded,
        Self::AfterFinish,
    ];
}

/// The death of one process: where, and what it does to it.
#[derive(Default)]
pub(crate) struct Crash(Mutex<State>);

#[derive(Default)]
struct State {
    armed: Option<Point>,
    fired: bool,
    /// What dies: the tasks of the app, the handle on the store.
    dies: Vec<Box<dyn FnOnce() + Send>>,
}

impl Crash {
    pub(crate) fn arm(&self, point: Point) {
        self.state().armed = Some(point);
    }

    pub(crate) fn has_fired(&self) -> bool {
        self.state().fired
    }

    /// Something that ends with the process.
    pub(crate) fn on_death(&self, dies: impl FnOnce() + Send + 'static) {
        self.state().dies.push(Box::new(dies));
    }

    /// The process has got to this point: true if it dies here, or is dead already.
    pub(crate) fn at(&self, point: Point) -> bool {
        let mut state = self.state();
        if state.fired {
            return true;
        }
        if state.armed != Some(point) {
            return false;
        }
        state.fired = true;
        let dies = std::mem::take(&mut state.dies);
        drop(state);
        for dies in dies {
            dies();
        }
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Crash")
            .field("armed", &state.armed)
            .field("fired", &state.fired)
            .finish_non_exhaustive()
    }
}

/// The points around a worker's body.
pub(crate) struct CrashAt(pub(crate) Arc<Crash>);

impl Middleware for CrashAt {
    async fn work(&self, ctx: JobContext, next: Next) -> Result<Outcome, BoxError> {
        if self.0.has_fired() {
            // The process is dead, and its bodies do nothing any more.
            return pending().await;
        }
        let mut body = pin!(next.run(ctx));
        let mut first = true;
        let ended = poll_fn(|cx| {
            let polled = body.as_mut().poll(cx);
            if std::mem::take(&mut first) && self.0.at(Point::BodyStarted) {
                return Poll::Pending;
            }
            polled
        });
        let ended = ended.await;
        if self.0.at(Point::BodyEnded) {
            return pending().await;
        }
        ended
    }
}
